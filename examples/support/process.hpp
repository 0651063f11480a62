#pragma once

// What the programs ask of the process they run in: memory, time, Ctrl-C, and a line of progress.

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "basin/core/parallel.hpp"

namespace basin::examples {

/// The largest memory that the process has had, in bytes.
[[nodiscard]] inline std::int64_t peak_rss_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return std::int64_t{usage.ru_maxrss} * 1024;
}

/// The largest memory of a copy of this process that runs `work` on one thread and ends, in bytes.
template <class Work>
[[nodiscard]] std::int64_t peak_rss_of(const Work& work) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("cannot make a process to measure its memory");
  if (child == 0) {
    set_threads(1);  // the copy has no other thread, whatever the runtime believes
    int status = 0;
    try {
      work();
    } catch (...) {
      status = 1;
    }
    _exit(status);
  }
  int status = 0;
  rusage usage{};
  if (wait4(child, &status, 0, &usage) != child || status != 0) {
    throw std::runtime_error("the process whose memory was to be measured failed");
  }
  return std::int64_t{usage.ru_maxrss} * 1024;
}

class Stopwatch {
 public:
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// Set by Ctrl-C, once watch_for_interrupt() was called.
inline volatile std::sig_atomic_t interrupted = 0;
/// From here on a run can be stopped; whoever reads what was printed so far may rely on it.
inline void watch_for_interrupt() {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = 1; };
  action.sa_flags = SA_RESETHAND;  // a second Ctrl-C ends the program at once
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  std::fflush(stdout);
}

/// What a shell reports of a program that Ctrl-C ended.
inline constexpr int interrupted_status = 130;

/// One line that rewrites itself on a terminal; elsewhere a line every twenty seconds.
class Progress {
 public:
  /// Whether a line is due; `last` is always shown on a terminal.
  [[nodiscard]] bool due(bool last) {
    const double wait = terminal() ? 0.2 : 20.0;
    if (shown_.seconds() < wait && !(terminal() && last)) return false;
    shown_ = Stopwatch{};
    return true;
  }

  void show(const std::string& line) const {
    std::printf("%s%s%s", terminal() ? "\r" : "", line.c_str(), terminal() ? "\x1b[K" : "\n");
    std::fflush(stdout);
  }

  /// Where it is due, how far a training is that has these losses, the mean of the last hundred, and has taken
  /// `seconds` since it had `before` of them.
  void show_training(std::int64_t total, const std::vector<double>& losses, double seconds, std::int64_t before = 0) {
    const auto done = static_cast<std::int64_t>(losses.size());
    if (losses.empty() || !due(done == total)) return;
    const std::ptrdiff_t recent = std::min<std::ptrdiff_t>(done, 100);
    const double mean = std::accumulate(losses.end() - recent, losses.end(), 0.0) / static_cast<double>(recent);
    std::array<char, 160> line{};
    std::snprintf(line.data(), line.size(), "iteration %jd/%jd  loss %.3g  %.1f iterations/s  %.0f s",
                  static_cast<std::intmax_t>(done), static_cast<std::intmax_t>(total), mean,
                  static_cast<double>(done - before) / seconds, seconds);
    show(line.data());
  }

  /// Ends the line that rewrites itself.
  void end() const {
    if (terminal()) std::printf("\n");
  }

 private:
  static bool terminal() {
    static const bool is_one = isatty(STDOUT_FILENO) == 1;
    return is_one;
  }

  Stopwatch shown_;
};

/// Trains until the end or Ctrl-C, and writes <out>/checkpoint.safetensors. True if it came to the end; if not, it has
/// said how to go on, and the program ends with interrupted_status.
template <class Trainer>
[[nodiscard]] bool train_and_save(Trainer& trainer, const std::string& out) {
  watch_for_interrupt();
  const std::string checkpoint = out + "/checkpoint.safetensors";
  bool finished = false;
  try {
    finished = trainer.run();
  } catch (...) {
    trainer.save(checkpoint);  // what was learnt before it failed
    throw;
  }
  trainer.save(checkpoint);
  if (!finished) std::printf("stopped; go on with --resume %s\n", checkpoint.c_str());
  return finished;
}

}  // namespace basin::examples
