#pragma once

// The window of a convolution, and what it multiplies there.

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "basin/core/parameters.hpp"
#include "basin/kernels/depthwise.hpp"
#include "basin/kernels/product.hpp"
#include "basin/stencil/boundary.hpp"

namespace basin {

/// Which cells a convolution reads, the same along each of its axes: cells s i + d k - before, k < kernel, for cell i
/// of the output, which has ceil(n / s) cells. An odd kernel has its centre at cell s i: before = d (kernel - 1) / 2.
/// An even one needs an even stride of at most its size, and lies around the s cells that it steps over:
/// before = (kernel - s) / 2.
struct Window {
  int axes = 2;      ///< of space, from the first: 1, 2 or 3
  int kernel = 3;    ///< cells along an axis
  int stride = 1;    ///< s, cells from one window to the next
  int dilation = 1;  ///< d, cells from one cell of a window to the next

  /// Whether the kernel is one of the two above, the even one without dilation. Layers with another do not compile.
  [[nodiscard]] constexpr bool has_centre() const {
    return kernel % 2 == 1 || (stride % 2 == 0 && stride <= kernel && dilation == 1);
  }
  /// How far the first cell of a window lies before cell s i, along an axis.
  [[nodiscard]] constexpr int before() const {
    return kernel % 2 == 1 ? dilation * (kernel - 1) / 2 : (kernel - stride) / 2;
  }
  /// Cells along an axis from the first to the last of a window.
  [[nodiscard]] constexpr int span() const { return dilation * (kernel - 1) + 1; }
  /// How far the last cell of a window lies behind cell s i, along an axis.
  [[nodiscard]] constexpr int after() const { return span() - 1 - before(); }
  /// Cells of a window.
  [[nodiscard]] constexpr int taps() const { return kernel * (axes > 1 ? kernel : 1) * (axes > 2 ? kernel : 1); }
};

namespace detail {

/// What every convolution asks of its window and of its input.
template <Window W>
struct CheckedWindow {
  static_assert(W.axes >= 1 && W.axes <= 3, "a convolution's window has 1, 2 or 3 axes");
  static_assert(W.kernel > 0 && W.stride > 0 && W.dilation > 0,
                "a convolution's kernel, stride and dilation must be positive");
  static_assert(W.has_centre(),
                "a convolution's kernel must be odd, or even with an even stride of at most its size and no dilation");
  static constexpr bool fits = true;
};

/// Throws std::invalid_argument if a grid is not one that windows with this edge can go over.
template <Window W, Boundary Edge>
void check_windows(std::string_view layer, const Shape& x) {
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const Index extent = x.space[axis];
    if (static_cast<int>(axis) >= W.axes) {
      if (extent != 1) check(false, std::string(layer) + ": extent of an axis without a window", extent, 1);
    } else {
      if (extent < 1) check(false, std::string(layer) + ": extent of an axis of space", extent, "at least 1");
      Edge::check_border(std::max(W.before(), W.after()), extent);
    }
  }
}

/// A window along one axis, and its taps by phase of the stride, in each from the last to the first.
template <int Kernel, int Stride, int Dilation, int Before>
struct WindowAxis {
  static constexpr int kernel = Kernel, stride = Stride, dilation = Dilation, before = Before;
  static constexpr int span = Dilation * (Kernel - 1) + 1, after = span - 1 - Before;
  static constexpr int back = (span - 1) / Stride;  ///< how far a cell of x looks back in y

  struct Table {
    std::array<int, Stride> first{}, count{};  // taps of each phase
    std::array<int, Kernel> tap{}, back{};     // k, and (d k - phase) / s
  };
  static constexpr Table phases = [] {
    Table table;
    std::size_t next = 0;
    for (std::size_t phase = 0; phase < Stride; ++phase) {
      table.first[phase] = static_cast<int>(next);
      for (int k = Kernel - 1; k >= 0; --k) {
        if (Dilation * k % Stride != static_cast<int>(phase)) continue;
        table.tap[next] = k;
        table.back[next++] = (Dilation * k - static_cast<int>(phase)) / Stride;
        ++table.count[phase];
      }
    }
    return table;
  }();
};

/// The extents of a leaf that has some for each cell of a window.
template <Window W>
std::vector<Index> with_window(std::vector<Index> extents) {
  extents.insert(extents.end(), static_cast<std::size_t>(W.axes), Index{W.kernel});
  return extents;
}

/// Each cell of a window times a matrix of its own, From features to To. For each cell the weights are [From][To].
template <int From, int To>
struct DenseTaps {
  static constexpr const char* name = "ConvNd";
  static constexpr int from = From, to = To;
  static constexpr Index weights = Index{From} * To;  ///< of a cell
  using Turned = DenseTaps<To, From>;

  template <Window W>
  static void weight(LeafList& list) {
    list.weight("weight", with_window<W>({To, From}), Index{From} * W.taps(), Index{To} * W.taps());
  }
  template <int Taps, int Step, int OutStep, class S>
  static void gather(Index cells, int rows, const S* const* in, const S* w, const S* start, S* out) {
    kernels::gather<Taps * From, Step * From, To, OutStep * To>(cells, rows, in, w, start, out);
  }
  template <int Rows, int Taps, int Step, class S>
  static void outer(Index lines, Index cells, const S* const* in, const S* g, S* dw) {
    for (int r = 0; r < Rows; ++r) {
      kernels::outer<Taps * From, Step * From, To>(lines, cells, in + r * lines, g, dw + r * Taps * weights);
    }
  }
  template <class S>
  static void turn(const S* w, S* turned) {
    for (int c = 0; c < From; ++c) {
      for (int o = 0; o < To; ++o) turned[o * From + c] = w[c * To + o];
    }
  }
};

/// Each feature by itself: for each cell of a window the weights are [C].
template <int C>
struct DepthwiseTaps {
  static constexpr const char* name = "DepthwiseConv";
  static constexpr int from = C, to = C;
  static constexpr Index weights = C;
  using Turned = DepthwiseTaps;

  template <Window W>
  static void weight(LeafList& list) {
    list.weight("weight", with_window<W>({C, 1}), W.taps(), W.taps());  // one feature that goes in, as PyTorch has it
  }
  template <int Taps, int Step, int OutStep, class S>
  static void gather(Index cells, int rows, const S* const* in, const S* w, const S* start, S* out) {
    kernels::depthwise_gather<C, Taps, Step, OutStep>(cells, rows, in, w, start, out);
  }
  template <int Rows, int Taps, int Step, class S>
  static void outer(Index lines, Index cells, const S* const* in, const S* g, S* dw) {
    kernels::depthwise_outer<C, Rows, Taps, Step>(lines, cells, in, g, dw);
  }
  template <class S>
  static void turn(const S* w, S* turned) {
    std::copy_n(w, C, turned);
  }
};

}  // namespace detail

}  // namespace basin
