#pragma once

// The terminal as a screen of one's own, which is left as it was, whatever happens.
//
// Ctrl-C, SIGTERM and SIGHUP (a closed terminal) are noted, as a request to end; a second one, from two seconds on,
// ends the process at once. Ctrl-Z gives the terminal back, and fg takes it again. A crash gives it back first.

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>  // clock_gettime
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include "command_line.hpp"

namespace basin::examples {

/// What a terminal of these variables of the environment understands; nullptr: the variable is not set.
[[nodiscard]] inline bool has_true_colour(const char* colorterm, const char* term) {
  const std::string_view colours = colorterm == nullptr ? "" : colorterm, name = term == nullptr ? "" : term;
  return colours == "truecolor" || colours == "24bit" || name.ends_with("-direct");
}

class Terminal {
 public:
  struct Size {
    int columns = 0, rows = 0;

    friend bool operator==(const Size&, const Size&) = default;
  };

  static constexpr Size least{40, 12};

  /// Throws UsageError, which names --live, if there is no terminal, or one that cannot show pictures.
  static void check_usable() {
    const auto need = [](bool holds, const std::string& what) {
      if (!holds) throw UsageError("--live needs a terminal, and " + what);
    };
    need(isatty(STDIN_FILENO) == 1, "standard input is none");
    need(isatty(STDOUT_FILENO) == 1, "standard output is none");
    const char* const name = std::getenv("TERM");
    need(name != nullptr && *name != '\0', "TERM does not say which this is");
    const std::string term = name;
    need(term != "dumb", "TERM is 'dumb', one that cannot move its cursor");
    const auto [columns, rows] = size();
    need(columns >= least.columns && rows >= least.rows,
         "this one has " + std::to_string(columns) + " columns and " + std::to_string(rows) +
             " rows, expected at least " + std::to_string(least.columns) + " and " + std::to_string(least.rows));
  }

  /// Takes the terminal: another screen, no cursor, keys as they are typed, and the mouse. Throws as check_usable(),
  /// and std::logic_error if there is one already.
  Terminal() {
    check_usable();
    if (taken_ != 0) throw std::logic_error("the terminal is taken already, expected one Terminal at a time");
    std::fflush(stdout);
    tcgetattr(STDIN_FILENO, &before_);
    asked_ = 0;
    suspended_ = 0;
    resumed_ = 0;
    resized_ = 0;
    for (std::size_t i = 0; i < signals.size(); ++i) {
      sigaction(signals[i], nullptr, &actions_[i]);
      if (i < noted && actions_[i].sa_handler == SIG_IGN) continue;  // as under nohup
      handle(signals[i], i < noted ? &Terminal::note : &Terminal::crash);
    }
    take();
  }
  ~Terminal() {
    give_back();
    for (std::size_t i = 0; i < signals.size(); ++i) sigaction(signals[i], &actions_[i], nullptr);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  /// As it is now, of 80 by 24 if it does not say.
  [[nodiscard]] static Size size() {
    winsize window{};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col == 0 || window.ws_row == 0) return {80, 24};
    return {window.ws_col, window.ws_row};
  }

  /// The number of the signal that asked to end; 0: none did.
  [[nodiscard]] int asked() const { return asked_; }

  /// Heeds Ctrl-Z, here. Whether what is on the screen is lost: all of it is to be drawn again.
  [[nodiscard]] bool is_new() {
    if (suspended_ != 0) {
      suspended_ = 0;
      give_back();
      struct sigaction standard {
      }, ours{};
      standard.sa_handler = SIG_DFL;
      sigaction(SIGTSTP, &standard, &ours);
      raise(SIGTSTP);  // returns when the process goes on
      sigaction(SIGTSTP, &ours, nullptr);
      if (asked_ == 0) take();  // killed while it was stopped, it may be in the background
    } else if (resumed_ != 0) {
      take();  // from a SIGSTOP, which nobody sees
    }
    const bool lost = resized_ != 0 || resumed_ != 0 || fresh_;
    resized_ = 0;
    resumed_ = 0;
    fresh_ = false;
    return lost;
  }

