#pragma once

// The trainings of a run, one after another, each with a checkpoint of its own in the output folder. A run that is
// resumed takes up those that are finished, goes on with the one that was stopped, and begins the others.

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <utility>

#include "../support/command_line.hpp"
#include "../support/process.hpp"
#include "basin/io/json.hpp"
#include "basin/io/training.hpp"
#include "settings.hpp"

namespace nca_equilibrium {

/// The first stage of a run, without --model and with it.
inline constexpr const char *settled_stage = "settled", *calm_stage = "calm";

[[nodiscard]] inline std::string checkpoint_of(const std::string& folder, const std::string& stage) {
  return folder + "/checkpoint_" + stage + ".safetensors";
}

/// The folder that --resume names, or one of whose checkpoints it names. Takes the settings that the run was made with.
/// Empty, if the option is.
[[nodiscard]] inline std::string take_folder(const std::string& resume, basin::examples::CommandLine& command_line) {
  if (resume.empty()) return resume;
  if (!std::filesystem::is_directory(resume)) {
    (void)basin::examples::take_checkpoint(command_line, resume);
    const std::string folder = std::filesystem::path(resume).parent_path();
    return folder.empty() ? "." : folder;
  }
  const std::string settled = checkpoint_of(resume, settled_stage), calm = checkpoint_of(resume, calm_stage);
  const bool calms = std::filesystem::exists(calm);
  if (calms && std::filesystem::exists(settled)) {
    throw basin::examples::UsageError("--resume names a folder with two runs, expected " + settled + " or " + calm);
  }
  (void)basin::examples::take_checkpoint(command_line, calms ? calm : settled);
  return resume;
}

/// Thrown where a training was stopped; what it had is written.
struct Stopped {
  int status;  ///< for the program to exit with
};

class Stages {
 public:
  /// `from`: the folder to go on from; empty: nothing is there.
  Stages(const Settings& settings, const basin::examples::CommandLine& command_line, std::string from)
      : settings_(settings), command_line_(command_line), from_(std::move(from)) {}

  /// Trains `what`, which has iterate(i, iterations) and visit(file, self), and may have a detail() for the line of
  /// progress, to the end. `data` tells of what it is trained with. Where it is stopped, draw(training) is called, and
  /// Stopped thrown.
  template <class Trained, class Draw>
  basin::Training train(const std::string& stage, Trained& what, std::int64_t iterations, const std::string& data,
                        const Draw& draw) {
    basin::Training training({.iterations = iterations,
                              .checkpoint = checkpoint_of(settings_.out, stage),
                              .checkpoint_minutes = settings_.checkpoint_minutes,
                              .label = {command_line_.program(), command_line_.settings(), stage + ", " + data}});
    const auto keeps = [&](auto& file) { Trained::visit(file, what); };
    if (is_there(stage)) training.resume(checkpoint_of(from_, stage), keeps);
    first_ = false;
    if (training.iteration() < iterations) {
      std::printf("%s: %jd iterations\n", stage.c_str(), static_cast<std::intmax_t>(iterations));
    }
    // Of one that is finished, this writes the checkpoint where the next resume looks for it.
    const basin::TrainingEnd end = training.run(keeps, [&](std::int64_t i) {
      const double loss = what.iterate(i, iterations);
      if constexpr (requires { what.detail(); }) training.detail(what.detail());
      return loss;
    });
    if (end == basin::TrainingEnd::stopped) {
      draw(training);
      throw Stopped{basin::examples::stopped(training, settings_.out)};
    }
    described_[stage] = training.described();
    seconds_ += training.seconds();
    return training;
  }

  /// Of all trainings so far, for the metrics.
  void describe(basin::OrderedJson& metrics) const {
    metrics["train_seconds"] = seconds_;
    metrics["training"] = described_;
  }

 private:
  /// Whether there is something to go on from. The settings come from the first stage; one after it that was made with
  /// others belongs to an earlier run.
  [[nodiscard]] bool is_there(const std::string& stage) const {
    if (from_.empty() || first_) return !from_.empty();
    const std::string path = checkpoint_of(from_, stage);
    return std::filesystem::exists(path) &&
           basin::CheckpointReader(path, command_line_.program()).label().settings == command_line_.settings();
  }

  const Settings& settings_;
  const basin::examples::CommandLine& command_line_;
  std::string from_;
  bool first_ = true;
  basin::OrderedJson described_ = basin::OrderedJson::object();
  double seconds_ = 0;
};

}  // namespace nca_equilibrium
