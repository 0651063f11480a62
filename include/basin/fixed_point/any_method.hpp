#pragma once

// A fixed-point method that is one of several, chosen by its name when the program runs.
//
//   using Chosen = AnyMethod<Picard, Anderson<5>, Broyden<>>;
//   Equilibrium<Cell, Chosen> layer;              // the first of them, until it is told
//   layer.solver = Chosen(option);                // "picard", "anderson", "broyden"; else std::invalid_argument
//   layer.solver = Anderson<5>{.damping = 0.7};   // with options
//
// It steps, counts and gives the same bits as the method that it holds.

#include <cstddef>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "basin/core/choice.hpp"
#include "basin/fixed_point/method.hpp"

namespace basin {

/// Each of Methods has options with defaults and a name of its own: `static constexpr std::string_view name`.
/// core/choice.hpp has names(), name() and get<Method>().
template <class... Methods>
class AnyMethod : public detail::Choice<Methods...> {
  static_assert((FixedPointMethod<Methods> && ...), "AnyMethod: every argument must be a fixed-point method");
  using Base = detail::Choice<Methods...>;

 public:
  /// The first method with its default options.
  AnyMethod() = default;

  /// The method of that name with its default options. Throws std::invalid_argument if there is none.
  explicit AnyMethod(std::string_view wanted) : Base(wanted, "a fixed-point method") {}

  /// The given method with its options. Not explicit, so that one can be assigned.
  template <class Method>
  requires(std::is_same_v<Method, Methods> || ...) AnyMethod(const Method& method) : Base(method) {}

  template <class S>
  struct Memory {
    std::variant<detail::MethodMemory<Methods, S>...> held;  ///< that of the method
    Extent size;                                             ///< of the sample
  };

  template <class S>
  [[nodiscard]] Memory<S> start(const Extent& size, Scratch& scratch) const {
    return visit([&]<std::size_t i>(const auto& method) {
      return Memory<S>{decltype(Memory<S>::held)(std::in_place_index<i>, method.template start<S>(size, scratch)),
                       size};
    });
  }

  template <class Held, class S>
  ResidualNorms take_in(Held& memory, std::span<const S> z, std::type_identity_t<std::span<const S>> f) const {
    return visit([&]<std::size_t i>(const auto& method) {
      if constexpr (requires { method.take_in(std::get<i>(memory.held), z, f); }) {
        return method.take_in(std::get<i>(memory.held), z, f);
      } else {
        return detail::residual_norms(z.data(), f.data(), memory.size);
      }
    });
  }

  template <class S>
  void project(std::span<S> z) const {
    visit([&]<std::size_t i>(const auto& method) {
      if constexpr (requires { method.project(z); }) method.project(z);
    });
  }

  template <class Held, class S, class Map>
  bool step(Held& memory, std::span<S> z, std::span<S> f, const SampleMap<S, Map>& map) const {
    return visit([&]<std::size_t i>(const auto& method) {
      using Method = std::remove_cvref_t<decltype(method)>;
      if constexpr (detail::StepsWithMap<Method, S, Map>) {
        return method.step(std::get<i>(memory.held), z, f, map);
      } else {
        method.step(std::get<i>(memory.held), z, std::span<const S>(f));
        return false;
      }
    });
  }

 private:
  /// Calls body.operator()<number>(method) for the one that is held.
  template <class Body>
  auto visit(const Body& body) const {
    return visit_from<0>(body);
  }
  template <std::size_t i, class Body>
  auto visit_from(const Body& body) const {
    if constexpr (i + 1 < sizeof...(Methods)) {
      if (this->held_.index() != i) return visit_from<i + 1>(body);
    }
    return body.template operator()<i>(*std::get_if<i>(&this->held_));
  }
};

}  // namespace basin
