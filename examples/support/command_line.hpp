#pragma once

// The options of a program: on its command line, in a JSON file (--settings), or both, where the command line wins. The
// settings that a checkpoint was made with are taken in the same way.

#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "basin/io/file_error.hpp"
#include "basin/io/json.hpp"

namespace basin::examples {

class CommandLine {
 public:
  CommandLine(const std::string& program, const std::string& description, const std::string& footer)
      : app_(description, program) {
    app_.footer(footer);
    app_.get_formatter()->column_width(34);
    add("settings", settings_, "JSON file with any of these options, under their names without --");
  }

  /// An option --name; `value` is its default, and filled by parse(). Given twice, the last one counts.
  template <class Value>
  CLI::Option* add(const std::string& name, Value& value, const std::string& help) {
    names_ += (names_.empty() ? "" : ", ") + name;
    return app_.add_option("--" + name, value, help)->capture_default_str()->take_last();
  }

  // What several programs have, in the same words.
  void add_digits_folder(std::string& data) {
    add("data", data, "Folder of the MNIST files (IDX, plain or .gz); none: drawn digits");
  }
  void add_resume(std::string& resume) {
    add("resume", resume, "Go on from this checkpoint, with the settings that it was made with");
  }
  void add_evaluate(std::string& evaluate) { add("evaluate", evaluate, "Do not train: evaluate this checkpoint"); }
  void add_out(std::string& out) { add("out", out, "Folder for what the run writes; made if it is not there"); }
  void add_test_images(int& count) {
    add("test-images", count, "Evaluate on the first so many test images; 0: all")->check(CLI::Range(0, 100000000));
  }
  void add_seed(std::uint64_t& seed) { add("seed", seed, "Every random number follows from it"); }
  void add_threads(int& threads) {
    add("threads", threads, "At most so many threads; 0: all. Results do not depend on it")->check(CLI::Range(0, 4096));
  }

  /// Throws CLI::ParseError, which exit() turns into a message and an exit status, and FileError for a settings file
  /// that cannot be used.
  void parse(int argc, char** argv) {
    for (int i = argc - 1; i > 0; --i) arguments_.emplace_back(argv[i]);
    parse_arguments();
    if (!settings_.empty()) take(read_json(settings_), settings_);
  }

  /// Sets what `values`, an object from `path`, names and the command line does not.
  void take(const Json& values, const std::string& path) {
    check_file(values.is_object(), path, "settings", values.type_name(), "an object");
    for (const auto& [key, value] : values.items()) {
      if (key == "settings" || app_.get_option_no_throw("--" + key) == nullptr) {
        throw FileError(path, "key in settings is '" + key + "', expected one of: " + names_);
      }
      check_file(value.is_number() || value.is_string(), path, "value of '" + key + "'", value.type_name(),
                 "a number or a string");
      if (app_.count("--" + key) > 0) continue;
      arguments_.push_back(value.is_string() ? value.get<std::string>() : value.dump());
      arguments_.push_back("--" + key);
    }
    parse_arguments();
  }

  [[nodiscard]] bool given(const std::string& name) const { return app_.count("--" + name) > 0; }

  int exit(const CLI::ParseError& error) { return app_.exit(error); }

 private:
  void parse_arguments() {
    app_.clear();
    std::vector<std::string> arguments = arguments_;
    app_.parse(arguments);
  }

  CLI::App app_;
  std::string settings_, names_;
  std::vector<std::string> arguments_;  // the last one first, as CLI11 takes them
};

/// A program's main: parses the command line and calls run(), whose result is the exit status. Errors are printed as
/// "program: message".
template <class Run>
int main_of(const char* program, CommandLine& command_line, int argc, char** argv, const Run& run) {
  try {
    command_line.parse(argc, argv);
    return run();
  } catch (const CLI::ParseError& error) {
    return command_line.exit(error);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", program, error.what());
    return 1;
  }
}

}  // namespace basin::examples
