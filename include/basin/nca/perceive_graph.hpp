#pragma once

// What a cell sees of a graph: itself, and the sum or the mean of the cells from which edges lead to it; if wanted,
// also that of the cells to which its edges lead,
//
//   seen(i) = [z(i); of the j with an edge j -> i, sum z(j); of the k with an edge i -> k, sum z(k)],
//
// or each sum over its number of edges, and zeros without edges. 2 C numbers, or 3 C with both directions. Cells of a
// grid may have such edges too: edges of any length beside those of a stencil are PerceiveBoth of a Perceive and a
// PerceiveGraph (nca/perceive_both.hpp). Learned messages are in nca/perceive_messages.hpp. An automaton on a graph:
// D. Grattarola, L. Livi, C. Alippi, "Learning graph cellular automata", 2021.
//
// It is a perception as nca/perception.hpp describes them, without parameters. Backward, what comes for the sums of a
// cell is kept until all cells have theirs; then each cell takes up what came for those that see it, in the order of
// its edges.

#include <algorithm>
#include <span>
#include <string>
#include <string_view>

#include "basin/core/parallel.hpp"
#include "basin/nca/graph.hpp"
#include "basin/nca/perception.hpp"

namespace basin {

/// What is seen of several cells.
enum class GraphSum {
  sum,  ///< their sum
  mean  ///< their sum over their number, or zeros if there are none
};

/// Which edges of a cell count.
enum class GraphWays {
  into,  ///< those that lead to it
  both   ///< those that lead to it, and, as other numbers, those that lead away from it
};

namespace detail {

/// Throws std::invalid_argument unless z has C features and as many cells as the graph.
template <int C>
void check_graph(std::string_view name, const Graph& graph, const Shape& z) {
  check_features(name, z.features, C);
  if (graph && z.cells_per_sample() == graph.cells()) return;  // before messages take memory: this is on hot paths
  check(static_cast<bool>(graph), std::string(name) + ": graph", "none", "Graph(cells, edges)");
  check(false, std::string(name) + ": number of cells of a sample", z.cells_per_sample(), graph.cells());
}

}  // namespace detail

template <int C, GraphSum Of = GraphSum::mean, GraphWays Ways = GraphWays::into>
struct PerceiveGraph {
  static_assert(C > 0, "PerceiveGraph: the number of features must be positive");

  static constexpr int ways = Ways == GraphWays::both ? 2 : 1;  ///< sums that a cell sees
  static constexpr int state_features = C, seen_features = (1 + ways) * C;
  static constexpr bool whole_samples = true;

  Graph graph{};  ///< of the cells of a sample, the same for all samples

  void check_shape(const Shape& z) const { detail::check_graph<C>("PerceiveGraph", graph, z); }

 private:
  /// The cells of sum `way` of a cell: those that it sees, or, with `turned`, those by which it is seen.
  static std::span<const Index> others(const Graph& graph, Index cell, int way, bool turned = false) {
    return (way == 0) != turned ? graph.into(cell) : graph.out_of(cell);
  }
  template <class S>
  static S share(std::size_t edges) {
    return Of == GraphSum::sum || edges == 0 ? S(1) : S(1) / static_cast<S>(edges);
  }
  /// out = the sum of the columns of some cells, which are `step` numbers apart, times a factor.
  template <class S>
  static void sum(std::span<const Index> cells, const S* columns, Index step, S factor, S* out) {
    S value[C] = {};
    for (const Index cell : cells) {
      const S* from = columns + cell * step;
      for (int c = 0; c < C; ++c) value[c] += from[c];
    }
    for (int c = 0; c < C; ++c) out[c] = factor * value[c];
  }

 public:
  template <class S>
  class Sight {
   public:
    Sight(const PerceiveGraph& perception, Theta<S, 0>, View<const S> z, Scratch&)
        : graph_(perception.graph), z_(z.data()) {}

    /// seen: count columns of seen_features.
    void operator()(const Index* cells, Index count, S* seen) const {
      for (Index i = 0; i < count; ++i, seen += seen_features) {
        std::copy_n(z_ + cells[i] * C, C, seen);
        for (int way = 0; way < ways; ++way) {
          const auto heard = others(graph_, cells[i], way);
          sum(heard, z_, C, share<S>(heard.size()), seen + (1 + way) * C);
        }
      }
    }

   private:
    const Graph& graph_;
    const S* z_;
  };

  /// dz has everything only after finish().
  template <class S>
  class Spread {
   public:
    Spread(const PerceiveGraph& perception, Theta<S, 0>, View<const S> /*z*/, View<S> dz, Scratch& scratch)
        : graph_(perception.graph), dz_(dz.data()), for_sums_(scratch.take<S>(graph_.cells() * ways * C)) {
      std::fill_n(for_sums_, graph_.cells() * ways * C, S(0));  // cells that do not update see nothing
    }

    class Part {
     public:
      /// g: count columns of seen_features.
      void operator()(const Index* cells, Index count, const S* g) const {
        for (Index i = 0; i < count; ++i, g += seen_features) {
          S *to = dz_ + cells[i] * C, *sums = for_sums_ + cells[i] * ways * C;
          for (int c = 0; c < C; ++c) to[c] += g[c];
          for (int way = 0; way < ways; ++way) {
            const S factor = share<S>(others(graph_, cells[i], way).size());
            for (int c = 0; c < C; ++c) sums[way * C + c] = factor * g[(1 + way) * C + c];
          }
        }
      }

     private:
      friend Spread;
      Part(const Graph& graph, S* dz, S* for_sums) : graph_(graph), dz_(dz), for_sums_(for_sums) {}

      const Graph& graph_;
      S *dz_, *for_sums_;
    };

    /// Of any cells: it is made for the sample.
    Part part(Index /*first*/, Index /*last*/, S* /*dtheta*/, Scratch& /*scratch*/) const {
      return Part(graph_, dz_, for_sums_);
    }
    void add(const Part&) const {}  // parts write what is the cells' own

    /// Adds to dz of each cell what came for the sums that it is in; call it once, after all parts. There is no theta.
    void finish(S* /*dtheta*/) const {
      constexpr Index some = 1024;
      const Index cells = graph_.cells();
      parallel_for((cells + some - 1) / some, [&](Index task) {
        for (Index cell = task * some; cell < std::min(cells, (task + 1) * some); ++cell) {
          for (int way = 0; way < ways; ++way) {
            S come[C], *to = dz_ + cell * C;
            sum(others(graph_, cell, way, true), for_sums_ + way * C, Index{ways} * C, S(1), come);
            for (int c = 0; c < C; ++c) to[c] += come[c];
          }
        }
      });
    }

   private:
    const Graph& graph_;
    S* dz_;
    S* for_sums_;  // what comes for the sums of each cell, as their cells get it
  };
};

}  // namespace basin
