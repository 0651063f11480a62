#pragma once

// Signals that ask a process to end, as a request that a long computation looks at when it can be left.

#include <time.h>  // clock_gettime

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <stdexcept>
#include <string>

namespace basin {

/// As long as one of these is there,
///   - SIGINT (Ctrl-C), SIGTERM (kill, a shutdown) and SIGHUP (a closed terminal) are noted instead of ending the
///     process; within a second the same signal again is the same request (timeout(1) and a terminal that closes send
///     it twice, to the process and to its group), and from two seconds on it ends the process at once;
///   - SIGPIPE and SIGXFSZ are ignored: a write to a closed pipe, or beyond a limit of sizes, then fails with an error
///     that can be told from success.
/// A signal that the process ignores already, as under nohup, stays ignored. Afterwards everything is as it was.
/// Signals belong to the process: only one of these may be there at a time, the constructor throws std::logic_error for
/// a second.
class StopSignals {
 public:
  StopSignals() {
    if (present_) throw std::logic_error("StopSignals is there already, expected one at a time");
    present_ = 1;
    received_ = 0;
    for (std::size_t i = 0; i < signals.size(); ++i) {
      sigaction(signals[i], nullptr, &before_[i]);
      if (before_[i].sa_handler == SIG_IGN) continue;
      struct sigaction action {};
      action.sa_handler = i < asking ? &StopSignals::note : SIG_IGN;
      sigaction(signals[i], &action, nullptr);
    }
  }
  ~StopSignals() {
    for (std::size_t i = 0; i < signals.size(); ++i) sigaction(signals[i], &before_[i], nullptr);
    present_ = 0;
  }
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// The number of the last signal that asked the process to end; 0: none did.
  [[nodiscard]] int received() const { return received_; }

 private:
  static constexpr std::size_t asking = 3;
  static constexpr std::array<int, 5> signals{SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ};
  static inline volatile std::sig_atomic_t received_ = 0, received_at_ = 0, present_ = 0;

  /// Runs as a handler: nothing here but what POSIX allows there.
  static void note(int number) {
    const int error = errno;
    struct timespec now {};
    clock_gettime(CLOCK_MONOTONIC, &now);
    const auto seconds = static_cast<std::sig_atomic_t>(now.tv_sec);
    if (received_ != number) {
      received_at_ = seconds;
      received_ = number;
    } else if (seconds - received_at_ > 1) {
      std::signal(number, SIG_DFL);
      raise(number);  // held back until this returns
    }
    errno = error;
  }

  std::array<struct sigaction, signals.size()> before_{};
};

/// "SIGTERM", for those that StopSignals knows; for others "signal 12".
[[nodiscard]] inline std::string signal_name(int number) {
  switch (number) {
    case SIGINT:
      return "SIGINT";
    case SIGTERM:
      return "SIGTERM";
    case SIGHUP:
      return "SIGHUP";
    case SIGPIPE:
      return "SIGPIPE";
    case SIGXFSZ:
      return "SIGXFSZ";
    default:
      return "signal " + std::to_string(number);
  }
}

}  // namespace basin
