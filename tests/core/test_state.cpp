#include "basin/core/state.hpp"

#include <catch2/catch.hpp>

#include "basin/core/scratch.hpp"
#include "basin/fixed_point/picard.hpp"
#include "basin/fixed_point/solve.hpp"

using namespace basin;

namespace {

template <class T>
concept Viewable = requires(T& t) {
  view(t);
};

// What cannot be viewed says why: tests/compile_fail/view_*.cpp.
static_assert(Viewable<Eigen::MatrixXf> && Viewable<const Eigen::MatrixXd> && Viewable<Eigen::VectorXd>);
static_assert(Viewable<Eigen::Map<const Eigen::MatrixXd>> && Viewable<Eigen::Ref<Eigen::MatrixXd>>);
static_assert(!Viewable<std::array<float, 3>>);

// Reading is always allowed, writing to what is const never.
static_assert(std::is_convertible_v<View<float>, View<const float>>);
static_assert(!std::is_convertible_v<View<const float>, View<float>>);
static_assert(std::is_convertible_v<const State<float>&, View<const float>>);
static_assert(!std::is_convertible_v<const State<float>&, View<float>>);

static_assert(std::is_same_v<ScalarOf<State<float>>, float> && std::is_same_v<ScalarOf<const State<double>&>, double>);
static_assert(std::is_same_v<ScalarOf<View<float>>, float> && std::is_same_v<ScalarOf<View<const double>>, double>);
static_assert(std::is_same_v<ScalarOf<const Eigen::MatrixXd>, double>);

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

TEST_CASE("no state, view or scratch memory has extents that are negative or too many", "[unit][state]") {
  const Index most = std::numeric_limits<Index>::max(), root = Index{1} << (std::numeric_limits<Index>::digits / 4 + 1);
  const Shape wrapped{root, {root, root, 1}, root};  // the product is 0 modulo the range of an Index
  for (const Shape& shape : {wrapped, Shape{-1}, Shape{2, {-3, 1, 1}, 1}, Shape{2, {1, -3, 1}, 1},
                             Shape{2, {1, 1, -3}, 1}, Shape{2, {1, 1, 1}, -3}, Shape{-2, {-3, 1, 1}, 1},
                             Shape{most / 2}, Shape{0, {root, root, root}, root}, Shape{root, {root, root, root}, 0}}) {
    CAPTURE(shape.to_string());
    CHECK_FALSE(shape.fits(sizeof(float)));
    const std::string message =
        "shape of a state is " + shape.to_string() + ", expected extents of 0 or more, whose product fits into memory";
    float number = 0;
    Scratch scratch;
    CHECK_THROWS_WITH(State<float>(shape), message);
    CHECK_THROWS_WITH(View<float>(&number, shape), message);
    CHECK_THROWS_WITH(scratch.state<float>(shape), message);
  }
  CHECK(Shape{most}.fits());
  CHECK(Shape{most / 8}.fits(sizeof(double)));
  CHECK_FALSE(Shape{most / 8 + 1}.fits(sizeof(double)));
  CHECK(Shape{0, {5, 5, 1}, 0}.fits(8));
  CHECK(Shape{0, {0, 0, 0}, 0}.fits(17));
  static_assert(!Shape{-1}.fits() && Shape{3, {4, 5, 6}, 7}.fits());

  // An operation that is given such a shape says the same.
  State<float> state(Shape{2});
  state.shape = wrapped;
  CHECK_THROWS_AS(state.view(), std::invalid_argument);
  CHECK_THROWS_AS(solve([](View<const float>, View<float>) {}, state, Picard{}), std::invalid_argument);
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

TEST_CASE("blocks of whole columns, or of one column, are viewed in place", "[unit][state]") {
  Eigen::MatrixXf matrix = Eigen::MatrixXf::Random(5, 3);
  CHECK(view(matrix.col(1)).data() == matrix.data() + 5);
  CHECK(view(matrix.col(1)).shape() == Shape{5});
  CHECK(view(matrix.rightCols(2)).shape() == Shape{5, {1, 1, 1}, 2});
  CHECK(view(matrix.middleCols<2>(1)).data() == matrix.data() + 5);
  CHECK(view(matrix.block(1, 2, 3, 1)).data() == matrix.data() + 11);  // a part of one column: its numbers lie together
  CHECK(view(matrix.block(1, 2, 3, 1)).shape() == Shape{3});
  CHECK(view(matrix.col(2).segment(1, 3)).shape() == Shape{3});
  CHECK(view(std::as_const(matrix).col(2).head(2)).data() == matrix.data() + 10);
  CHECK(view(Eigen::Map<Eigen::MatrixXf>(matrix.data(), 3, 5)).shape() == Shape{3, {1, 1, 1}, 5});
  static_assert(std::is_same_v<decltype(view(matrix.col(0))), View<float>>);
  static_assert(std::is_same_v<decltype(view(std::as_const(matrix).col(0))), View<const float>>);
  view(matrix.col(1)).data()[2] = 9;
  CHECK(matrix(2, 1) == 9);

  CHECK_THROWS_WITH(view(matrix.topRows(2)), "stride of a matrix's columns is 5, expected 2");
  CHECK_THROWS_WITH(view(matrix.block(1, 1, 3, 2)), "stride of a matrix's columns is 5, expected 3");
  Eigen::Map<Eigen::VectorXf, 0, Eigen::InnerStride<>> every_second(matrix.data(), 4, Eigen::InnerStride<>(2));
  CHECK_THROWS_WITH(view(every_second), "stride of a matrix's rows is 2, expected 1");
}
