#pragma once

// A grid over processes: an automaton (nca/automaton.hpp) on a grid that is cut along its last axis, in planes of 3D
// and lines of 2D. Its states are those of one process, to the last bit:
//
//   const mpi::SplitGrid grid(world, {16, {1024, 1024, 1}, 1});
//   State<float> z = grid.own(whole.view());                                    // or filled by who knows its lines
//   (void)mpi::rollout(grid, automaton, theta, z, z_end, 100);
//
// A rank has consecutive slices, and before a step gets from its neighbours as many as its cells depend on: the reach
// of the perception, and with an alive mask one more than the larger of that reach and 1, since a cell lives if one
// beside it does after its own update. On a torus the first and the last rank are neighbours; at other boundaries the
// edge of the grid is one. While slices travel the step is made on what is here, and right for the inside; then it is
// made for the outermost slices once more, on these with their neighbours. So the automaton needs to know nothing of
// it, and what is made in vain are the updates of at most six times those slices.
//
// Masks and noise are functions of the cell's number in the whole grid (core/context.hpp).

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "basin/mpi/split_grid.hpp"
#include "basin/nca/automaton.hpp"

namespace basin::mpi {

namespace detail {

/// A state with room for slices of the neighbours before and after its own: (C, ..., before + count + after, N).
template <class S>
class HaloState {
 public:
  HaloState(const SplitGrid& grid, Index slices, bool torus)
      : grid_(grid),
        halos_(static_cast<std::size_t>(grid.whole().samples), Halo<S>(grid, slices, torus, grid.whole().features)),
        none_(grid, slices, torus, grid.whole().features),
        state_(grid.shape(before() + grid.count() + after())) {}

  [[nodiscard]] Index before() const { return none_.before(); }
  [[nodiscard]] Index after() const { return none_.after(); }

  /// From a slice of sample n on, counted from the first of this rank's own.
  [[nodiscard]] S* at(Index n, Index slice) {
    return state_.view().sample(n).data() + (before() + slice) * none_.numbers();
  }
  /// Slices first ... last - 1 of a sample.
  [[nodiscard]] View<S> slices(Index n, Index first, Index last) {
    return View<S>(at(n, first), grid_.shape(last - first).with_samples(1));
  }

  /// Begins to fill the neighbours' slices. Own slices may be read until wait() returns.
  void start() {
    for (std::size_t n = 0; n < halos_.size(); ++n) halos_[n].start(at(static_cast<Index>(n), 0));
  }
  void wait() {
    for (Halo<S>& halo : halos_) halo.wait();
  }

