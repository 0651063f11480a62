// One step against the definition; what each part of an automaton does to it; and its errors.

#include "basin/nca/automaton.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/nca/perceive.hpp"
#include "basin/stencil/hexagonal.hpp"
#include "nca/naive_automaton.hpp"
#include "support/counting_allocator.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

template <Boundary Edge>
using See = Perceive<16, Edge, Centre, SobelX, SobelY>;
using Rule = Sequential<Dense<48, 128>, Relu, Dense<128, 16>>;
template <Boundary Edge, class Around = BoxAround>
using Growing = Automaton<See<Edge>, Rule, RandomFire, AliveMask<3, Features<>, Around>>;
static_assert(Cell<Growing<Zero>> && Cell<Growing<Periodic>, double> && !Layer<Growing<Zero>>);
static_assert(Growing<Zero>::param_count == 8336);
static_assert(std::is_same_v<MeanFieldOf<Growing<Zero>>::type, Automaton<See<Zero>, Rule, MeanField, AliveMask<3>>>);

/// A dense rule of one layer on what one cell sees.
using SmallSee = Perceive<2, Zero, Centre, Laplacian<2>>;
template <class Fire, class Alive = Everywhere, class Update = Increment>
using Small = Automaton<SmallSee, Dense<4, Update::template answers<2>>, Fire, Alive, Update>;

/// A rule that looks at all cells of its sample: the mean of the first feature.
struct Mean {
  static constexpr int in_features = 4, out_features = 2;
  static constexpr std::size_t param_count = 0;
  Shape out_shape(const Shape& x) const { return x.with_features(2); }
  void apply(Theta<double, 0>, In<double> x, View<double> y, const Context& = {}) const {
    for (Index n = 0; n < x.samples(); ++n) {
      y.sample(n).vector().setConstant(x.sample(n).matrix().row(0).mean());
    }
  }
  struct Linearization {
    void jvp(View<const double>, View<double>) const {}
    void vjp(View<const double>, View<double>) const {}
  };
  Linearization linearize(Theta<double, 0>, In<double>, View<double>, const Context& = {}) const { return {}; }
};

template <class A, class S>
State<S> stepped(const A& automaton, const Parameters<A, S>& theta, const State<S>& z, const Context& context = {}) {
  State<S> out(z.shape);
  static_cast<void>(
      automaton.apply(theta, z.view(), View<const S>(nullptr, z.shape.with_features(0)), out.view(), context));
  return out;
}

/// Random cells, each there with a probability of `share`, else zero. Of these, one in seven has an alpha just above
/// the threshold and the others have one below, so that an update brings some to life and lets others die.
State<double> spots(const Shape& shape, std::uint64_t seed, double share) {
  State<double> z(shape);
  const Random random{seed, 3};
  for (Index i = 0; i < shape.cells(); ++i) {
    const auto at = static_cast<std::uint64_t>(i) * 100;
    if (random.uniform(at) >= share) continue;
    for (Index c = 0; c < shape.features; ++c) {
      const double u = random.uniform(at + 1 + static_cast<std::uint64_t>(c));
      z.values[i * shape.features + c] = c != 3 ? 2 * u - 1 : u < 0.15 ? 0.1 + u : -u;
    }
  }
  return z;
}

struct Tally {
  Index died = 0, held_by_dead = 0;
};

/// A step of the growing automaton with random weights.
template <Boundary Edge, class Around = BoxAround>
void check_growing(const Shape& shape, double share, std::uint64_t seed, Tally& tally) {
  using A = Growing<Edge, Around>;
  A automaton;
  automaton.fire.seed = seed;
  const Context context{.step = 5, .first_sample = 3};
  const auto theta = random_parameters<A>(seed, 0.1);
  NaiveGrowing naive;
  naive.source = naive_source<Edge>;
  naive.hexagons = std::is_same_v<Around, HexMean<1>>;
  State<double> z = spots(shape, seed, share);
  const auto step = naive.step(theta.vector(), z, fired(automaton.fire, 5, 3, shape));
  CAPTURE(Edge::label, shape.to_string(), share, seed, step.cells_before, step.cells_after);
  REQUIRE(step.margin > 1e-5);  // no alpha so near the threshold that rounding decides
  CHECK(step.cells_after > 0);
  CHECK(relative_error(stepped(automaton, theta, z, context).values, step.z.values) < 1e-12);
  const State<float> single = stepped(automaton, theta.template cast<float>(), cast<float>(z), context);
  CHECK(relative_error(single.values, step.z.values) < 1e-5);
  tally.died += step.cells_before - step.cells_after;
  tally.held_by_dead += step.held_by_dead;
}

}  // namespace

