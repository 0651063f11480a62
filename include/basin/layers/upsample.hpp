#pragma once

// Resampling to a grid that is an integer factor F finer along each of its first Axes axes; each feature by itself.
// Cell i of the finer grid has its centre at p = (i + 1/2) / F - 1/2 in cells of the coarser one (the corners of the
// grids coincide, not the centres of the corner cells: "align_corners = false").
//
//   UpsampleNearest   y(c, i) = x(c, floor(i / F))
//   UpsampleLinear    y(c, i) = (1 - a) x(c, j) + a x(c, j + 1),   j = floor(p), a = p - j,
//
// the second along one axis after the other (bilinear with two axes, trilinear with three); beyond the edge stands the
// outermost cell. x is (C, X, Y, Z, N), y (C, F X, F Y, F Z, N), the extents multiplied along those axes only. No
// parameters. J is the map itself, and J^T adds each number to the cells that it came from, with the same weights. The
// way down is AveragePool<F> (layers/pool.hpp), of which J^T of UpsampleNearest is F^Axes times.

#include <algorithm>
#include <array>

#include "basin/core/layer.hpp"
#include "basin/kernels/elementwise.hpp"

namespace basin {

namespace detail {

/// Where cell i of a finer axis comes from: (1 - weight) of cell low and weight of cell high, of n.
struct FinerCell {
  Index low, high;
  double weight;
};

struct NearestCells {
  static constexpr const char* name = "UpsampleNearest";
  static FinerCell source(Index i, Index factor, Index) { return {i / factor, i / factor, 0}; }
};

struct LinearCells {
  static constexpr const char* name = "UpsampleLinear";
  static FinerCell source(Index i, Index factor, Index n) {
    const Index halves = 2 * i + 1 + factor;  // 2 F (p + 1), never negative
    const Index low = halves / (2 * factor) - 1;
    const double weight = static_cast<double>(halves % (2 * factor)) / static_cast<double>(2 * factor);
    return {std::max<Index>(low, 0), std::min(low + 1, n - 1), weight};
  }
};

/// Along one axis: `outer` times n pieces of `inner` numbers to F n.
template <class Rule, class S>
void refine_axis(Index inner, Index n, Index outer, Index factor, const S* x, S* y) {
  for (Index o = 0; o < outer; ++o, x += n * inner) {
    for (Index i = 0; i < n * factor; ++i, y += inner) {
      const FinerCell from = Rule::source(i, factor, n);
      if (from.weight == 0) {
        std::copy_n(x + from.low * inner, inner, y);
      } else {
        const S high = static_cast<S>(from.weight), low = S(1) - high;
        kernels::elementwise(
            inner, y, [=](const auto& a, const auto& b) { return low * a + high * b; }, x + from.low * inner,
            x + from.high * inner);
      }
    }
  }
}

/// Its transpose: x is overwritten.
template <class Rule, class S>
void refine_axis_back(Index inner, Index n, Index outer, Index factor, const S* y, S* x) {
  std::fill_n(x, outer * n * inner, S(0));
  const auto add = [inner](S weight, const S* from, S* to) {
    kernels::elementwise(
        inner, to, [=](const auto& sum, const auto& number) { return sum + weight * number; },
        static_cast<const S*>(to), from);
  };
  for (Index o = 0; o < outer; ++o, x += n * inner) {
    for (Index i = 0; i < n * factor; ++i, y += inner) {
      const FinerCell to = Rule::source(i, factor, n);
      const S high = static_cast<S>(to.weight);
      add(S(1) - high, y, x + to.low * inner);
      if (to.weight != 0) add(high, y, x + to.high * inner);
    }
  }
}

template <class Rule, int Factor, int Axes>
struct Upsample {
  static_assert(Factor >= 1, "an upsampling's factor must be positive");
  static_assert(Axes >= 1 && Axes <= 3, "an upsampling has 1, 2 or 3 axes");

