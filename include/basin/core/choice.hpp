#pragma once

// What is chosen by its name when a program runs: one of several objects, the names to choose from, and the sentence
// for a name that is none of them.

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "basin/core/check.hpp"

namespace basin::detail {

[[nodiscard]] constexpr bool all_different(std::span<const std::string_view> names) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (names[i] == names[j]) return false;
    }
  }
  return true;
}

/// The place of a name. Throws std::invalid_argument "name of <thing> is "<wanted>", expected one of <names>".
[[nodiscard]] inline std::size_t place_of(std::string_view wanted, std::span<const std::string_view> names,
                                          std::string_view thing) {
  std::string known;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == wanted) return i;
    known.append(i == 0 ? "" : ", ").append(names[i]);
  }
  check(false, "name of " + std::string(thing), "\"" + std::string(wanted) + "\"", "one of " + known);
  return names.size();
}

/// One of Options, each with defaults and a name of its own: `static constexpr std::string_view name`.
template <class... Options>
class Choice {
  static_assert(sizeof...(Options) > 0, "a choice is one of several: name them");
  static constexpr std::array<std::string_view, sizeof...(Options)> all_names{Options::name...};
  static_assert(all_different(all_names), "two of those to choose from have the same name");

 public:
  /// Of all that it may hold, in the order of the arguments.
  [[nodiscard]] static constexpr std::span<const std::string_view> names() { return all_names; }

  /// Of the one that it holds.
  [[nodiscard]] std::string_view name() const { return all_names[held_.index()]; }

  /// The one that it holds itself, to read or change its options; null if it holds another.
  template <class Option>
  [[nodiscard]] Option* get() {
    return std::get_if<Option>(&held_);
  }
  template <class Option>
  [[nodiscard]] const Option* get() const {
    return std::get_if<Option>(&held_);
  }

 protected:
  /// The first with its defaults.
  Choice() = default;
  /// The one of that name with its defaults. Throws std::invalid_argument if there is none; `thing` says what it is.
  Choice(std::string_view wanted, std::string_view thing) {
    const std::size_t place = place_of(wanted, names(), thing);
    std::size_t i = 0;
    static_cast<void>(((i++ == place && (held_ = Options{}, true)) || ...));
  }
  explicit Choice(std::variant<Options...> option) : held_(std::move(option)) {}

  std::variant<Options...> held_;
};

}  // namespace basin::detail
