#pragma once

// A cell whose state is cut into slices of a grid over processes (core/layer.hpp has cells): for equilibria, and with
// an automaton for its cell for rollouts (mpi/grid.hpp).
//
//   using Cell = Injected<Sequential<Conv<16, 16, 3>, Tanh>>;
//   const mpi::SplitGrid grid(world, {16, {1024, 1024, 1}, 1});               // of the state
//   Equilibrium<mpi::SplitCell<Cell>, Anderson<5>, Implicit<>> model;
//   model.cell.grid = &grid;
//   const State<float> own = grid.own(whole_u.view()), u = model.cell.with_neighbours(own.view());
//   (void)model.apply(theta.span(), u.view(), z.view());                      // z: this rank's slices
//
// Any solver and any adjoint method then work as in one process: they see this rank's numbers, and what they add up is
// completed over the ranks (linear/extent.hpp). So all ranks take the same steps, and the result is that of one process
// but for the order of sums. The cell knows nothing of ranks: it is evaluated on the own slices while those of the
// neighbours travel, and once more around each border when they are there (mpi/pieces.hpp). Its transpose goes the
// other way: first the borders, whose share for the neighbours travels while the own slices are made.
//
// An injection has the slices of neighbours from the start, as many as the cell sees, since it stays the same during a
// solve. So has its gradient, which of_neighbours() brings home. A gradient in theta is this rank's share; the sum over
// the ranks (Communicator::sum) is that of the whole.
//
// Each rank calls the same functions in the same order, from one thread. Samples are done one after the other.

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "basin/core/layer.hpp"
#include "basin/core/scratch.hpp"
#include "basin/fixed_point/stop.hpp"
#include "basin/mpi/pieces.hpp"
#include "basin/mpi/reach.hpp"
#include "basin/mpi/split_grid.hpp"

namespace basin::mpi {

/// A cell C on slices of a grid, of which it sees as far as `reach` says.
template <class C, Reach reach = reach_of<C>>
struct SplitCell {
  static_assert(reach.known,
                "mpi::SplitCell: how far a layer sees is not known, or it sees all cells, as GroupNorm does (LayerNorm "
                "does not). For a layer of yours say it: SplitCell<Cell, Reach{.cells = 2, .ends = true}>");
  static_assert(!(reach.periodic && reach.ends),
                "mpi::SplitCell: some layers, or perceptions, are periodic and others are not");

  static constexpr int state_features = C::state_features;
  static constexpr int input_features = C::input_features;
  static constexpr std::size_t param_count = C::param_count;
  static constexpr bool changes_with_step = basin::changes_with_step<C>;

  C cell{};                         ///< with its options
  const SplitGrid* grid = nullptr;  ///< of the state, of any number of samples; it has to live as long as this is used

  static void leaves(LeafList& list) { C::leaves(list); }

  /// This rank's slices, for an injection with those of the neighbours, or for none.
  [[nodiscard]] Shape state_shape(const Shape& u) const {
    const auto around = halo<float>(u.features);
    const Index slices = grid->count() + (input_features == 0 ? 0 : around.before() + around.after());
    check(u.space[grid->axis()] == slices, "slices of an injection with those of the neighbours", u.space[grid->axis()],
          slices);
    const Shape state = cell.state_shape(with_slices(u, grid->whole().space[grid->axis()]));
    basin::check_shape("mpi::SplitCell", "the whole state", state, grid->whole().with_samples(u.samples));
    return with_slices(state, grid->count());
  }

  /// What is here of a sample, for solvers.
  [[nodiscard]] Extent extent(const Shape& one) const {
    return {one.sample_size(), grid->whole().sample_size(), grid->reduction()};
  }

  /// Own slices of an injection, and around them those of the neighbours that the cell sees.
  template <class S>
  [[nodiscard]] State<std::remove_const_t<S>> with_neighbours(View<S> own) const {
    using T = std::remove_const_t<S>;
    auto around = halo<T>(own.shape().features);
    basin::check_shape("mpi::SplitCell", "own slices of an injection", own.shape(),
                       with_slices(own.shape(), grid->count()));
    State<T> all(with_slices(own.shape(), around.before() + grid->count() + around.after()));
    for (Index n = 0; n < own.samples(); ++n) {
      T* const below = all.view().sample(n).data();
      T* const to = below + around.before() * around.numbers();
      around.start(own.sample(n).data(), below, to + grid->count() * around.numbers());
      std::copy_n(own.sample(n).data(), own.shape().sample_size(), to);
      around.wait();
    }
    return all;
  }

