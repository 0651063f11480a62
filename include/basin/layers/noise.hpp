#pragma once

// Noise: y = x + deviation n with n standard normal, as K. Sietsma and R. J. F. Dow (1991, Neural Networks 4(1)) train
// with. Any shape; no parameters; J = I.
//
// n is a function of (seed, context.draw, context.step, number of the sample, number within the sample) and is never
// stored. As the last layer of a cell it is noise on the path of a solve: what is trained through steps of such a cell
// (Equilibrium<Cell, Picard, Unrolled> with both tolerances 0; any rollout) has to come back from where the noise put
// it, at every step. The settled network is the same without it: parameters of one go over to the other by
// Parameters::as. A training takes another context.draw, or seed, in each iteration.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "basin/core/layer.hpp"
#include "basin/core/random.hpp"
#include "basin/layers/activation.hpp"

namespace basin {

namespace detail {

/// Streams of random numbers that no other use has (core/random.hpp), one for each step.
inline constexpr std::uint64_t noise_layer_streams = std::uint64_t{1} << 58;

/// Four standard normal numbers of 32 bits each (Box and Muller 1958): none beyond 6.8.
template <class S>
[[nodiscard]] std::array<S, 4> four_normals(const PhiloxCounter& words) {
  std::array<S, 4> made;
  for (std::size_t i = 0; i < 4; i += 2) {
    const S unit = (static_cast<S>(words[i]) + S(0.5)) * S(0x1p-32);  // above 0; in float it may round to 1
    const S length = std::sqrt(std::max(S(0), S(-2) * std::log(unit)));
    const S angle = static_cast<S>(words[i + 1]) * S(0x1p-32) * static_cast<S>(2 * std::numbers::pi);
    made[i] = length * std::cos(angle);
    made[i + 1] = length * std::sin(angle);
  }
  return made;
}

}  // namespace detail

struct Noise {
  static constexpr int in_features = any_features, out_features = any_features;
  static constexpr std::size_t param_count = 0;
  static constexpr bool changes_with_step = true;

  double deviation = 0.1;  ///< standard deviation, in the units of x: 0 (none) or more
  std::uint64_t seed = 0;  ///< of this layer: two that are to differ have different ones

  [[nodiscard]] Shape out_shape(const Shape& x) const { return x; }

  /// Throws std::invalid_argument if deviation or the shape of y makes no sense.
  template <class S>
  void apply(Theta<S, 0>, In<S> x, View<S> y, const Context& context = {}) const {
    check_shape("Noise", "y", y.shape(), x.shape());
    check(deviation >= 0 && std::isfinite(deviation), "Noise: deviation", deviation, "a finite number, 0 or more");
    y.vector() = x.vector();
    if (deviation == 0) return;
    const S factor = static_cast<S>(deviation);
    const Index size = x.shape().sample_size(), before = context.first_cell * x.shape().features;
    const Index around = context.cells_around * x.shape().features;  // after which places begin anew
    for (Index n = 0; n < x.samples(); ++n) {
      // An index has 40 bits for the place and the lowest 24 for the sample, whose others make a seed.
      const auto sample = static_cast<std::uint64_t>(context.sample(n)), of_sample = sample << 40;
      const Random random{fold_in(seed, fold_in(context.draw, sample >> 24)),
                          static_cast<std::uint64_t>(context.step) ^ detail::noise_layer_streams};
      S* const numbers = y.data() + n * size;
      std::array<S, 4> normals{};
      for (Index i = 0; i < size; ++i) {
        const Index at = before + i;
        const auto place = static_cast<std::uint64_t>(around > 0 && at >= around ? at - around : at);
        if (i == 0 || place % 4 == 0) normals = detail::four_normals<S>(random.words(of_sample | place / 4));
        numbers[i] += factor * normals[place % 4];
      }
    }
  }

  template <class S>
  Identity::Linearization<S> linearize(Theta<S, 0> theta, In<S> x, View<S> y, const Context& context = {}) const {
    apply(theta, x, y, context);
    return Identity::Linearization<S>(x.shape());
  }
};

}  // namespace basin
