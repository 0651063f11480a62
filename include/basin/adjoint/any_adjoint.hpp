#pragma once

// An adjoint method that is one of several, chosen by its name when the program runs.
//
//   using Chosen = AnyAdjoint<Implicit<>, Phantom, JacobianFree>;
//   Equilibrium<Cell, Anderson<>, Chosen> layer;   // the first of them, until it is told
//   layer.adjoint = Chosen(option);                // "implicit", "phantom", "jacobian_free"; else
//   std::invalid_argument layer.adjoint = Phantom{.k = 3, .tau = 0.5};   // with options
//
// It gives the same bits as the method that it holds. Unrolled is no such method: it needs a solver of its own.

#include <array>
#include <cstddef>
#include <span>
#include <string_view>
#include <type_traits>
#include <variant>

#include "basin/adjoint/adjoint_method.hpp"
#include "basin/core/choice.hpp"

namespace basin {

/// Each of Methods has options with defaults and a name of its own: `static constexpr std::string_view name`.
template <class... Methods>
class AnyAdjoint {
  static_assert(sizeof...(Methods) > 0, "AnyAdjoint holds one of several methods: name them");
  static_assert((AdjointMethod<Methods> && ...), "AnyAdjoint: every argument must be an adjoint method");
  static constexpr std::array<std::string_view, sizeof...(Methods)> all_names{Methods::name...};
  static_assert(detail::all_different(all_names), "AnyAdjoint: two of its methods have the same name");

 public:
  /// Of all that it may hold, in the order of the arguments.
  [[nodiscard]] static constexpr std::span<const std::string_view> names() { return all_names; }

  /// The first method with its default options.
  AnyAdjoint() = default;

  /// The method of that name with its default options. Throws std::invalid_argument if there is none.
  explicit AnyAdjoint(std::string_view wanted) {
    const std::size_t place = detail::place_of(wanted, names(), "an adjoint method");
    std::size_t i = 0;
    static_cast<void>(((i++ == place && (method_ = Methods{}, true)) || ...));
  }

  template <class Method>
  requires(std::is_same_v<Method, Methods> || ...) AnyAdjoint(const Method& method) : method_(method) {}

  /// Of the method that it holds.
  [[nodiscard]] std::string_view name() const { return all_names[method_.index()]; }

  /// The method itself, to read or change its options; null if it holds another.
  template <class Method>
  [[nodiscard]] Method* get() {
    return std::get_if<Method>(&method_);
  }
  template <class Method>
  [[nodiscard]] const Method* get() const {
    return std::get_if<Method>(&method_);
  }

  /// See adjoint/adjoint_method.hpp.
  template <class S, class Operator>
  void solve_tile(const Operator& apply_a, View<const S> g, View<S> w, std::span<SampleResult> results) const {
    std::visit([&](const auto& method) { method.solve_tile(apply_a, g, w, results); }, method_);
  }

 private:
  std::variant<Methods...> method_;
};

}  // namespace basin
