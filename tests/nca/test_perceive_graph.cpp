#include "basin/nca/perceive_graph.hpp"

#include <catch2/catch.hpp>
#include <numeric>
#include <set>
#include <vector>

#include "basin/nca/perceive.hpp"
#include "nca/moved_cells.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

/// So many edges between random cells, some of them twice or from a cell to itself; the last cell has none.
std::vector<GraphEdge> some_edges(Index cells, Index count) {
  const Random random{7, 1};
  std::vector<GraphEdge> edges;
  for (Index i = 0; i < count; ++i) {
    const auto draw = [&](Index index) {
      return static_cast<Index>(
          random.below(static_cast<std::uint64_t>(2 * i + index), static_cast<std::uint64_t>(cells - 1)));
    };
    edges.push_back({draw(0), draw(1)});
  }
  edges.push_back({1, 1});
  edges.push_back(edges.front());
  return edges;
}

template <class P>
Moving<P> on_graph(const Graph& graph) {
  Moving<P> automaton;
  automaton.perception.graph = graph;
  automaton.fire.rate = 1;
  return automaton;
}

/// What all cells see, by matrices: number (i, j) is how often i hears j.
template <class P, GraphSum Of, GraphWays Ways>
void check_seen(Index cells) {
  const std::vector<GraphEdge> edges = some_edges(cells, 4 * cells);
  Matrix<double> hears = Matrix<double>::Zero(cells, cells);
  for (const GraphEdge& edge : edges) hears(edge.to, edge.from) += 1;
  const auto sums = [](Matrix<double> of) {
    for (Index i = 0; i < of.rows(); ++i) {
      const double count = of.row(i).sum();
      if (Of == GraphSum::mean && count > 0) of.row(i) /= count;
    }
    return of;
  };
  P perception;
  perception.graph = Graph(cells, edges);
  CHECK(perception.graph.edges() == std::ssize(edges));
  const auto z = random_state({3, {cells, 1, 1}, 1}, 1);
  State<double> seen(z.shape.with_features(P::seen_features));
  std::vector<Index> all(static_cast<std::size_t>(cells));
  std::iota(all.begin(), all.end(), Index{0});
  Scratch scratch;
  perception.check_shape(z.shape);
  typename P::template Sight<double>(perception, {}, z.view(), scratch)(all.data(), cells, seen.values.data());
  Matrix<double> expected(P::seen_features, cells);
  expected.topRows(3) = z.view().matrix();
  expected.middleRows(3, 3) = z.view().matrix() * sums(hears).transpose();
  if (Ways == GraphWays::both) expected.bottomRows(3) = z.view().matrix() * sums(hears.transpose()).transpose();
  CHECK((seen.view().matrix() - expected).cwiseAbs().maxCoeff() < 1e-13);
}

// What a graph of the edges of a grid sees is what a stencil sees.
template <Boundary Edge, Stencil Cells>
void check_edges_of_grid(const Shape& shape) {
  CAPTURE(Edge::label, shape.to_string());
  const auto z = random_state(shape, 1);
  const auto seen = [&](const auto& perception) {
    using P = std::remove_cvref_t<decltype(perception)>;
    State<double> all(shape.with_features(P::seen_features));
    std::vector<Index> cells(static_cast<std::size_t>(shape.cells()));
    std::iota(cells.begin(), cells.end(), Index{0});
    Scratch scratch;
    typename P::template Sight<double>(perception, {}, z.view(), scratch)(cells.data(), shape.cells(),
                                                                          all.values.data());
    return all;
  };
  const PerceiveGraph<2, GraphSum::sum> on{Graph(shape.cells(), grid_edges<Cells, Edge>(shape.space))};
  CHECK(relative_error(seen(on).values, seen(Perceive<2, Edge, Centre, Cells>{}).values) < 1e-14);
}

}  // namespace

TEST_CASE("a cell of a graph sees sums over its edges", "[unit][perceive]") {
  check_seen<PerceiveGraph<3>, GraphSum::mean, GraphWays::into>(9);
  check_seen<PerceiveGraph<3, GraphSum::sum, GraphWays::both>, GraphSum::sum, GraphWays::both>(9);
  check_seen<PerceiveGraph<3, GraphSum::mean, GraphWays::both>, GraphSum::mean, GraphWays::both>(6);
}

TEST_CASE("the edges of a grid make a graph that a stencil sees as well", "[unit][perceive]") {
  check_edges_of_grid<Zero, Moore<2>>({2, {5, 3, 1}, 1});
  check_edges_of_grid<Periodic, Moore<2, 2>>({2, {4, 3, 1}, 1});
  check_edges_of_grid<Reflect, VonNeumann<3>>({2, {2, 3, 2}, 1});
}

TEST_CASE("an automaton on a graph has the right derivatives, in a batch as alone", "[gradient][perceive]") {
  check_derivatives(PerceiveGraph<3, GraphSum::mean, GraphWays::both>{Graph(10, some_edges(10, 30))},
                    {3, {5, 2, 1}, 2});
}

