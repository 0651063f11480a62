#include "basin/train/muon.hpp"

#include <Eigen/SVD>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "basin/io/checkpoint.hpp"
#include "basin/layers/dense.hpp"
#include "basin/train/loss.hpp"
#include "basin/train/value_and_gradient.hpp"
#include "io/hostile.hpp"
#include "support/counting_allocator.hpp"
#include "support/layer_checks.hpp"

namespace {

using namespace basin;

/// A wide matrix (0 to 199), a bias, a tall matrix of three extents (210 to 449), a scale.
struct Model {
  static constexpr std::size_t param_count = 200 + 10 + 240 + 4;
  static void leaves(LeafList& list) {
    list.weight("wide", {10, 20}, 20, 10);
    list.bias("bias", 10);
    list.weight("tall", {24, 5, 2}, 10, 24);
    list.scale("scale", 4);
  }
};

/// Large enough that Eigen would share a product of general matrices among threads, and would cut its sums.
struct Large {
  static constexpr std::size_t param_count = 2 * 150 * 400;
  static void leaves(LeafList& list) {
    list.weight("wide", {150, 400}, 400, 150);
    list.weight("tall", {400, 150}, 150, 400);
  }
};

static_assert(Optimizer<Muon, Model> && Optimizer<Muon, Model, double>);

struct Matrices {
  Index rows, columns, first;
};
constexpr Matrices matrices[] = {{10, 20, 0}, {24, 10, 210}};

template <class S>
Eigen::Map<const Matrix<S>> matrix_of(const Parameters<Model, S>& theta, const Matrices& at) {
  return {theta.vector().data() + at.first, at.rows, at.columns};
}

/// The iteration as it is written, in long products of doubles.
Matrix<double> orthogonalized(Matrix<double> x, int iterations) {
  x /= x.norm();
  for (int k = 0; k < iterations; ++k) {
    const Matrix<double> gram = x * x.transpose();
    x = (3.4445 * x - 4.7750 * gram * x + 2.0315 * gram * gram * x).eval();
  }
  return x;
}

}  // namespace

TEST_CASE("a part of a matrix whose gradients stay away comes to zero", "[unit]") {
  const Muon muon;
  Parameters<Model, float> theta, gradient;
  auto state = muon.init(theta);
  gradient.vector().setConstant(1.0f);
  muon.step(theta, gradient, state);
  gradient.vector().setZero();
  gradient.vector().head(100).setLinSpaced(-1.0f, 1.0f);  // ten of the 20 columns of the first matrix live on
  for (int step = 0; step < 2000; ++step) muon.step(theta, gradient, state);
  CHECK_FALSE(state.momentum.vector().head(100).isZero(1e-3f));
  CHECK(state.momentum.vector().segment(100, 100).isZero(0));
  const Vector<float> before = theta.vector();
  muon.step(theta, gradient, state);
  CHECK(theta.vector().segment(100, 100) == before.segment(100, 100));
  CHECK(theta.vector().head(100) != before.head(100));
}

TEST_CASE("a matrix is taken towards the orthogonal one of its singular value decomposition", "[exam][muon]") {
  for (const auto& [rows, columns] : {std::pair<Index, Index>{20, 60}, {60, 20}, {64, 128}, {1, 7}, {7, 1}}) {
    CAPTURE(rows, columns);
    const Matrix<double> u = 1e3 * test::random_matrix(rows, columns, 5);
    Matrix<double> x = u;
    detail::orthogonalize(Eigen::Map<Matrix<double>>(x.data(), rows, columns), 5);
    const Eigen::JacobiSVD<Eigen::MatrixXd> svd(u, Eigen::ComputeThinU | Eigen::ComputeThinV);
    // The same singular vectors: U^T X V is diagonal, to rounding, and its diagonal has the singular values of X.
    const Matrix<double> inside = svd.matrixU().transpose() * x * svd.matrixV();
    const Vector<double> values = inside.diagonal();
    CHECK((inside - Matrix<double>(values.asDiagonal())).cwiseAbs().maxCoeff() < 1e-12);
    // All are above 1/100 of the norm, so they come into the band that the coefficients give those.
    CHECK(svd.singularValues().minCoeff() > u.norm() / 100);
    CHECK(values.minCoeff() > 0.68);
    CHECK(values.maxCoeff() < 1.135);
    // The cosine between X and U V^T. For values spread over the whole band it is .98.
    const Matrix<double> target = svd.matrixU() * svd.matrixV().transpose();
    CHECK(x.cwiseProduct(target).sum() / (x.norm() * target.norm()) > 0.97);
    CHECK(test::relative_error(x.reshaped(), orthogonalized(u, 5).reshaped()) < 1e-12);
    // In float the same, to what five products of 20 to 128 numbers round.
    Matrix<float> single = u.cast<float>();
    detail::orthogonalize(Eigen::Map<Matrix<float>>(single.data(), rows, columns), 5);
    CHECK(test::relative_error(single.reshaped(), x.reshaped()) < 1e-4);
  }
}

