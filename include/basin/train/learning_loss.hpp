#pragma once

// What a state of networks is worth, each on data of its own: the loss of those that learn (meta/perceive_signals.hpp),
// on data that they were not shown, and its gradient in their weights. With p and e of meta/activations.hpp,
//
//   loss of a network = mean over the B data of   - log p of the target's class    (classes)
//                                                 mean over outputs of e^2         (numbers)
//   value = 1/N sum over networks of it
//
// It is a loss as train/loss.hpp describes them: slices of the batch of networks add up. Where all networks do one task
// and only its classes count, see train/network_loss.hpp, which takes many more inputs at a time.

#include <algorithm>
#include <cmath>
#include <vector>

#include "basin/core/parallel.hpp"
#include "basin/core/scratch.hpp"
#include "basin/meta/activations.hpp"
#include "basin/train/loss.hpp"

namespace basin {

struct LearningLoss {
  Network network{};    ///< the architecture of all networks, at least one layer
  LearningData data{};  ///< the caller's, of one batch: (..., B, 1, 1, N)
  double slope = 0.01;  ///< of the leaky ReLU, 0 or more, as in what learns

  /// y is networks first_sample, first_sample + 1, ... of a batch of batch_size. Returns their part of the value and
  /// overwrites dy, of y's shape or a View without memory: not wanted. A number that is not finite shows in the value.
  /// Throws std::invalid_argument if y is no state of such networks, or dy or the data do not fit them.
  template <class S>
  double value_and_gradient(std::type_identity_t<View<const S>> y, Index first_sample, Index batch_size,
                            View<S> dy) const {
    check_all(y.shape());
    detail::check_slice<S>(y, first_sample, batch_size, dy);
    std::vector<double> losses(static_cast<std::size_t>(y.samples()));
    parallel_for(y.samples(), [&](Index n) {
      losses[static_cast<std::size_t>(n)] =
          pass<S>(y.sample(n), first_sample + n, batch_size, dy ? dy.sample(n) : View<S>{}).loss;
    });
    double value = 0;
    for (const double one : losses) value += one / static_cast<double>(batch_size);
    return value;
  }

  /// What is said of one network.
  struct Result {
    double loss = 0;      ///< cross-entropy, or the mean squared error
    double accuracy = 0;  ///< the share of the data whose largest output is at the target's largest; 0 for numbers
  };

  /// Of each network of a state. Throws as value_and_gradient does.
  template <class S>
  [[nodiscard]] std::vector<Result> results(View<const S> networks) const {
    check_all(networks.shape());
    std::vector<Result> all(static_cast<std::size_t>(networks.samples()));
    parallel_for(networks.samples(),
                 [&](Index n) { all[static_cast<std::size_t>(n)] = pass<S>(networks.sample(n), n, 1, View<S>{}); });
    return all;
  }
  template <class S>
  [[nodiscard]] std::vector<Result> results(const State<S>& networks) const {
    return results<S>(networks.view());
  }

 private:
  void check_all(const Shape& y) const {
    check(!network.layers().empty(), "LearningLoss: number of layers of the network", 0, "1 or more");
    check(y.features >= 1 && y.space == std::array<Index, 3>{network.cells(), 1, 1},
          "LearningLoss: shape of the networks", y,
          "1 or more features of (" + std::to_string(network.cells()) + ", 1, 1) cells");
    check(slope >= 0, "LearningLoss: slope of the leaky ReLU", slope, "0 or more");
    data.check_for("LearningLoss", network);
    check(data.batches() == 1, "LearningLoss: number of batches", data.batches(), 1);
    check(data.batch_size() >= 1, "LearningLoss: number of data", data.batch_size(), "at least 1");
  }

  /// Of one network, with its gradient over batch_size if that is wanted.
  template <class S>
  [[nodiscard]] Result pass(View<const S> q, Index number, Index batch_size, View<S> dy) const {
    Scratch scratch;
    const Index C = q.shape().features;
    const NetworkActivations<S> at(network, data, slope, q.data(), C, Context{.first_sample = number}, scratch);
    const Index outputs = network.widths().back(), last = at.count() - 1;
    const float* y = LearningData::of(data.targets, Context{.first_sample = number});
    Result result;
    Index right = 0;
    double sum = 0;
    double* exponentials = scratch.take<double>(outputs);
    for (Index b = 0; b < at.batch; ++b) {
      const float* target = y + b * outputs;
      if (at.classes) {
        const S* z = at.z(last) + b * outputs;
        const Index label = std::max_element(target, target + outputs) - target;
        right += detail::largest_at(z, outputs, label) ? 1 : 0;
        sum += detail::cross_entropy(z, outputs, label, 0, exponentials, static_cast<S*>(nullptr));
      } else {
        const Eigen::Map<const Vector<S>> e(at.error + b * outputs, outputs);
        sum += e.template cast<double>().squaredNorm() / static_cast<double>(outputs);
      }
    }
    result.loss = sum / static_cast<double>(at.batch);
    result.accuracy = static_cast<double>(right) / static_cast<double>(at.batch);
    if (!dy) return result;
    dy.vector().setZero();
    S** z_w = scratch.take<S*>(last + 1);
    S** into_w = scratch.take<S*>(last + 1);
    for (Index l = 0; l <= last; ++l) {
      z_w[l] = zeros<S>(at.shape(l).outputs * at.batch, scratch);
      into_w[l] = zeros<S>(at.shape(l).rows * at.batch, scratch);
    }
    const double share =
        (at.classes ? 1.0 : 2.0 / static_cast<double>(outputs)) / static_cast<double>(at.batch * batch_size);
    for (Index n = 0; n < outputs * at.batch; ++n) z_w[last][n] = -static_cast<S>(share) * at.error[n];
    at.pull(z_w, into_w, dy.data(), C);
    return result;
  }

  template <class S>
  static S* zeros(Index size, Scratch& scratch) {
    S* values = scratch.take<S>(size);
    std::fill_n(values, size, S(0));
    return values;
  }
};

}  // namespace basin
