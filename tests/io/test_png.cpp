#include <zlib.h>

#include <catch2/catch.hpp>
#include <cstdint>
#include <cstdlib>

#include "basin/core/random.hpp"
#include "basin/io/png.hpp"
#include "hostile.hpp"
#include "support/counting_allocator.hpp"

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

/// 16 bits a sample are rounded here, since stb cuts them.
Image stb_decoded(const Bytes& file) {
  int width = 0, height = 0, channels = 0;
  if (stbi_is_16_bit_from_memory(file.data(), static_cast<int>(file.size())) != 0) {
    stbi_us* samples =
        stbi_load_16_from_memory(file.data(), static_cast<int>(file.size()), &width, &height, &channels, 0);
    REQUIRE(samples != nullptr);
    Image image{width, height, channels, {}};
    for (int i = 0; i < width * height * channels; ++i) {
      image.pixels.push_back(static_cast<std::uint8_t>((samples[i] * 255u + 32767u) / 65535u));
    }
    stbi_image_free(samples);
    return image;
  }
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
  Bytes out{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  for (const Bytes& c : chunks) out.insert(out.end(), c.begin(), c.end());
  return out;
}

/// Rows of pixels of some bits each, and the bytes of them before compression.
struct BitRows {
  std::size_t bits;
  std::vector<Bytes> rows;

  [[nodiscard]] Bytes plain() const {
    Bytes out;
    for (const Bytes& row : rows) {
      out.push_back(0);  // no filter
      out.insert(out.end(), row.begin(), row.end());
    }
    return out;
  }

  /// In the seven passes of section 8.2 of the specification.
  [[nodiscard]] Bytes interlaced(std::size_t width) const {
    struct Pass {
      std::size_t left, top, right, down;
    };
    Bytes out;
    for (const Pass& pass :
         {Pass{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}}) {
      const std::size_t columns = pass.left < width ? (width - pass.left + pass.right - 1) / pass.right : 0;
      for (std::size_t y = pass.top; y < rows.size() && columns > 0; y += pass.down) {
        Bytes row((columns * bits + 7) / 8);
        for (std::size_t bit = 0; bit < columns * bits; ++bit) {
          const std::size_t from = (pass.left + bit / bits * pass.right) * bits + bit % bits;
          const int set = rows[y][from / 8] >> (7 - from % 8) & 1;
          row[bit / 8] = static_cast<std::uint8_t>(row[bit / 8] | set << (7 - bit % 8));
        }
        out.push_back(0);
        out.insert(out.end(), row.begin(), row.end());
      }
    }
    return out;
  }
};

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
  refused({header(20'000, 20'000, 8, 0), some, end}, {"size of the image is 20000x20000"});
  refused({header(1000, 1000, 8, 0), some, end},
          {"size of the image is 1000x1000", "bytes and a limit of 67108864 bytes"});
  refused({header(50'000, 1, 8, 0), some, end},
          {"size of the image is 50000x1, expected at most 32768 pixels either way"});
  refused({header(1, 50'000, 8, 0), some, end},
          {"size of the image is 1x50000, expected at most 32768 pixels either way"});
  refused({header(0x7fffffff, 0x7fffffff, 16, 6), some, end}, {"size of the image is 2147483647x2147483647"});
  refused({header(0, 1, 8, 0), some, end}, {"cannot be read as PNG: "});
  refused({header(0x80000000u, 1, 8, 0), some, end}, {"cannot be read as PNG: "});
  refused({header(3, 1, 3, 0), some, end}, {"cannot be read as PNG: "});
  refused({header(3, 1, 16, 3), some, end}, {"cannot be read as PNG: "});
  refused({header(3, 1, 8, 0, 2), some, end}, {"cannot be read as PNG: "});
  refused({header(3, 1, 8, 0), end}, {"cannot be read as PNG: "});
  refused({some, end}, {"cannot be read as PNG: "});
  refused({header(3, 1, 8, 0), header(3, 1, 8, 0), some, end}, {"cannot be read as PNG: "});
  refused({header(3, 1, 8, 0), chunk("ABCD", {}), some, end}, {"cannot be read as PNG: "});
  refused({header(3, 1, 8, 0), pixels({5, 1, 2, 3}), end}, {"cannot be read as PNG: bad adaptive filter value"});
  refused({header(3, 1, 8, 0), pixels({0, 1, 2}), end}, {"cannot be read as PNG: "});
  refused({header(3, 1, 8, 0), pixels({0, 1, 2, 3, 4}), end}, {"cannot be read as PNG: "});
  refused({header(3, 1, 8, 3), some, end}, {"cannot be read as PNG: "});
  refused({header(3, 1, 8, 3), chunk("PLTE", {1, 2}), some, end}, {"cannot be read as PNG: "});
  refused({header(3, 1, 8, 3), chunk("PLTE", {1, 2, 3, 4, 5, 6, 7, 8, 9}), some, end},
          {"colour of a pixel is 3, expected below the number of colours in the palette, 3"});
  refused({header(3, 1, 8, 3), chunk("PLTE", {1, 2, 3}), chunk("tRNS", {1, 2}), some, end},
          {"cannot be read as PNG: "});
  refused({header(3, 1, 8, 0), chunk("tRNS", {1}), some, end}, {"cannot be read as PNG: "});
  refused({header(3, 1, 8, 0), some, chunk("IEND", {}), {1, 2, 3}},
          {"number of bytes after the end of the image is 3"});
  test::check_refused({}, path, read_one, {"cannot be read as PNG: the file ends too early"});
  test::check_refused(test::bytes_of("hello, world"), path, read_one, {"cannot be read as PNG: Not a PNG file"});

  SECTION("pixels that unpack to more than the header says") {
    refused({header(3, 1, 8, 0), pixels(Bytes(std::size_t{60} << 20)), end}, {"cannot be read as PNG: "});
  }
}

TEST_CASE("what a PNG file may take is an argument, and low by default", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.png");
  write_file(path, png({header(100, 99, 8, 0), pixels(Bytes(99 * 101)), end}));
  CHECK_NOTHROW(read_png(path, {.bytes = 9'900}));
  CHECK_THROWS_WITH(read_png(path, {.bytes = 9'899}), Catch::Contains("size of the image is 100x99"));
  CHECK_THROWS_WITH(read_png(path, {.bytes = 10}), Catch::Contains("size in bytes"));
  CHECK_NOTHROW(read_png(path, {.side = 100}));
  CHECK_THROWS_WITH(read_png(path, {.side = 99}), Catch::Contains("size of the image is 100x99, expected at most 99"));

  SECTION("chunks that are skipped have a limit of their own") {
    write_file(path, png({header(3, 1, 8, 0), chunk("teXt", Bytes(9 << 20)), pixels({0, 1, 2, 3}), end}));
    CHECK_THROWS_WITH(read_png(path), Catch::Contains("chunk data is too large"));
    CHECK(read_png(path, {.chunk_bytes = 10 << 20}).pixels == Bytes{1, 2, 3});
  }
  SECTION("of 1032 times its size, a file gets the limit") {
    if (!basin_test::counts_allocations()) return;
    const auto peak_of = [&](std::size_t side) {
      write_file(path, png({header(side, side, 8, 6), pixels(Bytes(side * (4 * side + 1))), end}));
      const std::size_t before = basin_test::live_bytes();
      basin_test::reset_peak();
      try {
        static_cast<void>(read_png(path));
      } catch (const FileError&) {
        return std::size_t{0};
      }
      return basin_test::peak_bytes() - before;
    };
    const std::size_t most = (std::size_t{64} << 20) + (std::size_t{1} << 20);
    const std::size_t taken = peak_of(4096);
    CHECK(taken >= std::size_t{64} << 20);
    CHECK(taken < most);
    CHECK(peak_of(4097) == 0);
    CHECK(std::filesystem::file_size(path) < 100'000);
  }
}

TEST_CASE("an error inside libpng leaks nothing", "[io]") {
  if (!basin_test::counts_allocations()) return;
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.png");
  write_png(path, example(30, 20, 3));
  const Bytes good = read_file(path);
  std::size_t refused = 0, last = 0;
  // The first refusal may leave behind what the run time keeps for exceptions.
  for (std::size_t length = 8; length < good.size(); length += 7) {
    write_file(path, Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length)));
    const std::size_t before = basin_test::live_bytes();
    try {
      static_cast<void>(read_png(path));
    } catch (const FileError&) {
      ++refused;
    }
    last = basin_test::live_bytes() - before;
    if (refused > 1) CHECK(last == 0);
  }
  CHECK(refused > 20);
}

TEST_CASE("interlaced PNG files of all kinds are read", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.png");
  struct Kind {
    int depth, colour;
    std::size_t samples;
  };
  const Random random{.seed = 4};
  std::uint64_t drawn = 0;
  for (const auto& size : std::vector<std::array<std::size_t, 2>>{{1, 1}, {3, 2}, {13, 10}, {5, 16}}) {
    for (const Kind& kind : std::vector<Kind>{
             {1, 0, 1}, {4, 0, 1}, {8, 0, 1}, {16, 0, 1}, {8, 2, 3}, {8, 4, 2}, {16, 6, 4}, {2, 3, 1}, {8, 3, 1}}) {
      INFO(size[0] << "x" << size[1] << ", depth " << kind.depth << ", colour type " << kind.colour);
      const std::size_t bits = static_cast<std::size_t>(kind.depth) * kind.samples;
      BitRows rows{bits, std::vector<Bytes>(size[1], Bytes((size[0] * bits + 7) / 8))};
      for (Bytes& row : rows.rows) {
        for (auto& byte : row) byte = static_cast<std::uint8_t>(random.below(drawn++, 256));
      }
      Bytes palette;
      for (std::size_t i = 0; i < std::size_t{3} << std::min(kind.depth, 8); ++i) {
        palette.push_back(static_cast<std::uint8_t>(31 * i));
      }
      const auto read = [&](const Bytes& raw, int interlace) {
        std::vector<Bytes> chunks{header(size[0], size[1], kind.depth, kind.colour, interlace)};
        if (kind.colour == 3) chunks.push_back(chunk("PLTE", palette));
        chunks.push_back(pixels(raw));
        chunks.push_back(end);
        write_file(path, png(chunks));
        return read_png(path);
      };
      check_equal(read(rows.interlaced(size[0]), 1), read(rows.plain(), 0));
    }
  }
}

TEST_CASE("a transparent colour of a PNG file becomes alpha, compared in the file's own depth", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.png");
  const auto read = [&](const std::vector<Bytes>& chunks) {
    write_file(path, png(chunks));
    return read_png(path);
  };
  const Image grey = read({header(3, 1, 8, 0), chunk("tRNS", {0, 2}), pixels({0, 1, 2, 3}), end});
  CHECK(grey.channels == 2);
  CHECK(grey.pixels == Bytes{1, 255, 2, 0, 3, 255});
  const Image one_bit = read({header(3, 1, 1, 0), chunk("tRNS", {0, 1}), pixels({0, 0b01000000}), end});
  CHECK(one_bit.pixels == Bytes{0, 255, 255, 0, 0, 255});
  const Image rgb = read({header(2, 1, 8, 2), chunk("tRNS", {0, 1, 0, 2, 0, 3}), pixels({0, 1, 2, 3, 1, 2, 4}), end});
  CHECK(rgb.channels == 4);
  CHECK(rgb.pixels == Bytes{1, 2, 3, 0, 1, 2, 4, 255});
  // 0x1234 is the colour, 0x1235 is not, though both are 0x12 in 8 bits.
  const Image deep = read({header(2, 1, 16, 0), chunk("tRNS", {0x12, 0x34}), pixels({0, 0x12, 0x34, 0x12, 0x35}), end});
  CHECK(deep.pixels == Bytes{0x12, 0, 0x12, 255});
}

TEST_CASE("16 bits a sample of a PNG file are rounded to 8", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.png");
  Bytes raw{0}, expected;
  for (const unsigned value : {0u, 127u, 128u, 0xffu, 0x100u, 0x7f7fu, 0x8080u, 0xfeffu, 0xff00u, 0xffffu}) {
    raw.push_back(static_cast<std::uint8_t>(value >> 8));
    raw.push_back(static_cast<std::uint8_t>(value & 0xff));
    expected.push_back(static_cast<std::uint8_t>((value * 255 + 32767) / 65535));
  }
  CHECK(expected[3] == 1);  // 0x00ff is 0.99 of a step
  write_file(path, png({header(10, 1, 16, 0), pixels(raw), end}));
  CHECK(read_png(path).pixels == expected);
}

TEST_CASE("PNG chunks that are no pixels are skipped, whatever is in them, but a damaged one is refused", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.png");
  std::vector<Bytes> chunks{header(3, 1, 8, 0)};
  for (const char* type : {"gAMA", "cHRM", "sRGB", "iCCP", "tEXt", "zTXt", "iTXt", "pHYs", "tIME", "sBIT", "bKGD",
                           "eXIf", "sPLT", "hIST", "acTL", "prVt"}) {
    chunks.push_back(chunk(type, {1, 2, 3}));
    chunks.push_back(chunk(type, {}));
  }
  chunks.push_back(pixels({0, 7, 8, 9}));
  chunks.push_back(chunk("tEXt", Bytes(1000, 'x')));
  chunks.push_back(end);
  write_file(path, png(chunks));
  CHECK(read_png(path).pixels == Bytes{7, 8, 9});
  chunks[1].back() ^= 1;
  test::check_refused(png(chunks), path, read_one, {"cannot be read as PNG: gAMA: CRC error"});
}

TEST_CASE("images that do not fit their size are not written", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.png");
  CHECK_THROWS_WITH(write_png(path, {2, 2, 3, Bytes(11)}), "number of bytes of an image is 11, expected 12");
  CHECK_THROWS_WITH(write_png(path, {2, 2, 5, Bytes(20)}), "number of channels of an image is 5, expected 1 to 4");
  CHECK_THROWS_AS(write_png(path, {0, 2, 1, {}}), std::invalid_argument);
  CHECK(folder.entries() == 0);
}