TEST_CASE("Muon follows its formulas, matrix by matrix", "[unit][muon]") {
  for (const bool nesterov : {true, false}) {
    for (const double decay : {0.0, 0.1}) {
      const Muon muon{
          .rate = 0.03, .momentum = 0.8, .nesterov = nesterov, .iterations = 4, .rms = 0.3, .weight_decay = decay};
      auto theta = test::random_parameters<Model>(1);
      auto state = muon.init(theta);
      Parameters<Model, double> expected = theta;
      Matrix<double> momentum[] = {Matrix<double>::Zero(10, 20), Matrix<double>::Zero(24, 10)};
      for (std::uint64_t step = 0; step < 6; ++step) {
        const auto gradient = test::random_parameters<Model>(10 + step);
        const double scale = 1.0 / static_cast<double>(1 + step % 3);
        muon.step(theta, gradient, state, scale);
        for (int k = 0; k < 2; ++k) {
          const Matrices& at = matrices[k];
          const Matrix<double> g = matrix_of(gradient, at);
          momentum[k] = 0.8 * momentum[k] + g;
          const Matrix<double> u = nesterov ? Matrix<double>(g + 0.8 * momentum[k]) : momentum[k];
          Eigen::Map<Matrix<double>> values(expected.vector().data() + at.first, at.rows, at.columns);
          values *= 1 - 0.03 * scale * decay;
          values -=
              0.03 * scale * 0.3 * std::sqrt(static_cast<double>(std::max(at.rows, at.columns))) * orthogonalized(u, 4);
          CHECK((matrix_of(theta, at) - values).cwiseAbs().maxCoeff() < 1e-13);
        }
      }
      CHECK(state.steps == 6);
    }
  }
}

TEST_CASE("the step of a matrix has a root mean square of about .2 of the rate", "[unit][muon]") {
  const Muon muon{.rate = 0.5};
  Parameters<Model, float> theta;
  auto state = muon.init(theta);
  muon.step(theta, test::random_parameters<Model, float>(3), state);
  for (const Matrices& at : matrices) {
    const double rms =
        std::sqrt(matrix_of(theta, at).cast<double>().squaredNorm() / static_cast<double>(at.rows * at.columns));
    // Singular values between .68 and 1.135 instead of 1, of as many as the shorter side has.
    const double full =
        0.2 * 0.5 *
        std::sqrt(static_cast<double>(std::max(at.rows, at.columns)) *
                  static_cast<double>(std::min(at.rows, at.columns)) / static_cast<double>(at.rows * at.columns));
    CHECK(full == Approx(0.1));
    CHECK(rms > 0.68 * full);
    CHECK(rms < 1.135 * full);
  }
}

