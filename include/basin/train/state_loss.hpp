#pragma once

// Losses on the states of automata; as every loss (train/loss.hpp), slices of a batch add up.
//
//   LeadingFeaturesError   1/(N cells F) sum over samples, cells and the first F features of (z - target)^2,
//                          F the features of the target: of the colours of a growing automaton, the published loss
//   Overflow               weight / (N M) sum over samples and their M numbers of |z - clip(z, low, high)|
//                          (Niklasson et al. 2021, there summed): keeps hidden features from drifting away
//   OfLeadingFeatures<F, L>  the loss L of the first F features alone, such as CrossEntropy of those that say a class
//   SumOf<Losses...>       their sum

#include <algorithm>
#include <string>
#include <tuple>

#include "basin/core/scratch.hpp"
#include "basin/train/loss.hpp"

namespace basin {

template <class T>
struct LeadingFeaturesError {
  State<T> target{};  ///< (F, space..., 1 for all samples alike, or the batch)

  /// Throws std::invalid_argument if the target does not have y's space, at most its features, and 1 or batch_size
  /// samples.
  template <class S>
  double value_and_gradient(std::type_identity_t<View<const S>> y, Index first_sample, Index batch_size,
                            View<S> dy) const {
    detail::check_slice<S>(y, first_sample, batch_size, dy);
    const Shape& shape = target.shape;
    const Index features = y.shape().features, wanted = shape.features;
    if (shape.space != y.shape().space || wanted > features || wanted < 1 ||
        (shape.samples != 1 && shape.samples != batch_size)) {
      check(false, "shape of the target", shape,
            "up to " + y.shape().with_samples(batch_size).to_string() + " in features, with 1 or all samples");
    }
    const Index cells = y.shape().cells_per_sample();
    const double part = 1.0 / static_cast<double>(batch_size * cells * wanted);
    if (dy) dy.vector().setZero();
    double sum = 0;
    for (Index n = 0; n < y.samples(); ++n) {
      const T* right = target.view().sample(shape.samples == 1 ? 0 : first_sample + n).data();
      for (Index cell = 0; cell < cells; ++cell) {
        const Index at = (n * cells + cell) * features;
        for (Index c = 0; c < wanted; ++c) {
          const double difference =
              static_cast<double>(y.data()[at + c]) - static_cast<double>(right[cell * wanted + c]);
          sum += difference * difference;
          if (dy) dy.data()[at + c] = static_cast<S>(2 * part * difference);
        }
      }
    }
    return sum * part;
  }
};

template <class T>
LeadingFeaturesError(State<T>) -> LeadingFeaturesError<T>;

struct Overflow {
  double low = -1, high = 1;  ///< numbers from low to high cost nothing; low > high is std::invalid_argument
  double weight = 1;          ///< factor of the whole

  template <class S>
  double value_and_gradient(std::type_identity_t<View<const S>> y, Index first_sample, Index batch_size,
                            View<S> dy) const {
    detail::check_slice<S>(y, first_sample, batch_size, dy);
    check(low <= high, "lower end of what does not overflow", low, "at most the upper, " + std::to_string(high));
    const double part = weight / static_cast<double>(y.shape().sample_size() * batch_size);
    double sum = 0;
    for (Index i = 0; i < y.size(); ++i) {
      const double value = static_cast<double>(y.data()[i]);
      sum += std::abs(value - std::clamp(value, low, high));
      if (dy) dy.data()[i] = static_cast<S>(value > high ? part : value < low ? -part : 0.0);
    }
    return sum * part;
  }
};

template <int F, class L>
struct OfLeadingFeatures {
  static_assert(F > 0, "OfLeadingFeatures: the number of features must be positive");
  L loss{};  ///< of states of F features

  /// Throws std::invalid_argument if y has fewer features, and what the loss does.
  template <class S>
  double value_and_gradient(std::type_identity_t<View<const S>> y, Index first_sample, Index batch_size,
                            View<S> dy) const {
    detail::check_slice<S>(y, first_sample, batch_size, dy);
    check(y.shape().features >= F, "number of features for a loss of the leading ones", y.shape().features,
          "at least " + std::to_string(F));
    Scratch scratch;
    const View<S> leading = scratch.state<S>(y.shape().with_features(F));
    const View<S> dleading = dy ? scratch.state<S>(leading.shape()) : dy;
    leading.matrix() = y.matrix().topRows(F);
    const double value = loss.value_and_gradient(View<const S>(leading), first_sample, batch_size, dleading);
    if (dy) {
      dy.vector().setZero();
      dy.matrix().topRows(F) = dleading.matrix();
    }
    return value;
  }
};

template <class... Losses>
struct SumOf {
  std::tuple<Losses...> losses{};  ///< each counts once

  /// Of these losses, which it keeps: SumOf(MeanSquaredError{...}, Overflow{}).
  explicit SumOf(Losses... all) : losses(std::move(all)...) {}

  template <class S>
  double value_and_gradient(std::type_identity_t<View<const S>> y, Index first_sample, Index batch_size,
                            View<S> dy) const {
    Scratch scratch;
    const View<S> one = dy ? scratch.state<S>(y.shape()) : dy;
    if (dy) dy.vector().setZero();
    double sum = 0;
    std::apply(
        [&](const auto&... loss) {
          (([&] {
             sum += loss.value_and_gradient(y, first_sample, batch_size, one);
             if (dy) dy.vector() += one.vector();
           }()),
           ...);
        },
        losses);
    return sum;
  }
};

/// The loss of each sample by itself: their mean is the value of the batch, for a loss that is a mean over samples.
template <class Loss, class S>
[[nodiscard]] std::vector<double> losses_of_samples(const Loss& loss, View<S> y) {
  using Value = std::remove_const_t<S>;
  std::vector<double> each;
  for (Index n = 0; n < y.samples(); ++n) {
    each.push_back(static_cast<double>(y.samples()) *
                   loss.value_and_gradient(View<const Value>(y.sample(n)), n, y.samples(), View<Value>{}));
  }
  return each;
}

}  // namespace basin
