#pragma once

// An automaton from coarse to fine: a layer that takes an image to a state of the same space. The image is made coarser
// level by level; on the coarsest grid the automaton begins with it, runs, and its state, each cell repeated, is where
// it goes on with the next finer image,
//
//   s_0 = [i_0; 0],   z_l = rollout_l(s_l),   s_l = [i_l; features I ... C - 1 of up(z_{l-1})],   y = z_{Levels-1},
//
// where i_l is the image in blocks of Factor^(Levels - 1 - l) cells along each of the first Axes axes, whose mean it
// is, and up repeats each cell. So what is far apart meets on coarse grids, in few steps, and most steps are cheap.
// This is N. Lemke, J. Kalkhof, N. Babendererde, A. Mukhopadhyay, "OctreeNCA", 2025 (arXiv 2508.06993); there a coarser
// image has one cell of each block, and not their mean.
//
// x is (I, X, Y, Z, N), y is (C, X, Y, Z, N) with all features of the automaton, the image first. The automaton keeps
// the image if its update does, Keeping<FeatureRange<0, I>> of nca/update.hpp, and its alive mask, if it has one. theta
// is that of one rollout for each level, the coarsest first, with leaves "0.", "1.", ...; or of one for all. Random
// masks are those of as many steps one after another: level l begins with the step after the last of level l - 1.
//
// Backward, with g at z_l and ds = J_l^T g: features 0 ... I - 1 of ds come for i_l, the others by up^T for z_{l-1};
// and what comes for i_l comes for the cells of its blocks.

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "basin/core/layer.hpp"
#include "basin/layers/feature_slices.hpp"
#include "basin/layers/upsample.hpp"
#include "basin/nca/rollout.hpp"

namespace basin {

/// Whether the levels of a Pyramid have parameters of their own.
enum class PyramidRules {
  separate,  ///< those of one rollout for each level
  shared     ///< those of one rollout, for all levels
};

/// R: a Rollout that is a layer. I: features of the image.
template <class R, int I, int Levels, PyramidRules Rules = PyramidRules::separate, int Axes = 2, int Factor = 2>
struct Pyramid {
  static_assert(Layer<R>,
                "Pyramid: the levels must be rollouts whose cells are told nothing but their image (no Conditioned)");
  static_assert(Levels > 0 && Factor > 0,
                "Pyramid: the numbers of levels and the factor between them must be positive");
  static_assert(I > 0 && I <= R::in_features,
                "Pyramid: the image must have a feature, and at most as many as the automaton");

  static constexpr int in_features = I;                ///< those of the image
  static constexpr int out_features = R::in_features;  ///< C, those of the automaton
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

  /// Throws std::invalid_argument for another number of features, and extents that are no multiples of the blocks of
  /// the coarsest grid.
  [[nodiscard]] Shape out_shape(const Shape& x) const {
    check_features("Pyramid", x.features, I);
    for (std::size_t axis = 0; axis < Axes; ++axis) {
      if (x.space[axis] % block(0) == 0) continue;  // before the message takes memory: this is on hot paths
      check(false, "Pyramid: extent of an axis of space", x.space[axis], "a multiple of " + std::to_string(block(0)));
    }
    for (std::size_t l = 0; l < levels.size(); ++l) {
      static_cast<void>(levels[l].out_shape(level_shape(x, l).with_features(out_features)));
    }
    return x.with_features(out_features);
  }

  template <class S>
  Report apply(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& context = {}) const {
    check_output<Pyramid, S>("Pyramid", *this, x, y);
    return climb<S>(
        x,
        [&](std::size_t l, View<const S> start, View<S> end, Index steps) {
          return report_of([&] {
            return levels[l].apply(part<const S>(theta, l), start, end, context.at_step(context.step + steps));
          });
        },
        y);
  }

  template <class S>
  class Linearization;

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& context = {}) const {
    check_output<Pyramid, S>("Pyramid", *this, x, y);
    return Linearization<S>(*this, theta, x, y, context);
  }

 private:
  using Up = UpsampleNearest<Factor, Axes>;
  static constexpr int C = out_features;
  static constexpr std::size_t finest = static_cast<std::size_t>(Levels) - 1;

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

  /// theta, or its gradient, of a level.
  template <class S>
  static auto part(std::span<S, param_count> theta, std::size_t level) {
    const std::size_t first = Rules == PyramidRules::shared ? 0 : level * R::param_count;
    return std::span<S, R::param_count>(theta.data() + first, R::param_count);
  }

  /// The image at all levels, in scratch memory but for the finest.
  template <class S>
  class Images {
   public:
    explicit Images(View<const S> x) {
      of_[finest] = x;
      for (std::size_t l = finest; l-- > 0;) {
        const View<S> coarse = scratch_.state<S>(level_shape(x.shape(), l));
        typename Up::template Linearization<S>(coarse.shape()).vjp(of_[l + 1], coarse);
        coarse.vector() *= mean<S>();
        of_[l] = coarse;
      }
    }
    [[nodiscard]] View<const S> at(std::size_t level) const { return of_[level]; }

