// What Unrolled keeps: the gradient is the same, the memory is not. And the way back that is cut off.

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <thread>

#include "basin/adjoint/unrolled.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "support/counting_allocator.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using test::random_parameters;
using test::random_state;

namespace {

using Cell8 = Injected<Sequential<Dense<8, 8>, Tanh>>;
using Layer8 = Equilibrium<Cell8, Picard, Unrolled>;
using Linear2 = Equilibrium<Injected<Dense<2, 2, Bias::no>>, Picard, Unrolled>;  // W z + u

struct Outcome {
  Vector<double> z, du, dtheta, tangent;
  Report adjoint;

  [[nodiscard]] double difference(const Outcome& other) const {
    return (z - other.z).norm() + (du - other.du).norm() + (dtheta - other.dtheta).norm() +
           (tangent - other.tangent).norm();
  }
};

template <class Model>
Outcome run(const Model& layer, std::span<const double, Model::param_count> theta, const State<double>& u) {
  State<double> z(u.shape), du(u.shape), tangent(u.shape);
  const State<double> w = random_state(u.shape, 7), t = random_state(u.shape, 8);
  Vector<double> dtheta = Vector<double>::Zero(static_cast<Index>(Model::param_count));
  const auto linear = layer.linearize(theta, View<const double>(u.view()), z.view());
  const Report adjoint =
      linear.pullback(w.view(), du.view(), std::span<double, Model::param_count>(dtheta.data(), Model::param_count));
  (void)linear.jvp(t.view(), tangent.view());
  return {z.values, du.values, dtheta, tangent.values, adjoint};
}

std::size_t count(const SolveCounts& counts, Status status) {
  return counts.by_status[static_cast<std::size_t>(status)];
}

}  // namespace

TEST_CASE("whatever is kept of the steps, the gradient is the same", "[gradient]") {
  const State<double> u = random_state({8, {1, 1, 1}, 3}, 2);
  const auto theta = random_parameters<Layer8>(1, 0.3);
  const std::span<const double, Layer8::param_count> numbers(theta.span());
  for (const int evaluations : {2, 3, 8, 51}) {
    CAPTURE(evaluations);
    Layer8 layer{.solver = {.damping = 0.8}, .stop = {.tolerance = 0, .max_evaluations = evaluations}};
    const Outcome wanted = run(layer, numbers, u);
    for (const Index every : {0, 1, 3, 100}) {
      layer.adjoint.tape = Checkpointed{every};
      CHECK(run(layer, numbers, u).difference(wanted) == 0);
    }
    layer.adjoint.tape = Kept{};
    CHECK(run(layer, numbers, u).difference(wanted) <= 1e-13 * wanted.dtheta.norm());
  }
  // Where the solve ends by itself.
  Layer8 layer{.stop = {.tolerance = 1e-10, .max_evaluations = 300}};
  const Outcome wanted = run(layer, numbers, u);
  CHECK(wanted.adjoint.adjoint.converged() == 3);
  layer.adjoint.tape = Checkpointed{};
  CHECK(run(layer, numbers, u).difference(wanted) == 0);
  layer.adjoint.tape = Kept{};
  CHECK(run(layer, numbers, u).difference(wanted) <= 1e-13 * wanted.dtheta.norm());
}

