// The loss of several answers at once (basin/train/plane_losses.hpp).

#include "basin/train/plane_losses.hpp"

#include <catch2/catch.hpp>

#include "support/layer_checks.hpp"

namespace {

using namespace basin;

using Answers = Planes<Plane<3, 2, 2>, Plane<4, 1>>;
using Both = PlaneLosses<Answers, CrossEntropy, CrossEntropy>;

}  // namespace

TEST_CASE("a loss of planes is the weighted sum of theirs, whole or in slices", "[unit]") {
  const Both loss{{CrossEntropy{{0, 1, 2, 0, 2, 2, 1, 1}}, CrossEntropy{{3, 1}}}, {2.0, 0.5}};
  const auto y = test::random_state(Answers::shape(2), 1);
  State<double> dy(y.shape), of_pixels(Answers::At<0>::shape(2)), of_image(Answers::At<1>::shape(2)),
      dy_pixels(of_pixels), dy_image(of_image), slice(Answers::shape(1));
  for (Index n = 0; n < 2; ++n) {
    of_pixels.view().sample(n).vector() = Answers::plane<0>(y.view().sample(n)).vector();
    of_image.view().sample(n).vector() = Answers::plane<1>(y.view().sample(n)).vector();
  }
  const double expected =
      2.0 * std::get<0>(loss.losses).value_and_gradient<double>(of_pixels.view(), 0, 2, dy_pixels.view()) +
      0.5 * std::get<1>(loss.losses).value_and_gradient<double>(of_image.view(), 0, 2, dy_image.view());
  const double given = loss.value_and_gradient<double>(y.view(), 0, 2, dy.view());
  CHECK(given == Approx(expected).epsilon(1e-14));
  double sum = 0;
  for (Index n = 0; n < 2; ++n) {
    const auto part = dy.view().sample(n);
    CHECK(test::relative_error(Answers::plane<0>(part).vector(),
                               Vector<double>(2.0 * dy_pixels.view().sample(n).vector())) < 1e-14);
    CHECK(test::relative_error(Answers::plane<1>(part).vector(),
                               Vector<double>(0.5 * dy_image.view().sample(n).vector())) < 1e-14);
    sum += loss.value_and_gradient<double>(y.view().sample(n), n, 2, slice.view());
    CHECK(slice.values == part.vector());
  }
  CHECK(sum == Approx(given).epsilon(1e-14));
  CHECK(loss.value_and_gradient<double>(y.view(), 0, 2, View<double>{}) == given);
  CHECK_THROWS_WITH((loss.value_and_gradient<double>(of_image.view(), 0, 2, View<double>{})),
                    "Planes: shape of a sample is (4, 1, 1, 1, 1), expected (16, 1, 1, 1, 1)");
}
