#pragma once

// Sheets: pictures in rows, with names of rows and columns or a caption below each, and what their colours stand for.

#include <optional>
#include <string>
#include <vector>

#include "basin/io/image.hpp"
#include "chart.hpp"
#include "drawing.hpp"
#include "raster.hpp"

namespace basin::examples {

struct SheetOptions {
  std::string title{};
  Index columns = 0;                           ///< 0: as many as about 900 units have room for
  double scale = 1;                            ///< units a pixel of the pictures
  double gap = 6;                              ///< units between pictures
  std::vector<std::string> captions{};         ///< below the pictures; empty, or one a picture
  std::vector<std::string> row_captions{};     ///< to the left of the rows
  std::vector<std::string> column_captions{};  ///< above the columns
  std::optional<ScaleBar> bar{};               ///< where colours mean numbers
  std::vector<KeyEntry> key{};                 ///< where colours have names
  bool framed = false;                         ///< a thin line around each picture, where they are white
};

/// RGB images in rows. Throws std::invalid_argument if there is none, or not as many captions as images.
[[nodiscard]] Drawing sheet(std::vector<Image> pictures, SheetOptions options = {});

/// A frame of an animation: an RGB image with a line of text below it.
[[nodiscard]] Image captioned(const Image& picture, const std::string& text);

/// An RGB image of cells across and steps down, a pixel each and `scale` units wide, with the
/// numbers of both at its edges.
[[nodiscard]] Drawing over_axes(Image picture, double scale, const std::string& x_label, const std::string& y_label);

}  // namespace basin::examples
