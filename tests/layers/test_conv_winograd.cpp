// Convolutions that go by Winograd's filtering (basin/layers/conv.hpp): with whole numbers all of its steps are exact,
// so that it is compared as the others are.

#include <catch2/catch.hpp>

#include "basin/core/random.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/layers/activation.hpp"
#include "layers/naive_conv.hpp"

using namespace basin;
using namespace basin::test;

static_assert(Conv<16, 16, 3>::winograd && Conv<33, 40, 3, 1, Periodic>::winograd);
static_assert(!Conv<15, 16, 3>::winograd && !Conv<16, 15, 3>::winograd && !Conv<32, 32, 3, 2>::winograd &&
              !Conv<32, 32, 5>::winograd);

// What a tile can leave over does not depend on the boundary, so that only small planes are tried with every one.
TEST_CASE("convolution by Winograd's filtering is the sum that it stands for", "[unit][conv]") {
  for (Index width = 1; width <= 9; ++width) check_conv_boundaries<float, 32, 33, 3, 1>(width, 10 - width);
  for (const Index width : {1, 2, 3, 4}) check_conv_boundaries<double, 33, 32, 3, 1>(width, 5 - width);
}

TEST_CASE("convolution by Winograd's filtering on lines of one to 40 cells", "[unit][conv]") {
  for (Index width = 1; width <= 40; ++width) {
    CAPTURE(width);
    CHECK(conv_is_right<float, 32, 32, 3, 1, Zero>({32, {width, 2, 1}, 1}));
    CHECK(conv_is_right<float, 16, 16, 3, 1, Zero>({16, {width, 2, 1}, 1}));
  }
}

TEST_CASE("convolution by Winograd's filtering on lines longer than a block", "[unit][conv]") {
  static_assert(detail::winograd_tiles<float>(32, 32) == 64 && detail::winograd_tiles<float>(16, 16) == 8);
  for (const Index width : {128, 131, 258}) {
    CAPTURE(width);
    CHECK(conv_is_right<float, 32, 32, 3, 1, Zero>({32, {width, 2, 1}, 1}));
  }
  for (const Index width : {16, 17, 33, 51}) {
    CAPTURE(width);
    CHECK(conv_is_right<float, 16, 16, 3, 1, Periodic>({16, {width, 5, 1}, 1}));
  }
  CHECK(conv_is_right<float, 32, 32, 3, 1, Zero>({32, {2, 131, 1}, 1}));
}

// From 400 cells on also with weights that nobody prepared.
TEST_CASE("convolution by Winograd's filtering on a large plane", "[unit][conv]") {
  CHECK(conv_is_right<float, 32, 32, 3, 1, Periodic>({32, {20, 20, 1}, 1}));
}

TEST_CASE("convolution by Winograd's filtering without a bias, and of no samples", "[unit][conv]") {
  CHECK(conv_is_right<float, 32, 34, 3, 1, Zero, Bias::no>({32, {6, 5, 1}, 2}));
  CHECK(conv_is_right<float, 32, 34, 3, 1, Zero>({32, {6, 5, 1}, 0}));
}

TEST_CASE("Winograd's filtering hands on each line once, where it is final", "[unit][conv]") {
  using Model = Conv<32, 32, 3>;
  const Model conv;
  const Vector<float> theta = whole_numbers<float>(Model::param_count, 1);
  const std::span<const float, Model::param_count> parameters(theta.data(), Model::param_count);
  for (const Index width : {5, 131}) {
    const auto x = whole_state<float>({32, {width, 3, 1}, 2}, 2);
    State<float> y(conv.out_shape(x.shape)), changed(y.shape);
    const auto prepared = conv.prepare(parameters);
    conv.apply(parameters, x.view(), y.view(), {}, prepared);
    Index next = 0;
    bool in_order = true;
    const auto twice = [&](float* block, Index offset, Index count) {
      in_order = in_order && offset == next && block == changed.values.data() + offset;
      Eigen::Map<Eigen::ArrayXf>(block, count) *= 2.0f;
      next += count;
    };
    conv.apply_then(parameters, x.view(), changed.view(), {}, twice, prepared);
    CHECK(in_order);
    CHECK(next == y.values.size());
    CHECK(changed.values == 2.0f * y.values);
  }
}

// Sums of numbers that are not whole.
TEST_CASE("the error of Winograd's filtering", "[unit][conv]") {
  using Model = Conv<64, 64, 3>;
  const Model conv;
  const Shape shape{64, {14, 14, 1}, 2};
  const NaiveConv naive{64, 64, 3, 1, true, naive_source<Zero>};
  const auto irregular = [](Index count, std::uint64_t stream) {
    const Random random{1, stream};
    Vector<double> numbers(count);
    for (Index i = 0; i < count; ++i) numbers[i] = random.uniform(static_cast<std::uint64_t>(i), -1, 1);
    return numbers;
  };
  const Vector<float> theta = irregular(naive.param_count(), 0).cast<float>();
  State<float> x(shape), g(shape), y(shape), dx(shape);
  x.values = irregular(shape.size(), 1).cast<float>();
  g.values = irregular(shape.size(), 2).cast<float>();
  State<double> x_exact(shape), g_exact(shape);
  x_exact.values = x.values.cast<double>();
  g_exact.values = g.values.cast<double>();
  const Vector<double> theta_exact = theta.cast<double>();
  Vector<double> dtheta_exact = Vector<double>::Zero(naive.param_count());
  const State<double> y_exact = naive.apply(theta_exact, x_exact),
                      dx_exact = naive.pullback(theta_exact, x_exact, g_exact, dtheta_exact);

  const std::span<const float, Model::param_count> parameters(theta.data(), Model::param_count);
  const auto error = [](const Vector<float>& is, const Vector<double>& should) {
    return (is.cast<double>() - should).cwiseAbs().maxCoeff() / should.cwiseAbs().maxCoeff();
  };
  conv.apply(parameters, x.view(), y.view());
  const double direct = error(y.values, y_exact.values);
  const auto prepared = conv.prepare(parameters);
  const auto j = conv.linearize(parameters, x.view(), y.view(), {}, prepared);
  Vector<float> dtheta = Vector<float>::Zero(naive.param_count());
  j.pullback(g.view(), dx.view(), std::span<float, Model::param_count>(dtheta.data(), Model::param_count));
  CAPTURE(direct);
  CHECK(error(y.values, y_exact.values) < 4 * direct);
  CHECK(error(y.values, y_exact.values) < 1e-6);
  CHECK(error(dx.values, dx_exact.values) < 1e-6);
  CHECK(error(dtheta, dtheta_exact) < 1e-6);
}
