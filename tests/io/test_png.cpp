#include <zlib.h>

#include <catch2/catch.hpp>
#include <cstdint>
#include <cstdlib>

#include "basin/core/random.hpp"
#include "basin/io/png.hpp"
#include "hostile.hpp"

// An independent decoder and encoder.
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#endif
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#include <stb/stb_image.h>
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STBI_WRITE_NO_STDIO
#include <stb/stb_image_write.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

using namespace basin;
using test::Bytes;

namespace {

/// Smooth in one part and noise in another, so that every filter is the best for some row.
Image example(Index width, Index height, Index channels) {
  Image image{width, height, channels, Bytes(static_cast<std::size_t>(width * height * channels))};
  const Random random{.seed = 7};
  for (Index y = 0; y < height; ++y) {
    for (Index x = 0; x < width; ++x) {
      for (Index c = 0; c < channels; ++c) {
        const Index noise = static_cast<Index>(random.below(static_cast<std::uint64_t>((y * width + x) * 4 + c), 256));
        const Index value = y % 5 == 0 ? noise : y % 5 == 1 ? 3 * x + c : y % 5 == 2 ? 40 * c : y % 5 == 3 ? x * y : y;
        image.at(x, y)[c] = static_cast<std::uint8_t>(value);
      }
    }
  }
  return image;
}

Bytes stb_encoded(const Image& image) {
  Bytes out;
  const auto append = [](void* context, void* data, int size) {
    const auto* bytes = static_cast<const std::uint8_t*>(data);
    auto& to = *static_cast<Bytes*>(context);
    to.insert(to.end(), bytes, bytes + size);
  };
  REQUIRE(stbi_write_png_to_func(append, &out, static_cast<int>(image.width), static_cast<int>(image.height),
                                 static_cast<int>(image.channels), image.pixels.data(),
                                 static_cast<int>(image.width * image.channels)) != 0);
  return out;
}

Image stb_decoded(const Bytes& file) {
  int width = 0, height = 0, channels = 0;
  stbi_uc* pixels = stbi_load_from_memory(file.data(), static_cast<int>(file.size()), &width, &height, &channels, 0);
  REQUIRE(pixels != nullptr);
  Image image{width, height, channels, Bytes(pixels, pixels + width * height * channels)};
  stbi_image_free(pixels);
  return image;
}

void check_equal(const Image& a, const Image& b) {
  CHECK(a.width == b.width);
  CHECK(a.height == b.height);
  CHECK(a.channels == b.channels);
  CHECK(a.pixels == b.pixels);
}

void append_32(Bytes& out, std::size_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(value >> shift));
}

Bytes chunk(const std::string& type, const Bytes& data) {
  Bytes out;
  append_32(out, data.size());
  out.insert(out.end(), type.begin(), type.end());
  out.insert(out.end(), data.begin(), data.end());
  append_32(out, crc32(0, out.data() + 4, static_cast<uInt>(out.size() - 4)));
  return out;
}

Bytes header(std::size_t width, std::size_t height, int depth, int colour, int interlace = 0) {
  Bytes data;
  append_32(data, width);
  append_32(data, height);
  for (const int value : {depth, colour, 0, 0, interlace}) data.push_back(static_cast<std::uint8_t>(value));
  return chunk("IHDR", data);
}

Bytes pixels(const Bytes& raw) {
  Bytes packed(compressBound(static_cast<uLong>(raw.size())));
  uLongf size = packed.size();
  REQUIRE(compress(packed.data(), &size, raw.data(), static_cast<uLong>(raw.size())) == Z_OK);
  packed.resize(size);
  return chunk("IDAT", packed);
}

Bytes png(const std::vector<Bytes>& chunks) {
  Bytes out(detail::png_signature.begin(), detail::png_signature.end());
  for (const Bytes& c : chunks) out.insert(out.end(), c.begin(), c.end());
  return out;
}

const Bytes end = chunk("IEND", {});
const auto read_one = [](const std::string& path) { return read_png(path); };

}  // namespace

TEST_CASE("an independent decoder finds in our PNG files what was written, and we in its", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.png");
  for (Index channels = 1; channels <= 4; ++channels) {
    for (const auto& [width, height] : {std::pair<Index, Index>{1, 1}, {37, 23}, {300, 11}}) {
      const Image image = example(width, height, channels);
      write_png(path, image);
      check_equal(read_png(path), image);
      check_equal(stb_decoded(read_file(path)), image);
      write_file(path, stb_encoded(image));
      check_equal(read_png(path), image);
    }
  }
}

