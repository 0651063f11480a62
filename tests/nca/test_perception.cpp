// Perceptions that say only what they must, and what the automaton then takes for granted.

#include "basin/nca/perception.hpp"

#include <catch2/catch.hpp>

#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/nca/automaton.hpp"
#include "basin/nca/rollout.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

/// A cell of a ring sees itself and, `far` cells on, another times a number that is learned.
struct Echo {
  static constexpr int state_features = 2, seen_features = 4;
  static constexpr std::size_t param_count = 2;  ///< for each feature
  Index far = 1;

  static void leaves(LeafList& list) { list.weight("echo", {2}, 1, 1); }
  void check_shape(const Shape& z) const { check_features("Echo", z.features, 2); }

  template <class S>
  struct Sight {
    Sight(const Echo& perception, Theta<S, 2> weights, View<const S> sample, Scratch&)
        : far(perception.far), theta(weights), z(sample) {}
    void operator()(const Index* cells, Index count, S* seen) const {
      for (Index i = 0; i < count; ++i) {
        const auto here = z.matrix().col(cells[i]), there = z.matrix().col((cells[i] + far) % z.shape().cells());
        for (int c = 0; c < 2; ++c) *seen++ = here[c];
        for (int c = 0; c < 2; ++c) *seen++ = theta[static_cast<std::size_t>(c)] * there[c];
      }
    }
    Index far;
    std::span<const S, 2> theta;
    View<const S> z;
  };

  template <class S>
  struct Spread {
    Spread(const Echo& perception, Theta<S, 2> weights, View<const S> sample, View<S> d, S* gradient, Scratch&)
        : far(perception.far), theta(weights), z(sample), dz(d), dtheta(gradient) {}
    void operator()(const Index* cells, Index count, const S* g) const {
      for (Index i = 0; i < count; ++i, g += 4) {
        const Index there = (cells[i] + far) % z.shape().cells();
        for (int c = 0; c < 2; ++c) {
          if (dz) dz.matrix()(c, cells[i]) += g[c];
          if (dz) dz.matrix()(c, there) += theta[static_cast<std::size_t>(c)] * g[2 + c];
          if (dtheta != nullptr) dtheta[c] += z.matrix()(c, there) * g[2 + c];
        }
      }
    }
    Index far;
    std::span<const S, 2> theta;
    View<const S> z;
    View<S> dz;
    S* dtheta;
  };
};

/// The same without parameters, as far as it can be without: nothing is said of them at all.
struct Itself {
  static constexpr int state_features = 2, seen_features = 2;
  void check_shape(const Shape& z) const { check_features("Itself", z.features, 2); }

  template <class S>
  struct Sight {
    Sight(const Itself&, Theta<S, 0>, View<const S> sample, Scratch&) : z(sample) {}
    void operator()(const Index* cells, Index count, S* seen) const {
      for (Index i = 0; i < count; ++i) std::copy_n(z.data() + 2 * cells[i], 2, seen + 2 * i);
    }
    View<const S> z;
  };
  template <class S>
  struct Spread {
    Spread(const Itself&, Theta<S, 0>, View<const S>, View<S> d, S*, Scratch&) : dz(d) {}
    void operator()(const Index* cells, Index count, const S* g) const {
      for (Index i = 0; i < 2 * count; ++i) dz.data()[2 * cells[i / 2] + i % 2] += g[i];
    }
    View<S> dz;
  };
};

template <class P, class Fire = EveryCell>
using Seeing = Automaton<P, Sequential<Dense<P::seen_features, 5>, Tanh, Dense<5, 2>>, Fire>;
static_assert(Cell<Seeing<Echo>> && Cell<Seeing<Itself>, double>);
static_assert(Seeing<Echo>::param_count == 2 + 25 + 12 && Seeing<Itself>::seeing_params == 0);

}  // namespace

TEST_CASE("a perception of a user's own, with parameters, has the right derivatives", "[gradient][perception]") {
  for (const Index far : {0, 1, 3}) {
    Seeing<Echo, RandomFire> automaton;
    automaton.perception.far = far;
    CAPTURE(far);
    check_cell(automaton, {0, {5, 3, 1}, 2});
  }
  check_cell(Seeing<Itself>{}, {0, {5, 3, 1}, 2});
}

TEST_CASE("parameters of a perception come before the rule's", "[unit][perception]") {
  const auto leaves = leaves_of<Seeing<Echo>>();
  REQUIRE(leaves.size() == 5);
  CHECK(leaves[0].name == "echo");
  CHECK(leaves_of<Seeing<Itself>>().size() == 4);
}

// So many cells that a perception with bands would have several: one that says nothing of bands is spread in one.
TEST_CASE("a perception without bands is the same on any number of threads", "[repeatable][perception]") {
  using R = Rollout<Seeing<Echo, RandomFire>>;
  R rollout{.steps = 2};
  rollout.automaton.perception.far = 20000;
  const auto theta = random_parameters<R, float>(1, 0.4);
  const auto z = random_state<float>(Shape{2, {200, 150, 1}, 2}, 2), w = random_state<float>(z.shape, 3);
  const auto on = [&](int count) {
    set_threads(count);
    State<float> end(z.shape), dz(z.shape);
    Parameters<R, float> dtheta;
    static_cast<void>(
        rollout.linearize(theta.span(), z.view(), end.view()).pullback(w.view(), dz.view(), dtheta.span()));
    set_threads(0);
    Vector<float> all(end.values.size() + dz.values.size() + dtheta.vector().size());
    all << end.values, dz.values, dtheta.vector();
    return all;
  };
  const Vector<float> one = on(1);
  CHECK(one.allFinite());
  CHECK(on(2) == one);
  CHECK(on(3) == one);
}
