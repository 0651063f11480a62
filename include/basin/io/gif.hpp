#pragma once

// Animated GIF files ("Graphics Interchange Format, Version 89a", CompuServe 1990), encoded by giflib.
//
// A frame has its own palette of at most 256 colours. Where the frame has no more than that, the file has exactly its
// colours. Otherwise its colours are put into 256 boxes, and each is replaced by the mean of its box: as in median cut
// (P. Heckbert, "Color image quantization for frame buffer display", SIGGRAPH 1982), boxes are cut in two until there
// are enough; but the box that is cut is the one whose squared deviations along an axis, summed over its pixels, are
// largest, and it is cut at its mean on that axis (S. J. Wan, P. Prusinkiewicz, S. K. M. Wong, "Variance-based color
// image quantization for frame buffer display", Color Research and Application 15, 1990). There is no dithering: still
// areas stay still, and compress well.

#include <gif_lib.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "basin/io/atomic_file.hpp"
#include "basin/io/image.hpp"

namespace basin {

struct GifOptions {
  int delay = 5;     ///< how long a frame is shown, in hundredths of a second; browsers take 0 and 1 for 10
  bool loop = true;  ///< for ever; otherwise once
};

namespace detail {

using Rgb = std::array<std::uint8_t, 3>;

/// A frame as a file holds it.
struct PaletteFrame {
  std::vector<Rgb> palette;           ///< 1 to 256 colours
  std::vector<std::uint8_t> indices;  ///< of the pixels, into the palette
};

/// One colour of a frame.
struct CountedColour {
  Rgb rgb{};
  std::uint32_t pixels = 0;  ///< how many have it
  std::uint32_t number = 0;  ///< among the frame's colours, in ascending order
};

/// Some colours, and along which axis they differ most. All sums are whole numbers below 2^53, so that nothing depends
/// on the order of the colours.
struct ColourBox {
  std::span<CountedColour> colours;
  std::uint64_t pixels = 0;
  std::array<std::uint64_t, 3> sums{};
  std::size_t axis = 0;
  double spread = 0;  ///< squared deviations from the mean along the axis, over all pixels; 0 if there is one colour

  explicit ColourBox(std::span<CountedColour> inside) : colours(inside) {
    std::array<std::uint64_t, 3> squares{};
    for (const CountedColour& colour : colours) {
      pixels += colour.pixels;
      for (std::size_t c = 0; c < 3; ++c) {
        sums[c] += std::uint64_t{colour.pixels} * colour.rgb[c];
        squares[c] += std::uint64_t{colour.pixels} * colour.rgb[c] * colour.rgb[c];
      }
    }
    if (colours.size() < 2) return;
    // Two colours spread by 1/2 or more along some axis. Rounding is below 0.1 even for the largest frame, so an axis
    // along which all are equal is never taken.
    for (std::size_t c = 0; c < 3; ++c) {
      const auto sum = static_cast<double>(sums[c]);
      const double deviations = static_cast<double>(squares[c]) - sum * sum / static_cast<double>(pixels);
      if (deviations > spread) {
        spread = deviations;
        axis = c;
      }
    }
  }

  /// The colours below or at the mean, and those above; neither is empty if there is a spread.
  [[nodiscard]] std::pair<ColourBox, ColourBox> cut() const {
    const auto middle = std::partition(colours.begin(), colours.end(), [&](const CountedColour& colour) {
      return colour.rgb[axis] * pixels <= sums[axis];
    });
    const auto below = static_cast<std::size_t>(middle - colours.begin());
    return {ColourBox(colours.first(below)), ColourBox(colours.subspan(below))};
  }

