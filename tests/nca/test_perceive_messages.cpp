#include "basin/nca/perceive_messages.hpp"

#include <Eigen/QR>
#include <catch2/catch.hpp>
#include <numeric>
#include <vector>

#include "basin/layers/activation.hpp"
#include "basin/layers/parallel.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/layers/split.hpp"
#include "nca/moved_cells.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

/// Two edges to a cell on average, one from a cell to itself, and a cell without any.
const std::vector<GraphEdge> edges{{1, 0}, {2, 0}, {3, 1}, {3, 1}, {2, 2}, {0, 3}, {4, 3}, {5, 3}, {1, 5}};
const Graph graph(6, edges);

using Whole = PerceiveMessages<2, Sequential<Dense<4, 3>, Tanh>>;
using WholeSum = PerceiveMessages<2, Sequential<Dense<4, 3>, Tanh>, GraphSum::sum>;

constexpr int D = 2, H = 3, M = 4;
using Places = PerceiveEquivariant<D, H, Sequential<Dense<2 * H + 1, M + 1>, Tanh>>;
using Moves = Automaton<Places,
                        Concat<Split<Places::seen_features, H + M, H + M + D>,
                               Sequential<Split<Places::seen_features, 0, H + M>, Dense<H + M, H>, Tanh>>,
                        EveryCell>;

/// Says whether what solves may keep states by the numbers of samples.
struct MayKeep {
  static constexpr int in_features = 4, out_features = 1;
  static constexpr std::size_t param_count = 0;

  template <class S>
  void apply(Theta<S, 0>, In<S>, View<S> y, const Context& context) const {
    y.vector().setConstant(context.keeps ? S(1) : S(-1));
  }
};

template <class P>
Matrix<double> seen_by(const P& perception, const Parameters<P, double>& theta, const State<double>& z) {
  State<double> seen(z.shape.with_features(P::seen_features));
  std::vector<Index> all(static_cast<std::size_t>(z.shape.cells()));
  std::iota(all.begin(), all.end(), Index{0});
  Scratch scratch;
  perception.check_shape(z.shape);
  typename P::template Sight<double>(perception, theta.span(), z.view(), scratch)(all.data(), z.shape.cells(),
                                                                                  seen.values.data());
  return seen.view().matrix();
}

/// The layer on a column, by its matrix.
Vector<double> answer(const auto& theta, const Vector<double>& x) {
  const auto bias = theta.leaf("message.0.bias");
  const Eigen::Map<const Vector<double>> b(bias.data(), std::ssize(bias));
  const Eigen::Map<const Matrix<double>> weight(theta.leaf("message.0.weight").data(), b.size(), x.size());
  return (weight * x + b).array().tanh();
}

}  // namespace

TEST_CASE("messages along edges, against their formula", "[unit][perceive]") {
  const auto z = random_state({2, {6, 1, 1}, 1}, 1);
  const auto theta = random_parameters<Whole>(2);
  Matrix<double> sums = Matrix<double>::Zero(5, 6), means;
  sums.topRows(2) = z.view().matrix();
  for (const GraphEdge& edge : edges) {
    Vector<double> x(4);
    x << z.view().matrix().col(edge.to), z.view().matrix().col(edge.from);
    sums.col(edge.to).tail(3) += answer(theta, x);
  }
  means = sums;
  means.col(0).tail(3) /= 2;
  means.col(1).tail(3) /= 2;
  means.col(3).tail(3) /= 3;
  CHECK((seen_by(Whole{graph}, theta, z) - means).cwiseAbs().maxCoeff() < 1e-14);
  Parameters<WholeSum, double> same;
  same.vector() = theta.vector();
  CHECK((seen_by(WholeSum{graph}, same, z) - sums).cwiseAbs().maxCoeff() < 1e-14);
  // More edges than a block has.
  const Graph large(700, random_edges(700, 3, 1));
  const auto far = random_state({2, {700, 1, 1}, 1}, 3);
  const Matrix<double> all = seen_by(WholeSum{large}, same, far);
  Vector<double> last = Vector<double>::Zero(3);
  for (const Index from : large.into(699)) {
    Vector<double> x(4);
    x << far.view().matrix().col(699), far.view().matrix().col(from);
    last += answer(theta, x);
  }
  CHECK((all.col(699).tail(3) - last).cwiseAbs().maxCoeff() < 1e-14);
}

