#pragma once

// Parameters as source: a model that was trained becomes a header of a program, as an array of constants with the type
// of its model, so that the program needs no file when it runs, and Eigen alone when it is compiled. (An interface in C
// to it is in c_interface.hpp.)
//
//   write_parameter_header("digits.hpp", theta, {.name = "digits"});
//
//   #include "digits.hpp"
//   const digits::Model model = digits::model();
//   model.apply(digits::theta, x, y);
//
// Numbers are written in hexadecimal, exactly. docs/into_a_program.md goes from a checkpoint to an answer.

#include <array>
#include <cctype>
#include <cstdio>
#include <string>
#include <string_view>
#include <type_traits>

#include "basin/core/parameters.hpp"
#include "basin/io/atomic_file.hpp"
#include "basin/version.hpp"

namespace basin {

/// What stands in the header beside the numbers.
struct ParameterHeader {
  std::string name = "model";  ///< of the namespace: letters, digits and _, no digit first
  std::string from{};          ///< where the parameters come from, one line; empty: not said
  /// Headers that the type of the model needs, as they stand behind #include.
  std::string includes = "\"basin/basin.hpp\"";
  /// Statements that give `made`, a Model, the options that it was trained with, such as "made.steps = 96;".
  std::string set_up{};
};

namespace detail {

template <class T>
[[nodiscard]] constexpr const char* text_with_type() {
  return __PRETTY_FUNCTION__;  // "... [with T = basin::Dense<2, 3>]", or "... [T = ...]" of clang
}

/// The type as C++ writes it.
template <class T>
[[nodiscard]] constexpr std::string_view type_text() {
  const std::string_view text = text_with_type<T>();
  const std::size_t begin = text.find("T = ") + 4;
  return text.substr(begin, text.rfind(']') - begin);
}

inline void check_header_name(const std::string& name) {
  bool fits = !name.empty() && std::isdigit(static_cast<unsigned char>(name[0])) == 0;
  for (const char c : name) fits = fits && (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_');
  check(fits, "name of a parameter header", "'" + name + "'", "letters, digits and _, no digit first");
}

/// " from ...", or nothing; what could end the comment does not stand in it.
[[nodiscard]] inline std::string origin_text(const std::string& from) {
  if (from.empty()) return "";
  std::string text = " from ";
  for (const char c : from) {
    const bool harmless = std::isprint(static_cast<unsigned char>(c)) != 0 && c != '\\' && c != '*';
    text += harmless ? c : '?';
  }
  return text;
}

}  // namespace detail

/// Writes the C++ header. Throws std::invalid_argument for a name that is no identifier, a model without parameters,
/// and numbers that are not finite; FileError if the file cannot be written, and what was there is then as it was.
/// The type of the model has to have a name outside of the translation unit: none with a lambda, none of an anonymous
/// namespace.
template <class Model, class S>
void write_parameter_header(const std::string& path, const Parameters<Model, S>& parameters,
                            const ParameterHeader& header = {}) {
  static_assert(std::is_same_v<S, float> || std::is_same_v<S, double>,
                "a parameter header: numbers are float or double");
  static_assert(Model::param_count > 0, "a parameter header: the model has no parameters");
  detail::check_header_name(header.name);
  check(parameters.vector().allFinite(), "parameters of a header", "not finite", "numbers");
  constexpr std::string_view scalar = std::is_same_v<S, float> ? "float" : "double";
  std::string text = "#pragma once\n\n// Parameters of a model, " + std::to_string(Model::param_count) + " numbers" +
                     detail::origin_text(header.from) + ".\n// Written by basin " + std::string(version_text) +
                     ": to change it, write it again.\n\n#include <iterator>\n#include <span>\n\n#include " +
                     header.includes + "\n\nnamespace " + header.name + " {\n\nusing Model =\n    " +
                     std::string(detail::type_text<Model>()) +
                     ";\n\n/// The model with the options that it was trained with.\ninline Model model() {\n"
                     "  Model made{};\n";
  if (!header.set_up.empty()) text += "  " + header.set_up + "\n";
  text += "  return made;\n}\n\nalignas(64) inline constexpr " + std::string(scalar) + " numbers[] = {\n";
  std::array<char, 64> one{};
  std::size_t column = 0;
  for (const S number : parameters.vector()) {
    const int length =
        std::snprintf(one.data(), one.size(), std::is_same_v<S, float> ? "%af," : "%a,", static_cast<double>(number));
    if (column + static_cast<std::size_t>(length) > 119) {
      text += '\n';
      column = 0;
    }
    text.append(one.data(), static_cast<std::size_t>(length));
    column += static_cast<std::size_t>(length);
  }
  text +=
      "\n};\nstatic_assert(std::size(numbers) == Model::param_count, \"this header was written for another Model\");"
      "\n\n/// theta, as the model's calls take it.\ninline constexpr std::span<const " +
      std::string(scalar) + ", Model::param_count> theta(numbers);\n\n}  // namespace " + header.name + "\n";
  write_file(path, text);
}

}  // namespace basin
