#pragma once

// The convolution and its gradients by their definition, in double, with everything known at run time only.

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>

#include "basin/layers/chain.hpp"
#include "basin/layers/conv.hpp"
#include "stencil/naive_boundary.hpp"

namespace basin::test {

/// Whole numbers from -2 to 2: sums of their products are exact in float, in whatever order, so that results of small
/// layers are compared exactly.
template <class S>
Vector<S> whole_numbers(Index count, std::uint32_t seed) {
  Vector<S> numbers(count);
  for (Index i = 0; i < count; ++i) {
    seed = seed * 1664525u + 1013904223u;
    numbers[i] = static_cast<S>(static_cast<int>((seed >> 16) % 5) - 2);
  }
  return numbers;
}

template <class S>
State<S> whole_state(const Shape& shape, std::uint32_t seed) {
  State<S> state(shape);
  state.values = whole_numbers<S>(shape.size(), seed);
  return state;
}

/// Boundary as a function of coordinate and extent.
using Source = Index (*)(Index, Index);

struct NaiveConv {
  Index inputs, outputs, kernel, stride;
  bool bias;
  Source source;

  Shape out_shape(const Shape& x) const {
    return {outputs, {(x.space[0] + stride - 1) / stride, (x.space[1] + stride - 1) / stride, 1}, x.samples};
  }
  Index param_count() const { return kernel * kernel * inputs * outputs + (bias ? outputs : 0); }

  /// Calls each(y, w, x) for every term of the sums: y and w are where the outputs of a cell and their weights begin,
  /// and x is the number that all of them meet; -1 for the bias. Pointers are faster by far than Eigen's vectors where
  /// nothing is optimized, and the address sanitizer watches over both.
  template <class Each>
  void terms(const Shape& x, const Each& each) const {
    const Shape y = out_shape(x);
    const Index r = (kernel - 1) / 2;
    for (Index n = 0; n < x.samples; ++n) {
      for (Index j = 0; j < y.space[1]; ++j) {
        for (Index i = 0; i < y.space[0]; ++i) {
          const Index to = outputs * (i + y.space[0] * (j + y.space[1] * n));
          for (Index l = 0; l < kernel; ++l) {
            for (Index k = 0; k < kernel; ++k) {
              const Index at_x = source(stride * i + k - r, x.space[0]), at_y = source(stride * j + l - r, x.space[1]);
              if (at_x < 0 || at_y < 0) continue;
              const Index from = inputs * (at_x + x.space[0] * (at_y + x.space[1] * n));
              // W(o, c, k, l), column-major.
              for (Index c = 0; c < inputs; ++c) each(to, outputs * (c + inputs * (k + kernel * l)), from + c);
            }
          }
          if (bias) each(to, kernel * kernel * inputs * outputs, Index{-1});
        }
      }
    }
  }

  State<double> apply(const Vector<double>& theta, const State<double>& x) const { return sum(theta, x, 1.0); }

  /// J t: the same without bias.
  State<double> jvp(const Vector<double>& theta, const State<double>& t) const { return sum(theta, t, 0.0); }

  /// dx = J^T g; dtheta accumulates.
  State<double> pullback(const Vector<double>& theta, const State<double>& x, const State<double>& g,
                         Vector<double>& dtheta) const {
    State<double> dx(x.shape);
    const double *weights = theta.data(), *given = x.values.data(), *gradient = g.values.data();
    double *of_x = dx.values.data(), *of_theta = dtheta.data();
    terms(x.shape, [=, this](Index to, Index w, Index from) {
      const double number = from < 0 ? 1.0 : given[from];
      double back = 0;
      for (Index o = 0; o < outputs; ++o) {
        of_theta[w + o] += gradient[to + o] * number;
        back += weights[w + o] * gradient[to + o];
      }
      if (from >= 0) of_x[from] += back;
    });
    return dx;
  }

 private:
  /// The sums at x, with a bias of so many times itself.
  State<double> sum(const Vector<double>& theta, const State<double>& x, double bias_times) const {
    State<double> y(out_shape(x.shape));
    const double *weights = theta.data(), *given = x.values.data();
    double* out = y.values.data();
    terms(x.shape, [=, this](Index to, Index w, Index from) {
      const double number = from < 0 ? bias_times : given[from];
      for (Index o = 0; o < outputs; ++o) out[to + o] += weights[w + o] * number;
    });
    return y;
  }
};

/// The naive results at one x, and those of a layer in scalar S beside them, whose buffers start as -77, so that what
/// is overwritten and what accumulates shows.
template <class S>
struct BesideNaive {
  Vector<S> theta, dtheta;
  State<S> x, t, g, y, y_again, jt, dx, dx_again;
  State<double> y_naive, jt_naive, dx_naive;
  Vector<double> dtheta_naive;

