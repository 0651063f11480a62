#pragma once

// A grid that is cut along its last axis, in planes of 3D and lines of 2D, which slices each rank has, and how slices
// travel to the ranks beside it: those of neighbours that the cells of a rank see (a halo), and back what is theirs.

#include <algorithm>
#include <array>
#include <climits>
#include <span>
#include <string>

#include "basin/core/layer.hpp"
#include "basin/linear/extent.hpp"
#include "basin/mpi/communicator.hpp"

namespace basin::mpi {

/// Sums and maxima over all ranks, for solvers (linear/extent.hpp).
class OverRanks final : public Reduction {
 public:
  /// Of all ranks of `world`, which has to live as long as this.
  explicit OverRanks(Communicator& world) : world_(&world) {}
  void sum(std::span<double> numbers) const override { world_->sum(numbers); }
  void maximum(std::span<double> numbers) const override { world_->maximum(numbers); }

 private:
  Communicator* world_;
};

/// Which slices of a grid each rank has: whole lines of a grid in two axes, planes of one in three.
class SplitGrid {
 public:
  /// whole: of the whole state, the same on all ranks. Throws std::invalid_argument, on all of them, unless each rank
  /// gets a slice.
  SplitGrid(Communicator& world, const Shape& whole) : world_(&world), reduction_(world), whole_(whole) {
    world.expect_same({{"shape of a split grid", Digest{}.add(whole)}});
    axis_ = whole.space[2] > 1 ? 2 : 1;
    check(whole.space[axis_] >= world.size(), "slices of a grid to split", whole.space[axis_],
          "at least the number of ranks, " + std::to_string(world.size()));
    first_ = first_of(world.rank());
    count_ = first_of(world.rank() + 1) - first_;
  }

  /// The ranks that share it.
  [[nodiscard]] Communicator& world() const { return *world_; }
  /// Of the whole state.
  [[nodiscard]] const Shape& whole() const { return whole_; }
  /// 1 (y) or 2 (z).
  [[nodiscard]] std::size_t axis() const { return axis_; }
  [[nodiscard]] Index first() const { return first_; }                                 ///< slice of this rank
  [[nodiscard]] Index count() const { return count_; }                                 ///< of this rank
  [[nodiscard]] Index fewest() const { return whole_.space[axis_] / world_->size(); }  ///< of any rank
  /// Cells of a slice.
  [[nodiscard]] Index slice_cells() const { return whole_.cells_per_sample() / whole_.space[axis_]; }

  /// Of a state with so many slices.
  [[nodiscard]] Shape shape(Index slices) const {
    Shape part = whole_;
    part.space[axis_] = slices;
    return part;
  }
  /// Of this rank's state.
  [[nodiscard]] Shape shape() const { return shape(count_); }

  /// For sums over the numbers of a sample, on all ranks.
  [[nodiscard]] const Reduction& reduction() const { return reduction_; }

  /// This rank's part of a whole state, of any number of features and samples.
  template <class S>
  [[nodiscard]] State<std::remove_const_t<S>> own(View<S> whole) const {
    const Shape& given = whole.shape();
    basin::check_shape("SplitGrid", "a whole state", given,
                       whole_.with_features(given.features).with_samples(given.samples));
    State<std::remove_const_t<S>> part(shape(count_).with_features(given.features).with_samples(given.samples));
    const Index slice = slice_cells() * given.features;
    for (Index n = 0; n < given.samples; ++n) {
      std::copy_n(whole.sample(n).data() + first_ * slice, count_ * slice, part.view().sample(n).data());
    }
    return part;
  }

 private:
  [[nodiscard]] Index first_of(Index rank) const {
    const Index slices = whole_.space[axis_], ranks = world_->size();
    return rank * (slices / ranks) + rank * (slices % ranks) / ranks;
  }

