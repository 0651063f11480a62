#pragma once

// The options of a program: on its command line, in a JSON file (--settings), or both, where the command line wins. The
// settings that a checkpoint was made with are taken in the same way.
//
// Every number is checked where it comes in: decimal, finite, in its range. A message names the program, the option,
// what was given and what is expected.
//
// CLI11 is in command_line.cpp alone, which takes as long to compile as half a program, and is compiled once for all.

#include <array>
#include <charconv>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <list>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include "basin/io/file_error.hpp"
#include "basin/io/json.hpp"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace basin::examples {

/// What a number may be, both ends included.
template <class Number>
struct Range {
  Number low, high;
};

/// What the user gave cannot be used; the message says which option.
struct UsageError : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

/// Throws UsageError "<name> is <value>, expected <expected>" unless it holds: of options that do not fit one another,
/// or the data.
template <class Value>
void check_option(bool holds, const std::string& name, const Value& value, const std::string& expected) {
  try {
    check(holds, name, value, expected);
  } catch (const std::invalid_argument& error) {
    throw UsageError(error.what());
  }
}

/// A number as people write it: 100000, 0.001, 1e-09.
template <class Number>
[[nodiscard]] std::string in_words(Number value) {
  std::array<char, 32> text{};
  if constexpr (std::is_floating_point_v<Number>) {
    if (value == std::floor(value) && std::abs(value) < 1e15) return in_words(static_cast<std::int64_t>(value));
  }
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

/// The number that the whole of `text` is, decimal, or an error "<where> is <text>, expected ...".
template <class Number>
[[nodiscard]] Number number_of(const std::string& text, const std::string& where, const Range<Number>& range) {
  const bool whole = std::is_integral_v<Number>;
  const std::string expected = std::string(whole ? "a whole number from " : "a number from ") + in_words(range.low) +
                               " to " + in_words(range.high);
  const auto refuse = [&] {
    throw UsageError(where + " is " + basin::detail::safe_text(text) + ", expected " + expected);
  };
  const char *begin = text.data(), *end = begin + text.size();
  if (begin != end && *begin == '+') ++begin;
  Number value{};
  const auto [rest, error] = std::from_chars(begin, end, value);
  if (error != std::errc{} || rest != end || begin == end) refuse();
  // "010" would be ten to one reader and eight to another.
  const char* digits = begin + (*begin == '-' ? 1 : 0);
  if (whole && end - digits > 1 && *digits == '0') refuse();
  if (!(value >= range.low && value <= range.high)) refuse();
  return value;
}

class CommandLine {
 public:
  /// One option. Given twice, the last one counts.
  class Option {
   public:
    /// Its value says nothing about what is trained: a checkpoint does not keep it.
    Option& of_this_run() {
      kept_ = false;
      return *this;
    }

   private:
    friend class CommandLine;
    std::string name_, text_;
    std::function<void(const std::string& text, const std::string& where)> set_;
    std::function<Json()> value_;
    CLI::Option* as_given_ = nullptr;
    bool kept_ = true, number_ = false, flag_ = false;
  };

  CommandLine(const std::string& program, const std::string& description, const std::string& footer);
  ~CommandLine();

  /// An option --name with a number; `value` is its default, and filled by parse(). A default out of the range stands
  /// for one that the program finds out itself.
  template <class Number>
  requires std::is_arithmetic_v<Number> Option& add(const std::string& name, Number& value, const std::string& help,
                                                    const std::type_identity_t<Range<Number>>& range) {
    std::string bounds = in_words(range.low) + " to " + in_words(range.high);
    if (value >= range.low && value <= range.high) bounds += "; default: " + in_words(value);
    Option& option = make(name, help + " (" + bounds + ")", std::is_integral_v<Number> ? "N" : "X");
    option.number_ = true;
    option.value_ = [&value] { return Json(value); };
    option.set_ = [&value, range](const std::string& text, const std::string& where) {
      value = number_of<Number>(text, where, range);
    };
    return option;
  }

  /// One with a text, such as the path of a file.
  Option& add(const std::string& name, std::string& value, const std::string& help);

  /// One with one of several words.
  Option& add(const std::string& name, std::string& value, const std::string& help,
              std::initializer_list<const char*> words);

  /// One that is there or not, without a value.
  Option& add_flag(const std::string& name, bool& value, const std::string& help);

  // What several programs have, in the same words.
  void add_digits_folder(std::string& data);
  void add_resume(std::string& resume);
  void add_evaluate(std::string& evaluate);
  void add_out(std::string& out);
  void add_test_images(int& count);
  void add_seed(std::uint64_t& seed, const std::string& help = "Every random number follows from it");
  void add_threads(int& threads,
                   const std::string& help = "At most so many threads; 0: all. Results do not depend on it");
  void add_settling_gradient(std::string& adjoint);
  void add_checkpoint_minutes(double& minutes);

  /// Fills the values. False if --help or --version asked for a text, which it has printed, instead. Throws UsageError,
  /// and FileError for a settings file that cannot be used.
  [[nodiscard]] bool parse(int argc, char** argv);

  /// Sets what `values`, an object from `path`, names and the command line does not.
  void take(const Json& values, const std::string& path);

  /// What a checkpoint keeps: the values of all options that say what is trained.
  [[nodiscard]] Json settings() const;

  [[nodiscard]] const std::string& program() const { return program_; }
  [[nodiscard]] bool given(const std::string& name) const;

  /// "--size 4096 --pool 1024": the numbers that were given.
  [[nodiscard]] std::string numbers_given() const;

 private:
  Option& make(const std::string& name, const std::string& help, const char* type);
  [[nodiscard]] const CLI::Option* option_of(const std::string& text) const;
  [[nodiscard]] std::string names() const;

  std::string program_;
  std::unique_ptr<CLI::App> app_;
  std::list<Option> options_;  // a list: CLI11 and callers keep the addresses
  std::string settings_;
};

/// A program's main: parses the command line and calls run(), whose result is the exit status. Errors are printed as
/// "program: message": status 2 for a command line that cannot be used, 1 for all else; fail(status, message), which
/// returns the status, may do otherwise.
int main_of(CommandLine& command_line, int argc, char** argv, const std::function<int()>& run,
            const std::function<int(int status, const std::string& message)>& fail);
int main_of(CommandLine& command_line, int argc, char** argv, const std::function<int()>& run);

}  // namespace basin::examples
