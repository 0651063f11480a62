// A circuit whose gates are learned: what it answers, its derivatives, and what becomes of it when it is hard.

#include "basin/logic/soft_circuit.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "basin/logic/program.hpp"
#include "basin/train/optimizer.hpp"
#include "basin/train/state_loss.hpp"
#include "basin/train/value_and_gradient.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

using Small = SoftCircuit<5, 4, 6, 3>;
static_assert(Layer<Small> && Layer<Small, double>);
static_assert(Small::param_count == 16 * 13 && Small::out_features == 3);

constexpr bool can_be_wired(std::array<int, 2> sizes) { return have_wires(sizes); }
static_assert(can_be_wired({5, 3}) && !can_be_wired({5, 2}));  // a value would be read by nobody
static_assert(can_be_wired({4, 6}) && !can_be_wired({4, 7}));  // a pair would be read twice

}  // namespace

TEST_CASE("a soft circuit has the right derivatives", "[gradient][logic]") {
  check_linearization(Small(3), Shape{5, {7, 5, 1}, 2});  // 70 cells: two full rows and a rest
}

// Petersen et al. 2022, table 1, functions 0 to 15 of numbers a and b.
TEST_CASE("a gate is the mean of its sixteen functions", "[unit][logic]") {
  const double a = 0.3, b = 0.9, ab = a * b;
  const std::array<double, 16> published{
      0,     ab,         a - ab, a,          b - ab, b, a + b - 2 * ab, a + b - ab, 1 - a - b + ab, 1 - a - b + 2 * ab,
      1 - b, 1 - b + ab, 1 - a,  1 - a + ab, 1 - ab, 1};
  const SoftCircuit<2, 1> gate;
  State<double> x(Shape{2, {1, 1, 1}, 1}), y(Shape{1, {1, 1, 1}, 1});
  const bool straight = (*gate.wires)[0].first == 0;
  x.values << (straight ? a : b), (straight ? b : a);
  Parameters<SoftCircuit<2, 1>, double> theta = random_parameters<SoftCircuit<2, 1>>(1, 2.0);
  const Vector<double> weights = theta.vector().array().exp() / theta.vector().array().exp().sum();
  gate.apply(theta, x.view(), y.view());
  double mean = 0;
  for (Index i = 0; i < 16; ++i) mean += weights[i] * published[static_cast<std::size_t>(i)];
  CHECK(y.values[0] == Approx(mean).epsilon(1e-14));
  for (Index i = 0; i < 16; ++i) {
    theta.vector().setZero();
    theta.vector()[i] = 1000;
    gate.apply(theta, x.view(), y.view());
    CHECK(y.values[0] == Approx(published[static_cast<std::size_t>(i)]).margin(1e-15));
  }
  theta.vector()[4] = std::numeric_limits<double>::quiet_NaN();
  gate.apply(theta, x.view(), y.view());
  CHECK(std::isnan(y.values[0]));
}

TEST_CASE("every value is read, and no pair twice", "[unit][logic]") {
  for (const std::array<int, 2>& sizes :
       {std::array{17, 128}, std::array{264, 256}, std::array{8, 4}, std::array{9, 5}}) {
    const auto wires = unique_wires(sizes[0], sizes[1], Random{7, 1});
    std::vector<int> reads(static_cast<std::size_t>(sizes[0]), 0);
    bool right = wires.size() == static_cast<std::size_t>(sizes[1]);
    for (std::size_t i = 0; i < wires.size(); ++i) {
      right = right && wires[i].first < wires[i].second;
      for (std::size_t j = 0; j < i; ++j) right = right && !(wires[i] == wires[j]);
      ++reads[static_cast<std::size_t>(wires[i].first)];
      ++reads[static_cast<std::size_t>(wires[i].second)];
    }
    CAPTURE(sizes[0], sizes[1]);
    CHECK(right);
    CHECK(std::count(reads.begin(), reads.end(), 0) == 0);
  }
}

TEST_CASE("hardened, a soft circuit gives the bits of its likeliest gates", "[unit][logic]") {
  const Small layer(5);
  auto theta = random_parameters<Small, float>(2, 1.0);
  Circuit circuit{.inputs = 5, .gates = likeliest_gates(std::span<const GateWires>(*layer.wires), theta.span().data())};
  circuit.outputs = {15, 16, 17};
  harden(std::span<float>(theta.span()));
  State<float> x(Shape{5, {1, 1, 1}, 32}), y(Shape{3, {1, 1, 1}, 32});
  bool same = true;
  for (Index n = 0; n < 32; ++n) {
    for (int i = 0; i < 5; ++i) x.values[5 * n + i] = static_cast<float>(n >> i & 1);
  }
  layer.apply(theta, x.view(), y.view());
  for (Index n = 0; n < 32; ++n) {
    std::vector<bool> bits;
    for (int i = 0; i < 5; ++i) bits.push_back((n >> i & 1) != 0);
    const std::vector<bool> right = answer(circuit, bits);
    for (int o = 0; o < 3; ++o)
      same = same && y.values[3 * n + o] == (right[static_cast<std::size_t>(o)] ? 1.0f : 0.0f);
  }
  CHECK(same);
}

TEST_CASE("a soft circuit learns a function of four bits, and is hard at the end", "[unit][logic]") {
  using Model = SoftCircuit<4, 6, 8, 4, 2, 1>;
  const Model model;
  State<float> x(Shape{4, {1, 1, 1}, 16}), wanted(Shape{1, {1, 1, 1}, 16});
  for (Index n = 0; n < 16; ++n) {
    for (int i = 0; i < 4; ++i) x.values[4 * n + i] = static_cast<float>(n >> i & 1);
    wanted.values[n] = (n & 3) == 3 || (n & 12) == 4 ? 1.0f : 0.0f;  // (a and b) or (c and not d)
  }
  Parameters<Model, float> theta;
  for (Index i = gate_first; i < theta.vector().size(); i += gate_functions) theta.vector()[i] = 10;
  const AdamW adam{.rate = 0.1, .beta2 = 0.99};
  auto moments = adam.init(theta);
  for (int step = 0; step < 400; ++step) {
    auto result =
        value_and_gradient(model, theta, x.view(), LeadingFeaturesError<float>{wanted}, {.samples_per_part = 16});
    adam.step(theta, result.gradient, moments);
  }
  harden(std::span<float>(theta.span()));
  State<float> y(wanted.shape);
  model.apply(theta, x.view(), y.view());
  CHECK(y.values == wanted.values);
}
