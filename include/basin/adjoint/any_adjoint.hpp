#pragma once

// An adjoint method that is one of several, chosen by its name when the program runs.
//
//   using Chosen = AnyAdjoint<Implicit<>, Phantom, JacobianFree>;
//   Equilibrium<Cell, Anderson<>, Chosen> layer;   // the first of them, until it is told
//   layer.adjoint = Chosen(option);                // "implicit", "phantom", "jacobian_free"; else it throws
//   layer.adjoint = Phantom{.k = 3, .tau = 0.5};   // with options
//
// It gives the same bits as the method that it holds. Unrolled is no such method: it needs a solver of its own.

#include <span>
#include <string_view>
#include <type_traits>
#include <variant>

#include "basin/adjoint/adjoint_method.hpp"
#include "basin/core/choice.hpp"

namespace basin {

/// Each of Methods has options with defaults and a name of its own: `static constexpr std::string_view name`.
/// core/choice.hpp has names(), name() and get<Method>().
template <class... Methods>
class AnyAdjoint : public detail::Choice<Methods...> {
  static_assert((AdjointMethod<Methods> && ...), "AnyAdjoint: every argument must be an adjoint method");
  using Base = detail::Choice<Methods...>;

 public:
  /// Whether any of Methods wants what the equilibrium's solver knows of the inverse: it then keeps that for all.
  static constexpr bool uses_inverse_of_solve = (detail::uses_inverse_of_solve<Methods> || ...);

  /// The first method with its default options.
  AnyAdjoint() = default;

  /// The method of that name with its default options. Throws std::invalid_argument if there is none.
  explicit AnyAdjoint(std::string_view wanted) : Base(wanted, "an adjoint method") {}

  /// The given method with its options. Not explicit, so that one can be assigned.
  template <class Method>
  requires(std::is_same_v<Method, Methods> || ...) AnyAdjoint(const Method& method) : Base(method) {}

  /// See adjoint/adjoint_method.hpp.
  template <class S, class Operator>
  void solve_tile(const Operator& apply_a, View<const S> g, View<S> w, std::span<SampleResult> results) const {
    std::visit([&](const auto& method) { method.solve_tile(apply_a, g, w, results); }, this->held_);
  }
};

}  // namespace basin
