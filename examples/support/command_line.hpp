#pragma once

// The options of a program: on its command line, in a JSON file (--settings), or both, where the command line wins. The
// settings that a checkpoint was made with are taken in the same way.
//
// Every number is checked where it comes in: decimal, finite, in its range. A message names the program, the option,
// what was given and what is expected. (Longer than other headers, as it has the words that several programs share.)

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <initializer_list>
#include <limits>
#include <list>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "basin/io/file_error.hpp"
#include "basin/io/json.hpp"
#include "basin/version.hpp"
#include "standard_output.hpp"

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

  CommandLine(const std::string& program, const std::string& description, const std::string& footer)
      : program_(program), app_(description, program) {
    app_.footer(footer);
    app_.get_formatter()->column_width(34);
    app_.set_version_flag("--version", program + ", basin " + std::string(version_text));
    add("settings", settings_, "JSON file with any of these options, under their names without --").of_this_run();
  }

  /// An option --name with a number; `value` is its default, and filled by parse(). A default out of the range stands
  /// for one that the program finds out itself.
  template <class Number>
  requires std::is_arithmetic_v<Number> Option& add(const std::string& name, Number& value, const std::string& help,
                                                    const std::type_identity_t<Range<Number>>& range) {
    std::string bounds = in_words(range.low) + " to " + in_words(range.high);
    if (value >= range.low && value <= range.high) bounds += "; default: " + in_words(value);
    Option& option = make(name, help + " (" + bounds + ")", value);
    option.as_given_->type_name(std::is_integral_v<Number> ? "N" : "X");
    option.number_ = true;
    option.set_ = [&value, range](const std::string& text, const std::string& where) {
      value = number_of<Number>(text, where, range);
    };
    return option;
  }

  /// One with a text, such as the path of a file.
  Option& add(const std::string& name, std::string& value, const std::string& help) {
    Option& option = make(name, value.empty() ? help : help + " (default: " + value + ")", value);
    option.as_given_->type_name("TEXT");
    option.set_ = [&value](const std::string& text, const std::string&) { value = text; };
    return option;
  }

  /// One with one of several words.
  Option& add(const std::string& name, std::string& value, const std::string& help,
              std::initializer_list<const char*> words) {
    std::string all;
    for (const char* word : words) all += (all.empty() ? "" : ", ") + std::string(word);
    Option& option = make(name, value.empty() ? help : help + " (default: " + value + ")", value);
    option.as_given_->type_name("WORD");
    option.set_ = [&value, all, words = std::vector<std::string>(words.begin(), words.end())](
                      const std::string& text, const std::string& where) {
      if (std::find(words.begin(), words.end(), text) == words.end()) {
        throw UsageError(where + " is " + basin::detail::safe_text(text) + ", expected one of " + all);
      }
      value = text;
    };
    return option;
  }

  /// One that is there or not, without a value.
  Option& add_flag(const std::string& name, bool& value, const std::string& help) {
    Option& option = options_.emplace_back();
    option.name_ = name;
    option.value_ = [&value] { return Json(value); };
    option.as_given_ = app_.add_flag("--" + name, help)->disable_flag_override();  // no --name=value
    option.flag_ = true;
    option.set_ = [&value](const std::string& text, const std::string&) { value = text != "false"; };
    return option;
  }

  // What several programs have, in the same words.
  void add_digits_folder(std::string& data) {
    add("data", data, "Folder of the MNIST files (IDX, plain or .gz); none: drawn digits").of_this_run();
  }
  void add_resume(std::string& resume) {
    add("resume", resume, "Go on from this checkpoint, or this folder's, with the settings that it was made with")
        .of_this_run();
  }
  void add_evaluate(std::string& evaluate) {
    add("evaluate", evaluate, "Do not train: evaluate this checkpoint").of_this_run();
  }
  void add_out(std::string& out) {
    add("out", out, "Folder for what the run writes; made if it is not there").of_this_run();
  }
  void add_test_images(int& count) {
    add("test-images", count, "Evaluate on the first so many test images; 0: all", {0, 100000000}).of_this_run();
  }
  void add_seed(std::uint64_t& seed, const std::string& help = "Every random number follows from it") {
    add("seed", seed, help, {0, std::numeric_limits<std::uint64_t>::max()});
  }
  void add_threads(int& threads,
                   const std::string& help = "At most so many threads; 0: all. Results do not depend on it") {
    // Four are always allowed: to see that results do not depend on them.
    const int most = std::max(4, static_cast<int>(std::thread::hardware_concurrency()));
    add("threads", threads, help, {0, most}).of_this_run();
  }
  void add_settling_gradient(std::string& adjoint) {
    add("adjoint", adjoint,
        "The gradient: through all steps of training, exact at the equilibrium, five steps of it, or one",
        {"unrolled", "implicit", "phantom", "jacobian_free"});
  }
  void add_checkpoint_minutes(double& minutes) {
    add("checkpoint-minutes", minutes, "From one checkpoint to the next while it trains; 0: only at the end", {0, 1e6})
        .of_this_run();
  }

  /// Throws CLI::ParseError, UsageError, and FileError for a settings file that cannot be used.
  void parse(int argc, char** argv) {
    for (int i = 1; i + 1 < argc; ++i) {
      const CLI::Option* const one = option_of(argv[i]);
      if (one != nullptr && one->get_expected_max() > 0 && option_of(argv[i + 1]) != nullptr) {
        throw UsageError(std::string(argv[i]) + " needs a value, and what follows is the option " + argv[i + 1]);
      }
    }
    app_.parse(argc, argv);
    for (Option& option : options_) {
      if (option.as_given_->count() > 0) option.set_(option.text_, "--" + option.name_);
    }
    if (!settings_.empty()) take(read_json(settings_), settings_);
  }

  /// Sets what `values`, an object from `path`, names and the command line does not.
  void take(const Json& values, const std::string& path) {
    check_file(values.is_object(), path, "settings", values.type_name(), "an object");
    for (const auto& [key, value] : values.items()) {
      const auto named = std::find_if(options_.begin(), options_.end(),
                                      [&key = key](const Option& option) { return option.name_ == key; });
      if (key == "settings" || named == options_.end()) {
        throw FileError(path, "key in settings is " + basin::detail::safe_text(key) + ", expected one of: " + names());
      }
      check_file(named->flag_ ? value.is_boolean() : value.is_number() || value.is_string(), path,
                 "value of '" + key + "'", value.type_name(), named->flag_ ? "true or false" : "a number or a string");
      if (named->as_given_->count() > 0) continue;
      named->set_(value.is_string() ? value.get<std::string>() : value.dump(), path + ": " + key);
    }
  }

  /// What a checkpoint keeps: the values of all options that say what is trained.
  [[nodiscard]] Json settings() const {
    Json values = Json::object();
    for (const Option& option : options_) {
      if (option.kept_) values[option.name_] = option.value_();
    }
    return values;
  }

  [[nodiscard]] const std::string& program() const { return program_; }
  [[nodiscard]] bool given(const std::string& name) const { return app_.count("--" + name) > 0; }

  /// "--size 4096 --pool 1024": the numbers that were given.
  [[nodiscard]] std::string numbers_given() const {
    std::string all;
    for (const Option& option : options_) {
      if (option.number_ && option.as_given_->count() > 0) all += " --" + option.name_ + " " + option.text_;
    }
    return all;
  }

  /// Prints what --help or --version ask for, and returns 0; or what is wrong with a command line.
  int exit(const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app_.exit(error);
    throw UsageError(error.what());
  }

 private:
  template <class Value>
  Option& make(const std::string& name, const std::string& help, const Value& value) {
    Option& option = options_.emplace_back();
    option.name_ = name;
    option.value_ = [&value] { return Json(value); };
    option.as_given_ = app_.add_option("--" + name, option.text_, help)->take_last();
    return option;
  }

  [[nodiscard]] const CLI::Option* option_of(const std::string& text) const {
    return text.starts_with("--") ? app_.get_option_no_throw(text) : nullptr;
  }

  [[nodiscard]] std::string names() const {
    std::string all;
    for (const Option& option : options_) {
      if (option.name_ != "settings") all += (all.empty() ? "" : ", ") + option.name_;
    }
    return all;
  }

  std::string program_;
  CLI::App app_;
  std::list<Option> options_;  // a list: CLI11 and callers keep the addresses
  std::string settings_;
};

