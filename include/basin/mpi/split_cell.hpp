#pragma once

// An equilibrium on a grid over processes: a cell whose state and injection are cut into slices.
//
//   using Cell = Injected<Sequential<Conv<16, 16, 3>, Tanh>>;
//   const mpi::SplitGrid grid(world, {16, {1024, 1024, 1}, 1});               // of the state
//   Equilibrium<mpi::SplitCell<Cell>, Anderson<5>, Implicit<>> model;
//   model.cell.grid = &grid;
//   const State<float> own = grid.own(whole_u.view()), u = model.cell.with_neighbours(own.view());
//   model.apply(theta.span(), u.view(), z.view());                            // z: this rank's slices
//
// Any solver and any adjoint method then work as in one process: they see this rank's numbers, and what they add up is
// completed over the ranks (linear/extent.hpp). So all ranks take the same steps, and the result is that of one process
// but for the order of sums. The cell knows nothing of ranks: as in mpi/grid.hpp it is evaluated on the own slices
// while those of the neighbours travel, and once more around each border when they are there. Its transpose goes the
// other way: first the borders, whose share for the neighbours travels while the own slices are made.
//
// The injection has the slices of neighbours from the start, as many as the cell sees, since it stays the same during a
// solve. So has its gradient, which of_neighbours() brings home. A gradient in theta is this rank's share; the sum over
// the ranks (Communicator::sum) is that of the whole.
//
// Each rank calls the same functions in the same order, from one thread. Samples are solved one after the other.

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "basin/core/layer.hpp"
#include "basin/core/scratch.hpp"
#include "basin/mpi/reach.hpp"
#include "basin/mpi/split_grid.hpp"

namespace basin::mpi {

namespace detail {

/// Slices first ... last - 1, counted from the first of a rank's own, on which a map is evaluated as if they were the
/// whole grid; of the result slices begin ... end - 1 are right, and no other piece has them.
struct Piece {
  Index first, last, begin, end;
};

/// The pieces of a rank: `count` own slices, `before` and `after` ones of its neighbours, of a map that sees `reach`.
struct Pieces {
  std::array<Piece, 3> of{};
  int count = 1;
  bool early = true;  ///< the first needs no slices of neighbours

  Pieces(Index slices, Index before, Index after, Index reach) {
    if (before + after > 0 && slices <= 2 * reach) {
      early = false;
      of[0] = {-before, slices + after, 0, slices};
      return;
    }
    of[0] = {0, slices, before, slices - after};
    if (before > 0) of[static_cast<std::size_t>(count++)] = {-reach, 2 * reach, 0, reach};
    if (after > 0) {
      of[static_cast<std::size_t>(count++)] = {slices - 2 * reach, slices + reach, slices - reach, slices};
    }
  }
};

}  // namespace detail

/// A cell (core/layer.hpp) on slices of a grid, of which it sees as far as `reach` says.
template <class C, Reach reach = reach_of<C>>
struct SplitCell {
  static_assert(reach.known,
                "mpi::SplitCell: how far a layer sees is not known, or it sees all cells, as GroupNorm does (LayerNorm "
                "does not). For a layer of yours say it: SplitCell<Cell, Reach{.cells = 2, .ends = true}>");
  static_assert(!(reach.periodic && reach.ends), "mpi::SplitCell: some layers are periodic and others are not");

  static constexpr int state_features = C::state_features;
  static constexpr int input_features = C::input_features;
  static constexpr std::size_t param_count = C::param_count;
  static constexpr bool changes_with_step = basin::changes_with_step<C>;

  C cell{};                         ///< with its options
  const SplitGrid* grid = nullptr;  ///< of the state, of any number of samples; it has to live as long as this is used

  static void leaves(LeafList& list) { C::leaves(list); }

  /// This rank's slices, for an injection with those of the neighbours.
  [[nodiscard]] Shape state_shape(const Shape& u) const {
    const auto around = halo<float>(u.features);
    const Index slices = around.before() + grid->count() + around.after();
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
      T* const to = all.view().sample(n).data() + around.before() * around.numbers();
      std::copy_n(own.sample(n).data(), own.shape().sample_size(), to);
      around.start(to);
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
      const T* const begin = all.sample(n).data() + around.before() * around.numbers();
      Returning<T> shares(*this, around, scratch);
      shares.start(begin);
      std::copy_n(begin, own.shape.sample_size(), own.view().sample(n).data());
      shares.add_to(own.view().sample(n).data());
    }
    return own;
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
    check_shapes(z.shape(), u.shape(), out.shape(), context);
    Report report;
    for (Index n = 0; n < z.samples(); ++n) {
      Scratch scratch;
      forward(with_room(z.sample(n), scratch), out.sample(n),
              [&](std::size_t, const detail::Piece& piece, View<const S> from, View<S> to) {
                report += basin::detail::apply_with<C, S>(cell, theta, prepared.get(),
                                                          context_of(context.from_sample(n), piece), from,
                                                          injected(u.sample(n), piece), to);
              });
    }
    return report;
  }

  template <class S>
  class Linearization;

