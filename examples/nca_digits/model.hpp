#pragma once

// The automaton of nca_digits: 20 features of a cell, its pixel first, which never changes, its votes for the ten
// digits last. A learned 3 x 3 convolution, 20 -> 80, and two dense layers, 80 -> 80 -> 19: 22,499 parameters. Only
// cells with ink live.

#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/nca/perceive.hpp"
#include "basin/nca/rollout.hpp"
#include "basin/train/initial.hpp"

namespace nca_digits {

using basin::Index;
using basin::Shape;
using basin::State;
using basin::View;

inline constexpr int features = 20, classes = 10;
inline constexpr float ink = 0.1f;  // a pixel above this is a cell

using Sees = basin::PerceiveBox2<features, basin::Zero>;
using Rule = basin::Sequential<basin::Dense<9 * features, 80>, basin::Relu, basin::Dense<80, 80>, basin::Relu,
                               basin::Dense<80, features - 1>>;
using Voting = basin::Automaton<Sees, Rule, basin::RandomFire, basin::MaskedBy<0>, basin::Keeping<basin::Features<0>>>;
using Model = basin::Rollout<Voting>;
using Theta = basin::Parameters<Rule, float>;

/// Glorot's for the first layers and zeros for the last, so that at first nothing changes.
inline Theta initial_theta(std::uint64_t seed) {
  Theta theta = basin::initial_parameters<float>(Rule{}, seed);
  const std::span<float> last = theta.leaf("4.weight");
  std::fill(last.begin(), last.end(), 0.0f);
  return theta;
}

/// The vote of a cell: the digit with the largest of its last ten features.
inline int vote(const float* cell) {
  const float* votes = cell + features - classes;
  return static_cast<int>(std::max_element(votes, votes + classes) - votes);
}

/// Puts an image under the cells of a state: cells that are left without ink forget.
inline void draw(View<float> state, View<const float> image) {
  for (Index cell = 0; cell < state.shape().cells(); ++cell) {
    float* here = state.data() + cell * features;
    here[0] = image.data()[cell];
    if (here[0] <= ink) std::fill(here + 1, here + features, 0.0f);
  }
}

/// sum over a sample's cells with ink of |votes - one hot label|^2 / 2, and the mean of that over samples.
struct VoteError {
  std::vector<int> labels{};  ///< one a sample of the batch

  template <class S>
  double value_and_gradient(std::type_identity_t<View<const S>> y, Index first_sample, Index batch_size,
                            View<S> dy) const {
    const Index cells = y.shape().cells_per_sample();
    if (dy) dy.vector().setZero();
    double sum = 0;
    for (Index n = 0; n < y.samples(); ++n) {
      const int label = labels[static_cast<std::size_t>(first_sample + n)];
      for (Index i = n * cells; i < (n + 1) * cells; ++i) {
        const S* cell = y.data() + i * features;
        if (cell[0] <= static_cast<S>(ink)) continue;
        for (int c = 0; c < classes; ++c) {
          const int at = features - classes + c;
          const double difference = static_cast<double>(cell[at]) - (c == label ? 1.0 : 0.0);
          sum += 0.5 * difference * difference;
          if (dy) dy.data()[i * features + at] = static_cast<S>(difference / static_cast<double>(batch_size));
        }
      }
    }
    return sum / static_cast<double>(batch_size);
  }
};

}  // namespace nca_digits
