#include "basin/deq/reversible_equilibrium.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <thread>
#include <vector>

#include "basin/core/parallel.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "support/counting_allocator.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

using Cell6 = Injected<Sequential<Dense<6, 6>, Tanh>>;
using Layer6 = ReversibleEquilibrium<Cell6>;

struct Outcome {
  Vector<double> z, du, dtheta, tangent;
  Report forward, adjoint;
};

template <class S>
Outcome run(const Layer6& layer, const Parameters<Layer6, double>& theta_in, const State<double>& u_in) {
  const auto theta = theta_in.template cast<S>();
  const State<S> u = cast<S>(u_in), w = cast<S>(random_state(u_in.shape, 7)), t = cast<S>(random_state(u_in.shape, 8));
  State<S> z(u.shape), du(u.shape), tangent(u.shape);
  Parameters<Layer6, S> dtheta;
  const auto linear = layer.linearize(theta, u.view(), z.view());
  Outcome out;
  out.forward = linear.report();
  out.adjoint = linear.pullback(w.view(), du.view(), dtheta.span());
  (void)linear.jvp(t.view(), tangent.view());
  out.z = z.values.template cast<double>();
  out.du = du.values.template cast<double>();
  out.dtheta = dtheta.vector().template cast<double>();
  out.tangent = tangent.values.template cast<double>();
  return out;
}

/// The same two states, all of them kept, and the rule of the chain.
Outcome plainly_unrolled(const Layer6& layer, const Parameters<Layer6, double>& theta, const State<double>& u) {
  using Linear = detail::CellLinearization<double, Cell6>;
  const std::span<const double, Layer6::param_count> numbers(theta.span());
  const double beta = layer.beta;
  std::vector<State<double>> states(2, State<double>(u.shape)), values;  // y_0, z_0, y_1, z_1, ...
  states.reserve(static_cast<std::size_t>(2 * layer.steps + 2));
  values.reserve(states.capacity());
  std::vector<Linear> linears;
  for (int i = 0; i < 2 * layer.steps; ++i) {
    const std::size_t last = states.size() - 1;
    values.emplace_back(u.shape);
    linears.push_back(layer.cell.linearize(numbers, View<const double>(states[last].view()),
                                           View<const double>(u.view()), values.back().view()));
    states.emplace_back(u.shape);
    states.back().values = (1 - beta) * states[last - 1].values + beta * values.back().values;
  }
  Outcome out{states.back().values, Vector<double>::Zero(u.values.size()), {}, {}, {}, {}};
  std::vector<State<double>> gradients(states.size(), State<double>(u.shape));
  gradients.back() = random_state(u.shape, 7);
  State<double> dz(u.shape), du(u.shape), step(u.shape);
  Parameters<Layer6, double> dtheta;
  for (std::size_t i = linears.size(); i-- > 0;) {
    step.values = beta * gradients[i + 2].values;
    (void)linears[i].pullback(View<const double>(step.view()), dz.view(), du.view(), dtheta.span());
    gradients[i + 1].values += dz.values;
    gradients[i].values += (1 - beta) * gradients[i + 2].values;
    out.du += du.values;
  }
  out.dtheta = dtheta.vector();
  return out;
}

double error(const Outcome& got, const Outcome& wanted) {
  return std::max((got.dtheta - wanted.dtheta).norm() / wanted.dtheta.norm(),
                  (got.du - wanted.du).norm() / wanted.du.norm());
}

std::size_t count(const SolveCounts& counts, Status status) {
  return counts.by_status[static_cast<std::size_t>(status)];
}

const Shape shape{6, {1, 1, 1}, 4};

}  // namespace

