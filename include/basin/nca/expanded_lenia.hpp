#pragma once

// Lenia of several channels and several kernels (B. W.-C. Chan, "Lenia and expanded universe", ALIFE 2020, arXiv
// 2005.03742). Kernel k looks at channel s_k, and what it sees makes channel t_k grow, with a weight h_k:
//
//   u_k = K_k * z_(s_k),   z_c' = clip(z_c + (1 / T) sum over k with t_k = c of h_k G_k(u_k), 0, 1),
//   G_k(u) = 2 exp(-(u - mu_k)^2 / (2 sigma_k^2)) - 1.
//
// Centres mu, widths sigma and weights h are parameters, so that they can be learned; the kernels, each a disc with
// rings of its own (nca/perceive_discs.hpp), and the channels are chosen when the program runs. The derivative is that
// of one branch: numbers that are clipped have none.

#include <array>
#include <cmath>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "basin/kernels/elementwise.hpp"
#include "basin/nca/automaton.hpp"
#include "basin/nca/perceive_discs.hpp"

namespace basin {

/// The growths of K kernels as a layer: y_c = sum over k with targets[k] = c of h_k G_k(x_k). Its leaves are "centre"
/// (mu), "width" (sigma, not 0) and "weight" (h), K numbers each.
template <int K, int C>
struct LeniaGrowths {
  static_assert(K > 0 && C > 0, "LeniaGrowths: the numbers of kernels and of channels must be positive");
  static constexpr int in_features = K, out_features = C;
  static constexpr std::size_t param_count = std::size_t{3} * K;

  std::array<int, K> targets{};  ///< from 0 to C - 1

  static void leaves(LeafList& list) {
    list.bias("centre", K);
    list.scale("width", K);
    list.scale("weight", K);
  }

  [[nodiscard]] Shape out_shape(const Shape& x) const {
    check_features("LeniaGrowths", x.features, K);
    for (const int target : targets) {
      if (target >= 0 && target < C) continue;
      check(false, "LeniaGrowths: target of a kernel", target, "0 to " + std::to_string(C - 1));
    }
    return x.with_features(C);
  }

  template <class S>
  void apply(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& = {}) const {
    check_output<LeniaGrowths, S>("LeniaGrowths", *this, x, y);
    Scratch scratch;
    S* bells = scratch.take<S>(x.size());
    ring<S>(theta, x, bells);
    answer<S>(theta, bells, y);
  }

  template <class S>
  class Linearization;

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& = {}) const {
    check_output<LeniaGrowths, S>("LeniaGrowths", *this, x, y);
    return Linearization<S>(*this, theta, x, y);
  }

 private:
  /// exp(-(x_k - mu_k)^2 / (2 sigma_k^2)) of all numbers.
  template <class S>
  static void ring(std::span<const S, param_count> theta, View<const S> x, S* bells) {
    const S* centre = theta.data();
    S scale[K];
    for (int k = 0; k < K; ++k) scale[k] = S(-0.5) / (theta[K + k] * theta[K + k]);
    for (Index i = 0; i < x.size(); i += K) {
      for (int k = 0; k < K; ++k) {
        const S off = x.data()[i + k] - centre[k];
        bells[i + k] = scale[k] * off * off;
      }
    }
    kernels::elementwise(
        x.size(), bells, [](const auto& numbers) { return numbers.exp(); }, static_cast<const S*>(bells));
  }

  template <class S>
  void answer(std::span<const S, param_count> theta, const S* bells, View<S> y) const {
    const S* weight = theta.data() + 2 * K;
    y.vector().setZero();
    S* out = y.data();
    for (Index i = 0; i < y.shape().cells(); ++i, out += C, bells += K) {
      for (std::size_t k = 0; k < K; ++k) out[targets[k]] += weight[k] * (S(2) * bells[k] - S(1));
    }
  }
};

/// Refers to theta and x; owns the exponentials.
template <int K, int C>
template <class S>
class LeniaGrowths<K, C>::Linearization {
 public:
  Linearization(const LeniaGrowths& layer, std::span<const S, param_count> theta, View<const S> x, View<S> y)
      : targets_(layer.targets), theta_(theta), x_(x), y_(y.shape()), bells_(x.size()) {
    ring<S>(theta, x, bells_.data());
    layer.template answer<S>(theta, bells_.data(), y);
  }

  void jvp(View<const S> t, View<S> out) const {
    check_jvp<S>("LeniaGrowths", x_.shape(), y_, t, out);
    out.vector().setZero();
    each([&](Index cell, std::size_t k, S off, S bell) {
      out.data()[cell * C + targets_[k]] += slope(k, off, bell) * t.data()[cell * K + static_cast<Index>(k)];
    });
  }

  void vjp(View<const S> w, View<S> dx) const {
    check_vjp<S>("LeniaGrowths", x_.shape(), y_, w, dx);
    each([&](Index cell, std::size_t k, S off, S bell) {
      dx.data()[cell * K + static_cast<Index>(k)] = slope(k, off, bell) * w.data()[cell * C + targets_[k]];
    });
  }