TEST_CASE("an automaton on a graph is the same whatever the numbers of its cells", "[unit][perceive]") {
  constexpr Index cells = 11;
  using P = PerceiveGraph<3, GraphSum::mean, GraphWays::both>;
  std::vector<GraphEdge> edges = some_edges(cells, 40);
  const auto number = [](Index cell) { return (cell * 4 + 3) % cells; };  // a permutation: 4 and 11 are coprime
  const auto z = random_state({3, {cells, 1, 1}, 1}, 2);
  const auto theta = random_parameters<Moving<P>>(3);
  const auto step = [&](const Graph& graph, const State<double>& from) {
    State<double> out(from.shape), u(from.shape.with_features(0));
    static_cast<void>(on_graph<P>(graph).apply(theta, from.view(), u.view(), out.view()));
    return out;
  };
  const auto renumbered = [&](const State<double>& state) {
    State<double> out(state.shape);
    for (Index i = 0; i < cells; ++i) out.view().matrix().col(number(i)) = state.view().matrix().col(i);
    return out;
  };
  const State<double> expected = renumbered(step(Graph(cells, edges), z));
  for (GraphEdge& edge : edges) edge = {number(edge.from), number(edge.to)};
  CHECK(relative_error(step(Graph(cells, edges), renumbered(z)).values, expected.values) < 1e-14);
  for (GraphEdge& edge : edges) std::swap(edge.from, edge.to);
  CHECK(relative_error(step(Graph(cells, edges), renumbered(z)).values, expected.values) > 0.01);
}

TEST_CASE("an automaton on a graph is the same on any number of threads", "[repeatable][perceive]") {
  const Index cells = 17000;
  check_threads(PerceiveGraph<3, GraphSum::mean, GraphWays::both>{Graph(cells, random_edges(cells, 3, 5))},
                {3, {cells, 1, 1}, 1});
}

TEST_CASE("random edges go anywhere, and a seed gives them again", "[unit][perceive]") {
  const auto edges = random_edges(50, 6, 3);
  CHECK(edges == random_edges(50, 6, 3));
  CHECK(edges != random_edges(50, 6, 4));
  REQUIRE(edges.size() == 300);
  for (Index cell = 0; cell < 50; ++cell) {
    std::set<Index> from;
    for (std::size_t i = 0; i < 6; ++i) {
      const GraphEdge& edge = edges[static_cast<std::size_t>(cell) * 6 + i];
      CHECK(edge.to == cell);
      CHECK(edge.from != cell);
      from.insert(edge.from);
    }
    CHECK(from.size() == 6);
  }
  // Of the 380 pairs of 20 cells each is there in 5 of 19 seeds: in 211 of 800, with a standard deviation of 12.
  Matrix<double> there = Matrix<double>::Zero(20, 20);
  for (std::uint64_t seed = 0; seed < 800; ++seed) {
    for (const GraphEdge& edge : random_edges(20, 5, seed)) there(edge.to, edge.from) += 1;
  }
  there.diagonal().setConstant(800 * 5 / 19.0);
  CHECK(there.minCoeff() > 211 - 5 * 12);
  CHECK(there.maxCoeff() < 211 + 5 * 12);
  // All others, and nobody.
  CHECK(random_edges(5, 4, 1).size() == 20);
  CHECK(random_edges(1, 0, 1).empty());
  CHECK(both_ways(std::vector<GraphEdge>{{1, 2}, {3, 3}}) == std::vector<GraphEdge>{{1, 2}, {3, 3}, {2, 1}, {3, 3}});
}

TEST_CASE("a graph refuses what it cannot take", "[unit][perceive]") {
  using Edges = std::vector<GraphEdge>;
  CHECK_THROWS_WITH(Graph(0, Edges{}), "Graph: number of cells is 0, expected 1 or more");
  CHECK_THROWS_WITH(Graph(5, Edges{{0, 1}, {2, 5}}), "Graph: number of a cell of an edge is 5, expected 0 to 4");
  CHECK_THROWS_WITH(Graph(5, Edges{{-1, 0}}), "Graph: number of a cell of an edge is -1, expected 0 to 4");
  CHECK_THROWS_WITH(PerceiveGraph<2>{}.check_shape({2, {5, 1, 1}, 1}),
                    "PerceiveGraph: graph is none, expected Graph(cells, edges)");
  const PerceiveGraph<2> perception{Graph(6, Edges{})};
  CHECK_NOTHROW(perception.check_shape({2, {3, 2, 1}, 4}));
  CHECK_THROWS_WITH(perception.check_shape({2, {5, 1, 1}, 1}),
                    "PerceiveGraph: number of cells of a sample is 5, expected 6");
  CHECK_THROWS_WITH(perception.check_shape({3, {6, 1, 1}, 1}), "PerceiveGraph: number of features is 3, expected 2");
  CHECK_THROWS_WITH(random_edges(4, 4, 1), "random_edges: edges to each cell is 4, expected 0 to 3");
  const auto no_line = [] { return grid_edges<Moore<2>, Zero>({4, 0, 1}); };
  CHECK_THROWS_WITH(no_line(), "grid_edges: extent of an axis of space is 0, expected at least 1");
}
