#include "basin/layers/activation.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <functional>

#include "support/layer_checks.hpp"

namespace {

using namespace basin;

static_assert(Pointwise<Identity> && Pointwise<Relu> && Pointwise<LeakyRelu> && Pointwise<Elu> && Pointwise<Gelu> &&
              Pointwise<Silu> && Pointwise<Softplus> && Pointwise<Sigmoid> && Pointwise<Tanh>);
static_assert(Layer<Tanh, float> && Layer<Tanh, double>);
static_assert(!Pointwise<int> && !Fusible<Tanh>);

/// Numbers on both sides of 0 and none within 1e-3 of it, so that central differences meet no kink.
State<double> away_from_kinks(const Shape& shape) {
  State<double> x = test::random_state(shape, 7, 2.0);
  for (double& value : x.values) {
    if (std::abs(value) < 1e-3) value = 0.5;
  }
  return x;
}

template <class L>
void check_activation(const L& layer, const std::function<double(double)>& reference) {
  for (const Shape& shape : {Shape{1, {1, 1, 1}, 1}, Shape{3, {5, 2, 1}, 2}, Shape{17, {3, 1, 2}, 3}}) {
    const State<double> x = away_from_kinks(shape);
    test::check_linearization(layer, x, {.tolerance = 1e-9, .float_tolerance = 1e-6});
    State<double> y(layer.out_shape(shape));
    REQUIRE(y.shape == shape);
    layer.apply({}, x.view(), y.view());
    for (Index i = 0; i < x.values.size(); ++i) {
      CHECK(y.values[i] == Approx(reference(x.values[i])).epsilon(1e-14).margin(1e-15));
    }
    State<double> in_place = x;
    layer.apply({}, in_place.view(), in_place.view());
    CHECK(in_place.values == y.values);
  }
}

template <class L, class S>
S value_at(const L& layer, S x) {
  State<S> state(Shape{19, {1, 1, 1}, 1});  // several registers and a rest
  state.values.setConstant(x);
  layer.apply({}, state.view(), state.view());
  const S first = state.values[0];
  for (const S y : state.values) CHECK((y == first || (std::isnan(y) && std::isnan(first))));
  return state.values[18];
}

template <class L, class S>
S slope_at(const L& layer, S x) {
  State<S> in(Shape{1, {1, 1, 1}, 1}), y = in, one = in, out = in;
  in.values[0] = x;
  one.values[0] = 1;
  layer.linearize({}, in.view(), y.view()).jvp(one.view(), out.view());
  return out.values[0];
}

}  // namespace

TEST_CASE("activations match their formulas and have the right derivatives", "[gradient]") {
  SECTION("identity") {
    check_activation(Identity{}, [](double x) { return x; });
  }
  SECTION("relu") {
    check_activation(Relu{}, [](double x) { return x > 0 ? x : 0; });
  }
  SECTION("leaky relu") {
    check_activation(LeakyRelu{}, [](double x) { return x > 0 ? x : 0.01 * x; });
  }
  SECTION("leaky relu, slope 2") {
    check_activation(LeakyRelu{{.negative_slope = 2}}, [](double x) { return x > 0 ? x : 2 * x; });
  }
  SECTION("elu") {
    check_activation(Elu{}, [](double x) { return x > 0 ? x : std::expm1(x); });
  }
  SECTION("elu, alpha 0.3") {
    check_activation(Elu{{.alpha = 0.3}}, [](double x) { return x > 0 ? x : 0.3 * std::expm1(x); });
  }
  SECTION("gelu") {
    check_activation(Gelu{}, [](double x) { return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0))); });
  }
  SECTION("silu") {
    check_activation(Silu{}, [](double x) { return x / (1 + std::exp(-x)); });
  }
  SECTION("softplus") {
    check_activation(Softplus{}, [](double x) { return std::log1p(std::exp(x)); });
  }
  SECTION("sigmoid") {
    check_activation(Sigmoid{}, [](double x) { return 1 / (1 + std::exp(-x)); });
  }
  SECTION("tanh") {
    check_activation(Tanh{}, [](double x) { return std::tanh(x); });
  }
}

