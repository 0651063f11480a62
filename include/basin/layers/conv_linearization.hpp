#pragma once

// The derivative of a convolution. The gradient in x is again a convolution, of the gradient in y with the kernel
// turned round; that in the weights is a sum of outer products over the cells, or comes by Winograd's filtering.
//
// It is included by layers/conv.hpp.

#include <algorithm>

#include "basin/layers/conv.hpp"

namespace basin {

/// J and its transposes. Refers to theta and x; owns the weights turned round, or refers to what was prepared.
template <int Inputs, int Outputs, int Kernel, int Stride, Boundary Edge, Bias WithBias>
template <class S>
class Conv<Inputs, Outputs, Kernel, Stride, Edge, WithBias>::Linearization {
 public:
  Linearization(const S* theta, View<const S> x, const Shape& y, const Prepared<S>* prepared)
      : weights_(theta), x_(x), y_(y), prepared_(prepared) {
    if (prepared == nullptr) turned_ = turned_weights(theta);
  }

  void jvp(View<const S> t, View<S> out) const {
    check_jvp("Conv", x_.shape(), y_, t, out);
    correlate(weights_, static_cast<const S*>(nullptr), prepared_, t, out, detail::NoThen{});
  }

  void vjp(View<const S> w, View<S> dx) const {
    check_vjp("Conv", x_.shape(), y_, w, dx);
    const Index width = x_.shape().space[0], height = x_.shape().space[1];
    // The gradient in y, spread out by the stride, with zeros around it; cell p of x, counted from -border, takes what
    // lies at p ... p + Kernel - 1 of Kernel - 1 zeros and then the spread lines. Zeros beyond the edge of x take no
    // gradient, so then only the cells of x itself are computed.
    constexpr bool zero_edge = std::is_same_v<Edge, Zero>;
    constexpr Index zeros = Kernel - 1 - (zero_edge ? border : 0);
    const Index full_width = width + (zero_edge ? 0 : 2 * border), full_height = height + (zero_edge ? 0 : 2 * border);
    const Index line = Outputs * (full_width + Kernel - 1), spread_lines = (y_.space[1] - 1) * Stride + 1;
    Scratch scratch;
    S* full = zero_edge ? nullptr : scratch.take<S>(Inputs * full_width * full_height);
    const S* turned = prepared_ == nullptr ? turned_.data() : prepared_->turned.data();
    const S* of_tiles = nullptr;  // null: directly
    if constexpr (winograd) {
      of_tiles = transformed<Outputs, Inputs>(turned, prepared_ == nullptr ? nullptr : prepared_->backward.data(),
                                              x_.shape(), scratch);
    }
    for (Index n = 0; n < w.samples(); ++n) {
      const auto spread = [&](Index i, S* to) {
        std::fill_n(to, line, S(0));
        if (i < 0 || i >= spread_lines || i % Stride != 0) return;
        const S* from = w.sample(n).data() + i / Stride * Outputs * y_.space[0];
        to += zeros * Outputs;
        if constexpr (Stride == 1) {
          std::copy_n(from, Outputs * y_.space[0], to);
        } else {
          for (Index p = 0; p < y_.space[0]; ++p) std::copy_n(from + p * Outputs, Outputs, to + p * Stride * Outputs);
        }
      };
      S* out = zero_edge ? dx.sample(n).data() : full;
      const S* none = nullptr;
      const auto as_it_is = [](S*, Index) {};
      if (of_tiles == nullptr) {
        detail::conv_lines<Kernel, Outputs, 1, Inputs, true>(spread_lines, line, zeros, 1, full_height, full_width,
                                                             spread, turned, none, out, as_it_is);
      } else if constexpr (winograd) {
        detail::winograd_lines<Outputs, Inputs>(zeros, full_height, full_width, spread, of_tiles, none, out, as_it_is);
      }
      if constexpr (!zero_edge) fold_border<Edge>(full, Inputs, width, height, border, dx.sample(n).data());
    }
  }

  void pullback(View<const S> w, View<S> dx, ThetaGradient<S, param_count> dtheta) const {
    check_pullback("Conv", x_.shape(), y_, w, dx);
    if (dx) vjp(w, dx);
    pull_weights(w, dtheta.data());
    if constexpr (WithBias == Bias::yes) {
      kernels::add_columns<Outputs>(w.shape().cells(), w.data(), dtheta.data() + weight_count);
    }
  }

 private:
  /// Makes the bordered lines of one sample of x.
  [[nodiscard]] auto line_of(Index n) const {
    return [this, n](Index i, S* to) {
      bordered_line<Edge>(x_.sample(n).data(), Inputs, x_.shape().space[0], x_.shape().space[1], border, i, to);
    };
  }

  void pull_weights(View<const S> w, S* dweights) const {
    if constexpr (winograd) {
      if (winograd_pays_for_weights(x_.shape())) {
        pull_weights_by_winograd(w, dweights);
        return;
      }
    }
    const Index line = Inputs * (x_.shape().space[0] + 2 * border);
    // Bands of lines of y, so that the numbers of a register tile are added to dtheta once a band, and a band of x
    // still lies in a near cache.
    constexpr Index near_bytes = 24 * 1024, most = 16;
    const Index band = std::clamp<Index>(near_bytes / (line * Index{sizeof(S)}) / Stride, 1, most);
    Scratch scratch;
    S* memory = scratch.take<S>(line * (band * Stride + Kernel));
    for (Index n = 0; n < w.samples(); ++n) {
      const auto load = line_of(n);
      detail::LineRing<S, decltype(load)> lines(memory, line, band * Stride + Kernel, -border, load);
      for (Index first = 0; first < y_.space[1]; first += band) {
        const Index count = std::min(band, y_.space[1] - first), top = first * Stride - border;
        lines.reach(top, top + (count - 1) * Stride + Kernel);
        for (int k = 0; k < Kernel; ++k) {
          const S* under[most];
          for (Index j = 0; j < count; ++j) under[j] = lines.slot(top + j * Stride + k);
          kernels::outer<Kernel * Inputs, Stride * Inputs, Outputs>(count, y_.space[0], under,
                                                                    w.sample(n).data() + first * y_.space[0] * Outputs,
                                                                    dweights + k * Kernel * Inputs * Outputs);
        }
      }
    }
  }

  void pull_weights_by_winograd(View<const S> w, S* dweights) const {
    Scratch scratch;
    S* transformed = scratch.take<S>(transformed_count);
    std::fill_n(transformed, transformed_count, S(0));
    for (Index n = 0; n < w.samples(); ++n) {
      detail::winograd_gradient<Inputs, Outputs>(border, y_.space[1], y_.space[0], line_of(n), w.sample(n).data(),
                                                 transformed);
    }
    kernels::winograd_weights_back<Inputs, Outputs>(transformed, dweights);
  }

  const S* weights_;
  View<const S> x_;
  Shape y_;
  const Prepared<S>* prepared_;
  Buffer<S> turned_;  // unless it was prepared
};

}  // namespace basin
