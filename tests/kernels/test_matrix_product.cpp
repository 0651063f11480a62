// Products of run-time sizes, against long double, and the promise that a number's bits do not depend on its
// neighbours.

#include "basin/kernels/matrix_product.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <string>

#include "support/counting_allocator.hpp"

using namespace basin;

namespace {

template <class S>
Matrix<S> numbers(Index rows, Index columns, double seed) {
  Matrix<S> out(rows, columns);
  for (Index i = 0; i < out.size(); ++i) out.data()[i] = static_cast<S>(std::sin(seed + 1.7 * static_cast<double>(i)));
  return out;
}

/// The largest error of c against a b in long double, in units of what rounding may make of depth products.
template <class S>
double error(const Matrix<S>& c, const Matrix<S>& a, const Matrix<S>& b, const Matrix<S>& before) {
  double worst = 0;
  for (Index j = 0; j < c.cols(); ++j) {
    for (Index i = 0; i < c.rows(); ++i) {
      long double sum = before(i, j), size = std::abs(before(i, j));
      for (Index k = 0; k < a.cols(); ++k) {
        const long double one = static_cast<long double>(a(i, k)) * static_cast<long double>(b(k, j));
        sum += one;
        size += std::abs(one);
      }
      const long double bound = static_cast<long double>(a.cols() + 1) * std::numeric_limits<S>::epsilon() * size +
                                std::numeric_limits<S>::min();
      worst = std::max(worst, static_cast<double>(std::abs(static_cast<long double>(c(i, j)) - sum) / bound));
    }
  }
  return worst;
}

}  // namespace

TEMPLATE_TEST_CASE("a product of run-time sizes is right for all transposes, odd sizes and tails", "[unit]", float,
                   double) {
  using S = TestType;
  for (const Index rows : {1, 2, 5, 16, 17, 31, 48, 49, 100}) {
    for (const Index columns : {1, 2, 3, 4, 7, 8, 9, 15, 530}) {
      for (const Index depth : {0, 1, 2, 3, 5, 9, 127, 128, 129, 300}) {
        if (columns == 530 && (rows > 5 || depth > 5)) continue;
        CAPTURE(rows, columns, depth);
        const Matrix<S> a = numbers<S>(rows, depth, 1), b = numbers<S>(depth, columns, 2),
                        none = Matrix<S>::Zero(rows, columns);
        const Matrix<S> at = a.transpose(), bt = b.transpose();
        Matrix<S> c = Matrix<S>::Constant(rows, columns, std::numeric_limits<S>::quiet_NaN()), same(rows, columns);
        kernels::product(c, a, b);
        CHECK(error(c, a, b, none) <= 1);
        kernels::product(same, at.transpose(), b);
        CHECK(same == c);
        kernels::product(same, a, bt.transpose());
        CHECK(same == c);
        kernels::product(same, at.transpose(), bt.transpose());
        CHECK(same == c);
        const Matrix<S> before = numbers<S>(rows, columns, 3);
        same = before;
        kernels::product<true>(same, a, b);
        CHECK(error(same, a, b, before) <= 1);
      }
    }
  }
}

TEMPLATE_TEST_CASE("each number of a product has the same bits however many rows and columns there are",
                   "[unit][repeatable]", float, double) {
  using S = TestType;
  const Matrix<S> a = numbers<S>(103, 301, 1), b = numbers<S>(301, 37, 2);
  Matrix<S> whole(103, 37);
  kernels::product(whole, a, b);
  for (const Index rows : {1, 3, 16, 40, 55}) {
    for (const Index columns : {1, 2, 5, 8, 16, 17, 20}) {
      Matrix<S> part(rows, columns);
      const Index row = 103 - rows - 2, column = 37 - columns - 1;
      kernels::product(part, a.middleRows(row, rows), b.middleCols(column, columns));
      CAPTURE(rows, columns);
      CHECK(part == whole.block(row, column, rows, columns));
    }
  }
}

TEST_CASE("a product writes into a block and nothing beside it, and reads nothing beside its factors", "[unit]") {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  for (const Index rows : {5, 16, 20}) {
    Matrix<float> a = Matrix<float>::Constant(40, 40, nan), b = a, c = Matrix<float>::Constant(40, 40, 7.0f);
    a.block(3, 2, rows, 6) = numbers<float>(rows, 6, 1);
    b.block(5, 1, 6, 11) = numbers<float>(6, 11, 2);
    kernels::product(c.block(1, 4, rows, 11), a.block(3, 2, rows, 6), b.block(5, 1, 6, 11));
    CHECK(error<float>(c.block(1, 4, rows, 11), a.block(3, 2, rows, 6), b.block(5, 1, 6, 11),
                       Matrix<float>::Zero(rows, 11)) <= 1);
    c.block(1, 4, rows, 11).setConstant(7.0f);
    CHECK(c == Matrix<float>::Constant(40, 40, 7.0f));
  }
}

TEST_CASE("a product lets a NaN and an infinity through, into their rows and columns alone", "[unit]") {
  Matrix<float> a = numbers<float>(21, 9, 1), b = numbers<float>(9, 13, 2), c(21, 13);
  a(20, 3) = std::numeric_limits<float>::quiet_NaN();
  b(2, 12) = std::numeric_limits<float>::infinity();
  kernels::product(c, a, b);
  for (Index j = 0; j < 13; ++j) {
    for (Index i = 0; i < 21; ++i) CHECK(std::isfinite(c(i, j)) == (i != 20 && j != 12));
  }
  CHECK(std::isnan(c(20, 0)));
  CHECK(std::isinf(c(0, 12)));
}

TEST_CASE("a product takes nothing from the heap once its scratch memory is there", "[allocation]") {
  if (!basin_test::counts_allocations()) return;
  const Matrix<float> a = numbers<float>(70, 200, 1), b = numbers<float>(200, 30, 2);
  Matrix<float> c(70, 30);
  kernels::product(c, a, b);
  const basin_test::AllocationCount count;
  kernels::product(c, a, b);
  CHECK(count.allocations() == 0);
}

TEST_CASE("a product whose sizes do not fit is refused", "[unit]") {
  const Matrix<float> a = numbers<float>(3, 4, 1), b = numbers<float>(5, 2, 2);
  Matrix<float> c(3, 2);
  CHECK_THROWS_WITH(kernels::product(c, a, b), "columns of the first factor is 4, expected 5");
  CHECK_THROWS_WITH(kernels::product(c, a, b.topRows(4).leftCols(1)), "columns of a product is 2, expected 1");
  CHECK_THROWS_WITH(kernels::product(c, a.topRows(2), b.topRows(4)), "rows of a product is 3, expected 2");
}
