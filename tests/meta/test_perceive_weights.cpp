#include "basin/meta/perceive_weights.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <limits>
#include <vector>

#include "basin/layers/activation.hpp"
#include "basin/nca/automaton.hpp"
#include "basin/nca/rollout.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

/// A weight by the words of the definitions: of a layer, from neuron i (the bias for i = inputs) to neuron j.
struct Weight {
  std::size_t layer;
  Index i, j, cell;
  bool bias;
};

std::vector<Weight> weights_of(const Network& network) {
  std::vector<Weight> all;
  Index cell = 0;
  for (std::size_t l = 0; l + 1 < network.widths().size(); ++l) {
    const Index inputs = network.widths()[l], outputs = network.widths()[l + 1];
    for (Index i = 0; i < inputs + (network.has_biases() ? 1 : 0); ++i) {
      for (Index j = 0; j < outputs; ++j) all.push_back({l, i, j, cell++, i == inputs});
    }
  }
  return all;
}

bool is_forward(WithinMatrix, const Weight& of, const Weight& other) {
  return other.layer == of.layer && other.j == of.j;
}
bool is_backward(WithinMatrix, const Weight& of, const Weight& other) {
  return other.layer == of.layer && other.i == of.i;
}
bool is_forward(AcrossLayers, const Weight& of, const Weight& other) {
  const bool own_column = other.layer == of.layer && !other.bias && other.j == of.j;
  const bool own_bias = other.layer == of.layer && other.bias && other.j == of.j;
  const bool next_row = other.layer == of.layer + 1 && !other.bias && other.i == of.j;
  return own_column || own_bias || next_row;
}
bool is_backward(AcrossLayers, const Weight& of, const Weight& other) {
  if (of.bias) return other.cell == of.cell;
  const bool own_row = other.layer == of.layer && !other.bias && other.i == of.i;
  const bool bias_before = other.layer + 1 == of.layer && other.bias && other.j == of.i;
  const bool column_before = other.layer + 1 == of.layer && !other.bias && other.j == of.i;
  return own_row || bias_before || column_before;
}

/// The perception as a matrix over all numbers of a sample, from a loop over all pairs of weights.
template <int C, class Neighbours, bool SelfIncluded>
Matrix<double> naive_perception(const Network& network) {
  const std::vector<Weight> all = weights_of(network);
  const Index count = static_cast<Index>(all.size());
  Matrix<double> P = Matrix<double>::Zero(3 * C * count, C * count);
  for (const Weight& of : all) {
    std::vector<Index> forward, backward;
    for (const Weight& other : all) {
      if (!SelfIncluded && other.cell == of.cell) continue;
      if (is_forward(Neighbours{}, of, other)) forward.push_back(other.cell);
      if (is_backward(Neighbours{}, of, other)) backward.push_back(other.cell);
    }
    for (Index c = 0; c < C; ++c) {
      const Index row = 3 * C * of.cell + c;
      P(row, C * of.cell + c) += 1;
      for (const Index cell : forward) P(row + C, C * cell + c) += 1.0 / static_cast<double>(forward.size());
      for (const Index cell : backward) P(row + 2 * C, C * cell + c) += 1.0 / static_cast<double>(backward.size());
    }
  }
  return P;
}

template <class P, class S>
Vector<S> seen_by(const P& perception, const State<S>& z, const std::vector<Index>& cells) {
  Scratch scratch;
  Vector<S> seen(static_cast<Index>(cells.size()) * P::seen_features);
  typename P::template Sight<S> sight(perception, {}, z.view(), scratch);
  const Index half = static_cast<Index>(cells.size()) / 2;  // in two parts, as blocks come
  sight(cells.data(), half, seen.data());
  sight(cells.data() + half, static_cast<Index>(cells.size()) - half, seen.data() + half * P::seen_features);
  return seen;
}

template <class P>
Vector<double> spread_by(const P& perception, const State<double>& start, const std::vector<Index>& cells,
                         const Vector<double>& g) {
  Scratch scratch;
  State<double> dz = start;
  typename P::template Spread<double> spread(perception, {}, start.view(), dz.view(), scratch);
  // In two parts, each of the cells on one side of the middle, and those one by one.
  const Index all = perception.network.cells(), middle = all / 2;
  auto lower = spread.part(0, middle, nullptr, scratch), upper = spread.part(middle, all, nullptr, scratch);
  for (std::size_t k = 0; k < cells.size(); ++k) {
    (cells[k] < middle ? lower : upper)(&cells[k], 1, g.data() + static_cast<Index>(k) * P::seen_features);
  }
  spread.add(lower);
  spread.add(upper);
  spread.finish(nullptr);
  return dz.values;
}

