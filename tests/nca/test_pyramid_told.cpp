// Pyramids whose cells are told the image.

#include <catch2/catch.hpp>
#include <limits>

#include "basin/core/parallel.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/pool.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/nca/perceive.hpp"
#include "basin/nca/pyramid.hpp"
#include "basin/train/rollout_gradient.hpp"
#include "basin/train/state_loss.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

constexpr int C = 3, U = 2;
using R = Rollout<Automaton<Conditioned<Perceive<C, Zero, Centre, SobelX>, U>,
                            Sequential<Dense<2 * C + U, 5>, Tanh, Dense<5, C>>, RandomFire>,
                  Checkpointed>;
using P = Pyramid<R, U, 3>;
using Shared = Pyramid<R, U, 2, PyramidRules::shared, 1, 3>;
static_assert(P::param_count == 3 * R::param_count && Shared::param_count == R::param_count);

template <class Model>
Model with_steps() {
  Model pyramid;
  for (std::size_t l = 0; l < pyramid.levels.size(); ++l) {
    pyramid.levels[l].steps = static_cast<Index>(4 - l);
    pyramid.levels[l].automaton.fire = {.rate = 0.7, .seed = 1};
  }
  return pyramid;
}

template <class S>
struct Products {
  State<S> end, applied, jt, jtu, dstart, du, dstart_alone, du_alone;
  Vector<S> dtheta;

  template <class Model>
  Products(const Model& model, const State<S>& start, const State<S>& u, const State<S>& t, const State<S>& tu,
           const State<S>& w, const Context& context = {})
      : end(w.shape),
        applied(w.shape),
        jt(w.shape),
        jtu(w.shape),
        dstart(start.shape),
        du(u.shape),
        dstart_alone(start.shape),
        du_alone(u.shape) {
    const auto theta = random_parameters<Model, S>(3, 0.4);
    Parameters<Model, S> gradient;
    static_cast<void>(model.apply(theta.span(), start.view(), u.view(), applied.view(), context));
    const auto j = model.linearize(theta.span(), start.view(), u.view(), end.view(), context);
    static_cast<void>(j.jvp(t.view(), jt.view()));
    static_cast<void>(j.jvp_input(tu.view(), jtu.view()));
    static_cast<void>(j.pullback(w.view(), dstart.view(), du.view(), gradient.span()));
    static_cast<void>(j.vjp(w.view(), dstart_alone.view()));
    static_cast<void>(j.vjp_input(w.view(), du_alone.view()));
    dtheta = gradient.vector();
  }
};

/// The derivatives at a random point, against central differences and each other.
template <class Model>
void check_derivatives(const Shape& image, const Shape& told) {
  CAPTURE(image.to_string(), told.to_string());
  const Model model = with_steps<Model>();
  const State<double> start = random_state(model.start_shape(image), 1), u = random_state(told, 2),
                      t = random_state(start.shape, 4), tu = random_state(told, 5),
                      w = random_state(model.end_shape(start.shape), 6);
  auto theta = random_parameters<Model>(3, 0.4);
  const Vector<double> at = theta.vector(), ttheta = random_parameters<Model>(7).vector();
  const Products<double> found(model, start, u, t, tu, w);
  CHECK(found.applied.values == found.end.values);
  CHECK(relative_error(found.dstart_alone.values, found.dstart.values) < 1e-13);
  CHECK(relative_error(found.du_alone.values, found.du.values) < 1e-13);
  // <w, J t> = <J^T w, t>.
  CHECK(found.jt.values.dot(w.values) == Approx(found.dstart.values.dot(t.values)).epsilon(1e-11));
  CHECK(found.jtu.values.dot(w.values) == Approx(found.du.values.dot(tu.values)).epsilon(1e-11));
  const auto difference = [&](double of_start, double of_u, double of_theta) {
    constexpr double h = 1e-5;
    const auto value = [&](double by) {
      State<double> from = start, image_of = u, end(w.shape);
      from.values += by * of_start * t.values;
      image_of.values += by * of_u * tu.values;
      theta.vector() = at + by * of_theta * ttheta;
      static_cast<void>(model.apply(theta.span(), from.view(), image_of.view(), end.view()));
      return end.values;
    };
    return Vector<double>((value(h) - value(-h)) / (2 * h));
  };
  CHECK(relative_error(found.jt.values, difference(1, 0, 0)) < 1e-7);
  CHECK(relative_error(found.jtu.values, difference(0, 1, 0)) < 1e-7);
  CHECK(found.dtheta.dot(ttheta) == Approx(difference(0, 0, 1).dot(w.values)).epsilon(1e-6));
}

}  // namespace

