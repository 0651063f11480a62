#include "basin/nca/flow_lenia.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "basin/nca/rollout.hpp"
#include "support/counting_allocator.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

std::vector<LeniaKernel> three_kernels() {
  return {{.source = 0, .target = 1, .radius = 2.5, .profile = bell_rings({1}), .centre = 0.4, .width = 0.3},
          {.source = 1,
           .target = 0,
           .radius = 3,
           .profile = bell_rings({0.5, 1}),
           .centre = 0.3,
           .width = 0.2,
           .weight = 0.4},
          {.source = 1, .target = 1, .radius = 1, .centre = 0.6, .width = 0.5, .weight = 0.6}};
}

/// Cells that hold from nothing to a bit more than the critical mass, all together.
template <class S>
State<S> matter(const Shape& shape, std::uint64_t seed) {
  State<S> z(shape);
  const Random random{seed, 7};
  for (Index i = 0; i < z.values.size(); ++i) {
    z.values[i] = static_cast<S>(std::max(0.0, random.uniform(static_cast<std::uint64_t>(i), -0.4, 1.1)));
  }
  return z;
}

/// The largest relative change of a channel's mass over some steps, and the least number of all states.
template <class S, class Flow>
std::pair<double, double> drift(const Flow& flow, const Parameters<Flow, S>& theta, State<S> z, Index steps) {
  const auto masses = [](const State<S>& of) {
    return Vector<double>(of.view().matrix().template cast<double>().rowwise().sum());
  };
  const Vector<double> before = masses(z);
  State<S> next(z.shape);
  double worst = 0, least = 0;
  for (Index t = 0; t < steps; ++t) {
    static_cast<void>(flow.template step<S>(theta.span(), z.view(), next.view(), nullptr));
    std::swap(z.values, next.values);
    worst = std::max(worst, ((masses(z) - before).array() / before.array()).abs().maxCoeff());
    least = std::min(least, static_cast<double>(z.values.minCoeff()));
  }
  return {worst, least};
}

}  // namespace

TEST_CASE("flow lenia: mass is kept to rounding, on a torus and between walls", "[exam]") {
  const Shape shape{2, {19, 16, 1}, 1};
  // Each step hands on each number in parts; the errors of each add up.
  const FlowLenia<2, 3> torus(three_kernels(), {.time_step = 0.5});
  const auto theta = lenia_parameters<FlowLenia<2, 3>, double>(three_kernels());
  const auto [worst, least] = drift(torus, theta, matter<double>(shape, 1), 60);
  CHECK(worst < 60 * 1e-15);
  CHECK(least == 0);
  const auto in_box = lenia_parameters<FlowLenia<2, 3, Zero>, double>(three_kernels());
  for (const double half_side : {0.65, 2.75}) {  // the largest that can be moved away from a wall
    const FlowLenia<2, 3, Zero> box(three_kernels(), {.time_step = 0.5, .half_side = half_side});
    CHECK(drift(box, in_box, matter<double>(shape, 2), 60).first < 60 * 1e-15);
  }
  const auto single = drift(torus, theta.cast<float>(), matter<float>(shape, 1), 60);
  CHECK(single.first < 60 * 4e-7);
  CHECK(single.second == 0);
}

TEST_CASE("flow lenia: squares of mass hand on their shares", "[unit]") {
  // By the definition: the length of the square that lies in the cell, over its side.
  for (const double s : {0.3, 0.5, 0.65, 1.7}) {
    for (const double at : {-1.3, -0.5, 0.0, 0.2, 0.85}) {
      double sum = 0;
      for (Index j = -5; j <= 5; ++j) {
        const double cell = static_cast<double>(j);
        const double covered = std::min(at + s, cell + 0.5) - std::max(at - s, cell - 0.5);
        const detail::Share<double> share(j, at, s);
        if (std::abs(share.share - std::max(0.0, covered) / (2 * s)) > 1e-15) FAIL(s << ", " << at << ", " << j);
        sum += share.share;
      }
      CHECK(std::abs(sum - 1) < 1e-15);
    }
  }
}

