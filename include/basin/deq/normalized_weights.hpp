#pragma once

// A layer whose weights W are made of free parameters V, so that its size is what is said, at each step of a training
// and inside its gradient:
//
//   SpectrallyNormalized<L>   W = V min(1, limit / b(V)),  b(V) >= |V|_2 a proved bound:  |W|_2 <= limit, whatever V is
//   WeightNormalized<L>       w_o = g_o v_o / |v_o|, w_o the weights into output o:  |w_o| = |g_o|
//
// The first is what T. Miyato et al., "Spectral normalization for generative adversarial networks", ICLR 2018, want of
// the power method, whose estimate is from below; here b is the one of linear/norm_bound.hpp, and its gradient is part
// of the layer's: with D the gradient in W,
//
//   dV = (limit / b) (D - <D, V> / b db/dV)  where b > limit, else D.
//
// Of a convolution it holds with zeros beyond the edge and on a torus, of any size. A cell sigma(W z + u) with a limit
// below 1 and a sigma that stretches nothing contracts. V longer than that is no better than shorter: weight decay
// keeps it small. limit_spectral_norm (train/limit_norms.hpp) instead cuts W back after each step.
//
// The second is T. Salimans, D. P. Kingma, "Weight normalization", NeurIPS 2016, equation 2, with the gradient of
// equation 3. It bounds what enters one output, and of the whole |W|_2 <= |W|_F = |g| (K |g| of a convolution of K x K
// taps): a learned g leaves no bound below 1.
//
// L is a layer with one leaf of weights, (outputs, inputs) or (outputs, inputs, K, K): Dense, Conv. Other leaves, a
// bias, stay what they are. W is made in double, once for what is prepared (core/layer.hpp), as for a whole solve; else
// at each call, which value_and_gradient makes once a part of the batch.

#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "basin/core/layer.hpp"
#include "basin/layers/conv.hpp"
#include "basin/layers/window_conv.hpp"
#include "basin/linear/norm_bound_gradient.hpp"

namespace basin {

namespace detail {

/// The one leaf of weights of a layer. Throws std::invalid_argument if there are more or none, or it has another shape.
template <class L>
[[nodiscard]] const Leaf& only_weights() {
  static const Leaf found = [] {
    Leaf weights;
    int count = 0;
    for (const Leaf& leaf : leaves_of<L>()) {
      if (leaf.kind != LeafKind::weight) continue;
      weights = leaf;
      ++count;
    }
    check(count == 1, "NormalizedWeights: number of leaves of weights", count, 1);
    const bool outputs_first = weights.shape.size() >= 2 && weights.axes[0] == LeafAxis::out &&
                               weights.axes[1] == LeafAxis::in && weights.shape[0] == L::out_features;
    check(outputs_first, "NormalizedWeights: first axes of '" + weights.name + "'", "others",
          "(outputs, inputs), as of Dense and Conv");
    const std::size_t axes = weights.shape.size();
    check(axes == 2 || (axes == 4 && weights.shape[2] == weights.shape[3]),
          "NormalizedWeights: axes of '" + weights.name + "'", axes, "(outputs, inputs) or (outputs, inputs, K, K)");
    return weights;
  }();
  return found;
}

/// Whether the bound of the spectral norm is one: other edges than zeros and a torus repeat cells.
template <class L>
inline constexpr bool edge_is_bounded = true;
template <int Inputs, int Outputs, int Kernel, int Stride, class Edge, Bias WithBias>
inline constexpr bool edge_is_bounded<Conv<Inputs, Outputs, Kernel, Stride, Edge, WithBias>> =
    std::is_same_v<Edge, Zero> || std::is_same_v<Edge, Periodic>;
template <class Taps, Window W, class Edge, Bias WithBias>
inline constexpr bool edge_is_bounded<WindowConv<Taps, W, Edge, WithBias>> =
    std::is_same_v<Edge, Zero> || std::is_same_v<Edge, Periodic>;

}  // namespace detail

/// Of NormalizedWeights: W = V min(1, limit / b(V)).
struct SpectralNorm {
  double limit = 0.95;       ///< of |W|_2, above 0
  NormBoundOptions bound{};  ///< fewer points and squarings cost less, and bound less closely

  static constexpr std::size_t lengths(int) { return 0; }  // numbers of theta beside those of the layer

  /// What the gradient needs of V.
  struct Kept {
    double bound = 0;                ///< b(V)
    std::vector<double> v{};         ///< V, in the order of its leaf
    std::vector<double> gradient{};  ///< db/dV, in the same order
  };

