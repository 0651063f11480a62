#pragma once

// Handwriting-like digits that the program draws itself, for runs without MNIST.
//
// A digit is a few strokes through control points in a box of height 1 (x right, y down). One sample of it is made by
//
//   p -> rotate(shear(squeeze(p + jitter))) + wave      of every control point p
//
// then smooth curves through the points (E. Catmull, R. Rom, "A class of local interpolating splines", 1974), fitted
// into 20x20 pixels and centred by mass in 28x28 as MNIST's are, and drawn with a pen whose width changes on the way.
// A pixel's ink follows from its distance to the closest stroke.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <string>
#include <vector>

#include "basin/core/parallel.hpp"
#include "basin/core/random.hpp"
#include "basin/io/mnist.hpp"
#include "dice.hpp"

namespace basin::examples {

namespace detail {

struct Point {
  double x = 0, y = 0;
};
using Stroke = std::vector<Point>;  ///< a point that comes twice in a row is a corner
using Glyph = std::vector<Stroke>;

/// The ways of writing each digit.
[[nodiscard]] inline const std::array<std::vector<Glyph>, 10>& glyphs() {
  static const std::array<std::vector<Glyph>, 10> all{{
      // 0: closed, and not quite closed
      {{{{.52, .02}, {.2, .16}, {.1, .5}, {.2, .84}, {.5, .99}, {.8, .82}, {.9, .5}, {.8, .16}, {.5, .02}}},
       {{{.62, .06}, {.3, .06}, {.1, .42}, {.18, .82}, {.48, .99}, {.82, .78}, {.9, .36}, {.66, .04}, {.36, .1}}}},
      // 1: a line, with a flag, with flag and foot
      {{{{.5, 0.}, {.5, .5}, {.49, 1.}}},
       {{{.3, .24}, {.42, .14}, {.52, .0}, {.52, .0}, {.5, .5}, {.5, 1.}}},
       {{{.26, .26}, {.4, .15}, {.52, .0}, {.52, .0}, {.51, .5}, {.5, .98}}, {{.2, .99}, {.5, .98}, {.8, .98}}}},
      // 2: with a corner, with a loop, like a z
      {{{{.14, .26},
         {.3, .06},
         {.62, .02},
         {.82, .22},
         {.68, .5},
         {.4, .74},
         {.1, .96},
         {.1, .96},
         {.5, .94},
         {.92, .96}}},
       {{{.14, .22},
         {.38, .03},
         {.72, .1},
         {.76, .4},
         {.5, .74},
         {.22, .96},
         {.08, .86},
         {.22, .74},
         {.5, .86},
         {.94, .98}}},
       {{{.12, .1}, {.5, .02}, {.84, .08}, {.7, .42}, {.12, .94}, {.12, .94}, {.5, .98}, {.88, .9}}}},
      // 3: round, with a flat top
      {{{{.14, .14},
         {.4, .01},
         {.76, .1},
         {.74, .34},
         {.38, .47},
         {.38, .47},
         {.76, .56},
         {.86, .8},
         {.52, 1.},
         {.12, .88}}},
       {{{.14, .04},
         {.5, .04},
         {.84, .03},
         {.84, .03},
         {.44, .42},
         {.44, .42},
         {.8, .52},
         {.84, .8},
         {.5, 1.},
         {.1, .9}}}},
      // 4: open, closed, with a curved cup
      {{{{.22, .04}, {.18, .28}, {.12, .54}, {.12, .54}, {.5, .54}, {.9, .5}}, {{.74, .04}, {.7, .5}, {.66, 1.}}},
       {{{.66, .0}, {.36, .36}, {.06, .68}, {.06, .68}, {.5, .68}, {.94, .66}}, {{.66, .0}, {.66, .5}, {.66, 1.}}},
       {{{.2, .02}, {.12, .34}, {.24, .52}, {.54, .5}, {.78, .36}}, {{.82, .02}, {.76, .4}, {.7, .7}, {.66, 1.}}}},
      // 5: in one go, with the bar on its own
      {{{{.86, .03},
         {.56, .04},
         {.26, .04},
         {.26, .04},
         {.2, .44},
         {.2, .44},
         {.56, .36},
         {.84, .56},
         {.76, .88},
         {.42, 1.},
         {.1, .9}}},
       {{{.3, .06}, {.22, .26}, {.2, .46}, {.2, .46}, {.5, .38}, {.8, .54}, {.78, .84}, {.46, 1.}, {.14, .94}},
        {{.3, .06}, {.6, .05}, {.9, .0}}}},
      // 6: curved, straight
      {{{{.76, .04}, {.42, .16}, {.16, .52}, {.18, .86}, {.5, 1.}, {.82, .84}, {.76, .58}, {.46, .52}, {.18, .74}}},
       {{{.6, .0}, {.36, .34}, {.16, .66}, {.24, .94}, {.54, .98}, {.74, .78}, {.58, .6}, {.34, .64}, {.18, .8}}}},
      // 7: plain, crossed, with a hook
      {{{{.1, .08}, {.5, .06}, {.88, .04}, {.88, .04}, {.6, .46}, {.42, 1.}}},
       {{{.1, .06}, {.5, .07}, {.88, .04}, {.88, .04}, {.58, .5}, {.4, 1.}}, {{.3, .54}, {.54, .52}, {.8, .48}}},
       {{{.12, .26}, {.16, .08}, {.16, .08}, {.5, .08}, {.86, .05}, {.86, .05}, {.66, .4}, {.54, .7}, {.5, 1.}}}},
      // 8: in one go, two circles
      {{{{.78, .14},
         {.48, .01},
         {.22, .18},
         {.42, .42},
         {.74, .66},
         {.74, .9},
         {.46, 1.},
         {.2, .84},
         {.36, .56},
         {.72, .34},
         {.78, .14}}},
       {{{.5, .46}, {.24, .3}, {.34, .04}, {.66, .03}, {.76, .28}, {.5, .46}},
        {{.5, .47}, {.2, .66}, {.28, .95}, {.68, .98}, {.82, .7}, {.52, .47}}}},
      // 9: with a straight stem, with a curved tail
      {{{{.8, .22}, {.54, .02}, {.2, .16}, {.24, .44}, {.56, .46}, {.8, .22}, {.8, .22}, {.76, .6}, {.72, 1.}}},
       {{{.78, .16}, {.46, .02}, {.18, .22}, {.3, .48}, {.62, .44}, {.78, .16}, {.8, .5}, {.66, .88}, {.26, .98}}}},
  }};
  return all;
}

/// Moves the control points as one hand at one time would.
inline void distort(Glyph& glyph, Dice& dice) {
  const double squeeze = 0.8 * std::exp(dice.normal(0, 0.24)), shear = dice.normal(0.18, 0.28);
  const double angle = dice.normal(0, 0.15), cosine = std::cos(angle), sine = std::sin(angle);
  const double bow = dice.normal(0, 0.08), stretch = dice.normal(0, 0.2), jitter = dice.uniform(0.02, 0.065);
  for (Stroke& stroke : glyph) {
    Point before{}, moved{};
    for (std::size_t i = 0; i < stroke.size(); ++i) {
      const Point p = stroke[i];
      if (i > 0 && p.x == before.x && p.y == before.y) {  // a corner stays one
        stroke[i] = moved;
        continue;
      }
      before = p;
      // Upper and lower half of different size, and a bow to one side.
      const double y = p.y - 0.5 + stretch * (p.y - p.y * p.y) + dice.normal(0, jitter);
      const double x =
          (p.x - 0.5 + dice.normal(0, jitter)) * squeeze + bow * std::cos(std::numbers::pi * y) - shear * y;
      moved = {cosine * x - sine * y, sine * x + cosine * y};
      stroke[i] = moved;
    }
  }
}

/// The curve through the points, as a chain of short lines.
[[nodiscard]] inline Stroke curve_through(const Stroke& points) {
  constexpr int pieces = 7;
  Stroke out;
  for (std::size_t i = 0; i + 1 < points.size(); ++i) {
    const Point &p1 = points[i], &p2 = points[i + 1];
    if (p1.x == p2.x && p1.y == p2.y) continue;
    const Point &p0 = points[i == 0 ? 0 : i - 1], &p3 = points[std::min(i + 2, points.size() - 1)];
    for (int k = out.empty() ? 0 : 1; k <= pieces; ++k) {
      const double t = static_cast<double>(k) / pieces;
      const auto at = [t](double a, double b, double c, double d) {
        return 0.5 * (2 * b + t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a))));
      };
      out.push_back({at(p0.x, p1.x, p2.x, p3.x), at(p0.y, p1.y, p2.y, p3.y)});
    }
  }
  return out;
}

