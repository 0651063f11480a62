#pragma once

// Steps of gradient descent. With g the gradient, a = rate * rate_scale, and t = 1, 2, ... the number of the step:
//
//   Sgd     v <- mu v + g,  theta <- theta - a v;  with Nesterov: theta <- theta - a (g + mu v)
//           g has weight_decay * theta added                          Sutskever et al. 2013 (in this common form)
//   Adam    m <- b1 m + (1 - b1) g,  s <- b2 s + (1 - b2) g^2,
//           theta <- theta - a (m / (1 - b1^t)) / (sqrt(s / (1 - b2^t)) + epsilon)     Kingma & Ba 2015, algorithm 1
//   AdamW   first theta <- theta - a weight_decay theta               Loshchilov & Hutter 2019, algorithm 2
//
// Weights decay; biases and scales do not (LeafKind). Options are plain; what a run accumulates is a state of its own:
//
//   Adam adam{.rate = 2e-3};
//   auto state = adam.init(theta);
//   adam.step(theta, gradient, state, schedule(step));
//
// A state's each(visit) calls visit(name, value) for what a checkpoint must keep: a std::int64_t or Parameters.
// Accumulated numbers below the least normal one become zero: see detail::drop_subnormals.
//
// A step throws std::invalid_argument, and leaves theta and the state as they were, for
//   - an option, or rate_scale, that is not finite or out of the range that stands beside it, as the scalar of theta
//     has it: in float an epsilon of 1e-50 is 0, and a beta of 1 - 1e-9 is 1;
//   - a gradient with a number that is not finite, or whose square is not. Who wants to go on without the step looks
//     at the norm first, which both functions of train/clip.hpp return, or asks RollBack.

#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "basin/core/parameters.hpp"
#include "basin/kernels/elementwise.hpp"

namespace basin {

template <class O, class Model, class S = float>
concept Optimizer = requires(const O& optimizer, Parameters<Model, S>& theta, const Parameters<Model, S>& gradient,
                             decltype(optimizer.init(theta)) state, double rate_scale) {
  optimizer.step(theta, gradient, state);
  optimizer.step(theta, gradient, state, rate_scale);
};

namespace detail {

/// Calls visit(name, value) for each name and the value behind it.
template <class Visit>
void visit_named(const Visit&) {}
template <class Visit, class Value, class... Rest>
void visit_named(const Visit& visit, std::string_view name, Value& value, Rest&&... rest) {
  visit(name, value);
  visit_named(visit, rest...);
}

/// Sums that decay never reach zero by themselves: where gradients stay away, as behind a ReLU that is never open, they
/// end at subnormal numbers (0.9 of the least is rounded to the least), and each operation on one of those costs as
/// much as a hundred others. NaNs stay.
template <class V>
void drop_subnormals(V&& values) {
  using S = typename std::remove_cvref_t<V>::Scalar;
  values.array() = (values.array().abs() < std::numeric_limits<S>::min()).select(S(0), values.array());
}

/// Calls visit(first, size) for each leaf of weights.
template <class Model, class Visit>
void for_each_weight_leaf(const Visit& visit) {
  for (const Leaf& leaf : leaves_of<Model>()) {
    if (leaf.kind == LeafKind::weight) visit(static_cast<Index>(leaf.offset), static_cast<Index>(leaf.size));
  }
}

/// Checks an option of an optimizer. Its name is put together only for the message, as steps take no memory.
inline void check_option(bool holds, std::string_view option, std::string_view optimizer, double value,
                         std::string_view expected) {
  if (!holds) check(false, std::string(option) + " of " + std::string(optimizer), value, expected);
}

/// Checks an option that is 0 or more, and finite as an S.
template <class S>
void check_size(std::string_view option, std::string_view optimizer, double value) {
  check_option(value >= 0 && value <= static_cast<double>(std::numeric_limits<S>::max()), option, optimizer, value,
               "0 or more, and finite");
}

/// Checks an option from 0 to below 1, as an S.
template <class S>
void check_fraction(std::string_view option, std::string_view optimizer, double value) {
  check_option(value >= 0 && static_cast<S>(value) < S(1), option, optimizer, value, "0 to below 1");
}

/// Checks what a step moves by, and that no weight decays by more than all of it.
template <class S>
void check_rate(std::string_view optimizer, double rate, double rate_scale, double weight_decay = 0) {
  check_size<S>("rate", optimizer, rate);
  check_size<S>("scale of the rate", optimizer, rate_scale);
  check_size<S>("rate times its scale", optimizer, rate * rate_scale);
  // Times the largest number that a gradient may have it is finite: theta stays so.
  const double most = std::sqrt(static_cast<double>(std::numeric_limits<S>::max()));
  if (!(rate * rate_scale <= most)) {  // before the message takes memory
    check_option(false, "rate times its scale", optimizer, rate * rate_scale, "at most " + printed(most));
  }
  check_size<S>("weight_decay", optimizer, weight_decay);
  const double decay = rate * rate_scale * weight_decay;
  check_option(decay <= 1, "rate times weight_decay", optimizer, decay, "at most 1");
}

/// Checks that the numbers of a gradient and their squares are finite.
template <class Model, class S>
void check_gradient(const Parameters<Model, S>& gradient) {
  const Vector<S>& g = gradient.vector();
  const S most = std::sqrt(std::numeric_limits<S>::max());
  int wrong = 0;  // no early end: so the loop is one of vectors
  for (Index i = 0; i < g.size(); ++i) wrong |= std::abs(g.data()[i]) <= most ? 0 : 1;
  if (wrong == 0) return;
  for (const Leaf& leaf : leaves_of<Model>()) {
    for (std::size_t i = 0; i < leaf.size; ++i) {
      const S number = g[static_cast<Index>(leaf.offset + i)];
      if (!(std::abs(number) <= most)) {
        check(false, "number " + std::to_string(i) + " of the gradient of '" + leaf.name + "'", number,
              "a number whose square is finite");
      }
    }
  }
}

}  // namespace detail

/// What Sgd remembers from step to step.
template <class Model, class S>
struct SgdState {
  Parameters<Model, S> velocity{};  ///< v, a number for each of theta; 0 at first

