#include "basin/layers/quantized.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>
#include <vector>

#include "basin/deq/injected.hpp"
#include "basin/fixed_point/anderson.hpp"
#include "basin/fixed_point/solve.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/sequential.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

using Flat = Dense<7, 5>;
using Plane = Conv<3, 4, 3, 2, Zero>;
using Torus = Conv<2, 2, 3, 1, Periodic, Bias::no>;
static_assert(Layer<Quantized<Flat>> && Fusible<Quantized<Flat>> && Layer<Quantized<Plane>, double>);
static_assert(Quantized<Flat>::param_count == 5 && Quantized<Torus>::param_count == 0);

namespace {

/// The largest |y of Quantized<L> - y of L| over the bound that the header proves, for x in the range.
template <class L>
double share_of_bound(const Shape& shape, std::uint64_t seed) {
  const Parameters<L, double> theta = random_parameters<L>(seed);
  const State<double> x = random_state(shape, seed + 1);
  Range range;
  range.include(x.view());
  const auto weights = quantized_weights<L>(std::span<const double, L::param_count>(theta.span()), range);
  const Quantized<L> quantized{&weights};
  const Shape out = L{}.out_shape(shape);
  State<double> y(out), of_layer(out), bound(out);
  L{}.apply(theta.span(), x.view(), of_layer.view());
  constexpr std::size_t biases = Quantized<L>::param_count;
  quantized.apply(theta.span().template last<biases>(), x.view(), y.view());

  // sum |w| s / 2 + (|x| + s / 2) t / 2, by the layer itself: weights |w| at ones, and t / 2 at |x| + s / 2.
  const double s = static_cast<double>(weights.step);
  Parameters<L, double> sizes, halves;
  for (std::size_t i = 0; i < L::weight_count; ++i) {
    sizes.span()[i] = std::abs(theta.span()[i]) * s / 2;
    halves.span()[i] = static_cast<double>(weights.factors[i % L::out_features]) / s / 2;
  }
  State<double> ones(shape), moved(shape), part(out);
  ones.values.setOnes();
  moved.values = x.values.cwiseAbs().array() + s / 2;
  L{}.apply(sizes.span(), ones.view(), bound.view());
  L{}.apply(halves.span(), moved.view(), part.view());
  // Steps and factors are floats.
  bound.values += part.values + 1e-5 * of_layer.values.cwiseAbs() + Vector<double>::Constant(out.size(), 1e-5);
  return ((y.values - of_layer.values).cwiseAbs().array() / bound.values.array()).maxCoeff();
}

}  // namespace

TEST_CASE("a layer of 8 bits is as near to the layer as its rounding allows", "[unit][quantized]") {
  std::vector<double> shares;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    shares.push_back(share_of_bound<Flat>({7, {3, 2, 1}, 4}, seed));
    shares.push_back(share_of_bound<Plane>({3, {6, 5, 1}, 2}, seed));
    shares.push_back(share_of_bound<Torus>({2, {4, 5, 1}, 3}, seed));
  }
  const auto [least, most] = std::minmax_element(shares.begin(), shares.end());
  CHECK(*most <= 1);
  CHECK(*least > 0.05);  // something is rounded, and the bound is no giant
}

TEST_CASE("what 8 bits hold is exact, and zero always is", "[unit][quantized]") {
  // Weights in 127ths of the largest, x in 255ths of the range: no rounding, but of the scalar.
  constexpr std::array<double, 8> theta{127, -3, 60, 20, -127, 1, 0.5, -0.5};  // (2, 3) and a bias
  constexpr auto weights = quantized_weights<Dense<3, 2>>(std::span<const double, 8>(theta), Range{-55.0f, 200.0f});
  static_assert(weights.lowest == -55 && weights.values[0] == 127 && weights.values[4] == -127 && weights.step == 1);
  const Quantized<Dense<3, 2>> layer{&weights};
  Matrix<double> x(3, 4), y(2, 4), expected(2, 4);
  // In the range; at its ends; beyond them, where numbers saturate; zero.
  x << 3, 200, 1000, 0, -2, -55, -1e9, 0, 11, 0, 7, 0;
  Matrix<double> within = x.cwiseMax(-55).cwiseMin(200);
  const Eigen::Map<const Matrix<double>> w(theta.data(), 2, 3);
  // Rows of weights have 127ths of their own largest: 127 and 20.
  Matrix<double> rounded = w;
  for (int k = 0; k < 3; ++k) rounded(1, k) = std::round(w(1, k) * 127 / 20) * 20 / 127;
  expected = (rounded * within).colwise() + Eigen::Map<const Vector<double>>(theta.data() + 6, 2);
  layer.apply(std::span<const double, 2>(theta.data() + 6, 2), view(x), view(y));
  CHECK((y - expected).cwiseAbs().maxCoeff() < 1e-3);
  CHECK(y.col(3) == Eigen::Map<const Vector<double>>(theta.data() + 6, 2));
}