TEST_CASE("messages between places, against their formula", "[unit][perceive]") {
  const auto z = random_state({D + H, {6, 1, 1}, 1}, 1);
  const auto theta = random_parameters<Places>(2);
  Matrix<double> expected = Matrix<double>::Zero(H + M + D, 6);
  expected.topRows(H) = z.view().matrix().bottomRows(H);
  for (const GraphEdge& edge : edges) {
    const auto zi = z.view().matrix().col(edge.to), zj = z.view().matrix().col(edge.from);
    const Vector<double> way = zi.head(D) - zj.head(D);
    Vector<double> x(2 * H + 1);
    x << zi.tail(H), zj.tail(H), way.squaredNorm();
    const Vector<double> y = answer(theta, x);
    const double count = static_cast<double>(graph.into(edge.to).size());
    expected.col(edge.to).segment(H, M) += y.head(M) / count;
    expected.col(edge.to).tail(D) += way * y[M] / count;
  }
  CHECK((seen_by(Places{graph}, theta, z) - expected).cwiseAbs().maxCoeff() < 1e-14);
}

TEST_CASE("automata with messages have the right derivatives, in a batch as alone", "[gradient][perceive]") {
  check_derivatives(WholeSum{graph}, {2, {6, 1, 1}, 2});
  check_derivatives(Places{graph}, {D + H, {6, 1, 1}, 2});
}

TEST_CASE("places that are turned, mirrored and moved have the turned, mirrored and moved future", "[unit][perceive]") {
  Rollout<Moves> rollout;
  rollout.automaton.perception.graph = graph;
  rollout.steps = 3;
  const auto theta = random_parameters<Moves>(1);
  const auto z = random_state({D + H, {6, 1, 1}, 1}, 2);
  const auto end_of = [&](const State<double>& start) {
    State<double> end(start.shape);
    static_cast<void>(rollout.apply(theta, start.view(), end.view()));
    return end;
  };
  for (const double sign : {1.0, -1.0}) {
    Matrix<double> turn = random_matrix(D, D, 3).householderQr().householderQ();
    turn.col(0) *= sign;  // one of them is a reflection
    const Vector<double> way = random_matrix(D, 1, 4);
    const auto moved = [&](const State<double>& state) {
      State<double> out = state;
      auto places = out.view().matrix().topRows(D);
      places = ((turn * state.view().matrix().topRows(D)).colwise() + way).eval();
      return out;
    };
    const State<double> later = end_of(z), start = moved(z), expected = moved(later);
    CHECK((later.view().matrix() - z.view().matrix()).topRows(D).cwiseAbs().maxCoeff() > 0.1);
    CHECK(relative_error(end_of(start).values, expected.values) < 1e-13);
  }
}

TEST_CASE("an automaton with messages is the same on any number of threads", "[repeatable][perceive]") {
  check_threads(WholeSum{Graph(9000, random_edges(9000, 2, 1))}, {2, {9000, 1, 1}, 2});
}

TEST_CASE("no state is kept by the number of an edge, which is another in each block", "[unit][perceive]") {
  const PerceiveMessages<2, MayKeep> keeping{graph, {}};
  CHECK(seen_by(keeping, {}, State<double>({2, {6, 1, 1}, 1})).row(2).head(4) == Matrix<double>::Constant(1, 4, -1));
}

TEST_CASE("messages refuse a graph of other cells", "[unit][perceive]") {
  CHECK_THROWS_WITH(Whole{}.check_shape({2, {5, 1, 1}, 1}),
                    "messages along edges: graph is none, expected Graph(cells, edges)");
  CHECK_THROWS_WITH(Whole{graph}.check_shape({2, {5, 1, 1}, 1}),
                    "messages along edges: number of cells of a sample is 5, expected 6");
}