  void each(const auto& visit) { detail::visit_named(visit, "velocity", velocity); }
  void each(const auto& visit) const { detail::visit_named(visit, "velocity", velocity); }
};

/// Stochastic gradient descent with momentum.
struct Sgd {
  double rate = 1e-2;         ///< 0 or more
  double momentum = 0.0;      ///< mu, 0 to below 1
  bool nesterov = false;      ///< true: theta moves by -a (g + mu v); false: by -a v
  double weight_decay = 0.0;  ///< 0 or more, and at most 1 / (rate * rate_scale)

  template <class Model, class S>
  [[nodiscard]] SgdState<Model, S> init(const Parameters<Model, S>&) const {
    return {};
  }

  /// Moves theta by one step, and takes the gradient into the state. Throws std::invalid_argument, and changes nothing,
  /// for options out of range and a gradient that is not finite (train/optimizer.hpp).
  template <class Model, class S>
  void step(Parameters<Model, S>& theta, const Parameters<Model, S>& gradient, SgdState<Model, S>& state,
            double rate_scale = 1.0) const {
    detail::check_rate<S>("Sgd", rate, rate_scale, weight_decay);
    detail::check_fraction<S>("momentum", "Sgd", momentum);
    detail::check_gradient(gradient);
    const S a = static_cast<S>(rate * rate_scale), mu = static_cast<S>(momentum), decay = static_cast<S>(weight_decay);
    Vector<S>&values = theta.vector(), &velocity = state.velocity.vector();
    const Vector<S>& g = gradient.vector();
    // Decay belongs to g, but g is not ours to change: its part of each sum is added leaf by leaf, before theta moves.
    velocity = mu * velocity + g;
    if (decay != S(0)) {
      detail::for_each_weight_leaf<Model>([&](Index first, Index size) {
        velocity.segment(first, size) += decay * values.segment(first, size);
        if (nesterov) values.segment(first, size) *= S(1) - a * decay;
      });
    }
    detail::drop_subnormals(velocity);
    values -= a * (nesterov ? mu : S(1)) * velocity;
    if (nesterov) values -= a * g;
  }
};

/// What Adam and AdamW accumulate.
template <class Model, class S>
struct AdamState {
  std::int64_t steps = 0;                                ///< steps made so far: t of the last one
  Parameters<Model, S> first_moment{}, second_moment{};  ///< m and s, a number each for each of theta; 0 at first

  void each(const auto& visit) {
    detail::visit_named(visit, "steps", steps, "first_moment", first_moment, "second_moment", second_moment);
  }
  void each(const auto& visit) const {
    detail::visit_named(visit, "steps", steps, "first_moment", first_moment, "second_moment", second_moment);
  }
};

/// Steps of about `rate` a number, whatever the scale of the gradient.
struct Adam {
  double rate = 1e-3;    ///< 0 or more
  double beta1 = 0.9;    ///< b1, how much of m a step keeps; 0 to below 1
  double beta2 = 0.999;  ///< b2, how much of s a step keeps; 0 to below 1
  /// At least the root of the least normal number, 1.1e-19 in float: the squares of smaller gradients are lost, and a
  /// smaller epsilon would make their steps many times the rate.
  double epsilon = 1e-8;

  template <class Model, class S>
  [[nodiscard]] AdamState<Model, S> init(const Parameters<Model, S>&) const {
    return {};
  }