  Communicator* world_;
  OverRanks reduction_;
  Shape whole_;
  std::size_t axis_ = 1;
  Index first_ = 0, count_ = 0;
};

namespace detail {

/// The slices of one sample that travel between a rank and the ranks beside it: `before` ones that the rank below has,
/// and `after` ones of the rank above, of which a rank's own slices are the neighbours.
template <class S>
class Halo {
 public:
  /// slices: that neighbours need of each other; torus: whether the last rank is beside the first; features: of a cell.
  Halo(const SplitGrid& grid, Index slices, bool torus, Index features)
      : grid_(&grid), numbers_(grid.slice_cells() * features) {
    const int ranks = grid.world().size(), rank = grid.world().rank();
    if (ranks > 1 && (torus || rank > 0)) before_ = slices;
    if (ranks > 1 && (torus || rank + 1 < ranks)) after_ = slices;
    lower_ = (rank + ranks - 1) % ranks;
    upper_ = (rank + 1) % ranks;
  }
  /// Waits for what is under way, into memory that will be others'.
  ~Halo() {
    if (requests_ > 0) MPI_Waitall(requests_, pending_.data(), MPI_STATUSES_IGNORE);
  }
  Halo(const Halo&) = delete;
  Halo& operator=(const Halo&) = delete;

  [[nodiscard]] Index before() const { return before_; }
  [[nodiscard]] Index after() const { return after_; }
  /// Own slices.
  [[nodiscard]] Index own() const { return grid_->count(); }
  /// Numbers of a slice.
  [[nodiscard]] Index numbers() const { return numbers_; }

  /// Begins to fill `below` and `above` with slices of the neighbours. The own ones, from `own` on, may be read until
  /// wait() returns.
  void start(const S* own, S* below, S* above) {
    expect_main_thread();
    receive(below, before_, lower_, up);
    send(own, before_, lower_, down);
    receive(above, after_, upper_, down);
    send(own + (grid_->count() - after_) * numbers_, after_, upper_, up);
  }
  /// The transpose: begins to hand the neighbours' slices to them, and to receive what they have of the own outermost
  /// ones.
  void start_back(const S* below, const S* above, S* from_below, S* from_above) {
    expect_main_thread();
    receive(from_below, before_, lower_, up);
    send(below, before_, lower_, down);
    receive(from_above, after_, upper_, down);
    send(above, after_, upper_, up);
  }
  /// Until all that was begun has come and gone.
  void wait() {
    expect_success(MPI_Waitall(requests_, pending_.data(), MPI_STATUSES_IGNORE), "MPI_Waitall");
    requests_ = 0;
  }

 private:
  static constexpr int up = 1, down = 2;  // tags: to the next rank, to the one before; two ranks may be both

  [[nodiscard]] int bytes_of(Index slices) const {
    const Index bytes = slices * numbers_ * static_cast<Index>(sizeof(S));
    if (bytes > INT_MAX) {
      check(false, "bytes of the slices that neighbours need", bytes, "at most " + std::to_string(INT_MAX));
    }
    return static_cast<int>(bytes);
  }
  void receive(S* to, Index slices, int rank, int tag) {
    if (slices == 0) return;
    expect_success(MPI_Irecv(to, bytes_of(slices), MPI_BYTE, rank, tag, grid_->world().handle(), &next()), "MPI_Irecv");
  }
  void send(const S* from, Index slices, int rank, int tag) {
    if (slices == 0) return;
    expect_success(MPI_Isend(from, bytes_of(slices), MPI_BYTE, rank, tag, grid_->world().handle(), &next()),
                   "MPI_Isend");
    grid_->world().count(bytes_of(slices));
  }
  [[nodiscard]] MPI_Request& next() { return pending_[static_cast<std::size_t>(requests_++)]; }

  const SplitGrid* grid_;
  Index numbers_;
  int lower_ = 0, upper_ = 0;
  Index before_ = 0, after_ = 0;
  std::array<MPI_Request, 4> pending_{};
  int requests_ = 0;
};

}  // namespace detail

}  // namespace basin::mpi