TEMPLATE_TEST_CASE("Muon's steps do not depend on the size of the gradients", "[unit][muon]", float, double) {
  const Muon muon{.rate = 0.1};
  const auto after = [&](double factor) {
    auto theta = test::random_parameters<Model, TestType>(1);
    auto state = muon.init(theta);
    for (std::uint64_t step = 0; step < 3; ++step) {
      auto gradient = test::random_parameters<Model, TestType>(20 + step);
      gradient.vector() *= static_cast<TestType>(factor);
      muon.step(theta, gradient, state);
    }
    return theta;
  };
  const auto one = after(1);
  // Powers of two change no digit; 2^-100 has a square that is zero in float.
  for (const double factor : {0x1p-100, 0x1p60}) {
    const auto other = after(factor);
    for (const Matrices& at : matrices) CHECK(matrix_of(one, at) == matrix_of(other, at));
  }
  const auto tenth = after(0.1);
  for (const Matrices& at : matrices) {
    CHECK((matrix_of(one, at) - matrix_of(tenth, at)).cwiseAbs().maxCoeff() <
          100 * std::numeric_limits<TestType>::epsilon());
  }
}

TEMPLATE_TEST_CASE("leaves of one extent take the steps of Adam, to rounding", "[unit][muon]", float, double) {
  const Adam adam{.rate = 0.02, .beta1 = 0.7, .beta2 = 0.95, .epsilon = 1e-5};
  const Muon muon{.weight_decay = 0.1, .vectors = adam};
  auto theta = test::random_parameters<Model, TestType>(1), by_adam = theta;
  auto state = muon.init(theta);
  auto adam_state = adam.init(by_adam);
  for (std::uint64_t step = 0; step < 20; ++step) {
    const auto gradient = test::random_parameters<Model, TestType>(30 + step);
    const double scale = 1.0 / static_cast<double>(1 + step % 4);
    muon.step(theta, gradient, state, scale);
    adam.step(by_adam, gradient, adam_state, scale);
  }
  // Eigen takes vectors of numbers at other places of a whole and of its parts; each number is rounded alike.
  const TestType tolerance = 4 * std::numeric_limits<TestType>::epsilon();
  for (const char* leaf : {"bias", "scale"}) {
    for (std::size_t i = 0; i < theta.leaf(leaf).size(); ++i) {
      CHECK(std::abs(theta.leaf(leaf)[i] - by_adam.leaf(leaf)[i]) <= tolerance);
    }
  }
}

TEST_CASE("zero gradients move nothing, and what is not finite is refused", "[unit][muon]") {
  const Muon muon;
  auto theta = test::random_parameters<Model, float>(1);
  const Parameters<Model, float> before = theta;
  auto state = muon.init(theta);
  Parameters<Model, float> gradient;
  muon.step(theta, gradient, state);
  CHECK(theta.vector() == before.vector());
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    auto moved = before;
    auto fresh = muon.init(moved);
    gradient.vector()[7] = bad;
    CHECK_THROWS_WITH(muon.step(moved, gradient, fresh),
                      Catch::Matchers::Contains("number 7 of the gradient of 'wide'"));
    CHECK(moved.vector() == before.vector());
    CHECK(fresh.momentum.vector().isZero(0));
    CHECK(fresh.steps == 0);
  }
  gradient.vector().setOnes();
  const std::int64_t steps = state.steps;
  const auto refuses = [&](const Muon& wrong, const std::string& message) {
    CHECK_THROWS_WITH(wrong.step(theta, gradient, state), message);
    CHECK(theta.vector() == before.vector());
    CHECK(state.steps == steps);
  };
  refuses({.rate = std::nan("")}, "rate of Muon is nan, expected 0 or more, and finite");
  refuses({.momentum = 1}, "momentum of Muon is 1, expected 0 to below 1");
  refuses({.iterations = -1}, "iterations of Newton and Schulz is -1, expected 0 to 100");
  refuses({.rms = -1}, "rms of Muon is -1, expected 0 or more, and finite");
  refuses({.rate = 1, .weight_decay = 2}, "rate times weight_decay of Muon is 2, expected at most 1");
  refuses({.vectors = {.beta1 = 1}}, "beta1 of Muon's vectors is 1, expected 0 to below 1");
  refuses({.vectors = {.epsilon = 0}}, "epsilon of Muon's vectors is 0, expected at least 1.0842e-19, and finite");
}