/// To pixels: the longer side as MNIST's 20, the centre of the ink in the middle, both a little off.
inline void fit(Glyph& curves, Dice& dice) {
  Point low{1e9, 1e9}, high{-1e9, -1e9}, centre{};
  double length = 0;
  for (const Stroke& curve : curves) {
    for (std::size_t i = 0; i < curve.size(); ++i) {
      low = {std::min(low.x, curve[i].x), std::min(low.y, curve[i].y)};
      high = {std::max(high.x, curve[i].x), std::max(high.y, curve[i].y)};
      if (i == 0) continue;
      const double piece = std::hypot(curve[i].x - curve[i - 1].x, curve[i].y - curve[i - 1].y);
      centre.x += piece * 0.5 * (curve[i].x + curve[i - 1].x);
      centre.y += piece * 0.5 * (curve[i].y + curve[i - 1].y);
      length += piece;
    }
  }
  const double size = dice.uniform(15.5, 19.0);  // between the middles of the pen, whose width comes on top
  const double scale = size / std::max({high.x - low.x, high.y - low.y, 0.1});
  const Point shift{13.5 - scale * centre.x / length + dice.normal(0, 0.5),
                    13.5 - scale * centre.y / length + dice.normal(0, 0.5)};
  for (Stroke& curve : curves) {
    for (Point& p : curve) p = {scale * p.x + shift.x, scale * p.y + shift.y};
  }
}

