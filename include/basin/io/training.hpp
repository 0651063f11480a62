#pragma once

// The loop around the iterations of a training: it knows when to end, shows how far it is, and survives. What an
// iteration does is the caller's, and so is what is trained:
//
//   Training training({.iterations = 2000, .checkpoint = "out/checkpoint.safetensors", .label = {.program = "mine"}});
//   const auto keeps = [&](auto& file) {                       // called for writing and for reading alike
//     file("", theta);
//     moments.each(file.under("optimizer"));
//   };
//   if (resumed) training.resume(path, keeps);
//   const TrainingEnd end = training.run(keeps, [&](std::int64_t i) {
//     auto step = value_and_gradient(model, theta, x, loss, {.context = {.draw = static_cast<std::uint64_t>(i)}});
//     adam.step(theta, step.gradient, moments, schedule(i));
//     return step.value;
//   });
//
// A checkpoint is written every two minutes, when save_after_this() asked for one, and at the end, however that comes:
// after the last iteration, after a signal (io/stop_signals.hpp), when an iteration throws, or when whoever reads the
// progress has gone, which shows when the next line of it is due. What a program draws at random should be a function
// of the number of the iteration (core/random.hpp); then a training that was stopped or killed at any moment, and
// resumed, gives the same to the last bit.

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "basin/core/parallel.hpp"
#include "basin/io/checkpoint.hpp"
#include "basin/io/progress.hpp"
#include "basin/io/stop_signals.hpp"
#include "basin/io/training_session.hpp"

namespace basin {

/// When a training ends, and what it writes.
struct TrainingOptions {
  std::int64_t iterations = 0;    ///< 0 or more; those of the sessions before count
  double minutes = 0;             ///< of training, those of the sessions before count; 0: no limit
  std::string checkpoint{};       ///< the file; none: nothing is kept
  double checkpoint_minutes = 2;  ///< from one to the next; 0: only at the end, and when it is asked for
  CheckpointLabel label{};        ///< what the checkpoint says of itself
  std::FILE* progress = stdout;   ///< where it shows how far it is; nullptr: nowhere
  /// If given, called before each iteration by each of several processes that train together: with 0, or a number for
  /// why this one would end. Returns the largest of all of theirs, so that they end together.
  std::function<int(int)> agree{};
};

/// Why a training ended.
enum class TrainingEnd {
  finished,     ///< all iterations are made
  out_of_time,  ///< the minutes are over
  early,        ///< stop_after_this() was called
  stopped,      ///< by a signal, or because nobody reads its output any more; it can be resumed
};

class Training {
 public:
  /// Throws std::invalid_argument for options out of their range, and FileError if the checkpoint could not be written.
  explicit Training(TrainingOptions options) : options_(std::move(options)) {
    check(options_.iterations >= 0, "iterations of a training", options_.iterations, "0 or more");
    check(options_.minutes >= 0 && std::isfinite(options_.minutes), "minutes of a training", options_.minutes,
          "0 or more");
    check(options_.checkpoint_minutes >= 0 && std::isfinite(options_.checkpoint_minutes), "minutes between checkpoints",
          options_.checkpoint_minutes, "0 or more");
    if (!options_.checkpoint.empty()) check_writable(options_.checkpoint);
  }

  /// Takes up what a training wrote. Throws FileError for a file that is damaged, that is not of the program or the
  /// data set of the label, or that does not fit; what was read until then is changed.
  template <class Keeps>
  void resume(const std::string& path, const Keeps& keeps) {
    CheckpointReader file =
        options_.label.program.empty() ? CheckpointReader(path) : CheckpointReader(path, options_.label.program);
    if (!options_.label.data.empty()) file.expect_data(options_.label.data);
    std::int64_t iteration = 0;
    std::vector<double> losses;
    file("iteration", iteration);
    file("losses", losses);
    check_file(iteration >= 0 && static_cast<std::uint64_t>(iteration) == losses.size(), path, "iteration", iteration,
               "the number of losses, " + std::to_string(losses.size()));
    try {
      keeps(file);
    } catch (const std::invalid_argument& error) {  // out of what is kept, which does not know the file
      throw FileError(path, error.what());
    }
    file.finish();
    sessions_ = detail::sessions_of(file.metadata("sessions"), path);
    iteration_ = iteration;
    losses_ = std::move(losses);
  }