TEST_CASE("flow lenia: mass flows up the slope of what it likes, and out of crowds", "[unit]") {
  // A lump of one number, alone: without growth it spreads to its neighbours by the share of its square alone.
  auto three = three_kernels();
  for (LeniaKernel& kernel : three) kernel.weight = 0;
  using Flow = FlowLenia<2, 3, Zero>;
  State<double> z(Shape{2, {11, 9, 1}, 1}), out(z.shape);
  const auto at = [](Index x, Index y, Index c = 0) { return 2 * (y * 11 + x) + c; };
  z.values[at(5, 4)] = 1;
  const auto step = [&](const FlowOptions& options = {}) {
    const auto theta = lenia_parameters<Flow, double>(three);
    static_cast<void>(Flow(three, options).step<double>(theta.span(), z.view(), out.view(), nullptr));
  };
  step();
  const double side = 0.15 / 1.3, middle = 1 - 2 * side;
  CHECK(out.values[at(5, 4)] == Approx(middle * middle));
  CHECK(out.values[at(4, 4)] == Approx(side * middle));
  CHECK(out.values[at(6, 5)] == Approx(side * side));
  // A crowd at x = 4 and 5, of a = 1: both flee sideways. Sobel's slope of mass there is 2 / 2 = 1, and eight times as
  // much as published: 0.2 * 8 cells.
  z.values.setZero();
  for (Index y = 0; y < 9; ++y) z.values[at(4, y)] = z.values[at(5, y)] = 2;
  step({.half_side = 0.5});
  CHECK(out.values[at(2, 4)] == Approx(1.2));
  CHECK(out.values[at(3, 4)] == Approx(0.8));
  CHECK(out.values[at(6, 4)] == Approx(0.8));
  CHECK(out.values[at(7, 4)] == Approx(1.2));
  // Channel 1 likes a neighbourhood that is full of channel 0: a little of it moves towards a lump to its right.
  three[0].weight = 1;
  three[0].radius = 4;
  z.values.setZero();
  for (Index y = 3; y <= 5; ++y) z.values[at(7, y)] = z.values[at(8, y)] = 0.9;
  z.values[at(4, 4, 1)] = 0.01;
  step();
  double x = 0, y = 0;
  for (Index i = 0; i < 99; ++i) {
    x += out.values[2 * i + 1] * static_cast<double>(i % 11) / 0.01;
    y += out.values[2 * i + 1] * static_cast<double>(i / 11) / 0.01;
  }
  CHECK(x > 4.1);
  CHECK(y == Approx(4));
}

TEST_CASE("flow lenia: its derivative is right, and passes through rollouts", "[gradient]") {
  const LayerChecks checks{.tolerance = 1e-6, .step = 1e-6, .seed = 3};
  // At random numbers of either sign, and theta: what it takes for mass is not checked.
  check_cell(FlowLenia<2, 3>(three_kernels()), Shape{0, {7, 8, 1}, 1}, checks);
  const FlowLenia<2, 3, Zero> box(three_kernels(), {.critical_mass = 6, .half_side = 0.9, .gradient_scale = 2});
  const auto in_box = random_parameters<FlowLenia<2, 3, Zero>>(3);
  const auto walled = random_state(Shape{2, {6, 7, 1}, 2}, 4), no_input = State<double>(Shape{0, {6, 7, 1}, 2});
  CHECK(check_gradients(box, in_box, walled, no_input, {.tolerance = 1e-6, .step = 1e-6}).passed);

  Rollout<FlowLenia<2, 3>, Checkpointed> rollout{FlowLenia<2, 3>(three_kernels()), 4};
  const auto theta = lenia_parameters<decltype(rollout), double>(three_kernels());
  const auto z = matter<double>(Shape{2, {9, 8, 1}, 2}, 5);
  const GradientCheck gradients = check_gradients(rollout, theta, z, {.tolerance = 1e-6, .step = 1e-6, .most = 20});
  INFO(gradients.to_string());
  CHECK(gradients.passed);

  // The other tapes come to the same.
  const auto w = matter<double>(z.shape, 6);
  const auto pulled = [&]<class Tape>(Tape) {
    const Rollout<FlowLenia<2, 3>, Tape> other{FlowLenia<2, 3>(three_kernels()), 4};
    State<double> out(z.shape), dz(z.shape);
    Parameters<FlowLenia<2, 3>, double> dtheta;
    const auto linear = other.linearize(theta.span(), z.view(), out.view());
    static_cast<void>(linear.pullback(w.view(), dz.view(), dtheta.span()));
    Vector<double> all(dz.values.size() + dtheta.vector().size());
    all << dz.values, dtheta.vector();
    return all;
  };
  CHECK(relative_error(pulled(Kept{}), pulled(Checkpointed{})) < 1e-12);
  CHECK(relative_error(pulled(Recomputed{}), pulled(Checkpointed{})) < 1e-12);
}

