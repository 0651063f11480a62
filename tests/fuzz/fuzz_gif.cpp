// GIF, which is only written: giflib finds in the file the frames, and their colours where they are at most 256.

#include <gif_lib.h>

#include <memory>
#include <set>

#include "basin/io/gif.hpp"
#include "fuzz.hpp"

namespace basin::fuzz {

void seeds(const Keep& keep) {
  keep({3, 2, 1, 4, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18});
  keep({20, 20, 0, 9, 1, 1, 1, 1, 2, 2, 2});
  Bytes many{23, 23, 2, 0, 0};
  for (int i = 0; i < 1728; ++i) many.push_back(static_cast<std::uint8_t>(i * i / 7 + i));
  keep(many);
}

void target(Input input) {
  const Index width = static_cast<Index>(1 + input.below(24)), height = static_cast<Index>(1 + input.below(24));
  const std::size_t frames = 1 + input.below(3);
  const int delay = input.byte();
  const bool loop = input.below(2) == 0;
  std::vector<Image> images;
  for (std::size_t i = 0; i < frames; ++i) {
    const Index channels = input.below(2) == 0 ? 1 : 3;
    images.push_back({width, height, channels, input.filled(static_cast<std::size_t>(width * height * channels))});
  }
  write_gif(file("out.gif"), images, {.delay = delay, .loop = loop});

  const auto close = [](GifFileType* gif) { DGifCloseFile(gif, nullptr); };
  const std::unique_ptr<GifFileType, decltype(close)> gif(DGifOpenFileName(file("out.gif").c_str(), nullptr), close);
  require(gif != nullptr && DGifSlurp(gif.get()) == GIF_OK, "giflib reads the file");
  require(gif->SWidth == width && gif->SHeight == height, "the size is that of the frames");
  require(gif->ImageCount == static_cast<int>(frames), "each frame is there");
  for (std::size_t i = 0; i < frames; ++i) {
    const Image& image = images[i];
    const SavedImage& saved = gif->SavedImages[i];
    GraphicsControlBlock control{};
    require(DGifSavedExtensionToGCB(gif.get(), static_cast<int>(i), &control) == GIF_OK && control.DelayTime == delay,
            "a frame has its delay");
    std::set<std::array<int, 3>> colours;
    bool exact = true;
    for (std::size_t p = 0; p < static_cast<std::size_t>(width * height); ++p) {
      const std::uint8_t* pixel = image.pixels.data() + p * static_cast<std::size_t>(image.channels);
      const bool grey = image.channels == 1;
      colours.insert({pixel[0], pixel[grey ? 0 : 1], pixel[grey ? 0 : 2]});
      require(saved.RasterBits[p] < saved.ImageDesc.ColorMap->ColorCount, "a pixel has a colour");
      const GifColorType& found = saved.ImageDesc.ColorMap->Colors[saved.RasterBits[p]];
      exact = exact && found.Red == pixel[0] && found.Green == pixel[grey ? 0 : 1] && found.Blue == pixel[grey ? 0 : 2];
    }
    require(exact || colours.size() > 256, "256 colours are kept");
  }
}

}  // namespace basin::fuzz
