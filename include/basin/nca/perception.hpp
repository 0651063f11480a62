#pragma once

// What a perception is: it says to an automaton (nca/automaton.hpp) what its cells see of a state, for those cells that
// update, so that cells that do nothing cost nothing. It has
//
//   static constexpr int state_features, seen_features;
//   void check_shape(const Shape& z) const;            // throws std::invalid_argument for a grid that it cannot take
//   Sight<S>(perception, theta, sample z, scratch)     (cells, count, seen): seen (seen_features, count) of some cells
//   Spread<S>(perception, theta, sample z, sample dz, dtheta, scratch)
//                                                      (cells, count, g): dz += the transpose of that at g, and dtheta
//                                                      += the gradient in theta, each if it has memory; one without
//                                                      parameters is made only for a dz that has
//
// `cells` are numbers of cells in the sample, fastest if ascending. theta are the perception's parameters, which stand
// before the rule's: of length 0 where it has none. What else a perception may have, and what holds if it has not:
//
//   static constexpr std::size_t param_count;          0
//   static void leaves(LeafList&);                     none
//   Change<S>(perception, theta, sample z, sample t, scratch)
//                                                      how what is seen changes along t: Sight of t, as what is seen is
//                                                      linear in z
//   Index band_cells(const Shape& z, Index least) const
//                                                      of how many cells, a multiple of which is at least `least`,
//                                                      bands may be that spread side by side if no two of them are
//                                                      neighbours: of all
//   Edge                                               the boundary of the grid: it has none, so that no alive mask
//                                                      (nca/alive.hpp) can look at neighbours
//   reach, three numbers, or reach() const             how far along x, y and z a cell sees; no UnboundedPlane takes it
//   static constexpr bool whole_samples                false
//
// One whose cells see the whole sample has whole_samples = true. Its Sight and Change are made for the sample, and
// copies of them serve bands of cells side by side. Its Spread is put together from parts, which take the cells of a
// band each, side by side, and change dz of those alone:
//
//   Spread<S>(perception, theta, sample z, sample dz, scratch)
//   part(first, last, dtheta, scratch)     a Spread<S>::Part, which is called as above
//   add(part)                              once for each, in order
//   finish(dtheta)                         once after all: only then dz and dtheta have everything
//
// What it sees may also depend on the step, and on which sample of the batch it is: with takes_context = true it has a
// Change of its own, and Sight, Change and Spread get the context of the sample (core/context.hpp) before scratch.
//
// All of these can be copied and need no destructor: they take memory from scratch alone.

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <type_traits>

#include "basin/core/context.hpp"
#include "basin/core/layer.hpp"
#include "basin/stencil/boundary.hpp"

namespace basin::detail {

/// The change of what is linear in z: the sight of t.
template <class P, class S>
class LinearChange {
 public:
  template <class Theta>
  LinearChange(const P& perception, const Theta& theta, View<const S> /*z*/, View<const S> t, Scratch& scratch)
      : sight_(perception, theta, t, scratch) {}

  void operator()(const Index* cells, Index count, S* seen) { sight_(cells, count, seen); }

 private:
  typename P::template Sight<S> sight_;
};

template <class P, class S>
struct ChangeOf {
  using type = LinearChange<P, S>;
};
template <class P, class S>
requires requires { typename P::template Change<S>; }
struct ChangeOf<P, S> {
  using type = typename P::template Change<S>;
};

template <class P>
struct EdgeOf {
  using type = void;
};
template <class P>
requires requires { typename P::Edge; }
struct EdgeOf<P> {
  using type = typename P::Edge;
};

/// A perception with the defaults for what it does not say.
template <class P>
struct PerceptionOf {
  static constexpr std::size_t param_count = [] {
    if constexpr (requires { P::param_count; }) {
      return std::size_t{P::param_count};
    } else {
      return std::size_t{0};
    }
  }();
  static constexpr bool whole_samples = requires { requires P::whole_samples; };
  static constexpr bool takes_context = whole_samples && requires { requires P::takes_context; };
  static constexpr bool has_edge = !std::is_void_v<typename EdgeOf<P>::type>;
  /// Zero where there is none, so that what needs one can say so in its own words.
  using Edge = std::conditional_t<has_edge, typename EdgeOf<P>::type, Zero>;

  template <class S>
  using Sight = typename P::template Sight<S>;
  template <class S>
  using Change = typename ChangeOf<P, S>::type;

  static void leaves(LeafList& list) {
    if constexpr (param_count > 0) P::leaves(list);
  }
  static Index band_cells(const P& perception, const Shape& z, Index least) {
    if constexpr (requires { perception.band_cells(z, least); }) {
      return perception.band_cells(z, least);
    } else {
      return whole_samples ? least : std::max<Index>(1, z.cells_per_sample());
    }
  }
  static std::array<Index, 3> reach(const P& perception) {
    if constexpr (requires { perception.reach(); }) {
      return perception.reach();
    } else {
      return {P::reach[0], P::reach[1], P::reach[2]};
    }
  }
};

/// The Spread of bands that are one by one, in the form of one that is put together: its one part has everything.
template <class P, class S>
class BandSpread {
 public:
  using Part = typename P::template Spread<S>;
  using Params = std::span<const S, PerceptionOf<P>::param_count>;

  BandSpread(const P& perception, Params theta, View<const S> z, View<S> dz, Scratch&)
      : perception_(perception), theta_(theta), z_(z), dz_(dz) {}

  [[nodiscard]] Part part(Index, Index, S* dtheta, Scratch& scratch) const {
    return Part(perception_, theta_, z_, dz_, dtheta, scratch);
  }
  void add(const Part&) const {}
  void finish(S*) const {}

 private:
  const P& perception_;
  Params theta_;
  View<const S> z_;
  View<S> dz_;
};

/// Made(given..., context, scratch), or without the context where the perception P does not take it.
template <class P, class Made, class... Given>
[[nodiscard]] Made seeing(const Context& context, Scratch& scratch, const Given&... given) {
  if constexpr (PerceptionOf<P>::takes_context) {
    return Made(given..., context, scratch);
  } else {
    return Made(given..., scratch);
  }
}

template <class P, class S>
struct SpreadOf {
  using type = BandSpread<P, S>;
};
template <class P, class S>
requires(PerceptionOf<P>::whole_samples) struct SpreadOf<P, S> {
  using type = typename P::template Spread<S>;
};

}  // namespace basin::detail
