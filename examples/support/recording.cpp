#include "recording.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

namespace basin::examples {

Recording::Recording(std::string name, std::vector<KeyEntry> legend)
    : name_(base_of(std::move(name))),
      legend_(std::move(legend)),
      gif_((check_writable(name_ + ".gif"), name_ + ".gif")) {
  check_writable(name_ + ".png");
}

void Recording::add(const Image& picture, Index step, double seconds) {
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

std::string Recording::finish() {
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

std::string Recording::base_of(std::string name) {
  if (std::filesystem::is_directory(name)) return name + (name.ends_with('/') ? "live" : "/live");
  if (name.ends_with(".gif") || name.ends_with(".png")) name.resize(name.size() - 4);
  return name;
}

void Recording::put(int delay) {
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

}  // namespace basin::examples
