#pragma once

// The negative log-likelihood of a mixture (C. M. Bishop, "Mixture Density Networks", 1994, equations 22 and 29): of
// each cell a network gives K numbers g and K answers r_k of C numbers, as layers/mix.hpp takes them, and what was seen
// there is t,
//
//   -1/(N cells) sum over samples and cells of log sum over k of p_k exp(-|t - r_k|^2 / (2 deviation^2)),
//
// with p = softmax(g), each cell times its weight where there are weights. It is 0 where an answer of probability 1 is
// right, and never below, but for rounding: the constant C log(deviation sqrt(2 pi)) of the normal distribution is left
// out. With q_k, the share that answer k has in the sum, its gradient in g_k is p_k - q_k, and in r_k it is
// q_k (r_k - t) / deviation^2.
//
// A network that is trained by it draws, under Mix<K, C, MixChoice::drawn>, what it has learned may be seen, where one
// that is trained by the squared error answers with the mean of it.

#include <algorithm>
#include <array>
#include <cmath>

#include "basin/core/layer.hpp"
#include "basin/train/loss.hpp"

namespace basin {

/// K: answers; C: numbers of each.
template <int K, int C, class T = float>
struct MixtureLoss {
  static_assert(K > 0 && C > 0, "MixtureLoss: the numbers of answers and of their features must be positive");

  State<T> target{};       ///< of the whole batch: (C, space..., samples)
  double deviation = 0.1;  ///< of what is seen from an answer, above 0
  /// Of the cells of the whole batch, (1, space..., samples), 0 or more; nothing: each is 1. Where they depend on
  /// nothing but what the network sees, they change how much each case counts, and not which probabilities are right.
  State<T> weights{};

  /// y is (K + K C, space..., samples). Throws std::invalid_argument for other shapes, and a deviation or a weight that
  /// makes no sense.
  template <class S>
  double value_and_gradient(std::type_identity_t<View<const S>> y, Index first_sample, Index batch_size,
                            View<S> dy) const {
    detail::check_slice<S>(y, first_sample, batch_size, dy);
    check_features("MixtureLoss", y.shape().features, K + K * C);
    const Shape whole = y.shape().with_samples(batch_size).with_features(C);
    check(whole == target.shape, "shape of the target of MixtureLoss", target.shape, whole);
    const double variance = deviation * deviation;
    check(deviation > 0 && variance > 0 && std::isfinite(variance), "deviation of MixtureLoss", deviation,
          "a number above 0 whose square is finite and above 0");
    const bool weighs = weights.values.size() != 0;
    if (weighs) {
      const Shape one = whole.with_features(1);
      check(weights.shape == one, "shape of the weights of MixtureLoss", weights.shape, one);
    }
    const T* weight = weights.values.data() + first_sample * (weighs ? whole.cells_per_sample() : 0);
    const double share = 1.0 / static_cast<double>(whole.cells());
    const T* wanted = target.values.data() + first_sample * whole.sample_size();
    double sum = 0;
    for (Index cell = 0; cell < y.shape().cells(); ++cell, wanted += C) {
      const double of_cell = weighs ? static_cast<double>(weight[cell]) : 1.0;
      if (!(of_cell >= 0 && std::isfinite(of_cell))) {
        check(false, "weight of a cell of MixtureLoss", of_cell, "0 or more, and finite");
      }
      const double part = share * of_cell;
      const S *g = y.data() + cell * (K + K * C), *answers = g + K;
      // Logarithms of p_k, but for a constant, and of the summands.
      std::array<double, K> chosen{}, seen{};
      double far = 0;  // what is not finite in an answer shows in the value, whatever share it has
      for (int k = 0; k < K; ++k) {
        double distance = 0;
        for (int c = 0; c < C; ++c) {
          const double away = static_cast<double>(wanted[c]) - static_cast<double>(answers[k * C + c]);
          distance += away * away;
        }
        const auto i = static_cast<std::size_t>(k);
        far += 0 * distance;
        chosen[i] = static_cast<double>(g[k]);
        seen[i] = chosen[i] - distance / (2 * variance);
      }
      sum += part * (to_shares(chosen) - to_shares(seen) + far);
      if (!dy) continue;
      S *dg = dy.data() + cell * (K + K * C), *danswers = dg + K;
      for (int k = 0; k < K; ++k) {
        const double p = chosen[static_cast<std::size_t>(k)], q = seen[static_cast<std::size_t>(k)];
        dg[k] = static_cast<S>(part * (p - q));
        for (int c = 0; c < C; ++c) {
          const double away = static_cast<double>(answers[k * C + c]) - static_cast<double>(wanted[c]);
          danswers[k * C + c] = static_cast<S>(part * q * away / variance);
        }
      }
    }
    return sum;
  }

 private:
  /// Numbers become their softmax; returns the logarithm of the sum of their exponentials.
  static double to_shares(std::array<double, K>& numbers) {
    const double largest = *std::max_element(numbers.begin(), numbers.end());
    double sum = 0;
    for (double& number : numbers) sum += number = std::exp(number - largest);
    for (double& number : numbers) number /= sum;
    return largest + std::log(sum);
  }
};

}  // namespace basin
