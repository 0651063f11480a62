#pragma once

// What was watched, as a film and as a sheet of pictures.

#include <cstddef>
#include <string>
#include <vector>

#include "basin/io/gif.hpp"
#include "chart.hpp"
#include "sheet.hpp"

namespace basin::examples {

class Recording {
 public:
  static constexpr std::size_t most = 2000;  ///< frames

  /// Of NAME.gif and NAME.png; `name` may end in .gif or .png. In a folder that is there, live.gif and live.png. A
  /// legend says below the pictures what their colours mean. Throws basin::FileError if they cannot be written.
  Recording(std::string name, std::vector<KeyEntry> legend);

  /// An RGB image, all of one size, so many seconds after the one before. A pause is shortened to a second. Of more
  /// than `most` none is taken.
  void add(const Image& picture, Index step, double seconds);

  [[nodiscard]] std::size_t frames() const { return seen_; }
  [[nodiscard]] bool full() const { return seen_ >= most; }

  /// Writes both, and returns what they are called; nothing, and an empty string, if nothing was seen, as where a
  /// signal comes first.
  std::string finish();

 private:
  struct Moment {
    Image picture{};
    Index step = 0;
  };

  [[nodiscard]] static std::string base_of(std::string name);
  [[nodiscard]] static std::string caption(const Moment& moment) { return "step " + std::to_string(moment.step); }

  /// The last picture, about 400 pixels wide, for so many hundredths of a second.
  void put(int delay);

  std::string name_;
  std::vector<KeyEntry> legend_;
  GifWriter gif_;
  Moment last_;
  std::vector<Moment> sheet_;
  std::size_t seen_ = 0, stride_ = 1;
};

}  // namespace basin::examples
