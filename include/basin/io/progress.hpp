#pragma once

// A line that says how far something is.

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <string>

namespace basin {

/// On a terminal one line that rewrites itself, five times a second at most; elsewhere, as in a log, a line every
/// twenty seconds.
class Progress {
 public:
  /// Writes to `out`; nullptr: nothing is written.
  explicit Progress(std::FILE* out = stdout) : out_(out), terminal_(out != nullptr && isatty(fileno(out)) == 1) {}

  /// Whether a line is due; `last` is always shown on a terminal.
  [[nodiscard]] bool due(bool last) {
    const auto now = Clock::now();
    const double since = std::chrono::duration<double>(now - shown_).count();
    if (out_ == nullptr || (since < (terminal_ ? 0.2 : 20.0) && !(terminal_ && last))) return false;
    shown_ = now;
    return true;
  }

  /// The line that rewrites itself.
  void show(const std::string& line) {
    put((terminal_ ? "\r" : "") + line + (terminal_ ? "\x1b[K" : "\n"));
    open_ = terminal_;
  }

  /// A line that stays.
  void say(const std::string& line) {
    put((open_ ? "\r" : "") + line + (open_ ? "\x1b[K\n" : "\n"));
    open_ = false;
  }

  /// Ends the line that rewrites itself.
  void end() {
    if (open_) put("\n");
    open_ = false;
  }

  /// Whether nobody reads any more what is written: a pipe whose other end is closed.
  [[nodiscard]] bool closed() const { return closed_; }

 private:
  using Clock = std::chrono::steady_clock;

  void put(const std::string& text) {
    if (out_ == nullptr) return;
    errno = 0;
    if ((std::fputs(text.c_str(), out_) < 0 || std::fflush(out_) != 0) && errno == EPIPE) closed_ = true;
  }

  std::FILE* out_;
  bool terminal_, open_ = false, closed_ = false;
  Clock::time_point shown_ = Clock::now();
};

}  // namespace basin
