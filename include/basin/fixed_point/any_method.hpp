#pragma once

// A fixed-point method that is one of several, chosen by its name when the program runs.
//
//   using Chosen = AnyMethod<Picard, Anderson<5>, Broyden<>>;
//   Equilibrium<Cell, Chosen> layer;              // the first of them, until it is told
//   layer.solver = Chosen(option);                // "picard", "anderson", "broyden"; else std::invalid_argument
//   layer.solver = Anderson<5>{.damping = 0.7};   // with options
//
// It steps, counts and gives the same bits as the method that it holds.

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "basin/fixed_point/method.hpp"

namespace basin {

/// Each of Methods has options with defaults and a name of its own: `static constexpr std::string_view name`.
template <class... Methods>
class AnyMethod {
  static_assert(sizeof...(Methods) > 0, "AnyMethod holds one of several methods: name them");
  static_assert((FixedPointMethod<Methods> && ...), "AnyMethod: every argument must be a fixed-point method");
  static constexpr std::array<std::string_view, sizeof...(Methods)> all_names{Methods::name...};
  static_assert(
      [] {
        for (std::size_t i = 0; i < all_names.size(); ++i) {
          for (std::size_t j = 0; j < i; ++j) {
            if (all_names[i] == all_names[j]) return false;
          }
        }
        return true;
      }(),
      "AnyMethod: two of its methods have the same name");

 public:
  /// Of all that it may hold, in the order of the arguments.
  [[nodiscard]] static constexpr std::span<const std::string_view> names() { return all_names; }

  /// The first method with its default options.
  AnyMethod() = default;

  /// The method of that name with its default options. Throws std::invalid_argument if there is none.
  explicit AnyMethod(std::string_view wanted) {
    bool found = false;
    static_cast<void>(((Methods::name == wanted && (method_ = Methods{}, found = true)) || ...));
    if (found) return;
    std::string known;
    for (const std::string_view one : all_names) known.append(known.empty() ? "" : ", ").append(one);
    check(false, "name of a fixed-point method", "\"" + std::string(wanted) + "\"", "one of " + known);
  }

  template <class Method>
  requires(std::is_same_v<Method, Methods> || ...) AnyMethod(const Method& method) : method_(method) {}

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

  template <class S>
  using Memory = std::variant<detail::MethodMemory<Methods, S>...>;

  template <class S>
  [[nodiscard]] Memory<S> start(Index size, Scratch& scratch) const {
    return visit([&]<std::size_t i>(const auto& method) {
      return Memory<S>(std::in_place_index<i>, method.template start<S>(size, scratch));
    });
  }

  template <class... Held, class S>
  ResidualNorms take_in(std::variant<Held...>& memory, std::span<const S> z,
                        std::type_identity_t<std::span<const S>> f) const {
    return visit([&]<std::size_t i>(const auto& method) {
      if constexpr (requires { method.take_in(std::get<i>(memory), z, f); }) {
        return method.take_in(std::get<i>(memory), z, f);
      } else {
        return detail::residual_norms(z.data(), f.data(), static_cast<Index>(z.size()));
      }
    });
  }

  template <class... Held, class S, class Map>
  bool step(std::variant<Held...>& memory, std::span<S> z, std::span<S> f, const SampleMap<S, Map>& map) const {
    return visit([&]<std::size_t i>(const auto& method) {
      using Method = std::remove_cvref_t<decltype(method)>;
      if constexpr (detail::StepsWithMap<Method, S, Map>) {
        return method.step(std::get<i>(memory), z, f, map);
      } else {
        method.step(std::get<i>(memory), z, std::span<const S>(f));
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
      if (method_.index() != i) return visit_from<i + 1>(body);
    }
    return body.template operator()<i>(*std::get_if<i>(&method_));
  }

  std::variant<Methods...> method_;
};

}  // namespace basin
