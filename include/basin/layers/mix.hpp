#pragma once

// Answers of several layers as one, each cell by itself: with x = (g; r_1; ...; r_K) of a cell, K numbers g and K
// answers r_k of C numbers each,
//
//   y = sum over k of p_k r_k,   p = softmax((g + n) / temperature),
//
// where n is 0, or, where the choice is drawn, noise by Gumbel's distribution. Then the largest of g + n is number k
// with probability softmax(g)_k (E. J. Gumbel 1954), and
//
//   mean       n = 0: the mean answer
//   relaxed    close to a draw the lower the temperature is (E. Jang, S. Gu, B. Poole, "Categorical Reparameterization
//              with Gumbel-Softmax", 2017)
//   drawn      y = r_k of the k that is drawn, with the derivative dy = dr_k + sum over l of r_l dp_l: what was drawn
//              is changed, and p in place of the draw (straight-through, section 2.2 there)
//
// So a mixture of rules, of which each cell takes one at each step (S. Milite, G. Caravagna, A. Sottoriva, "Mixtures of
// Neural Cellular Automata", 2025), is the rule
//
//   Sequential<Concat<Chooser, Rule1, ..., RuleK>, Mix<K, C, MixChoice::drawn>>
//
// where the chooser gives K numbers and each rule C. n is a function of (seed, context.draw, context.step, number of
// the sample, number of the cell, k) and is never stored; as the rule of an automaton that is one of (seed, draw, step,
// sample, cell, k).

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "basin/core/layer.hpp"
#include "basin/core/random.hpp"

namespace basin {

/// What a Mix does with its probabilities.
enum class MixChoice { mean, relaxed, drawn };

namespace detail {

/// Streams of random numbers that no other use has (core/random.hpp), one for each step.
inline constexpr std::uint64_t mix_streams = std::uint64_t{1} << 55;

}  // namespace detail

/// K: answers; C: numbers of each. x is (K + K C, space..., N), y is (C, space..., N).
template <int K, int C, MixChoice Choice = MixChoice::mean>
struct Mix {
  static_assert(K > 0 && C > 0, "Mix: the numbers of answers and of their features must be positive");
  static_assert(K <= 64, "Mix: there can be 64 answers at most");
  static constexpr int in_features = K + K * C, out_features = C;
  static constexpr std::size_t param_count = 0;
  static constexpr bool changes_with_step = Choice != MixChoice::mean;

  double temperature = 1;  ///< above 0 and finite
  std::uint64_t seed = 0;  ///< of this layer: two that are to differ have different ones

  /// Throws std::invalid_argument for another number of features.
  [[nodiscard]] Shape out_shape(const Shape& x) const {
    check_features("Mix", x.features, in_features);
    return x.with_features(C);
  }

  /// Throws std::invalid_argument if temperature or the shape of y makes no sense.
  template <class S>
  void apply(Theta<S, 0>, In<S> x, View<S> y, const Context& context = {}) const {
    each_cell<S>(x, y, context, [](Index, const Weights<S>&) {});
  }

  template <class S>
  class Linearization {
   public:
    void jvp(View<const S> t, View<S> out) const {
      check_jvp<S>("Mix", x_.shape(), x_.shape().with_features(C), t, out);
      for (Index cell = 0; cell < x_.shape().cells(); ++cell) {
        const S *numbers = x_.data() + cell * in_features, *change = t.data() + cell * in_features;
        const S *p = soft_.data() + cell * K, *w = taken_.data() + cell * K;
        S mean = 0;
        for (int k = 0; k < K; ++k) mean += p[k] * change[k];
        S* to = out.data() + cell * C;
        std::fill_n(to, C, S(0));
        for (int k = 0; k < K; ++k) {
          const S dp = p[k] * (change[k] - mean) / temperature_;
          for (int c = 0; c < C; ++c) to[c] += w[k] * change[K + k * C + c] + dp * numbers[K + k * C + c];
        }
      }
    }
    void vjp(View<const S> w, View<S> dx) const {
      check_vjp<S>("Mix", x_.shape(), x_.shape().with_features(C), w, dx);
      transpose(w, dx);
    }
    void pullback(View<const S> w, View<S> dx, ThetaGradient<S, 0>) const {
      check_pullback<S>("Mix", x_.shape(), x_.shape().with_features(C), w, dx);
      if (dx) transpose(w, dx);
    }