TEST_CASE("all bit depths and palettes are read as the independent decoder reads them", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.png");
  const Random random{.seed = 3};
  const auto noise = [&](std::size_t rows, std::size_t row_bytes) {
    Bytes raw;
    for (std::size_t y = 0; y < rows; ++y) {
      raw.push_back(static_cast<std::uint8_t>(y % 5));  // each filter
      for (std::size_t i = 0; i < row_bytes; ++i) {
        raw.push_back(static_cast<std::uint8_t>(random.below(y * row_bytes + i, 256)));
      }
    }
    return raw;
  };
  constexpr std::size_t width = 13, height = 10;
  for (const auto& [depth, colour, samples] : std::vector<std::array<std::size_t, 3>>{{1, 0, 1},
                                                                                      {2, 0, 1},
                                                                                      {4, 0, 1},
                                                                                      {8, 0, 1},
                                                                                      {16, 0, 1},
                                                                                      {8, 2, 3},
                                                                                      {16, 2, 3},
                                                                                      {8, 4, 2},
                                                                                      {16, 4, 2},
                                                                                      {8, 6, 4},
                                                                                      {16, 6, 4},
                                                                                      {1, 3, 1},
                                                                                      {2, 3, 1},
                                                                                      {4, 3, 1},
                                                                                      {8, 3, 1}}) {
    INFO("depth " << depth << ", colour type " << colour);
    const Bytes raw = noise(height, (width * depth * samples + 7) / 8);
    Bytes palette, alpha;
    for (std::size_t i = 0; i < std::size_t{3} << std::min<std::size_t>(depth, 8); ++i)
      palette.push_back(static_cast<std::uint8_t>(31 * i));
    const std::size_t entries = palette.size() / 3;
    for (std::size_t i = 0; i < entries / 2; ++i) alpha.push_back(static_cast<std::uint8_t>(200 - i));
    std::vector<Bytes> chunks{header(width, height, static_cast<int>(depth), static_cast<int>(colour)),
                              chunk("gAMA", {0, 0, 1, 0})};
    if (colour == 3) chunks.push_back(chunk("PLTE", palette));
    chunks.push_back(pixels(raw));
    chunks.push_back(end);
    write_file(path, png(chunks));
    check_equal(read_png(path), stb_decoded(read_file(path)));
    if (colour == 3) {
      chunks.insert(chunks.begin() + 3, chunk("tRNS", alpha));
      write_file(path, png(chunks));
      CHECK(read_png(path).channels == 4);
      check_equal(read_png(path), stb_decoded(read_file(path)));
    }
  }
}

TEST_CASE("a PNG file of any other length is refused, and so is any changed byte", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.png");
  write_png(path, example(5, 4, 3));
  const Bytes good = read_file(path);
  test::check_every_length(good, path, read_one);
  CHECK(test::check_every_byte(good, path, read_one) == 4 * good.size());  // every byte is under a CRC
}

TEST_CASE("PNG headers that lie are refused before memory is taken", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.png");
  const auto refused = [&](const std::vector<Bytes>& chunks, const std::vector<std::string>& words) {
    test::check_refused(png(chunks), path, read_one, words);
  };
  const Bytes some = pixels({0, 1, 2, 3});
  refused({header(50'000, 50'000, 8, 0), some, end}, {"size of the image is 50000x50000"});
  refused({header(0x7fffffff, 0x7fffffff, 16, 6), some, end}, {"size of the image"});
  refused({header(0, 1, 8, 0), some, end}, {"size of the image is 0x1"});
  refused({header(0x80000000u, 1, 8, 0), some, end}, {"size of the image is 2147483648x1"});
  refused({header(3, 1, 3, 0), some, end}, {"colour type and bit depth is 0, 3"});
  refused({header(3, 1, 16, 3), some, end}, {"colour type and bit depth is 3, 16"});
  refused({header(3, 1, 8, 0, 1), some, end}, {"interlace method is 1"});
  refused({header(3, 1, 8, 0), end}, {"number of bytes of pixels is 0"});
  refused({some, end}, {"first chunk is 'IDAT', expected IHDR"});
  refused({header(3, 1, 8, 0), header(3, 1, 8, 0), some, end}, {"chunk after the first is 'IHDR'"});
  refused({header(3, 1, 8, 0), some, chunk("tEXt", {}), some, end}, {"IDAT chunk is after tEXt"});
  refused({header(3, 1, 8, 0), chunk("ABCD", {}), some, end}, {"critical chunk is 'ABCD'"});
  refused({header(3, 1, 8, 0), pixels({5, 1, 2, 3}), end}, {"filter of a row is 5, expected 0 to 4"});
  refused({header(3, 1, 8, 0), pixels({0, 1, 2}), end}, {"number of bytes in the compressed data is 3, expected 4"});
  refused({header(3, 1, 8, 0), pixels({0, 1, 2, 3, 4}), end}, {"more than 4, expected 4"});
  refused({header(3, 1, 8, 3), some, end}, {"palette is missing"});
  refused({header(3, 1, 8, 3), chunk("PLTE", {1, 2}), some, end}, {"palette is 2 bytes"});
  refused({header(3, 1, 8, 3), chunk("PLTE", {1, 2, 3, 4, 5, 6, 7, 8, 9}), some, end}, {"colour of a pixel is 3"});
  refused({header(3, 1, 8, 3), chunk("PLTE", {1, 2, 3}), chunk("tRNS", {1, 2}), some, end},
          {"number of transparent colours is 2"});
  refused({header(3, 1, 8, 0), chunk("tRNS", {0, 1}), some, end}, {"transparency is one colour"});

  SECTION("pixels that unpack to more than the header says") {
    refused({header(3, 1, 8, 0), pixels(Bytes(std::size_t{100} << 20)), end}, {"more than 4, expected 4"});
  }
  SECTION("the caller's limit") {
    write_file(path, png({header(100, 100, 8, 0), pixels(Bytes(100 * 101)), end}));
    CHECK_NOTHROW(read_png(path, 40'000));
    CHECK_THROWS_AS(read_png(path, 39'999), FileError);
  }
}

TEST_CASE("images that do not fit their size are not written", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.png");
  CHECK_THROWS_WITH(write_png(path, {2, 2, 3, Bytes(11)}), "number of bytes of an image is 11, expected 12");
  CHECK_THROWS_WITH(write_png(path, {2, 2, 5, Bytes(20)}), "number of channels of an image is 5, expected 1 to 4");
  CHECK_THROWS_AS(write_png(path, {0, 2, 1, {}}), std::invalid_argument);
  CHECK(folder.entries() == 0);
}