/// Every stride-th cell, ascending and descending.
template <int C, class Neighbours, bool SelfIncluded>
void check_against_pairs(const Network& network, Index stride) {
  CAPTURE(network.to_string(), network.has_biases(), SelfIncluded, stride);
  const PerceiveWeights<C, Neighbours, SelfIncluded> perception{network};
  const Shape shape = network.shape(C);
  perception.check_shape(shape);
  const State<double> z = random_state(shape, 1), start = random_state(shape, 2);
  std::vector<Index> cells;
  for (Index cell = stride - 1; cell < network.cells(); cell += stride) cells.push_back(cell);
  const Matrix<double> all = naive_perception<C, Neighbours, SelfIncluded>(network);
  for (int turn = 0; turn < 2; ++turn) {
    const Index count = static_cast<Index>(cells.size());
    Matrix<double> P(3 * C * count, C * network.cells());
    for (Index k = 0; k < count; ++k) {
      P.middleRows(3 * C * k, 3 * C) = all.middleRows(3 * C * cells[static_cast<std::size_t>(k)], 3 * C);
    }
    const Vector<double> g = random_state({3 * C, {count, 1, 1}, 1}, 3).values;
    const Vector<double> seen = seen_by(perception, z, cells), dz = spread_by(perception, start, cells, g);
    CHECK(relative_error(seen, Vector<double>(P * z.values)) < 1e-12);
    CHECK(relative_error(dz, Vector<double>(start.values + P.transpose() * g)) < 1e-12);
    // <P t, g> = <t, P^T g>
    const Vector<double> transposed = dz - start.values;
    CHECK(std::abs(seen.dot(g) - z.values.dot(transposed)) < 1e-14 * (seen.norm() * g.norm() + z.values.norm()));
    std::reverse(cells.begin(), cells.end());
  }
}

template <int C, class Neighbours>
void check_architectures() {
  for (const Bias biases : {Bias::yes, Bias::no}) {
    for (const std::vector<Index>& widths : std::vector<std::vector<Index>>{
             {1, 1}, {5, 3}, {1, 4}, {4, 1}, {4, 5, 3}, {3, 1, 2}, {1, 1, 1}, {4, 3, 5, 2}, {2, 1, 1, 3}}) {
      const Network network(widths, biases);
      for (const Index stride : {1, 3}) {
        if (stride > network.cells()) continue;
        check_against_pairs<C, Neighbours, false>(network, stride);
        check_against_pairs<C, Neighbours, true>(network, stride);
      }
    }
  }
}

template <class P>
using Rule = Sequential<Dense<P::seen_features, 4>, Tanh, Dense<4, P::state_features>>;
template <class P, class Fire = RandomFire, class Update = Increment>
using Meta = Automaton<P, Rule<P>, Fire, Everywhere, Update>;

template <class P>
Meta<P> meta(const Network& network) {
  Meta<P> automaton;
  automaton.perception.network = network;
  automaton.fire = {.rate = 0.7, .seed = 1};
  return automaton;
}

template <class P>
void check_gradients_of(const Network& network) {
  CAPTURE(network.to_string());
  const Shape u = network.shape(0, 2);
  check_cell(meta<P>(network), u);
  check_cell(mean_field(meta<P>(network)), u);
  // One sample, since masks differ from sample to sample.
  check_linearization(Rollout<Meta<P>, Recomputed>{meta<P>(network), 3}, network.shape(P::state_features),
                      {.theta_spread = 0.3});
}

}  // namespace

TEST_CASE("what weights see within a matrix, against all pairs", "[unit][perceive_weights]") {
  check_architectures<1, WithinMatrix>();
  check_architectures<3, WithinMatrix>();
}

TEST_CASE("what weights see across layers, against all pairs", "[unit][perceive_weights]") {
  check_architectures<1, AcrossLayers>();
  check_architectures<3, AcrossLayers>();
}

TEST_CASE("what one weight sees, by hand", "[unit][perceive_weights]") {
  // 2-1-1 with biases: cells 0, 1 and the bias 2 of the first layer, 3 and the bias 4 of the second.
  const Network network({2, 1, 1});
  State<double> z(network.shape(1));
  z.values << 1, 2, 4, 8, 16;
  const std::vector<Index> all{0, 1, 2, 3, 4};
  Vector<double> expected(15);
  expected << 1, 3, 0, 2, 2.5, 0, 4, 1.5, 0, 8, 16, 0, 16, 8, 0;
  CHECK(seen_by(PerceiveWeights<1, WithinMatrix>{network}, z, all) == expected);
  expected << 1, 15.0 / 4, 1, 2, 15.0 / 4, 2, 4, 15.0 / 4, 4, 8, 12, 15.0 / 4, 16, 12, 16;
  CHECK(seen_by(PerceiveWeights<1, AcrossLayers, true>{network}, z, all) == expected);
}

TEST_CASE("a weight that is not finite leaves empty neighbourhoods empty", "[unit][perceive_weights]") {
  const Network network({1, 1}, Bias::no);
  State<double> z(network.shape(1));
  z.values[0] = std::numeric_limits<double>::infinity();
  const Vector<double> seen = seen_by(PerceiveWeights<1, WithinMatrix>{network}, z, {0});
  CHECK(seen[1] == 0);
  CHECK(seen[2] == 0);
}