/// A program's main: parses the command line and calls run(), whose result is the exit status. Errors are printed as
/// "program: message": status 2 for a command line that cannot be used, 1 for all else; fail(status, message), which
/// returns the status, may do otherwise.
template <class Run, class Fail>
int main_of(CommandLine& command_line, int argc, char** argv, const Run& run, const Fail& fail) {
  const std::string& program = command_line.program();
  try {
    int status = 0;
    try {
      command_line.parse(argc, argv);
      status = run();
    } catch (const CLI::ParseError& error) {
      status = command_line.exit(error);
    }
    if (status == 0) finish_standard_output();
    return status;
  } catch (const UsageError& error) {
    return fail(2, std::string(error.what()) + "; " + program + " --help says what there is");
  } catch (const std::bad_alloc&) {
    const std::string sizes = command_line.numbers_given();
    return fail(1, "the memory does not suffice" + (sizes.empty() ? "" : " for" + sizes));
  } catch (const std::exception& error) {
    return fail(1, error.what());
  }
}

template <class Run>
int main_of(CommandLine& command_line, int argc, char** argv, const Run& run) {
  return main_of(command_line, argc, argv, run, [&](int status, const std::string& message) {
    std::fprintf(stderr, "%s: %s\n", command_line.program().c_str(), message.c_str());
    return status;
  });
}

}  // namespace basin::examples
