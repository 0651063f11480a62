// Packs of planes (basin/layers/planes.hpp) and layers between them (basin/layers/links.hpp, fuse_scales.hpp).

#include "basin/layers/links.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "basin/layers/dense.hpp"
#include "basin/layers/dropout.hpp"
#include "basin/layers/flatten.hpp"
#include "basin/layers/fuse_scales.hpp"
#include "basin/layers/pool.hpp"
#include "basin/layers/sequential.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

using Two = Planes<Plane<2, 4, 3>, Plane<3, 2, 1>>;
using Three = Planes<Plane<3, 2, 1>, Plane<2, 4, 3>, Plane<5, 2, 1>>;
// Two links into plane 0, two out of plane 1 of x, none into plane 1 of y.
using Mixed = Links<Two, Three, Link<0, 0, Sequential<AveragePool<2>, Dense<2, 3>>>, Link<1, 0, Identity>,
                    Link<1, 2, Dense<3, 5>>>;

static_assert(Two::size == 24 + 6 && Two::offset<1> == 24 && Two::shape(5) == Shape{30, {1, 1, 1}, 5});
static_assert(Mixed::in_features == 30 && Mixed::out_features == 6 + 24 + 10);
static_assert(Mixed::param_count == 9 + 20);
static_assert(TakePlane<Two, 1>::in_features == 30 && TakePlane<Two, 1>::out_features == 3);
static_assert(PutPlane<Two, 1>::in_features == 3 && PutPlane<Two, 1>::out_features == 30);

using Scales = Planes<Plane<2, 8, 4>, Plane<4, 4, 2>, Plane<2, 2, 1>>;
using Fused = FuseScales<Scales, 2>;

std::vector<std::string> names(const std::vector<Leaf>& leaves) {
  std::vector<std::string> all;
  for (const Leaf& leaf : leaves) all.push_back(leaf.name);
  return all;
}

}  // namespace

TEST_CASE("each plane is the sum of what its links bring, and zeros without one", "[unit][links]") {
  const Mixed layer;
  const auto theta = random_parameters<Mixed>(1);
  const auto x = random_state(Two::shape(2), 2);
  State<double> y(Three::shape(2));
  y.values.setConstant(77);
  (void)layer.apply(theta, x.view(), y.view());
  for (Index n = 0; n < 2; ++n) {
    const View<const double> of_x = x.view().sample(n), of_y = y.view().sample(n);
    State<double> first(Three::At<0>::shape(1)), last(Three::At<2>::shape(1));
    (void)layer.layer<0>().apply(Mixed::part<0>(theta.span()), Two::plane<0>(of_x), first.view());
    first.values += Two::plane<1>(of_x).vector();
    layer.layer<2>().apply(Mixed::part<2>(theta.span()), Two::plane<1>(of_x), last.view());
    CHECK(relative_error(Three::plane<0>(of_y).vector(), first.values) <= 1e-14);
    CHECK(Three::plane<1>(of_y).vector().isZero(0));
    CHECK(relative_error(Three::plane<2>(of_y).vector(), last.values) <= 1e-14);
  }
}

TEST_CASE("derivatives of links between planes", "[gradient][links]") {
  check_linearization(Mixed(), Two::shape(3));
  const auto theta = random_parameters<Fused>(1);
  const auto x = random_state(Scales::shape(2), 2);
  const auto gradients = check_gradients(Fused(), theta, x, {.tolerance = 1e-6});
  INFO(gradients.to_string());
  CHECK(gradients.passed);
}

TEST_CASE("a batch of packs gets the bits that each gets alone", "[repeatable][links]") {
  const Fused layer;
  const auto theta = random_parameters<Fused>(1);
  const auto x = random_state(Scales::shape(3), 2), w = random_state(Scales::shape(3), 3);
  State<double> y(x.shape), dx(x.shape), y_alone(Scales::shape(1)), dx_alone(Scales::shape(1));
  const auto together = layer.linearize(theta, x.view(), y.view());
  (void)together.vjp(w.view(), dx.view());
  for (Index n = 0; n < 3; ++n) {
    const auto alone = layer.linearize(theta, x.view().sample(n), y_alone.view());
    (void)alone.vjp(w.view().sample(n), dx_alone.view());
    CHECK(y.view().sample(n).vector() == y_alone.values);
    CHECK(dx.view().sample(n).vector() == dx_alone.values);
  }
}

TEST_CASE("a plane is taken out of a pack, and put in between zeros", "[unit][links]") {
  const auto x = random_state(Two::shape(2), 1);
  State<double> plane(Two::At<1>::shape(2)), back(x.shape);
  (void)TakePlane<Two, 1>().apply({}, x.view(), plane.view());
  (void)PutPlane<Two, 1>().apply({}, plane.view(), back.view());
  CHECK(plane.view().columns() == x.view().columns().bottomRows(6));
  CHECK(back.view().columns().bottomRows(6) == x.view().columns().bottomRows(6));
  CHECK(back.view().columns().topRows(24).isZero(0));
}

