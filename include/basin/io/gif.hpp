#pragma once

// Animated GIF files ("Graphics Interchange Format, Version 89a", CompuServe 1990), encoded by giflib.
// Each frame has a palette of its own (palette.hpp).

#include <gif_lib.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "basin/io/atomic_file.hpp"
#include "basin/io/image.hpp"
#include "basin/io/palette.hpp"

namespace basin {

/// How an animation is shown.
struct GifOptions {
  int delay = 5;     ///< how long a frame is shown, in hundredths of a second; browsers take 0 and 1 for 10
  bool loop = true;  ///< for ever; otherwise once
};

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
    file_.reset(EGifOpen(&output_, append, &error));
    if (file_ == nullptr) fail(error);
  }
  GifWriter(const GifWriter&) = delete;
  GifWriter& operator=(const GifWriter&) = delete;

  /// Adds a frame of 1 (grey) or 3 (RGB) channels; GIF knows no partial transparency. `delay`, in hundredths of a
  /// second, is for this frame alone. Throws std::invalid_argument for an image of other channels, of another size than
  /// the first, with a side of none or more than 65535 pixels, or whose pixels do not fit its size, and after finish();
  /// FileError if giflib cannot encode it. After that error, or std::bad_alloc out of the encoder, the animation is
  /// given up: nothing can be added, and finish() throws.
  void add(const Image& frame, std::optional<int> delay = std::nullopt) {
    check(file_ != nullptr, "animation", frames_ > 0 ? "finished" : "given up", "one that is not, to add a frame");
    check(frame.channels == 1 || frame.channels == 3, "number of channels of a GIF frame", frame.channels,
          "1 (grey) or 3 (RGB)");
    check_size(frame);
    const auto bytes = static_cast<std::size_t>(frame.channels * frame.width * frame.height);
    check(frame.pixels.size() == bytes, "number of bytes of an image", frame.pixels.size(), bytes);
    check_delay(delay.value_or(options_.delay));

    detail::PaletteFrame encoded = detail::with_palette(frame);
    try {
      if (frames_ == 0) start(frame);
      put_frame(std::move(encoded), delay.value_or(options_.delay));
    } catch (...) {  // a part of the frame may be in the output
      file_.reset();
      frames_ = 0;
      throw;
    }
    ++frames_;
  }

  /// How many frames were added; 0 once the animation is given up.
  [[nodiscard]] std::size_t frames() const { return frames_; }

  /// Replaces the file by the animation. Throws std::invalid_argument if it has no frame, FileError if the file cannot
  /// be written; then what was at the path is as it was, and finish() may be called again.
  void finish() {
    check(file_ != nullptr || frames_ > 0, "animation", "given up", "one whose frames could all be added");
    check(frames_ > 0, "number of frames of an animation", frames_, "1 or more");
    if (file_ != nullptr) {
      output_.bytes.reserve(output_.bytes.size() + 1);  // the byte that ends a file: giflib leaks if it has no room
      int error = 0;
      if (EGifCloseFile(file_.release(), &error) != GIF_OK) fail(error);
    }
    write_file(path_, output_.bytes);
  }

 private:
  /// What giflib has written. It does not look whether each piece could be, and goes on after one that could not.
  struct Output {
    std::vector<std::uint8_t> bytes{};
    bool incomplete = false;  // for want of memory
  };

  /// Without finish() the end of the file goes nowhere.
  struct Close {
    void operator()(GifFileType* file) const {
      static_cast<Output*>(file->UserData)->incomplete = true;
      EGifCloseFile(file, nullptr);
    }
  };

  /// What giflib calls for each piece of the file. No exception may pass through it.
  static int append(GifFileType* file, const GifByteType* data, int size) noexcept {
    auto& [bytes, incomplete] = *static_cast<Output*>(file->UserData);
    try {
      if (!incomplete) bytes.insert(bytes.end(), data, data + size);
    } catch (const std::exception&) {
      incomplete = true;
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
    if (output_.incomplete) throw std::bad_alloc();
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
  Output output_;                             // giflib has its address
  std::unique_ptr<GifFileType, Close> file_;  // none after finish()
};

/// All frames at once, as GifWriter writes them.
inline void write_gif(const std::string& path, std::span<const Image> frames, const GifOptions& options = {}) {
  GifWriter gif(path, options);
  for (const Image& frame : frames) gif.add(frame);
  gif.finish();
}

}  // namespace basin
