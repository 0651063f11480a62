#include "basin/layers/sequential.hpp"

#include <catch2/catch.hpp>
#include <limits>
#include <optional>

#include "basin/layers/activation.hpp"
#include "basin/layers/conv.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/residual.hpp"
#include "support/counting_allocator.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

/// Gives vectors of Outputs features whatever comes in, as Flatten does: y(o) = the sum of the numbers o, o +
/// Outputs...
template <int Outputs>
struct Fold {
  static constexpr int in_features = any_features, out_features = Outputs;
  static constexpr std::size_t param_count = 0;
  Shape out_shape(const Shape& x) const {
    check(x.sample_size() % Outputs == 0, "Fold: size of a sample", x.sample_size(), "a multiple");
    return {Outputs, {1, 1, 1}, x.samples};
  }
  template <class S>
  static void fold(View<const S> x, View<S> y) {
    for (Index n = 0; n < x.samples(); ++n) {
      const auto sample = x.sample(n).vector();
      y.sample(n).vector() = sample.reshaped(Outputs, sample.size() / Outputs).rowwise().sum();
    }
  }
  template <class S>
  void apply(Theta<S, 0>, In<S> x, View<S> y, const Context& = {}) const {
    fold<S>(x, y);
  }
  template <class S>
  struct Linear {
    void jvp(View<const S> t, View<S> out) const { fold<S>(t, out); }
    void vjp(View<const S> w, View<S> dx) const {
      for (Index n = 0; n < w.samples(); ++n) {
        dx.sample(n).vector() = w.sample(n).vector().replicate(dx.shape().sample_size() / Outputs, 1);
      }
    }
    void pullback(View<const S> w, View<S> dx, ThetaGradient<S, 0>) const {
      if (dx) vjp(w, dx);
    }
  };
  template <class S>
  Linear<S> linearize(Theta<S, 0>, In<S> x, View<S> y, const Context& = {}) const {
    fold<S>(x, y);
    return {};
  }
};

/// Applies layers one at a time, each to a state of its own, with nothing fused.
template <class S, class Model, std::size_t I = 0>
State<S> one_at_a_time(const Model& model, const S* theta, const State<S>& x) {
  const auto& layer = model.template layer<I>();
  constexpr std::size_t count = std::remove_cvref_t<decltype(layer)>::param_count;
  State<S> y(layer.out_shape(x.shape));
  (void)detail::report_of([&] { return layer.apply(std::span<const S, count>(theta, count), x.view(), y.view()); });
  if constexpr (I + 1 < Model::Chain::size) {
    return one_at_a_time<S, Model, I + 1>(model, theta + count, y);
  } else {
    return y;
  }
}

template <class S, class Model>
void check_fusing(const Model& model, const Shape& shape) {
  const auto theta = random_parameters<Model, S>(1);
  const auto x = random_state<S>(shape, 2);
  State<S> y(model.out_shape(shape));
  (void)model.apply(theta, x.view(), y.view());
  // The same operations on the same numbers; but which of them Eigen puts into a vector, where functions such as tanh
  // round otherwise than one by one, depends on how the numbers are cut into blocks.
  CHECK(relative_error(y.values, one_at_a_time<S>(model, theta.vector().data(), x).values) <=
        16 * std::numeric_limits<S>::epsilon());
}

using Nested = Sequential<Sequential<Conv<2, 3, 3>, Tanh>, Identity, Sequential<Dense<3, 4>, Sequential<Silu>>>;

static_assert(Layer<Nested> && Layer<Nested, double>);
static_assert(Nested::in_features == 2 && Nested::out_features == 4);
static_assert(Nested::param_count == 2 * 3 * 9 + 3 + 3 * 4 + 4);
static_assert(Sequential<Tanh, Relu>::in_features == any_features &&
              Sequential<Tanh, Relu>::out_features == any_features);
static_assert(Sequential<Tanh, Dense<3, 4>, Relu>::in_features == 3);
static_assert(Sequential<Tanh, Dense<3, 4>, Relu>::out_features == 4);
// What takes any number and gives a fixed one hides what comes after it.
static_assert(Sequential<Tanh, Fold<6>, Dense<6, 4>>::in_features == any_features);
static_assert(Sequential<Conv<2, 3, 3>, Sequential<Fold<6>, Dense<6, 4>>>::out_features == 4);

}  // namespace