TEST_CASE("a step of the growing automaton is the published one", "[unit][automaton]") {
  Tally tally;
  for (const std::uint64_t seed : {1u, 2u, 3u, 4u}) {
    for (const double share : {0.1, 0.6, 0.9}) {
      check_growing<Zero>({16, {15, 11, 1}, 2}, share, seed, tally);
      check_growing<Periodic>({16, {15, 11, 1}, 2}, share, seed, tally);
    }
  }
  check_growing<Periodic>({16, {72, 72, 1}, 1}, 0.1, 4, tally);  // in several bands
  CHECK(tally.died > 100);
  // A cell lives on if a dead neighbour's update is above the threshold, though that neighbour is cleared.
  CHECK(tally.held_by_dead > 2);
}

TEST_CASE("a step on hexagons keeps alive by seven cells", "[unit][automaton]") {
  Tally tally;
  for (const std::uint64_t seed : {1u, 2u, 3u, 4u, 5u, 6u}) {
    for (const double share : {0.1, 0.6, 0.9}) {
      check_growing<Periodic, HexMean<1>>({16, {15, 11, 1}, 2}, share, seed, tally);
    }
  }
  check_growing<Periodic, HexMean<1>>({16, {72, 72, 1}, 1}, 0.1, 4, tally);  // in several bands
  CHECK(tally.died > 100);
  CHECK(tally.held_by_dead > 2);
}

TEST_CASE("what is dead stays exactly zero", "[unit][automaton]") {
  using A = Growing<Zero>;
  const auto theta = random_parameters<A, float>(1, 0.3);  // with biases
  State<float> z(Shape{16, {40, 40, 1}, 1});
  CHECK(stepped(A{}, theta, z).values == z.values);
  for (Index c = 3; c < 16; ++c) z.values[(20 * 40 + 20) * 16 + c] = 1;
  const State<float> next = stepped(A{}, theta, z);
  Index elsewhere = 0;
  for (Index i = 0; i < z.shape.cells(); ++i) {
    const bool near = std::abs(i % 40 - 20) <= 1 && std::abs(i / 40 - 20) <= 1;
    if (!near && next.values.segment(i * 16, 16) != Vector<float>::Zero(16)) ++elsewhere;
  }
  CHECK(elsewhere == 0);
}

TEST_CASE("an update is not rescaled by the rate of fire", "[unit][automaton]") {
  Small<RandomFire> random;
  random.fire = {.rate = 0.5, .seed = 4};
  const auto theta = random_parameters<Small<RandomFire>>(1);
  const auto z = random_state({2, {9, 8, 1}, 2}, 2);
  const State<double> whole = stepped(Small<EveryCell>{}, theta.as<Small<EveryCell>>(), z);
  const State<double> half = stepped(Small<MeanField>{}, theta.as<Small<MeanField>>(), z);
  const State<double> some = stepped(random, theta, z);
  const auto fires = fired(random.fire, 0, 0, z.shape);
  for (Index i = 0; i < z.shape.cells(); ++i) {
    const auto& expected = fires[static_cast<std::size_t>(i)] ? whole : z;
    if (some.values.segment(2 * i, 2) != expected.values.segment(2 * i, 2)) FAIL("cell " << i);
  }
  CHECK(relative_error(half.values, Vector<double>((whole.values + z.values) / 2)) < 1e-15);
  random.fire.rate = 0;
  CHECK(stepped(random, theta, z).values == z.values);
  random.fire.rate = 1;
  CHECK(stepped(random, theta, z).values == whole.values);
}

