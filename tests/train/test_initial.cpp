#include "basin/train/initial.hpp"

#include <catch2/catch.hpp>

namespace {

using namespace basin;

struct Model {
  static constexpr std::size_t param_count = 40 * 60 + 60 + 60 + 8 * 3 * 3 * 3;
  static void leaves(LeafList& list) {
    list.weight("dense", {60, 40}, 40, 60);
    list.bias("bias", 60);
    list.scale("scale", 60);
    list.weight("conv", {8, 3, 3, 3}, 27, 72);
  }
};

static_assert(Initializer<Glorot> && Initializer<He> && Initializer<Orthogonal, double> && Initializer<Zeros>);
static_assert(!Initializer<int>);

template <class S, class I>
Parameters<Model, S> drawn(std::uint64_t seed, const I& initializer) {
  return initial_parameters<S>(Model{}, seed, initializer);
}

Vector<double> dense_of(const Parameters<Model, double>& theta) { return theta.vector().head(2400); }

}  // namespace

TEST_CASE("biases start at zero and scales at one, whatever the weights", "[unit]") {
  const auto check_rest = [](const Parameters<Model, double>& theta) {
    CHECK(theta.vector().segment(2400, 60).isZero(0));
    CHECK(theta.vector().segment(2460, 60).isOnes(0));
  };
  check_rest(initial_parameters<double>(Model{}, 1));
  check_rest(drawn<double>(1, He{}));
  check_rest(drawn<double>(1, Orthogonal{}));
  check_rest(drawn<double>(1, Zeros{}));
  CHECK(dense_of(drawn<double>(1, Zeros{})).isZero(0));
}

// Bounds of the statistics: n = 2400 numbers, so the mean is within 4 / sqrt(n) = 0.08 standard deviations, and the
// variance within 4 sqrt(2 / n) = 12% (normal; less if uniform). The seeds are fixed, so the tests are too.

TEST_CASE("Glorot is uniform within its limit", "[unit]") {
  const double limit = std::sqrt(6.0 / 100);
  const Vector<double> w = dense_of(initial_parameters<double>(Model{}, 7));
  CHECK(w.cwiseAbs().maxCoeff() <= limit);
  CHECK(w.cwiseAbs().maxCoeff() > 0.99 * limit);
  CHECK(std::abs(w.mean()) <= 0.08 * limit / std::sqrt(3.0));
  CHECK(w.squaredNorm() / 2400 == Approx(limit * limit / 3).epsilon(0.08));
  CHECK((dense_of(drawn<double>(7, Glorot{.gain = 2})) - 2 * w).cwiseAbs().maxCoeff() <= 1e-15);
}

TEST_CASE("He is normal with the deviation of its fan-in", "[unit]") {
  const Vector<double> w = dense_of(drawn<double>(7, He{}));
  const double deviation = std::sqrt(2.0 / 40);
  CHECK(std::abs(w.mean()) <= 0.08 * deviation);
  CHECK(w.squaredNorm() / 2400 == Approx(deviation * deviation).epsilon(0.12));
  // A normal has 4.55% beyond two deviations; the share of 2400 is within 4 * 0.43%.
  const double beyond = static_cast<double>((w.array().abs() > 2 * deviation).count()) / 2400;
  CHECK(beyond == Approx(0.0455).margin(0.017));
  CHECK((dense_of(drawn<double>(7, He{.gain = 1})) - w / std::sqrt(2.0)).cwiseAbs().maxCoeff() <= 1e-15);
}

TEST_CASE("Orthogonal is orthogonal, tall or wide", "[unit]") {
  const auto theta = drawn<double>(3, Orthogonal{.gain = 1.5});
  const Eigen::Map<const Matrix<double>> tall(theta.vector().data(), 60, 40);
  CHECK((tall.transpose() * tall - 2.25 * Matrix<double>::Identity(40, 40)).cwiseAbs().maxCoeff() <= 1e-12);
  const Eigen::Map<const Matrix<double>> wide(theta.vector().data() + 2520, 8, 27);
  CHECK((wide * wide.transpose() - 2.25 * Matrix<double>::Identity(8, 8)).cwiseAbs().maxCoeff() <= 1e-12);
  const auto single = drawn<float>(3, Orthogonal{.gain = 1.5});
  CHECK((single.vector().cast<double>() - theta.vector()).cwiseAbs().maxCoeff() <= 1e-7);
}

TEST_CASE("initial parameters are a function of the seed and the leaf", "[repeatable]") {
  const auto a = initial_parameters<float>(Model{}, 5), b = initial_parameters<float>(Model{}, 5),
             c = initial_parameters<float>(Model{}, 6);
  CHECK(a.vector() == b.vector());
  CHECK((a.vector().head(2400) - c.vector().head(2400)).cwiseAbs().minCoeff() > 0);

  // One leaf, drawn again.
  const Leaf leaf = leaves_of<Model>()[3];
  std::vector<float> again(leaf.size);
  initialize(leaf, std::span<float>(again), Glorot{}, Random{.seed = 5, .stream = 3});
  CHECK(std::equal(again.begin(), again.end(), a.span().begin() + 2520));
}

TEST_CASE("an initializer of one's own sees the leaf", "[unit]") {
  const auto theta = drawn<double>(1, [](const Leaf& leaf, auto values, const Random&) {
    std::fill(values.begin(), values.end(), leaf.name == "conv" ? 2.0 : 3.0);
  });
  CHECK(theta.vector()[0] == 3.0);
  CHECK(theta.vector()[2520] == 2.0);
}

TEST_CASE("initial parameters refuse a leaf that they cannot fill", "[unit]") {
  const Leaf leaf{.name = "w", .shape = {2, 2}, .size = 4};
  std::vector<double> values(4), short_values(3);
  CHECK_THROWS_WITH(initialize(leaf, std::span<double>(values), Glorot{}, {}),
                    "fan_in + fan_out of leaf 'w' is 0, expected at least 1");
  CHECK_THROWS_WITH(initialize(leaf, std::span<double>(values), He{}, {}),
                    "fan_in of leaf 'w' is 0, expected at least 1");
  CHECK_THROWS_WITH(initialize(leaf, std::span<double>(short_values), Zeros{}, {}),
                    "size of leaf 'w' is 3, expected 4");
}