  /// Of one sample. Owns the states that reach over the borders.
  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> z, In<S> u, View<S> out, const Context& context = {},
                             IfPrepared<Prepared<S>> prepared = {}) const {
    check_shapes(z.shape(), u.shape(), out.shape(), context);
    check(z.samples() == 1, "samples that an mpi::SplitCell linearizes at once", z.samples(), 1);
    return Linearization<S>(*this, theta, z, u, out, context, prepared.get());
  }

 private:
  void check_grid() const {
    check(grid != nullptr, "grid of an mpi::SplitCell", "null", "that of the state");
    if (grid->world().size() == 1) return;
    check(grid->fewest() >= reach.cells, "slices of a rank", grid->fewest(),
          "at least what its neighbours need, " + std::to_string(reach.cells));
  }
  void check_shapes(const Shape& z, const Shape& u, const Shape& out, const Context& context) const {
    const Shape state = state_shape(u);
    basin::check_shape("mpi::SplitCell", "z", z, state);
    basin::check_shape("mpi::SplitCell", "out", out, state);
    check(context.first_cell == 0, "first_cell of a split grid's context", context.first_cell, "0, of the whole grid");
  }

  [[nodiscard]] Shape with_slices(Shape shape, Index slices) const {
    shape.space[grid->axis()] = slices;
    return shape;
  }
  template <class S>
  [[nodiscard]] detail::Halo<S> halo(Index features) const {
    check_grid();
    return {*grid, reach.cells, reach.periodic, features};
  }
  template <class S>
  [[nodiscard]] detail::Pieces pieces(const detail::Halo<S>& around) const {
    return {grid->count(), around.before(), around.after(), reach.cells};
  }

  [[nodiscard]] Context context_of(Context context, const detail::Piece& piece) const {
    const Index cells = grid->whole().cells_per_sample();
    context.first_cell = ((grid->first() + piece.first) * grid->slice_cells() + cells) % cells;
    context.cells_around = cells;
    return context;
  }

  /// Slices of a piece, of the own ones that begin at `own`.
  template <class S>
  [[nodiscard]] View<S> slices(S* own, Index features, Index first, Index last) const {
    return {own + first * grid->slice_cells() * features,
            with_slices(grid->whole(), last - first).with_features(features).with_samples(1)};
  }
  template <class S>
  [[nodiscard]] View<S> injected(View<S> u, const detail::Piece& piece) const {
    const Index features = u.shape().features;
    return slices(u.data() + halo<float>(features).before() * grid->slice_cells() * features, features, piece.first,
                  piece.last);
  }

  /// Own slices of one sample, copied to where those of the neighbours have room around them.
  template <class S>
  [[nodiscard]] S* with_room(View<const S> own, Scratch& scratch) const {
    const auto around = halo<S>(own.shape().features);
    S* const to = scratch.take<S>((around.before() + grid->count() + around.after()) * around.numbers()) +
                  around.before() * around.numbers();
    std::copy_n(own.data(), own.size(), to);
    return to;
  }

  /// Calls make(number, piece, from, to) for all pieces of a map from a state, whose own slices begin at `own` with
  /// room around them, to `out`.
  template <class S, class Make>
  void forward(S* own, View<S> out, const Make& make) const {
    const Index features = grid->whole().features;
    auto around = halo<S>(features);
    const detail::Pieces all = pieces(around);
    around.start(own);
    for (std::size_t i = 0; i < static_cast<std::size_t>(all.count); ++i) {
      const detail::Piece& piece = all.of[i];
      if (i == (all.early ? 1 : 0)) around.wait();
      const View<const S> from = slices<const S>(own, features, piece.first, piece.last);
      if (i == 0 && all.early) {
        make(i, piece, from, out);  // wrong at the borders, which come last
        continue;
      }
      Scratch scratch;
      const View<S> to = scratch.state<S>(from.shape());
      make(i, piece, from, to);
      const View<S> right = slices(to.data(), features, piece.begin - piece.first, piece.end - piece.first);
      std::copy_n(right.data(), right.size(), slices(out.data(), features, piece.begin, piece.end).data());
    }
    around.wait();
  }

  /// What ranks have of each other's slices, on its way home.
  template <class S>
  class Returning {
   public:
    Returning(const SplitCell& split, detail::Halo<S>& around, Scratch& scratch)
        : split_(split),
          around_(around),
          from_(scratch.take<S>((around.before() + around.after()) * around.numbers())) {}
    void start(const S* own) { around_.start_back(own, from_, from_ + around_.before() * around_.numbers()); }
    /// Adds what the neighbours had, when it is there.
    void add_to(S* own) {
      around_.wait();
      const Index below = around_.before() * around_.numbers(), above = around_.after() * around_.numbers();
      for (Index i = 0; i < below; ++i) own[i] += from_[i];
      S* const last = own + split_.grid->count() * around_.numbers() - above;
      for (Index i = 0; i < above; ++i) last[i] += from_[below + i];
    }

   private:
    const SplitCell& split_;
    detail::Halo<S>& around_;
    S* from_;
  };
};

}  // namespace basin::mpi

#include "basin/mpi/split_cell_linearization.hpp"