  /// Moves theta by one step, and takes the gradient into the state. Throws std::invalid_argument, and changes nothing,
  /// for options out of range and a gradient that is not finite (train/optimizer.hpp).
  template <class Model, class S>
  void step(Parameters<Model, S>& theta, const Parameters<Model, S>& gradient, AdamState<Model, S>& state,
            double rate_scale = 1.0) const {
    check_options<S>(rate_scale);
    detail::check_gradient(gradient);
    ++state.steps;
    move(state.steps, gradient.vector(), state.first_moment.vector(), state.second_moment.vector(), theta.vector(),
         rate_scale);
  }

  /// What a step checks of the options, for theta in S.
  template <class S>
  void check_options(double rate_scale, std::string_view name = "Adam") const {
    detail::check_rate<S>(name, rate, rate_scale);
    detail::check_fraction<S>("beta1", name, beta1);
    detail::check_rate<S>(name, rate / (1 - beta1), rate_scale);  // by which the first step is multiplied
    detail::check_fraction<S>("beta2", name, beta2);
    const double least = std::sqrt(static_cast<double>(std::numeric_limits<S>::min()));
    if (!(epsilon >= least && epsilon <= static_cast<double>(std::numeric_limits<S>::max()))) {
      detail::check_option(false, "epsilon", name, epsilon, "at least " + detail::printed(least) + ", and finite");
    }
  }

  /// Step number `steps` (from 1 on) of a part of theta: g, the moments m and s, and the values are vectors of Eigen
  /// whose numbers lie together, of which the last three change.
  template <class G, class M, class V>
  void move(std::int64_t steps, const G& g, M&& m, M&& s, V&& values, double rate_scale) const {
    using S = typename G::Scalar;
    const double t = static_cast<double>(steps);
    const double bias1 = 1.0 - std::pow(beta1, t), bias2 = 1.0 - std::pow(beta2, t);
    const S a = static_cast<S>(rate * rate_scale / bias1), per_root = static_cast<S>(1.0 / std::sqrt(bias2));
    const S b1 = static_cast<S>(beta1), b2 = static_cast<S>(beta2);
    const S new1 = static_cast<S>(1.0 - beta1), new2 = static_cast<S>(1.0 - beta2), e = static_cast<S>(epsilon);
    kernels::elementwise(
        g.size(), m.data(), [=](const auto& was, const auto& now) { return b1 * was + new1 * now; },
        std::as_const(m).data(), g.data());
    kernels::elementwise(
        g.size(), s.data(), [=](const auto& was, const auto& now) { return b2 * was + new2 * now.square(); },
        std::as_const(s).data(), g.data());
    detail::drop_subnormals(m);
    detail::drop_subnormals(s);
    kernels::elementwise(
        g.size(), values.data(),
        [=](const auto& x, const auto& mean, const auto& square) {
          return x - a * mean / (per_root * square.sqrt() + e);
        },
        std::as_const(values).data(), std::as_const(m).data(), std::as_const(s).data());
  }
};

/// Adam with decay of the weights themselves, not through the gradient.
struct AdamW {
  double rate = 1e-3;          ///< 0 or more, as in Adam
  double beta1 = 0.9;          ///< b1, how much of m a step keeps; 0 to below 1
  double beta2 = 0.999;        ///< b2, how much of s a step keeps; 0 to below 1
  double epsilon = 1e-8;       ///< as in Adam: at least 1.1e-19 in float
  double weight_decay = 1e-2;  ///< a step takes rate * rate_scale * weight_decay of each weight away, 0 to 1

  template <class Model, class S>
  [[nodiscard]] AdamState<Model, S> init(const Parameters<Model, S>&) const {
    return {};
  }

  /// Moves theta by one step, and takes the gradient into the state. Throws std::invalid_argument, and changes nothing,
  /// for options out of range and a gradient that is not finite (train/optimizer.hpp).
  template <class Model, class S>
  void step(Parameters<Model, S>& theta, const Parameters<Model, S>& gradient, AdamState<Model, S>& state,
            double rate_scale = 1.0) const {
    const Adam adam{rate, beta1, beta2, epsilon};
    detail::check_rate<S>("AdamW", rate, rate_scale, weight_decay);
    adam.check_options<S>(rate_scale, "AdamW");
    detail::check_gradient(gradient);
    const S kept = static_cast<S>(1.0 - rate * rate_scale * weight_decay);
    detail::for_each_weight_leaf<Model>([&](Index first, Index size) { theta.vector().segment(first, size) *= kept; });
    ++state.steps;
    adam.move(state.steps, gradient.vector(), state.first_moment.vector(), state.second_moment.vector(), theta.vector(),
              rate_scale);
  }
};

}  // namespace basin