  static constexpr int in_features = any_features, out_features = any_features;
  static constexpr std::size_t param_count = 0;

  [[nodiscard]] Shape out_shape(const Shape& x) const {
    Shape y = x;
    for (std::size_t axis = 0; axis < Axes; ++axis) y.space[axis] *= Factor;
    return y;
  }

  template <class S>
  void apply(Theta<S, 0>, In<S> x, View<S> y, const Context& = {}) const {
    check_output<Upsample, S>(Rule::name, *this, x, y);
    Passes<S> passes(x.shape());
    for (Index n = 0; n < x.samples(); ++n) passes.forward(x.sample(n).data(), y.sample(n).data());
  }

  /// Refers to nothing.
  template <class S>
  class Linearization {
   public:
    explicit Linearization(const Shape& x) : x_(x), y_(Upsample{}.out_shape(x)) {}

    void jvp(View<const S> t, View<S> out) const {
      check_jvp(Rule::name, x_, y_, t, out);
      Upsample{}.apply({}, t, out);
    }
    void vjp(View<const S> w, View<S> dx) const {
      check_vjp(Rule::name, x_, y_, w, dx);
      Passes<S> passes(x_);
      for (Index n = 0; n < w.samples(); ++n) passes.backward(w.sample(n).data(), dx.sample(n).data());
    }
    void pullback(View<const S> w, View<S> dx, ThetaGradient<S, 0>) const {
      check_pullback(Rule::name, x_, y_, w, dx);
      if (dx) vjp(w, dx);
    }

   private:
    Shape x_, y_;
  };

  template <class S>
  Linearization<S> linearize(Theta<S, 0> theta, In<S> x, View<S> y, const Context& context = {}) const {
    apply(theta, x, y, context);
    return Linearization<S>(x.shape());
  }

 private:
  /// A sample along one axis after the other, the first axis first, while there is least to do.
  template <class S>
  class Passes {
   public:
    explicit Passes(const Shape& x) : space_(x.space), features_(x.features) {
      Shape between = x.with_samples(1);
      for (std::size_t axis = 0; axis + 1 < Axes; ++axis) {
        between.space[axis] *= Factor;
        between_[axis] = scratch_.take<S>(between.size());
      }
    }

    void forward(const S* x, S* y) const {
      for (std::size_t axis = 0; axis < Axes; ++axis) {
        refine_axis<Rule>(inner(axis), space_[axis], outer(axis), Factor, axis == 0 ? x : between_[axis - 1],
                          axis + 1 == Axes ? y : between_[axis]);
      }
    }
    void backward(const S* y, S* x) const {
      for (std::size_t axis = Axes; axis-- > 0;) {
        refine_axis_back<Rule>(inner(axis), space_[axis], outer(axis), Factor,
                               axis + 1 == Axes ? y : static_cast<const S*>(between_[axis]),
                               axis == 0 ? x : between_[axis - 1]);
      }
    }

   private:
    /// Numbers before an axis, which is refined after those before it, and places behind it.
    [[nodiscard]] Index inner(std::size_t axis) const {
      Index numbers = features_;
      for (std::size_t before = 0; before < axis; ++before) numbers *= space_[before] * Factor;
      return numbers;
    }
    [[nodiscard]] Index outer(std::size_t axis) const {
      Index places = 1;
      for (std::size_t after = axis + 1; after < 3; ++after) places *= space_[after];
      return places;
    }

    Scratch scratch_;
    std::array<Index, 3> space_;
    Index features_;
    std::array<S*, 3> between_{};  // after each axis but the last
  };
};

}  // namespace detail

template <int Factor, int Axes = 2>
using UpsampleNearest = detail::Upsample<detail::NearestCells, Factor, Axes>;

template <int Factor, int Axes = 2>
using UpsampleLinear = detail::Upsample<detail::LinearCells, Factor, Axes>;

}  // namespace basin