TEST_CASE("so it is where the state returned is not the last one", "[gradient]") {
  // The residual of each second state is twice that of those beside it.
  const double theta[4] = {0, -0.475, 1.9, 0};
  State<double> u(Shape{2});
  u.values << 1, 0;
  for (const int evaluations : {12, 13, 30, 41}) {
    CAPTURE(evaluations);
    Linear2 layer{.stop = {.tolerance = 1e-12, .max_evaluations = evaluations, .stall_window = 0}};
    const Outcome wanted = run(layer, theta, u);
    CHECK(wanted.adjoint.adjoint.evaluations == static_cast<std::size_t>((evaluations - 2) / 2 * 2 + 1));
    for (const auto tape :
         {Unrolled{.tape = Checkpointed{}}, Unrolled{.tape = Checkpointed{4}}, Unrolled{.tape = Kept{}}}) {
      layer.adjoint = tape;
      CHECK(run(layer, theta, u).difference(wanted) <= 1e-14);
    }
    Linear2 cut = layer;
    cut.adjoint = {.last_steps = 4};
    const Outcome last = run(cut, theta, u);
    CHECK(last.z == wanted.z);
    cut.adjoint = {.tape = Checkpointed{}, .last_steps = 4};
    CHECK(run(cut, theta, u).difference(last) == 0);
    cut.adjoint = {.tape = Kept{}, .last_steps = 4};
    CHECK(run(cut, theta, u).difference(last) <= 1e-14);
    CHECK(last.adjoint.adjoint.evaluations == 4);
    layer.stop.returns_last = true;
    const Outcome all = run(layer, theta, u);
    CHECK(all.adjoint.adjoint.evaluations == static_cast<std::size_t>(evaluations - 1));
    // So does, by itself, who asks for steps and no equilibrium, however the residual goes.
    layer.stop = {.tolerance = 0, .max_evaluations = evaluations, .stall_window = 1, .stall_factor = 0.5};
    const Outcome steps = run(layer, theta, u);
    CHECK(steps.difference(all) == 0);
    CHECK(count(steps.adjoint.adjoint, Status::approximated) == 1);
  }
}

TEST_CASE("steps that were asked for are made, wherever they lead", "[unit]") {
  // Grows threefold, from nothing that moves where u is 0.
  const double theta[4] = {3, 0, 0, 3};
  State<double> u(Shape{2});
  u.values << 1e-3, 0;
  Linear2 layer{.stop = {.tolerance = 0, .max_evaluations = 60}};
  const Outcome grown = run(layer, theta, u);
  CHECK(grown.z[0] == Approx(1e-3 * (std::pow(3.0, 59) - 1) / 2));
  CHECK(grown.z[1] == 0);
  CHECK(grown.adjoint.adjoint.evaluations == 59);
  CHECK(count(grown.adjoint.adjoint, Status::approximated) == 1);
  const State<double> zero(u.shape);
  const auto solution = layer.solve<double>(std::span<const double, 4>(theta), u.view(), zero.view());
  CHECK(solution.samples[0].status == Status::approximated);
}

TEST_CASE("a start that is not finite reaches z, whatever is kept of the steps", "[unit]") {
  const double theta[4] = {0.5, 0, 0, 0.5};
  State<double> u(Shape{2}), start(Shape{2}), z(Shape{2});
  start.values << 1, std::numeric_limits<double>::quiet_NaN();
  for (const int last_steps : {0, 2}) {
    for (const auto tape : {Unrolled{}.tape, Unrolled{.tape = Checkpointed{}}.tape, Unrolled{.tape = Kept{}}.tape}) {
      for (const double tolerance : {0.0, 1e-6}) {
        Linear2 layer{.stop = {.tolerance = tolerance, .max_evaluations = 8},
                      .adjoint = {.tape = tape, .last_steps = last_steps},
                      .start = start.view()};
        const auto linear = layer.linearize(std::span<const double, 4>(theta), View<const double>(u.view()), z.view());
        CHECK(linear.report().forward.by_status[static_cast<std::size_t>(Status::non_finite)] == 1);
        CHECK(z.values.array().isNaN().all());
      }
    }
  }
}

