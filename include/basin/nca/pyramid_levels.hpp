#pragma once

// What pyramids (nca/pyramid.hpp) have in common, whether the image is a part of their state or told to their cells:
// the levels and their parameters, the image at each, and the way from one to the next.

#include <array>
#include <span>
#include <string>

#include "basin/core/layer.hpp"
#include "basin/layers/upsample.hpp"

namespace basin {

/// Whether the levels of a Pyramid have parameters of their own.
enum class PyramidRules {
  separate,  ///< those of one rollout for each level
  shared     ///< those of one rollout, for all levels
};

namespace detail {

template <class R, int I, int Levels, PyramidRules Rules, int Axes, int Factor>
struct PyramidLevels {
  static_assert(Levels > 0 && Factor > 0,
                "Pyramid: the numbers of levels and the factor between them must be positive");
  static constexpr std::size_t param_count = R::param_count * (Rules == PyramidRules::shared ? 1 : Levels);

  /// The rollouts of the levels, the coarsest first: their steps, and the options of their automata.
  std::array<R, static_cast<std::size_t>(Levels)> levels{};

  static void leaves(LeafList& list) {
    if constexpr (Rules == PyramidRules::shared) {
      R::leaves(list);
    } else {
      for (int l = 0; l < Levels; ++l) list.nested<R>(std::to_string(l));
    }
  }

  using Up = UpsampleNearest<Factor, Axes>;
  static constexpr std::size_t finest = static_cast<std::size_t>(Levels) - 1;
  template <class S>
  using AtLevels = std::array<View<S>, static_cast<std::size_t>(Levels)>;

  /// How many cells of the image are one of a level, along an axis.
  static Index block(std::size_t level) {
    Index cells = 1;
    for (std::size_t l = level; l < finest; ++l) cells *= Factor;
    return cells;
  }
  /// Of the image at a level.
  static Shape level_shape(const Shape& x, std::size_t level) {
    Shape shape = x;
    for (std::size_t axis = 0; axis < Axes; ++axis) shape.space[axis] /= block(level);
    return shape;
  }
  /// Throws std::invalid_argument unless the blocks of the coarsest grid fill the image.
  static void check_extents(const Shape& x) {
    for (std::size_t axis = 0; axis < Axes; ++axis) {
      if (x.space[axis] % block(0) == 0) continue;  // before the message takes memory: this is on hot paths
      check(false, "Pyramid: extent of an axis of space", x.space[axis], "a multiple of " + std::to_string(block(0)));
    }
  }

  /// theta, or its gradient, of a level.
  template <class S>
  static auto part(std::span<S, param_count> theta, std::size_t level) {
    const std::size_t first = Rules == PyramidRules::shared ? 0 : level * R::param_count;
    return std::span<S, R::param_count>(theta.data() + first, R::param_count);
  }

  /// The transpose of `Up`: the sums of blocks.
  template <class S>
  static void sum_blocks(View<const S> fine, View<S> coarse) {
    typename Up::template Linearization<S>(coarse.shape()).vjp(fine, coarse);
  }
  /// A sum over a block, times this, is its mean.
  template <class S>
  static S mean() {
    S cells = S(1);
    for (int axis = 0; axis < Axes; ++axis) cells *= Factor;
    return S(1) / cells;
  }

  /// The image at all levels, in scratch memory but for the finest.
  template <class S>
  class Images {
   public:
    explicit Images(View<const S> x) {
      of_[finest] = x;
      for (std::size_t l = finest; l-- > 0;) {
        const View<S> coarse = scratch_.template state<S>(level_shape(x.shape(), l));
        sum_blocks<S>(of_[l + 1], coarse);
        coarse.vector() *= mean<S>();
        of_[l] = coarse;
      }
    }
    [[nodiscard]] View<const S> at(std::size_t level) const { return of_[level]; }

   private:
    Scratch scratch_;
    AtLevels<const S> of_;
  };

  /// The transpose: adds what came for the image at each level to what came for the finest.
  template <class S>
  static void gather(const AtLevels<S>& images) {
    for (std::size_t l = 1; l <= finest; ++l) {
      Scratch own;
      const View<S> of_blocks = own.state<S>(images[l].shape());
      Up{}.apply({}, View<const S>(images[l - 1]), of_blocks);
      images[l].vector() += mean<S>() * of_blocks.vector();
    }
  }
};

}  // namespace detail

}  // namespace basin