TEST_CASE("an update that is rescaled is divided by the rate of fire", "[unit][automaton]") {
  Small<RandomFire> whole, rescaled;
  whole.fire = {.rate = 0.4, .seed = 4};
  rescaled.fire = {.rate = 0.4, .seed = 4, .rescaled = true};
  const auto theta = random_parameters<Small<RandomFire>>(1);
  const auto z = random_state({2, {9, 8, 1}, 2}, 2);
  const Vector<double> change = stepped(whole, theta, z).values - z.values;
  CHECK(relative_error(stepped(rescaled, theta, z).values, Vector<double>(z.values + change / 0.4)) < 1e-14);
  // The mean over masks is then one whole update of every cell.
  using Mean = MeanFieldOf<Small<RandomFire>>::type;
  const State<double> every = stepped(Small<EveryCell>{}, theta.as<Small<EveryCell>>(), z);
  CHECK(stepped(mean_field(rescaled), theta.as<Mean>(), z).values == every.values);
  rescaled.fire.rate = 0;
  CHECK_THROWS_WITH(stepped(rescaled, theta, z),
                    "RandomFire: rate is 0, expected above 0 and at most 1, as updates are divided by it");
  Small<RandomFire, Everywhere, Keeping<Features<>, Replace>> replaces;
  replaces.fire.rescaled = true;
  CHECK_THROWS_WITH(stepped(replaces, theta.as<decltype(replaces)>(), z),
                    "Automaton: factor of an update that is Replace is 2, expected 1: the answer is taken whole");
}

TEST_CASE("cells that are masked stay as they are", "[unit][automaton]") {
  using A = Small<EveryCell, MaskedBy<0>, Keeping<Features<0>>>;
  const A automaton;
  const auto theta = random_parameters<A>(1);
  const auto z = random_state({2, {9, 8, 1}, 2}, 2);
  const State<double> next = stepped(automaton, theta, z);
  Index changed = 0, first_feature = 0, wrong = 0;
  for (Index i = 0; i < z.shape.cells(); ++i) {
    const bool changes = next.values[2 * i + 1] != z.values[2 * i + 1];
    changed += changes ? 1 : 0;
    wrong += changes != (z.values[2 * i] > 0.1) ? 1 : 0;
    first_feature += next.values[2 * i] != z.values[2 * i] ? 1 : 0;
  }
  CHECK(changed > 20);
  CHECK(changed < 130);
  CHECK(wrong == 0);
  CHECK(first_feature == 0);
}

TEST_CASE("noise is added to the answers of cells that fire", "[unit][automaton]") {
  using A = Small<RandomFire, Everywhere, Keeping<Features<0>>>;
  A quiet;
  quiet.fire.seed = 2;
  const Context context{.step = 7, .first_sample = 1};
  A noisy = quiet;
  noisy.update.update = {.noise = 0.25, .seed = 5};
  const auto theta = random_parameters<A>(1);
  const auto z = random_state({2, {9, 8, 1}, 2}, 2);
  const State<double> without = stepped(quiet, theta, z, context), with = stepped(noisy, theta, z, context);
  const auto fires = fired(quiet.fire, 7, 1, z.shape);
  for (Index i = 0; i < z.shape.cells(); ++i) {
    double e = 0;
    if (fires[static_cast<std::size_t>(i)]) noisy.update.update.add_noise<1>(context, i / 72, i % 72, &e);
    if (std::abs(with.values[2 * i + 1] - without.values[2 * i + 1] - e) > 1e-15) FAIL("cell " << i);
    if (with.values[2 * i] != z.values[2 * i]) FAIL("first feature of cell " << i);
  }
}

TEST_CASE("samples of a batch are numbered from the first one", "[unit][automaton]") {
  const auto theta = random_parameters<Small<RandomFire>>(1);
  const auto z = random_state({2, {9, 8, 1}, 3}, 2);
  const State<double> together = stepped(Small<RandomFire>{}, theta, z);
  for (Index n = 0; n < 3; ++n) {
    const State<double> alone(z.view().sample(n));
    const State<double> one = stepped(Small<RandomFire>{}, theta, alone, Context{.first_sample = n});
    CHECK(one.values == Vector<double>(together.view().sample(n).vector()));
  }
}

