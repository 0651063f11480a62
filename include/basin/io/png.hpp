#pragma once

// PNG (W3C Recommendation "Portable Network Graphics Specification", second edition, 2003; sections are cited below).
//
//   signature | chunks of: length, type, data, CRC-32 of type and data
//
// The pixels are one zlib stream over all IDAT chunks. Each row starts with the number of a filter, which predicts a
// byte x from a (the byte one pixel to the left), b (above) and c (above a), section 9:
//
//   0: 0    1: a    2: b    3: floor((a + b) / 2)    4: Paeth, whichever of a, b, c is closest to a + b - c
//
// More than 300 lines, since reader and writer share chunks and filters.

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "basin/io/atomic_file.hpp"
#include "basin/io/image.hpp"
#include "basin/io/inflate.hpp"

namespace basin {

namespace detail {

using Bytes = std::vector<std::uint8_t>;

inline constexpr std::array<std::uint8_t, 8> png_signature{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

[[nodiscard]] inline std::uint32_t big_endian_32(std::span<const std::uint8_t> bytes) {
  return (std::uint32_t{bytes[0]} << 24) | (std::uint32_t{bytes[1]} << 16) | (std::uint32_t{bytes[2]} << 8) |
         std::uint32_t{bytes[3]};
}

[[nodiscard]] constexpr std::uint8_t png_prediction(int filter, int a, int b, int c) {
  switch (filter) {
    case 1:
      return static_cast<std::uint8_t>(a);
    case 2:
      return static_cast<std::uint8_t>(b);
    case 3:
      return static_cast<std::uint8_t>((a + b) / 2);
    case 4: {
      const int pa = b > c ? b - c : c - b, pb = a > c ? a - c : c - a, p = a + b - 2 * c, pc = p < 0 ? -p : p;
      return static_cast<std::uint8_t>(pa <= pb && pa <= pc ? a : pb <= pc ? b : c);
    }
    default:
      return 0;
  }
}

/// What a PNG file says of its pixels, all of it checked.
struct PngContents {
  std::size_t width = 0, height = 0;
  int depth = 8;            ///< bits a sample
  int colour = 0;           ///< 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGB and alpha
  Bytes palette;            ///< RGB
  Bytes palette_alpha;      ///< of the palette's first entries
  bool colour_key = false;  ///< one colour is transparent
  Bytes packed;             ///< the zlib stream

  [[nodiscard]] std::size_t samples() const { return colour == 2 ? 3 : colour == 4 ? 2 : colour == 6 ? 4 : 1; }
  [[nodiscard]] std::size_t pixel_bits() const { return samples() * static_cast<std::size_t>(depth); }
  [[nodiscard]] std::size_t row_bytes() const { return (width * pixel_bits() + 7) / 8; }
};

/// Section 11.2.2. The file must be able to hold the image: deflate packs at most 1032 to 1.
inline void parse_png_header(std::span<const std::uint8_t> data, std::uint64_t file_size, std::uint64_t max_bytes,
                             const std::string& path, PngContents& png) {
  check_file(data.size() == 13, path, "length of the IHDR chunk", data.size(), 13);
  const std::uint32_t width = big_endian_32(data), height = big_endian_32(data.subspan(4));
  png.width = width;
  png.height = height;
  png.depth = data[8];
  png.colour = data[9];
  constexpr std::uint32_t most = 0x7fffffff;
  check_file(width >= 1 && width <= most && height >= 1 && height <= most, path, "size of the image",
             std::to_string(width) + "x" + std::to_string(height), "1 to 2^31 - 1 either way");
  const bool power = png.depth == 1 || png.depth == 2 || png.depth == 4 || png.depth == 8 || png.depth == 16;
  const bool fits = png.colour == 0   ? power
                    : png.colour == 3 ? power && png.depth <= 8
                                      : (png.colour == 2 || png.colour == 4 || png.colour == 6) &&
                                            (png.depth == 8 || png.depth == 16);
  check_file(fits, path, "colour type and bit depth", std::to_string(png.colour) + ", " + std::to_string(png.depth),
             "a pair of the PNG specification");
  check_file(data[10] == 0 && data[11] == 0, path, "compression or filter method",
             std::to_string(data[10]) + ", " + std::to_string(data[11]), "0, 0");
  check_file(data[12] == 0, path, "interlace method", int{data[12]}, "0: interlaced files are not read");

  const std::uint64_t raw = saturating_product(std::uint64_t{png.row_bytes()} + 1, height);
  const std::uint64_t out = saturating_product(std::uint64_t{width} * 4, height);
  const std::uint64_t room = saturating_product(file_size, max_deflate_ratio);
  check_file(raw <= room && std::max(raw, out) <= max_bytes, path, "size of the image",
             std::to_string(width) + "x" + std::to_string(height),
             "what a file of " + std::to_string(file_size) + " bytes and a limit of " + std::to_string(max_bytes) +
                 " bytes of pixels can hold");
}

/// Walks the chunks (section 5), checking order, CRC and that nothing comes after IEND.
[[nodiscard]] inline PngContents parse_png(std::span<const std::uint8_t> file, std::uint64_t max_bytes,
                                           const std::string& path) {
  check_file(
      file.size() >= png_signature.size() && std::equal(png_signature.begin(), png_signature.end(), file.begin()), path,
      "start of the file", "something else", "the signature of a PNG file");
  const std::uint64_t file_size = file.size();
  PngContents png;
  std::span<const std::uint8_t> rest = file.subspan(png_signature.size());
  std::string previous;
  bool ended = false;
  while (!ended) {
    check_file(rest.size() >= 12, path, "number of bytes left for the next chunk", rest.size(), "12 or more");
    const std::size_t length = big_endian_32(rest);
    check_file(length <= rest.size() - 12, path, "length of a chunk", length,
               "at most the " + std::to_string(rest.size() - 12) + " bytes that are left");
    const std::string type(reinterpret_cast<const char*>(rest.data()) + 4, 4);
    const auto checked = rest.subspan(4, length + 4);
    const auto data = checked.subspan(4);
    const std::uint32_t stored = big_endian_32(rest.subspan(8 + length));
    const auto computed = static_cast<std::uint32_t>(crc32_z(0, checked.data(), checked.size()));
    check_file(stored == computed, path, "CRC of chunk " + safe_text(type), stored, computed);
    rest = rest.subspan(length + 12);

    check_file((type == "IHDR") == previous.empty(), path, previous.empty() ? "first chunk" : "chunk after the first",
               safe_text(type), previous.empty() ? "IHDR" : "another than IHDR");
    if (type == "IHDR") {
      parse_png_header(data, file_size, max_bytes, path, png);
    } else if (type == "PLTE") {
      check_file(png.palette.empty() && png.packed.empty() && length % 3 == 0 && length >= 3 && length <= 768, path,
                 "palette", std::to_string(length) + " bytes", "one, before the pixels, of 1 to 256 colours");
      png.palette.assign(data.begin(), data.end());
    } else if (type == "tRNS") {
      check_file(png.packed.empty() && length <= 256, path, "transparency", std::to_string(length) + " bytes",
                 "before the pixels, at most 256 bytes");
      if (png.colour == 3) png.palette_alpha.assign(data.begin(), data.end());
      png.colour_key = png.colour != 3;
    } else if (type == "IDAT") {
      check_file(png.packed.empty() || previous == "IDAT", path, "IDAT chunk", "after " + previous, "after IDAT");
      png.packed.insert(png.packed.end(), data.begin(), data.end());
    } else if (type == "IEND") {
      check_file(length == 0 && rest.empty(), path, "number of bytes at or after the end chunk", length + rest.size(),
                 0);
      ended = true;
    } else {
      // Bit 5 of the first letter marks what a reader may leave out (section 5.4).
      check_file((type[0] & 0x20) != 0, path, "critical chunk", safe_text(type), "IHDR, PLTE, IDAT or IEND");
    }
    previous = type;
  }
  check_file(!png.packed.empty(), path, "number of bytes of pixels", 0, "more");
  check_file(png.colour != 3 || !png.palette.empty(), path, "palette", "missing", "one, for colour type 3");
  check_file(png.palette_alpha.size() * 3 <= png.palette.size(), path, "number of transparent colours",
             png.palette_alpha.size(), "at most " + std::to_string(png.palette.size() / 3));
  check_file(!png.colour_key, path, "transparency", "one colour of the image", "an alpha channel or none");
  return png;
}

/// The rows after the filters are undone, each without its filter byte.
[[nodiscard]] inline Bytes unpack_png(const PngContents& png, const std::string& path) {
  const std::size_t row_bytes = png.row_bytes();
  const std::size_t step = std::max<std::size_t>(1, png.pixel_bits() / 8);
  Bytes rows(row_bytes * png.height);
  Bytes line(row_bytes + 1);
  const Bytes nothing(row_bytes);
  Inflater inflater(png.packed, Compression::zlib, path);
  for (std::size_t y = 0; y < png.height; ++y) {
    inflater.read(line);
    const int filter = line[0];
    check_file(filter <= 4, path, "filter of a row", filter, "0 to 4");
    std::uint8_t* row = rows.data() + y * row_bytes;
    const std::uint8_t* above = y > 0 ? row - row_bytes : nothing.data();
    for (std::size_t i = 0; i < row_bytes; ++i) {
      const int a = i >= step ? row[i - step] : 0, c = i >= step ? above[i - step] : 0;
      row[i] = static_cast<std::uint8_t>(line[i + 1] + png_prediction(filter, a, above[i], c));
    }
  }
  inflater.finish();
  return rows;
}

/// One sample of a row, scaled to 8 bits unless it is a palette's index; of 16 bits the upper 8.
[[nodiscard]] inline std::uint8_t png_sample(const std::uint8_t* row, std::size_t index, const PngContents& png) {
  const auto depth = static_cast<std::size_t>(png.depth);
  if (depth == 16) return row[2 * index];
  if (depth == 8) return row[index];
  const std::size_t bit = index * depth;
  const unsigned most = (1u << depth) - 1u;
  const unsigned value = (unsigned{row[bit / 8]} >> (8 - depth - bit % 8)) & most;
  return static_cast<std::uint8_t>(png.colour == 3 ? value : value * 255u / most);
}

inline void append_chunk(Bytes& file, std::string_view type, std::span<const std::uint8_t> data) {
  const auto append_32 = [&](std::size_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) file.push_back(static_cast<std::uint8_t>((value >> shift) & 0xff));
  };
  append_32(data.size());
  const std::size_t start = file.size();
  file.insert(file.end(), type.begin(), type.end());
  file.insert(file.end(), data.begin(), data.end());
  append_32(crc32_z(0, file.data() + start, file.size() - start));
}

}  // namespace detail

/// Reads a PNG file: any bit depth (given as 8 bits), palettes expanded to RGB, with alpha if the palette has it.
/// Throws FileError for a damaged file, one whose pixels take more than max_bytes, an interlaced one, or one with a
/// single transparent colour.
[[nodiscard]] inline Image read_png(const std::string& path, std::uint64_t max_bytes = std::uint64_t{1} << 30) {
  const std::vector<std::uint8_t> file = read_file(path);
  const detail::PngContents png = detail::parse_png(file, max_bytes, path);
  const detail::Bytes rows = detail::unpack_png(png, path);

  const bool palette = png.colour == 3;
  const std::size_t channels = palette ? (png.palette_alpha.empty() ? 3 : 4) : png.samples();
  Image image{static_cast<Index>(png.width), static_cast<Index>(png.height), static_cast<Index>(channels), {}};
  image.pixels.reserve(png.width * png.height * channels);
  for (std::size_t y = 0; y < png.height; ++y) {
    const std::uint8_t* row = rows.data() + y * png.row_bytes();
    for (std::size_t i = 0; i < png.width * png.samples(); ++i) {
      const std::uint8_t sample = detail::png_sample(row, i, png);
      if (!palette) {
        image.pixels.push_back(sample);
        continue;
      }
      const std::size_t entry = sample;
      check_file(3 * entry < png.palette.size(), path, "colour of a pixel", entry, "below the size of the palette");
      const auto rgb = png.palette.begin() + static_cast<std::ptrdiff_t>(3 * entry);
      image.pixels.insert(image.pixels.end(), rgb, rgb + 3);
      if (channels == 4) {
        image.pixels.push_back(entry < png.palette_alpha.size() ? png.palette_alpha[entry] : std::uint8_t{255});
      }
    }
  }
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
             channels = static_cast<std::size_t>(image.channels), row_bytes = width * channels;
  check(image.pixels.size() == row_bytes * height, "number of bytes of an image", image.pixels.size(),
        row_bytes * height);

  // For each row the filter whose differences, taken as signed bytes, are smallest in sum (section 12.8).
  detail::Bytes raw;
  raw.reserve((row_bytes + 1) * height);
  detail::Bytes line(row_bytes), best(row_bytes);
  const detail::Bytes no_row(row_bytes);
  for (std::size_t y = 0; y < height; ++y) {
    const std::uint8_t* row = image.pixels.data() + y * row_bytes;
    const std::uint8_t* above = y > 0 ? row - row_bytes : no_row.data();
    long long smallest = std::numeric_limits<long long>::max();
    int best_filter = 0;
    for (int filter = 0; filter <= 4; ++filter) {
      long long sum = 0;
      for (std::size_t i = 0; i < row_bytes; ++i) {
        const int a = i >= channels ? row[i - channels] : 0, c = i >= channels ? above[i - channels] : 0;
        line[i] = static_cast<std::uint8_t>(row[i] - detail::png_prediction(filter, a, above[i], c));
        sum += std::abs(int{static_cast<std::int8_t>(line[i])});
      }
      if (sum < smallest) {
        smallest = sum;
        best_filter = filter;
        best.swap(line);
      }
    }
    raw.push_back(static_cast<std::uint8_t>(best_filter));
    raw.insert(raw.end(), best.begin(), best.end());
  }

  uLongf packed_bytes = compressBound(static_cast<uLong>(raw.size()));
  detail::Bytes packed(packed_bytes);
  if (compress2(packed.data(), &packed_bytes, raw.data(), static_cast<uLong>(raw.size()), Z_DEFAULT_COMPRESSION) !=
      Z_OK) {
    throw FileError(path, "cannot compress the pixels");
  }
  packed.resize(packed_bytes);

  detail::Bytes header;
  for (const std::size_t extent : {width, height}) {
    for (int shift = 24; shift >= 0; shift -= 8) header.push_back(static_cast<std::uint8_t>((extent >> shift) & 0xff));
  }
  constexpr std::array<std::uint8_t, 4> colour_of_channels{0, 4, 2, 6};
  header.insert(header.end(), {8, colour_of_channels[channels - 1], 0, 0, 0});

  detail::Bytes file(detail::png_signature.begin(), detail::png_signature.end());
  detail::append_chunk(file, "IHDR", header);
  // A chunk's length is below 2^31.
  constexpr std::size_t piece = std::size_t{1} << 30;
  for (std::size_t at = 0; at < packed.size(); at += piece) {
    detail::append_chunk(file, "IDAT", std::span(packed).subspan(at, std::min(piece, packed.size() - at)));
  }
  detail::append_chunk(file, "IEND", {});
  write_file(path, file);
}

}  // namespace basin
