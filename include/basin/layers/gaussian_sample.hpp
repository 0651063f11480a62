#pragma once

// A sample of a normal distribution whose mean and variance the layer is given, differentiable in both: x = (m; l) of
// each cell is a mean and the logarithm of a variance, and
//
//   y = m + deviation e^{l / 2} n   with n standard normal:   dy/dm = 1,   dy/dl = deviation e^{l / 2} n / 2.
//
// This is the code of a variational autoencoder (D. P. Kingma, M. Welling, "Auto-Encoding Variational Bayes", 2013,
// section 2.4: the reparameterization trick). Its loss is in train/variational_loss.hpp.
//
// n is a function of (seed, context.draw, number of the sample, number within the sample) and is never stored. It does
// not depend on the step. A training takes another context.draw in each iteration; with deviation 0, y is the mean.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "basin/core/layer.hpp"
#include "basin/core/random.hpp"
#include "basin/layers/noise.hpp"

namespace basin {

namespace detail {

/// Streams of random numbers that no other use has (core/random.hpp), one for each draw.
inline constexpr std::uint64_t sample_streams = std::uint64_t{1} << 57;

}  // namespace detail

/// Z: features of the code. x is (2 Z, space..., N), the means first; y is (Z, space..., N).
template <int Z>
struct GaussianSample {
  static_assert(Z > 0, "GaussianSample: the number of features must be positive");
  static constexpr int in_features = 2 * Z, out_features = Z;
  static constexpr std::size_t param_count = 0;

  double deviation = 1;    ///< factor of the noise: 1 a sample, 0 the mean; finite, 0 or more
  std::uint64_t seed = 0;  ///< of this layer: two that are to differ have different ones

  /// Throws std::invalid_argument for another number of features.
  [[nodiscard]] Shape out_shape(const Shape& x) const {
    check_features("GaussianSample", x.features, in_features);
    return x.with_features(Z);
  }

  /// Throws std::invalid_argument if deviation or the shape of y makes no sense.
  template <class S>
  void apply(Theta<S, 0>, In<S> x, View<S> y, const Context& context = {}) const {
    each_noise<S>(x, y, context, [&](Index i, S mean, S noise) { y.data()[i] = mean + noise; });
  }

  template <class S>
  class Linearization {
   public:
    explicit Linearization(const Shape& x) : x_(x), half_noise_(x.with_features(Z).size()) {}

    void jvp(View<const S> t, View<S> out) const {
      check_jvp<S>("GaussianSample", x_, x_.with_features(Z), t, out);
      out.matrix() = t.matrix().template topRows<Z>() + half_noise().cwiseProduct(t.matrix().template bottomRows<Z>());
    }
    void vjp(View<const S> w, View<S> dx) const {
      check_vjp<S>("GaussianSample", x_, x_.with_features(Z), w, dx);
      dx.matrix().template topRows<Z>() = w.matrix();
      dx.matrix().template bottomRows<Z>() = half_noise().cwiseProduct(w.matrix());
    }
    void pullback(View<const S> w, View<S> dx, ThetaGradient<S, 0>) const {
      check_pullback<S>("GaussianSample", x_, x_.with_features(Z), w, dx);
      if (dx) vjp(w, dx);
    }

   private:
    friend struct GaussianSample;
    [[nodiscard]] auto half_noise() const { return View<const S>(half_noise_.data(), x_.with_features(Z)).matrix(); }

    Shape x_;
    Buffer<S> half_noise_;  // dy/dl
  };

  template <class S>
  Linearization<S> linearize(Theta<S, 0>, In<S> x, View<S> y, const Context& context = {}) const {
    Linearization<S> linear(x.shape());
    each_noise<S>(x, y, context, [&](Index i, S mean, S noise) {
      y.data()[i] = mean + noise;
      linear.half_noise_[i] = noise / 2;
    });
    return linear;
  }

 private:
  /// Calls visit(i, m, deviation e^{l / 2} n) for each number of y.
  template <class S, class Visit>
  void each_noise(View<const S> x, View<S> y, const Context& context, const Visit& visit) const {
    check_output<GaussianSample, S>("GaussianSample", *this, x, y);
    check(deviation >= 0 && std::isfinite(deviation), "GaussianSample: deviation", deviation,
          "a finite number, 0 or more");
    const S factor = static_cast<S>(deviation);
    const Index cells = x.shape().cells_per_sample();
    for (Index n = 0; n < x.samples(); ++n) {
      // An index has 40 bits for the place and the lowest 24 for the sample, whose others make a seed.
      const auto sample = static_cast<std::uint64_t>(context.sample(n)), of_sample = sample << 40;
      const Random random{fold_in(seed, sample >> 24), context.draw ^ detail::sample_streams};
      std::array<S, 4> normals{};
      for (Index i = 0; i < cells * Z; ++i) {
        const Index cell = i / Z, feature = i % Z;
        const auto place = static_cast<std::uint64_t>(context.cell(cell) * Z + feature);
        if (i == 0 || feature == 0 || place % 4 == 0) {
          normals = detail::four_normals<S>(random.words(of_sample | place / 4));
        }
        const S* of_cell = x.data() + (n * cells + cell) * in_features + feature;
        visit(n * cells * Z + i, of_cell[0], factor * std::exp(of_cell[Z] / 2) * normals[place % 4]);
      }
    }
  }
};

}  // namespace basin
