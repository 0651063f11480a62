#pragma once

// What is minimized. A loss holds the targets of a whole batch and may be asked for slices of it, on several threads:
// with N samples in the batch, the values of the slices add up to the value of the batch,
//
//   CrossEntropy       1/(N cells) sum over samples and cells of (log sum_c exp(y_c) - y_label)
//                      dy_c = (softmax(y)_c - [c = label]) / (N cells)
//   MeanSquaredError   1/(N M) sum over samples and their M numbers of (y - target)^2,   dy = 2 (y - target) / (N M)
//
// A loss has  double value_and_gradient(y, first_sample, batch_size, dy) const:  y and dy are the samples first_sample,
// first_sample + 1, ... of a batch of batch_size. It returns their part of the value and overwrites dy, which may be a
// View without memory: not wanted. Sums are in double. A NaN or an infinity in y shows in the value.

#include <algorithm>
#include <cmath>
#include <concepts>
#include <span>
#include <utility>
#include <vector>

#include "basin/core/scratch.hpp"
#include "basin/core/state.hpp"

namespace basin {

template <class L, class S = float>
concept Loss = requires(const L& loss, View<S> y, Index count) {
  { loss.value_and_gradient(y, count, count, y) } -> std::convertible_to<double>;
};

namespace detail {

/// y holds samples of the batch from `first` on, and dy, unless it is without memory, has the shape of y.
template <class S>
void check_slice(View<const S> y, Index first, Index batch_size, View<S> dy) {
  if (dy && dy.shape() != y.shape()) check(false, "shape of dy", dy.shape(), y.shape());
  const Index count = y.samples();
  if (first >= 0 && first + count <= batch_size) return;  // before the message takes memory
  check(false, "samples of the batch", std::to_string(first) + " to " + std::to_string(first + count),
        std::string("within 0 to ") + std::to_string(batch_size));
}

inline void check_labels(std::span<const int> labels, Index classes) {
  for (const int label : labels) {
    if (label < 0 || label >= classes) check(false, "label", label, std::string("0 to ") + std::to_string(classes - 1));
  }
}

/// log sum_c exp(y_c) - y_label of one cell's logits y; and, if dy is not null, dy = share (softmax(y) - [c = label]).
/// dy may be y. Sums are in double; `exponentials` is memory for as many numbers as there are classes.
template <class S>
double cross_entropy(const S* y, Index classes, Index label, double share, double* exponentials, S* dy) {
  // Shifted by the largest, no exponential overflows and one of them is 1.
  const double largest = static_cast<double>(*std::max_element(y, y + classes));
  double sum = 0;
  for (Index c = 0; c < classes; ++c) {
    exponentials[c] = std::exp(static_cast<double>(y[c]) - largest);
    sum += exponentials[c];
  }
  const double value = std::log(sum) - (static_cast<double>(y[label]) - largest);
  if (dy == nullptr) return value;
  for (Index c = 0; c < classes; ++c) {
    dy[c] = static_cast<S>(share * (exponentials[c] / sum - (c == label ? 1.0 : 0.0)));
  }
  return value;
}

/// Whether the largest of one cell's logits is that of the label; of equal ones the first is, and a NaN never.
template <class S>
[[nodiscard]] bool largest_at(const S* y, Index classes, Index label) {
  bool wins = true;
  for (Index c = 0; c < classes; ++c) wins = wins && (c < label ? y[c] < y[label] : y[c] <= y[label]);
  return wins;
}

}  // namespace detail

/// Negative log-likelihood of the right class, with softmax over the features of each cell (Bridle 1990).
struct CrossEntropy {
  std::vector<int> labels{};  ///< of each cell of each sample of the batch, each 0 to features - 1

  /// y is (classes, space..., samples). Throws std::invalid_argument if the number of labels is not
  /// batch_size * cells of a sample, or a label is no class.
  template <class S>
  double value_and_gradient(std::type_identity_t<View<const S>> y, Index first_sample, Index batch_size,
                            View<S> dy) const {
    const Index classes = y.shape().features, cells = y.shape().cells_per_sample();
    detail::check_slice<S>(y, first_sample, batch_size, dy);
    check(static_cast<Index>(labels.size()) == batch_size * cells, "number of labels", labels.size(),
          batch_size * cells);
    const std::span<const int> wanted(labels.data() + first_sample * cells,
                                      static_cast<std::size_t>(y.shape().cells()));
    detail::check_labels(wanted, classes);
    const double part = 1.0 / static_cast<double>(batch_size * cells);
    Scratch scratch;
    double* exponentials = scratch.take<double>(classes);
    double sum = 0;
    for (Index cell = 0; cell < y.shape().cells(); ++cell) {
      sum += detail::cross_entropy(y.data() + cell * classes, classes, wanted[static_cast<std::size_t>(cell)], part,
                                   exponentials, dy ? dy.data() + cell * classes : nullptr);
    }
    return sum * part;
  }
};

/// The mean of (y - target)^2 over the numbers of a sample, and over samples.
template <class T>
struct MeanSquaredError {
  State<T> target{};  ///< of the whole batch, of y's shape

  /// Throws std::invalid_argument if y's shape, with batch_size samples, is not the target's.
  template <class S>
  double value_and_gradient(std::type_identity_t<View<const S>> y, Index first_sample, Index batch_size,
                            View<S> dy) const {
    detail::check_slice<S>(y, first_sample, batch_size, dy);
    const Shape whole = y.shape().with_samples(batch_size);
    check(whole == target.shape, "shape of y for the whole batch", whole, target.shape);
    const double part = 1.0 / static_cast<double>(whole.size());
    const T* wanted = target.values.data() + first_sample * whole.sample_size();
    double sum = 0;
    for (Index i = 0; i < y.size(); ++i) {
      const double difference = static_cast<double>(y.data()[i]) - static_cast<double>(wanted[i]);
      sum += difference * difference;
      if (dy) dy.data()[i] = static_cast<S>(2.0 * part * difference);
    }
    return sum * part;
  }
};

template <class T>
MeanSquaredError(State<T>) -> MeanSquaredError<T>;

/// How many cells have their largest logit at their label; of equal ones the first counts, and a NaN never does.
/// Throws std::invalid_argument if the number of labels is not that of y's cells, or a label is no class.
template <class S>
[[nodiscard]] Index count_correct(View<S> y, std::span<const int> labels) {
  const Index classes = y.shape().features, cells = y.shape().cells();
  check(static_cast<Index>(labels.size()) == cells, "number of labels", labels.size(), cells);
  detail::check_labels(labels, classes);
  Index correct = 0;
  for (Index cell = 0; cell < cells; ++cell) {
    correct += detail::largest_at(y.data() + cell * classes, classes, labels[static_cast<std::size_t>(cell)]) ? 1 : 0;
  }
  return correct;
}

/// The share of cells that count_correct counts; 0 if there is no cell.
template <class S>
[[nodiscard]] double accuracy(View<S> y, std::span<const int> labels) {
  const Index correct = count_correct(y, labels);
  return labels.empty() ? 0.0 : static_cast<double>(correct) / static_cast<double>(labels.size());
}

}  // namespace basin
