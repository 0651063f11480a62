// Unrolled: the gradient of the steps that were taken, and never a zero because they were few.

#include "basin/adjoint/unrolled.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "support/layer_checks.hpp"

using namespace basin;

namespace {

using Linear = Injected<Dense<2, 2, Bias::no>>;  // W z + u
using Layer2 = Equilibrium<Linear, Picard, Unrolled>;

struct Outcome {
  Vector<double> z, du, dtheta, tangent;
  Report forward, adjoint, tangents;
};

/// W = factor I, from zero, for w = t = (1, 1).
template <class Model>
Outcome run(const Model& layer, double factor, const Vector<double>& u) {
  const Vector<double> theta{{factor, 0, 0, factor}}, ones = Vector<double>::Ones(2);
  const Shape shape{2};
  Outcome out{Vector<double>(2), Vector<double>(2), Vector<double>::Zero(4), Vector<double>(2), {}, {}, {}};
  const auto linear = layer.linearize(std::span<const double, 4>(theta.data(), 4), View<const double>(u.data(), shape),
                                      View<double>(out.z.data(), shape));
  const View<const double> w(ones.data(), shape);
  out.forward = linear.report();
  out.adjoint = linear.pullback(w, View<double>(out.du.data(), shape), std::span<double, 4>(out.dtheta.data(), 4));
  out.tangents = linear.jvp(w, View<double>(out.tangent.data(), shape));
  Vector<double> again(2);
  (void)linear.vjp(w, View<double>(again.data(), shape));
  CHECK(again == out.du);
  return out;
}

/// u sqrt(1/2 - z): no number beyond 1/2, where the first step leads for u = 1; the equilibrium is (sqrt(3) - 1) / 2.
struct Edge {
  static constexpr int state_features = 1, input_features = 1;
  static constexpr std::size_t param_count = 0;
  [[nodiscard]] Shape state_shape(const Shape& u) const { return u; }
  template <class S>
  void apply(Theta<S, 0>, In<S> z, In<S> u, View<S> out, const Context& = {}) const {
    out.array() = u.array() * (S(0.5) - z.array()).sqrt();
  }
  template <class S>
  struct Linearization {
    Vector<S> root, u;
    void jvp(View<const S> t, View<S> out) const { out.array() = -t.array() * u.array() / (2 * root.array()); }
    void jvp_input(View<const S> t, View<S> out) const { out.array() = t.array() * root.array(); }
    void vjp(View<const S> w, View<S> dz) const { jvp(w, dz); }
    void vjp_input(View<const S> w, View<S> du) const { jvp_input(w, du); }
    void pullback(View<const S> w, View<S> dz, View<S> du, std::span<S, 0>) const {
      if (dz) vjp(w, dz);
      if (du) vjp_input(w, du);
    }
  };
  template <class S>
  Linearization<S> linearize(Theta<S, 0> theta, In<S> z, In<S> u, View<S> out, const Context& = {}) const {
    apply<S>(theta, z, u, out);
    return {(S(0.5) - z.array()).sqrt(), u.vector()};
  }
};

std::size_t count(const SolveCounts& counts, Status status) {
  return counts.by_status[static_cast<std::size_t>(status)];
}

}  // namespace

TEST_CASE("unrolled: a start that is the equilibrium already has the gradient of the equilibrium", "[unit][gradient]") {
  // z = z / 2 + u at u = 0: zero solves it, no step is taken, and dz/du = 2.
  const Vector<double> zero = Vector<double>::Zero(2);
  Layer2 layer{.stop = {.tolerance = 1e-10, .max_evaluations = 100}};
  const Outcome tight = run(layer, 0.5, zero);
  CHECK(tight.forward.forward.evaluations == 1);
  CHECK((tight.du.array() - 2).abs().maxCoeff() < 1e-9);
  CHECK((tight.tangent.array() - 2).abs().maxCoeff() < 1e-9);
  CHECK(tight.adjoint.adjoint.converged() == 1);
  CHECK(tight.adjoint.adjoint.worst_residual <= 1e-10);
  CHECK(tight.adjoint.adjoint.evaluations == 34);  // 2^-34 < 1e-10

  const Outcome loose = run(Layer2{}, 0.5, zero);
  CHECK((loose.du.array() - 2).abs().maxCoeff() < 4e-3);
  CHECK(loose.adjoint.adjoint.converged() == 1);

  const Outcome damped = run(Layer2{.solver = {.damping = 0.7}, .stop = layer.stop}, 0.5, zero);
  CHECK((damped.du.array() - 2).abs().maxCoeff() < 1e-8);
  CHECK((damped.tangent.array() - 2).abs().maxCoeff() < 1e-8);

  // Too few steps for that are told.
  layer.stop.max_evaluations = 5;
  const Outcome few = run(layer, 0.5, zero);
  CHECK(few.du[0] == 2 - std::pow(0.5, 4));
  CHECK(count(few.adjoint.adjoint, Status::max_iterations) == 1);
  CHECK(few.adjoint.adjoint.worst_residual == std::pow(0.5, 5));

  // The same by GMRES.
  const Outcome exact = run(Equilibrium<Linear>{}, 0.5, zero);
  CHECK((exact.du.array() - 2).abs().maxCoeff() < 1e-12);
}

TEST_CASE("unrolled: so has a start that is close", "[unit][gradient]") {
  const Vector<double> u{{0.3, -0.8}};
  Layer2 layer{.stop = {.tolerance = 1e-10, .max_evaluations = 100}};
  const Outcome cold = run(layer, 0.5, u);
  State<double> close(Shape{2});
  close.values = cold.z.array() + 1e-7;
  layer.start = close;
  const Outcome warm = run(layer, 0.5, u);
  CHECK(warm.forward.forward.evaluations > 1);
  CHECK(warm.forward.forward.evaluations < cold.forward.forward.evaluations);
  CHECK((warm.du.array() - 2).abs().maxCoeff() < 1e-9);
  CHECK((warm.tangent.array() - 2).abs().maxCoeff() < 1e-9);
  CHECK((warm.dtheta - cold.dtheta).norm() < 1e-7);
}

