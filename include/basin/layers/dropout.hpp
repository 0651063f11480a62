#pragma once

// Dropout: y = x m / (1 - rate), where each number of m is 0 with probability `rate` and else 1 (Srivastava, Hinton,
// Krizhevsky, Sutskever & Salakhutdinov 2014, with the factor where it is trained). Any shape; no parameters.
//
// m is a function of (seed, context.draw, number of the sample, number within the sample) and is never stored. It does
// not depend on the step, so it stays the same through a solve or a rollout: variational dropout, as recurrent networks
// (Gal & Ghahramani 2016) and deep equilibrium models (Bai, Kolter & Koltun 2019, section 4) need it. A training takes
// another context.draw in each iteration; to evaluate, set rate = 0.

#include <cstdint>

#include "basin/core/layer.hpp"
#include "basin/core/random.hpp"
#include "basin/layers/activation.hpp"

namespace basin {

namespace detail {

/// Streams of random numbers that no other use has (core/random.hpp), one for each draw.
inline constexpr std::uint64_t dropout_streams = std::uint64_t{1} << 61;

}  // namespace detail

struct Dropout {
  static constexpr int in_features = any_features, out_features = any_features;
  static constexpr std::size_t param_count = 0;

  double rate = 0.5;       ///< share of the numbers that become zero: 0 to 1, and less than 1
  std::uint64_t seed = 0;  ///< of this layer: two that are to drop different numbers have different ones

  [[nodiscard]] Shape out_shape(const Shape& x) const { return x; }

  /// Throws std::invalid_argument if rate or the shape of y makes no sense.
  template <class S>
  void apply(Theta<S, 0>, In<S> x, View<S> y, const Context& context = {}) const {
    check_shape("Dropout", "y", y.shape(), x.shape());
    each_factor<S>(x.shape(), context, [&](Index i, S factor) { y.data()[i] = factor * x.data()[i]; });
  }

  template <class S>
  PointwiseLinearization<S> linearize(Theta<S, 0>, In<S> x, View<S> y, const Context& context = {}) const {
    check_shape("Dropout", "y", y.shape(), x.shape());
    Buffer<S> factors(x.size());
    each_factor<S>(x.shape(), context, [&](Index i, S factor) { factors[i] = factor; });
    y.vector() = factors.vector().cwiseProduct(x.vector());
    return PointwiseLinearization<S>(x.shape(), std::move(factors));
  }

 private:
  /// Calls visit(i, factor) for each number of a state, in the order of memory.
  template <class S, class Visit>
  void each_factor(const Shape& shape, const Context& context, const Visit& visit) const {
    check(rate >= 0 && rate < 1, "Dropout: rate", rate, "0 to 1, and less than 1");
    // A word of 32 bits a number, four from each call of the generator; kept if at least rate * 2^32.
    const std::uint64_t limit = static_cast<std::uint64_t>(rate * 0x1p32);
    const S kept = static_cast<S>(1 / (1 - rate));
    const Index size = shape.sample_size(), before = context.first_cell * shape.features;
    const Index around = context.cells_around * shape.features;  // after which places begin anew
    for (Index n = 0; n < shape.samples; ++n) {
      // An index has 40 bits for the place and the lowest 24 for the sample, whose others make a seed.
      const auto sample = static_cast<std::uint64_t>(context.sample(n)), of_sample = sample << 40;
      const Random random{fold_in(seed, sample >> 24), context.draw ^ detail::dropout_streams};
      PhiloxCounter words{};
      for (Index i = 0; i < size; ++i) {
        const Index place = before + i;
        const auto number = static_cast<std::uint64_t>(around > 0 && place >= around ? place - around : place);
        if (i == 0 || number % 4 == 0) words = random.words(of_sample | number / 4);
        visit(n * size + i, words[number % 4] >= limit ? kept : S(0));
      }
    }
  }
};

}  // namespace basin
