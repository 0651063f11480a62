#pragma once

// How a convolution over a window (layers/window.hpp) goes over the lines of a sample: the sum itself, its transpose,
// and its gradient in the weights.
//
// Nothing is unfolded. Lines along the first axis get a border, each once, and what lies at one place of the last axis
// (a line, or the lines of a plane) stays in a ring as long as windows see it. Lines beyond the other edges are looked
// up through the boundary, or are a line of zeros. A line of output cells is then one product over the lines under the
// window (kernels/product.hpp, kernels/depthwise.hpp). Without dilation the cells of a window along a line lie together
// and are one run; with it each is a row of its own.
//
// The transpose is a product of the same kind, with the window turned round, for each phase of the stride s: cell
// q = s t + phase of x is reached by those k alone for which d k = phase modulo s, from cell t - (d k - phase) / s of
// y. So no zeros are multiplied, and a convolution with a stride, or one that is transposed to enlarge, does as many
// products in one direction as in the other.

#include <algorithm>
#include <utility>

#include "basin/core/scratch.hpp"
#include "basin/layers/conv_lines.hpp"
#include "basin/layers/window.hpp"
#include "basin/stencil/border.hpp"

namespace basin::detail {

template <Window W, class Taps, Boundary Edge>
struct WindowLines {
  static constexpr int from = Taps::from, to = Taps::to;
  static constexpr bool zero_edge = std::is_same_v<Edge, Zero>;
  using Along = WindowAxis<W.kernel, W.stride, W.dilation, W.before()>;
  using Unused = WindowAxis<1, 1, 1, 0>;
  using X = Along;
  using Y = std::conditional_t<W.axes == 3, Along, Unused>;
  using Z = std::conditional_t<W.axes >= 2, Along, Unused>;
  static constexpr Index weight_count = Index{W.taps()} * Taps::weights;

  /// Cells of a sample: of a line, lines at one place of the last axis, and such places.
  struct Grid {
    Index x, y, z;
    explicit Grid(const Shape& shape)
        : x(shape.space[0]), y(W.axes == 3 ? shape.space[1] : 1), z(W.axes == 1 ? 1 : shape.space[W.axes - 1]) {}
  };

  [[nodiscard]] static Shape out_shape(const Shape& x) {
    Shape y = x.with_features(to);
    for (std::size_t axis = 0; axis < W.axes; ++axis) y.space[axis] = (x.space[axis] - 1) / W.stride + 1;
    return y;
  }

  /// y = start + the sum over the window, of one sample. start may be null; then(line, count) gets each finished line.
  template <class S, class Then>
  static void sum(const Shape& x_shape, const S* x, const S* weights, const S* start, S* y, const Then& then) {
    const Grid in(x_shape), out(out_shape(x_shape));
    Bordered<S> bordered(in, x);
    const auto load = [&](Index z, S* slab) { bordered.load(z, slab); };
    Scratch scratch;
    LineRing<S, decltype(load)> ring(scratch.take<S>(bordered.slab * Z::span), bordered.slab, Z::span, -Z::before,
                                     load);
    const S* under[Z::kernel * Y::kernel * runs];
    for (Index z = 0; z < out.z; ++z) {
      const Index top = z * Z::stride - Z::before;
      // Beyond an edge of zeros, places of the last axis are left out.
      int low = 0, high = Z::kernel;
      while (zero_edge && top + low * Z::dilation < 0) ++low;
      while (zero_edge && top + (high - 1) * Z::dilation >= in.z) --high;
      ring.reach(top + low * Z::dilation, top + (high - 1) * Z::dilation + 1);
      for (Index line = 0; line < out.y; ++line, y += to * out.x) {
        int rows = 0;
        for (int m = low; m < high; ++m) {
          const S* slab = ring.slot(top + m * Z::dilation);
          for (int l = 0; l < Y::kernel; ++l) {
            const S* under_tap = bordered.line_at(slab, line * Y::stride + l * Y::dilation - Y::before);
            for (int k = 0; k < runs; ++k) under[rows++] = under_tap + k * X::dilation * from;
          }
        }
        Taps::template gather<run, X::stride, 1>(out.x, rows, under,
                                                 weights + low * Y::kernel * X::kernel * Taps::weights, start, y);
        then(y, to * out.x);
      }
    }
  }

