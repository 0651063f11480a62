#include "command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <new>
#include <thread>
#include <vector>

#include "basin/version.hpp"
#include "standard_output.hpp"

namespace basin::examples {

CommandLine::CommandLine(const std::string& program, const std::string& description, const std::string& footer)
    : program_(program), app_(std::make_unique<CLI::App>(description, program)) {
  app_->footer(footer);
  app_->get_formatter()->column_width(34);
  app_->set_version_flag("--version", program + ", basin " + std::string(version_text));
  add("settings", settings_, "JSON file with any of these options, under their names without --").of_this_run();
}

CommandLine::~CommandLine() = default;

CommandLine::Option& CommandLine::make(const std::string& name, const std::string& help, const char* type) {
  Option& option = options_.emplace_back();
  option.name_ = name;
  option.as_given_ = app_->add_option("--" + name, option.text_, help)->take_last();
  option.as_given_->type_name(type);
  return option;
}

CommandLine::Option& CommandLine::add(const std::string& name, std::string& value, const std::string& help) {
  Option& option = make(name, value.empty() ? help : help + " (default: " + value + ")", "TEXT");
  option.value_ = [&value] { return Json(value); };
  option.set_ = [&value](const std::string& text, const std::string&) { value = text; };
  return option;
}

CommandLine::Option& CommandLine::add(const std::string& name, std::string& value, const std::string& help,
                                      std::initializer_list<const char*> words) {
  std::string all;
  for (const char* word : words) all += (all.empty() ? "" : ", ") + std::string(word);
  Option& option = make(name, value.empty() ? help : help + " (default: " + value + ")", "WORD");
  option.value_ = [&value] { return Json(value); };
  option.set_ = [&value, all, words = std::vector<std::string>(words.begin(), words.end())](const std::string& text,
                                                                                            const std::string& where) {
    if (std::find(words.begin(), words.end(), text) == words.end()) {
      throw UsageError(where + " is " + basin::detail::safe_text(text) + ", expected one of " + all);
    }
    value = text;
  };
  return option;
}

CommandLine::Option& CommandLine::add_flag(const std::string& name, bool& value, const std::string& help) {
  Option& option = options_.emplace_back();
  option.name_ = name;
  option.value_ = [&value] { return Json(value); };
  option.as_given_ = app_->add_flag("--" + name, help)->disable_flag_override();  // no --name=value
  option.flag_ = true;
  option.set_ = [&value](const std::string& text, const std::string&) { value = text != "false"; };
  return option;
}

void CommandLine::add_digits_folder(std::string& data) {
  add("data", data, "Folder of the MNIST files (IDX, plain or .gz); none: drawn digits").of_this_run();
}

void CommandLine::add_resume(std::string& resume) {
  add("resume", resume, "Go on from this checkpoint, or this folder's, with the settings that it was made with")
      .of_this_run();
}

void CommandLine::add_evaluate(std::string& evaluate) {
  add("evaluate", evaluate, "Do not train: evaluate this checkpoint").of_this_run();
}

void CommandLine::add_out(std::string& out) {
  add("out", out, "Folder for what the run writes; made if it is not there").of_this_run();
}

void CommandLine::add_test_images(int& count) {
  add("test-images", count, "Evaluate on the first so many test images; 0: all", {0, 100000000}).of_this_run();
}

void CommandLine::add_seed(std::uint64_t& seed, const std::string& help) {
  add("seed", seed, help, {0, std::numeric_limits<std::uint64_t>::max()});
}

void CommandLine::add_threads(int& threads, const std::string& help) {
  // Four are always allowed: to see that results do not depend on them.
  const int most = std::max(4, static_cast<int>(std::thread::hardware_concurrency()));
  add("threads", threads, help, {0, most}).of_this_run();
}

void CommandLine::add_settling_gradient(std::string& adjoint) {
  add("adjoint", adjoint,
      "The gradient: through all steps of training, exact at the equilibrium, five steps of it, or one",
      {"unrolled", "implicit", "phantom", "jacobian_free"});
}

void CommandLine::add_checkpoint_minutes(double& minutes) {
  add("checkpoint-minutes", minutes, "From one checkpoint to the next while it trains; 0: only at the end", {0, 1e6})
      .of_this_run();
}

bool CommandLine::parse(int argc, char** argv) {
  for (int i = 1; i + 1 < argc; ++i) {
    const CLI::Option* const one = option_of(argv[i]);
    if (one != nullptr && one->get_expected_max() > 0 && option_of(argv[i + 1]) != nullptr) {
      throw UsageError(std::string(argv[i]) + " needs a value, and what follows is the option " + argv[i + 1]);
    }
  }
  try {
    app_->parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) throw UsageError(error.what());
    app_->exit(error);
    return false;
  }
  for (Option& option : options_) {
    if (option.as_given_->count() > 0) option.set_(option.text_, "--" + option.name_);
  }
  if (!settings_.empty()) take(read_json(settings_), settings_);
  return true;
}

void CommandLine::take(const Json& values, const std::string& path) {
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

Json CommandLine::settings() const {
  Json values = Json::object();
  for (const Option& option : options_) {
    if (option.kept_) values[option.name_] = option.value_();
  }
  return values;
}

bool CommandLine::given(const std::string& name) const { return app_->count("--" + name) > 0; }

std::string CommandLine::numbers_given() const {
  std::string all;
  for (const Option& option : options_) {
    if (option.number_ && option.as_given_->count() > 0) all += " --" + option.name_ + " " + option.text_;
  }
  return all;
}

const CLI::Option* CommandLine::option_of(const std::string& text) const {
  return text.starts_with("--") ? app_->get_option_no_throw(text) : nullptr;
}

std::string CommandLine::names() const {
  std::string all;
  for (const Option& option : options_) {
    if (option.name_ != "settings") all += (all.empty() ? "" : ", ") + option.name_;
  }
  return all;
}

int main_of(CommandLine& command_line, int argc, char** argv, const std::function<int()>& run,
            const std::function<int(int status, const std::string& message)>& fail) {
  const std::string& program = command_line.program();
  try {
    const int status = command_line.parse(argc, argv) ? run() : 0;
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

int main_of(CommandLine& command_line, int argc, char** argv, const std::function<int()>& run) {
  return main_of(command_line, argc, argv, run, [&](int status, const std::string& message) {
    std::fprintf(stderr, "%s: %s\n", command_line.program().c_str(), message.c_str());
    return status;
  });
}

}  // namespace basin::examples
