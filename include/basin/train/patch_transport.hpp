#pragma once

// How far the patches of a picture are from those of a texture: a loss for textures that needs no trained network.
//
//   L = 1/(N levels K) sum over samples, levels l and directions k of W({<d_lk, P>}, {<d_lk, Q>}),
//
// P runs over all patches of a sample at level l, Q over those of the target, each of S x S pixels of F colours, and
//
//   W(a, b) = integral over u in [0, 1] of (A(u) - B(u))^2,   A and B the quantile functions of the numbers a and b,
//
// is the squared Wasserstein distance on a line: the optimal transport pairs smallest with smallest. d_lk are drawn at
// random for each loss, of length 1, so that L is an unbiased estimate of the sliced distance between the two clouds of
// patches. Patches on a pyramid: A. Mordvintsev, E. Niklasson, "muNCA", 2021, section 3 (there by Sinkhorn's method on
// a sample of them); slices: J. Rabin et al. 2011, E. Heitz et al. 2021 (there of the features of a network).
//
// The pyramid keeps every position: a pixel of level l + 1 is the mean of four of level l that are 2^l apart, and the
// pixels of a patch of level l are 2^l apart. So all shifts of the pyramid that halves its pictures are in it, and L is
// the same for a picture and its translations. Samples are toruses.
//
// With n patches of a sample and the i-th smallest of their numbers a_i, W = 1/n sum_i (a_i - m_i)^2 + rest, where m_i
// is the mean of B over [i/n, (i+1)/n] and rest the variance of B within these intervals, whatever the number of
// patches of the target. m and rest are computed once, so that a sample costs its projections and K sorts a level.
// dW/da_i = 2/n (a_i - m_i), exact wherever no two numbers are equal.
//
// More than 300 lines, since pyramid, patches and transport make one loss, and no other header has a use for a part.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "basin/core/parallel.hpp"
#include "basin/core/random.hpp"
#include "basin/core/scratch.hpp"
#include "basin/kernels/matrix_product.hpp"
#include "basin/train/loss.hpp"
#include "basin/train/order.hpp"

namespace basin {

/// Which patches are compared, and how.
struct PatchTransportOptions {
  Index patch = 5;             ///< S, pixels along a side of a patch; 1 to 255
  Index levels = 5;            ///< 1 to 30; a patch of the last covers S 2^(levels - 1) pixels, which must fit
  Index directions = 16;       ///< K, of each level; 1 to 4096
  double mean_weight = 1;      ///< by how much a patch's mean colour counts in d: below 1, detail counts for more
  bool wrap = false;           ///< the target goes round, as a tile does
  Index most_patches = 16384;  ///< of the target at a level; if there are more, about so many on a regular grid
};

/// The most levels, up to `wanted`, whose patches fit into pictures of both sizes; 0 if not even one does.
[[nodiscard]] inline Index levels_that_fit(Index wanted, Index patch, const Shape& a, const Shape& b) {
  const Index side = std::min({a.space[0], a.space[1], b.space[0], b.space[1]});
  Index levels = 0;
  while (levels < wanted && patch << levels <= side) ++levels;
  return levels;
}

/// Holds the target's side of the loss. F is the number of colours: the first features of y.
template <class S, int F = 3>
class PatchTransport {
  static_assert(F > 0, "PatchTransport: there must be at least one colour");