 private:
  const SplitGrid& grid_;
  std::vector<Halo<S>> halos_;  // of the samples
  Halo<S> none_;                // of none: tells how many slices there are
  State<S> state_;
};

/// How many slices around a cell its next state depends on.
template <class A>
[[nodiscard]] Index halo_of(const A& automaton, std::size_t axis) {
  const Index reach = basin::detail::PerceptionOf<typename A::Perception>::reach(automaton.perception)[axis];
  return A::Alive::clears ? 1 + std::max<Index>(1, reach) : reach;
}

}  // namespace detail

/// `steps` steps of an automaton from `start` to `end`, which are this rank's parts (SplitGrid::shape). The context is
/// that of the whole grid. observe(t, z_t), if given, sees this rank's part of every state, z_0 too. Throws
/// std::invalid_argument for parts of other shapes, a grid that the automaton cannot take, fewer slices on a rank than
/// its neighbours need, and, on all ranks, where theta, the steps or the context are not the same on all.
template <class A, class S, class Observe>
Report rollout(const SplitGrid& grid, const A& automaton, Theta<S, A::param_count> theta,
               std::type_identity_t<View<const S>> start, View<S> end, Index steps, const Context& context,
               const Observe& observe) {
  using See = basin::detail::PerceptionOf<typename A::Perception>;
  static_assert(See::has_edge && !See::whole_samples, "mpi::rollout: a perception of cells around a cell, in a grid");
  Communicator& world = grid.world();
  check(steps >= 0, "steps of a rollout", steps, "0 or more");
  check(context.first_cell == 0, "first_cell of a split grid's context", context.first_cell, "0, of the whole grid");
  basin::check_shape("mpi::rollout", "start", start.shape(), grid.shape());
  basin::check_shape("mpi::rollout", "end", end.shape(), grid.shape());
  static_cast<void>(automaton.state_shape(grid.whole().with_features(0)));
  world.expect_same({{"theta", Digest{}.add(std::span<const S>(theta))},
                     {"steps or context of a rollout",
                      Digest{}.add(steps).add(context.step).add(context.draw).add(context.first_sample)}});
  const Index halo = detail::halo_of(automaton, grid.axis()), count = grid.count();
  if (world.size() > 1) {
    check(grid.fewest() >= halo, "slices of a rank", grid.fewest(),
          "at least what its neighbours need, " + std::to_string(halo));
  }
  constexpr bool torus = std::is_same_v<typename See::Edge, Periodic>;
  detail::HaloState<S> one(grid, halo, torus), other(grid, halo, torus);
  detail::HaloState<S>*now = &one, *next = &other;
  const Index before = one.before(), after = one.after();
  const Index numbers = grid.slice_cells() * grid.whole().features, samples = grid.whole().samples;
  const Index cells = grid.whole().cells_per_sample();
  for (Index n = 0; n < samples; ++n) std::copy_n(start.sample(n).data(), count * numbers, one.at(n, 0));
  Scratch scratch;
  std::uint8_t* const marks = scratch.take<std::uint8_t>(grid.shape(before + count + after).cells_per_sample());
  // Of the first slices and of the last: with what they depend on.
  S* const edge = scratch.take<S>(std::min(3 * halo + 1, before + count + after) * numbers);
  State<S> all;
  const bool apart = count > 2 * halo;  // there is an inside
  if (!apart && before + after > 0) all = State<S>(grid.shape(before + count + after).with_samples(1));

  Report report;
  const auto step = [&](Index n, Index first, Index last, S* out, const Context& of_step) {
    Context of = of_step.from_sample(n);
    of.first_cell = ((grid.first() + first) * grid.slice_cells() + cells) % cells;
    of.cells_around = cells;
    const View<S> from = now->slices(n, first, last);
    report += automaton.template step<S>(theta, View<const S>(from), View<S>(out, from.shape()), marks, of);
  };
  const auto show = [&](Index t) {
    for (Index n = 0; n < samples; ++n) std::copy_n(now->at(n, 0), count * numbers, end.sample(n).data());
    observe(t, View<const S>(end));
  };
  show(0);
  for (Index t = 0; t < steps; ++t) {
    const Context of_step = context.at_step(context.step + t);
    now->start();
    if (apart || before + after == 0) {
      for (Index n = 0; n < samples; ++n) step(n, 0, count, next->at(n, 0), of_step);
    }
    now->wait();
    for (Index n = 0; n < samples; ++n) {
      if (!apart && before + after > 0) {
        step(n, -before, count + after, all.values.data(), of_step);
        std::copy_n(all.values.data() + before * numbers, count * numbers, next->at(n, 0));
        continue;
      }
      if (before > 0) {
        step(n, -halo, 2 * halo, edge, of_step);
        std::copy_n(edge + halo * numbers, halo * numbers, next->at(n, 0));
      }
      if (after > 0) {
        step(n, count - 2 * halo, count + halo, edge, of_step);
        std::copy_n(edge + halo * numbers, halo * numbers, next->at(n, count - halo));
      }
    }
    std::swap(now, next);
    show(t + 1);
  }
  return report;
}

/// The same, where nobody looks at the states on the way.
template <class A, class S>
Report rollout(const SplitGrid& grid, const A& automaton, Theta<S, A::param_count> theta,
               std::type_identity_t<View<const S>> start, View<S> end, Index steps, const Context& context = {}) {
  return rollout(grid, automaton, theta, start, end, steps, context, [](Index, View<const S>) {});
}

}  // namespace basin::mpi
