#pragma once

// Convolutions over a window by their definition, in double, with everything known at run time only.

#include <functional>

#include "basin/layers/window.hpp"
#include "layers/naive_conv.hpp"

namespace basin::test {

struct NaiveWindow {
  Window window;
  Index inputs, outputs;  // equal numbers, each by itself, if depthwise
  bool depthwise, bias;
  Source source;

  Shape out_shape(const Shape& x) const {
    Shape y = x.with_features(outputs);
    for (int axis = 0; axis < window.axes; ++axis) {
      Index& extent = y.space[static_cast<std::size_t>(axis)];
      extent = (extent + window.stride - 1) / window.stride;
    }
    return y;
  }
  Index weight_count() const { return window.taps() * outputs * (depthwise ? 1 : inputs); }
  Index param_count() const { return weight_count() + (bias ? outputs : 0); }

  /// Calls each(index in y, index in theta, index in x) for every term of the sum; -1 in x for the bias.
  void terms(const Shape& x, const std::function<void(Index, Index, Index)>& each) const {
    const Shape y = out_shape(x);
    const int kernel = window.kernel;
    const auto of = [&](int tap, int axis) {  // the coordinate of a tap along an axis
      for (int i = 0; i < axis; ++i) tap /= kernel;
      return tap % kernel;
    };
    for (Index cell = 0; cell < y.cells(); ++cell) {
      const std::array<Index, 3> at{cell % y.space[0], cell / y.space[0] % y.space[1],
                                    cell / (y.space[0] * y.space[1]) % y.space[2]};
      const Index n = cell / y.cells_per_sample();
      for (int tap = 0; tap < window.taps(); ++tap) {
        Index from = 0;
        bool seen = true;
        for (int axis = 2; axis >= 0; --axis) {
          const auto a = static_cast<std::size_t>(axis);
          Index coordinate = at[a];
          if (axis < window.axes) {
            coordinate = window.stride * at[a] + window.dilation * of(tap, axis) - window.before();
            coordinate = source(coordinate, x.space[a]);
          }
          seen = seen && coordinate >= 0;
          from = from * x.space[a] + coordinate;
        }
        if (!seen) continue;
        from = (from + n * x.cells_per_sample()) * inputs;
        for (Index o = 0; o < outputs; ++o) {
          for (Index c = depthwise ? o : 0; c < (depthwise ? o + 1 : inputs); ++c) {
            each(cell * outputs + o, o + outputs * ((depthwise ? 0 : c) + (depthwise ? 1 : inputs) * tap), from + c);
          }
        }
      }
      for (Index o = 0; bias && o < outputs; ++o) each(cell * outputs + o, weight_count() + o, Index{-1});
    }
  }
};

/// A layer of whole numbers against the naive sums at one x, exactly: y, J t, J^T w and dtheta, with and without what
/// was prepared. Outputs start as -77, so that what is overwritten and what accumulates shows.
template <class S, class L>
bool same_as_window(const NaiveWindow& naive, const Shape& shape) {
  const L layer;
  const auto count = static_cast<Index>(L::param_count);
  if (layer.out_shape(shape) != naive.out_shape(shape) || count != naive.param_count()) return false;
  const Shape out = naive.out_shape(shape);
  const auto theta = whole_numbers<S>(count, 1);
  const auto x = whole_state<S>(shape, 2), t = whole_state<S>(shape, 3), w = whole_state<S>(out, 4);
  Vector<double> y = Vector<double>::Zero(out.size()), jt = y, dx = Vector<double>::Zero(shape.size()),
                 dtheta = Vector<double>::Constant(count, -77);
  naive.terms(shape, [&](Index to, Index weight, Index from) {
    const auto number = [](S value) { return static_cast<double>(value); };
    y[to] += number(theta[weight]) * (from < 0 ? 1 : number(x.values[from]));
    dtheta[weight] += number(w.values[to]) * (from < 0 ? 1 : number(x.values[from]));
    if (from < 0) return;
    jt[to] += number(theta[weight]) * number(t.values[from]);
    dx[from] += number(theta[weight]) * number(w.values[to]);
  });
  const std::span<const S, L::param_count> parameters(theta.data(), L::param_count);
  const auto prepared = layer.prepare(parameters);
  bool right = true;
  const auto compare = [&](const State<S>& given, const Vector<double>& expected) {
    right = right && given.values.template cast<double>() == expected;
  };
  const auto check = [&](const auto& linearize) {
    State<S> y_here(out), jt_here(out), dx_here(shape), dx_again(shape);
    for (State<S>* state : {&y_here, &jt_here, &dx_here, &dx_again}) state->values.setConstant(S(-77));
    Vector<S> dtheta_here = Vector<S>::Constant(count, S(-77));
    const auto j = linearize(y_here.view());
    j.jvp(t.view(), jt_here.view());
    j.vjp(w.view(), dx_here.view());
    j.pullback(w.view(), dx_again.view(), std::span<S, L::param_count>(dtheta_here.data(), L::param_count));
    compare(y_here, y);
    compare(jt_here, jt);
    compare(dx_here, dx);
    compare(dx_again, dx);
    right = right && dtheta_here.template cast<double>() == dtheta;
  };
  check([&](View<S> to) { return layer.linearize(parameters, x.view(), to); });
  check([&](View<S> to) { return layer.linearize(parameters, x.view(), to, {}, prepared); });
  return right;
}

}  // namespace basin::test