  /// w = W of v.
  [[nodiscard]] Kept make(const Leaf& leaf, std::span<const double> v, std::span<const double>,
                          std::span<double> w) const {
    check(limit > 0 && std::isfinite(limit), "SpectralNorm: limit", limit, "a finite number above 0");
    NormBoundGradient of = convolution_norm_bound_gradient(v, leaf.shape[0], leaf.shape[1],
                                                           leaf.shape.size() == 2 ? 1 : leaf.shape[2], bound);
    const double scale = of.bound > limit ? limit / of.bound : 1;
    for (std::size_t i = 0; i < v.size(); ++i) w[i] = scale * v[i];
    return {of.bound, {v.begin(), v.end()}, std::move(of.gradient)};
  }

  /// dv += the gradient in V of a gradient dw in W.
  template <class S>
  void pull_back(const Leaf&, const Kept& kept, const S* dw, S* dv, S*) const {
    double along = 0;
    const std::size_t count = kept.v.size();
    if (!(kept.bound > limit)) {
      for (std::size_t i = 0; i < count; ++i) dv[i] += dw[i];
      return;
    }
    for (std::size_t i = 0; i < count; ++i) along += static_cast<double>(dw[i]) * kept.v[i];
    for (std::size_t i = 0; i < count; ++i) {
      dv[i] +=
          static_cast<S>(limit / kept.bound * (static_cast<double>(dw[i]) - along / kept.bound * kept.gradient[i]));
    }
  }
};

/// Of NormalizedWeights: w_o = g_o v_o / |v_o|. Where v_o is 0 so is w_o, and it gets no gradient.
struct OutputNorms {
  /// Numbers of theta beside those of the layer: g.
  static constexpr std::size_t lengths(int outputs) { return static_cast<std::size_t>(outputs); }

  /// Directions v, lengths g and the norms of v, which the gradient needs.
  struct Kept {
    std::vector<double> v{};      ///< all v_o, in the order of their leaf: number i is of output i % outputs
    std::vector<double> g{};      ///< g_o, one for each output
    std::vector<double> norms{};  ///< |v_o|, one for each output

    /// g_o / |v_o|, or 0 where v_o is.
    [[nodiscard]] double scale(std::size_t o) const { return norms[o] > 0 ? g[o] / norms[o] : 0; }
  };

  /// w = W of v and g: as many numbers as v, in the order of the leaf.
  [[nodiscard]] Kept make(const Leaf& leaf, std::span<const double> v, std::span<const double> g,
                          std::span<double> w) const {
    const auto outputs = static_cast<std::size_t>(leaf.shape[0]);
    Kept kept{{v.begin(), v.end()}, {g.begin(), g.end()}, std::vector<double>(outputs)};
    const auto columns = static_cast<Index>(v.size()) / leaf.shape[0];
    const Eigen::Map<const Matrix<double>> rows(v.data(), leaf.shape[0], columns);
    for (std::size_t o = 0; o < outputs; ++o) kept.norms[o] = rows.row(static_cast<Index>(o)).stableNorm();
    for (std::size_t i = 0; i < v.size(); ++i) w[i] = v[i] * kept.scale(i % outputs);
    return kept;
  }

  /// dv and dg += the gradients in v and g of a gradient dw in W (Salimans & Kingma 2016, equation 3).
  template <class S>
  void pull_back(const Leaf& leaf, const Kept& kept, const S* dw, S* dv, S* dg) const {
    const auto outputs = static_cast<std::size_t>(leaf.shape[0]);
    std::vector<double> along(outputs);  // <dw_o, v_o> / |v_o|, which is dg
    for (std::size_t i = 0; i < kept.v.size(); ++i) along[i % outputs] += static_cast<double>(dw[i]) * kept.v[i];
    for (std::size_t o = 0; o < outputs; ++o) {
      along[o] = kept.norms[o] > 0 ? along[o] / kept.norms[o] : 0;
      dg[o] += static_cast<S>(along[o]);
    }
    for (std::size_t i = 0; i < kept.v.size(); ++i) {
      const std::size_t o = i % outputs;
      if (kept.norms[o] == 0) continue;
      dv[i] += static_cast<S>(kept.scale(o) * (static_cast<double>(dw[i]) - along[o] * kept.v[i] / kept.norms[o]));
    }
  }
};

template <class L, class How>
struct NormalizedWeights {
  static_assert(!std::is_same_v<How, SpectralNorm> || detail::edge_is_bounded<L>,
                "SpectrallyNormalized: the edge of a convolution must be Zero or Periodic, where its norm is bounded");

  static constexpr int in_features = L::in_features, out_features = L::out_features;
  static constexpr std::size_t lengths =
      How::lengths(out_features);  ///< numbers of theta behind the layer's: g, or none
  static constexpr std::size_t param_count = L::param_count + lengths;
  static constexpr bool changes_with_step = basin::changes_with_step<L>;