TEST_CASE("pointwise layers that are fused give the same as one at a time", "[unit][sequential]") {
  check_fusing<float>(Sequential<Dense<3, 5>, Tanh, Silu, Dense<5, 2>, Relu>(), {3, {1, 1, 1}, 130});
  check_fusing<float>(Sequential<Conv<2, 5, 3>, Elu, Conv<5, 3, 3, 2>, Sigmoid, Tanh>(), {2, {7, 5, 1}, 3});
  check_fusing<double>(Sequential<Tanh, Silu, Dense<3, 5>, Tanh>(), {3, {4, 1, 1}, 2});
  check_fusing<double>(Sequential<Dense<3, 5>>(), {3, {4, 1, 1}, 2});
  check_fusing<double>(Sequential<Tanh>(), {3, {4, 1, 1}, 2});
  check_fusing<float>(Nested(), {2, {5, 4, 1}, 2});
  check_fusing<float>(Sequential<Conv<2, 3, 3>, Tanh, Fold<6>, Dense<6, 4>>(), {2, {2, 3, 1}, 5});
}

TEST_CASE("the options of fused layers count", "[unit][sequential]") {
  Sequential<Dense<1, 1, Bias::no>, LeakyRelu> model;
  model.layer<1>().function.negative_slope = 0.5;
  Parameters<decltype(model), double> theta;
  theta.vector()[0] = 2;
  State<double> x(Shape{1, {1, 1, 1}, 2}), y(x.shape);
  x.values << -3, 3;
  (void)model.apply(theta, x.view(), y.view());
  CHECK(y.values[0] == -3.0);
  CHECK(y.values[1] == 6.0);
}

TEST_CASE("leaves of a Sequential are numbered, and theirs lie in order", "[unit][sequential]") {
  const auto leaves = leaves_of<Nested>();
  REQUIRE(leaves.size() == 4);
  CHECK(leaves[0].name == "0.0.weight");
  CHECK(leaves[1].name == "0.0.bias");
  CHECK(leaves[2].name == "2.0.weight");
  CHECK(leaves[3].name == "2.0.bias");
  CHECK(leaves[1].offset == 54);
  CHECK(leaves[2].offset == 57);
  CHECK(leaves[3].offset == 69);
  CHECK(leaves_of<Sequential<Tanh, Relu>>().empty());
}

TEST_CASE("a Sequential gives the shape of its last layer, or says which layer refuses", "[unit][sequential]") {
  const Sequential<Conv<2, 3, 3, 2>, Tanh, Dense<3, 4>> model;
  CHECK(model.out_shape({2, {7, 5, 1}, 6}) == Shape{4, {4, 3, 1}, 6});
  CHECK_THROWS_WITH(model.out_shape({3, {7, 5, 1}, 6}), "Conv: number of features is 3, expected 2");
  const Sequential<Tanh, Dense<3, 4>> late;
  CHECK_THROWS_WITH(late.out_shape({2, {1, 1, 1}, 6}), "Dense: number of features is 2, expected 3");
}

TEST_CASE("a linearization can be moved", "[unit][sequential]") {
  const Nested model;
  const auto theta = random_parameters<Nested>(1);
  const auto x = random_state({2, {4, 3, 1}, 2}, 2), w = random_state(model.out_shape(x.shape), 3);
  State<double> y(w.shape), before(x.shape), after(x.shape);
  using J = LinearizationOf<Nested, double>;
  static_assert(std::is_move_constructible_v<J> && !std::is_copy_constructible_v<J>);
  std::optional<J> first(model.linearize(theta, x.view(), y.view()));
  (void)first->vjp(w.view(), before.view());
  const J second = std::move(*first);
  first.reset();
  (void)second.vjp(w.view(), after.view());
  CHECK(before.values == after.values);
}

TEST_CASE("after the first pass, layers allocate nothing", "[allocation][sequential]") {
  if (!basin_test::counts_allocations()) return;
  const Sequential<Conv<2, 3, 3, 2, Reflect>, Tanh, Residual<Sequential<Conv<3, 3, 3>, Silu>>, Dense<3, 4>> model;
  const auto theta = random_parameters<std::remove_cv_t<decltype(model)>, float>(1);
  const auto x = random_state<float>({2, {9, 7, 1}, 3}, 2), w = random_state<float>(model.out_shape(x.shape), 3);
  State<float> y(w.shape), jt(w.shape), dx(x.shape);
  auto dtheta = theta;
  const auto j = model.linearize(theta, x.view(), y.view());
  const auto pass = [&] {
    (void)model.apply(theta, x.view(), y.view());
    (void)j.jvp(x.view(), jt.view());
    (void)j.vjp(w.view(), dx.view());
    (void)j.pullback(w.view(), dx.view(), dtheta.span());
  };
  pass();
  const basin_test::AllocationCount later;
  pass();
  CHECK(later.allocations() == 0);
}

TEST_CASE("the theta of one layer is cut out of that of all", "[unit][sequential]") {
  using Model = Sequential<Dense<2, 3>, Tanh, Dense<3, 1>>;
  auto theta = random_parameters<Model>(1);
  const auto last = Model::part<2>(theta.span());
  static_assert(decltype(last)::extent == 4);
  CHECK(last.data() == theta.leaf("2.weight").data());
  CHECK(Model::part<1>(theta.span()).empty());
}
