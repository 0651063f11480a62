#pragma once

// PNG files (W3C Recommendation "Portable Network Graphics Specification", second edition, 2003), by libpng.
//
// libpng reports an error by a call that must not return. Here it jumps back to where the call into libpng was made, to
// attempt() below, over frames of C alone and of functions that own nothing; an exception is thrown from there.

#include <png.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "basin/io/atomic_file.hpp"
#include "basin/io/image.hpp"

namespace basin {

/// What read_png takes at most.
struct PngLimits {
  std::uint64_t bytes = default_max_unpacked_bytes;  ///< of the pixels, and of the file: 64 MiB each
  std::uint32_t side = 1u << 15;                     ///< pixels either way
  std::uint32_t chunk_bytes = 8u << 20;              ///< of each chunk but the pixels' own, most of which are skipped
};

namespace detail {

/// A file that libpng reads or writes, and where it jumps to if it cannot.
struct PngJob {
  std::span<const std::uint8_t> input{};  ///< what is left to read
  std::vector<std::uint8_t> output{};     ///< what was written
  std::array<char, 200> error{};          ///< what libpng said
  std::jmp_buf before;                    ///< the last call to attempt()

  /// Calls step(), which calls libpng; false if that failed. `step` must not own anything, nor make anything that does,
  /// since what it has on the stack is left as it is.
  template <class Step>
  [[nodiscard]] bool attempt(const Step& step) {
    static_assert(std::is_trivially_destructible_v<Step>);
    if (setjmp(before) != 0) return false;
    step();
    return true;
  }

  [[noreturn]] static void fail(png_structp png, png_const_charp message) {
    auto& job = *static_cast<PngJob*>(png_get_error_ptr(png));
    // By hand: a std::string here would never be freed.
    std::size_t length = 0;
    while (length + 1 < job.error.size() && message[length] != '\0') ++length;
    std::copy_n(message, length, job.error.begin());
    job.error[length] = '\0';
    std::longjmp(job.before, 1);
  }

  /// Warnings are about what is skipped or mended.
  static void ignore(png_structp, png_const_charp) {}

  static void read(png_structp png, png_bytep to, std::size_t count) {
    auto& job = *static_cast<PngJob*>(png_get_io_ptr(png));
    if (count > job.input.size()) png_error(png, "the file ends too early");
    std::copy_n(job.input.begin(), count, to);
    job.input = job.input.subspan(count);
  }

  static void write(png_structp png, png_bytep from, std::size_t count) {
    auto& output = static_cast<PngJob*>(png_get_io_ptr(png))->output;
    bool room = true;
    try {
      output.insert(output.end(), from, from + count);
    } catch (const std::exception&) {
      room = false;  // not from within the handler, which would stay entered
    }
    if (!room) png_error(png, "no memory for the file");
  }
  static void flush(png_structp) {}
};

/// libpng's two structures for reading.
struct PngReader {
  PngJob job{};
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &job, &PngJob::fail, &PngJob::ignore);
  png_infop info = png != nullptr ? png_create_info_struct(png) : nullptr;

  PngReader() = default;
  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;
};

/// libpng's two structures for writing.
struct PngWriter {
  PngJob job{};
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &job, &PngJob::fail, &PngJob::ignore);
  png_infop info = png != nullptr ? png_create_info_struct(png) : nullptr;

  PngWriter() = default;
  ~PngWriter() { png_destroy_write_struct(&png, &info); }
  PngWriter(const PngWriter&) = delete;
  PngWriter& operator=(const PngWriter&) = delete;
};

/// What read_png has libpng do before there is memory for the pixels: everything up to them. Returns the bytes of a row
/// as it is in the file.
inline std::size_t start_png(png_structp png, png_infop info, const PngLimits& limits) {
  png_set_user_limits(png, limits.side, limits.side);
  png_set_chunk_malloc_max(png, limits.chunk_bytes);
  png_set_chunk_cache_max(png, 1);  // none; 0 is no limit
  // Only what decides about pixels is looked at, and that has to be right.
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
  png_set_benign_errors(png, 0);
  png_read_info(png, info);
  const std::size_t packed_row_bytes = png_get_rowbytes(png, info);
  png_set_scale_16(png);
  if (png_get_color_type(png, info) == PNG_COLOR_TYPE_PALETTE) {
    png_set_packing(png);  // a byte an index; read_png looks the colours up, since libpng does not check the index then
  } else {
    png_set_expand_gray_1_2_4_to_8(png);
    if (png_get_valid(png, info, PNG_INFO_tRNS) != 0) png_set_tRNS_to_alpha(png);
  }
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  return packed_row_bytes;
}

/// The colours of a palette's indices: RGB, with alpha if the file has some.
[[nodiscard]] inline Image palette_colours(const Image& indices, png_structp png, png_infop info,
                                           const std::string& path) {
  png_colorp colours = nullptr;
  png_bytep alpha = nullptr;
  int count = 0, alphas = 0;
  png_get_PLTE(png, info, &colours, &count);
  png_get_tRNS(png, info, &alpha, &alphas, nullptr);
  Image image{indices.width, indices.height, alphas > 0 ? 4 : 3, {}};
  image.pixels.reserve(indices.pixels.size() * static_cast<std::size_t>(image.channels));
  for (const int entry : indices.pixels) {
    check_file(entry < count, path, "colour of a pixel", entry,
               "below the number of colours in the palette, " + std::to_string(count));
    image.pixels.insert(image.pixels.end(), {colours[entry].red, colours[entry].green, colours[entry].blue});
    if (alphas > 0) image.pixels.push_back(entry < alphas ? alpha[entry] : std::uint8_t{255});
  }
  return image;
}

}  // namespace detail