  [[nodiscard]] Rgb mean() const {
    Rgb out{};
    for (std::size_t c = 0; c < 3; ++c) out[c] = static_cast<std::uint8_t>((sums[c] + pixels / 2) / pixels);
    return out;
  }
};

/// The palette of an image of 1 or 3 channels with fewer than 2^32 pixels.
[[nodiscard]] inline PaletteFrame with_palette(const Image& image) {
  constexpr std::size_t most_colours = 256;
  const auto count = static_cast<std::size_t>(image.width * image.height);
  const auto channels = static_cast<std::size_t>(image.channels);

  // Pixels in the order of their colours: the colour in the upper half, the place in the lower.
  std::vector<std::uint64_t> sorted(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint8_t* pixel = image.pixels.data() + i * channels;
    const std::uint64_t r = pixel[0], g = pixel[channels == 3 ? 1 : 0], b = pixel[channels == 3 ? 2 : 0];
    sorted[i] = r << 48 | g << 40 | b << 32 | i;
  }
  std::sort(sorted.begin(), sorted.end());
  std::vector<CountedColour> colours;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t rgb = sorted[i] >> 32;
    if (i == 0 || rgb != sorted[i - 1] >> 32) {
      colours.push_back({{static_cast<std::uint8_t>(rgb >> 16 & 0xff), static_cast<std::uint8_t>(rgb >> 8 & 0xff),
                          static_cast<std::uint8_t>(rgb & 0xff)},
                         0,
                         static_cast<std::uint32_t>(colours.size())});
    }
    ++colours.back().pixels;
  }

  std::vector<ColourBox> boxes{ColourBox(colours)};
  while (boxes.size() < most_colours) {
    const auto widest = std::max_element(boxes.begin(), boxes.end(),
                                         [](const ColourBox& a, const ColourBox& b) { return a.spread < b.spread; });
    if (widest->spread <= 0) break;
    const auto [below, above] = widest->cut();
    *widest = below;
    boxes.push_back(above);
  }

  PaletteFrame frame;
  std::vector<std::uint8_t> index_of(colours.size());
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    frame.palette.push_back(boxes[i].mean());
    for (const CountedColour& colour : boxes[i].colours) index_of[colour.number] = static_cast<std::uint8_t>(i);
  }
  frame.indices.resize(count);
  std::size_t number = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0 && sorted[i] >> 32 != sorted[i - 1] >> 32) ++number;
    frame.indices[sorted[i] & 0xffffffff] = index_of[number];
  }
  return frame;
}

}  // namespace detail

/// Writes an animation frame by frame:
///
///   GifWriter gif("grows.gif", {.delay = 4});
///   for (...) gif.add(image);
///   gif.finish();
///
/// What is encoded is kept in memory until finish(), which replaces the file in one step; without finish() nothing is
/// written. The first frame fixes the size.
class GifWriter {
 public:
  /// Throws std::invalid_argument for a delay that the format cannot hold.
  explicit GifWriter(std::string path, const GifOptions& options = {}) : path_(std::move(path)), options_(options) {
    check_delay(options_.delay);
    int error = 0;
    file_.reset(EGifOpen(&bytes_, append, &error));
    if (file_ == nullptr) fail(error);
  }
  GifWriter(const GifWriter&) = delete;
  GifWriter& operator=(const GifWriter&) = delete;

  /// Adds a frame of 1 (grey) or 3 (RGB) channels; GIF knows no partial transparency. `delay`, in hundredths of a
  /// second, is for this frame alone. Throws std::invalid_argument for an image of other channels, of another size than
  /// the first, with a side of none or more than 65535 pixels, or whose pixels do not fit its size, and after finish();
  /// FileError if giflib cannot encode it.
  void add(const Image& frame, std::optional<int> delay = std::nullopt) {
    check(file_ != nullptr, "animation", "finished", "one that is not, to add a frame");
    check(frame.channels == 1 || frame.channels == 3, "number of channels of a GIF frame", frame.channels,
          "1 (grey) or 3 (RGB)");
    check_size(frame);
    const auto bytes = static_cast<std::size_t>(frame.channels * frame.width * frame.height);
    check(frame.pixels.size() == bytes, "number of bytes of an image", frame.pixels.size(), bytes);
    check_delay(delay.value_or(options_.delay));

    if (frames_ == 0) start(frame);
    put_frame(detail::with_palette(frame), delay.value_or(options_.delay));
    ++frames_;
  }

  [[nodiscard]] std::size_t frames() const { return frames_; }

  /// Replaces the file by the animation. Throws std::invalid_argument if it has no frame, FileError if the file cannot
  /// be written; then what was at the path is as it was, and finish() may be called again.
  void finish() {
    check(frames_ > 0, "number of frames of an animation", frames_, "1 or more");
    if (file_ != nullptr) {
      int error = 0;
      if (EGifCloseFile(file_.release(), &error) != GIF_OK) fail(error);
    }
    write_file(path_, bytes_);
  }

 private:
  struct Close {
    void operator()(GifFileType* file) const { EGifCloseFile(file, nullptr); }
  };

