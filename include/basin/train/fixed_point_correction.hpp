#pragma once

// Fixed-point correction: the loss not at the equilibrium alone, but also at some states on the way there, so that the
// way is short and leads where it should (S. Bai, Z. Geng, Y. Savani, J. Z. Kolter, "Deep equilibrium optical flow
// estimation", CVPR 2022, section 3.3, arXiv 2204.08442):
//
//   gradient of l(h(z)) + sum_i weight gamma^(n - i) (gradient of l(h(z_i))),    i = 0, ..., n - 1
//
// where z_i is where the solver is after evaluations[i] evaluations of the cell (deq/on_the_way.hpp), h the layers
// behind the equilibrium, and the gradient at z_i goes back through k damped steps of the cell there; the paper takes
// one.
//
//   corrected_value_and_gradient<1>(model, theta, x, loss, {.evaluations = {3, 6}}, options)
//
// for an Equilibrium, or a JacobianPenalty of one, at place 1 of a Sequential. Each of the states costs a pass of the
// model through that many evaluations, and one step back. sample_evaluations draws them anew for each step, as the
// paper does.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <tuple>
#include <utility>
#include <vector>

#include "basin/core/random.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/deq/jacobian_penalty.hpp"
#include "basin/deq/on_the_way.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/train/value_and_gradient.hpp"

namespace basin {

struct FixedPointCorrection {
  /// Evaluations of the cell up to each state, at least 2 each (after one there is the start alone), in ascending
  /// order.
  std::vector<int> evaluations{};
  double weight = 1;     ///< of the sum over states, 0 or more
  double gamma = 0.8;    ///< the earlier the state, the less it counts; in (0, 1]
  Phantom back{.k = 1};  ///< the damped steps through which the gradient at each state goes back
};

/// What corrected_value_and_gradient returns.
template <class Model, class S>
struct [[nodiscard]] CorrectedGradient {
  /// Of the equilibrium, but for `gradient`, which is the sum.
  ValueAndGradient<Model, S> result{};
  std::vector<double> losses{};  ///< l(h(z_i)), in the order of evaluations
  Index left_out = 0;            ///< states whose part was not finite, and is not in the sum
};

namespace detail {

template <class C, class Solver, class Adjoint>
[[nodiscard]] OnTheWay<Equilibrium<C, Solver, Adjoint>> on_the_way(const Equilibrium<C, Solver, Adjoint>& layer,
                                                                   int evaluations, const Phantom& back) {
  OnTheWay<Equilibrium<C, Solver, Adjoint>> stopped{layer, evaluations, back};
  stopped.equilibrium.keep = {};
  return stopped;
}
template <class E>
[[nodiscard]] OnTheWay<E> on_the_way(const JacobianPenalty<E>& layer, int evaluations, const Phantom& back) {
  return on_the_way(layer.equilibrium, evaluations, back);
}

/// The model with the I-th layer stopped, whose other equilibria keep nothing: what they would is not the model's.
template <std::size_t I, class... Layers>
auto stopped_model(const Sequential<Layers...>& model, int evaluations, const Phantom& back) {
  return [&]<std::size_t... i>(std::index_sequence<i...>) {
    const auto one = [&]<std::size_t j>(std::integral_constant<std::size_t, j>) {
      if constexpr (j == I) {
        return on_the_way(model.template layer<j>(), evaluations, back);
      } else {
        auto other = model.template layer<j>();
        if constexpr (requires { other.keep; }) other.keep = {};
        return other;
      }
    };
    using Stopped = Sequential<decltype(one(std::integral_constant<std::size_t, i>{}))...>;
    return Stopped{{one(std::integral_constant<std::size_t, i>{})...}};
  }
  (std::index_sequence_for<Layers...>{});
}

}  // namespace detail

/// `count` different numbers of evaluations from 2 to most, in ascending order. A function of random and `step`.
/// Throws std::invalid_argument if there are not so many.
[[nodiscard]] inline std::vector<int> sample_evaluations(int count, int most, const Random& random,
                                                         std::uint64_t step) {
  check(count >= 0 && count < most, "states of a correction", count,
        "0 to the numbers from 2 to " + std::to_string(most));
  std::vector<int> all;
  for (int k = 2; k <= most; ++k) all.push_back(k);
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    const std::uint64_t left = all.size() - i;
    std::swap(all[i], all[i + random.below(step * static_cast<std::uint64_t>(most) + i, left)]);
  }
  all.resize(static_cast<std::size_t>(count));
  std::sort(all.begin(), all.end());
  return all;
}

/// See above. options are those of value_and_gradient for the equilibrium; on the way, where no solve can be expected
/// to converge, failures are none. Throws std::invalid_argument as value_and_gradient does, and for a correction that
/// makes no sense.
template <std::size_t I, class Model, class S, class Loss>
CorrectedGradient<Model, S> corrected_value_and_gradient(const Model& model, const Parameters<Model, S>& theta,
                                                         std::type_identity_t<View<const S>> x, const Loss& loss,
                                                         const FixedPointCorrection& correction,
                                                         const GradientOptions& options = {}) {
  check(correction.weight >= 0 && std::isfinite(correction.weight), "FixedPointCorrection: weight", correction.weight,
        "a finite number, 0 or more");
  check(correction.gamma > 0 && correction.gamma <= 1, "FixedPointCorrection: gamma", correction.gamma,
        "more than 0 and at most 1");
  int before = 1;
  for (const int evaluations : correction.evaluations) {
    check(evaluations > before, "FixedPointCorrection: evaluations", evaluations,
          "more than " + std::to_string(before) + ", in ascending order");
    before = evaluations;
  }
  CorrectedGradient<Model, S> all;
  Parameters<Model, S> on_the_way;
  GradientOptions here = options;
  here.failed = FailedSolve::keep;
  here.context.log = nullptr;
  for (std::size_t i = 0; i < correction.evaluations.size(); ++i) {
    const auto stopped = detail::stopped_model<I>(model, correction.evaluations[i], correction.back);
    using Stopped = std::remove_const_t<decltype(stopped)>;
    const auto part = value_and_gradient(stopped, theta.template as<Stopped>(), x, loss, here);
    all.losses.push_back(part.value);
    if (!part.gradient.vector().allFinite()) {
      ++all.left_out;
      continue;
    }
    const auto states_after = static_cast<double>(correction.evaluations.size() - i);
    on_the_way.vector() +=
        static_cast<S>(correction.weight * std::pow(correction.gamma, states_after)) * part.gradient.vector();
  }
  // Last, because it may leave its equilibria where all of these begin.
  all.result = value_and_gradient(model, theta, x, loss, options);
  all.result.gradient.vector() += on_the_way.vector();
  return all;
}

}  // namespace basin
