#pragma once

// Symmetries of automata: a step of a state whose cells are moved has to be the step's result, moved. And what has to
// be the same on any number of threads.

#include <algorithm>
#include <array>
#include <string_view>

#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/nca/automaton.hpp"
#include "basin/nca/rollout.hpp"
#include "support/layer_checks.hpp"

namespace basin::test {

template <class P>
using Moving =
    Automaton<P, Sequential<Dense<P::seen_features, 5>, Tanh, Dense<5, P::state_features>>, EveryCell, Everywhere>;

/// The state on the torus whose cell to(x, y), taken modulo the extents, is cell (x, y) of z.
template <class To>
State<double> moved(const State<double>& z, const To& to) {
  State<double> out(z.shape);
  const Index width = z.shape.space[0], height = z.shape.space[1];
  for (Index n = 0; n < z.shape.samples; ++n) {
    for (Index y = 0; y < height; ++y) {
      for (Index x = 0; x < width; ++x) {
        const std::array<Index, 2> at = to(x, y);
        const Index column = ((at[0] % width) + width) % width, row = ((at[1] % height) + height) % height;
        out.view().sample(n).matrix().col(row * width + column) = z.view().sample(n).matrix().col(y * width + x);
      }
    }
  }
  return out;
}

/// The largest difference between a step of the moved state and the moved result of a step, relative to the change of
/// the state that the step made. change(state) is what the move does to features, such as a turn of angles. Parameters
/// are random, but for a leaf of zeros, if one is named.
template <class P, class To, class Change>
double broken_symmetry(const P& perception, const State<double>& z, const To& to, const Change& change,
                       std::string_view zeros = {}) {
  Moving<P> automaton;
  automaton.perception = perception;
  auto theta = random_parameters<Moving<P>>(5);
  if (!zeros.empty()) std::ranges::fill(theta.leaf(zeros), 0.0);
  const State<double> u(z.shape.with_features(0));
  const auto step = [&](const State<double>& from) {
    State<double> out(from.shape);
    static_cast<void>(automaton.apply(theta, from.view(), u.view(), out.view()));
    return out;
  };
  State<double> from = moved(z, to), expected = step(z);
  const double size = (expected.values - z.values).cwiseAbs().maxCoeff();
  expected = moved(expected, to);
  change(from);
  change(expected);
  return (step(from).values - expected.values).cwiseAbs().maxCoeff() / size;
}

/// All that two steps with a random half of the cells and their gradients compute, on so many threads.
template <class P>
Vector<float> all_on(int count, const P& perception, const Shape& shape) {
  using R = Rollout<Automaton<P, typename Moving<P>::Rule, RandomFire, Everywhere>>;
  R rollout{.steps = 2};
  rollout.automaton.perception = perception;
  const auto theta = random_parameters<R, float>(1, 0.4);
  const auto z = random_state<float>(shape, 2), w = random_state<float>(shape, 3);
  set_threads(count);
  State<float> end(shape), jt(shape), dz(shape);
  Parameters<R, float> dtheta, alone;
  const auto j = rollout.linearize(theta.span(), z.view(), end.view());
  static_cast<void>(j.jvp(w.view(), jt.view()));
  static_cast<void>(j.pullback(w.view(), dz.view(), dtheta.span()));
  static_cast<void>(j.pullback(w.view(), View<float>(), alone.span()));
  set_threads(0);
  Vector<float> all(3 * shape.size() + 2 * dtheta.vector().size());
  all << end.values, jt.values, dz.values, dtheta.vector(), alone.vector();
  return all;
}

/// That they are the same on 1, 2 and 3 threads.
template <class P>
void check_threads(const P& perception, const Shape& shape) {
  CAPTURE(shape.to_string());
  const Vector<float> one = all_on(1, perception, shape);
  CHECK(one.allFinite());
  CHECK(all_on(2, perception, shape) == one);
  CHECK(all_on(3, perception, shape) == one);
}

inline constexpr auto quarter_turn = [](Index x, Index y) { return std::array<Index, 2>{-y, x}; };
inline constexpr auto mirror = [](Index x, Index y) { return std::array<Index, 2>{-x, y}; };
/// Of hexagons in axial coordinates, by 60 degrees.
inline constexpr auto sixth_turn = [](Index x, Index y) { return std::array<Index, 2>{-y, x + y}; };
inline constexpr auto unchanged = [](State<double>&) {};

}  // namespace basin::test
