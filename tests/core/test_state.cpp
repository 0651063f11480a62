#include "basin/core/state.hpp"

#include <catch2/catch.hpp>

using namespace basin;

namespace {

template <class T>
concept Viewable = requires(T& t) {
  view(t);
};

// Row-major memory has no features first, and an expression has no memory.
static_assert(Viewable<Eigen::MatrixXf> && Viewable<const Eigen::MatrixXd> && Viewable<Eigen::VectorXd>);
static_assert(Viewable<Eigen::Map<const Eigen::MatrixXd>> && Viewable<Eigen::Ref<Eigen::MatrixXd>>);
static_assert(!Viewable<Eigen::Matrix<float, 3, 4, Eigen::RowMajor>> && !Viewable<Eigen::RowVectorXf>);
static_assert(!Viewable<Eigen::Transpose<Eigen::MatrixXf>>);
static_assert(!Viewable<decltype(Eigen::MatrixXf() + Eigen::MatrixXf())>);
static_assert(!Viewable<std::array<float, 3>>);

// Reading is always allowed, writing to what is const never.
static_assert(std::is_convertible_v<View<float>, View<const float>>);
static_assert(!std::is_convertible_v<View<const float>, View<float>>);
static_assert(!std::is_convertible_v<View<float>, View<const double>>);
static_assert(std::is_convertible_v<const State<float>&, View<const float>>);
static_assert(!std::is_convertible_v<const State<float>&, View<float>>);

/// 1, 2, 3, ... in memory order.
State<double> counted(const Shape& shape) {
  State<double> state(shape);
  for (Index i = 0; i < state.values.size(); ++i) state.values[i] = static_cast<double>(i + 1);
  return state;
}

}  // namespace

TEST_CASE("a shape counts features, space and samples", "[unit][state]") {
  constexpr Shape shape{3, {4, 5, 6}, 7};
  static_assert(shape.cells_per_sample() == 120);
  static_assert(shape.cells() == 840);
  static_assert(shape.sample_size() == 360);
  static_assert(shape.size() == 2520);
  static_assert(shape.with_features(8) == Shape{8, {4, 5, 6}, 7});
  static_assert(shape.with_samples(2) == Shape{3, {4, 5, 6}, 2});
  static_assert(shape != Shape{3, {4, 6, 5}, 7});
  static_assert(Shape{}.size() == 0);
  CHECK(shape.to_string() == "(3, 4, 5, 6, 7)");
}

TEST_CASE("a state lies features first, then space, then samples", "[unit][state]") {
  const Shape shape{3, {4, 5, 2}, 6};
  const State<double> state = counted(shape);
  const View<const double> x = state;
  bool right = true;
  for (Index n = 0; n < 6; ++n) {
    for (Index z = 0; z < 2; ++z) {
      for (Index y = 0; y < 5; ++y) {
        for (Index i = 0; i < 4; ++i) {
          for (Index c = 0; c < 3; ++c) {
            const Index address = c + 3 * (i + 4 * (y + 5 * (z + 2 * n)));
            const double value = static_cast<double>(address + 1);
            right = right && x.data()[address] == value && x.vector()[address] == value && x.array()[address] == value;
            right = right && x.matrix()(c, address / 3) == value && x.columns()(address % 120, n) == value;
            right = right && x.sample(n).data()[address % 120] == value;
          }
        }
      }
    }
  }
  CHECK(right);
  CHECK(x.size() == 720);
  CHECK(x.samples() == 6);
  CHECK(x.samples(2, 3).shape() == shape.with_samples(3));
  CHECK(x.samples(2, 3).data() == x.data() + 2 * 120);
  CHECK(x.sample(5).shape() == shape.with_samples(1));
}

TEST_CASE("a view without memory is not wanted", "[unit][state]") {
  CHECK_FALSE(View<float>());
  CHECK_FALSE(View<const float>(View<float>()));
  State<float> state(Shape{2});
  CHECK(state.view());
  CHECK(View<float>().size() == 0);
}

TEST_CASE("a state starts as zeros, or as a copy", "[unit][state]") {
  State<float> state(Shape{2, {3, 1, 1}, 4});
  CHECK(state.values.size() == 24);
  CHECK(state.values.isZero(0));
  state.values[5] = 7;
  const State<float> copy{View<const float>(state)};
  state.values[5] = 8;
  CHECK(copy.values[5] == 7);
  CHECK(copy.shape == state.shape);
  CHECK(view(state).data() == state.values.data());
  CHECK(view(copy).data() == copy.values.data());
  CHECK(view(view(state)).data() == state.values.data());
}

TEST_CASE("a matrix is a state of vectors, without a copy", "[unit][state]") {
  Eigen::MatrixXf matrix = Eigen::MatrixXf::Random(5, 3);
  const View<float> x = view(matrix);
  CHECK(x.shape() == Shape{5, {1, 1, 1}, 3});
  CHECK(x.data() == matrix.data());
  x.sample(1).data()[2] = 9;
  CHECK(matrix(2, 1) == 9);

  const Eigen::VectorXd vector = Eigen::VectorXd::Ones(4);
  const View<const double> one = view(vector);
  CHECK(one.shape() == Shape{4, {1, 1, 1}, 1});
  Eigen::Matrix<float, 2, 3> fixed;
  CHECK(view(fixed).shape() == Shape{2, {1, 1, 1}, 3});
  Eigen::Map<const Eigen::MatrixXf> map(matrix.data(), 3, 5);
  CHECK(view(map).shape() == Shape{3, {1, 1, 1}, 5});
}

TEST_CASE("a matrix whose columns do not lie together is refused", "[unit][state]") {
  Eigen::MatrixXf matrix(5, 3);
  Eigen::Ref<Eigen::MatrixXf> top = matrix.topRows(2), right = matrix.rightCols(2);
  CHECK_THROWS_WITH(view(top), "stride of a matrix's columns is 5, expected 2");
  CHECK(view(right).data() == matrix.data() + 5);
  Eigen::Map<Eigen::MatrixXf, 0, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>> sparse(
      matrix.data(), 2, 2, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>(2, 3));
  CHECK_THROWS_AS(view(sparse), std::invalid_argument);
}
