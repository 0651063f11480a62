#pragma once

// States of a whole batch that somebody else holds, float or double, for the options of a layer: options do not know
// the scalar that a model will be called with.

#include <concepts>
#include <type_traits>
#include <variant>

#include "basin/core/context.hpp"
#include "basin/core/state.hpp"

namespace basin {

/// Nothing, or a view of States; sample n of it belongs to the sample with number n in its batch (Context::sample).
/// Float is float or const float, Double likewise. The caller keeps the memory alive.
template <class Float, class Double>
class BatchStates {
  template <class S>
  using Held = std::conditional_t<std::is_same_v<std::remove_const_t<S>, float>, Float, Double>;

 public:
  /// No states.
  BatchStates() = default;
  /// What a view shows. Nothing is copied.
  template <class S>
  requires std::convertible_to<View<S>, View<Held<S>>> BatchStates(View<S> states) : states_(View<Held<S>>(states)) {}
  /// A view of a State: nothing is copied, so the State has to live as long, and to keep its shape.
  template <class S>
  BatchStates(State<S>& states) : BatchStates(states.view()) {}
  /// The same of a constant State, where states are only read, as in Starts.
  template <class S>
  requires std::is_const_v<Held<S>> BatchStates(const State<S>& states) : BatchStates(states.view()) {}
  template <class S>
  BatchStates(State<S>&& temporary) = delete;  // it would be gone before the layer is called

  /// Whether it was given states.
  [[nodiscard]] explicit operator bool() const { return states_.index() != 0; }

  /// The state that belongs to sample i of a context. Throws std::invalid_argument if there is none, or if what is held
  /// is of another scalar or has not the shape of that sample; `name` says what this is.
  template <class S>
  [[nodiscard]] View<Held<S>> at(const Context& context, Index i, const Shape& sample, std::string_view name) const {
    const auto* const held = std::get_if<View<Held<S>>>(&states_);
    // Each if: before the message takes memory, as this is on hot paths.
    if (held == nullptr) {
      constexpr bool single = std::is_same_v<S, float>;
      check(false, std::string(name) + ": scalar of its states", single ? "double" : "float",
            single ? "float" : "double");
    }
    const Shape one = held->shape().with_samples(1);
    if (one != sample) check(false, std::string(name) + ": shape of a state", one, sample);
    const Index number = context.sample(i);
    if (number < 0 || number >= held->samples()) {
      check(false, std::string(name) + ": number of a sample", number,
            "less than the number of states, " + std::to_string(held->samples()));
    }
    return held->sample(number);
  }

 private:
  std::variant<std::monostate, View<Float>, View<Double>> states_{};
};

/// Where solves start.
using Starts = BatchStates<const float, const double>;
/// Where solves leave what they found.
using Ends = BatchStates<float, double>;

}  // namespace basin
