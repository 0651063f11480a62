#pragma once

// Which cells update at a step and which are alive after it: the rule about life of nca/alive.hpp, with the fire mask
// of nca/fire.hpp, as marks of cells.
//
//   before the update   a cell may live if a cell around it is alive in z (all may, where none are cleared); it updates
//                       if it may live and fires (of MaskedBy: if it is alive itself and fires)
//   after the update    a cell that may live is alive if a cell around it is in z~
//
// A cell that may not live is cleared, so its update is left out. But z~ of such a cell is defined, and could be what
// keeps a neighbour alive: so where a cell is about to die, the updates of its dead neighbours that fire are made up
// for. That happens to a few cells at a step.

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "basin/core/context.hpp"
#include "basin/nca/alive.hpp"
#include "basin/nca/fire.hpp"
#include "basin/nca/tasks.hpp"

namespace basin::detail {

/// A cell's mark: alive after the step; has updated.
inline constexpr std::uint8_t mark_alive = 1, mark_updated = 2;

/// Of one step from z, of C features a cell. Refers to all that it is made with, and to scratch memory. `marks` are
/// those of all cells of all samples.
template <class Alive, class Fire, Boundary Edge, int C, class S>
class Life {
 public:
  Life(const Alive& alive, const Fire& fire, const Context& context, View<const S> z, const Tasks& tasks,
       Scratch& scratch)
      : alive_(alive), fire_(fire), context_(context), z_(z), cells_(z.shape().cells_per_sample()) {
    if constexpr (Alive::clears) {
      before_ = scratch.take<S>(z.shape().cells());
      after_ = scratch.take<S>(z.shape().cells());
      tasks.each([&](Index, const Band& band) { extract_band(z.data(), band, before_); });
    }
  }

  /// Before the update, for the cells of a band.
  void mark(const Band& band, std::uint8_t* marks) const {
    std::uint8_t* mark = marks + band.begin(cells_);
    if constexpr (Alive::clears) {
      mark_band(before_, band, mark);
    } else {
      std::fill_n(mark, band.size(), mark_alive);
    }
    Scratch own;
    std::uint8_t* fires = own.take<std::uint8_t>(band.size());
    std::copy_n(mark, band.size(), fires);
    if constexpr (Alive::limits_updates && !Alive::clears) {
      const S* z = z_.sample(band.sample).data() + band.first * C + Alive::feature;
      for (Index i = 0; i < band.size(); ++i) fires[i] = z[i * C] > threshold() ? 1 : 0;
    }
    fire_.clear_idle(context_, band.sample, band.first, std::span(fires, static_cast<std::size_t>(band.size())));
    for (Index i = 0; i < band.size(); ++i) mark[i] = static_cast<std::uint8_t>(mark[i] | fires[i] << 1);
  }

  /// A band of `out` has the update.
  void updated(const Band& band, const S* out) const {
    if constexpr (Alive::clears) extract_band(out, band, after_);
  }

  /// After all bands have it: clears the marks and the states in `out` of the cells of a band that have died.
  /// rises(cells) says whether one of some cells of the band's sample, dead before the update, would be alive after it.
  template <class Rises>
  void clear_dying(const Band& band, std::uint8_t* marks, S* out, const Rises& rises) const {
    if constexpr (Alive::clears) {
      Scratch own;
      std::uint8_t* lives = own.take<std::uint8_t>(band.size());
      mark_band(after_, band, lives);
      std::uint8_t* mark = marks + band.begin(cells_);
      for (Index i = 0; i < band.size(); ++i) {
        if (mark[i] == 0 || lives[i] != 0) continue;
        std::array<Index, 27> dead;
        const Index count = dead_around(band.sample, band.first + i, dead.data());
        if (count > 0 && rises(std::span<const Index>(dead.data(), static_cast<std::size_t>(count)))) continue;
        mark[i] = 0;
        const Index at = (band.begin(cells_) + i) * C;
        clear_cell<Alive, C>(z_.data() + at, out + at);
      }
    }
  }

  /// Whether the deciding feature of a cell counts as alive; NaN does, so that it does not vanish unseen.
  [[nodiscard]] bool lives(S value) const { return !(value <= threshold()); }

 private:
  [[nodiscard]] S threshold() const { return static_cast<S>(alive_.threshold); }

  /// The deciding feature of a band's cells.
  void extract_band(const S* state, const Band& band, S* plane) const {
    extract(state + band.begin(cells_) * C, C, Alive::feature, band.size(), plane + band.begin(cells_));
  }

  /// marks of a band's cells, from the deciding feature of all cells.
  void mark_band(const S* planes, const Band& band, std::uint8_t* marks) const {
    const std::array<Index, 3>& space = z_.shape().space;
    const S* plane = planes + band.sample * cells_;
    const Index first = band.first / space[0], last = band.last / space[0];
    if constexpr (Stencil<typename Alive::Around>) {
      mark_around<Edge, typename Alive::Around>(plane, space, first, last, threshold(), marks);
    } else {
      mark_around<Edge>(plane, space, first, last, threshold(), marks);
    }
  }

  /// Calls visit(i) for the cells that may keep one alive.
  template <class Visit>
  static void each_neighbour(const std::array<Index, 3>& space, Index cell, const Visit& visit) {
    if constexpr (Stencil<typename Alive::Around>) {
      each_around<Edge, typename Alive::Around>(space, cell, visit);
    } else {
      each_around<Edge>(space, cell, visit);
    }
  }

  /// The cells around one of sample n that are dead before the update and fire.
  Index dead_around(Index n, Index cell, Index* dead) const {
    const std::array<Index, 3>& space = z_.shape().space;
    const S* before = before_ + n * cells_;
    Index count = 0;
    each_neighbour(space, cell, [&](Index neighbour) {
      bool kept = false;
      each_neighbour(space, neighbour, [&](Index i) { kept = kept || lives(before[i]); });
      if (kept) return;
      std::uint8_t fires = 1;
      fire_.clear_idle(context_, n, neighbour, std::span(&fires, 1));
      if (fires != 0) dead[count++] = neighbour;
    });
    return count;
  }

  const Alive& alive_;
  const Fire& fire_;
  const Context& context_;
  View<const S> z_;
  Index cells_;          // of a sample
  S* before_ = nullptr;  // the deciding feature, of z, and of z~
  S* after_ = nullptr;
};

}  // namespace basin::detail
