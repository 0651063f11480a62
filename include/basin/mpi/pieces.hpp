#pragma once

// How a map of cells that see their neighbours is evaluated on a rank's slices of a grid, while slices of the ranks
// beside it are on their way: on the own ones as if they were the whole grid, which is right but for the outermost, and
// then on a few slices around each border.

#include <algorithm>
#include <array>
#include <span>

#include "basin/core/scratch.hpp"
#include "basin/mpi/split_grid.hpp"

namespace basin::mpi::detail {

/// Slices first ... last - 1, counted from the first of a rank's own, on which a map is evaluated as if they were the
/// whole grid. Of the result slices begin ... end - 1 are right, and no other piece has them.
struct Piece {
  Index first, last, begin, end;

  [[nodiscard]] Index slices() const { return last - first; }
};

/// The pieces of a rank.
class Pieces {
 public:
  /// own: slices of the rank; before, after: of its neighbours, as many as the map sees, `reach`, or none.
  Pieces(Index own, Index before, Index after, Index reach) {
    if (before + after > 0 && own <= 2 * reach) {
      of_[0] = {-before, own + after, 0, own};
      apart_ = false;
      return;
    }
    of_[0] = {0, own, before, own - after};
    if (before > 0) of_[count_++] = {-reach, 2 * reach, 0, reach};
    if (after > 0) of_[count_++] = {own - 2 * reach, own + reach, own - reach, own};
  }

  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] const Piece& operator[](std::size_t i) const { return of_[i]; }
  /// Whether the first one is all own slices, and nothing else.
  [[nodiscard]] bool apart() const { return apart_; }

  /// Slices of the pieces that reach over a border: they need memory of their own.
  [[nodiscard]] Index room() const {
    Index slices = 0;
    for (std::size_t i = first_over(); i < count_; ++i) slices += of_[i].slices();
    return slices;
  }
  /// The first of those pieces.
  [[nodiscard]] std::size_t first_over() const { return apart_ ? 1 : 0; }
  /// Where a piece lies in that memory, in slices.
  [[nodiscard]] Index place(std::size_t i) const {
    Index slices = 0;
    for (std::size_t j = first_over(); j < i; ++j) slices += of_[j].slices();
    return slices;
  }
  /// Where the slices of the rank above lie there. Those of the rank below lie at its start.
  [[nodiscard]] Index above(Index after) const { return room() - after; }

 private:
  std::array<Piece, 3> of_{};
  std::size_t count_ = 1;
  bool apart_ = true;
};

/// A state of one sample in pieces: in the state itself, or in memory for those that reach over a border.
template <class S>
class InPieces {
 public:
  /// memory: pieces.room() slices of halo.numbers() numbers.
  InPieces(const Pieces& pieces, Halo<S>& halo, const S* own, S* memory)
      : pieces_(pieces), halo_(halo), own_(own), memory_(memory) {}

  /// Begins to get the neighbours' slices. No piece but an own one may be read before wait() returns.
  void start() {
    const Index numbers = halo_.numbers();
    for (std::size_t i = pieces_.first_over(); i < pieces_.count(); ++i) {
      const Piece& piece = pieces_[i];
      const Index from = std::max<Index>(0, piece.first), to = std::min(piece.last, halo_.own());
      std::copy_n(own_ + from * numbers, (to - from) * numbers,
                  memory_ + (pieces_.place(i) + from - piece.first) * numbers);
    }
    halo_.start(own_, memory_, memory_ + pieces_.above(halo_.after()) * numbers);
  }
  void wait() { halo_.wait(); }
  [[nodiscard]] const S* operator[](std::size_t i) const {
    return i < pieces_.first_over() ? own_ : memory_ + pieces_.place(i) * halo_.numbers();
  }

 private:
  const Pieces& pieces_;
  Halo<S>& halo_;
  const S* own_;
  S* memory_;
};

/// What ranks have made of each other's slices, on its way home.
template <class S>
class Returning {
 public:
  Returning(Halo<S>& halo, Scratch& scratch)
      : halo_(halo), from_(scratch.take<S>((halo.before() + halo.after()) * halo.numbers())) {}

  /// below, above: slices of the neighbours, which stay as they are until add_to() returns.
  void start(const S* below, const S* above) {
    halo_.start_back(below, above, from_, from_ + halo_.before() * halo_.numbers());
  }
  /// Adds to the own slices what the neighbours have made of them, once it is there.
  void add_to(S* own) {
    halo_.wait();
    const Index below = halo_.before() * halo_.numbers(), above = halo_.after() * halo_.numbers();
    S* const last = own + halo_.own() * halo_.numbers() - above;
    for (Index i = 0; i < below; ++i) own[i] += from_[i];
    for (Index i = 0; i < above; ++i) last[i] += from_[below + i];
  }

 private:
  Halo<S>& halo_;
  S* from_;
};

}  // namespace basin::mpi::detail