  /// Calls iterate(i), which returns a loss, for i = iteration(), iteration() + 1, ... until the end. keeps(file) is
  /// called with a CheckpointWriter. An exception out of iterate() must leave what is kept as it was before; it is then
  /// written, and the exception goes on. Exceptions are std::exceptions. Throws FileError if a checkpoint cannot be
  /// written; the last one is whole then.
  template <class Keeps, class Iterate>
  [[nodiscard]] TrainingEnd run(const Keeps& keeps, const Iterate& iterate) {
    const StopSignals signals;
    Progress progress(options_.progress);
    progress_ = &progress;
    if (options_.progress != nullptr)
      std::fflush(options_.progress);  // whoever reads it may send a signal from here on
    sessions_.push_back({iteration_, iteration_, 0, threads(), "killed"});
    const double before = seconds();
    start_ = saved_at_ = Clock::now();
    first_ = iteration_;
    TrainingEnd end = TrainingEnd::finished;
    signal_ = 0;
    while (!is_over(signals, progress, end)) {
      save_ = stop_ = false;
      double loss = 0;
      try {
        loss = iterate(std::int64_t{iteration_});
      } catch (const std::exception& error) {
        close("failed");
        save_beside(keeps, error);
        throw;
      }
      losses_.push_back(loss);
      ++iteration_;
      sessions_.back().to = iteration_;
      sessions_.back().seconds = seconds_since(start_);
      if (progress.due(iteration_ == options_.iterations)) progress.show(line(before));
      save_when_due(keeps);
    }
    close(end == TrainingEnd::finished      ? "finished"
          : end == TrainingEnd::out_of_time ? "out of time"
          : end == TrainingEnd::early       ? "early"
                                            : signal_name(signal_));
    if (end == TrainingEnd::finished && iteration_ == first_ && sessions_.size() > 1) sessions_.pop_back();
    save(keeps);
    return end;
  }

  // For use inside of an iteration.

  /// Writes a checkpoint after this iteration, as for parameters that are the best so far.
  void save_after_this() { save_ = true; }
  /// Ends the training after this iteration.
  void stop_after_this() { stop_ = true; }
  /// What the line of progress says at its end.
  void detail(std::string text) { detail_ = std::move(text); }
  /// Prints a line that stays.
  void say(const std::string& text) {
    if (progress_ != nullptr) progress_->say(text);
  }

  /// Iterations that are made; during one, its number.
  [[nodiscard]] std::int64_t iteration() const { return iteration_; }
  /// Of each iteration.
  [[nodiscard]] const std::vector<double>& losses() const { return losses_; }
  [[nodiscard]] const TrainingOptions& options() const { return options_; }  ///< as given
  /// One for each run, those of the checkpoint first; a later run that finds all iterations made adds none.
  [[nodiscard]] const std::vector<TrainingSession>& sessions() const { return sessions_; }
  /// The number of the signal that stopped it; SIGPIPE if nobody reads its output; else 0.
  [[nodiscard]] int signal() const { return signal_; }

  /// Of training, in all sessions.
  [[nodiscard]] double seconds() const {
    double sum = 0;
    for (const TrainingSession& one : sessions_) sum += one.seconds;
    return sum;
  }

  /// How far it is, from 0 to 1: in iterations or in time, whichever is further.
  [[nodiscard]] double share() const {
    double done =
        options_.iterations > 0 ? static_cast<double>(iteration_) / static_cast<double>(options_.iterations) : 1.0;
    if (options_.minutes > 0) done = std::max(done, seconds() / (60 * options_.minutes));
    return std::min(1.0, done);
  }

  /// For the metrics of a program: iterations, seconds, and the sessions.
  [[nodiscard]] OrderedJson described() const {
    OrderedJson json;
    json["iterations"] = iteration_;
    json["seconds"] = seconds();
    json["sessions"] = detail::json_of<OrderedJson>(sessions_);
    return json;
  }

 private:
  using Clock = std::chrono::steady_clock;

  static double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  }