TEST_CASE("Muon solves a least squares problem", "[exam][muon]") {
  using Layer = Dense<12, 6>;
  const auto truth = test::random_parameters<Layer, float>(1);
  const State<float> x = test::random_state<float>(Shape{12, {1, 1, 1}, 200}, 2);
  MeanSquaredError<float> loss{State<float>(Shape{6, {1, 1, 1}, 200})};
  Layer{}.apply(truth, x.view(), loss.target.view());
  const Muon muon{.rate = 0.2, .vectors = {.rate = 0.05}};
  Parameters<Layer, float> theta;
  auto state = muon.init(theta);
  constexpr int steps = 400;
  double first = 0, last = 0;
  for (int step = 0; step < steps; ++step) {
    const auto now = value_and_gradient(Layer{}, theta, x.view(), loss);
    if (step == 0) first = now.value;
    last = now.value;
    // The step's length does not fall with the gradient, so the rate has to.
    muon.step(theta, now.gradient, state, 1.0 - static_cast<double>(step) / steps);
  }
  CHECK(first > 1);
  CHECK(last < 1e-6);
  CHECK((theta.vector() - truth.vector()).cwiseAbs().maxCoeff() < 1e-3);
}

TEST_CASE("Muon's steps do not depend on the number of threads", "[repeatable][muon]") {
  const auto train = [](int count) {
    set_threads(count);
    const Muon muon;
    auto theta = test::random_parameters<Large, float>(1);
    auto state = muon.init(theta);
    for (std::uint64_t step = 0; step < 3; ++step) {
      muon.step(theta, test::random_parameters<Large, float>(40 + step), state);
    }
    set_threads(0);
    return theta;
  };
  CHECK(train(1).vector() == train(2).vector());
}

TEST_CASE("Muon goes on from a checkpoint bit for bit", "[io][muon]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("muon.safetensors");
  const Muon muon{.rate = 0.1};
  const auto train = [&](Parameters<Model, float>& theta, MuonState<Model, float>& state, int steps) {
    for (int i = 0; i < steps; ++i) {
      Parameters<Model, float> gradient;
      gradient.vector() = theta.vector().array().sin().matrix();
      muon.step(theta, gradient, state, 0.5);
    }
  };
  auto straight = test::random_parameters<Model, float>(1), theta = straight;
  Parameters<Model, float> resumed;
  auto straight_state = muon.init(straight), state = muon.init(theta), resumed_state = muon.init(resumed);
  train(straight, straight_state, 7);
  train(theta, state, 3);
  CheckpointWriter writer;
  writer("", theta);
  state.each(writer.under("optimizer"));
  writer.write(path);
  CheckpointReader reader(path);
  reader("", resumed);
  resumed_state.each(reader.under("optimizer"));
  reader.finish();
  train(resumed, resumed_state, 4);
  CHECK(resumed.vector() == straight.vector());
  CHECK(resumed_state.steps == 7);
  CHECK(resumed_state.momentum.vector() == straight_state.momentum.vector());
  CHECK(resumed_state.second_moment.vector() == straight_state.second_moment.vector());
  CHECK(read_safetensors(path).tensors.contains("optimizer.second_moment.bias"));
}

TEST_CASE("a step of Muon takes nothing from the heap but the list of leaves", "[allocation][muon]") {
  if (!basin_test::counts_allocations()) return;
  set_threads(1);
  const auto check = []<class Of>(std::type_identity<Of>) {
    const Muon muon;
    auto theta = test::random_parameters<Of, float>(1);
    const auto gradient = test::random_parameters<Of, float>(2);
    auto state = muon.init(theta);
    muon.step(theta, gradient, state);  // makes the scratch memory large enough
    const basin_test::AllocationCount listing;
    static_cast<void>(leaves_of<Of>());
    const std::size_t for_the_list = listing.allocations(), before = basin_test::live_bytes();
    const basin_test::AllocationCount stepping;
    muon.step(theta, gradient, state);
    CHECK(basin_test::live_bytes() == before);
    CHECK(stepping.allocations() == for_the_list);
  };
  check(std::type_identity<Model>{});
  check(std::type_identity<Large>{});
  set_threads(0);
}