  BesideNaive(const NaiveConv& naive, const Shape& shape) {
    const auto exact = whole_numbers<double>(naive.param_count(), 1);
    const auto x_exact = whole_state<double>(shape, 2), t_exact = whole_state<double>(shape, 3),
               g_exact = whole_state<double>(naive.out_shape(shape), 4);
    theta = exact.template cast<S>();
    x = whole_state<S>(shape, 2);
    t = whole_state<S>(shape, 3);
    g = whole_state<S>(g_exact.shape, 4);
    dtheta_naive.setConstant(naive.param_count(), -77.0);
    y_naive = naive.apply(exact, x_exact);
    jt_naive = naive.jvp(exact, t_exact);
    dx_naive = naive.pullback(exact, x_exact, g_exact, dtheta_naive);
    y = y_again = jt = State<S>(g.shape);
    dx = dx_again = State<S>(shape);
    forget();
  }

  void forget() {
    for (State<S>* out : {&y, &y_again, &jt, &dx, &dx_again}) out->values.setConstant(S(-77));
    dtheta.setConstant(dtheta_naive.size(), S(-77));
  }

  [[nodiscard]] bool equal() const {
    const auto same = [](const Vector<S>& a, const Vector<double>& b) {
      return a.size() == b.size() && a.template cast<double>() == b;
    };
    return same(y.values, y_naive.values) && same(y_again.values, y_naive.values) && same(jt.values, jt_naive.values) &&
           same(dx.values, dx_naive.values) && same(dx_again.values, dx_naive.values) && same(dtheta, dtheta_naive);
  }
};

/// A layer's results against the naive ones at one x, exactly, with and without weights that were prepared.
template <class S, class L>
bool same_as_naive(const L& layer, const NaiveConv& naive, const Shape& shape) {
  if (layer.out_shape(shape) != naive.out_shape(shape)) return false;
  if (L::param_count != static_cast<std::size_t>(naive.param_count())) return false;
  BesideNaive<S> at(naive, shape);
  const std::span<const S, L::param_count> parameters(at.theta.data(), L::param_count);
  const auto linearization_is_right = [&](const auto& j) {
    j.jvp(at.t.view(), at.jt.view());
    j.vjp(at.g.view(), at.dx.view());
    j.pullback(at.g.view(), at.dx_again.view(), std::span<S, L::param_count>(at.dtheta.data(), L::param_count));
    return at.equal();
  };
  layer.apply(parameters, at.x.view(), at.y.view());
  if (!linearization_is_right(layer.linearize(parameters, at.x.view(), at.y_again.view()))) return false;

  at.forget();
  const auto prepared = layer.prepare(parameters);
  if constexpr (requires {
                  layer.apply_then(parameters, at.x.view(), at.y.view(), Context{}, detail::NoThen{}, prepared);
                }) {
    layer.apply_then(parameters, at.x.view(), at.y.view(), Context{}, detail::NoThen{}, prepared);
  } else {
    layer.apply(parameters, at.x.view(), at.y.view());
  }
  return linearization_is_right(layer.linearize(parameters, at.x.view(), at.y_again.view(), {}, prepared));
}

template <class S, int Inputs, int Outputs, int Kernel, int Stride, Boundary Edge, Bias WithBias = Bias::yes>
bool conv_is_right(const Shape& shape) {
  const NaiveConv naive{Inputs, Outputs, Kernel, Stride, WithBias == Bias::yes, naive_source<Edge>};
  return same_as_naive<S>(Conv<Inputs, Outputs, Kernel, Stride, Edge, WithBias>(), naive, shape);
}

/// Every boundary at one size, two samples.
template <class S, int Inputs, int Outputs, int Kernel, int Stride>
void check_conv_boundaries(Index width, Index height) {
  const Shape shape{Inputs, {width, height, 1}, 2};
  CAPTURE(shape.to_string());
  CHECK(conv_is_right<S, Inputs, Outputs, Kernel, Stride, Zero>(shape));
  CHECK(conv_is_right<S, Inputs, Outputs, Kernel, Stride, Periodic>(shape));
  CHECK(conv_is_right<S, Inputs, Outputs, Kernel, Stride, Replicate>(shape));
  if (std::min(width, height) > (Kernel - 1) / 2) {
    CHECK(conv_is_right<S, Inputs, Outputs, Kernel, Stride, Reflect>(shape));
  }
}

/// At sizes 1 ... 9.
template <class S, int Inputs, int Outputs, int Kernel, int Stride>
void check_conv_everywhere() {
  CAPTURE(Inputs, Outputs, Kernel, Stride);
  for (Index width = 1; width <= 9; ++width) {
    for (const Index height : {width, 10 - width}) {
      check_conv_boundaries<S, Inputs, Outputs, Kernel, Stride>(width, height);
    }
  }
}

/// At every width to 40.
template <class S, int Inputs, int Outputs, int Kernel, int Stride>
void check_conv_widths() {
  CAPTURE(Inputs, Outputs, Kernel, Stride);
  for (Index width = 1; width <= 40; ++width) {
    check_conv_boundaries<S, Inputs, Outputs, Kernel, Stride>(width, 1 + width % 4);
  }
}

}  // namespace basin::test