TEST_CASE("the way back through the last steps is a Neumann sum, and says what it left", "[gradient]") {
  // z = z / 2 + u: du/dz is 1 + 1/2 + ... for as many steps, taken or not.
  const double theta[4] = {0.5, 0, 0, 0.5};
  State<double> u(Shape{2});
  for (const double size : {1.0, 0.0}) {
    u.values.setConstant(size);
    for (const int steps : {1, 3, 8}) {
      CAPTURE(size, steps);
      Linear2 layer{.stop = {.tolerance = 1e-10, .max_evaluations = 100}};
      const State<double> w = random_state(u.shape, 7), t = random_state(u.shape, 8);
      for (const auto tape : {Unrolled{}.tape, Unrolled{.tape = Checkpointed{}}.tape, Unrolled{.tape = Kept{}}.tape}) {
        layer.adjoint = {.tape = tape, .last_steps = steps};
        const Outcome out = run(layer, theta, u);
        const double factor = 2 * (1 - std::pow(0.5, steps));
        CHECK((out.du - factor * w.values).norm() < 1e-15);
        CHECK((out.tangent - factor * t.values).norm() < 1e-15);
        CHECK(count(out.adjoint.adjoint, Status::approximated) == 1);
        CHECK(out.adjoint.adjoint.worst_residual == Approx(std::pow(0.5, steps)));
      }
    }
  }
  Linear2 wrong{.adjoint = {.last_steps = -1}};
  CHECK_THROWS_WITH(run(wrong, theta, u), "Unrolled: last_steps is -1, expected 0 or more");
  wrong.adjoint = {.tape = Checkpointed{-2}};
  CHECK_THROWS_WITH(run(wrong, theta, u), "Checkpointed: every is -2, expected 0 or more");
}

TEST_CASE("the memory of an unrolled iteration is what was chosen", "[allocation]") {
  if (!basin_test::counts_allocations()) return;
  set_threads(1);
  const auto theta = random_parameters<Layer8>(1, 0.1);
  const State<double> u = random_state({8, {16, 32, 1}, 1}, 2);
  const double state = static_cast<double>(u.values.size()) * 8;  // bytes: as many as make a Buffer
  // The peak of a pass there and back, scratch memory too, in states.
  const auto peak = [&](const Unrolled& adjoint, int steps) {
    const Layer8 layer{
        .solver = {.damping = 0.02}, .stop = {.tolerance = 0, .max_evaluations = steps + 1}, .adjoint = adjoint};
    release_idle_buffers();
    double bytes = 0;
    std::thread([&] {
      const std::size_t before = basin_test::live_bytes();
      basin_test::reset_peak();
      State<double> z(u.shape), du(u.shape);
      Parameters<Layer8, double> dtheta;
      const auto linear = layer.linearize(theta, u.view(), z.view());
      (void)linear.pullback(u.view(), du.view(), dtheta.span());
      bytes = static_cast<double>(basin_test::peak_bytes() - before);
    }).join();
    return bytes / state;
  };
  const double some = peak({}, 40);
  const double all = peak({}, 240), kept = peak({.tape = Kept{}}, 240), root = peak({.tape = Checkpointed{}}, 240),
               last = peak({.last_steps = 5}, 240), last_of_some = peak({.last_steps = 5}, 40);
  INFO("in states: recomputed " << some << " for 40 steps, and for 240 " << all << ", kept " << kept
                                << ", checkpointed " << root << ", the last five " << last);
  CHECK(all - some > 190);
  CHECK(all < 290);
  CHECK(kept > 1.8 * all);
  CHECK(root < 0.45 * all);
  CHECK(last == Approx(last_of_some).epsilon(1e-3));
  CHECK(last < 40);

  // What one pass took the next takes again: large is z alone.
  for (const auto adjoint :
       {Unrolled{}, Unrolled{.tape = Kept{}}, Unrolled{.tape = Checkpointed{}}, Unrolled{.last_steps = 3}}) {
    const Layer8 layer{.stop = {.tolerance = 0, .max_evaluations = 20}, .adjoint = adjoint};
    std::size_t large = 0;
    for (int pass = 0; pass < 3; ++pass) {
      const basin_test::AllocationCount count;
      State<double> z(u.shape);
      Parameters<Layer8, double> dtheta;
      const auto linear = layer.linearize(theta, u.view(), z.view());
      (void)linear.pullback(u.view(), View<double>(), dtheta.span());
      large = count.large();
    }
    CHECK(large == 1);
  }
  set_threads(0);
}