TEST_CASE("weights in float", "[unit][perceive_weights]") {
  const Network network({300, 20, 10});
  std::vector<Index> cells(static_cast<std::size_t>(network.cells()));
  for (std::size_t i = 0; i < cells.size(); ++i) cells[i] = static_cast<Index>(i);
  const PerceiveWeights<4, AcrossLayers> perception{network};
  const State<double> z = random_state(network.shape(4), 1);
  CHECK(relative_error(seen_by(perception, cast<float>(z), cells), seen_by(perception, z, cells)) < 1e-6);
}

TEST_CASE("grids that are not the network's", "[unit][perceive_weights]") {
  const PerceiveWeights<2, WithinMatrix> perception{Network({3, 2})};
  CHECK_THROWS_WITH(perception.check_shape({3, {8, 1, 1}, 1}), "PerceiveWeights: number of features is 3, expected 2");
  CHECK_THROWS_WITH(perception.check_shape({2, {7, 1, 1}, 1}),
                    "PerceiveWeights: number of cells of a sample is 7, expected 8");
  CHECK_THROWS_WITH(perception.check_shape({2, {8, 2, 1}, 1}),
                    "PerceiveWeights: extents of a sample beyond its one line is 2, expected 1");
  CHECK_THROWS_WITH((PerceiveWeights<2, WithinMatrix>{}.check_shape({2, {0, 1, 1}, 1})),
                    "PerceiveWeights: number of cells of the network is 0, expected at least 1");
}

TEST_CASE("gradients of an automaton of weights, and of its rollout", "[gradient][perceive_weights]") {
  check_gradients_of<PerceiveWeights<3, WithinMatrix>>(Network({3, 2, 2}));
  check_gradients_of<PerceiveWeights<3, AcrossLayers, true>>(Network({3, 2, 2}));
  check_gradients_of<PerceiveWeights<2, AcrossLayers>>(Network({2, 3, 1, 2}, Bias::no));
}

TEST_CASE("all tapes of a rollout of weights agree, on networks of any size", "[gradient][perceive_weights]") {
  using P = PerceiveWeights<3, AcrossLayers>;
  for (const std::vector<Index>& widths : std::vector<std::vector<Index>>{{4, 3, 2}, {130, 120, 10}}) {
    const Network network(widths);  // the second has 16,930 cells: two bands, forward and backward
    const State<double> z = random_state(network.shape(3, 2), 2), w = random_state(z.shape, 3);
    const auto theta = random_parameters<Meta<P>>(4, 0.3);
    State<double> applied(z.shape);
    const auto run = [&]<class Tape>(const Tape& tape) {
      const Rollout<Meta<P>, Tape> rollout{meta<P>(network), 3, tape};
      State<double> end(z.shape), dz(z.shape), jt(z.shape);
      Parameters<Meta<P>, double> dtheta;
      static_cast<void>(rollout.apply(theta, z.view(), applied.view()));
      const auto j = rollout.linearize(theta, z.view(), end.view());
      static_cast<void>(j.pullback(w.view(), dz.view(), dtheta.span()));
      static_cast<void>(j.jvp(z.view(), jt.view()));
      CHECK(relative_error(end.values, applied.values) < 1e-14);
      CHECK(std::abs(jt.values.dot(w.values) - z.values.dot(dz.values)) < 1e-12 * jt.values.norm() * w.values.norm());
      Vector<double> both(dz.values.size() + dtheta.vector().size());
      both << dz.values, dtheta.vector();
      return both;
    };
    const Vector<double> recomputed = run(Recomputed{});
    CHECK(relative_error(run(Kept{}), recomputed) < 1e-13);
    CHECK(relative_error(run(Checkpointed{}), recomputed) < 1e-13);
  }
}

TEST_CASE("an automaton of weights is the same on 1 and 2 threads", "[repeatable][perceive_weights]") {
  using P = PerceiveWeights<4, AcrossLayers, true>;
  for (const Index samples : {1, 3, 40}) {
    const Network network = samples > 3 ? Network({30, 10, 5}) : Network({130, 120, 10});
    const State<float> z = random_state<float>(network.shape(4, samples), 2), w = random_state<float>(z.shape, 3);
    const auto theta = random_parameters<Meta<P>, float>(4, 0.3);
    const auto on = [&](int threads) {
      set_threads(threads);
      const Rollout<Meta<P>, Recomputed> rollout{meta<P>(network), 2};
      State<float> end(z.shape), dz(z.shape), jt(z.shape);
      Parameters<Meta<P>, float> dtheta;
      const auto j = rollout.linearize(theta.span(), z.view(), end.view());
      static_cast<void>(j.jvp(w.view(), jt.view()));
      static_cast<void>(j.pullback(w.view(), dz.view(), dtheta.span()));
      set_threads(0);
      Vector<float> all(3 * z.values.size() + dtheta.vector().size());
      all << end.values, jt.values, dz.values, dtheta.vector();
      return all;
    };
    const Vector<float> one = on(1);
    CHECK(one.allFinite());
    CHECK(on(2) == one);
    CHECK(on(1) == one);
  }
}