TEST_CASE("a pyramid of cells that are told the image runs from coarse to fine", "[unit][pyramid]") {
  const P pyramid = with_steps<P>();
  const auto theta = random_parameters<P>(1, 0.4);
  const auto u = random_state({U, {12, 8, 1}, 2}, 2), start = random_state({C, {3, 2, 1}, 2}, 3);
  CHECK(pyramid.start_shape(u.shape) == start.shape);
  State<double> found(pyramid.end_shape(start.shape));
  static_cast<void>(pyramid.apply(theta.span(), start.view(), u.view(), found.view(), {.step = 5}));

  // By steps and layers that are there for other uses.
  State<double> half(Shape{U, {6, 4, 1}, 2}), quarter(Shape{U, {3, 2, 1}, 2}), state = start;
  AveragePool<2>{}.apply({}, u.view(), half.view());
  AveragePool<4>{}.apply({}, u.view(), quarter.view());
  Index step = 5;
  const auto level = [&](std::size_t l, const State<double>& image) {
    if (l > 0) {
      State<double> finer(UpsampleNearest<2>{}.out_shape(state.shape));
      UpsampleNearest<2>{}.apply({}, state.view(), finer.view());
      state = finer;
    }
    Parameters<R, double> own;
    own.vector() = theta.vector().segment(static_cast<Index>(l * R::param_count), R::param_count);
    for (Index t = 0; t < pyramid.levels[l].steps; ++t, ++step) {
      State<double> next(state.shape);
      (void)pyramid.levels[l].automaton.apply(own.span(), state.view(), image.view(), next.view(), {.step = step});
      state = next;
    }
  };
  level(0, quarter);
  level(1, half);
  level(2, u);
  CHECK(relative_error(found.values, state.values) < 1e-14);
}

TEST_CASE("the derivatives of a pyramid of told cells, in the start, the image and theta", "[gradient][pyramid]") {
  check_derivatives<P>({U, {8, 4, 1}, 2}, {U, {8, 4, 1}, 2});
  check_derivatives<P>({U, {8, 4, 1}, 2}, {U, {1, 1, 1}, 2});
  check_derivatives<Shared>({U, {6, 2, 1}, 1}, {U, {6, 2, 1}, 1});
}

TEST_CASE("a pyramid of told cells has the same bits on any number of threads, and alone as in a batch",
          "[repeatable][pyramid]") {
  const P pyramid = with_steps<P>();
  const Shape image{U, {160, 100, 1}, 2};  // several bands of a sample
  const Shape start_shape = pyramid.start_shape(image), end_shape = pyramid.end_shape(start_shape);
  const auto start = random_state<float>(start_shape, 1), u = random_state<float>(image, 2),
             t = random_state<float>(start_shape, 3), tu = random_state<float>(image, 4),
             w = random_state<float>(end_shape, 5);
  set_threads(1);
  const Products<float> one(pyramid, start, u, t, tu, w);
  REQUIRE(one.dtheta.allFinite());
  for (const int threads : {2, 3}) {
    set_threads(threads);
    const Products<float> more(pyramid, start, u, t, tu, w);
    CHECK(more.end.values == one.end.values);
    CHECK(more.jt.values == one.jt.values);
    CHECK(more.jtu.values == one.jtu.values);
    CHECK(more.dstart.values == one.dstart.values);
    CHECK(more.du.values == one.du.values);
    CHECK(more.dtheta == one.dtheta);
  }
  set_threads(0);
  const auto second = [](const State<float>& batch) { return State<float>(batch.view().sample(1)); };
  const Products<float> alone(pyramid, second(start), second(u), second(t), second(tu), second(w), {.first_sample = 1});
  CHECK(alone.end.values == second(one.end).values);
  CHECK(alone.jt.values == second(one.jt).values);
  CHECK(alone.dstart.values == second(one.dstart).values);
  CHECK(alone.du.values == second(one.du).values);
}