TEST_CASE("the gradient of a reversible equilibrium is that of its steps, found again backward", "[gradient]") {
  const auto theta = random_parameters<Layer6>(1, 0.3);
  const State<double> u = random_state(shape, 2);
  for (const double beta : {0.1, 0.2}) {
    CAPTURE(beta);
    const Layer6 layer{.steps = 50, .beta = beta};
    const Outcome out = run<double>(layer, theta, u), wanted = plainly_unrolled(layer, theta, u);
    CHECK((out.z - wanted.z).norm() < 1e-14 * wanted.z.norm());
    CHECK(error(out, wanted) < 1e-10);
    CHECK(out.adjoint.adjoint.converged() == 4);
    CHECK(out.adjoint.adjoint.evaluations == 4 * 100);
    const Vector<double> w = random_state(shape, 7).values, t = random_state(shape, 8).values;
    CHECK(out.tangent.dot(w) == Approx(t.dot(out.du)).epsilon(1e-10));
  }
  check_linearization(Layer6{.steps = 5, .beta = 0.6}, shape, {.adjoint_tolerance = 1e-12, .theta_spread = 0.3});
  static_assert(Layer<Sequential<Dense<3, 6>, Layer6, Dense<6, 2>>>);
}

TEST_CASE("a reversible equilibrium settles where the cell does, and says how far it came", "[unit]") {
  const auto theta = random_parameters<Layer6>(1, 0.2);
  const State<double> u = random_state(shape, 2);
  const Equilibrium<Cell6> direct{.stop = {.tolerance = 1e-13, .max_evaluations = 200}};
  State<double> z(shape), settled(shape);
  Parameters<Equilibrium<Cell6>, double> same;
  same.vector() = theta.vector();
  (void)direct.apply(same, u.view(), z.view());
  const Report far = Layer6{.steps = 60}.apply(theta, u.view(), settled.view());
  CHECK((z.values - settled.values).norm() < 1e-10);
  CHECK(far.forward.converged() == 4);
  CHECK(far.forward.evaluations == 4 * 121);
  CHECK(far.forward.worst_residual < 1e-10);
  const Report near = Layer6{.steps = 2}.apply(theta, u.view(), settled.view());
  CHECK(count(near.forward, Status::approximated) == 4);
  CHECK(near.forward.worst_residual > 1e-3);

  State<double> bad = u;
  bad.values[7] = std::nan("");  // of sample 1
  SolveLog log;
  const auto linear = Layer6{}.linearize(theta, bad.view(), settled.view(), Context{.log = &log});
  CHECK(count(linear.report().forward, Status::non_finite) == 1);
  CHECK(settled.view().sample(1).vector().array().isNaN().all());
  CHECK(settled.view().sample(2).vector().allFinite());
  State<double> du(shape);
  CHECK(count(linear.vjp(u.view(), du.view()).adjoint, Status::non_finite) == 1);
  CHECK(du.view().sample(1).vector().array().isNaN().all());
  CHECK(du.view().sample(2).vector().allFinite());
  REQUIRE(log.records().size() == 8);
  CHECK(log.records()[1].result.status == Status::non_finite);
  CHECK(log.records()[5].pass == Pass::adjoint);

  CHECK_THROWS_WITH(Layer6{.steps = 0}.apply(theta, u.view(), z.view()),
                    "ReversibleEquilibrium: steps is 0, expected 1 or more");
  CHECK_THROWS_WITH(Layer6{.beta = 1}.apply(theta, u.view(), z.view()),
                    "ReversibleEquilibrium: beta is 1, expected a number between 0 and 2, but not 1");
}