 public:
  /// target: (F, X, Y, 1, 1); `generated`: the shape (F or more, X, Y, 1, any) of what is compared with it. The
  /// directions follow from the numbers of `random` from index * 2^32 on: let `index` be the iteration. Works on all
  /// threads. Throws std::invalid_argument for other shapes, options out of range, and patches that do not fit.
  PatchTransport(View<const S> target, const Shape& generated, const Random& random, std::uint64_t index,
                 const PatchTransportOptions& options = {})
      : options_(options), space_(generated.space), levels_(checked(target.shape(), generated, options)) {
    const Shape& shape = target.shape();
    Scratch scratch;
    const std::vector<S*> pyramid = this->pyramid(target, scratch);
    parallel_for(options.levels, [&](Index l) {
      Level& level = levels_[static_cast<std::size_t>(l)];
      const std::uint64_t first = (index << 32) + (static_cast<std::uint64_t>(l) << 24);
      level.directions = draw_directions(random, first);
      const Index reach = options.wrap ? 0 : (options.patch << l) - 1;
      Places places{shape.space, Index{1} << l, {0, 0}, {shape.space[0] - reach, shape.space[1] - reach}, 1};
      const double crowd = static_cast<double>(places.count()) / static_cast<double>(options.most_patches);
      if (crowd > 1) {
        places.stride = static_cast<Index>(std::ceil(std::sqrt(crowd)));
        for (std::size_t axis = 0; axis < 2; ++axis) {
          const auto room = static_cast<std::uint64_t>(std::min(places.stride, places.extent[axis]));
          places.first[axis] = static_cast<Index>(random.below(first + (1 << 23) + axis, room));
          places.extent[axis] = (places.extent[axis] - places.first[axis] + places.stride - 1) / places.stride;
        }
      }
      compare_with(level, pyramid[static_cast<std::size_t>(l)], places);
    });
  }

  /// y: samples of the shape given to the constructor. Throws std::invalid_argument for another.
  double value_and_gradient(View<const S> y, Index first_sample, Index batch_size, View<S> dy) const {
    detail::check_slice<S>(y, first_sample, batch_size, dy);
    const Shape& shape = y.shape();
    if (shape.features < F || shape.space != space_) {
      check(false, "shape of pictures that are compared with a texture", shape,
            Shape{F, space_, shape.samples}.to_string() + ", or more features");
    }
    const double part = 1.0 / static_cast<double>(batch_size * options_.levels * options_.directions);
    double sum = 0;
    if (dy) dy.vector().setZero();
    for (Index n = 0; n < y.samples(); ++n) sum += of_sample(y.sample(n), part, dy ? dy.sample(n) : View<S>{});
    return sum * part;
  }

 private:
  struct Level {
    Matrix<S> directions;  // (F S S, K), colours first, then along x, then along y
    Matrix<S> means;       // (patches of a sample, K): m, ascending
    double rest = 0;       // of all K directions
  };

  /// Where patches begin: extent[0] x extent[1] places, `stride` pixels apart, of a picture that goes round.
  struct Places {
    std::array<Index, 3> space{};
    Index apart = 1;  // of the pixels of a patch
    std::array<Index, 2> first{}, extent{};
    Index stride = 1;

    [[nodiscard]] Index count() const { return extent[0] * extent[1]; }
  };

  static std::vector<Level> checked(const Shape& target, const Shape& generated, const PatchTransportOptions& options) {
    for (const Shape& shape : {target, generated}) {
      check(shape.features >= F && shape.space[2] == 1, "shape of a picture", shape,
            "(" + std::to_string(F) + " colours, width, height, 1, samples)");
    }
    check(target.features == F && target.samples == 1, "shape of a texture", target,
          Shape{F, target.space, 1}.to_string());
    check(options.patch >= 1 && options.patch <= 255, "side of a patch", options.patch, "1 to 255");
    check(options.levels >= 1 && options.levels <= 30, "levels of a pyramid", options.levels, "1 to 30");
    check(options.directions >= 1 && options.directions <= 4096, "directions of a level", options.directions,
          "1 to 4096");
    check(options.most_patches >= 1, "most patches of a texture", options.most_patches, "at least 1");
    const Index fitting = levels_that_fit(options.levels, options.patch, target, generated);
    check(fitting == options.levels, "levels of a pyramid", options.levels,
          "at most " + std::to_string(fitting) + ", so that patches of side " + std::to_string(options.patch) +
              " fit into both pictures");
    return std::vector<Level>(static_cast<std::size_t>(options.levels));
  }

  [[nodiscard]] Index patch_size() const { return F * options_.patch * options_.patch; }

  [[nodiscard]] Matrix<S> draw_directions(const Random& random, std::uint64_t first) const {
    Matrix<S> directions(patch_size(), options_.directions);
    for (Index k = 0; k < options_.directions; ++k) {
      Matrix<double> d(F, options_.patch * options_.patch);
      for (Index i = 0; i < d.size(); ++i) d.data()[i] = random.normal(first++);
      d.colwise() += (options_.mean_weight - 1) * d.rowwise().mean().eval();
      const double length = d.norm();
      directions.col(k) = (d.reshaped() / (length > 0 ? length : 1)).template cast<S>();
    }
    return directions;
  }

