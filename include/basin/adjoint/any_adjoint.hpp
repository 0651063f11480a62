#pragma once

// An adjoint method that is chosen when the program runs, by name, among those that the program names:
//
//   using Adjoint = AnyAdjoint<Implicit<>, Phantom, JacobianFree>;
//   Equilibrium<Cell, Anderson<>, Adjoint> layer;
//   layer.adjoint = Adjoint::named("phantom");        // with its default options
//   layer.adjoint = Phantom{.k = 3, .tau = 0.5};      // with others
//
// One test of an index for each tile is all that the choice costs.

#include <array>
#include <concepts>
#include <string>
#include <string_view>
#include <variant>

#include "basin/adjoint/adjoint_method.hpp"

namespace basin {

template <AdjointMethod... Methods>
requires(sizeof...(Methods) > 0 && (requires { Methods::name; } && ...)) class AnyAdjoint {
 public:
  /// The names to choose from, in the order of the methods.
  static constexpr std::array<std::string_view, sizeof...(Methods)> names{Methods::name...};
  static_assert(
      [] {
        for (std::size_t i = 0; i < names.size(); ++i) {
          for (std::size_t j = 0; j < i; ++j) {
            if (names[i] == names[j]) return false;
          }
        }
        return true;
      }(),
      "AnyAdjoint: two of the methods have the same name");

  /// The first method.
  AnyAdjoint() = default;

  template <class Method>
  requires(std::same_as<Method, Methods> || ...) AnyAdjoint(const Method& method) : method_(method) {}

  /// The method of that name, with its default options. Throws std::invalid_argument, with all names, if there is none.
  [[nodiscard]] static AnyAdjoint named(std::string_view name) {
    AnyAdjoint chosen;
    const bool found = ((Methods::name == name ? (chosen.method_ = Methods{}, true) : false) || ...);
    if (!found) {
      std::string all;
      for (const std::string_view each : names) all += (all.empty() ? "" : ", ") + std::string(each);
      check(false, "name of an adjoint method", "\"" + std::string(name) + "\"", "one of " + all);
    }
    return chosen;
  }

  [[nodiscard]] std::string_view name() const { return names[method_.index()]; }

  /// The method, if it is this one, to read or set its options; null if it is another.
  template <class Method>
  [[nodiscard]] Method* get_if() {
    return std::get_if<Method>(&method_);
  }
  template <class Method>
  [[nodiscard]] const Method* get_if() const {
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
