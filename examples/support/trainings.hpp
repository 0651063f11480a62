#pragma once

// The trainings of a program's run: each has a checkpoint in the folder that the run writes, from which --resume goes
// on. A run that trains once has checkpoint.safetensors; one that trains several times has checkpoint_NAME.safetensors
// of each training that has begun. Resumed, those that are finished are read, the one that was stopped goes on, and the
// others begin.

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "basin/io/png.hpp"
#include "basin/io/training.hpp"
#include "chart.hpp"
#include "command_line.hpp"
#include "process.hpp"

namespace basin::examples {

/// Of a training; with an empty name, of the only one.
[[nodiscard]] inline std::string checkpoint_name(const std::string& name) {
  return "checkpoint" + (name.empty() ? "" : "_" + name) + ".safetensors";
}

/// The option of a program that trains several times.
inline void add_resume_folder(CommandLine& options, std::string& resume) {
  options.add("resume", resume, "Go on from the checkpoints in this folder, with the settings that they were made with")
      .of_this_run();
}

/// Takes the settings that the trainings in the folder that --resume names were made with. Throws FileError if none is
/// there, or if their settings differ, but for those that the command line gives. Nothing, if `folder` is empty.
inline void take_checkpoints(CommandLine& command_line, const std::string& folder) {
  if (folder.empty()) return;
  check_file(std::filesystem::is_directory(folder), folder, "--resume", "no folder",
             "the folder that a run of " + command_line.program() + " has written");
  std::vector<std::string> files;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename();
    if (name.starts_with("checkpoint_") && name.ends_with(".safetensors")) files.push_back(folder + "/" + name);
  }
  if (error) throw FileError(folder, "cannot list this folder: " + error.message());
  if (files.empty()) throw FileError(folder, "has no checkpoint of " + command_line.program());
  std::sort(files.begin(), files.end());
  command_line.take(CheckpointReader(files.front(), command_line.program()).label().settings, files.front());
  const Json settings = command_line.settings();
  for (const std::string& path : files) {
    const CheckpointReader file(path, command_line.program());
    for (const auto& [key, value] : settings.items()) {
      if (!command_line.given(key)) file.expect_setting(key, value);
    }
  }
}

class Trainings {
 public:
  /// Writes into the folder `out`, which is there. `resume` is a folder, or the checkpoint of the only training, or
  /// empty.
  Trainings(const CommandLine& command_line, std::string out, std::string resume, double checkpoint_minutes)
      : command_line_(command_line),
        out_(std::move(out)),
        resume_(std::move(resume)),
        checkpoint_minutes_(checkpoint_minutes) {}

  /// What trainer.iterations() asks for, at the beginning or where it was stopped. The names of two trainings differ.
  /// `data` says what it is trained on. Throws as Training and its resume() do.
  template <class Trainer>
  [[nodiscard]] Training take_up(const std::string& name, const std::string& data, Trainer& trainer) const {
    Training training({.iterations = trainer.iterations(),
                       .checkpoint = out_ + "/" + checkpoint_name(name),
                       .checkpoint_minutes = checkpoint_minutes_,
                       .label = {command_line_.program(), command_line_.settings(), data}});
    const std::string from = std::filesystem::is_directory(resume_) ? resume_ + "/" + checkpoint_name(name) : resume_;
    if (!from.empty() && (from == resume_ || std::filesystem::exists(from))) trainer.resume(training, from);
    return training;
  }

  /// trainer.run(training, task...). Then the curves of this training and the last five before it are loss.png. The
  /// exit status of the program if the training was stopped, else 0.
  template <class Trainer, class... Task>
  [[nodiscard]] int run(Training& training, const std::string& name, Trainer& trainer, const Task&... task) {
    const TrainingEnd end = trainer.run(training, task...);
    if (curves_.size() == 6) curves_.erase(curves_.begin());
    curves_.push_back(means_of(name, training.losses()));
    if (!training.losses().empty()) {
      write_png_and_svg(out_ + "/loss.png", line_chart(curves_, {.title = "Training",
                                                                 .x = {.label = "iteration", .whole = true},
                                                                 .y = {.label = "loss", .scale = Scale::logarithmic}}));
    }
    return end == TrainingEnd::stopped ? stopped(training, out_) : 0;
  }

 private:
  const CommandLine& command_line_;
  std::string out_, resume_;
  double checkpoint_minutes_;
  std::vector<Series> curves_;
};

}  // namespace basin::examples
