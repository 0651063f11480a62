// Upper bounds of spectral norms: never below the norm, and close.

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "basin/layers/conv.hpp"
#include "basin/linear/norm_bound.hpp"
#include "support/layer_checks.hpp"

namespace {

using namespace basin;

/// By the power method, from below.
double norm_of(const Matrix<double>& a) {
  Vector<double> x = test::random_state({a.cols(), {1, 1, 1}, 1}, 11).values;
  for (int i = 0; i < 300; ++i) x = (a.transpose() * (a * x)).normalized();
  return (a * x).norm();
}

/// The dense matrix of a convolution without bias.
template <class C>
Matrix<double> dense(std::span<const double, C::param_count> theta, const Shape& x) {
  const Shape y = C{}.out_shape(x);
  Matrix<double> matrix(y.size(), x.size());
  State<double> unit(x), image(y);
  for (Index i = 0; i < x.size(); ++i) {
    unit.values.setZero();
    unit.values[i] = 1;
    C{}.apply(theta, unit.view(), image.view());
    matrix.col(i) = image.values;
  }
  return matrix;
}

}  // namespace

TEST_CASE("the bound of a matrix is above its norm, and nearer the more it squares", "[unit]") {
  for (const auto& [rows, columns] : {std::pair<Index, Index>{30, 30}, {40, 7}, {3, 25}, {1, 1}}) {
    for (const double scale : {1e-200, 1.0, 1e200}) {
      const Matrix<double> a = scale * test::random_matrix(rows, columns, 3);
      const double norm = scale * norm_of(a / scale);
      double before = a.stableNorm() * (1 + 1e-9);
      for (const int squarings : {0, 1, 3, 5, 12}) {
        const double bound = norm_bound(a, {.squarings = squarings});
        CHECK(bound >= norm);
        CHECK(bound <= before);
        before = bound;
      }
      CHECK(before <= 1.001 * norm);
      CHECK(norm_bound(a) <= 1.08 * norm);
    }
  }
  CHECK(norm_bound(Matrix<double>::Zero(3, 4)) == 0);
  Matrix<double> broken = Matrix<double>::Identity(3, 3);
  for (const double bad : {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    broken(1, 2) = bad;
    CHECK_FALSE(std::isfinite(norm_bound(broken)));
    CHECK_FALSE(std::isfinite(convolution_norm_bound({broken.data(), 9}, 1, 1, 3)));
  }
  CHECK_THROWS_WITH(norm_bound(broken, {.squarings = 21}), "squarings of NormBoundOptions is 21, expected 0 to 20");
}

TEST_CASE("the bound of a convolution is above the norm of its dense matrix, on every plane", "[unit]") {
  using Ring = Conv<2, 3, 3, 1, Periodic, Bias::no>;
  using Padded = Conv<2, 3, 3, 1, Zero, Bias::no>;
  using Strided = Conv<2, 3, 3, 2, Zero, Bias::no>;
  double closest = 0;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    const auto theta = test::random_parameters<Ring>(seed);
    const double bound = convolution_norm_bound(theta.span(), 3, 2, 3);
    for (const Shape& plane : {Shape{2, {1, 1, 1}, 1}, Shape{2, {3, 4, 1}, 1}, Shape{2, {9, 8, 1}, 1}}) {
      const double norm = norm_of(dense<Ring>(theta.span(), plane));
      closest = std::max(closest, norm / bound);
      CHECK(norm <= bound);
      CHECK(norm_of(dense<Padded>(theta.span(), plane)) <= bound);
      CHECK(norm_of(dense<Strided>(theta.span(), plane)) <= bound);
    }
  }
  CHECK(closest > 0.9);
  // A kernel of one tap in 5 x 5 is a matrix; of one tap in 1 x 1, too.
  const Matrix<double> tap = test::random_matrix(4, 4, 9);
  Vector<double> taps = Vector<double>::Zero(16 * 25);
  taps.segment(16 * 7, 16) = Eigen::Map<const Vector<double>>(tap.data(), 16);
  const auto span_of = [](const Vector<double>& v) {
    return std::span<const double>(v.data(), static_cast<std::size_t>(v.size()));
  };
  CHECK(convolution_norm_bound(span_of(taps), 4, 4, 5) >= norm_of(tap));
  CHECK(convolution_norm_bound(span_of(taps), 4, 4, 5) <= 1.12 * norm_of(tap));
  CHECK(convolution_norm_bound(span_of(taps.segment(16 * 7, 16)), 4, 4, 1) <= 1.06 * norm_of(tap));
  CHECK_THROWS_WITH(convolution_norm_bound(span_of(taps), 4, 4, 3),
                    "number of taps of convolution_norm_bound is 400, expected 144");
}
