#pragma once

// An automaton (nca/automaton.hpp) on a grid over processes, which is cut along its last axis, in planes of 3D and
// lines of 2D. Its states are those of one process, to the last bit:
//
//   const mpi::SplitGrid grid(world, {16, {1024, 1024, 1}, 1});
//   State<float> z = grid.own(whole.view());                                    // or filled by who knows its lines
//   (void)mpi::rollout(grid, automaton, theta, z.view(), z_end.view(), 100);
//
// mpi::Split<A> is that automaton for whatever takes one: Rollout<mpi::Split<A>, Checkpointed> has the gradient of a
// rollout, which is that of one process but for the order of sums, and Equilibrium<mpi::Split<A>> its fixed points. A
// gradient in theta is this rank's share (mpi/split_cell.hpp).
//
// A rank has consecutive slices, and before a step gets from its neighbours as many as its cells depend on: the reach
// of the perception, and with an alive mask one more than the larger of that reach and 1, since a cell lives if one
// beside it does after its own update. On a torus the first and the last rank are neighbours; at other boundaries the
// edge of the grid is one. What is made in vain are the updates of at most six times those slices.
//
// Masks and noise are functions of the cell's number in the whole grid (core/context.hpp).

#include <algorithm>
#include <type_traits>

#include "basin/mpi/split_cell.hpp"
#include "basin/nca/automaton.hpp"
#include "basin/nca/perceive_both.hpp"
#include "basin/nca/rollout.hpp"

namespace basin::mpi {

namespace detail {

/// How what a perception sees goes on beyond the edges of its grid.
template <class P>
struct EdgesOf {
  static constexpr bool periodic = std::is_same_v<typename basin::detail::EdgeOf<P>::type, Periodic>;
  static constexpr bool ends = !periodic;
};
template <class A, class B>
struct EdgesOf<PerceiveBoth<A, B>> {
  static constexpr bool periodic = EdgesOf<A>::periodic || EdgesOf<B>::periodic;
  static constexpr bool ends = EdgesOf<A>::ends || EdgesOf<B>::ends;
};

template <class P, class R, class F, class A, class U>
struct ReachOf<Automaton<P, R, F, A, U>> {
  using Told = basin::detail::Told<P>;
  using See = basin::detail::PerceptionOf<typename Told::Grid>;
  using Edges = EdgesOf<typename Told::Grid>;
  static constexpr Reach value{.cells = Reach::by_options,
                               .periodic = Edges::periodic,
                               .ends = Edges::ends,
                               .known = See::has_edge && !See::whole_samples};

  /// How many slices around a cell its next state depends on.
  [[nodiscard]] static Index along(const Automaton<P, R, F, A, U>& automaton, std::size_t axis) {
    const Index reach = See::reach(Told::grid(automaton.perception))[axis];
    return A::clears ? 1 + std::max<Index>(1, reach) : reach;
  }
};

}  // namespace detail

/// An automaton whose perception is of cells around a cell in a grid. What its cells are told (nca/conditioned.hpp) is
/// an injection as other cells have it; a Rollout with one does not compile.
template <class A>
using Split = SplitCell<A>;

/// `steps` steps of an automaton from `start` to `end`, which are this rank's parts (SplitGrid::shape). The context is
/// that of the whole grid. observe(t, z_t), if given, sees this rank's part of every state, z_0 too. Throws
/// std::invalid_argument for parts of other shapes, a grid that the automaton cannot take, fewer slices on a rank than
/// its neighbours need, and, on all ranks, where theta, the steps or the context are not the same on all.
template <class A, class S, class Observe>
Report rollout(const SplitGrid& grid, const A& automaton, Theta<S, A::param_count> theta,
               std::type_identity_t<View<const S>> start, View<S> end, Index steps, const Context& context,
               const Observe& observe) {
  basin::check_shape("mpi::rollout", "start", start.shape(), grid.shape());
  basin::check_shape("mpi::rollout", "end", end.shape(), grid.shape());
  grid.world().expect_same({{"theta", Digest{}.add(std::span<const S>(theta))},
                            {"steps or context of a rollout",
                             Digest{}.add(steps).add(context.step).add(context.draw).add(context.first_sample)}});
  const Rollout<Split<A>> split{.automaton = {.cell = automaton, .grid = &grid}, .steps = steps};
  return split.template run<S>(theta, start, end, observe, context);
}

/// The same, where nobody looks at the states on the way.
template <class A, class S>
Report rollout(const SplitGrid& grid, const A& automaton, Theta<S, A::param_count> theta,
               std::type_identity_t<View<const S>> start, View<S> end, Index steps, const Context& context = {}) {
  return rollout(grid, automaton, theta, start, end, steps, context, [](Index, View<const S>) {});
}

}  // namespace basin::mpi
