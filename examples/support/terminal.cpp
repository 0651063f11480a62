#include "terminal.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <time.h>  // clock_gettime
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace basin::examples {

bool has_true_colour(const char* colorterm, const char* term) {
  const std::string_view colours = colorterm == nullptr ? "" : colorterm, name = term == nullptr ? "" : term;
  return colours == "truecolor" || colours == "24bit" || name.ends_with("-direct");
}

void Terminal::check_usable() {
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

Terminal::Terminal() {
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

Terminal::~Terminal() {
  give_back();
  for (std::size_t i = 0; i < signals.size(); ++i) sigaction(signals[i], &actions_[i], nullptr);
}

Terminal::Size Terminal::size() {
  winsize window{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col == 0 || window.ws_row == 0) return {80, 24};
  return {window.ws_col, window.ws_row};
}

bool Terminal::is_new() {
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

void Terminal::write(std::string_view bytes) {
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

std::string Terminal::read(double seconds) {
  pollfd in{STDIN_FILENO, POLLIN, 0};
  // Not too long: a signal that comes just before the wait does not end it.
  if (poll(&in, 1, static_cast<int>(1000 * std::clamp(seconds, 0.0, 0.1))) <= 0) return {};
  std::array<char, 512> bytes{};
  const ssize_t count = ::read(STDIN_FILENO, bytes.data(), bytes.size());
  if (count > 0) return {bytes.data(), static_cast<std::size_t>(count)};
  if (count == 0 || (errno != EINTR && errno != EAGAIN)) asked_ = SIGHUP;
  return {};
}

void Terminal::handle(int number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigaction(number, &action, nullptr);
}

void Terminal::take() {
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

bool Terminal::takes_bytes(int milliseconds) {
  pollfd out{STDOUT_FILENO, POLLOUT, 0};
  return poll(&out, 1, milliseconds) > 0;
}

void Terminal::give_back() {
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

void Terminal::note(int number) {
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

void Terminal::crash(int number) {
  give_back();
  for (std::size_t i = 0; i < signals.size(); ++i) {
    if (signals[i] == number) sigaction(number, &actions_[i], nullptr);
  }
  raise(number);  // held back until the handler returns
}

}  // namespace basin::examples