TEST_CASE("a loss may look at the steps of a pyramid's finest level", "[gradient][pyramid]") {
  const P pyramid = with_steps<P>();
  const auto u = random_state({U, {8, 4, 1}, 3}, 1), start = random_state({C, {2, 1, 1}, 3}, 2);
  const LeadingFeaturesError<double> loss{random_state({2, {8, 4, 1}, 3}, 4)};
  const std::vector<LossStep> steps{{2, 0.5}, {1, 1}, {0, 2}};
  auto theta = random_parameters<P>(5, 0.4);
  const auto along = value_and_gradient_along(pyramid, theta, start.view(), u.view(), loss, steps);
  // By its definition, and by differences.
  const auto value = [&] {
    double sum = 0;
    for (const LossStep& one : steps) {
      P shorter = pyramid;
      shorter.levels[2].steps = one.step;
      State<double> end(pyramid.end_shape(start.shape));
      static_cast<void>(shorter.apply(theta.span(), start.view(), u.view(), end.view()));
      sum += one.weight * loss.value_and_gradient<double>(end.view(), 0, 3, View<double>{});
    }
    return sum;
  };
  CHECK(along.value == Approx(value()).epsilon(1e-13));
  const Vector<double> direction = random_parameters<P>(6).vector(), at = theta.vector();
  const double h = 1e-5;
  theta.vector() = at + h * direction;
  const double above = value();
  theta.vector() = at - h * direction;
  CHECK(along.gradient.vector().dot(direction) == Approx((above - value()) / (2 * h)).epsilon(1e-6));
  CHECK_THROWS_WITH(value_and_gradient_along(pyramid, theta, start.view(), u.view(), loss, {{3, 1.0}}),
                    "step of a loss is 3, expected 0 to the rollout's last, 2");
}

TEST_CASE("what a pyramid of told cells refuses", "[errors][pyramid]") {
  const P pyramid;
  CHECK_THROWS_WITH(pyramid.start_shape({U, {8, 6, 1}, 3}),
                    "Pyramid: extent of an axis of space is 6, expected a multiple of 4");
  CHECK_THROWS_WITH(pyramid.start_shape({3, {8, 4, 1}, 3}), "Pyramid: image: number of features is 3, expected 2");
  CHECK_THROWS_WITH(pyramid.end_shape({4, {2, 1, 1}, 3}), "Pyramid: start: number of features is 4, expected 3");
  const Parameters<P, double> theta;
  const auto apply = [&](const Shape& start, const Shape& u, const Shape& end) {
    const State<double> from(start), image(u);
    State<double> to(end);
    static_cast<void>(pyramid.apply(theta.span(), from.view(), image.view(), to.view()));
  };
  using Catch::Matchers::Contains;
  CHECK_THROWS_WITH(apply({C, {2, 1, 1}, 1}, {U, {8, 4, 1}, 1}, {C, {8, 8, 1}, 1}),
                    Contains("Pyramid: shape of end is (3, 8, 8, 1, 1), expected (3, 8, 4, 1, 1)"));
  CHECK_THROWS_WITH(apply({C, {2, 1, 1}, 1}, {U, {2, 1, 1}, 1}, {C, {8, 4, 1}, 1}),
                    Contains("shape of the injection is (2, 2, 1, 1, 1)"));
}