  /// What giflib calls for each piece of the file. No exception may pass through it.
  static int append(GifFileType* file, const GifByteType* data, int size) noexcept {
    auto& bytes = *static_cast<std::vector<std::uint8_t>*>(file->UserData);
    try {
      bytes.insert(bytes.end(), data, data + size);
    } catch (const std::exception&) {
      return 0;  // giflib reports a failed write
    }
    return size;
  }

  static void check_delay(int delay) {
    check(delay >= 0 && delay <= 0xffff, "delay of a GIF frame", delay, "0 to 65535 hundredths of a second");
  }

  [[noreturn]] void fail(int error) const {
    const char* reason = GifErrorString(error);
    throw FileError(path_,
                    std::string("cannot be encoded as GIF: ") + (reason != nullptr ? reason : "no more is known"));
  }

  void must(int result) const {
    if (result != GIF_OK) fail(file_->Error);
  }

  void check_size(const Image& frame) const {
    const auto text = [](Index width, Index height) { return std::to_string(width) + "x" + std::to_string(height); };
    constexpr Index most = 0xffff;
    check(frame.width >= 1 && frame.width <= most && frame.height >= 1 && frame.height <= most, "size of a GIF frame",
          text(frame.width, frame.height), "1 to 65535 either way");
    check(frames_ == 0 || (frame.width == file_->SWidth && frame.height == file_->SHeight), "size of a GIF frame",
          text(frame.width, frame.height), text(file_->SWidth, file_->SHeight) + ", that of the first");
  }

  void start(const Image& frame) {
    constexpr int bits_a_colour = 8;
    EGifSetGifVersion(file_.get(), true);
    must(EGifPutScreenDesc(file_.get(), static_cast<int>(frame.width), static_cast<int>(frame.height), bits_a_colour, 0,
                           nullptr));
    if (!options_.loop) return;
    // The extension that Netscape 2.0 brought and all know: block 1, how often, 0 for without end.
    constexpr std::string_view application = "NETSCAPE2.0";
    constexpr std::array<GifByteType, 3> for_ever{1, 0, 0};
    must(EGifPutExtensionLeader(file_.get(), APPLICATION_EXT_FUNC_CODE));
    must(EGifPutExtensionBlock(file_.get(), static_cast<int>(application.size()), application.data()));
    must(EGifPutExtensionBlock(file_.get(), static_cast<int>(for_ever.size()), for_ever.data()));
    must(EGifPutExtensionTrailer(file_.get()));
  }

  void put_frame(detail::PaletteFrame frame, int delay) {
    const GraphicsControlBlock control{DISPOSE_DO_NOT, false, delay, NO_TRANSPARENT_COLOR};
    std::array<GifByteType, 4> control_bytes{};
    EGifGCBToExtension(&control, control_bytes.data());
    must(EGifPutExtension(file_.get(), GRAPHICS_EXT_FUNC_CODE, static_cast<int>(control_bytes.size()),
                          control_bytes.data()));

    // A palette has a power of two of colours.
    const int colours = 1 << GifBitSize(static_cast<int>(frame.palette.size()));
    const std::unique_ptr<ColorMapObject, decltype(&GifFreeMapObject)> map(GifMakeMapObject(colours, nullptr),
                                                                           &GifFreeMapObject);
    if (map == nullptr) fail(E_GIF_ERR_NOT_ENOUGH_MEM);
    for (std::size_t i = 0; i < frame.palette.size(); ++i) {
      map->Colors[i] = {frame.palette[i][0], frame.palette[i][1], frame.palette[i][2]};
    }
    const int width = file_->SWidth, height = file_->SHeight;
    must(EGifPutImageDesc(file_.get(), 0, 0, width, height, false, map.get()));
    for (int y = 0; y < height; ++y) {
      GifPixelType* row = frame.indices.data() + static_cast<std::size_t>(y) * static_cast<std::size_t>(width);
      must(EGifPutLine(file_.get(), row, width));
    }
  }

  std::string path_;
  GifOptions options_;
  std::size_t frames_ = 0;
  std::vector<std::uint8_t> bytes_;           // giflib has its address
  std::unique_ptr<GifFileType, Close> file_;  // none after finish()
};

/// All frames at once, as GifWriter writes them.
inline void write_gif(const std::string& path, std::span<const Image> frames, const GifOptions& options = {}) {
  GifWriter gif(path, options);
  for (const Image& frame : frames) gif.add(frame);
  gif.finish();
}

}  // namespace basin