TEST_CASE("half a grid fires as it does in the whole one", "[unit][automaton]") {
  // Cells see themselves alone, so that the halves are what they are together.
  using A = Automaton<Perceive<2, Zero, Centre>, Dense<2, 2>, RandomFire, Everywhere, Increment>;
  A automaton;
  automaton.update.noise = 0.5;
  const auto theta = random_parameters<A>(1);
  const auto z = random_state({2, {9, 8, 1}, 1}, 2);
  const Vector<double> whole = stepped(automaton, theta, z).values;
  State<double> half(Shape{2, {9, 4, 1}, 1});
  half.values = z.values.tail(72);
  CHECK(stepped(automaton, theta, half, Context{.first_cell = 36}).values == Vector<double>(whole.tail(72)));
}

namespace {

/// A rule that answers where it is: with the step, the draw, and the number of its sample.
struct Where {
  static constexpr int in_features = 1, out_features = 1;
  static constexpr std::size_t param_count = 0;
  Shape out_shape(const Shape& x) const { return x; }
  void apply(Theta<double, 0>, In<double> x, View<double> y, const Context& context = {}) const {
    for (Index i = 0; i < x.samples(); ++i) {
      const auto draw = static_cast<double>(context.draw >> 40);
      y.data()[i] = 1000 * static_cast<double>(context.step) + static_cast<double>(context.sample(i)) + draw;
    }
  }
  struct Linearization {
    void jvp(View<const double> t, View<double> out) const { out.vector() = 0 * t.vector(); }
    void vjp(View<const double> w, View<double> dx) const { jvp(w, dx); }
    void pullback(View<const double> w, View<double> dx, ThetaGradient<double, 0>) const {
      if (dx) vjp(w, dx);
    }
  };
  Linearization linearize(Theta<double, 0> theta, In<double> x, View<double> y, const Context& context = {}) const {
    apply(theta, x, y, context);
    return {};
  }
};

}  // namespace

TEST_CASE("a rule is told the step, and each cell's number as that of a sample", "[unit][automaton]") {
  using A = Automaton<Perceive<1, Zero, Centre>, Where, EveryCell, Everywhere, Replace>;
  const Parameters<A, double> theta;
  const State<double> z(Shape{1, {100, 3, 1}, 2});
  const Context context{.step = 7, .first_sample = 5, .first_cell = 40};
  const State<double> found = stepped(A{}, theta, z, context);
  State<double> linearized(z.shape);
  const auto j = A{}.linearize<double>(theta, z, View<const double>{}, linearized.view(), context);
  CHECK(linearized.values == found.values);
  for (Index n = 0; n < 2; ++n) {
    const auto draw = static_cast<double>(fold_in(0, static_cast<std::uint64_t>(5 + n)) >> 40);
    for (Index i = 0; i < 300; ++i) {
      if (found.values[300 * n + i] != 7000 + draw + static_cast<double>(40 + i)) FAIL("cell " << i << " of " << n);
    }
  }
}

TEST_CASE("a mean field keeps all but chance", "[unit][automaton]") {
  Small<RandomFire, AliveMask<1>> random;
  random.fire.rate = 0.25;
  random.alive.threshold = 0.3;
  random.update.noise = 2;
  const auto mean = mean_field(random);
  CHECK(mean.fire.rate == 0.25);
  CHECK(mean.alive.threshold == 0.3);
  CHECK(mean.update.noise == 0);
}

TEST_CASE("a rule works on each cell by itself, however cells are gathered", "[unit][automaton]") {
  using A = Automaton<SmallSee, Mean, EveryCell, Everywhere, Replace>;
  const auto z = random_state({2, {9, 8, 1}, 2}, 2);
  const State<double> next = stepped(A{}, Parameters<A, double>{}, z);
  double worst = 0;
  for (Index i = 0; i < z.shape.cells(); ++i) {
    worst = std::max(worst, std::abs(next.values[2 * i] - z.values[2 * i]));  // the centre comes first
  }
  CHECK(worst == 0);
}

TEST_CASE("a state that is no number does not die unseen", "[unit][automaton]") {
  using A = Small<EveryCell, AliveMask<1>>;
  auto theta = random_parameters<A>(1);
  const auto z = random_state({2, {6, 5, 1}, 1}, 2);
  theta.vector()[0] = std::numeric_limits<double>::quiet_NaN();
  theta.vector()[1] = std::numeric_limits<double>::quiet_NaN();
  CHECK(!stepped(A{}, theta, z).values.allFinite());
}

