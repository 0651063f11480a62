// The noise that nca_diffuse begins with.

#include <catch2/catch.hpp>

#include "../../examples/nca_diffuse/model.hpp"

using namespace nca_diffuse;

TEST_CASE("a picture is blurred by as much noise as is said", "[unit]") {
  const Shape grid{features, {20, 20, 1}, 1};
  State<float> picture(grid.with_features(colours)), state(grid), other(grid);
  for (Index i = 0; i < picture.values.size(); ++i) picture.values[i] = static_cast<float>(i % 7) / 6;
  const basin::Random random{3, 4};
  state.values.setConstant(9);
  blur(state.view(), picture.view(), 0, random, 0);
  CHECK(state.view().matrix().topRows(colours) == picture.view().matrix());
  CHECK(state.view().matrix().bottomRows(features - colours).isZero());

  // 1,600 numbers of mean 0 and variance 1, and nothing of the picture.
  blur(state.view(), picture.view(), 1, random, 0);
  const Eigen::MatrixXd noise = state.view().matrix().topRows(colours).cast<double>();
  CHECK(noise.mean() == Approx(0).margin(4.0 / 40));
  CHECK(noise.squaredNorm() / 1600 == Approx(1).margin(4 * std::sqrt(2.0) / 40));
  State<float> blank(picture.shape);
  blur(other.view(), blank.view(), 1, random, 0);
  CHECK(other.values == state.values);
  // A quarter of it is a quarter of the same noise.
  blur(other.view(), picture.view(), 0.25, random, 0);
  const Eigen::MatrixXd expected = 0.75 * picture.view().matrix().cast<double>() + 0.25 * noise;
  CHECK((other.view().matrix().topRows(colours).cast<double>() - expected).cwiseAbs().maxCoeff() < 1e-6);
  // Another index has other numbers.
  blur(other.view(), blank.view(), 1, random, 1600);
  CHECK((other.view().matrix().topRows(colours).cast<double>() - noise).cwiseAbs().minCoeff() > 0);
}
