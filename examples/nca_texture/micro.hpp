#pragma once

// The smallest automata for textures, after A. Mordvintsev, E. Niklasson, "muNCA: Texture Generation with Ultra-Compact
// Neural Cellular Automata", 2021: each feature of a cell is seen through one stencil only, and the rule is one dense
// layer on what is seen and its magnitude. They are built of parts of this program, which the library's automaton takes
// as it takes its own.

#include <algorithm>
#include <array>
#include <utility>

#include "basin/nca/perception.hpp"
#include "basin/stencil/lines.hpp"
#include "basin/stencil/stencil.hpp"

namespace nca_texture {

using basin::Index;
using basin::Scratch;
using basin::Shape;
using basin::View;

/// A perception (basin/nca/perception.hpp): the C features themselves, then each through one stencil. The features are
/// cut into as many groups of equal size as there are stencils, one for each.
template <int C, basin::Boundary OfEdge, basin::Stencil... Stencils>
struct PerceiveInGroups {
  static constexpr int groups = static_cast<int>(sizeof...(Stencils)), group = C / groups;
  static_assert(C % groups == 0, "PerceiveInGroups: the features must fall into equal groups");

  using Edge = OfEdge;
  static constexpr int state_features = C;
  static constexpr int seen_features = 2 * C;

  void check_shape(const Shape& z) const {
    basin::check_features("PerceiveInGroups", z.features, C);
    basin::check(z.space[2] == 1, "PerceiveInGroups: extent of the third axis of space", z.space[2], 1);
    for (std::size_t axis = 0; axis < 2; ++axis) Edge::check_border(1, z.space[axis]);
  }

  [[nodiscard]] Index band_cells(const Shape& z, Index least) const {
    return z.space[0] * std::max<Index>(2, (least + z.space[0] - 1) / z.space[0]);
  }

  template <class S>
  class Sight {
   public:
    Sight(const PerceiveInGroups&, basin::Theta<S, 0>, View<const S> z, Scratch& scratch)
        : lines_(z.data(), z.shape().space, zeros<S>(z.shape().space[0], scratch)) {}

    void operator()(const Index* cells, Index count, S* seen) {
      for (Index i = 0; i < count; ++i, seen += seen_features) {
        lines_.go_to(cells[i]);
        if (lines_.inside()) {
          look<true>(seen, std::index_sequence_for<Stencils...>{});
        } else {
          look<false>(seen, std::index_sequence_for<Stencils...>{});
        }
      }
    }

   private:
    template <bool inside, std::size_t... k>
    void look(S* seen, std::index_sequence<k...>) const {
      std::copy_n(lines_.template at<inside>(0, 0, 0), C, seen);
      (filter<inside, Stencils>(static_cast<int>(k) * group, seen + C,
                                std::make_index_sequence<Stencils::taps.size()>{}),
       ...);
    }

    template <bool inside, class T, std::size_t... i>
    void filter(int first, S* seen, std::index_sequence<i...>) const {
      const std::array<const S*, sizeof...(i)> from{
          lines_.template at<inside>(T::taps[i].x, T::taps[i].y, T::taps[i].z)...};
      S value[group];  // of its own, so that the compiler knows that nothing overlaps
      for (int c = 0; c < group; ++c) {
        value[c] = (S(0) + ... + (static_cast<S>(T::taps[i].weight) * from[i][first + c]));
      }
      for (int c = 0; c < group; ++c) seen[first + c] = value[c];
    }

    basin::Lines<const S, Edge, C, 1, 1, 0> lines_;
  };

  template <class S>
  class Spread {
   public:
    Spread(const PerceiveInGroups&, basin::Theta<S, 0>, View<const S> /*z*/, View<S> dz, S* /*dtheta*/,
           Scratch& scratch)
        : lines_(dz.data(), dz.shape().space, zeros<S>(dz.shape().space[0], scratch)) {}