TEST_CASE("links take an empty batch", "[unit][links]") {
  State<double> none(Two::shape(0)), plane(Two::At<1>::shape(0)), back(none.shape);
  (void)TakePlane<Two, 1>().apply({}, none.view(), plane.view());
  (void)PutPlane<Two, 1>().apply({}, plane.view(), back.view());
  const auto linear = PutPlane<Two, 1>().linearize<double>({}, plane.view(), back.view());
  (void)linear.jvp(plane.view(), back.view());
  (void)linear.vjp(none.view(), plane.view());
  CHECK(plane.view().samples() == 0);
}

TEST_CASE("fused scales add to each plane what all others bring", "[unit][links]") {
  // All weights of 1 x 1 convolutions at zero: GroupNorm then gives its shift alone, 0.25, everywhere.
  auto theta = random_parameters<Fused>(1);
  const auto leaves = leaves_of<Fused>();
  theta.vector().setZero();
  for (const Leaf& leaf : leaves) {
    if (leaf.kind == LeafKind::bias) theta.leaf(leaf.name)[0] = 0.25;
  }
  const auto x = random_state(Scales::shape(1), 2);
  State<double> y(x.shape);
  (void)Fused().apply(theta, x.view(), y.view());
  Vector<double> added = y.values - x.values;
  const View<const double> all(added.data(), x.shape);
  const auto check = [](auto plane) {
    CHECK((plane.matrix().row(0).array() - 0.5).abs().maxCoeff() < 1e-15);  // from both others
    CHECK(plane.matrix().bottomRows(plane.shape().features - 1).isZero(0));
  };
  check(Scales::plane<0>(all));
  check(Scales::plane<1>(all));
  check(Scales::plane<2>(all));
}

TEST_CASE("links hand on the context, and name their leaves by their planes", "[unit][links]") {
  const OnPlanes<Two, Dropout, Identity> layer{{Dropout{.seed = 1}, Identity{}}};
  State<double> x(Two::shape(3)), all(x.shape), last(Two::shape(1));
  x.values.setOnes();
  (void)layer.apply({}, x.view(), all.view(), {.draw = 3});
  (void)layer.apply({}, x.view().sample(2), last.view(), {.draw = 3, .first_sample = 2});
  CHECK(last.values == all.view().sample(2).vector());
  CHECK(last.values != all.view().sample(0).vector());

  CHECK(names(leaves_of<Mixed>()) ==
        std::vector<std::string>{"0.1.weight", "0.1.bias", "1_to_2.weight", "1_to_2.bias"});
  const auto fused = names(leaves_of<Fused>());
  CHECK(fused.front() == "0_to_1.0.weight");
  CHECK(std::count(fused.begin(), fused.end(), "0_to_2.1.0.weight") == 1);
}

TEST_CASE("a dense layer on a pack is none of PyTorch's, on a pack of one plane it is", "[unit][links]") {
  using One = Planes<Plane<2, 4, 3>>;
  const auto on_two = leaves_of<Sequential<OnPlanes<Two, Dense<2, 2>, Dense<3, 3>>, Relu, Dense<30, 4>>>();
  CHECK(on_two[0].in_torch);
  CHECK(on_two[2].in_torch);
  CHECK(!on_two[4].in_torch);
  const auto on_one = leaves_of<Sequential<PutPlane<One, 0>, Dense<24, 4>>>();
  CHECK(on_one[0].in_torch);
  CHECK(on_one[0].flattened == std::vector<Index>{2, 4, 3, 1});
  // Behind a pack, a plane that is taken out is in an order that is known.
  using Head = Sequential<OnPlanes<Two, Dense<2, 2>, Dense<3, 3>>, TakePlane<Two, 1>, Flatten<3, 2>, Dense<6, 4>>;
  const auto taken = leaves_of<Head>();
  CHECK(taken[4].in_torch);
  CHECK(taken[4].flattened == std::vector<Index>{3, 2, 1, 1});
}

TEST_CASE("links say what does not fit", "[unit][links]") {
  CHECK_THROWS_WITH(Mixed().out_shape(Two::At<0>::shape(2)),
                    "Links: shape of x is (2, 4, 3, 1, 2), expected (30, 1, 1, 1, 2)");
  CHECK_THROWS_WITH((TakePlane<Two, 0>().out_shape(Shape{29})),
                    "Links: shape of x is (29, 1, 1, 1, 1), expected (30, 1, 1, 1, 1)");
  CHECK_THROWS_WITH((Links<Two, Two, Link<0, 0, Identity>, Link<0, 1, Dense<2, 3>>>().out_shape(Two::shape(1))),
                    "Links: shape that link 0_to_1 gives is (3, 4, 3, 1, 1), expected (3, 2, 1, 1, 1)");
  const State<double> x(Two::shape(2));
  CHECK_THROWS_WITH(Two::plane<1>(x.view()),
                    "Planes: shape of a sample is (30, 1, 1, 1, 2), expected (30, 1, 1, 1, 1)");
}