  /// What makes processes end beside what all of them know: a signal has its own number, SIGPIPE among them.
  static constexpr int no_time_left = 1 << 20;

  [[nodiscard]] bool is_over(const StopSignals& signals, const Progress& progress, TrainingEnd& end) {
    if (stop_) {
      end = TrainingEnd::early;
    } else if (iteration_ >= options_.iterations) {
      end = TrainingEnd::finished;
    } else {
      int reason = signals.received() != 0 ? signals.received() : progress.closed() ? SIGPIPE : 0;
      if (reason == 0 && options_.minutes > 0 && seconds() >= 60 * options_.minutes) reason = no_time_left;
      if (options_.agree) reason = options_.agree(reason);
      if (reason == 0) return false;
      end = reason == no_time_left ? TrainingEnd::out_of_time : TrainingEnd::stopped;
      if (end == TrainingEnd::stopped) signal_ = reason;
    }
    return true;
  }

  /// The session is over.
  void close(std::string how) {
    sessions_.back().end = std::move(how);
    progress_->end();
    progress_ = nullptr;
  }

  /// A disk that is full now may not be in two minutes: only at the end is it an error that nothing can be written.
  template <class Keeps>
  void save_when_due(const Keeps& keeps) {
    const bool due = options_.checkpoint_minutes > 0 && seconds_since(saved_at_) >= 60 * options_.checkpoint_minutes;
    if (!save_ && !due) return;
    try {
      save(keeps);
    } catch (const FileError& error) {
      saved_at_ = Clock::now();
      say(std::string(error.what()) + "; the training goes on, and the checkpoint before is whole");
    }
  }

  /// After `error` ended the training.
  template <class Keeps>
  void save_beside(const Keeps& keeps, const std::exception& error) {
    try {
      save(keeps);
    } catch (const std::exception& second) {
      throw std::runtime_error(std::string(error.what()) + "; and then: " + second.what());
    }
  }

  template <class Keeps>
  void save(const Keeps& keeps) {
    if (options_.checkpoint.empty()) return;
    CheckpointWriter file(options_.label);
    file("iteration", iteration_);
    file("losses", losses_);
    keeps(file);
    file.metadata("sessions", detail::json_of<Json>(sessions_));
    file.write(options_.checkpoint);
    saved_at_ = Clock::now();
    saved_ = iteration_;
  }

  /// "iteration 120/2000  loss 0.0123  24.1 iterations/s  1:20 left": the mean of the last hundred losses; the time at
  /// the pace of this session.
  [[nodiscard]] std::string line(double before) const {
    const std::ptrdiff_t recent = std::min<std::ptrdiff_t>(std::ssize(losses_), 100);
    const double mean = std::accumulate(losses_.end() - recent, losses_.end(), 0.0) / static_cast<double>(recent);
    const double pace = static_cast<double>(iteration_ - first_) / std::max(1e-9, sessions_.back().seconds);
    double left = static_cast<double>(options_.iterations - iteration_) / std::max(1e-9, pace);
    if (options_.minutes > 0) left = std::min(left, 60 * options_.minutes - before - sessions_.back().seconds);
    const auto whole = static_cast<std::intmax_t>(std::max(0.0, std::min(left, 1e9)));
    std::array<char, 200> text{};
    std::snprintf(text.data(), text.size(), "iteration %jd/%jd  loss %.3g  %.1f iterations/s  %jd:%02d left",
                  static_cast<std::intmax_t>(iteration_), static_cast<std::intmax_t>(options_.iterations), mean, pace,
                  whole / 60, static_cast<int>(whole % 60));
    std::string out = text.data();
    if (!detail_.empty()) out += "  " + detail_;
    if (saved_ > 0) out += "  saved at " + std::to_string(saved_);
    return out;
  }

  TrainingOptions options_;
  std::int64_t iteration_ = 0, first_ = 0, saved_ = 0;
  std::vector<double> losses_;
  std::vector<TrainingSession> sessions_;
  std::string detail_;
  bool save_ = false, stop_ = false;
  int signal_ = 0;
  Progress* progress_ = nullptr;  // while it runs
  Clock::time_point start_{}, saved_at_{};
};

}  // namespace basin
