#pragma once

// The two parts of the loss of a variational autoencoder, the negative evidence lower bound in nats (D. P. Kingma,
// M. Welling, "Auto-Encoding Variational Bayes", 2013, equation 3), each a mean over samples of a sum over a sample's
// numbers:
//
//   BernoulliLoss        1/N sum over samples and their numbers of log(1 + e^y) - t y: the negative log-likelihood of
//                        pixels t, which are 1 with probability 1 / (1 + e^-y), else 0. (Of t between, the expected one
//                        of pixels that are 1 with probability t.)
//   GaussianDivergence   weight/N sum over samples, cells and features of (m^2 + e^l - 1 - l) / 2: the Kullback-Leibler
//                        divergence of a normal distribution with mean m and log-variance l from the standard one
//                        (appendix B there)
//
// The first is of what a decoder gives, the second of what an encoder does, before layers/gaussian_sample.hpp. The
// gradient of the second in an encoder's parameters is that of the encoder alone:
//
//   const auto fit = value_and_gradient(Sequential<Encoder, GaussianSample<Z>, Decoder>{}, theta, x, BernoulliLoss{x});
//   const auto divergence = value_and_gradient(Encoder{}, theta_of_encoder, x, GaussianDivergence{});

#include <algorithm>
#include <cmath>

#include "basin/train/loss.hpp"

namespace basin {

template <class T>
struct BernoulliLoss {
  State<T> target{};  ///< of the whole batch, of y's shape; numbers from 0 to 1

  /// y are logits. Throws std::invalid_argument if y's shape, with batch_size samples, is not the target's.
  template <class S>
  double value_and_gradient(std::type_identity_t<View<const S>> y, Index first_sample, Index batch_size,
                            View<S> dy) const {
    detail::check_slice<S>(y, first_sample, batch_size, dy);
    const Shape whole = y.shape().with_samples(batch_size);
    check(whole == target.shape, "shape of y for the whole batch", whole, target.shape);
    const double part = 1.0 / static_cast<double>(batch_size);
    const T* wanted = target.values.data() + first_sample * whole.sample_size();
    double sum = 0;
    for (Index i = 0; i < y.size(); ++i) {
      const double logit = static_cast<double>(y.data()[i]), right = static_cast<double>(wanted[i]);
      const double small = std::exp(-std::abs(logit));  // does not overflow
      sum += std::max(logit, 0.0) + std::log1p(small) - right * logit;
      if (dy) dy.data()[i] = static_cast<S>(part * ((logit >= 0 ? 1.0 : small) / (1 + small) - right));
    }
    return sum * part;
  }
};

template <class T>
BernoulliLoss(State<T>) -> BernoulliLoss<T>;

struct GaussianDivergence {
  double weight = 1;  ///< factor of the whole

  /// y is (2 Z, space..., samples), the means first. Throws std::invalid_argument for an odd number of features.
  template <class S>
  double value_and_gradient(std::type_identity_t<View<const S>> y, Index first_sample, Index batch_size,
                            View<S> dy) const {
    detail::check_slice<S>(y, first_sample, batch_size, dy);
    const Index features = y.shape().features, means = features / 2;
    check(features % 2 == 0, "number of features for a loss of means and log-variances", features, "an even number");
    const double part = weight / static_cast<double>(batch_size);
    double sum = 0;
    for (Index i = 0; i < y.size(); ++i) {
      const double number = static_cast<double>(y.data()[i]);
      const bool is_mean = i % features < means;
      const double variance = is_mean ? 0 : std::exp(number);
      sum += is_mean ? number * number : variance - 1 - number;
      if (dy) dy.data()[i] = static_cast<S>(part * (is_mean ? number : (variance - 1) / 2));
    }
    return sum * part / 2;
  }
};

}  // namespace basin