  /// The transpose of with_neighbours: the own slices of a gradient, of what all ranks have of them.
  template <class S>
  [[nodiscard]] State<std::remove_const_t<S>> of_neighbours(View<S> all) const {
    using T = std::remove_const_t<S>;
    auto around = halo<T>(all.shape().features);
    basin::check_shape("mpi::SplitCell", "a gradient with slices of the neighbours", all.shape(),
                       with_slices(all.shape(), around.before() + grid->count() + around.after()));
    State<T> own(with_slices(all.shape(), grid->count()));
    for (Index n = 0; n < own.shape.samples; ++n) {
      Scratch scratch;
      const T* const below = all.sample(n).data();
      const T* const begin = below + around.before() * around.numbers();
      detail::Returning<T> shares(around, scratch);
      shares.start(below, begin + grid->count() * around.numbers());
      std::copy_n(begin, own.shape.sample_size(), own.view().sample(n).data());
      shares.add_to(own.view().sample(n).data());
    }
    return own;
  }

  /// For an equilibrium: throws std::invalid_argument, on all ranks, where its options or its number of samples are not
  /// the same on all.
  void expect_same_options(const Stop& stop, Index samples) const {
    check_grid();
    Digest digest;
    digest.add(samples).add(stop.tolerance).add(stop.absolute()).add(stop.norm).add(stop.max_evaluations);
    digest.add(stop.max_retries).add(stop.stall_window).add(stop.stall_factor).add(stop.divergence_factor);
    grid->world().expect_same({{"number of samples, or Stop, of an equilibrium", digest.add(stop.returns_last)}});
  }

  /// What the cell prepares. Throws std::invalid_argument, on all ranks, where theta is not the same on all.
  template <class S>
  using Prepared = basin::detail::PreparedOf<C, S>;
  template <class S>
  [[nodiscard]] Prepared<S> prepare(std::span<const S, param_count> theta) const {
    check_grid();
    grid->world().expect_same({{"theta", Digest{}.add(std::span<const S>(theta))}});
    return basin::detail::prepared_of<C, S>(cell, theta);
  }

  template <class S>
  Report apply(Theta<S, param_count> theta, In<S> z, In<S> u, View<S> out, const Context& context = {},
               IfPrepared<Prepared<S>> prepared = {}) const {
    check_shapes(z, u, out.shape(), context);
    return each_forward<S>(
        z, out, [&](Index n, std::size_t, const detail::Piece& piece, View<const S> from, View<S> to) {
          return basin::detail::apply_with<C, S>(cell, theta, prepared.get(), context_of(context, n, piece), from,
                                                 injected(u, n, piece), to);
        });
  }

  /// Of an automaton: as apply, and marks for linearize_again, of this rank's cells.
  template <class S>
  Report step(Theta<S, param_count> theta, In<S> z, View<S> out, std::uint8_t* marks,
              const Context& context = {}) const {
    check_shapes(z, View<const S>{}, out.shape(), context);
    return each_forward<S>(z, out,
                           [&](Index n, std::size_t, const detail::Piece& piece, View<const S> from, View<S> to) {
                             Scratch scratch;
                             return cell.template step<S>(theta, from, to, marks_of(marks, n, piece, scratch),
                                                          context_of(context, n, piece));
                           });
  }

  template <class S>
  class Linearization;

  /// Owns the states that reach over the borders.
  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> z, In<S> u, View<S> out, const Context& context = {},
                             IfPrepared<Prepared<S>> prepared = {}) const {
    check_shapes(z, u, out.shape(), context);
    return Linearization<S>(*this, theta, z, u, out, context, prepared.get());
  }

  /// Of an automaton, at a step that `step` has made, from its marks (nca/automaton.hpp). The cells around the borders
  /// are stepped once more.
  template <class S>
  Linearization<S> linearize_again(Theta<S, param_count> theta, In<S> z, const std::uint8_t* marks,
                                   const Context& context, const Prepared<S>& prepared) const {
    check_shapes(z, View<const S>{}, z.shape(), context);
    return Linearization<S>(*this, theta, z, marks, context, prepared);
  }

 private:
  [[nodiscard]] Index seen() const {
    if constexpr (reach.cells == Reach::by_options) {
      return detail::ReachOf<C>::along(cell, grid->axis());
    } else {
      return reach.cells;
    }
  }