  void pullback(View<const S> w, View<S> dx, ThetaGradient<S, param_count> dtheta) const {
    check_pullback<S>("LeniaGrowths", x_.shape(), y_, w, dx);
    if (dx) vjp(w, dx);
    each([&](Index cell, std::size_t k, S off, S bell) {
      const S g = w.data()[cell * C + targets_[k]], along = g * slope(k, off, bell);
      dtheta[k] -= along;
      dtheta[K + k] -= along * off / theta_[K + k];
      dtheta[2 * K + k] += g * (S(2) * bell - S(1));
    });
  }

 private:
  /// h_k dG_k / du
  [[nodiscard]] S slope(std::size_t k, S off, S bell) const {
    return S(-2) * theta_[2 * K + k] * bell * off / (theta_[K + k] * theta_[K + k]);
  }

  /// body(cell, kernel, u - mu, exponential)
  template <class Body>
  void each(const Body& body) const {
    for (Index cell = 0; cell < x_.shape().cells(); ++cell) {
      for (std::size_t k = 0; k < K; ++k) {
        const Index at = cell * K + static_cast<Index>(k);
        body(cell, k, x_.data()[at] - theta_[k], bells_[at]);
      }
    }
  }

  std::array<int, K> targets_;
  std::span<const S, param_count> theta_;
  View<const S> x_;
  Shape y_;
  Buffer<S> bells_;
};

/// States are (C, X, Y, 1, N). Made by expanded_lenia(options), its parameters by lenia_parameters.
template <int C, int K, Boundary Edge = Periodic>
using ExpandedLenia = Automaton<PerceiveDiscs<C, K, Edge>, LeniaGrowths<K, C>, EveryCell, Everywhere, ClippedIncrement>;

/// A kernel with its growth.
struct LeniaKernel {
  int source = 0, target = 0;               ///< s and t, channels from 0
  double radius = 13;                       ///< of the kernel, in cells
  std::function<double(double)> profile{};  ///< of the kernel, on [0, 1], but for a factor; 1 if there is none
  double centre = 0.15, width = 0.015;      ///< mu and sigma, of the growth
  double weight = 1;                        ///< h
};

/// A profile of rings of the same width, b_0 ... b_(B-1) from the centre outwards, each a bell over r = 0 ... 1 with
/// its middle at 1/2 and a deviation of `deviation` (0.15 in the notebooks published with Lenia).
[[nodiscard]] inline std::function<double(double)> bell_rings(std::vector<double> heights, double deviation = 0.15) {
  return [heights = std::move(heights), deviation](double r) {
    const double at = r * static_cast<double>(heights.size());
    const std::size_t ring = static_cast<std::size_t>(at);
    if (ring >= heights.size()) return 0.0;
    const double off = (at - static_cast<double>(ring) - 0.5) / deviation;
    return heights[ring] * std::exp(-0.5 * off * off);
  };
}

/// What the cells of kernels see.
template <int C, int K, Boundary Edge>
[[nodiscard]] PerceiveDiscs<C, K, Edge> lenia_discs(const std::vector<LeniaKernel>& kernels) {
  std::vector<DiscOptions> discs;
  for (const LeniaKernel& one : kernels) discs.push_back({one.source, one.radius, one.profile});
  return PerceiveDiscs<C, K, Edge>(discs);
}

/// Which channel each kernel makes grow.
template <int K>
[[nodiscard]] std::array<int, K> lenia_targets(const std::vector<LeniaKernel>& kernels) {
  check(kernels.size() == std::size_t{K}, "Lenia: number of kernels", kernels.size(), K);
  std::array<int, K> targets{};
  for (std::size_t k = 0; k < K; ++k) targets[k] = kernels[k].target;
  return targets;
}

/// steps_per_time: T. Throws std::invalid_argument for T that is not positive, another number of kernels than K, and
/// what PerceiveDiscs refuses; a target that is no channel is refused when it is run.
template <int C, int K, Boundary Edge = Periodic>
[[nodiscard]] ExpandedLenia<C, K, Edge> expanded_lenia(const std::vector<LeniaKernel>& kernels, double steps_per_time) {
  check(steps_per_time > 0, "Lenia: steps in a unit of time", steps_per_time, "above 0");
  ExpandedLenia<C, K, Edge> automaton;
  automaton.rule.targets = lenia_targets<K>(kernels);
  automaton.perception = lenia_discs<C, K, Edge>(kernels);
  automaton.update.rate = 1 / steps_per_time;
  return automaton;
}

/// Centres, widths and weights of the kernels of a model whose parameters they are (ExpandedLenia, FlowLenia). Throws
/// std::invalid_argument for another number of kernels, and a width that is not positive.
template <class Model, class S = float>
[[nodiscard]] Parameters<Model, S> lenia_parameters(const std::vector<LeniaKernel>& kernels) {
  Parameters<Model, S> theta;
  check(3 * kernels.size() == Model::param_count, "Lenia: number of kernels", kernels.size(), Model::param_count / 3);
  for (std::size_t k = 0; k < kernels.size(); ++k) {
    check(kernels[k].width > 0, "Lenia: width of the growth", kernels[k].width, "above 0");
    theta.leaf("centre")[k] = static_cast<S>(kernels[k].centre);
    theta.leaf("width")[k] = static_cast<S>(kernels[k].width);
    theta.leaf("weight")[k] = static_cast<S>(kernels[k].weight);
  }
  return theta;
}

}  // namespace basin
