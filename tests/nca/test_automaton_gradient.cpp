// The derivative of one step: on small grids by differences, on large ones, which are cut into bands, by the
// definition.

#include <catch2/catch.hpp>

#include "basin/deq/equilibrium.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/nca/automaton.hpp"
#include "basin/nca/perceive.hpp"
#include "nca/naive_automaton.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

/// A smooth rule of few numbers: the differences have no kinks, and where a mask has one, random states are far from
/// it.
template <int Answers = 3>
using Rule = Sequential<Dense<9, 4>, Tanh, Dense<4, Answers>>;
template <Boundary Edge>
using See = Perceive<3, Edge, Centre, SobelX, Laplacian<2>>;

using Masked = Automaton<See<Zero>, Rule<2>, RandomFire, AliveMask<2>, Keeping<Features<0>>>;

/// Of random states, some cells are dead before a step, some die and some live on.
Masked masked() {
  Masked automaton;
  automaton.fire = {.rate = 0.7, .seed = 1};
  automaton.alive.threshold = 0.6;
  automaton.update = {.update = {.noise = 0.5, .seed = 2}};
  return automaton;
}

/// A step's derivatives against differences, in double.
template <class A>
void check_step(const A& automaton, const Shape& shape) {
  const State<double> u(shape.with_features(0));
  const auto theta = random_parameters<A>(1);
  const auto z = random_state(shape, 2);
  const GradientCheck result = check_gradients(automaton, theta, z, u.view());
  INFO(result.to_string());
  CHECK(result.passed);
  CHECK(result.adjoint < 1e-13);
}

/// One step of an automaton with a dense rule and random fire, and its gradients, by their definition.
template <class A, Stencil... Stencils>
void check_large(const Shape& shape) {
  using Edge = typename A::Perception::Edge;
  constexpr int C = A::state_features, K = A::seen_features;
  CAPTURE(Edge::label, shape.to_string());
  A automaton;
  automaton.fire.seed = 3;
  const auto theta = random_parameters<A>(1, 0.3);
  const auto z = random_state(shape, 2), w = random_state(shape, 3), t = random_state(shape, 4);
  const std::vector<Taps> taps{taps_of<Stencils>()...};
  const auto fires = fired(automaton.fire, 0, 0, shape);

  const Eigen::Map<const Matrix<double>> weights(theta.vector().data(), C, K);
  const Eigen::Map<const Vector<double>> bias(theta.vector().data() + C * K, C);
  const State<double> seen = naive_perceive(z, taps, naive_source<Edge>),
                      seen_t = naive_perceive(t, taps, naive_source<Edge>);
  State<double> next = z, jt = t, g(seen.shape);
  Parameters<A, double> dtheta;
  Eigen::Map<Matrix<double>> dweights(dtheta.vector().data(), C, K);
  Eigen::Map<Vector<double>> dbias(dtheta.vector().data() + C * K, C);
  for (Index i = 0; i < shape.cells(); ++i) {
    if (!fires[static_cast<std::size_t>(i)]) continue;
    const auto w_i = w.view().matrix().col(i);
    next.view().matrix().col(i) += weights * seen.view().matrix().col(i) + bias;
    jt.view().matrix().col(i) += weights * seen_t.view().matrix().col(i);
    g.view().matrix().col(i) = weights.transpose() * w_i;
    dweights += w_i * seen.view().matrix().col(i).transpose();
    dbias += w_i;
  }
  const State<double> spread = naive_spread(shape, g, taps, naive_source<Edge>);

  State<double> applied(shape), linearized(shape), found_jt(shape), dz(shape), vjp(shape);
  Parameters<A, double> found_dtheta, alone;
  const View<const double> no_input(nullptr, shape.with_features(0));
  static_cast<void>(automaton.apply(theta, z.view(), no_input, applied.view()));
  CHECK(relative_error(applied.values, next.values) < 1e-14);
  std::vector<std::uint8_t> marks(static_cast<std::size_t>(shape.cells()));
  static_cast<void>(automaton.template step<double>(theta, z.view(), linearized.view(), marks.data()));
  CHECK(linearized.values == applied.values);
  const auto check = [&](const auto& j) {
    found_dtheta.vector().setZero();
    alone.vector().setZero();
    static_cast<void>(j.jvp(t.view(), found_jt.view()));
    static_cast<void>(j.vjp(w.view(), vjp.view()));
    static_cast<void>(j.pullback(w.view(), dz.view(), View<double>(), found_dtheta.span()));
    static_cast<void>(j.pullback(w.view(), View<double>(), View<double>(), alone.span()));
    CHECK(relative_error(found_jt.values, jt.values) < 1e-14);
    CHECK(relative_error(dz.values, Vector<double>(w.values + spread.values)) < 1e-14);
    CHECK(relative_error(vjp.values, dz.values) < 1e-15);
    CHECK(relative_error(found_dtheta.vector(), dtheta.vector()) < 1e-12);
    CHECK(relative_error(alone.vector(), dtheta.vector()) < 1e-12);
  };
  const auto prepared = automaton.template prepare<double>(theta.span());
  check(automaton.linearize(theta, z.view(), no_input, linearized.view()));
  CHECK(relative_error(linearized.values, next.values) < 1e-14);
  check(automaton.template linearize_again<double>(theta, z.view(), marks.data(), {}, prepared));
}

