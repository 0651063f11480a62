#pragma once

// What the user of deq_digits can choose: on the command line, in a JSON file, or both, where the command line wins.

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "basin/io/json.hpp"

namespace deq_digits {

struct Settings {
  std::string data;
  std::string out = "deq_digits_out";
  std::string evaluate;
  std::string resume;
  std::string settings;
  int epochs = 0;  // 0: the default of the data set
  int images = 0;
  std::uint64_t seed = 1;
  int threads = 0;
  int batch = 128;
  double rate = 6e-3;
  double weight_decay = 1e-2;
  double shift = 2;
  double truncate = 0.1;
  double cell_norm = 0.7;
  std::string solver = "anderson";
  std::string adjoint = "implicit";
  double tolerance = 1e-2;
  int max_evaluations = 60;
  double adjoint_tolerance = 5e-2;
  int phantom_steps = 5;
  double phantom_damping = 1;
};

namespace detail {

inline constexpr const char* description = R"(Trains a deep equilibrium model to read handwritten digits.

One convolution looks at the image once and injects what it saw into a cell: a 3x3 convolution, a normalization and a
ReLU that are applied to their own result until it no longer changes. That equilibrium is what a small dense layer
reads. The gradient comes from the implicit function theorem, so memory does not grow with the iterations.

Without --data the digits are drawn by the program itself, and a run takes about a minute.)";

inline constexpr const char* examples = R"(
Examples:
  deq_digits                                        digits drawn by the program
  deq_digits --data mnist                           MNIST, from its four IDX files in the folder mnist
  deq_digits --data mnist --adjoint jacobian_free   the same with a cheaper gradient
  deq_digits --evaluate deq_digits_out/checkpoint.safetensors --data mnist
  deq_digits --resume deq_digits_out/checkpoint.safetensors --data mnist --epochs 20
  deq_digits --settings my.json                     {"epochs": 3, "solver": "broyden"}

In the output folder: metrics.json, checkpoint.safetensors, channels.png (the hidden channels while the state settles),
truncated.png (images cut from below, and the equilibria that they reach), accuracy.png (accuracy against the share of
rows kept) and training.png. Ctrl-C ends the run after the batch at hand, with a checkpoint to resume from.)";

}  // namespace detail

/// Fills `settings`. Throws CLI::ParseError, which CLI::App::exit turns into a message and an
/// exit status, and basin::FileError for a settings file that cannot be used.
class CommandLine {
 public:
  explicit CommandLine(Settings& settings) : settings_(settings), app_(detail::description, "deq_digits") {
    app_.footer(detail::examples);
    app_.get_formatter()->column_width(34);
    add("data", settings.data, "Folder of the MNIST files (IDX, plain or .gz); none: drawn digits");
    add("out", settings.out, "Folder for what the run writes; made if it is not there");
    add("epochs", settings.epochs, "Passes over the training images (default: 10 for MNIST, 4 for drawn digits)")
        ->check(CLI::Range(1, 100000));
    add("images", settings.images, "Train on the first so many images; 0: all")->check(CLI::Range(0, 100000000));
    add("seed", settings.seed, "Every random number follows from it");
    add("threads", settings.threads, "At most so many threads; 0: all. Results do not depend on it")
        ->check(CLI::Range(0, 4096));
    add("solver", settings.solver, "How the equilibrium is found: picard, anderson or broyden")
        ->check(CLI::IsMember({"picard", "anderson", "broyden"}));
    add("adjoint", settings.adjoint,
        "Where the gradient comes from: implicit (exact), phantom, jacobian_free, or unrolled (through the steps of "
        "picard; the solver is then used for evaluation)")
        ->check(CLI::IsMember({"implicit", "phantom", "jacobian_free", "unrolled"}));
    add("tolerance", settings.tolerance, "An equilibrium is reached when |f(z) - z| is this part of |f(z)|")
        ->check(CLI::Range(1e-7, 1.0));
    add("max-evaluations", settings.max_evaluations, "Of the cell, for one equilibrium")->check(CLI::Range(1, 100000));
    add("adjoint-tolerance", settings.adjoint_tolerance, "Residual of the adjoint equation, a part of the gradient")
        ->check(CLI::Range(1e-7, 1.0));
    add("phantom-steps", settings.phantom_steps, "Steps of the phantom gradient")->check(CLI::Range(1, 100000));
    add("phantom-damping", settings.phantom_damping, "Damping tau of the phantom gradient, in (0, 1]")
        ->check(CLI::Range(1e-3, 1.0));
    add("batch", settings.batch, "Images a step")->check(CLI::Range(1, 100000));
    add("rate", settings.rate, "Highest rate of AdamW, in one cycle")->check(CLI::Range(1e-9, 1.0));
    add("weight-decay", settings.weight_decay, "Of AdamW, on weights only")->check(CLI::Range(0.0, 1.0));
    add("shift", settings.shift, "Training images move by at most so many pixels")->check(CLI::Range(0.0, 8.0));
    add("truncate", settings.truncate, "Share of the training images that lose rows at the bottom")
        ->check(CLI::Range(0.0, 1.0));
    add("cell-norm", settings.cell_norm,
        "The weights into each channel of the cell are kept to this norm, so that it keeps settling")
        ->check(CLI::Range(1e-3, 100.0));
    add("resume", settings.resume, "Go on from this checkpoint, with the settings that it was made with");
    add("evaluate", settings.evaluate, "Do not train: evaluate this checkpoint");
    add("settings", settings.settings, "JSON file with any of these options, under their names without --");
  }

  void parse(int argc, char** argv) {
    for (int i = argc - 1; i > 0; --i) arguments_.emplace_back(argv[i]);
    parse_arguments();
    if (!settings_.settings.empty()) take(basin::read_json(settings_.settings), settings_.settings);
  }

  /// Sets what `values`, an object from `path`, names and the command line does not.
  void take(const basin::Json& values, const std::string& path) {
    basin::check_file(values.is_object(), path, "settings", values.type_name(), "an object");
    for (const auto& [key, value] : values.items()) {
      if (key == "settings" || app_.get_option_no_throw("--" + key) == nullptr) {
        throw basin::FileError(path, "key in settings is '" + key + "', expected one of: " + names_);
      }
      basin::check_file(value.is_number() || value.is_string(), path, "value of '" + key + "'", value.type_name(),
                        "a number or a string");
      if (app_.count("--" + key) > 0) continue;
      arguments_.push_back(value.is_string() ? value.get<std::string>() : value.dump());
      arguments_.push_back("--" + key);
    }
    parse_arguments();
  }

  int exit(const CLI::ParseError& error) { return app_.exit(error); }

 private:
  template <class Value>
  CLI::Option* add(const std::string& name, Value& value, const std::string& help) {
    names_ += (names_.empty() ? "" : ", ") + name;
    CLI::Option* option = app_.add_option("--" + name, value, help);
    if (name != "epochs") option->capture_default_str();
    return option;
  }

  void parse_arguments() {
    app_.clear();
    std::vector<std::string> arguments = arguments_;
    app_.parse(arguments);
  }

  Settings& settings_;
  CLI::App app_;
  std::string names_;
  std::vector<std::string> arguments_;  // the last one first, as CLI11 takes them
};

}  // namespace deq_digits
