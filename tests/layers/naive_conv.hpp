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

  /// W(o, c, k, l), column-major.
  Index weight(Index o, Index c, Index k, Index l) const { return o + outputs * (c + inputs * (k + kernel * l)); }

  /// Calls each(index in y, index in theta, index in x) for every term of the sum; -1 in x for the bias.
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
              for (Index c = 0; c < inputs; ++c) {
                for (Index o = 0; o < outputs; ++o) each(to + o, weight(o, c, k, l), from + c);
              }
            }
          }
          for (Index o = 0; bias && o < outputs; ++o) each(to + o, kernel * kernel * inputs * outputs + o, Index{-1});
        }
      }
    }
  }

  State<double> apply(const Vector<double>& theta, const State<double>& x) const {
    State<double> y(out_shape(x.shape));
    terms(x.shape,
          [&](Index to, Index w, Index from) { y.values[to] += theta[w] * (from < 0 ? 1.0 : x.values[from]); });
    return y;
  }

  /// J t: the same without bias.
  State<double> jvp(const Vector<double>& theta, const State<double>& t) const {
    State<double> out(out_shape(t.shape));
    terms(t.shape,
          [&](Index to, Index w, Index from) { out.values[to] += from < 0 ? 0.0 : theta[w] * t.values[from]; });
    return out;
  }

  /// dx = J^T g; dtheta accumulates.
  State<double> pullback(const Vector<double>& theta, const State<double>& x, const State<double>& g,
                         Vector<double>& dtheta) const {
    State<double> dx(x.shape);
    terms(x.shape, [&](Index to, Index w, Index from) {
      dtheta[w] += g.values[to] * (from < 0 ? 1.0 : x.values[from]);
      if (from >= 0) dx.values[from] += theta[w] * g.values[to];
    });
    return dx;
  }
};

/// A layer's results against the naive ones at one x, exactly, with and without weights that were prepared. The buffers
/// start as -77, so that what is overwritten and what accumulates shows.
template <class S, class L>
bool same_as_naive(const L& layer, const NaiveConv& naive, const Shape& shape) {
  const auto theta = whole_numbers<double>(naive.param_count(), 1);
  const auto x = whole_state<double>(shape, 2), t = whole_state<double>(shape, 3),
             g = whole_state<double>(naive.out_shape(shape), 4);
  const auto cast = [](const State<double>& from) {
    State<S> out(from.shape);
    for (Index i = 0; i < from.values.size(); ++i) out.values[i] = static_cast<S>(from.values[i]);
    return out;
  };
  const auto equal = [](const Vector<S>& a, const Vector<double>& b) {
    return a.size() == b.size() && a.template cast<double>() == b;
  };
  const Vector<S> theta_s = theta.template cast<S>();
  const std::span<const S, L::param_count> parameters(theta_s.data(), L::param_count);
  const State<S> x_s = cast(x), t_s = cast(t), g_s = cast(g);
  State<S> y(g.shape), y_again(g.shape), jt(g.shape), dx(x.shape), dx_again(x.shape);
  for (State<S>* out : {&y, &y_again, &jt, &dx, &dx_again}) out->values.setConstant(S(-77));
  Vector<double> dtheta_naive = Vector<double>::Constant(naive.param_count(), -77.0);

  if (layer.out_shape(shape) != g.shape || L::param_count != static_cast<std::size_t>(naive.param_count()))
    return false;
  const State<double> y_naive = naive.apply(theta, x), jt_naive = naive.jvp(theta, t),
                      dx_naive = naive.pullback(theta, x, g, dtheta_naive);
  const auto linearization_is_right = [&](const auto& j) {
    Vector<S> dtheta = Vector<S>::Constant(naive.param_count(), S(-77));
    j.jvp(t_s.view(), jt.view());
    j.vjp(g_s.view(), dx.view());
    j.pullback(g_s.view(), dx_again.view(), std::span<S, L::param_count>(dtheta.data(), L::param_count));
    return equal(y.values, y_naive.values) && equal(y_again.values, y_naive.values) &&
           equal(jt.values, jt_naive.values) && equal(dx.values, dx_naive.values) &&
           equal(dx_again.values, dx_naive.values) && equal(dtheta, dtheta_naive);
  };
  layer.apply(parameters, x_s.view(), y.view());
  if (!linearization_is_right(layer.linearize(parameters, x_s.view(), y_again.view()))) return false;

  for (State<S>* out : {&y, &y_again, &jt, &dx, &dx_again}) out->values.setConstant(S(-77));
  const auto prepared = layer.prepare(parameters);
  if constexpr (requires {
                  layer.apply_then(parameters, x_s.view(), y.view(), Context{}, prepared, detail::NoThen{});
                }) {
    layer.apply_then(parameters, x_s.view(), y.view(), Context{}, prepared, detail::NoThen{});
  } else {
    layer.apply(parameters, x_s.view(), y.view());
  }
  return linearization_is_right(layer.linearize(parameters, x_s.view(), y_again.view(), {}, prepared));
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