template <Boundary Edge, Stencil... Stencils>
using Large =
    Automaton<Perceive<2, Edge, Stencils...>, Dense<2 * static_cast<int>(sizeof...(Stencils)), 2>, RandomFire>;

}  // namespace

TEST_CASE("the derivative of a step with random fire, noise and an alive mask", "[gradient][automaton]") {
  check_cell(masked(), {0, {6, 5, 1}, 2}, {.float_tolerance = 1e-4});
  check_cell(masked(), {0, {11, 1, 1}, 2}, {.float_tolerance = 1e-4});
  check_cell(masked(), {0, {3, 4, 3}, 1}, {.float_tolerance = 1e-4});
}

TEST_CASE("the derivative of a step after which the dead keep some features", "[gradient][automaton]") {
  Automaton<See<Zero>, Rule<2>, RandomFire, AliveMask<2, Features<0>>, Keeping<Features<0>>> stays;
  stays.fire = masked().fire;
  stays.fire.rescaled = true;
  stays.alive.threshold = 0.6;
  check_cell(stays, {0, {6, 5, 1}, 2}, {.float_tolerance = 1e-4});
  // The update changes what death does not clear.
  Automaton<See<Zero>, Rule<>, RandomFire, AliveMask<2, Features<1>>> changes;
  changes.fire = masked().fire;
  changes.alive.threshold = 0.6;
  check_cell(changes, {0, {6, 5, 1}, 2}, {.float_tolerance = 1e-4});
  const State<double> z = random_state({3, {6, 5, 1}, 2}, 2);
  State<double> out(z.shape);
  const auto theta = random_parameters<decltype(changes)>(1);
  (void)changes.apply(theta, z.view(), View<const double>{}, out.view());
  Index dead = 0, changed = 0;
  for (Index i = 0; i < z.shape.cells(); ++i) {
    const bool same = out.values[3 * i + 1] == z.values[3 * i + 1];
    const bool cleared = out.values[3 * i] == 0 && out.values[3 * i + 2] == 0;
    dead += cleared && same ? 1 : 0;
    changed += same ? 0 : 1;
    CHECK((!cleared || same));
  }
  CHECK(dead > 5);
  CHECK(changed > 5);
}

TEST_CASE("the derivative of a step with other updates", "[gradient][automaton]") {
  check_step(Automaton<See<Reflect>, Rule<>, MeanField, MaskedBy<0>, ClippedIncrement>{}, {3, {5, 4, 1}, 2});
  check_step(Automaton<See<Replicate>, Rule<>, RandomFire, Everywhere, Replace>{}, {3, {4, 4, 1}, 2});
  check_step(Automaton<See<Zero>, Rule<>, MeanField, Everywhere, Relax>{}, {3, {4, 4, 1}, 2});
}