  /// The first F features of a picture and, for each further level, the means of four.
  [[nodiscard]] std::vector<S*> pyramid(View<const S> picture, Scratch& scratch) const {
    const Shape& shape = picture.shape();
    const Index cells = shape.cells_per_sample(), line = F * shape.space[0], height = shape.space[1];
    std::vector<S*> levels;
    for (Index l = 0; l < options_.levels; ++l) levels.push_back(scratch.take<S>(F * cells));
    Eigen::Map<Matrix<S>>(levels[0], F, cells) = picture.matrix().topRows(F);
    for (std::size_t l = 0; l + 1 < levels.size(); ++l) {
      const Index apart = Index{1} << l;
      for (Index y = 0; y < height; ++y) {
        const S* here = levels[l] + y * line;
        const S* below = levels[l] + (y + apart) % height * line;
        S* to = levels[l + 1] + y * line;
        const Index shift = F * apart, straight = line - shift;
        for (Index i = 0; i < straight; ++i) to[i] = (here[i] + here[i + shift] + below[i] + below[i + shift]) / 4;
        for (Index i = straight; i < line; ++i) {
          to[i] = (here[i] + here[i - straight] + below[i] + below[i - straight]) / 4;
        }
      }
    }
    return levels;
  }

  /// The transpose of one step of the pyramid: fine += its image of coarse.
  static void spread(const S* coarse, const std::array<Index, 3>& space, Index apart, S* fine) {
    const Index line = F * space[0], shift = F * apart, straight = line - shift;
    for (Index y = 0; y < space[1]; ++y) {
      const S* from = coarse + y * line;
      for (const Index row : {y, (y + apart) % space[1]}) {
        S* to = fine + row * line;
        for (Index i = 0; i < line; ++i) to[i] += from[i] / 4;
        for (Index i = 0; i < straight; ++i) to[i + shift] += from[i] / 4;
        for (Index i = straight; i < line; ++i) to[i - straight] += from[i] / 4;
      }
    }
  }

  /// Calls visit(pixels, colours) for every pixel of every patch of a line of places, in the order of patches (a column
  /// of F S S numbers each): where the pixel's colours are in the picture, and in the columns.
  template <class Picture, class Patches, class Visit>
  void each_pixel(const Places& places, Index line, Picture* picture, Patches* patches, const Visit& visit) const {
    const Index width = places.space[0], height = places.space[1], side = options_.patch;
    const Index y = places.first[1] + line * places.stride;
    for (Index j = 0; j < side; ++j) {
      Picture* row = picture + (y + j * places.apart) % height * width * F;
      for (Index i = 0; i < side; ++i) {
        Patches* to = patches + (j * side + i) * F;
        Index x = (places.first[0] + i * places.apart) % width;
        for (Index p = 0; p < places.extent[0]; ++p, to += side * side * F) {
          visit(row + x * F, to);
          x += places.stride;
          if (x >= width) x -= width;
        }
      }
    }
  }

  /// out (places, K) = <d_k, patch at the place>.
  void project(const S* picture, const Places& places, const Matrix<S>& directions, S* out) const {
    const Index count = places.extent[0];
    Scratch scratch;
    S* patches = scratch.take<S>(patch_size() * count);
    const Eigen::Map<Matrix<S>> columns(patches, patch_size(), count);
    Eigen::Map<Matrix<S>> all(out, places.count(), directions.cols());
    for (Index line = 0; line < places.extent[1]; ++line) {
      each_pixel(places, line, picture, patches, [](const S* from, S* to) {
        for (int c = 0; c < F; ++c) to[c] = from[c];
      });
      kernels::product(all.middleRows(line * count, count), columns.transpose(), directions);
    }
  }

