#pragma once

// How deq_text draws a character: a number from 0 to 1 and what the model says of the next character decide which it
// is.

#include <Eigen/Core>

#include <algorithm>

#include "text.hpp"

namespace deq_text {

/// Probabilities of the next character; at a temperature of 0 the likeliest has all.
inline Eigen::ArrayXd probabilities(const float* logits, double temperature) {
  const Eigen::ArrayXd y =
      Eigen::Map<const Eigen::ArrayXf>(logits, alphabet).cast<double>() / std::max(temperature, 1e-6);
  const Eigen::ArrayXd p = (y - y.maxCoeff()).exp();
  return p / p.sum();
}

/// The character at a place of the line from 0 to 1 that the probabilities share.
inline Token token_at(const Eigen::ArrayXd& p, double place) {
  double sum = 0;
  for (Token token = 0; token < alphabet; ++token) {
    sum += p[token];
    if (place < sum) return token;
  }
  return 0;
}

}  // namespace deq_text