   private:
    friend struct Mix;
    Linearization(View<const S> x, S temperature)
        : x_(x), temperature_(temperature), soft_(x.shape().cells() * K), taken_(soft_.size()) {}

    void transpose(View<const S> w, View<S> dx) const {
      for (Index cell = 0; cell < x_.shape().cells(); ++cell) {
        const S *numbers = x_.data() + cell * in_features, *from = w.data() + cell * C;
        const S *p = soft_.data() + cell * K, *taken = taken_.data() + cell * K;
        S* to = dx.data() + cell * in_features;
        S mean = 0;
        for (int k = 0; k < K; ++k) {
          to[k] = 0;
          for (int c = 0; c < C; ++c) {
            to[k] += numbers[K + k * C + c] * from[c];
            to[K + k * C + c] = taken[k] * from[c];
          }
          mean += p[k] * to[k];
        }
        for (int k = 0; k < K; ++k) to[k] = p[k] * (to[k] - mean) / temperature_;
      }
    }

    View<const S> x_;
    S temperature_;
    Buffer<S> soft_, taken_;  // of each cell: p, and by what the answers are multiplied
  };

  /// Refers to x.
  template <class S>
  Linearization<S> linearize(Theta<S, 0>, In<S> x, View<S> y, const Context& context = {}) const {
    Linearization<S> linear(x, static_cast<S>(temperature));
    each_cell<S>(x, y, context, [&](Index cell, const Weights<S>& weights) {
      std::copy_n(weights.soft.data(), K, linear.soft_.data() + cell * K);
      std::copy_n(weights.taken.data(), K, linear.taken_.data() + cell * K);
    });
    return linear;
  }

 private:
  template <class S>
  struct Weights {
    std::array<S, K> soft{}, taken{};  // p, and by what the answers are multiplied
  };

  /// Computes y, and calls visit(cell, its weights).
  template <class S, class Visit>
  void each_cell(View<const S> x, View<S> y, const Context& context, const Visit& visit) const {
    check_output<Mix, S>("Mix", *this, x, y);
    check(temperature > 0 && std::isfinite(temperature), "Mix: temperature", temperature, "a finite number above 0");
    const Index cells = x.shape().cells_per_sample();
    for (Index n = 0; n < x.samples(); ++n) {
      // An index has 6 bits for the answer, 34 for the cell and the lowest 24 for the sample, whose others make a seed.
      const auto sample = static_cast<std::uint64_t>(context.sample(n));
      const Random random{fold_in(seed, fold_in(context.draw, sample >> 24)),
                          static_cast<std::uint64_t>(context.step) ^ detail::mix_streams};
      for (Index i = 0; i < cells; ++i) {
        const S* numbers = x.data() + (n * cells + i) * in_features;
        const std::uint64_t place = sample << 40 | static_cast<std::uint64_t>(context.cell(i)) << 6;
        Weights<S> weights;
        std::array<S, K>& p = weights.soft;
        for (int k = 0; k < K; ++k) {
          p[static_cast<std::size_t>(k)] =
              numbers[k] + (changes_with_step ? gumbel<S>(random, place | static_cast<std::uint64_t>(k)) : S(0));
        }
        const auto largest = static_cast<std::size_t>(std::max_element(p.begin(), p.end()) - p.begin());
        const S most = p[largest];
        S sum = 0;
        for (S& one : p) sum += one = std::exp((one - most) / static_cast<S>(temperature));
        for (S& one : p) one /= sum;
        if constexpr (Choice == MixChoice::drawn) {
          weights.taken[largest] = 1;
        } else {
          weights.taken = p;
        }
        S* to = y.data() + (n * cells + i) * C;
        std::fill_n(to, C, S(0));
        for (int k = 0; k < K; ++k) {
          const S weight = weights.taken[static_cast<std::size_t>(k)];
          if (Choice == MixChoice::drawn && weight == 0) continue;
          for (int c = 0; c < C; ++c) to[c] += weight * numbers[K + k * C + c];
        }
        visit(n * cells + i, weights);
      }
    }
  }

  /// -log(-log(u)) of u uniform between 0 and 1, both left out.
  template <class S>
  static S gumbel(const Random& random, std::uint64_t index) {
    const double u = (static_cast<double>(random.bits(index) >> 12) + 0.5) * 0x1p-52;
    return static_cast<S>(-std::log(-std::log(u)));
  }
};

}  // namespace basin
