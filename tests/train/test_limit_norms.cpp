// Limits on the norms of weights: what they promise holds, and a cell below 1 settles from anywhere.

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "basin/fixed_point/picard.hpp"
#include "basin/fixed_point/solve.hpp"
#include "basin/layers/conv.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/train/limit_norms.hpp"
#include "support/layer_checks.hpp"

namespace {

using namespace basin;

using Ring = Conv<3, 3, 3, 1, Periodic, Bias::no>;
using Square = Dense<5, 5, Bias::no>;
using Model = Sequential<Square, Dense<5, 2>>;

/// |A^T A x| / |A x| after many steps of the power method: the norm, from below.
template <class L>
double norm_of(const Parameters<L, double>& theta, const Shape& shape) {
  State<double> x = test::random_state(shape, 11), y(shape);
  const auto linear = L{}.linearize(theta, x.view(), y.view());
  double norm = 0;
  for (int i = 0; i < 500; ++i) {
    x.values.normalize();
    linear.jvp(x.view(), y.view());
    norm = y.values.norm();
    linear.vjp(y.view(), x.view());
  }
  return norm;
}

}  // namespace

TEST_CASE("a limit on the spectral norm holds, is nearly reached, and leaves what is below it", "[unit]") {
  for (const double size : {0.01, 1.0, 1e4}) {
    auto dense = test::random_parameters<Square>(3, size);
    auto conv = test::random_parameters<Ring>(3, size);
    const Vector<double> before = dense.vector();
    const double norm = norm_of(dense, {5, {1, 1, 1}, 1});
    CHECK(limit_spectral_norm(dense, "weight", 0.9) == Approx(norm).epsilon(0.05));
    if (norm < 0.8) CHECK(dense.vector() == before);
    CHECK(test::relative_error(dense.vector() / dense.vector().norm(), before / before.norm()) < 1e-12);
    CHECK(limit_spectral_norm(conv, "weight", 0.9) > 0);
    CHECK(limit_spectral_norm(conv, "weight", 0.9) <= 0.9);
    for (const Shape& plane : {Shape{3, {7, 5, 1}, 1}, Shape{3, {16, 16, 1}, 1}}) {
      const double limited = norm_of(conv, plane);
      CHECK(limited <= 0.9);
      if (size >= 1) CHECK(limited > 0.7);
    }
    if (size >= 1) CHECK(norm_of(dense, {5, {1, 1, 1}, 1}) > 0.8);
    CHECK(norm_of(dense, {5, {1, 1, 1}, 1}) <= 0.9);
  }
}

TEST_CASE("a limit on the sums of outputs holds in float, row by row", "[unit]") {
  auto theta = test::random_parameters<Model, float>(3, 2.0);
  const auto before = theta;
  const double largest = limit_output_sums(theta, "1.weight", 0.99);
  double expected = 0;
  for (const std::size_t o : {0u, 1u}) {
    double was = 0, is = 0;
    for (std::size_t i = 0; i < 5; ++i) {
      was += std::abs(static_cast<double>(before.leaf("1.weight")[o + 2 * i]));
      is += std::abs(static_cast<double>(theta.leaf("1.weight")[o + 2 * i]));
    }
    expected = std::max(expected, was);
    CHECK(is <= 0.99);
    CHECK(is > 0.98);
  }
  CHECK(largest == Approx(expected).epsilon(1e-6));
  CHECK(theta.leaf("0.weight")[3] == before.leaf("0.weight")[3]);
  CHECK(limit_spectral_norm(theta, "0.weight", 0.99) > 0.99);
  CHECK(limit_spectral_norm(theta, "0.weight", 0.99) <= 0.99);
}

TEST_CASE("a cell whose weights are limited below 1 settles from anywhere, whatever they were", "[unit]") {
  for (const bool spectral : {true, false}) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      auto theta = test::random_parameters<Square>(seed, std::pow(10.0, static_cast<double>(seed % 4)));
      if (spectral) {
        (void)limit_spectral_norm(theta, "weight", 0.9);
      } else {
        (void)limit_output_sums(theta, "weight", 0.9);
      }
      const Shape shape{5, {1, 1, 1}, 1};
      const State<double> u = test::random_state(shape, seed), far = test::random_state(shape, seed + 50, 1e3);
      const auto f = [&](View<const double> z, View<double> out) {
        Square{}.apply(theta, z, out);
        out.vector() = (out.vector() + u.values).array().tanh();
      };
      const Stop stop{.tolerance = 1e-9, .max_evaluations = 300};
      const State<double> zero(shape);
      const auto one = solve(f, zero.view(), Picard{}, stop), other = solve(f, far.view(), Picard{}, stop);
      CHECK(one.converged());
      CHECK(other.converged());
      CHECK(test::relative_error(other.value.values, one.value.values) < 1e-7);
    }
  }
}

TEST_CASE("limits on norms refuse what they cannot limit", "[unit]") {
  auto theta = test::random_parameters<Model>(3);
  const Vector<double> before = theta.vector();
  CHECK_THROWS_WITH(limit_spectral_norm(theta, "1.bias", 1), "kind of leaf '1.bias' is bias or scale, expected weight");
  CHECK_THROWS_WITH(limit_output_sums(theta, "0.weight", 0),
                    "largest sum of an output's weights is 0, expected a positive number, and finite");
  CHECK_THROWS_AS(limit_spectral_norm(theta, "2.weight", 1), std::invalid_argument);
  CHECK(theta.vector() == before);
  theta.vector()[3] = std::numeric_limits<double>::quiet_NaN();
  CHECK_FALSE(std::isfinite(limit_spectral_norm(theta, "0.weight", 1)));
  CHECK(theta.vector()[0] == before[0]);
  CHECK_FALSE(std::isfinite(limit_output_sums(theta, "0.weight", 1)));
  CHECK(theta.vector()[8] == before[8]);  // of the same row as the NaN
}
