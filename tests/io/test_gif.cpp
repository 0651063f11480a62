#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "basin/core/random.hpp"
#include "basin/io/gif.hpp"
#include "hostile.hpp"

// An independent decoder.
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
#define STBI_ONLY_GIF
#define STBI_NO_STDIO
#include <stb/stb_image.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

using namespace basin;
using test::Bytes;

namespace {

struct Animation {
  std::vector<Image> frames;  // RGB
  std::vector<int> delays;    // milliseconds
};

Animation decoded(const Bytes& file) {
  int width = 0, height = 0, count = 0, channels = 0;
  int* delays = nullptr;
  stbi_uc* pixels = stbi_load_gif_from_memory(file.data(), static_cast<int>(file.size()), &delays, &width, &height,
                                              &count, &channels, 4);
  REQUIRE(pixels != nullptr);
  Animation out;
  const stbi_uc* at = pixels;
  bool opaque = true;
  for (int f = 0; f < count; ++f) {
    out.delays.push_back(delays[f]);
    Image image{width, height, 3, {}};
    for (int i = 0; i < width * height; ++i, at += 4) {
      image.pixels.insert(image.pixels.end(), at, at + 3);
      opaque = opaque && at[3] == 255;
    }
    out.frames.push_back(std::move(image));
  }
  stbi_image_free(pixels);
  stbi_image_free(delays);
  CHECK(opaque);
  return out;
}

/// Noise of a given number of colours, each there at least once if there are pixels enough.
Image noise(Index width, Index height, std::uint64_t colours, std::uint64_t seed) {
  Image image{width, height, 3, {}};
  const Random which{.seed = seed}, colour{.seed = seed, .stream = 1};
  for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(width * height); ++i) {
    const std::uint64_t number = i < colours ? i : which.below(i, colours);
    for (std::uint64_t c = 0; c < 3; ++c) {
      // The first channel tells the first 256 colours apart.
      image.pixels.push_back(static_cast<std::uint8_t>(c == 0 ? number : colour.below(3 * number + c, 256)));
    }
  }
  return image;
}

/// Every pixel another colour, changing slowly: (x, y, (x + y) / 2) of a 256 x 256 image.
Image gradient() {
  Image image{256, 256, 3, {}};
  for (int y = 0; y < 256; ++y) {
    for (int x = 0; x < 256; ++x) {
      for (const int value : {x, y, (x + y) / 2}) image.pixels.push_back(static_cast<std::uint8_t>(value));
    }
  }
  return image;
}

bool contains(const Bytes& file, const std::string& text) {
  return std::search(file.begin(), file.end(), text.begin(), text.end()) != file.end();
}

}  // namespace

TEST_CASE("frames of at most 256 colours come back exactly from a GIF file", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.gif");
  for (const auto& [width, height] : std::vector<std::pair<Index, Index>>{{1, 1}, {2, 1}, {17, 31}, {300, 5}}) {
    INFO(width << " x " << height);
    std::vector<Image> frames;
    for (const std::uint64_t colours : {1, 2, 3, 4, 5, 16, 17, 255, 256}) {
      frames.push_back(noise(width, height, colours, colours));
    }
    write_gif(path, frames);
    const Animation back = decoded(read_file(path));
    REQUIRE(back.frames.size() == frames.size());
    for (std::size_t f = 0; f < frames.size(); ++f) {
      INFO("frame " << f);
      CHECK(back.frames[f].width == width);
      CHECK(back.frames[f].height == height);
      CHECK(back.frames[f].pixels == frames[f].pixels);
    }
  }
}

TEST_CASE("a grey frame comes back from a GIF file with three equal channels", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.gif");
  Image grey{16, 16, 1, {}};
  for (int i = 0; i < 256; ++i) grey.pixels.push_back(static_cast<std::uint8_t>(255 - i));
  write_gif(path, std::vector<Image>{grey});
  const Image back = decoded(read_file(path)).frames.at(0);
  for (std::size_t i = 0; i < back.pixels.size(); ++i) CHECK(back.pixels[i] == grey.pixels[i / 3]);
}