TEST_CASE("unrolled: a fixed number of steps is differentiated exactly", "[unit][gradient]") {
  // From 0, z_T = 2 (1 - 2^-T) u.
  const Vector<double> u{{0.3, -0.8}};
  for (const int steps : {1, 2, 7}) {
    const Layer2 layer{.stop = {.tolerance = 0, .max_evaluations = steps + 1}};
    const Outcome out = run(layer, 0.5, u);
    const double wanted = 2 * (1 - std::pow(0.5, steps));
    CHECK((out.z - wanted * u).norm() < 1e-15);
    CHECK((out.du.array() - wanted).abs().maxCoeff() < 1e-15);
    CHECK((out.tangent.array() - wanted).abs().maxCoeff() < 1e-15);
    CHECK(out.adjoint.adjoint.worst_residual == std::pow(0.5, steps));  // what is left of w at the start
    CHECK(count(out.adjoint.adjoint, Status::approximated) == 1);       // the steps that were asked for: no failure
  }
}

TEST_CASE("unrolled: a failed solve has no gradient of zero, and none without bounds", "[unit][gradient]") {
  // z = 3 z + u: the start has the lowest residual.
  const Outcome failed = run(Layer2{}, 3, Vector<double>::Ones(2));
  CHECK(failed.forward.forward.converged() == 0);
  CHECK(failed.du.minCoeff() >= 1);
  CHECK(failed.tangent.minCoeff() >= 1);
  CHECK(failed.adjoint.adjoint.converged() == 0);

  // z = 3 z: zero is an equilibrium, and the iteration would leave it.
  const Outcome unstable = run(Layer2{}, 3, Vector<double>::Zero(2));
  CHECK(unstable.forward.forward.converged() == 1);
  CHECK(count(unstable.adjoint.adjoint, Status::diverged) == 1);
  CHECK(unstable.du.minCoeff() >= 1);
  CHECK(unstable.du.maxCoeff() < 3e3);
  CHECK(unstable.tangent.minCoeff() >= 1);
  CHECK(unstable.tangent.maxCoeff() < 1e4);
  CHECK(unstable.tangents.adjoint.converged() == 0);
}

TEST_CASE("unrolled: a NaN shows in what comes out", "[unit]") {
  const Vector<double> bad{{0.5, std::nan("")}};
  const Outcome out = run(Layer2{}, 0.5, bad);
  CHECK(out.z.array().isNaN().all());
  CHECK(count(out.forward.forward, Status::non_finite) == 1);
}

TEST_CASE("unrolled: what is differentiated are whole steps, also where a trial point is no number", "[unit]") {
  // Picard's first step leads to 1/sqrt(2), where f is no number. Elsewhere it is made shorter.
  const Equilibrium<Edge, Picard, Unrolled> layer{.stop = {.tolerance = 1e-10, .max_evaluations = 30}};
  const Equilibrium<Edge, Picard> other{.stop = layer.stop};
  State<double> u(Shape{1}), z(u.shape), du(u.shape), w(u.shape);
  u.values[0] = 1;
  w.values[0] = 1;
  const auto linear = layer.linearize({}, u.view(), z.view());
  CHECK(count(linear.report().forward, Status::non_finite) == 1);
  CHECK(z.values[0] == 0);
  (void)linear.vjp(w.view(), du.view());
  CHECK(du.values[0] == std::sqrt(0.5));  // through the one step that there is
  State<double> shortened(u.shape);
  const Report report = other.apply({}, u.view(), shortened.view());
  CHECK(count(report.forward, Status::non_finite) == 0);
}

TEST_CASE("unrolled: apply, solve and linearize go through the same states", "[unit]") {
  // For u = 1, steps lead from .25 over 1/2 and 0 to where f is no number; for u = 1/4 they converge.
  const Equilibrium<Edge, Picard, Unrolled> layer{.stop = {.tolerance = 1e-10, .max_evaluations = 30}};
  State<double> u(Shape{1, {1, 1, 1}, 4}), start(u.shape), z(u.shape), taped(u.shape);
  u.values << 1, 0.25, 1, 0.9;
  start.values << 0.25, 0, 0, 0.3;
  Equilibrium<Edge, Picard, Unrolled> begun = layer;
  begun.start = start;
  SolveLog applied, recorded;
  const Report report = begun.apply({}, u.view(), z.view(), Context{.log = &applied});
  const auto linear = begun.linearize({}, u.view(), taped.view(), Context{.log = &recorded});
  const auto solution = layer.solve<double>(std::span<const double, 0>{}, u.view(), start.view());
  CHECK(count(report.forward, Status::non_finite) >= 2);
  CHECK(count(report.forward, Status::converged) >= 1);
  REQUIRE((applied.records().size() == 4 && recorded.records().size() == 4));
  for (std::size_t n = 0; n < 4; ++n) {
    CAPTURE(n);
    const Index i = static_cast<Index>(n);
    const SampleResult &one = applied.records()[n].result, &other = recorded.records()[n].result;
    CHECK(one.status == other.status);
    CHECK(one.evaluations == other.evaluations);
    CHECK(one.retries == 0);
    CHECK(z.values[i] == taped.values[i]);
    CHECK(solution.value.values[i] == z.values[i]);
    CHECK(solution.samples[n].status == one.status);
  }
}