TEMPLATE_TEST_CASE("activations neither overflow nor cancel far from zero", "[unit]", float, double) {
  using S = TestType;
  const S far = 1000, tiny = std::numeric_limits<S>::min() * 4;
  CHECK(value_at(Softplus{}, far) == far);
  CHECK(value_at(Softplus{}, -far) <= tiny);
  CHECK(value_at(Softplus{}, S(-30)) == Approx(std::exp(-30.0)).epsilon(1e-5));
  CHECK(value_at(Sigmoid{}, far) == S(1));
  CHECK(value_at(Sigmoid{}, -far) <= tiny);
  CHECK(value_at(Sigmoid{}, S(-30)) == Approx(std::exp(-30.0)).epsilon(1e-5));
  CHECK(value_at(Silu{}, far) == far);
  CHECK(std::abs(value_at(Silu{}, -far)) <= far * tiny);
  CHECK(value_at(Tanh{}, far) == S(1));
  CHECK(value_at(Tanh{}, -far) == S(-1));
  CHECK(value_at(Elu{}, -far) == S(-1));
  CHECK(value_at(Elu{}, far) == far);
  CHECK(value_at(Elu{}, S(-1e-6)) == Approx(-1e-6).epsilon(1e-5));
  CHECK(value_at(Gelu{}, far) == far);
  CHECK(std::abs(value_at(Gelu{}, -far)) == S(0));
  for (const S x : {far, -far}) {
    CHECK(slope_at(Softplus{}, x) == Approx(x > 0 ? 1.0 : 0.0).margin(1e-30));
    CHECK(slope_at(Sigmoid{}, x) == Approx(0.0).margin(1e-30));
    CHECK(slope_at(Silu{}, x) == Approx(x > 0 ? 1.0 : 0.0).margin(1e-30));
    CHECK(slope_at(Tanh{}, x) == S(0));
    CHECK(slope_at(Elu{}, x) == (x > 0 ? S(1) : S(0)));
    CHECK(slope_at(Gelu{}, x) == Approx(x > 0 ? 1.0 : 0.0).margin(1e-30));
  }
}

TEMPLATE_TEST_CASE("a NaN stays a NaN", "[unit]", float, double) {
  const TestType nan = std::numeric_limits<TestType>::quiet_NaN();
  CHECK(std::isnan(value_at(Identity{}, nan)));
  CHECK(std::isnan(value_at(Relu{}, nan)));
  CHECK(std::isnan(value_at(LeakyRelu{}, nan)));
  CHECK(std::isnan(value_at(Elu{}, nan)));
  CHECK(std::isnan(value_at(Gelu{}, nan)));
  CHECK(std::isnan(value_at(Silu{}, nan)));
  CHECK(std::isnan(value_at(Softplus{}, nan)));
  CHECK(std::isnan(value_at(Sigmoid{}, nan)));
  CHECK(std::isnan(value_at(Tanh{}, nan)));
}

TEST_CASE("at a kink the derivative is the one from the left", "[unit]") {
  CHECK(slope_at(Relu{}, 0.0) == 0.0);
  CHECK(slope_at(LeakyRelu{}, 0.0) == 0.01);
  CHECK(slope_at(Elu{{.alpha = 0.3}}, 0.0) == 0.3);
}

TEST_CASE("map and slope take any array expression, temporaries too", "[unit]") {
  Vector<float> values = Vector<float>::LinSpaced(37, -3.0f, 3.0f);
  const auto check_on = [&](const auto& layer) {
    const auto lazy = layer.map(View<float>(values.data(), Shape{37, {1, 1, 1}, 1}).array());  // the View is gone
    const Eigen::ArrayXf y = lazy;
    const auto slopes = layer.slope(View<float>(values.data(), Shape{37, {1, 1, 1}, 1}).array(), y);
    const Eigen::ArrayXf s = slopes, at_segment = layer.map(values.segment(5, 20).array());
    CHECK((at_segment - y.segment(5, 20)).abs().maxCoeff() <= 1e-6f);
    CHECK(s.allFinite());
    CHECK(s.size() == 37);
  };
  check_on(Identity{});
  check_on(Relu{});
  check_on(LeakyRelu{});
  check_on(Elu{});
  check_on(Gelu{});
  check_on(Silu{});
  check_on(Softplus{});
  check_on(Sigmoid{});
  check_on(Tanh{});
}
