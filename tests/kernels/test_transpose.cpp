// A matrix transposed: exact, whatever its sizes and strides.

#include "basin/kernels/transpose.hpp"

#include <catch2/catch.hpp>

using namespace basin;

namespace {

/// Whether all numbers arrive, and nothing beside them is touched.
template <class S>
bool transposes(Index rows, Index columns) {
  const Index from_stride = columns + 3, to_stride = rows + 2;
  Matrix<S> from = Matrix<S>::Constant(from_stride, rows, S(-1)), to = Matrix<S>::Constant(to_stride, columns, S(-2));
  for (Index i = 0; i < rows; ++i) {
    for (Index j = 0; j < columns; ++j) from(j, i) = static_cast<S>(i * columns + j);
  }
  kernels::transpose(from.data(), from_stride, rows, columns, to.data(), to_stride);
  return to.topRows(rows) == from.topRows(columns).transpose() && (to.bottomRows(2).array() == S(-2)).all();
}

}  // namespace

TEST_CASE("a matrix of any size is transposed", "[unit][kernels]") {
  bool right = true;
  for (const Index rows : {1, 4, 7, 8, 9, 31, 32}) {
    for (const Index columns : {1, 3, 8, 12, 17}) {
      right = right && transposes<float>(rows, columns) && transposes<double>(rows, columns);
    }
  }
  CHECK(right);
}
