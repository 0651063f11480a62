#pragma once

// What was watched, as a film and as a sheet of pictures.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "basin/io/atomic_file.hpp"
#include "basin/io/gif.hpp"
#include "basin/io/png.hpp"
#include "chart.hpp"
#include "sheet.hpp"

namespace basin::examples {

class Recording {
 public:
  static constexpr std::size_t most = 2000;  ///< frames

  /// Of NAME.gif and NAME.png; `name` may end in .gif or .png. In a folder that is there, live.gif and live.png. A
  /// legend says below the pictures what their colours mean. Throws basin::FileError if they cannot be written.
  Recording(std::string name, std::vector<KeyEntry> legend)
      : name_(base_of(std::move(name))),
        legend_(std::move(legend)),
        gif_((check_writable(name_ + ".gif"), name_ + ".gif")) {
    check_writable(name_ + ".png");
  }

  /// An RGB image, all of one size, so many seconds after the one before. A pause is shortened to a second. Of more
  /// than `most` none is taken.
  void add(const Image& picture, Index step, double seconds) {
    if (full()) return;
    if (seen_ > 0) put(std::clamp(static_cast<int>(std::lround(100 * seconds)), 2, 100));
    last_ = {picture, step};
    // From 8 to 16 pictures at equal distances.
    if (seen_ % stride_ == 0) sheet_.push_back(last_);
    if (sheet_.size() > 16) {
      for (std::size_t i = 1; 2 * i < sheet_.size(); ++i) sheet_[i] = std::move(sheet_[2 * i]);
      sheet_.resize(9);
      stride_ *= 2;
    }
    ++seen_;
  }

  [[nodiscard]] std::size_t frames() const { return seen_; }
  [[nodiscard]] bool full() const { return seen_ >= most; }

  /// Writes both, and returns what they are called; nothing, and an empty string, if nothing was seen, as where a
  /// signal comes first.
  std::string finish() {
    if (seen_ == 0) return {};
    put(100);
    gif_.finish();
    if (sheet_.back().step != last_.step) sheet_.push_back(last_);
    std::vector<Image> pictures;
    std::vector<std::string> captions;
    for (const Moment& moment : sheet_) {
      pictures.push_back(moment.picture);
      captions.push_back(caption(moment));
    }
    // About 160 units wide.
    const double side = static_cast<double>(std::max(last_.picture.width, last_.picture.height));
    const double scale = side < 160 ? std::floor(160 / side) : 160 / side;
    write_png(name_ + ".png", sheet(pictures, {.scale = scale, .captions = captions, .key = legend_, .framed = true}));
    return name_ + ".gif and " + name_ + ".png";
  }

 private:
  struct Moment {
    Image picture{};
    Index step = 0;
  };

  [[nodiscard]] static std::string base_of(std::string name) {
    if (std::filesystem::is_directory(name)) return name + (name.ends_with('/') ? "live" : "/live");
    if (name.ends_with(".gif") || name.ends_with(".png")) name.resize(name.size() - 4);
    return name;
  }
  [[nodiscard]] static std::string caption(const Moment& moment) { return "step " + std::to_string(moment.step); }

  /// The last picture, about 400 pixels wide, for so many hundredths of a second.
  void put(int delay) {
    const Image& from = last_.picture;
    const Index scale = std::max<Index>(1, 400 / std::max(from.width, from.height));
    Image large = blank(scale * from.width, scale * from.height);
    for (Index y = 0; y < from.height; ++y) {
      for (Index x = 0; x < from.width; ++x) {
        const std::uint8_t* p = from.at(x, y);
        fill(large, scale * x, scale * y, scale, scale, {p[0], p[1], p[2]});
      }
    }
    large = captioned(large, caption(last_));
    if (!legend_.empty()) {
      const double room = static_cast<double>(large.width) - 2 * page_margin;
      large = below(large, image_of(key(legend_, room)));
    }
    gif_.add(large, delay);
  }

  std::string name_;
  std::vector<KeyEntry> legend_;
  GifWriter gif_;
  Moment last_;
  std::vector<Moment> sheet_;
  std::size_t seen_ = 0, stride_ = 1;
};

}  // namespace basin::examples
