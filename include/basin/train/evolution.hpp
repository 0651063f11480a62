#pragma once

// A gradient from values alone: by evolution strategies with mirrored samples (I. Rechenberg 1973; T. Salimans, J. Ho,
// X. Chen, S. Sidor, I. Sutskever, "Evolution strategies as a scalable alternative to reinforcement learning", 2017).
// With P pairs of perturbations e_p, standard normal numbers, and L_p the loss of pair p,
//
//   g = 1/P sum over p of (L_p(theta + s e_p) - L_p(theta - s e_p)) / (2 s) e_p
//
// is an estimate without bias of the gradient of the mean of L(theta + s e): of L smoothed by s. It takes no memory of
// the way to a loss, and does not mind how long or how wild that way is; its error falls with the root of P, and grows
// with that of the number of parameters. A pair is best given the same data and the same random numbers on either side.

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "basin/core/parallel.hpp"
#include "basin/core/parameters.hpp"
#include "basin/core/random.hpp"

namespace basin {

/// How evolution strategies look around.
struct EvolutionOptions {
  Index pairs = 16;         ///< P, 1 or more
  double deviation = 0.01;  ///< s, above 0: about how far a parameter may move before the loss looks different
};

/// What they found.
template <class Model, class S>
struct EvolutionGradient {
  double value = 0;               ///< the mean of the losses; NaN if no pair counts
  Parameters<Model, S> gradient;  ///< g, over the pairs that count
  Index left_out = 0;             ///< pairs of which a loss was not finite: they do not count
};

/// random: for e, whose numbers are those of its stream from index p 2^32 on, as Random::normal makes them; give
/// another stream at each step of a training. loss(theta, p): the loss of pair p, from several threads at once;
/// called twice for each p. The result does not depend on threads. Throws std::invalid_argument if an option is out of
/// range.
template <class Model, class S, class Loss>
[[nodiscard]] EvolutionGradient<Model, S> evolution_gradient(const Parameters<Model, S>& theta, const Random& random,
                                                             const EvolutionOptions& options, const Loss& loss) {
  check(options.pairs >= 1, "number of pairs of an evolution strategy", options.pairs, "at least 1");
  check(options.deviation > 0 && std::isfinite(options.deviation), "deviation of an evolution strategy",
        options.deviation, "above 0");
  const auto moved = [&](Index pair, double by) {
    Parameters<Model, S> other = theta;
    const std::uint64_t first = static_cast<std::uint64_t>(pair) << 32;
    for (std::size_t i = 0; i < other.span().size(); ++i) {
      other.span()[i] += static_cast<S>(by * random.normal(first + i));
    }
    return other;
  };
  struct Pair {
    double up = 0, down = 0;
  };
  std::vector<Pair> losses(static_cast<std::size_t>(options.pairs));
  parallel_for(2 * options.pairs, [&](Index n) {
    Pair& pair = losses[static_cast<std::size_t>(n / 2)];
    (n % 2 == 0 ? pair.up : pair.down) = loss(moved(n / 2, n % 2 == 0 ? options.deviation : -options.deviation), n / 2);
  });
  EvolutionGradient<Model, S> all;
  double sum = 0;
  Vector<double> gradient = Vector<double>::Zero(static_cast<Index>(theta.span().size()));
  for (Index p = 0; p < options.pairs; ++p) {
    const Pair& pair = losses[static_cast<std::size_t>(p)];
    if (!std::isfinite(pair.up) || !std::isfinite(pair.down)) {
      ++all.left_out;
      continue;
    }
    sum += (pair.up + pair.down) / 2;
    const double slope = (pair.up - pair.down) / (2 * options.deviation);
    const std::uint64_t first = static_cast<std::uint64_t>(p) << 32;
    for (Index i = 0; i < gradient.size(); ++i) {
      gradient[i] += slope * random.normal(first + static_cast<std::uint64_t>(i));
    }
  }
  const auto count = static_cast<double>(options.pairs - all.left_out);
  all.value = sum / count;  // of none: NaN
  if (count > 0) all.gradient.vector() = (gradient / count).template cast<S>();
  return all;
}

}  // namespace basin
