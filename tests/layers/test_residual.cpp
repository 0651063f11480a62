#include "basin/layers/residual.hpp"

#include <catch2/catch.hpp>

#include "basin/layers/activation.hpp"
#include "basin/layers/conv.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

using Block = Residual<Sequential<Conv<2, 3, 3>, Tanh, Conv<3, 2, 3>>>;

static_assert(Layer<Block> && Layer<Block, double> && Layer<Residual<Tanh>>);
static_assert(Block::in_features == 2 && Block::out_features == 2);
static_assert(Residual<Tanh>::in_features == any_features);
// A NaN may not reach the next layer as part of a block: a Residual adds x only to the whole, so it cannot be fused.
static_assert(!Fusible<Block> && !Pointwise<Residual<Tanh>>);

}  // namespace

TEST_CASE("a residual layer adds its input", "[unit][residual]") {
  const Residual<Dense<2, 2>> layer;
  Parameters<Residual<Dense<2, 2>>, double> theta;
  theta.vector() << 1, 2, 3, 4, 5, 6;  // W = [1 3; 2 4], b = [5 6]
  State<double> x(Shape{2}), y(Shape{2}), jt(Shape{2}), dx(Shape{2});
  x.values << 10, 100;
  (void)layer.apply(theta, x.view(), y.view());
  CHECK(y.values == Eigen::Vector2d(10 + 310 + 5, 100 + 420 + 6));
  const auto j = layer.linearize(theta, x.view(), y.view());
  CHECK(y.values == Eigen::Vector2d(325, 526));
  State<double> t(Shape{2});
  t.values << 1, 0;
  (void)j.jvp(t.view(), jt.view());
  CHECK(jt.values == Eigen::Vector2d(2, 2));
  (void)j.vjp(t.view(), dx.view());
  CHECK(dx.values == Eigen::Vector2d(2, 3));

  using J = LinearizationOf<Residual<Dense<2, 2>>, double>;
  static_assert(std::is_move_constructible_v<J> && !std::is_copy_constructible_v<J>);
}

TEST_CASE("a residual layer names its leaves, and refuses an F that changes the shape", "[unit][residual]") {
  const auto leaves = leaves_of<Block>();
  REQUIRE(leaves.size() == 4);
  CHECK(leaves[0].name == "inner.0.weight");
  CHECK(leaves[3].name == "inner.2.bias");
  const Residual<Conv<2, 2, 3, 2>> strided;
  CHECK_THROWS_WITH(strided.out_shape({2, {4, 4, 1}, 1}),
                    "Residual: shape of F(x) is (2, 2, 2, 1, 1), expected (2, 4, 4, 1, 1)");
  CHECK(strided.out_shape({2, {1, 1, 1}, 3}) == Shape{2, {1, 1, 1}, 3});
}

TEST_CASE("derivatives of residual layers", "[gradient][residual]") {
  check_linearization(Block(), {2, {4, 3, 1}, 2});
  check_linearization(Sequential<Residual<Dense<3, 3>>, Residual<Tanh>>(), {3, {1, 1, 1}, 3});
}