  /// The transpose of project: picture += its image of `in`.
  void project_back(const S* in, const Places& places, const Matrix<S>& directions, S* picture) const {
    const Index count = places.extent[0];
    Scratch scratch;
    S* patches = scratch.take<S>(patch_size() * count);
    Eigen::Map<Matrix<S>> columns(patches, patch_size(), count);
    const Eigen::Map<const Matrix<S>> all(in, places.count(), directions.cols());
    for (Index line = 0; line < places.extent[1]; ++line) {
      kernels::product(columns, directions, all.middleRows(line * count, count).transpose());
      each_pixel(places, line, picture, static_cast<const S*>(patches), [](S* to, const S* from) {
        for (int c = 0; c < F; ++c) to[c] += from[c];
      });
    }
  }

  /// Fills m and rest from one level of the target.
  void compare_with(Level& level, const S* picture, const Places& places) const {
    const Index patches = places.count(), own = space_[0] * space_[1];
    Scratch scratch;
    S* numbers = scratch.take<S>(patches * options_.directions);
    project(picture, places, level.directions, numbers);
    level.means.resize(own, options_.directions);
    std::uint32_t* order = scratch.take<std::uint32_t>(patches);
    for (Index k = 0; k < options_.directions; ++k) {
      const S* b = numbers + k * patches;
      detail::ascending(b, patches, order);
      // In units of 1 / (own patches) every interval of either side is whole.
      Index j = 0, from = 0;
      double rest = 0;
      for (Index i = 0; i < own; ++i) {
        const Index end = (i + 1) * patches;
        // From the first number on, so that equal ones have no variance at all.
        const double least = static_cast<double>(b[order[j]]);
        double sum = 0, squares = 0;
        while (from < end) {
          const Index to = std::min(end, (j + 1) * own);
          const double overlap = static_cast<double>(to - from), above = static_cast<double>(b[order[j]]) - least;
          sum += overlap * above;
          squares += overlap * above * above;
          if (to == (j + 1) * own) ++j;
          from = to;
        }
        const double mean = sum / static_cast<double>(patches);
        level.means(i, k) = static_cast<S>(least + mean);
        rest += std::max(0.0, squares / static_cast<double>(patches) - mean * mean);
      }
      level.rest += rest / static_cast<double>(own);
    }
  }

  /// The sum of W over levels and directions, and, if wanted, part times its gradient.
  double of_sample(View<const S> y, double part, View<S> dy) const {
    const Index own = y.shape().cells_per_sample();
    Scratch scratch;
    const std::vector<S*> pyramid = this->pyramid(y, scratch);
    S* numbers = scratch.take<S>(own * options_.directions);
    std::uint32_t* order = scratch.take<std::uint32_t>(own);
    S* dlevel = dy ? scratch.take<S>(F * own) : nullptr;
    S* dcoarse = dy ? scratch.take<S>(F * own) : nullptr;
    if (dy) std::fill_n(dcoarse, F * own, S(0));
    double sum = 0;
    for (Index l = options_.levels; l-- > 0;) {
      const Level& level = levels_[static_cast<std::size_t>(l)];
      const Places places{space_, Index{1} << l, {0, 0}, {space_[0], space_[1]}, 1};
      project(pyramid[static_cast<std::size_t>(l)], places, level.directions, numbers);
      const double each = 1.0 / static_cast<double>(own);
      double squares = 0;
      for (Index k = 0; k < options_.directions; ++k) {
        S* a = numbers + k * own;
        detail::ascending(a, own, order);
        const S* m = level.means.data() + k * own;
        for (Index i = 0; i < own; ++i) {
          const double difference = static_cast<double>(a[order[i]]) - static_cast<double>(m[i]);
          squares += difference * difference;
          a[order[i]] = static_cast<S>(2 * part * each * difference);
        }
      }
      sum += squares * each + level.rest;
      if (!dy) continue;
      std::fill_n(dlevel, F * own, S(0));
      if (l + 1 < options_.levels) spread(dcoarse, space_, Index{1} << l, dlevel);
      project_back(numbers, places, level.directions, dlevel);
      std::swap(dlevel, dcoarse);
    }
    if (dy) dy.matrix().topRows(F) = Eigen::Map<const Matrix<S>>(dcoarse, F, own);
    return sum;
  }

  PatchTransportOptions options_;
  std::array<Index, 3> space_;
  std::vector<Level> levels_;
};

}  // namespace basin
