#pragma once

// The loss of a model on a batch and its gradient in theta, on all threads.
//
// The batch is cut into parts of a few samples. Each part runs the whole model forward and back on one thread, while
// its states are in cache, and adds into a gradient of its own; the parts' gradients are then summed in order. So the
// result does not depend on the number of threads, to the last bit.

#include <algorithm>
#include <vector>

#include "basin/core/layer.hpp"
#include "basin/core/parallel.hpp"

namespace basin {

template <class Model, class S>
struct [[nodiscard]] ValueAndGradient {
  double value = 0;                 ///< the loss
  Parameters<Model, S> gradient{};  ///< of the loss, in theta
  State<S> output{};                ///< what the model gave
  Report report{};                  ///< how its solves ended
};

/// loss(model(theta, x)) and its gradient. The loss has
///   double value_and_gradient(View<const S> y, Index first_sample, Index batch, View<S> dy) const,
/// which returns the part of the loss that samples first_sample ... first_sample + y.samples() - 1 of a batch make and
/// writes its gradient, so that parts add up (train/loss.hpp).
/// samples_per_part: few, to balance threads and stay in cache; more where a layer wants wide matrix products.
template <class Model, class Other, class S, class Loss>
ValueAndGradient<Model, S> value_and_gradient(const Model& model, const Parameters<Other, S>& theta,
                                              std::type_identity_t<View<const S>> x, const Loss& loss,
                                              Index samples_per_part = 8) {
  static_assert(Layer<Model, S>, "value_and_gradient: the model must be a layer, with apply and linearize");
  check(samples_per_part > 0, "samples_per_part", samples_per_part, "at least 1");
  const auto parameters = theta_of<Model>(theta);
  const Index batch = x.samples(), parts = (batch + samples_per_part - 1) / samples_per_part;
  ValueAndGradient<Model, S> sum;
  sum.output = State<S>(model.out_shape(x.shape()));
  struct Part {
    double value = 0;
    Parameters<Model, S> gradient;
    Report report;
  };
  std::vector<Part> part(static_cast<std::size_t>(parts));
  parallel_for(parts, [&](Index i) {
    Part& mine = part[static_cast<std::size_t>(i)];
    const Index first = i * samples_per_part, count = std::min(samples_per_part, batch - first);
    const View<S> y = sum.output.view().samples(first, count);
    const auto linear = model.linearize(parameters, x.samples(first, count), y, Context{.first_sample = first});
    if constexpr (requires { linear.report(); }) mine.report += linear.report();
    Scratch scratch;
    const View<S> dy = scratch.state<S>(y.shape());
    mine.value = loss.value_and_gradient(View<const S>(y), first, batch, dy);
    mine.report +=
        detail::report_of([&] { return linear.pullback(View<const S>(dy), View<S>{}, mine.gradient.span()); });
  });
  for (const Part& one : part) {
    sum.value += one.value;
    sum.gradient.vector() += one.gradient.vector();
    sum.report += one.report;
  }
  return sum;
}

template <class S>
struct [[nodiscard]] Prediction {
  State<S> output{};
  Report report{};
};

/// model(theta, x) for a whole batch, on all threads.
template <class Model, class Other, class S>
Prediction<S> predict(const Model& model, const Parameters<Other, S>& theta, std::type_identity_t<View<const S>> x,
                      Index samples_per_part = 8) {
  check(samples_per_part > 0, "samples_per_part", samples_per_part, "at least 1");
  const auto parameters = theta_of<Model>(theta);
  const Index batch = x.samples(), parts = (batch + samples_per_part - 1) / samples_per_part;
  Prediction<S> all{State<S>(model.out_shape(x.shape())), {}};
  std::vector<Report> reports(static_cast<std::size_t>(parts));
  parallel_for(parts, [&](Index i) {
    const Index first = i * samples_per_part, count = std::min(samples_per_part, batch - first);
    reports[static_cast<std::size_t>(i)] = detail::report_of([&] {
      return model.apply(parameters, x.samples(first, count), all.output.view().samples(first, count),
                         Context{.first_sample = first});
    });
  });
  for (const Report& report : reports) all.report += report;
  return all;
}

}  // namespace basin