  /// Waits until the terminal takes it, or something asks to end. A terminal that is gone counts as SIGHUP.
  void write(std::string_view bytes) {
    while (!bytes.empty() && asked_ == 0) {
      if (!takes_bytes(100)) continue;
      const ssize_t count = ::write(STDOUT_FILENO, bytes.data(), std::min(bytes.size(), piece));
      if (count >= 0) {
        bytes.remove_prefix(static_cast<std::size_t>(count));
      } else if (errno != EINTR && errno != EAGAIN) {
        asked_ = SIGHUP;
      }
    }
  }

  /// What was typed. Waits for it for so many seconds; a signal ends the wait.
  [[nodiscard]] std::string read(double seconds) {
    pollfd in{STDIN_FILENO, POLLIN, 0};
    // Not too long: a signal that comes just before the wait does not end it.
    if (poll(&in, 1, static_cast<int>(1000 * std::clamp(seconds, 0.0, 0.1))) <= 0) return {};
    std::array<char, 512> bytes{};
    const ssize_t count = ::read(STDIN_FILENO, bytes.data(), bytes.size());
    if (count > 0) return {bytes.data(), static_cast<std::size_t>(count)};
    if (count == 0 || (errno != EINTR && errno != EAGAIN)) asked_ = SIGHUP;
    return {};
  }

 private:
  // The mouse: presses and drags, as numbers of any size. Lines are not wrapped: the last column can be written.
  static constexpr std::string_view entering = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[?1002h\x1b[?1006h\x1b[0m\x1b[2J",
                                    leaving = "\x1b[?2026l\x1b[?1006l\x1b[?1002l\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l";
  static constexpr std::size_t noted = 6, piece = 1024;  // bytes that are written at a time, so that few wait
  static constexpr std::array<int, 12> signals{SIGINT,  SIGTERM, SIGHUP, SIGTSTP, SIGCONT, SIGWINCH,
                                               SIGQUIT, SIGABRT, SIGBUS, SIGFPE,  SIGILL,  SIGSEGV};
  static inline volatile std::sig_atomic_t asked_ = 0, asked_at_ = 0, suspended_ = 0, resumed_ = 0, resized_ = 0,
                                           taken_ = 0;
  static inline termios before_{};
  static inline std::array<struct sigaction, signals.size()> actions_{};

  static void handle(int number, void (*handler)(int)) {
    struct sigaction action {};
    action.sa_handler = handler;
    sigaction(number, &action, nullptr);
  }

  void take() {
    termios raw = before_;
    raw.c_iflag &= ~static_cast<tcflag_t>(IXON | ICRNL | INLCR | ISTRIP);
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | IEXTEN);  // signals stay
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    taken_ = 1;
    fresh_ = true;
    write(entering);
  }

  // From here on nothing but what POSIX allows in a handler.

  static bool takes_bytes(int milliseconds) {
    pollfd out{STDOUT_FILENO, POLLOUT, 0};
    return poll(&out, 1, milliseconds) > 0;
  }

  static void give_back() {
    if (taken_ == 0) return;
    taken_ = 0;
    // One that takes nothing, since a network is gone, is not waited for.
    for (std::string_view rest = leaving; !rest.empty() && takes_bytes(1000);) {
      const ssize_t count = ::write(STDOUT_FILENO, rest.data(), rest.size());
      if (count < 0 && errno != EINTR) break;
      if (count > 0) rest.remove_prefix(static_cast<std::size_t>(count));
    }
    tcflush(STDIN_FILENO, TCIFLUSH);  // moves of the mouse are no words for the shell
    tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }

  static void note(int number) {
    const int error = errno;
    if (number == SIGTSTP) {
      suspended_ = 1;
    } else if (number == SIGCONT) {
      resumed_ = taken_;
    } else if (number == SIGWINCH) {
      resized_ = 1;
    } else {
      struct timespec now {};
      clock_gettime(CLOCK_MONOTONIC, &now);
      const auto seconds = static_cast<std::sig_atomic_t>(now.tv_sec);
      if (asked_ != number) {
        asked_ = number;
        asked_at_ = seconds;
      } else if (seconds - asked_at_ > 1) {
        crash(number);
      }
    }
    errno = error;
  }

  static void crash(int number) {
    give_back();
    for (std::size_t i = 0; i < signals.size(); ++i) {
      if (signals[i] == number) sigaction(number, &actions_[i], nullptr);
    }
    raise(number);  // held back until the handler returns
  }

  bool fresh_ = false;
};

}  // namespace basin::examples
