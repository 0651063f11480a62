#pragma once

// The steps of a run, so that it can be stopped and resumed: what io/training.hpp does for trainings.
//
// SIGINT, SIGTERM, SIGHUP or a closed pipe end it after the step at hand. Its checkpoint is written then, every so many
// minutes, and at the end.

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "../support/process.hpp"
#include "basin/core/parallel.hpp"
#include "basin/io/checkpoint.hpp"
#include "basin/io/json.hpp"
#include "basin/io/progress.hpp"
#include "basin/io/stop_signals.hpp"
#include "patterns.hpp"

namespace automata {

/// Whether a file that is given to a function of what a checkpoint keeps is read.
template <class File>
inline constexpr bool reads = std::is_same_v<std::remove_cvref_t<File>, basin::CheckpointReader>;

class Course {
 public:
  /// `from`: the checkpoint to go on from; empty: begins.
  Course(const Settings& settings, const Chosen& chosen, const basin::examples::CommandLine& command_line,
         std::string from)
      : path_(settings.out + "/checkpoint.safetensors"),
        from_(std::move(from)),
        steps_(chosen.steps),
        every_(60 * settings.checkpoint_minutes),
        label_{command_line.program(), command_line.settings(),
               basin::examples::fingerprint(chosen.pattern, chosen.start)} {
    basin::check_writable(path_);
  }

  [[nodiscard]] bool resumed() const { return !from_.empty(); }
  /// The number of the state that is there.
  [[nodiscard]] Index at() const { return at_; }
  [[nodiscard]] bool stopped() const { return signal_ != 0; }

  /// see(t) is called for states 0 ... steps and step() makes the next one; of a resumed run that begins with the step
  /// after the one that keeps(file) has read. keeps(file) is called with a CheckpointReader or a CheckpointWriter.
  template <class Keeps, class See, class Step>
  void run(const Keeps& keeps, const See& see, const Step& step) {
    if (resumed()) resume(keeps);
    const basin::StopSignals signals;
    basin::Progress progress;
    std::fflush(stdout);  // whoever reads it may send a signal from here on
    sessions_.push_back({{"from", at_}, {"threads", basin::threads()}});
    basin::examples::Stopwatch since_save;
    double saved_at = 0;
    if (!resumed()) see(Index{0});
    while (at_ < steps_ && signals.received() == 0 && !progress.closed()) {
      const basin::examples::Stopwatch watch;
      step();
      seconds_ += watch.seconds();
      see(++at_);
      if (progress.due(at_ == steps_)) progress.show("step " + std::to_string(at_) + "/" + std::to_string(steps_));
      if (every_ > 0 && since_save.seconds() - saved_at >= every_) {
        save(keeps, "killed");
        saved_at = since_save.seconds();
      }
    }
    progress.end();
    if (at_ < steps_) signal_ = signals.received() != 0 ? signals.received() : SIGPIPE;
    save(keeps, stopped() ? basin::signal_name(signal_) : "finished");
  }

  /// Of the steps alone, in all sessions.
  [[nodiscard]] double seconds() const { return before_ + seconds_; }
  [[nodiscard]] const basin::Json& sessions() const { return sessions_; }

  /// The exit status; of a run that was stopped, says how to go on.
  [[nodiscard]] int status() const {
    if (stopped() && signal_ != SIGPIPE) {
      std::printf("stopped by %s after step %td; go on with --resume %s\n", basin::signal_name(signal_).c_str(), at_,
                  path_.c_str());
    }
    return stopped() ? 128 + signal_ : 0;
  }

 private:
  template <class Keeps>
  void resume(const Keeps& keeps) {
    basin::CheckpointReader file(from_, label_.program);
    file.expect_data(label_.data);
    file("step", at_, basin::Within{Index{0}, steps_});
    try {
      keeps(file);
    } catch (const std::invalid_argument& error) {  // out of what is kept, which does not know the file
      throw basin::FileError(from_, error.what());
    }
    file.finish();
    sessions_ = file.metadata("sessions");
    basin::check_file(sessions_.is_array(), from_, "sessions", sessions_.type_name(), "an array");
    for (const basin::Json& one : sessions_) {
      const bool whole = one.is_object() && one.contains("seconds") && one["seconds"].is_number();
      basin::check_file(whole, from_, "session of the run", one.type_name(), "an object with seconds");
      before_ += one["seconds"].get<double>();
    }
  }

  template <class Keeps>
  void save(const Keeps& keeps, const std::string& end) {
    sessions_.back()["to"] = at_;
    sessions_.back()["seconds"] = seconds_;
    sessions_.back()["end"] = end;
    basin::CheckpointWriter file(label_);
    file("step", at_);
    keeps(file);
    file.metadata("sessions", sessions_);
    file.write(path_);
  }

  std::string path_, from_;
  Index at_ = 0, steps_;
  double every_, before_ = 0, seconds_ = 0;  // seconds: between checkpoints, of earlier sessions, of this one
  basin::CheckpointLabel label_;
  basin::Json sessions_ = basin::Json::array();
  int signal_ = 0;
};

}  // namespace automata
