#pragma once

// Convolution over two axes of space (cross-correlation, as the field calls it):
//
//   y(o, i, j, n) = b(o) + sum_{c, k, l} W(o, c, k, l) x(c, s i + k - r, s j + l - r, n),   r = (K - 1) / 2,
//
// with Inputs and Outputs features, an odd kernel K, a stride s, and a boundary that says what stands beyond the
// edge. x is (Inputs, X, Y, 1, N), y is (Outputs, ceil(X / s), ceil(Y / s), 1, N).
//
// No image is unfolded: some lines of a sample at a time, as many as stay in the first-level cache, get a border, and
// each line of output cells is one product over the bordered lines under the kernel (kernels/product.hpp). Lines of
// zeros are left out. The gradient in x is the same product with the kernel turned round, over the gradient in y spread
// out by the stride; the gradient in W sums outer products.

#include <algorithm>

#include "basin/core/layer.hpp"
#include "basin/kernels/product.hpp"
#include "basin/layers/bias.hpp"
#include "basin/stencil/border.hpp"

namespace basin {

template <int Inputs, int Outputs, int Kernel, int Stride = 1, Boundary Edge = Zero, Bias WithBias = Bias::yes>
struct Conv {
  static_assert(Inputs > 0 && Outputs > 0, "Conv: the numbers of features must be positive");
  static_assert(Kernel > 0 && Kernel % 2 == 1, "Conv: the kernel must be odd, so that it has a centre cell");
  static_assert(Stride > 0, "Conv: the stride must be positive");

  static constexpr int in_features = Inputs;
  static constexpr int out_features = Outputs;
  static constexpr std::size_t weight_count = std::size_t{Kernel} * Kernel * Inputs * Outputs;
  static constexpr std::size_t param_count = weight_count + (WithBias == Bias::yes ? Outputs : 0);
  static constexpr Index border = (Kernel - 1) / 2;

  static void leaves(LeafList& list) {
    list.weight("weight", {Outputs, Inputs, Kernel, Kernel}, Inputs * Kernel * Kernel, Outputs * Kernel * Kernel);
    if constexpr (WithBias == Bias::yes) list.bias("bias", Outputs);
  }

  [[nodiscard]] Shape out_shape(const Shape& x) const {
    check_features("Conv", x.features, Inputs);
    check(x.space[2] == 1, "Conv: extent of the third axis of space", x.space[2], 1);
    for (const std::size_t axis : {0u, 1u}) {
      check(x.space[axis] > 0, "Conv: extent of an axis of space", x.space[axis], "at least 1");
      Edge::check_border(border, x.space[axis]);
    }
    return {Outputs, {(x.space[0] - 1) / Stride + 1, (x.space[1] - 1) / Stride + 1, 1}, x.samples};
  }

  template <class S>
  void apply(Theta<S, param_count> theta, In<S> x, View<S> y) const {
    apply_then(theta, x, y, [](S*, Index, Index) {});
  }

  template <class S, class Then>
  void apply_then(Theta<S, param_count> theta, In<S> x, View<S> y, const Then& then) const {
    correlate(theta.data(), WithBias == Bias::yes ? theta.data() + weight_count : nullptr, x, y, then);
  }

  template <class S>
  class Linearization;

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> x, View<S> y) const {
    apply(theta, x, y);
    return Linearization<S>(theta.data(), x, y.shape());
  }

 private:
  /// The last lines that were loaded, in a ring: line i of a plane, which may be negative, in slot i modulo `slots`.
  /// Each line is loaded once, and is in the first-level cache when it is used. load(i, to) makes a line.
  template <class S, class Load>
  class Lines {
   public:
    /// Lines are asked for from `first` on.
    Lines(S* memory, Index line, Index slots, Index first, const Load& load)
        : memory_(memory), line_(line), slots_(slots), next_(first), load_(load) {}

    /// Makes lines up to `end`, not including it, those before `from` left out.
    void reach(Index from, Index end) {
      for (next_ = std::max(next_, from); next_ < end; ++next_) load_(next_, slot(next_));
    }
    [[nodiscard]] S* slot(Index i) const { return memory_ + (i % slots_ + slots_) % slots_ * line_; }

   private:
    S* memory_;
    Index line_, slots_, next_;
    const Load& load_;
  };

  /// The products of `lines_out` lines of `cells` cells. Line j is made from lines j * step - before ... of `lines_in`
  /// lines of `line` numbers. `cut`: what lies beyond them is zero, and left out; otherwise load makes that too. `then`
  /// gets each finished line.
  template <int From, int Step, int To, bool cut, class S, class Load, class Then>
  static void products(Index lines_in, Index line, Index before, Index step, Index lines_out, Index cells,
                       const Load& load, const S* weights, const S* start, S* out, const Then& then) {
    Scratch scratch;
    Lines<S, Load> lines(scratch.take<S>(line * Kernel), line, Kernel, -before, load);
    for (Index j = 0; j < lines_out; ++j, out += To * cells) {
      const Index top = j * step - before;
      const Index low = cut ? std::max<Index>(top, 0) : top;
      const Index high = cut ? std::max(low, std::min(top + Kernel, lines_in)) : top + Kernel;
      lines.reach(low, high);
      const S* under[Kernel];
      for (Index i = low; i < high; ++i) under[i - low] = lines.slot(i);
      kernels::gather<Kernel * From, Step * From, To>(cells, static_cast<int>(high - low), under,
                                                      weights + (low - top) * Kernel * From * To, start, out);
      then(out, To * cells);
    }
  }

