#pragma once

// An automaton from coarse to fine: the image is made coarser level by level; on the coarsest grid the automaton begins
// with it, runs, and its state, each cell repeated, is where it goes on with the next finer image. So what is far apart
// meets on coarse grids, in few steps, and most steps are cheap. This is N. Lemke, J. Kalkhof, N. Babendererde,
// A. Mukhopadhyay, "OctreeNCA", 2025 (arXiv 2508.06993); there a coarser image has one cell of each block, and not
// their mean. The image is a part of the state, or the cells are told it.
//
// As a part of the state, the first of the features: a Pyramid is a layer that takes an image to a state of the same
// space,
//
//   s_0 = [i_0; 0],   z_l = rollout_l(s_l),   s_l = [i_l; features I ... C - 1 of up(z_{l-1})],   y = z_{Levels-1},
//
// where i_l is the image in blocks of Factor^(Levels - 1 - l) cells along each of the first Axes axes, whose mean it
// is, and up repeats each cell. x is (I, X, Y, Z, N), y is (C, X, Y, Z, N) with all features of the automaton, the
// image first. The automaton keeps the image if its update does, Keeping<FeatureRange<0, I>> of nca/update.hpp, and its
// alive mask, if it has one. This is how the paper does it.
//
// Told, to cells with a Conditioned perception (nca/conditioned.hpp): a Pyramid is a map of two arguments,
//
//   s_0 = start,   z_l = rollout_l(s_l, u_l),   s_l = up(z_{l-1}),   end = z_{Levels-1},
//
// where u_l is what i_l is above. `start` is a state of the coarsest grid, (C, X/B, Y/B, Z/B, N) with B the blocks
// along the first Axes axes; `end` is (C, X, Y, Z, N), and u (I, X, Y, Z, N), or (I, 1, 1, 1, N), and then the same at
// all levels. It is no cell of an equilibrium, since it does not end where it starts.
//
// theta is that of one rollout for each level, the coarsest first, with leaves "0.", "1.", ...; or of one for all.
// Random masks are those of as many steps one after another: level l begins with the step after the last of level l
// - 1.
//
// Backward, with g at z_l and ds = J_l^T g: what ds has for features of the state comes by up^T for z_{l-1}, and what
// comes for the image at a level comes for the cells of its blocks. A loss may look at the steps of the finest level
// (pullback_along, and value_and_gradient_along of train/rollout_gradient.hpp).

#include <span>
#include <vector>

#include "basin/core/layer.hpp"
#include "basin/layers/feature_slices.hpp"
#include "basin/nca/pyramid_levels.hpp"
#include "basin/nca/rollout.hpp"

namespace basin {

/// Whose image is a part of the state. R: a Rollout that is a layer. I: features of the image.
template <class R, int I, int Levels, PyramidRules Rules = PyramidRules::separate, int Axes = 2, int Factor = 2>
struct Pyramid : detail::PyramidLevels<R, I, Levels, Rules, Axes, Factor> {
  using Common = detail::PyramidLevels<R, I, Levels, Rules, Axes, Factor>;  ///< what all pyramids have
  using Common::levels;
  using Common::param_count;
  static_assert(Layer<R>, "Pyramid: the levels must be rollouts");
  static_assert(I > 0 && I <= R::in_features,
                "Pyramid: the image must have a feature, and at most as many as the automaton");

  static constexpr int in_features = I;                ///< those of the image
  static constexpr int out_features = R::in_features;  ///< C, those of the automaton

  /// Throws std::invalid_argument for another number of features, and extents that are no multiples of the blocks of
  /// the coarsest grid.
  [[nodiscard]] Shape out_shape(const Shape& x) const {
    check_features("Pyramid", x.features, I);
    Common::check_extents(x);
    for (std::size_t l = 0; l < levels.size(); ++l) {
      static_cast<void>(levels[l].out_shape(Common::level_shape(x, l).with_features(out_features)));
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
            return levels[l].apply(Common::part(theta, l), start, end, context.at_step(context.step + steps));
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
  using Common::finest;
  using typename Common::Up;
  static constexpr int C = out_features;

  /// All levels from the image x, or its change: run(level, start, end, steps before) gives a report.
  template <class S, class Run>
  Report climb(View<const S> x, const Run& run, View<S> y) const {
    const typename Common::template Images<S> images(x);
    Scratch scratch;
    Report report;
    View<const S> before{};
    Index steps = 0;
    for (std::size_t l = 0; l <= finest; ++l) {
      const View<S> start = scratch.state<S>(Common::level_shape(x.shape(), l).with_features(C));
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
          linear_.push_back(pyramid_.levels[l].linearize(Common::template part<const S>(theta, l),
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
      return linear_[l].pullback(g, ds, Common::template part<S>(dtheta, l));
    });
  }

  /// The same for a loss that looks at states of the finest level on the way, as that of a rollout does.
  template <class Add>
  Report pullback_along(View<const S> w, View<S> dx, ThetaGradient<S, param_count> dtheta, const Add& add) const {
    check_pullback<S>("Pyramid", x_, x_.with_features(C), w, dx);
    return descend(w, dx, [&](std::size_t l, View<const S> g, View<S> ds) {
      const auto into = Common::template part<S>(dtheta, l);
      return l == finest ? linear_[l].pullback_along(g, ds, into, add) : linear_[l].pullback(g, ds, into);
    });
  }

 private:
  /// All levels backward: back(level, g, ds) gives a report.
  template <class Back>
  Report descend(View<const S> w, View<S> dx, const Back& back) const {
    Scratch scratch;
    typename Common::template AtLevels<S> images;  // what comes for the image at each level
    Report report;
    View<const S> g = w;
    for (std::size_t l = finest + 1; l-- > 0;) {
      const Shape shape = Common::level_shape(x_, l);
      const View<S> ds = scratch.state<S>(shape.with_features(C));
      report += back(l, g, ds);
      images[l] = l == finest && dx ? dx : scratch.state<S>(shape);
      detail::move_features<I, C, I>(shape.cells(), ds.data(), images[l].data());
      if (l == 0) break;
      ds.matrix().topRows(I).setZero();
      const View<S> coarse = scratch.state<S>(Common::level_shape(x_, l - 1).with_features(C));
      Common::template sum_blocks<S>(ds, coarse);
      g = coarse;
    }
    if (dx) Common::template gather<S>(images);
    return report;
  }

  Pyramid pyramid_;
  Shape x_;
  std::vector<Buffer<S>> starts_;              // where each level began
  std::vector<LinearizationOf<R, S>> linear_;  // of each level
  Report report_{};
};

}  // namespace basin

#include "basin/nca/pyramid_told.hpp"