   private:
    Scratch scratch_;
    std::array<View<const S>, static_cast<std::size_t>(Levels)> of_;
  };

  /// A sum over a block, times this, is its mean.
  template <class S>
  static S mean() {
    S cells = S(1);
    for (int axis = 0; axis < Axes; ++axis) cells *= Factor;
    return S(1) / cells;
  }

  /// All levels from the image x, or its change: run(level, start, end, steps before) gives a report.
  template <class S, class Run>
  Report climb(View<const S> x, const Run& run, View<S> y) const {
    const Images<S> images(x);
    Scratch scratch;
    Report report;
    View<const S> before{};
    Index steps = 0;
    for (std::size_t l = 0; l <= finest; ++l) {
      const View<S> start = scratch.state<S>(level_shape(x.shape(), l).with_features(C));
      if (l == 0) {
        start.vector().setZero();
      } else {
        Up{}.apply({}, before, start);
      }
      detail::move_features<I, I, C>(start.shape().cells(), images.at(l).data(), start.data());
      const View<S> end = l == finest ? y : scratch.state<S>(start.shape());
      report += run(l, View<const S>(start), end, steps);
      steps += levels[l].steps;
      before = end;
    }
    return report;
  }
};

/// Refers to theta and x; owns the rest, where it does not move.
template <class R, int I, int Levels, PyramidRules Rules, int Axes, int Factor>
template <class S>
class Pyramid<R, I, Levels, Rules, Axes, Factor>::Linearization {
 public:
  Linearization(const Pyramid& pyramid, std::span<const S, param_count> theta, View<const S> x, View<S> y,
                const Context& context)
      : pyramid_(pyramid), x_(x.shape()) {
    starts_.reserve(static_cast<std::size_t>(Levels));
    linear_.reserve(static_cast<std::size_t>(Levels));
    report_ = pyramid_.template climb<S>(
        x,
        [&](std::size_t l, View<const S> start, View<S> end, Index steps) {
          starts_.emplace_back(start.data(), start.size());
          linear_.push_back(pyramid_.levels[l].linearize(part<const S>(theta, l),
                                                         View<const S>(starts_.back().data(), start.shape()), end,
                                                         context.at_step(context.step + steps)));
          return linear_.back().report();
        },
        y);
  }

  /// What the solves of the forward pass did, if the rule solves anything.
  [[nodiscard]] Report report() const { return report_; }

  Report jvp(View<const S> t, View<S> out) const {
    check_jvp<S>("Pyramid", x_, x_.with_features(C), t, out);
    return pyramid_.template climb<S>(
        t, [&](std::size_t l, View<const S> start, View<S> end, Index) { return linear_[l].jvp(start, end); }, out);
  }

  Report vjp(View<const S> w, View<S> dx) const {
    check_vjp<S>("Pyramid", x_, x_.with_features(C), w, dx);
    return descend(w, dx, [&](std::size_t l, View<const S> g, View<S> ds) { return linear_[l].vjp(g, ds); });
  }

  Report pullback(View<const S> w, View<S> dx, ThetaGradient<S, param_count> dtheta) const {
    check_pullback<S>("Pyramid", x_, x_.with_features(C), w, dx);
    return descend(w, dx, [&](std::size_t l, View<const S> g, View<S> ds) {
      return linear_[l].pullback(g, ds, part<S>(dtheta, l));
    });
  }

 private:
  /// All levels backward: back(level, g, ds) gives a report.
  template <class Back>
  Report descend(View<const S> w, View<S> dx, const Back& back) const {
    Scratch scratch;
    std::array<View<S>, static_cast<std::size_t>(Levels)> images;  // what comes for the image at each level
    Report report;
    View<const S> g = w;
    for (std::size_t l = finest + 1; l-- > 0;) {
      const Shape shape = level_shape(x_, l);
      const View<S> ds = scratch.state<S>(shape.with_features(C));
      report += back(l, g, ds);
      images[l] = l == finest && dx ? dx : scratch.state<S>(shape);
      detail::move_features<I, C, I>(shape.cells(), ds.data(), images[l].data());
      if (l == 0) break;
      ds.matrix().topRows(I).setZero();
      const View<S> coarse = scratch.state<S>(level_shape(x_, l - 1).with_features(C));
      typename Up::template Linearization<S>(coarse.shape()).vjp(ds, coarse);
      g = coarse;
    }
    if (!dx) return report;
    for (std::size_t l = 1; l <= finest; ++l) {
      Scratch own;
      const View<S> of_blocks = own.state<S>(images[l].shape());
      Up{}.apply({}, View<const S>(images[l - 1]), of_blocks);
      images[l].vector() += mean<S>() * of_blocks.vector();
    }
    return report;
  }

  Pyramid pyramid_;
  Shape x_;
  std::vector<Buffer<S>> starts_;              // where each level began
  std::vector<LinearizationOf<R, S>> linear_;  // of each level
  Report report_{};
};

}  // namespace basin