TEST_CASE("what rounding costs the way back of a reversible equilibrium is told, and anchors bound it", "[gradient]") {
  // docs/adjoints.md has the numbers.
  const auto theta = random_parameters<Layer6>(1, 0.3);
  const State<double> u = random_state(shape, 2);
  int lost = 0;
  for (const int beta : {2, 5, 8}) {
    for (const int steps : {10, 20, 50, 100}) {
      const Layer6 layer{.steps = steps, .beta = 0.1 * beta};
      const Outcome wanted = plainly_unrolled(layer, theta, u);
      for (const int anchors : {0, 8}) {
        Layer6 anchored = layer;
        anchored.anchors = anchors;
        const Outcome wide = run<double>(anchored, theta, u), single = run<float>(anchored, theta, u);
        const double drift = wide.adjoint.adjoint.worst_residual, drift_single = single.adjoint.adjoint.worst_residual;
        const double wrong = error(wide, wanted), wrong_single = error(single, wanted);
        CAPTURE(beta, steps, anchors, drift, wrong, drift_single, wrong_single);
        CHECK(wrong <= drift + 2e-15);
        CHECK(wrong_single <= drift_single + 1e-6);
        CHECK((wide.adjoint.adjoint.converged() == 4) == (drift <= 1e-3));
        CHECK(count(wide.adjoint.adjoint, Status::non_finite) == 0);
        if (anchors == 8) CHECK(wrong < (steps <= 50 ? 1e-10 : 1e-8));
        lost += drift > 1e-3;
      }
    }
  }
  // More anchors than steps.
  const Layer6 few{.steps = 3, .beta = 0.5}, all{.steps = 3, .beta = 0.5, .anchors = 8};
  const Outcome of_all = run<double>(all, theta, u);
  CHECK(error(of_all, plainly_unrolled(few, theta, u)) < 1e-14);
  CHECK(of_all.adjoint.adjoint.worst_residual < 1e-14);
  CHECK(lost == 6);  // without anchors: all of 50 and 100 steps, but 50 of 0.2, and 20 of 0.8
  CHECK_THROWS_WITH(Layer6{.anchors = -1}.out_shape(shape), "ReversibleEquilibrium: anchors is -1, expected 0 or more");
}

TEST_CASE("a reversible equilibrium is the same on 1 and 3 threads, and a sample alone", "[repeatable]") {
  const auto theta = random_parameters<Layer6>(1, 0.3);
  const State<double> u = random_state({6, {1, 1, 1}, 300}, 2);
  const Layer6 layer{.steps = 8};
  set_threads(1);
  const Outcome one = run<double>(layer, theta, u);
  set_threads(3);
  const Outcome three = run<double>(layer, theta, u);
  set_threads(0);
  CHECK(one.z == three.z);
  CHECK(one.du == three.du);
  CHECK(one.dtheta == three.dtheta);
  CHECK(one.tangent == three.tangent);
  State<double> alone(shape.with_samples(1));
  (void)layer.apply(theta, u.view().sample(123), alone.view());
  CHECK((alone.values - one.z.segment(6 * 123, 6)).norm() < 1e-14);
}

TEST_CASE("the memory of a reversible equilibrium does not grow with its steps", "[allocation]") {
  if (!basin_test::counts_allocations()) return;
  set_threads(1);
  const auto theta = random_parameters<Layer6>(1, 0.1);
  const State<double> u = random_state({6, {16, 32, 1}, 2}, 2);
  const auto peak = [&](int steps, int anchors) {
    const Layer6 layer{.steps = steps, .beta = 0.1, .anchors = anchors};
    release_idle_buffers();
    std::size_t bytes = 0;
    std::thread([&] {
      const std::size_t before = basin_test::live_bytes();
      basin_test::reset_peak();
      State<double> z(u.shape), du(u.shape);
      Parameters<Layer6, double> dtheta;
      const auto linear = layer.linearize(theta, u.view(), z.view());
      (void)linear.pullback(u.view(), du.view(), dtheta.span());
      bytes = basin_test::peak_bytes() - before;
    }).join();
    return bytes;
  };
  static_cast<void>(peak(1, 0));
  const std::size_t few = peak(3, 0), many = peak(60, 0);
  CHECK(many <= few + 1000);  // a state has 24,576 bytes
  CHECK(peak(60, 4) <= peak(10, 4) + 1000);
  CHECK(many < 40 * 8 * static_cast<std::size_t>(u.values.size()));

  // Nothing large is taken after the first time.
  const auto iterate = [&] {
    State<double> z(u.shape);
    Parameters<Layer6, double> dtheta;
    const auto linear = Layer6{.steps = 4}.linearize(theta, u.view(), z.view());
    (void)linear.pullback(u.view(), View<double>(), dtheta.span());
  };
  iterate();
  iterate();
  const basin_test::AllocationCount count;
  iterate();
  CHECK(count.large() == 1);  // z
  set_threads(0);
}