TEST_CASE("a step whose every cell dies has no derivative left", "[gradient][automaton]") {
  Masked automaton = masked();
  automaton.fire.rate = 1;
  auto theta = random_parameters<Masked>(1);
  theta.leaf("2.bias")[1] = -100;
  const Shape shape{3, {5, 4, 1}, 1};
  State<double> z = random_state(shape, 1), out(shape), jt(shape), dz(shape);
  z.values.array() += 5;  // alive before
  const auto j = automaton.linearize(theta, z.view(), View<const double>(nullptr, shape.with_features(0)), out.view());
  CHECK(out.values.isZero(0));
  jt.values.setOnes();
  dz.values.setOnes();
  Parameters<Masked, double> dtheta;
  static_cast<void>(j.jvp(z.view(), jt.view()));
  static_cast<void>(j.pullback(z.view(), dz.view(), View<double>(), dtheta.span()));
  CHECK(jt.values.isZero(0));
  CHECK(dz.values.isZero(0));
  CHECK(dtheta.vector().isZero(0));
}

// Bands have about 8192 cells backward, so these are two to four, the last of them longer.
TEST_CASE("large grids in bands", "[gradient][automaton]") {
  check_large<Large<Periodic, Shift<1, -5>, SobelY>, Shift<1, -5>, SobelY>({2, {200, 100, 1}, 1});
  check_large<Large<Periodic, Shift<1, -5>, SobelY>, Shift<1, -5>, SobelY>({2, {97, 301, 1}, 2});
  check_large<Large<Zero, Laplacian<1>, Gradient<2>>, Laplacian<1>, Gradient<2>>({2, {30001, 1, 1}, 1});
  check_large<Large<Zero, Laplacian<1>, Gradient<2>>, Laplacian<1>, Gradient<2>>({2, {20, 20, 64}, 1});
}

TEST_CASE("many small samples in few tasks", "[gradient][automaton]") {
  check_large<Large<Periodic, Shift<1, -5>, SobelY>, Shift<1, -5>, SobelY>({2, {10, 9, 1}, 200});
}

TEST_CASE("a long line lives and dies as it does in one piece", "[gradient][automaton]") {
  Masked automaton = masked();
  automaton.alive.threshold = 1.2;
  const auto theta = random_parameters<Masked>(1, 0.3);
  const auto z = random_state({3, {30001, 1, 1}, 1}, 2);
  State<double> applied(z.shape), linearized(z.shape);
  const View<const double> no_input(nullptr, z.shape.with_features(0));
  static_cast<void>(automaton.apply(theta, z.view(), no_input, applied.view()));
  static_cast<void>(automaton.linearize(theta, z.view(), no_input, linearized.view()));
  CHECK(relative_error(linearized.values, applied.values) < 1e-14);
  CHECK(!applied.values.isZero(0));
}

TEST_CASE("an automaton is a cell of an equilibrium", "[gradient][automaton]") {
  // f = z + (r(z) - z) / 2, which has the fixed points of r, and a contraction for small weights.
  using A = Automaton<See<Zero>, Rule<>, MeanField, Everywhere, Relax>;
  Equilibrium<A, Picard, Implicit<Picard>> layer;
  layer.stop = {.tolerance = 1e-13, .max_evaluations = 300};
  layer.adjoint = {.tolerance = 1e-13, .max_evaluations = 300};
  const auto theta = random_parameters<decltype(layer)>(1, 0.2);
  const State<double> u(Shape{0, {4, 3, 1}, 2});
  State<double> z(layer.out_shape(u.shape)), again(z.shape);
  const Report report = layer.apply(theta, u.view(), z.view());
  CHECK(report.forward.converged() == 2);
  static_cast<void>(layer.cell.apply(theta.span(), z.view(), u.view(), again.view()));
  CHECK(relative_error(again.values, z.values) < 1e-12);
  CHECK(z.values.cwiseAbs().maxCoeff() > 0.01);
  const GradientCheck gradients = check_gradients(layer, theta, u.view());
  INFO(gradients.to_string());
  CHECK(gradients.dtheta < 1e-8);
}