TEST_CASE("one dead neighbour that becomes alive keeps a cell", "[unit][automaton]") {
  // On a line of (a, x), a decides about life and becomes x: the cell at 1 was alive, the one at 3 will be.
  using A = Automaton<Perceive<2, Zero, Centre>, Dense<2, 2>, EveryCell, AliveMask<0>>;
  Parameters<A, double> theta;
  theta.vector() << -1, 0, 1, 0, 0, 0;  // of a in turn: -1 to a, 0 to x; of x: 1 to a; no biases
  State<double> z(Shape{2, {7, 1, 1}, 1});
  z.values << 0, 0, 1, 0, 0, 0.05, 0, 1, 0, 0, 0, 0, 0, 0;
  Vector<double> expected = Vector<double>::Zero(14);
  expected.segment(4, 2) << 0.05, 0.05;  // the cell at 2 alone has life around it both before and after
  CHECK(stepped(A{}, theta, z).values == expected);
}

TEST_CASE("a step allocates nothing after the first", "[allocation][automaton]") {
  if (!basin_test::counts_allocations()) return;
  using A = Growing<Periodic>;
  const A automaton;
  const auto theta = random_parameters<A, float>(1, 0.1);
  const State<float> z = cast<float>(spots({16, {48, 48, 1}, 2}, 1, 0.3));
  State<float> out(z.shape);
  std::vector<std::uint8_t> marks(static_cast<std::size_t>(z.shape.cells()));
  set_threads(1);
  const auto pass = [&] {
    (void)automaton.step<float>(theta.span(), z.view(), out.view(), marks.data());
    (void)automaton.apply(theta, z.view(), View<const float>{}, out.view());
  };
  pass();
  const basin_test::AllocationCount later;
  pass();
  CHECK(later.allocations() == 0);
  set_threads(0);
}

TEST_CASE("an automaton refuses what it cannot take", "[unit][automaton]") {
  const Small<MeanField> automaton;
  CHECK(automaton.state_shape({0, {4, 3, 1}, 2}) == Shape{2, {4, 3, 1}, 2});
  CHECK_THROWS_WITH(automaton.state_shape({2, {4, 3, 1}, 2}),
                    "Automaton: injection: number of features is 2, expected 0");
  const auto theta = random_parameters<Small<MeanField>>(1);
  const auto attempt = [&](const auto& a, const Shape& shape) { (void)stepped(a, theta, State<double>(shape)); };
  CHECK_THROWS_WITH(attempt(automaton, {3, {4, 3, 1}, 1}), "Perceive: number of features is 3, expected 2");
  CHECK_THROWS_WITH(attempt(automaton, {2, {0, 3, 1}, 1}),
                    "Perceive: extent of an axis of space is 0, expected at least 1");
  const State<double> z(Shape{2, {4, 3, 1}, 2});
  State<double> out(z.shape), du(z.shape);
  CHECK_THROWS_WITH((void)automaton.apply(theta, z.view(), z.view(), out.view()),
                    "Automaton: injection: number of features is 2, expected 0");
  const auto j = automaton.linearize(theta, z.view(), View<const double>{}, out.view());
  CHECK_THROWS_WITH((void)j.vjp_input(z.view(), du.view()), Catch::Matchers::Contains("du of vjp_input: number of"));
  CHECK_THROWS_WITH((void)j.vjp(z.view(), out.view(), du.view(), nullptr),
                    "Automaton: du: number of features is 2, expected 0");
  Small<MeanField> hasty;
  hasty.fire.rate = 2;
  CHECK_THROWS_WITH(attempt(hasty, {2, {4, 3, 1}, 1}), "MeanField: rate is 2, expected 0 to 1");

  using Mirrored = Automaton<Perceive<2, Reflect, SobelX>, Dense<2, 2>, RandomFire>;
  const auto thin = [](double rate) {
    Mirrored mirrored;
    mirrored.fire.rate = rate;
    return stepped(mirrored, random_parameters<Mirrored>(1), State<double>(Shape{2, {4, rate > 1 ? 4 : 1, 1}, 1}));
  };
  CHECK_THROWS_WITH(thin(1), "reflect boundary: extent of the grid is 1, expected more than the border, 1");
  CHECK_THROWS_WITH(thin(2), "RandomFire: rate is 2, expected 0 to 1");
}
