// Layers whose weights are divided by their norm or a bound of it (basin/deq/normalized_weights.hpp), and the gradient
// of that bound (basin/linear/norm_bound_gradient.hpp).

#include "basin/deq/normalized_weights.hpp"

#include <catch2/catch.hpp>

#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/conv.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/transposed_conv.hpp"
#include "support/layer_checks.hpp"

namespace {

using namespace basin;

using Plane = Conv<2, 3, 3>;
using Bounded = SpectrallyNormalized<Plane>;
using Lengths = WeightNormalized<Plane>;
using BoundedDense = SpectrallyNormalized<Dense<5, 4>>;
const Shape planes{2, {5, 4, 1}, 2}, vectors{5, {1, 1, 1}, 3};

static_assert(Layer<Bounded> && Layer<Lengths> && Layer<BoundedDense>);
static_assert(Bounded::param_count == Plane::param_count && Lengths::param_count == Plane::param_count + 3);

/// The weights of a layer as columns of doubles, made of theta.
template <class L>
std::vector<double> weights_of(const L& layer, const Parameters<L, double>& theta) {
  const auto made = layer.template prepare<double>(theta.span());
  const Leaf& leaf = detail::only_weights<std::remove_cvref_t<decltype(layer.layer)>>();
  const auto first = made->span().begin() + static_cast<std::ptrdiff_t>(leaf.offset);
  return {first, first + static_cast<std::ptrdiff_t>(leaf.size)};
}

}  // namespace

TEST_CASE("the gradient of a bound of a norm is that of central differences", "[gradient]") {
  // A matrix that is wide, one that is tall, and convolutions.
  const std::vector<std::array<Index, 3>> sizes{{3, 6, 1}, {6, 3, 1}, {2, 3, 3}, {2, 1, 5}};
  for (const auto& [outputs, inputs, kernel] : sizes) {
    for (const NormBoundOptions& options : {NormBoundOptions{}, NormBoundOptions{.squarings = 0}, {2, 5}}) {
      CAPTURE(outputs, inputs, kernel, options.squarings);
      const Vector<double> taps = test::random_state({outputs * inputs * kernel * kernel}, 3).values;
      const auto bound = [&, outputs = outputs, inputs = inputs, kernel = kernel](const Vector<double>& at) {
        return convolution_norm_bound({at.data(), static_cast<std::size_t>(at.size())}, outputs, inputs, kernel,
                                      options);
      };
      const NormBoundGradient found = convolution_norm_bound_gradient(
          {taps.data(), static_cast<std::size_t>(taps.size())}, outputs, inputs, kernel, options);
      CHECK(found.bound == bound(taps));
      const Vector<double> gradient =
          Eigen::Map<const Vector<double>>(found.gradient.data(), static_cast<Index>(found.gradient.size()));
      const GradientError error = gradient_error(bound, taps, gradient);
      INFO(error.where);
      CHECK(error.value < 1e-8);
    }
  }
  CHECK(norm_bound_gradient(Matrix<double>::Zero(2, 3), 0) == Matrix<double>::Zero(2, 3));
}

TEST_CASE("the derivatives of layers with normalized weights are right", "[gradient]") {
  Bounded bounded;
  bounded.how = {.limit = 0.5, .bound = {.squarings = 3, .points_per_degree = 6}};
  test::check_linearization(bounded, planes);
  bounded.how.limit = 1e3;  // beyond what the weights are: as without
  test::check_linearization(bounded, planes);
  test::check_linearization(BoundedDense{}, vectors);
  test::check_linearization(Lengths{}, planes);
}

TEST_CASE("no parameters make spectrally normalized weights longer than their limit", "[unit]") {
  Bounded bounded;
  const auto plain = test::random_parameters<Plane>(4, 1e-3);
  for (const double spread : {1e-3, 1.0, 1e6}) {
    const auto theta = test::random_parameters<Bounded>(4, spread);
    const double norm = convolution_norm_bound(weights_of(bounded, theta), 3, 2, 3);
    CHECK(norm <= 0.95 * (1 + 1e-12));
    CHECK((spread < 1 || norm > 0.949));  // and no shorter than they must be
  }
  const auto leaf = plain.leaf("weight");
  CHECK(weights_of(bounded, test::random_parameters<Bounded>(4, 1e-3)) ==
        std::vector<double>(leaf.begin(), leaf.end()));

  const BoundedDense dense;
  auto zero = test::random_parameters<BoundedDense>(4);
  std::fill_n(zero.leaf("weight").begin(), 20, 0.0);
  CHECK(weights_of(dense, zero) == std::vector<double>(20));
  CHECK_THROWS_WITH((BoundedDense{.how = {.limit = 0}}.prepare<double>(zero.span())),
                    "SpectralNorm: limit is 0, expected a finite number above 0");
}

TEST_CASE("weights whose first axis is not the outputs are refused", "[unit]") {
  using Turned = WeightNormalized<TransposedConv<8, 2>>;
  const Parameters<Turned, double> theta;
  CHECK_THROWS_WITH(Turned{}.prepare<double>(theta.span()),
                    Catch::Contains("first axes of 'weight' is others, expected (outputs, inputs)"));
}

TEST_CASE("weights into an output are as long as its length says", "[unit]") {
  const auto theta = test::random_parameters<Lengths>(4, 2.0);
  const auto lengths = theta.leaf("length");
  const std::vector<double> w = weights_of(Lengths{}, theta);
  const Eigen::Map<const Matrix<double>> rows(w.data(), 3, 18);
  for (Index o = 0; o < 3; ++o) CHECK(rows.row(o).norm() == Approx(std::abs(lengths[static_cast<std::size_t>(o)])));
}

TEST_CASE("a cell with a spectrally normalized convolution settles by Picard, whatever its parameters", "[unit]") {
  using Cell = Injected<Sequential<SpectrallyNormalized<Conv<2, 2, 3, 1, Zero, Bias::no>>, Relu>>;
  Equilibrium<Cell, Picard> layer;
  layer.stop = {.tolerance = 1e-9, .max_evaluations = 600};
  for (const double spread : {0.1, 1.0, 100.0}) {
    const auto theta = test::random_parameters<Cell>(7, spread);
    const State<double> u = test::random_state(planes, 5);
    State<double> z(planes);
    const Report report = layer.apply<double>(theta.span(), u.view(), z.view());
    CHECK(report.forward.converged() == 2);
  }
}