TEST_CASE("a layer of 8 bits gives a sample the same alone and in a batch, and NaN where there is one",
          "[unit][quantized]") {
  const auto check_layer = [](const auto& layer, const auto& theta, const Shape& shape) {
    State<double> x = random_state(shape, 3);
    State<double> y(layer.out_shape(shape)), alone(y.shape.with_samples(1));
    x.view().sample(1).vector()[2] = std::numeric_limits<double>::quiet_NaN();
    layer.apply(theta, x.view(), y.view());
    bool same = true;
    for (const Index n : {0, 2}) {
      layer.apply(theta, x.view().sample(n), alone.view());
      same = same && alone.values == y.view().sample(n).vector();
    }
    CHECK(same);
    CHECK(y.view().sample(0).vector().allFinite());
    CHECK(std::isnan(y.view().sample(1).vector()[0]));
  };
  const auto flat = random_parameters<Flat>(1);
  const auto of_flat = quantized_weights<Flat>(std::span<const double, Flat::param_count>(flat.span()), {-2, 2});
  check_layer(Quantized<Flat>{&of_flat}, std::span<const double, 5>(flat.span().last<5>()), {7, {1, 1, 1}, 3});
  const auto plane = random_parameters<Plane>(2);
  const auto of_plane = quantized_weights<Plane>(std::span<const double, Plane::param_count>(plane.span()), {-2, 2});
  check_layer(Quantized<Plane>{&of_plane}, std::span<const double, 4>(plane.span().last<4>()), {3, {5, 4, 1}, 3});
}

TEST_CASE("an equilibrium of 8 bits is found by the same solver, near that of the layer", "[unit][quantized]") {
  using Inner = Conv<2, 2, 3, 1, Zero, Bias::no>;
  using Cells = Injected<Sequential<Inner, Tanh>>;
  using Quantized8 = Injected<Sequential<Quantized<Inner>, Tanh>>;
  auto theta = random_parameters<Inner>(5, 0.1);
  const auto weights = quantized_weights<Inner>(std::span<const double, Inner::param_count>(theta.span()), {-1, 1});
  const Shape shape{2, {5, 4, 1}, 2};
  const State<double> u = random_state(shape, 6), zero(shape);
  using Map = std::function<void(View<const double>, View<double>, std::span<const Index>)>;
  const auto settled = [&](const auto& cell, auto numbers) {
    const Map f = [&, numbers](View<const double> z, View<double> out, std::span<const Index> samples) {
      State<double> injected(z.shape());
      for (std::size_t i = 0; i < samples.size(); ++i) {
        injected.view().sample(static_cast<Index>(i)).vector() = u.view().sample(samples[i]).vector();
      }
      static_cast<void>(cell.template apply<double>(numbers, z, injected.view(), out));
    };
    return solve(f, zero, Anderson<3>{}, {.tolerance = 1e-2});
  };
  Quantized8 cell;
  cell.layers.layer<0>().weights = &weights;
  const auto exact = settled(Cells{}, std::span<const double, Inner::param_count>(theta.span()));
  const auto rounded = settled(cell, std::span<const double, 0>());
  CHECK(exact.converged());
  CHECK(rounded.converged());
  CHECK(relative_error(rounded.value.values, exact.value.values) < 0.05);
}

TEST_CASE("a layer of 8 bits says what it cannot take", "[unit][quantized]") {
  const auto theta = random_parameters<Flat>(1);
  const std::span<const double, Flat::param_count> numbers(theta.span());
  CHECK_THROWS_WITH(quantized_weights<Flat>(numbers, {0, 0}),
                    Catch::Matchers::Contains("range of what is quantized is 0.000000 to 0.000000, expected"));
  CHECK_THROWS_WITH(quantized_weights<Flat>(numbers, {1, 2}), Catch::Matchers::Contains("with zero between them"));
  CHECK_THROWS_WITH(quantized_weights<Flat>(numbers, {0, INFINITY}), Catch::Matchers::Contains("1e-30 to 1e30 apart"));
  CHECK_THROWS_WITH(quantized_weights<Flat>(numbers, {-1e-38f, 1e-38f}),
                    Catch::Matchers::Contains("1e-30 to 1e30 apart"));
  for (const double wrong : {std::numeric_limits<double>::quiet_NaN(), -std::numeric_limits<double>::infinity()}) {
    auto other = theta;
    other.vector()[2] = wrong;
    CHECK_THROWS_WITH(quantized_weights<Flat>(std::as_const(other).span(), {-1, 1}),
                      Catch::Matchers::Contains("weights of output 2 that are quantized is not finite"));
  }
  State<double> x(Shape{7, {1, 1, 1}, 1}), y(Shape{5, {1, 1, 1}, 1});
  CHECK_THROWS_WITH(Quantized<Flat>{}.apply(numbers.last<5>(), x.view(), y.view()),
                    "Quantized: weights is null, expected those of quantized_weights");
  CHECK_THROWS_WITH(Quantized<Flat>{}.out_shape({6, {1, 1, 1}, 1}), "Dense: number of features is 6, expected 7");
}
