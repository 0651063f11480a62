#include "raster.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

namespace basin::examples {

Image blank(Index width, Index height, Colour colour) {
  Image image{width, height, 3, {}};
  image.pixels.reserve(static_cast<std::size_t>(3 * width * height));
  for (Index i = 0; i < width * height; ++i)
    image.pixels.insert(image.pixels.end(), {colour.red, colour.green, colour.blue});
  return image;
}

void fill(Image& image, Index x, Index y, Index width, Index height, Colour colour) {
  for (Index j = std::max<Index>(y, 0); j < std::min(y + height, image.height); ++j) {
    for (Index i = std::max<Index>(x, 0); i < std::min(x + width, image.width); ++i) {
      std::uint8_t* pixel = image.at(i, j);
      pixel[0] = colour.red, pixel[1] = colour.green, pixel[2] = colour.blue;
    }
  }
}

Image below(const Image& first, const Image& second) {
  check(first.channels == 3 && second.channels == 3, "channels of two images, one below the other",
        std::to_string(first.channels) + ", " + std::to_string(second.channels), "3, 3");
  Image both = blank(std::max(first.width, second.width), first.height + second.height);
  for (Index y = 0; y < first.height; ++y) std::copy_n(first.at(0, y), 3 * first.width, both.at(0, y));
  for (Index y = 0; y < second.height; ++y) {
    std::copy_n(second.at(0, y), 3 * second.width, both.at(0, first.height + y));
  }
  return both;
}

Image middle_of(const Image& image, Index border) {
  check(border >= 0 && 2 * border < std::min(image.width, image.height), "border that is cut off an image", border,
        "at least 0, and less than half of it");
  Image middle{image.width - 2 * border, image.height - 2 * border, image.channels, {}};
  const auto row = static_cast<std::ptrdiff_t>(middle.channels * middle.width);
  middle.pixels.reserve(static_cast<std::size_t>(row * middle.height));
  for (Index y = 0; y < middle.height; ++y) {
    const std::uint8_t* first = image.at(border, border + y);
    middle.pixels.insert(middle.pixels.end(), first, first + row);
  }
  return middle;
}

std::vector<Image> images_of(View<const float> tiles, ColourMap map, double low, double high) {
  const Shape& shape = tiles.shape();
  check(shape.features == 1 && shape.space[2] == 1, "shape of the tiles of a sheet", shape, "(1, width, height, 1, N)");
  std::vector<Image> images;
  for (Index n = 0; n < shape.samples; ++n) {
    const float* tile = tiles.sample(n).data();
    Image& image = images.emplace_back(blank(shape.space[0], shape.space[1]));
    for (Index i = 0; i < shape.space[0] * shape.space[1]; ++i) {
      fill(image, i % image.width, i / image.width, 1, 1, map((static_cast<double>(tile[i]) - low) / (high - low)));
    }
  }
  return images;
}

State<float> channels_as_tiles(View<const float> sample) {
  const Shape& shape = sample.shape();
  check(shape.samples == 1, "number of samples whose channels are to be tiles", shape.samples, 1);
  State<float> out(Shape{1, shape.space, shape.features});
  out.view().columns() = sample.matrix().transpose();
  return out;
}

}  // namespace basin::examples
