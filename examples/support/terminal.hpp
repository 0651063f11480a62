#pragma once

// The terminal as a screen of one's own, which is left as it was, whatever happens.
//
// Ctrl-C, SIGTERM and SIGHUP (a closed terminal) are noted, as a request to end; a second one, from two seconds on,
// ends the process at once. Ctrl-Z gives the terminal back, and fg takes it again. A crash gives it back first.

#include <termios.h>

#include <array>
#include <csignal>
#include <string>
#include <string_view>

#include "command_line.hpp"

namespace basin::examples {

/// What a terminal of these variables of the environment understands; nullptr: the variable is not set.
[[nodiscard]] bool has_true_colour(const char* colorterm, const char* term);

class Terminal {
 public:
  struct Size {
    int columns = 0, rows = 0;

    friend bool operator==(const Size&, const Size&) = default;
  };

  static constexpr Size least{40, 12};

  /// Throws UsageError, which names --live, if there is no terminal, or one that cannot show pictures.
  static void check_usable();

  /// Takes the terminal: another screen, no cursor, keys as they are typed, and the mouse. Throws as check_usable(),
  /// and std::logic_error if there is one already.
  Terminal();
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  /// As it is now, of 80 by 24 if it does not say.
  [[nodiscard]] static Size size();

  /// The number of the signal that asked to end; 0: none did.
  [[nodiscard]] int asked() const { return asked_; }

  /// Heeds Ctrl-Z, here. Whether what is on the screen is lost: all of it is to be drawn again.
  [[nodiscard]] bool is_new();

  /// Waits until the terminal takes it, or something asks to end. A terminal that is gone counts as SIGHUP.
  void write(std::string_view bytes);

  /// What was typed. Waits for it for so many seconds; a signal ends the wait.
  [[nodiscard]] std::string read(double seconds);

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

  static void handle(int number, void (*handler)(int));

  void take();

  // From here on nothing but what POSIX allows in a handler.

  static bool takes_bytes(int milliseconds);

  static void give_back();

  static void note(int number);

  static void crash(int number);

  bool fresh_ = false;
};

}  // namespace basin::examples
