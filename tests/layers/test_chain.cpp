#include "basin/layers/chain.hpp"

#include <catch2/catch.hpp>

#include "basin/layers/activation.hpp"
#include "basin/layers/conv.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using test::check_linearization;

namespace {

using Chain = detail::Chain<Conv<2, 3, 3>, Tanh, Silu, Dense<3, 4>, Relu>;
static_assert(Chain::size == 5 && Chain::param_count == 57 + 16);
static_assert(Chain::offset<0> == 0 && Chain::offset<1> == 57 && Chain::offset<3> == 57 && Chain::offset<4> == 73);
static_assert(Chain::fused_end<0>() == 3 && Chain::fused_end<3>() == 5);
static_assert(Chain::in_features == 2 && Chain::out_features == 4);
static_assert(detail::features_taken<Tanh, Conv<2, 3, 3>>() == 2);
static_assert(detail::Join<3, 3>::fits && detail::Join<any_features, 3>::fits && detail::Join<3, any_features>::fits);

}  // namespace

TEST_CASE("each layer of a chain gets its part of theta", "[unit][chain]") {
  std::vector<double> numbers(73);
  const std::span<const double, 73> theta(numbers);
  CHECK(Chain::part<0, 0>(theta).data() == numbers.data());
  CHECK(Chain::part<0, 0>(theta).size() == 57);
  CHECK(Chain::part<3, 0>(theta).data() == numbers.data() + 57);
  CHECK(Chain::part<3, 0>(theta).size() == 16);
  const auto rest = Chain::after<0>(theta);
  CHECK(rest.data() == numbers.data() + 57);
  CHECK(Chain::part<3, 1>(rest).data() == numbers.data() + 57);
}

TEST_CASE("a chain adds a shift after its first layer, and knows its derivative", "[unit][chain]") {
  using Dense2 = detail::Chain<Dense<2, 2, Bias::no>, Dense<2, 1, Bias::no>>;
  // y = v . (A x + s): J = v A, dy/ds = v.
  const std::vector<double> numbers{1, 2, 3, 4, 5, 6};  // A = [1 3; 2 4], v = [5 6]
  const std::span<const double, 6> theta(numbers.data(), 6);
  State<double> x(Shape{2}), s(Shape{2}), y(Shape{1}), t(Shape{2}), jt(Shape{1}), w(Shape{1}), dx(Shape{2}),
      ds(Shape{2});
  x.values << 1, -1;
  s.values << 10, 20;
  t.values << 1, 1;
  w.values << 2;
  const Dense2::Tuple layers;
  const Dense2::Linearization<double, 0> j(layers, theta, x.view(), y.view(), {}, View<const double>(s.view()),
                                           nullptr);
  CHECK(y.values[0] == 5 * (-2 + 10) + 6 * (-2 + 20));
  (void)j.jvp(t.view(), jt.view());
  CHECK(jt.values[0] == 5 * 4 + 6 * 6);
  (void)j.jvp_shift(t.view(), jt.view());
  CHECK(jt.values[0] == 11);
  Parameters<Sequential<Dense<2, 2, Bias::no>, Dense<2, 1, Bias::no>>, double> dtheta;
  (void)j.pullback(w.view(), dx.view(), ds.view(), dtheta.span());
  CHECK(ds.values == Eigen::Vector2d(10, 12));
  ds.values.setZero();
  (void)j.vjp_shift(w.view(), ds.view());
  CHECK(ds.values == Eigen::Vector2d(10, 12));
  CHECK(dx.values == Eigen::Vector2d(34, 78));
  Vector<double> expected(6);
  expected << 10, 12, -10, -12, 2 * 8, 2 * 18;
  CHECK(dtheta.vector() == expected);
}

TEST_CASE("derivatives of layers one after another", "[gradient][chain]") {
  check_linearization(Sequential<Conv<2, 3, 3>, Tanh, Sequential<Silu, Dense<3, 2>>, Identity>(), {2, {4, 3, 1}, 2});
  check_linearization(Sequential<Dense<3, 4>>(), {3, {1, 1, 1}, 3});
}
