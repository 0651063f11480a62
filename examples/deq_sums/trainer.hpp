#pragma once

// Training of deq_sums: what strings, and through how many steps; the rest is support/settling_trainer.hpp.

#include "../support/settling_trainer.hpp"
#include "model.hpp"
#include "settings.hpp"

namespace deq_sums {

/// The streams of random numbers, one a use.
enum Stream : std::uint64_t {
  length_stream = 1,
  steps_stream,
  bits_stream,
  start_stream,
  test_stream,
  test_start_stream
};

/// The strings of an iteration.
struct Drawn {
  int bits;   ///< of the longest
  int batch;  ///< strings, all of one length
  std::uint64_t seed;

  [[nodiscard]] Problems operator()(std::uint64_t iteration, double share, int& steps) const {
    const auto random = [&](Stream stream) { return basin::Random{seed, stream}; };
    const basin::examples::Curriculum curriculum{.least = 4, .most = bits};
    const Index length = curriculum.size(share, random(length_stream).uniform(iteration));
    // An answer that travels one cell a step arrives after `length` of them.
    steps = static_cast<int>(
        length + 4 + static_cast<Index>(random(steps_stream).below(iteration, static_cast<std::uint64_t>(length))));
    return random_strings(length, batch, {random(bits_stream).bits(iteration), bits_stream});
  }
};

using Trainer = basin::examples::SettlingTrainer<Network, Drawn>;

inline Trainer trainer(const Settings& settings) {
  return Trainer({.iterations = settings.iterations,
                  .rate = settings.rate,
                  .adjoint = settings.adjoint,
                  .start_noise = settings.start_noise,
                  .path_noise = settings.path_noise,
                  .seed = settings.seed,
                  .starts = {settings.seed, start_stream}},
                 {settings.bits, settings.batch, settings.seed});
}

}  // namespace deq_sums