/// Adds the darkness of one short line to 28x28 pixels; `pen` is half the width of the pen.
inline void draw_line(const Point& a, const Point& b, double pen, float* pixels) {
  constexpr double edge = 0.6;  // from full darkness to paper takes twice this
  const double reach = pen + edge, dx = b.x - a.x, dy = b.y - a.y, square = dx * dx + dy * dy;
  const auto first = [reach](double u, double v) {
    return std::max(0, static_cast<int>(std::ceil(std::min(u, v) - reach)));
  };
  const auto last = [reach](double u, double v) {
    return std::min(27, static_cast<int>(std::floor(std::max(u, v) + reach)));
  };
  for (int y = first(a.y, b.y); y <= last(a.y, b.y); ++y) {
    for (int x = first(a.x, b.x); x <= last(a.x, b.x); ++x) {
      const double t = square > 0 ? std::clamp(((x - a.x) * dx + (y - a.y) * dy) / square, 0.0, 1.0) : 0.0;
      const double ex = x - a.x - t * dx, ey = y - a.y - t * dy, distance = std::sqrt(ex * ex + ey * ey);
      const double darkness = std::clamp((reach - distance) / (2 * edge), 0.0, 1.0);
      float& pixel = pixels[28 * y + x];
      pixel = std::max(pixel, static_cast<float>(darkness));
    }
  }
}

}  // namespace detail

/// Draws one digit, 0 to 9, into 28x28 pixels, rows from the top: 0 paper, 1 ink. A function of its arguments
/// alone.
inline void draw_digit(int digit, std::uint64_t seed, std::uint64_t sample, float* pixels) {
  check(digit >= 0 && digit <= 9, "digit", digit, "0 to 9");
  Dice dice(seed, 0x64696769, sample);
  const auto& ways = detail::glyphs()[static_cast<std::size_t>(digit)];
  detail::Glyph glyph = ways[dice.below(ways.size())];
  detail::distort(glyph, dice);
  for (detail::Stroke& stroke : glyph) stroke = detail::curve_through(stroke);
  detail::fit(glyph, dice);

  std::fill_n(pixels, 28 * 28, 0.0f);
  const double pen = dice.uniform(0.65, 1.7), wobble = dice.uniform(0, 0.3), phase = dice.uniform(0, 6.28);
  for (const detail::Stroke& curve : glyph) {
    for (std::size_t i = 1; i < curve.size(); ++i) {
      detail::draw_line(curve[i - 1], curve[i], pen * (1 + wobble * std::sin(0.17 * static_cast<double>(i) + phase)),
                        pixels);
    }
  }
}

/// `count` drawn digits, the labels drawn at random too. A function of its arguments alone: neither the number of
/// threads nor count changes a sample. Throws std::invalid_argument if count is negative.
[[nodiscard]] inline LabelledImages drawn_digits(Index count, std::uint64_t seed) {
  check(count >= 0, "number of digits", count, "0 or more");
  LabelledImages out;
  out.images = State<float>(Shape{1, {28, 28, 1}, count});
  out.labels.resize(static_cast<std::size_t>(count));
  const Random labels{seed, 0x6c6162656c};
  constexpr Index block = 64;
  parallel_for((count + block - 1) / block, [&](Index b) {
    for (Index n = b * block; n < std::min(count, (b + 1) * block); ++n) {
      const auto sample = static_cast<std::uint64_t>(n);
      const int digit = static_cast<int>(labels.below(sample, 10));
      out.labels[static_cast<std::size_t>(n)] = static_cast<std::uint8_t>(digit);
      draw_digit(digit, seed, sample, out.images.view().sample(n).data());
    }
  });
  return out;
}

/// A training and a test set.
struct DigitSets {
  std::string name;
  LabelledImages train, test;
};

/// MNIST from `folder`, or drawn digits if that is empty: 12,000 and 2,000, the same for every seed of a run. Throws
/// FileError for files that cannot be read, or that have no images.
[[nodiscard]] inline DigitSets load_digits(const std::string& folder) {
  constexpr std::uint64_t train_seed = 1, test_seed = 2;
  if (folder.empty()) return {"drawn", drawn_digits(12000, train_seed), drawn_digits(2000, test_seed)};
  DigitSets sets{"mnist", read_mnist(folder, MnistSplit::train), read_mnist(folder, MnistSplit::test)};
  for (const LabelledImages* set : {&sets.train, &sets.test}) {
    check_file(set->images.shape.samples > 0, folder, set == &sets.train ? "training images" : "test images", 0,
               "at least 1");
  }
  return sets;
}

}  // namespace basin::examples
