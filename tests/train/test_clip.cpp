#include "basin/train/clip.hpp"

#include <catch2/catch.hpp>
#include <limits>

namespace {

using namespace basin;

struct Model {
  static constexpr std::size_t param_count = 6;
  static void leaves(LeafList& list) {
    list.weight("weight", {1, 3}, 3, 1);
    list.bias("bias", 2);
    list.scale("scale", 1);
  }
};

struct Two {
  static constexpr std::size_t param_count = 5;
  static void leaves(LeafList& list) {
    list.weight("weight", {2, 2}, 2, 2);
    list.bias("bias", 1);
  }
};

template <class S>
Parameters<Model, S> gradient_of(std::array<double, 6> numbers) {
  Parameters<Model, S> gradient;
  for (std::size_t i = 0; i < 6; ++i) gradient.span()[i] = static_cast<S>(numbers[i]);
  return gradient;
}

}  // namespace

TEST_CASE("clipping scales a gradient that is too long, and no other", "[unit]") {
  auto gradient = gradient_of<double>({2, 0, 1, 2, 0, 0});
  const Vector<double> before = gradient.vector();
  CHECK(clip_by_global_norm(gradient, 5.0) == 3.0);
  CHECK(gradient.vector() == before);
  CHECK(clip_by_global_norm(gradient, 0.5) == 3.0);
  CHECK((gradient.vector() - before / 6).cwiseAbs().maxCoeff() <= 1e-16);
  CHECK_THROWS_WITH(clip_by_global_norm(gradient, -1),
                    "largest norm of the gradient is -1, expected a positive number, and finite");
}

TEST_CASE("the norm of a float gradient does not overflow", "[unit]") {
  auto gradient = gradient_of<float>({3e30, 4e30, 0, 0, 0, 0});
  CHECK(clip_by_global_norm(gradient, 1.0) == Approx(5e30).epsilon(1e-6));
  CHECK(gradient.vector()[0] == Approx(0.6f));
}

TEST_CASE("leaves are normalized each by itself", "[unit]") {
  auto gradient = gradient_of<double>({3e-6, 0, 4e-6, 30, 40, 0});
  CHECK(normalize_leaves(gradient) == Approx(50.0));
  const double small = 5e-6 / (5e-6 + 1e-8);
  CHECK(gradient.vector()[0] == Approx(0.6 * small).epsilon(1e-14));
  CHECK(gradient.vector()[2] == Approx(0.8 * small).epsilon(1e-14));
  CHECK(gradient.vector()[3] == Approx(0.6).epsilon(1e-8));
  CHECK(gradient.vector()[4] == Approx(0.8).epsilon(1e-8));
  CHECK(gradient.vector()[5] == 0);
  CHECK(normalize_leaves(gradient, 0.0) > 0);
  CHECK(gradient.vector().head(3).norm() == Approx(1.0).epsilon(1e-15));
  CHECK_THROWS_WITH(normalize_leaves(gradient, -1.0), "epsilon is -1, expected 0 or more, and finite");
}

TEST_CASE("limits that are not finite, or zero as a number of the gradient, are refused", "[unit]") {
  const double infinity = std::numeric_limits<double>::infinity(), nan = std::nan("");
  auto gradient = gradient_of<float>({3, 4, 0, 0, 0, 0});
  Parameters<Two, float> theta;
  theta.vector() << 3, 0.1f, 4, 0.2f, 7;
  for (const double bad : {infinity, nan, 1e-50, 1e50}) {
    CHECK_THROWS_WITH(clip_by_global_norm(gradient, bad),
                      Catch::Matchers::Contains("largest norm of the gradient is "));
    CHECK_THROWS_AS(limit_output_norms(theta, "weight", bad), std::invalid_argument);
  }
  for (const double bad : {infinity, nan}) CHECK_THROWS_AS(normalize_leaves(gradient, bad), std::invalid_argument);
  CHECK(gradient.vector()[0] == 3);
  CHECK(theta.vector()[0] == 3);
}

TEST_CASE("a gradient that is not finite shows, and stays as it is", "[unit]") {
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    auto gradient = gradient_of<float>({3, bad, 4, 1, 1, 1});
    CHECK_FALSE(std::isfinite(clip_by_global_norm(gradient, 1.0)));
    CHECK(gradient.vector()[0] == 3);
    CHECK_FALSE(std::isfinite(normalize_leaves(gradient)));
    CHECK(gradient.vector()[0] == 3);
    CHECK(gradient.vector()[3] == 1);
  }
}

TEST_CASE("the weights into an output are limited, each output by itself", "[unit]") {
  Parameters<Two, float> theta;
  theta.vector() << 3, 0.1f, 4, 0.2f, 7;  // column-major: output 0 has the weights 3 and 4, output 1 has 0.1 and 0.2
  limit_output_norms(theta, "weight", 0.5);
  CHECK(theta.vector().isApprox((Vector<float>(5) << 0.3f, 0.1f, 0.4f, 0.2f, 7).finished(), 1e-6f));
  CHECK_THROWS_WITH(limit_output_norms(theta, "bias", 0.5), "kind of leaf 'bias' is bias or scale, expected weight");
  CHECK_THROWS_WITH(limit_output_norms(theta, "weight", 0.0),
                    "largest norm of an output's weights is 0, expected a positive number, and finite");
  CHECK_THROWS_AS(limit_output_norms(theta, "other", 0.5), std::invalid_argument);
}