  /// y = the sum above; `then` gets each finished line.
  template <class S, class Then>
  static void correlate(const S* weights, const S* bias, View<const S> x, View<S> y, const Then& then) {
    const Index width = x.shape().space[0], height = x.shape().space[1];
    for (Index n = 0; n < x.samples(); ++n) {
      const auto load = [&](Index i, S* to) {
        bordered_line<Edge>(x.sample(n).data(), Inputs, width, height, border, i, to);
      };
      products<Inputs, Stride, Outputs, std::is_same_v<Edge, Zero>>(
          height, Inputs * (width + 2 * border), border, Stride, y.shape().space[1], y.shape().space[0], load, weights,
          bias, y.sample(n).data(), [&](S* out, Index size) { then(out, out - y.data(), size); });
    }
  }
};

/// J and its transposes. Refers to theta and x; owns the weights turned round.
template <int Inputs, int Outputs, int Kernel, int Stride, Boundary Edge, Bias WithBias>
template <class S>
class Conv<Inputs, Outputs, Kernel, Stride, Edge, WithBias>::Linearization {
 public:
  Linearization(const S* theta, View<const S> x, const Shape& y)
      : weights_(theta), x_(x), y_(y), turned_(static_cast<Index>(weight_count)) {
    for (int tap = 0; tap < Kernel * Kernel; ++tap) {
      const S* from = weights_ + tap * Inputs * Outputs;
      S* to = turned_.data() + (Kernel * Kernel - 1 - tap) * Inputs * Outputs;
      for (int c = 0; c < Inputs; ++c) {
        for (int o = 0; o < Outputs; ++o) to[o * Inputs + c] = from[c * Outputs + o];
      }
    }
  }

  void jvp(View<const S> t, View<S> out) const {
    correlate<S>(weights_, nullptr, t, out, [](S*, Index, Index) {});
  }

  void vjp(View<const S> w, View<S> dx) const {
    const Index width = x_.shape().space[0], height = x_.shape().space[1];
    // The gradient in y, spread out by the stride, with zeros around it; cell p of x, counted from -border, takes what
    // lies at p ... p + Kernel - 1 of Kernel - 1 zeros and then the spread lines. Zeros beyond the edge of x take no
    // gradient, so then only the cells of x itself are computed.
    constexpr bool zero_edge = std::is_same_v<Edge, Zero>;
    constexpr Index zeros = Kernel - 1 - (zero_edge ? border : 0);
    const Index full_width = width + (zero_edge ? 0 : 2 * border), full_height = height + (zero_edge ? 0 : 2 * border);
    const Index line = Outputs * (full_width + Kernel - 1);
    Scratch scratch;
    S* full = zero_edge ? nullptr : scratch.take<S>(Inputs * full_width * full_height);
    for (Index n = 0; n < w.samples(); ++n) {
      const auto spread = [&](Index i, S* to) {
        std::fill_n(to, line, S(0));
        if (i % Stride != 0) return;
        const S* from = w.sample(n).data() + i / Stride * Outputs * y_.space[0];
        to += zeros * Outputs;
        if constexpr (Stride == 1) {
          std::copy_n(from, Outputs * y_.space[0], to);
        } else {
          for (Index p = 0; p < y_.space[0]; ++p) std::copy_n(from + p * Outputs, Outputs, to + p * Stride * Outputs);
        }
      };
      products<Outputs, 1, Inputs, true>((y_.space[1] - 1) * Stride + 1, line, zeros, 1, full_height, full_width,
                                         spread, turned_.data(), static_cast<const S*>(nullptr),
                                         zero_edge ? dx.sample(n).data() : full, [](S*, Index) {});
      if constexpr (!zero_edge) fold_border<Edge>(full, Inputs, width, height, border, dx.sample(n).data());
    }
  }

  void pullback(View<const S> w, View<S> dx, ThetaGradient<S, param_count> dtheta) const {
    if (dx) vjp(w, dx);
    const Index width = x_.shape().space[0], height = x_.shape().space[1], line = Inputs * (width + 2 * border);
    // Bands of lines of y, so that the numbers of a register tile are added to dtheta once a band, and a band of x
    // still lies in a near cache.
    constexpr Index near_bytes = 24 * 1024, most = 16;
    const Index band = std::clamp<Index>(near_bytes / (line * Index{sizeof(S)}) / Stride, 1, most);
    Scratch scratch;
    S* memory = scratch.take<S>(line * (band * Stride + Kernel));
    for (Index n = 0; n < w.samples(); ++n) {
      const auto load = [&](Index i, S* to) {
        bordered_line<Edge>(x_.sample(n).data(), Inputs, width, height, border, i, to);
      };
      Lines<S, decltype(load)> lines(memory, line, band * Stride + Kernel, -border, load);
      for (Index first = 0; first < y_.space[1]; first += band) {
        const Index count = std::min(band, y_.space[1] - first), top = first * Stride - border;
        lines.reach(top, top + (count - 1) * Stride + Kernel);
        for (int k = 0; k < Kernel; ++k) {
          const S* under[most];
          for (Index j = 0; j < count; ++j) under[j] = lines.slot(top + j * Stride + k);
          kernels::outer<Kernel * Inputs, Stride * Inputs, Outputs>(count, y_.space[0], under,
                                                                    w.sample(n).data() + first * y_.space[0] * Outputs,
                                                                    dtheta.data() + k * Kernel * Inputs * Outputs);
        }
      }
    }
    if constexpr (WithBias == Bias::yes) {
      kernels::add_columns<Outputs>(w.shape().cells(), w.data(), dtheta.data() + weight_count);
    }
  }

 private:
  const S* weights_;
  View<const S> x_;
  Shape y_;
  Vector<S> turned_;  // [K - 1 - l][K - 1 - k][o][c]
};

}  // namespace basin