  L layer{};  ///< what W is put into, with its options
  How how{};  ///< how W is made of V: SpectralNorm or OutputNorms, with its options

  /// Those of the layer, with V in the place of W, and then what else there is.
  static void leaves(LeafList& list) {
    L::leaves(list);
    if constexpr (lengths > 0) list.scale("length", static_cast<Index>(lengths));
  }

  [[nodiscard]] Shape out_shape(const Shape& x) const { return layer.out_shape(x); }

  /// The layer's theta with W in it, and what the gradient needs. Linearizations refer to it: it does not move.
  template <class S>
  struct Made {
    Buffer<S> theta;                 ///< of the layer: W where V was, and the rest as it is
    typename How::Kept kept;         ///< for the gradient in V
    detail::PreparedOf<L, S> layer;  ///< what the layer prepares of that theta

    /// theta as the layer takes it.
    [[nodiscard]] std::span<const S, L::param_count> span() const {
      return std::span<const S, L::param_count>(theta.data(), L::param_count);
    }
  };
  template <class S>
  using Prepared = std::unique_ptr<const Made<S>>;

  /// Throws std::invalid_argument if the layer has not one leaf of weights, or an option is out of range.
  template <class S>
  [[nodiscard]] Prepared<S> prepare(std::span<const S, param_count> theta) const {
    const Leaf& leaf = detail::only_weights<L>();
    Buffer<S> inner(static_cast<Index>(L::param_count));
    std::copy_n(theta.begin(), L::param_count, inner.data());
    const auto from = theta.begin() + static_cast<std::ptrdiff_t>(leaf.offset);
    const std::vector<double> v(from, from + static_cast<std::ptrdiff_t>(leaf.size));
    const std::vector<double> g(theta.begin() + L::param_count, theta.end());
    std::vector<double> w(leaf.size);
    auto kept = how.make(leaf, v, g, w);
    for (std::size_t i = 0; i < w.size(); ++i) {
      inner.data()[leaf.offset + i] = static_cast<S>(w[i]);
    }
    auto of_layer = detail::prepared_of<L, S>(layer, std::span<const S, L::param_count>(inner.data(), L::param_count));
    return std::unique_ptr<const Made<S>>(new Made<S>{std::move(inner), std::move(kept), std::move(of_layer)});
  }

  template <class S>
  void apply(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& context = {},
             IfPrepared<Prepared<S>> prepared = {}) const {
    if (!prepared) {
      const Prepared<S> made = prepare<S>(theta);
      return apply<S>(theta, x, y, context, made);
    }
    (void)detail::apply_with<L, S>(layer, (*prepared)->span(), &(*prepared)->layer, context, x, y);
  }

  template <class S>
  class Linearization {
   public:
    Linearization(const NormalizedWeights& model, View<const S> x, View<S> y, const Context& context,
                  const Prepared<S>* prepared, Prepared<S> owned)
        : how_(model.how),
          owned_(std::move(owned)),
          made_(prepared != nullptr ? prepared->get() : owned_.get()),
          inner_(detail::linearize_with<L, S>(model.layer, made_->span(), &made_->layer, context, x, y)) {}

    void jvp(View<const S> t, View<S> out) const { inner_.jvp(t, out); }
    void vjp(View<const S> w, View<S> dx) const { inner_.vjp(w, dx); }
    void pullback(View<const S> w, View<S> dx, ThetaGradient<S, param_count> dtheta) const {
      const Leaf& leaf = detail::only_weights<L>();
      Buffer<S> d(static_cast<Index>(L::param_count));
      d.vector().setZero();
      inner_.pullback(w, dx, std::span<S, L::param_count>(d.data(), L::param_count));
      S* const to = dtheta.data();
      how_.template pull_back<S>(leaf, made_->kept, d.data() + leaf.offset, to + leaf.offset, to + L::param_count);
      for (std::size_t i = 0; i < L::param_count; ++i) {
        if (i < leaf.offset || i >= leaf.offset + leaf.size) to[i] += d.data()[i];
      }
    }

   private:
    How how_;
    Prepared<S> owned_;  // unless it was prepared
    const Made<S>* made_;
    LinearizationOf<L, S> inner_;
  };

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& context = {},
                             IfPrepared<Prepared<S>> prepared = {}) const {
    return Linearization<S>(*this, x, y, context, prepared.get(), prepared ? nullptr : prepare<S>(theta));
  }
};

template <class L>
using SpectrallyNormalized = NormalizedWeights<L, SpectralNorm>;

template <class L>
using WeightNormalized = NormalizedWeights<L, OutputNorms>;

}  // namespace basin