    void operator()(const Index* cells, Index count, const S* g) {
      for (Index i = 0; i < count; ++i, g += seen_features) {
        lines_.go_to(cells[i]);
        if (lines_.inside()) {
          hand_out<true>(g, std::index_sequence_for<Stencils...>{});
        } else {
          hand_out<false>(g, std::index_sequence_for<Stencils...>{});
        }
      }
    }

   private:
    template <bool inside, std::size_t... k>
    void hand_out(const S* g, std::index_sequence<k...>) const {
      S* here = lines_.template at<inside>(0, 0, 0);
      for (int c = 0; c < C; ++c) here[c] += g[c];
      (filter<inside, Stencils>(static_cast<int>(k) * group, g + C), ...);
    }

    template <bool inside, class T>
    void filter(int first, const S* g) const {
      S weighed[group];
      for (const basin::Tap& tap : T::taps) {
        S* to = lines_.template at<inside>(tap.x, tap.y, tap.z) + first;
        for (int c = 0; c < group; ++c) weighed[c] = to[c] + static_cast<S>(tap.weight) * g[first + c];
        std::copy_n(weighed, group, to);
      }
    }

    basin::Lines<S, Edge, C, 1, 1, 0> lines_;
  };

 private:
  template <class S>
  static S* zeros(Index width, Scratch& scratch) {
    S* line = scratch.take<S>(width * C);
    std::fill_n(line, width * C, S(0));
    return line;
  }
};

/// A layer: the C features, then their magnitudes. At 0 the magnitude's derivative is taken as -1.
template <int C>
struct WithMagnitude {
  static constexpr int in_features = C, out_features = 2 * C;
  static constexpr std::size_t param_count = 0;

  [[nodiscard]] Shape out_shape(const Shape& x) const {
    basin::check_features("WithMagnitude", x.features, C);
    return x.with_features(out_features);
  }

  template <class S>
  void apply(basin::Theta<S, 0>, basin::In<S> x, View<S> y, const basin::Context& = {}) const {
    basin::check_output<WithMagnitude, S>("WithMagnitude", *this, x, y);
    for (Index i = 0; i < x.shape().cells(); ++i) {
      const S* from = x.data() + i * C;
      S* to = y.data() + 2 * i * C;
      for (int c = 0; c < C; ++c) {
        to[c] = from[c];
        to[C + c] = from[c] > S(0) ? from[c] : -from[c];
      }
    }
  }

  /// Refers to x.
  template <class S>
  struct Linearization {
    View<const S> x;

    [[nodiscard]] Shape out_shape() const { return x.shape().with_features(out_features); }

    void jvp(View<const S> t, View<S> out) const {
      basin::check_jvp<S>("WithMagnitude", x.shape(), out_shape(), t, out);
      for (Index i = 0; i < x.shape().cells(); ++i) {
        const S *at = x.data() + i * C, *from = t.data() + i * C;
        S* to = out.data() + 2 * i * C;
        for (int c = 0; c < C; ++c) {
          to[c] = from[c];
          to[C + c] = at[c] > S(0) ? from[c] : -from[c];
        }
      }
    }
    void vjp(View<const S> w, View<S> dx) const {
      basin::check_vjp<S>("WithMagnitude", x.shape(), out_shape(), w, dx);
      for (Index i = 0; i < x.shape().cells(); ++i) {
        const S *at = x.data() + i * C, *from = w.data() + 2 * i * C;
        S* to = dx.data() + i * C;
        for (int c = 0; c < C; ++c) to[c] = from[c] + (at[c] > S(0) ? from[C + c] : -from[C + c]);
      }
    }
    void pullback(View<const S> w, View<S> dx, basin::ThetaGradient<S, 0>) const {
      basin::check_pullback<S>("WithMagnitude", x.shape(), out_shape(), w, dx);
      if (dx) vjp(w, dx);
    }
  };

  template <class S>
  Linearization<S> linearize(basin::Theta<S, 0> theta, basin::In<S> x, View<S> y, const basin::Context& = {}) const {
    apply<S>(theta, x, y);
    return {x};
  }
};

}  // namespace nca_texture