TEST_CASE("flow lenia: the same bits on one thread and two, and a sample gets what it gets alone", "[repeatable]") {
  const Shape shape{2, {40, 150, 1}, 2};
  const FlowLenia<2, 3> flow(three_kernels());
  const auto theta = lenia_parameters<FlowLenia<2, 3>>(three_kernels());
  const auto z = matter<float>(shape, 1), w = matter<float>(shape, 2);
  const View<const float> none(nullptr, shape.with_features(0));
  const auto made = [&](View<const float> of, View<const float> along) {
    State<float> out(of.shape()), dz(of.shape());
    Parameters<FlowLenia<2, 3>, float> dtheta;
    const auto linear =
        flow.linearize(theta.span(), of, View<const float>(nullptr, of.shape().with_features(0)), out.view());
    static_cast<void>(linear.pullback(along, dz.view(), View<float>{}, dtheta.span()));
    Vector<float> all(out.values.size() + dz.values.size() + dtheta.vector().size());
    all << out.values, dz.values, dtheta.vector();
    return all;
  };
  const int before = threads();
  set_threads(1);
  const Vector<float> one = made(z.view(), w.view());
  set_threads(2);
  const Vector<float> two = made(z.view(), w.view());
  set_threads(before);
  CHECK(one == two);
  const Vector<float> alone = made(z.view().sample(1), w.view().sample(1));
  const Index size = shape.sample_size();
  CHECK(alone.head(size) == one.segment(size, size));
  CHECK(alone.segment(size, size) == one.segment(3 * size, size));
}

TEST_CASE("flow lenia: what is wrong is refused, and NaN does not hide", "[unit]") {
  using Flow = FlowLenia<2, 3, Zero>;
  CHECK_THROWS_WITH(Flow(three_kernels(), {.time_step = 0}), "FlowLenia: time step is 0, expected above 0 and finite");
  CHECK_THROWS_WITH(Flow(three_kernels(), {.critical_mass = 0}), "FlowLenia: critical mass is 0, expected above 0");
  CHECK_THROWS_WITH(Flow(three_kernels(), {.exponent = 0.5}), "FlowLenia: exponent is 0.5, expected 1 or more");
  const Shape u{0, {6, 7, 1}, 1};
  CHECK_THROWS_WITH(Flow(three_kernels(), {.half_side = 6}).state_shape(u),
                    "FlowLenia: half side of the square of mass is 6, expected above 0, and at most the reach, 5");
  CHECK_THROWS_WITH(Flow(three_kernels(), {.half_side = 3}).state_shape(u),
                    "FlowLenia: half side of the square of mass between walls is 3, expected at most half of the "
                    "reach, 5, and a quarter");
  CHECK_THROWS_WITH(Flow(three_kernels(), {.half_side = 3.5, .reach = 7}).state_shape(u),
                    "FlowLenia: extent of an axis of space is 6, expected room for a square of mass between walls");
  const Flow flow(three_kernels());
  const auto theta = lenia_parameters<Flow, double>(three_kernels());
  auto z = matter<double>(Shape{2, {6, 7, 1}, 1}, 1);
  z.values[10] = std::numeric_limits<double>::quiet_NaN();
  State<double> out(z.shape);
  static_cast<void>(flow.step<double>(theta.span(), z.view(), out.view(), nullptr));
  CHECK(!out.values.allFinite());
}

TEST_CASE("flow lenia: a step allocates nothing after the first", "[allocation]") {
  if (!basin_test::counts_allocations()) return;
  const FlowLenia<2, 3> flow(three_kernels());
  const auto theta = lenia_parameters<FlowLenia<2, 3>>(three_kernels());
  const auto z = matter<float>(Shape{2, {20, 20, 1}, 1}, 1);
  State<float> out(z.shape);
  static_cast<void>(flow.step<float>(theta.span(), z.view(), out.view(), nullptr));
  const basin_test::AllocationCount later;
  static_cast<void>(flow.step<float>(theta.span(), z.view(), out.view(), nullptr));
  CHECK(later.allocations() == 0);
}