  /// dweights += what the gradient g in y says of the weights, at one sample.
  template <class S>
  static void outer(const Shape& x_shape, const S* x, const S* g, S* dweights) {
    const Grid in(x_shape), out(out_shape(x_shape));
    Bordered<S> bordered(in, x);
    const auto load = [&](Index z, S* slab) { bordered.load(z, slab); };
    // Bands of lines of y, so that the numbers of a register tile are added to dweights once a band, and a band of x
    // still lies in a near cache.
    constexpr Index near_bytes = 24 * 1024, most = 16;
    const Index band =
        std::clamp<Index>(near_bytes / (bordered.slab * Index{sizeof(S)}) / Z::stride, 1, std::min(most, out.z));
    const Index slots = (band - 1) * Z::stride + Z::span;
    Scratch scratch;
    LineRing<S, decltype(load)> ring(scratch.take<S>(bordered.slab * slots), bordered.slab, slots, -Z::before, load);
    constexpr int rows = Z::kernel * Y::kernel * runs;
    const S** under = scratch.take<const S*>(rows * band * out.y);
    for (Index first = 0; first < out.z; first += band) {
      const Index count = std::min(band, out.z - first), top = first * Z::stride - Z::before;
      ring.reach(top, top + (count - 1) * Z::stride + Z::span);
      const S** next = under;
      for (int row = 0; row < rows; ++row) {
        const int m = row / (Y::kernel * runs), l = row / runs % Y::kernel, k = row % runs;
        for (Index j = 0; j < count; ++j) {
          const Index z = top + j * Z::stride + m * Z::dilation;
          const bool seen = Edge::source(z, in.z) != nothing;
          for (Index line = 0; line < out.y; ++line) {
            const Index at = line * Y::stride + l * Y::dilation - Y::before;
            *next++ = (seen ? bordered.line_at(ring.slot(z), at) : bordered.zeros) + k * X::dilation * from;
          }
        }
      }
      Taps::template outer<rows, run, X::stride>(count * out.y, out.x, under, g + first * out.y * out.x * to, dweights);
    }
  }

  /// The weights as the transpose takes them: by phases of the axes, the last one slowest, and in each from the last
  /// tap to the first.
  template <class S>
  static void turn(const S* weights, S* turned) {
    const auto each = [](const auto& table, const auto& visit) {
      for (std::size_t phase = 0; phase < table.count.size(); ++phase) visit(table.first[phase], table.count[phase]);
    };
    each(Z::phases, [&](int z, int z_count) {
      each(Y::phases, [&](int y, int y_count) {
        each(X::phases, [&](int x, int x_count) {
          for (int m = z; m < z + z_count; ++m) {
            for (int l = y; l < y + y_count; ++l) {
              for (int k = x; k < x + x_count; ++k, turned += Taps::weights) {
                const int tap = (tap_of<Z>(m) * Y::kernel + tap_of<Y>(l)) * X::kernel + tap_of<X>(k);
                Taps::turn(weights + tap * Taps::weights, turned);
              }
            }
          }
        });
      });
    });
  }

  /// x = start + the transpose of `sum` at y, of one sample; x_shape is that of x, and start, of x's features, may be
  /// null. then(block, count) gets each finished block of x in order.
  template <class S, class Then>
  static void transpose(const Shape& x_shape, const S* y, const S* turned, const S* start, S* x, const Then& then) {
    const Grid out(x_shape), in(out_shape(x_shape));
    // Cells of x with its border are counted from -before on. Only those that go somewhere are computed.
    constexpr Index low = zero_edge ? X::before : 0;
    const Index high = X::before + out.x + (zero_edge ? 0 : X::after);
    const Index line = to * (std::max((high - 1) / X::stride + 1, in.x) + X::back), slab = line * in.y;
    const auto load = [&](Index z, S* place) {
      if (z < 0 || z >= in.z) return;
      for (Index l = 0; l < in.y; ++l)
        std::copy_n(y + (z * in.y + l) * in.x * to, in.x * to, place + l * line + X::back * to);
    };
    Scratch scratch;
    S* zeros = scratch.take<S>(line);
    S* memory = scratch.take<S>(slab * (Z::back + 1));
    std::fill_n(zeros, line, S(0));
    std::fill_n(memory, slab * (Z::back + 1), S(0));  // what loads leave stays zero
    LineRing<S, decltype(load)> ring(memory, slab, Z::back + 1, -Z::back, load);
    S* bordered = zero_edge ? nullptr : scratch.take<S>(from * high);
    if constexpr (!zero_edge) {
      for (Index i = 0; i < out.x * out.y * out.z * from; ++i) x[i] = start == nullptr ? S(0) : start[i % from];
    }
    const Index lines_y = zero_edge ? out.y : out.y + Y::before + Y::after;
    const Index lines_z = zero_edge ? out.z : out.z + Z::before + Z::after;
    for (Index z = 0; z < lines_z; ++z) {
      const Index q = z + (zero_edge ? Z::before : 0);
      const Rows of_z = rows_of<Z>(q, in.z);
      const Index to_z = zero_edge ? z : Edge::source(z - Z::before, out.z);
      ring.reach(std::max<Index>(0, q - Z::span + Z::stride) / Z::stride, q / Z::stride + 1);
      for (Index l = 0; l < lines_y; ++l) {
        const Index to_y = zero_edge ? l : Edge::source(l - Y::before, out.y);
        S* line_out = x + (to_z * out.y + to_y) * out.x * from;
        transposed_line<S>(of_z, rows_of<Y>(l + (zero_edge ? Y::before : 0), in.y), ring, line, zeros, turned, low,
                           high, zero_edge ? start : nullptr, zero_edge ? line_out : bordered);
        if constexpr (zero_edge) {
          then(line_out, from * out.x);
        } else {
          fold_line(bordered, out.x, line_out);
        }
      }
    }
    if constexpr (!zero_edge) then(x, from * out.x * out.y * out.z);
  }

