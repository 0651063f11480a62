#pragma once

// A Spread that is put together (nca/perception.hpp), of any perception: its own where it sees whole samples, and
// otherwise one that keeps what comes, so that all bands can be side by side until then.

#include <algorithm>
#include <array>
#include <cstdint>

#include "basin/nca/perception.hpp"
#include "basin/nca/tasks.hpp"

namespace basin::detail {

/// The Spread of bands that may not be side by side, in the form of one that is put together: what comes is kept, and
/// handed on in finish().
/// Made: the Spread of bands, of a perception P. In the end it gets the cells in order: bands that stay apart, where P
/// has neither parameters nor cells that see the whole sample, and otherwise all of them at once.
template <class P, class Made, class S>
class KeptSpread {
  using Params = std::span<const S, PerceptionOf<P>::param_count>;
  static constexpr int width = P::seen_features;

 public:
  KeptSpread(const P& perception, Params theta, View<const S> z, View<S> dz, Scratch& scratch)
      : perception_(perception),
        theta_(theta),
        z_(z),
        dz_(dz),
        there_(scratch.take<std::uint8_t>(z.shape().cells())),
        kept_(scratch.take<S>(z.shape().cells() * width)) {
    std::fill_n(there_, z.shape().cells(), std::uint8_t{0});
  }

  class Part {
   public:
    void operator()(const Index* cells, Index count, const S* g) const {
      for (Index i = 0; i < count; ++i) {
        there_[cells[i]] = 1;
        std::copy_n(g + i * width, width, kept_ + cells[i] * width);
      }
    }

   private:
    friend KeptSpread;
    Part(std::uint8_t* there, S* kept) : there_(there), kept_(kept) {}

    std::uint8_t* there_;
    S* kept_;
  };

  Part part(Index /*first*/, Index /*last*/, S* /*dtheta*/, Scratch& /*scratch*/) const { return Part(there_, kept_); }
  void add(const Part&) const {}

  void finish(S* dtheta) const {
    constexpr bool at_once = PerceptionOf<P>::param_count > 0 || PerceptionOf<P>::whole_samples;
    const Shape& shape = z_.shape();
    const Index all = shape.cells_per_sample();
    const auto spread = [&](Index, const Band& band) {
      Scratch own;
      Made to(perception_, theta_, z_, dz_, dtheta, own);
      constexpr Index some = 64;
      std::array<Index, some> cells;
      S* g = own.take<S>(some * width);
      Index count = 0;
      for (Index cell = band.first; cell <= band.last; ++cell) {
        if (count == some || (cell == band.last && count > 0)) {
          to(cells.data(), count, g);
          count = 0;
        }
        if (cell == band.last || there_[cell] == 0) continue;
        std::copy_n(kept_ + cell * width, width, g + count * width);
        cells[static_cast<std::size_t>(count++)] = cell;
      }
    };
    if constexpr (at_once) {
      spread(0, {0, 0, all});
    } else {
      Tasks(shape, 8192, PerceptionOf<P>::band_cells(perception_, shape, 1)).each_apart(spread);
    }
  }

 private:
  const P& perception_;
  Params theta_;
  View<const S> z_;
  View<S> dz_;
  std::uint8_t* there_;  // whether something came for a cell
  S* kept_;              // what came
};

/// A Spread that is put together, of any perception.
template <class P, class S>
struct WholeSpreadOf {
  using type = KeptSpread<P, typename P::template Spread<S>, S>;
};
template <class P, class S>
requires(PerceptionOf<P>::whole_samples) struct WholeSpreadOf<P, S> {
  using type = typename P::template Spread<S>;
};

}  // namespace basin::detail
