// Monotone operator equilibria: what W must satisfy, and that no parameters break it.

#include <catch2/catch.hpp>
#include <cmath>

#include "basin/deq/equilibrium.hpp"
#include "basin/deq/monotone.hpp"
#include "basin/deq/peaceman_rachford.hpp"
#include "support/layer_checks.hpp"

namespace {

using namespace basin;

using DenseCell = MonotoneDense<6>;
using ConvCell = MonotoneConv<2>;

static_assert(Cell<DenseCell> && Cell<ConvCell> && Cell<MonotoneConv<3, 5, Zero>>);

/// z -> W z of a cell, on a shape, as columns.
template <class C>
Matrix<double> matrix_of_w(const C& cell, const Parameters<C, double>& theta, const Shape& shape) {
  const auto made = cell.template prepare<double>(theta.span());
  Matrix<double> w(shape.size(), shape.size());
  State<double> unit(shape), image(shape);
  for (Index i = 0; i < shape.size(); ++i) {
    unit.values.setZero();
    unit.values[i] = 1;
    typename C::Linear{}.apply(made->theta(), unit.view(), image.view());
    w.col(i) = image.values;
  }
  return w;
}

}  // namespace

TEST_CASE("the derivatives of a monotone cell are right", "[unit]") {
  DenseCell dense;
  dense.alpha = 0.3;
  test::check_cell(dense, {6, {1, 1, 1}, 3});
  MonotoneConv<2, 3, Zero> conv;
  conv.alpha = 0.7;
  test::check_cell(conv, {2, {3, 4, 1}, 2}, {.float_tolerance = 0});
}

TEST_CASE("the derivatives of Peaceman-Rachford splitting are right", "[unit]") {
  PeacemanRachford<DenseCell> dense;
  dense.alpha = 0.6;
  test::check_cell(dense, {6, {2, 1, 1}, 3}, {.adjoint_tolerance = 1e-12});
  PeacemanRachford<ConvCell, 5, 4> conv;  // an odd and an even number of frequencies
  conv.alpha = 0.4;
  test::check_cell(conv, {2, {5, 4, 1}, 2}, {.adjoint_tolerance = 1e-12, .float_tolerance = 0});
}