  void check_grid() const {
    if (grid == nullptr) check(false, "grid of an mpi::SplitCell", "null", "that of the state");
    const Index slices = grid->fewest(), needed = seen();
    if (grid->world().size() > 1 && slices < needed) {
      check(false, "slices of a rank", slices, "at least what its neighbours need, " + std::to_string(needed));
    }
  }
  template <class S>
  void check_shapes(View<const S> z, View<const S> u, const Shape& out, const Context& context) const {
    const Shape state = state_shape(input_features == 0 ? z.shape().with_features(0) : u.shape());
    basin::check_shape("mpi::SplitCell", "z", z.shape(), state);
    basin::check_shape("mpi::SplitCell", "out", out, state);
    check(context.first_cell == 0, "first_cell of a split grid's context", context.first_cell, "0, of the whole grid");
  }

  [[nodiscard]] Shape with_slices(Shape shape, Index slices) const {
    shape.space[grid->axis()] = slices;
    return shape;
  }
  /// Of one sample.
  [[nodiscard]] Shape piece_shape(const detail::Piece& piece, Index features) const {
    return with_slices(grid->whole(), piece.slices()).with_features(features).with_samples(1);
  }
  template <class S>
  [[nodiscard]] detail::Halo<S> halo(Index features) const {
    check_grid();
    return {*grid, seen(), reach.periodic, features};
  }
  template <class S>
  [[nodiscard]] detail::Pieces pieces(const detail::Halo<S>& around) const {
    return {grid->count(), around.before(), around.after(), seen()};
  }

  [[nodiscard]] Context context_of(const Context& context, Index n, const detail::Piece& piece) const {
    const Index cells = grid->whole().cells_per_sample();
    Context of_piece = context.from_sample(n);
    of_piece.first_cell = ((grid->first() + piece.first) * grid->slice_cells() + cells) % cells;
    of_piece.cells_around = cells;
    return of_piece;
  }

  /// An injection's slices of a piece.
  template <class S>
  [[nodiscard]] View<S> injected(View<S> u, Index n, const detail::Piece& piece) const {
    if constexpr (input_features == 0) {
      return View<S>(nullptr, piece_shape(piece, 0));
    } else {
      const auto around = halo<std::remove_const_t<S>>(u.shape().features);
      return View<S>(u.sample(n).data() + (around.before() + piece.first) * around.numbers(),
                     piece_shape(piece, u.shape().features));
    }
  }

  /// Marks of an own piece where they are wanted, and those of others in memory of their own.
  std::uint8_t* marks_of(std::uint8_t* marks, Index n, const detail::Piece& piece, Scratch& scratch) const {
    const Index own = grid->count() * grid->slice_cells();
    if (piece.first == 0 && piece.last == grid->count()) return marks + n * own;
    return scratch.take<std::uint8_t>(piece.slices() * grid->slice_cells());
  }

  /// A map of all samples from z to out: the sum of what make(sample, number of the piece, piece, from, to) reports.
  template <class S, class Make>
  Report each_forward(View<const S> z, View<S> out, const Make& make) const {
    Report report;
    for (Index n = 0; n < z.samples(); ++n) {
      Scratch scratch;
      auto around = halo<S>(z.shape().features);
      const detail::Pieces all = pieces(around);
      detail::InPieces<S> from(all, around, z.sample(n).data(), scratch.take<S>(all.room() * around.numbers()));
      report += forward(all, around, from, out.sample(n),
                        [&](std::size_t i, View<const S> x, View<S> y) { return make(n, i, all[i], x, y); });
    }
    return report;
  }

  /// The same of one sample: make(number of the piece, from, to).
  template <class S, class Make>
  Report forward(const detail::Pieces& all, const detail::Halo<S>& around, detail::InPieces<S>& from, View<S> out,
                 const Make& make) const {
    Report report;
    const Index features = out.shape().features;
    from.start();
    for (std::size_t i = 0; i < all.count(); ++i) {
      const detail::Piece& piece = all[i];
      if (i == all.first_over()) from.wait();
      const View<const S> x(from[i], piece_shape(piece, features));
      if (i < all.first_over()) {
        report += make(i, x, out);  // wrong at the borders, which come last
        continue;
      }
      Scratch scratch;
      const View<S> y = scratch.state<S>(x.shape());
      report += make(i, x, y);
      std::copy_n(y.data() + (piece.begin - piece.first) * around.numbers(),
                  (piece.end - piece.begin) * around.numbers(), out.data() + piece.begin * around.numbers());
    }
    from.wait();
    return report;
  }
};

}  // namespace basin::mpi

#include "basin/mpi/split_cell_linearization.hpp"
