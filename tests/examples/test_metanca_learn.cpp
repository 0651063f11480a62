// The tasks of metanca_learn, and what its rule is compared with.

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <string>

#include "../../examples/metanca_learn/optimisers.hpp"
#include "support/layer_checks.hpp"

using namespace metanca_learn;

TEST_CASE("tasks are functions of seed and number, and their classes are about as frequent", "[examples]") {
  for (const char* name :
       {"sinusoids", "lines", "parabolas", "steps", "triangles", "spirals", "moons", "checkers", "rings", "teachers"}) {
    CAPTURE(name);
    const Family family = Family::named(name);
    const Batches one(Task(family, 3, 17, nullptr), Part::shown, 400, 1, 3, 5),
        again(Task(family, 3, 17, nullptr), Part::shown, 400, 1, 3, 5),
        other(Task(family, 3, 18, nullptr), Part::shown, 400, 1, 3, 5),
        more(Task(family, 3, 17, nullptr), Part::shown, 200, 2, 3, 5);
    CHECK(one.x.values == again.x.values);
    CHECK(one.y.values == again.y.values);
    CHECK(one.x.values == more.x.values);  // however they are cut into batches
    CHECK((one.x.values != other.x.values || one.y.values != other.y.values));
    if (family.kind == basin::Outputs::numbers) {
      const auto numbers = one.y.values.cwiseAbs();
      CHECK(numbers.maxCoeff() > 0.09f);
      CHECK(numbers.maxCoeff() <= (std::string(name) == "parabolas" ? 1.5f : 0.5f));
      CHECK(one.x.values.cwiseAbs().maxCoeff() <= 5.0f / 3);
    } else {
      CHECK(std::abs(one.y.view().matrix().row(0).sum() - 200) < 50);
      CHECK(one.x.values.cwiseAbs().maxCoeff() < 5);
    }
  }
}

TEST_CASE("digits of a task have pixels and labels of its own order", "[examples]") {
  const basin::LabelledImages digits = basin::examples::drawn_digits(40, 1);
  const Family family = Family::of_classes(10);
  const Batches one(Task(family, 3, 1, &digits), Part::shown, 100, 1, 3, 5),
      other(Task(family, 3, 2, &digits), Part::shown, 100, 1, 3, 5);
  // The same data are drawn: what differs is the order, and which labels they have.
  CHECK(one.x.values != other.x.values);
  CHECK(one.y.values != other.y.values);
  const auto sorted = [](const State<float>& x) {
    std::vector<float> pixels(x.values.begin(), x.values.begin() + 784);
    std::sort(pixels.begin(), pixels.end());
    return pixels;
  };
  std::vector<float> a = sorted(one.x), b = sorted(other.x);
  bool same = a == b;
  if (!same) {  // one of them is inverted
    std::reverse(b.begin(), b.end());
    same = true;
    for (std::size_t i = 0; i < a.size(); ++i) {
      same = same && std::abs(a[i] * 0.3081f + b[i] * 0.3081f + 2 * 0.1307f - 1) < 1e-5f;
    }
  }
  CHECK(same);
}

TEST_CASE("what is asked was not shown, and a task of some classes has no others", "[examples]") {
  const basin::LabelledImages digits = basin::examples::drawn_digits(40, 1);
  const Task task(Family::of_classes(3), 3, 1, &digits);
  const Batches shown(task, Part::shown, 300, 1, 3, 5), asked(task, Part::asked, 300, 1, 3, 5);
  CHECK(shown.y.view().matrix().bottomRows(7).isZero());
  CHECK(shown.y.view().matrix().topRows(3).rowwise().sum().minCoeff() > 0);
  const Batches flowers(Task(Family::named("iris"), 3, 1, nullptr), Part::shown, 300, 1, 3, 5),
      others(Task(Family::named("iris"), 3, 1, nullptr), Part::asked, 300, 1, 3, 5);
  CHECK(flowers.y.view().matrix().rowwise().sum().minCoeff() > 50);
  const auto both = [](const Batches& a, const Batches& b) {
    Index count = 0;
    for (Index i = 0; i < 300; ++i) {
      for (Index j = 0; j < 300; ++j) count += a.x.view().matrix().col(i) == b.x.view().matrix().col(j) ? 1 : 0;
    }
    return count;
  };
  CHECK(both(shown, asked) == 0);
  CHECK(both(shown, shown) > 300);
  CHECK(both(flowers, others) < both(flowers, flowers) / 10);  // some flowers have the same four numbers
}

TEST_CASE("gradient descent goes down the gradient, and feedback alignment another way but in the last layer",
          "[examples]") {
  for (const char* name : {"sinusoids", "moons"}) {
    const Family family = Family::named(name);
    const basin::Network network = network_for(family, {6, 5});
    const Batches data(Task(family, 3, 17, nullptr), Part::shown, 32, 1, 3, 5);
    const State<float> start = fresh_network(network, 2, 9, 1);
    const auto moved = [&](Optimiser::Kind kind) {
      Learned learned(network, start, {"", kind, 1e-3}, 4);
      learned.learn(data.view(), 0);
      return basin::Vector<double>((learned.state().values - start.values).cast<double>());
    };
    const basin::LearningLoss loss{network, data.view()};
    const State<double> at = basin::test::cast<double>(start);
    State<double> gradient(at.shape);
    (void)loss.value_and_gradient(at.view(), 0, 1, gradient.view());
    const basin::Vector<double> down = moved(Optimiser::descent), other = moved(Optimiser::alignment);
    const basin::Vector<double> adam = moved(Optimiser::adam);
    const auto scales = basin::unit_scales<double>(network);
    for (std::size_t l = 0; l < network.layers().size(); ++l) {
      const basin::Network::Layer& layer = network.layers()[l];
      const auto of = [&](const basin::Vector<double>& all) { return all.segment(layer.first, layer.cells()); };
      // W = s v: a step of W along -dL/dW = -(dL/dv) / s is one of v along -(dL/dv) / s^2.
      CHECK(basin::test::relative_error(of(down), -1e-3 / (scales[l] * scales[l]) * of(gradient.values)) < 2e-3);
      CHECK((basin::test::relative_error(of(other), of(down)) < 1e-6) == (l + 1 == network.layers().size()));
      CHECK((scales[l] * of(adam)).cwiseAbs().maxCoeff() == Approx(1e-3).epsilon(1e-2));  // its first step
    }
  }
}