 private:
  /// Taps of a window along a line that lie together, and how many such runs there are.
  static constexpr int run = X::dilation == 1 ? X::kernel : 1, runs = X::kernel / run;

  /// The lines of a sample with their border along the first axis.
  template <class S>
  struct Bordered {
    Bordered(const Grid& grid, const S* numbers)
        : in(grid), x(numbers), line(from * (X::before + grid.x + X::after)), slab(line * grid.y) {
      S* none = scratch.take<S>(line);
      std::fill_n(none, line, S(0));
      zeros = none;
    }
    void load(Index z, S* place) const {
      const Index at = Edge::source(z, in.z);
      if (at == nothing) return;
      for (Index l = 0; l < in.y; ++l, place += line) {
        bordered_cells<Edge>(x + (at * in.y + l) * in.x * from, from, in.x, X::before, X::after, place);
      }
    }
    [[nodiscard]] const S* line_at(const S* of_slab, Index y) const {
      const Index at = Y::kernel == 1 ? y : Edge::source(y, in.y);
      return at == nothing ? zeros : of_slab + at * line;
    }

    Scratch scratch;
    Grid in;
    const S* x;
    Index line, slab;
    const S* zeros;
  };

  template <class Axis>
  static constexpr int tap_of(int i) {
    return Axis::phases.tap[static_cast<std::size_t>(i)];
  }

  /// The taps of one phase that reach a cell of x from cells of y that there are.
  struct Rows {
    int first, count;  ///< of the phase, in the table
    int low, high;     ///< of those, the ones that reach
    Index cell;        ///< t, from which `back` is counted
    const int* back;   ///< of the first tap of the phase
    [[nodiscard]] Index at(int i) const { return cell - back[i]; }
  };

  /// For cell q, counted from -before, of an axis on which y has n cells.
  template <class Axis>
  static Rows rows_of(Index q, Index n) {
    const auto phase = static_cast<std::size_t>(q % Axis::stride);
    const int first = Axis::phases.first[phase];
    Rows rows{first,
              Axis::phases.count[phase],
              0,
              Axis::phases.count[phase],
              q / Axis::stride,
              Axis::phases.back.data() + first};
    while (rows.low < rows.high && rows.at(rows.low) < 0) ++rows.low;
    while (rows.low < rows.high && rows.at(rows.high - 1) >= n) --rows.high;
    return rows;
  }

  template <class S, class Ring>
  static void transposed_line(const Rows& of_z, const Rows& of_y, const Ring& ring, Index line, const S* zeros,
                              const S* turned, Index low, Index high, const S* start, S* out) {
    const Index before_phase = of_z.first * Index{Y::kernel} * X::kernel + of_z.count * (of_y.first * Index{X::kernel});
    [&]<std::size_t... phase>(std::index_sequence<phase...>) {
      (
          [&] {
            constexpr int first_tap = X::phases.first[phase], count = X::phases.count[phase];
            // Taps whose cells of y lie side by side are one run.
            constexpr int run_back = count > 1 && X::stride % X::dilation == 0 ? count : 1;
            constexpr int runs_back = count / run_back;
            const Index t = low <= Index{phase} ? 0 : (low - Index{phase} + X::stride - 1) / X::stride;
            const Index at = t * X::stride + Index{phase};
            if (at >= high) return;
            const Index cells = (high - 1 - at) / X::stride + 1;
            const S* under[Z::kernel * Y::kernel * std::max(runs_back, 1)];
            int rows = 0;
            for (int m = of_z.low; m < of_z.high; ++m) {
              const S* slab = ring.slot(of_z.at(m));
              for (int l = 0; l < of_y.count; ++l) {
                const bool seen = l >= of_y.low && l < of_y.high;
                const S* cells_of_y = seen ? slab + of_y.at(l) * line : zeros;
                for (int k = 0; k < runs_back; ++k) {
                  under[rows++] =
                      cells_of_y + (t - X::phases.back[static_cast<std::size_t>(first_tap + k)] + X::back) * to;
                }
              }
            }
            const Index tap =
                before_phase + of_z.count * of_y.count * Index{first_tap} + of_z.low * of_y.count * Index{count};
            Taps::Turned::template gather<run_back, 1, X::stride>(cells, rows, under, turned + tap * Taps::weights,
                                                                  start, out + (at - low) * from);
          }(),
          ...);
    }
    (std::make_index_sequence<static_cast<std::size_t>(X::stride)>{});
  }

  /// Adds a line with its border to the cells that the border shows.
  template <class S>
  static void fold_line(const S* bordered, Index cells, S* line) {
    const Index all = cells + X::before + X::after;
    for (Index i = 0; i < all; ++i, bordered += from) {
      S* cell = line + Edge::source(i - X::before, cells) * from;
      for (int c = 0; c < from; ++c) cell[c] += bordered[c];
    }
  }
};

}  // namespace basin::detail