TEST_CASE("a frame of many colours is close in a GIF file", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.gif");

  SECTION("a gradient over two axes") {
    const Image image = gradient();
    write_gif(path, std::vector<Image>{image});
    const Image back = decoded(read_file(path)).frames.at(0);
    std::set<std::vector<std::uint8_t>> colours;
    double squares = 0;
    int worst = 0;
    for (std::size_t i = 0; i < image.pixels.size(); ++i) {
      const int error = std::abs(int{image.pixels[i]} - int{back.pixels[i]});
      squares += error * error;
      worst = std::max(worst, error);
      if (i % 3 == 0) colours.insert({back.pixels[i], back.pixels[i + 1], back.pixels[i + 2]});
    }
    CHECK(colours.size() == 256);
    // The plane in 16 x 16 equal squares would have 16 x 16 colours each: an error of up to 8 along x and y, and in the
    // mean of squares 21.3 along x and y, 10.6 along their mean: 17.7 in all. Boxes are not all squares.
    CHECK(worst <= 16);
    CHECK(squares / static_cast<double>(image.pixels.size()) < 20);
  }
  SECTION("one colour more than there is room for: two neighbours are joined") {
    // 256 greys and one colour next to the grey 100.
    Image image{257, 1, 3, {}};
    for (int i = 0; i < 256; ++i) image.pixels.insert(image.pixels.end(), 3, static_cast<std::uint8_t>(i));
    for (const int value : {100, 100, 101}) image.pixels.push_back(static_cast<std::uint8_t>(value));
    write_gif(path, std::vector<Image>{image});
    const Image back = decoded(read_file(path)).frames.at(0);
    int changed = 0;
    for (std::size_t i = 0; i < image.pixels.size(); ++i) {
      const int error = std::abs(int{image.pixels[i]} - int{back.pixels[i]});
      CHECK(error <= 1);
      changed += error;
    }
    CHECK(changed >= 1);
    CHECK(changed <= 3);  // two greys, one of them off by 1 in each channel
  }
  SECTION("the same frame gives the same file") {
    write_gif(path, std::vector<Image>{gradient()});
    const Bytes first = read_file(path);
    write_gif(path, std::vector<Image>{gradient()});
    CHECK(read_file(path) == first);
  }
}

TEST_CASE("a GIF file has the delays of its frames and says whether it loops", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.gif");
  const Image image = noise(4, 3, 5, 1);
  {
    GifWriter gif(path, {.delay = 7});
    gif.add(image);
    gif.add(image, 300);
    gif.add(image);
    CHECK(gif.frames() == 3);
    gif.finish();
  }
  CHECK(decoded(read_file(path)).delays == std::vector<int>{70, 3000, 70});
  CHECK(contains(read_file(path), std::string("NETSCAPE2.0\x03\x01\0\0\0", 16)));

  write_gif(path, std::vector<Image>{image, image}, {.loop = false});
  CHECK(decoded(read_file(path)).delays == std::vector<int>{50, 50});
  CHECK_FALSE(contains(read_file(path), "NETSCAPE"));
  CHECK(contains(read_file(path), "GIF89a"));
}

TEST_CASE("a GIF file is there when it is finished, and not before", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.gif");
  const Image image = noise(4, 3, 5, 1);
  {
    GifWriter gif(path);
    gif.add(image);
    CHECK(folder.entries() == 0);
  }
  CHECK(folder.entries() == 0);

  write_file(path, std::string_view("old"));
  GifWriter gif(path);
  gif.add(image);
  CHECK(read_file(path) == test::bytes_of("old"));
  gif.finish();
  CHECK(decoded(read_file(path)).frames.size() == 1);
  CHECK(folder.entries() == 1);

  GifWriter nowhere(folder.file("none/a.gif"));
  nowhere.add(image);
  CHECK_THROWS_WITH(nowhere.finish(),
                    folder.file("none/a.gif") + ": cannot write: there is no folder '" + folder.file("none/'"));
  std::filesystem::create_directory(folder.file("none"));
  nowhere.finish();
  CHECK(read_file(folder.file("none/a.gif")) == read_file(path));
}

TEST_CASE("what cannot be a frame of a GIF file is refused", "[io]") {
  const test::TemporaryFolder folder;
  GifWriter gif(folder.file("a.gif"));
  CHECK_THROWS_WITH(gif.finish(), "number of frames of an animation is 0, expected 1 or more");
  CHECK_THROWS_WITH(gif.add({2, 2, 4, Bytes(16)}),
                    "number of channels of a GIF frame is 4, expected 1 (grey) or 3 (RGB)");
  CHECK_THROWS_WITH(gif.add({2, 2, 3, Bytes(11)}), "number of bytes of an image is 11, expected 12");
  CHECK_THROWS_WITH(gif.add({2, 0, 3, {}}), "size of a GIF frame is 2x0, expected 1 to 65535 either way");
  CHECK_THROWS_WITH(gif.add({65536, 1, 1, Bytes(65536)}),
                    "size of a GIF frame is 65536x1, expected 1 to 65535 either way");
  CHECK_THROWS_WITH(gif.add({2, 2, 1, Bytes(4)}, -1),
                    "delay of a GIF frame is -1, expected 0 to 65535 hundredths of a second");
  CHECK_THROWS_AS(GifWriter(folder.file("b.gif"), {.delay = 65536}), std::invalid_argument);
  gif.add({2, 3, 1, Bytes(6)});
  CHECK_THROWS_WITH(gif.add({3, 2, 1, Bytes(6)}), "size of a GIF frame is 3x2, expected 2x3, that of the first");
  CHECK(folder.entries() == 0);
  gif.finish();  // with the one good frame
  CHECK(decoded(read_file(folder.file("a.gif"))).frames.size() == 1);
  CHECK_THROWS_WITH(gif.add({2, 3, 1, Bytes(6)}), "animation is finished, expected one that is not, to add a frame");
}