/// Reads a PNG file, interlaced or not, of any colour type: 16 bits a sample are rounded to 8, palettes are expanded to
/// RGB, and where one colour of the image or some of the palette are transparent there is an alpha channel. Colours are
/// as the file has them: gamma and colour profiles, as all else that the file may hold beside the pixels, are skipped.
/// Throws FileError for a damaged file, for bytes after its end, and for what is larger than the limits. Memory: the
/// file and the pixels, with a palette once more an index for each, and a few rows. Rows of more than 1032 times the
/// file's size, which deflate cannot bring forth, are refused before there is memory for them.
[[nodiscard]] inline Image read_png(const std::string& path, const PngLimits& limits = {}) {
  const std::vector<std::uint8_t> file = read_file(path, limits.bytes);
  detail::PngReader reader;
  const png_structp png = reader.png;
  const png_infop info = reader.info;
  if (info == nullptr) throw FileError(path, "cannot start libpng");
  const auto must = [&](bool worked) {
    if (!worked) throw FileError(path, "cannot be read as PNG: " + std::string(reader.job.error.data()));
  };

  reader.job.input = file;
  std::size_t packed_row_bytes = 0;
  const bool started = reader.job.attempt([&] {
    png_set_read_fn(png, &reader.job, &detail::PngJob::read);
    packed_row_bytes = detail::start_png(png, info, limits);
  });
  // libpng, which refuses a size above its limits without the numbers, has noted them; without a header they are 0.
  const std::size_t width = png_get_image_width(png, info), height = png_get_image_height(png, info);
  const std::string size = std::to_string(width) + "x" + std::to_string(height);
  check_file(std::max(width, height) <= limits.side, path, "size of the image", size,
             "at most " + std::to_string(limits.side) + " pixels either way");
  must(started);

  const std::size_t channels = png_get_channels(png, info), row_bytes = png_get_rowbytes(png, info);
  const bool palette = png_get_color_type(png, info) == PNG_COLOR_TYPE_PALETTE;
  const std::uint64_t bytes = detail::saturating_product(width * (palette ? 4 : channels), height);
  const std::uint64_t packed = detail::saturating_product(packed_row_bytes, height);
  check_file(bytes <= limits.bytes && packed <= detail::saturating_product(file.size(), detail::max_deflate_ratio),
             path, "size of the image", size,
             "what a file of " + std::to_string(file.size()) + " bytes and a limit of " + std::to_string(limits.bytes) +
                 " bytes of pixels can hold");

  Image image{static_cast<Index>(width), static_cast<Index>(height), static_cast<Index>(channels), {}};
  image.pixels.resize(row_bytes * height);
  std::vector<png_bytep> rows(height);
  for (std::size_t y = 0; y < height; ++y) rows[y] = image.pixels.data() + y * row_bytes;
  must(reader.job.attempt([&] {
    png_read_image(png, rows.data());
    png_read_end(png, nullptr);
  }));
  check_file(reader.job.input.empty(), path, "number of bytes after the end of the image", reader.job.input.size(), 0);
  if (palette) return detail::palette_colours(image, png, info, path);
  return image;
}

/// Replaces the file at `path` by a PNG file. Throws std::invalid_argument for an image without pixels, of other than
/// 1 to 4 channels, or whose pixels do not fit its size; FileError if the file cannot be written.
inline void write_png(const std::string& path, const Image& image) {
  constexpr Index most = std::numeric_limits<std::int32_t>::max();
  check(image.width >= 1 && image.width <= most && image.height >= 1 && image.height <= most, "size of an image",
        std::to_string(image.width) + "x" + std::to_string(image.height), "1 to 2^31 - 1 either way");
  check(image.channels >= 1 && image.channels <= 4, "number of channels of an image", image.channels, "1 to 4");
  const auto width = static_cast<std::size_t>(image.width), height = static_cast<std::size_t>(image.height),
             row_bytes = width * static_cast<std::size_t>(image.channels);
  check(image.pixels.size() == row_bytes * height, "number of bytes of an image", image.pixels.size(),
        row_bytes * height);

  constexpr std::array<int, 4> colour_types{PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                                            PNG_COLOR_TYPE_RGB_ALPHA};
  const int colour_type = colour_types[static_cast<std::size_t>(image.channels) - 1];
  detail::PngWriter writer;
  if (writer.info == nullptr) throw FileError(path, "cannot start libpng");
  const bool written = writer.job.attempt([&] {
    const png_structp png = writer.png;
    png_set_write_fn(png, &writer.job, &detail::PngJob::write, &detail::PngJob::flush);
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_IHDR(png, writer.info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height), 8, colour_type,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, writer.info);
    for (std::size_t y = 0; y < height; ++y) png_write_row(png, image.pixels.data() + y * row_bytes);
    png_write_end(png, nullptr);
  });
  if (!written) throw FileError(path, "cannot be written as PNG: " + std::string(writer.job.error.data()));
  write_file(path, writer.job.output);
}

}  // namespace basin
