#pragma once

// A system that is watched in a terminal: it is stepped and drawn, and answers keys and the mouse.

#include <array>
#include <cstdlib>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "half_blocks.hpp"
#include "live_settings.hpp"
#include "process.hpp"
#include "recording.hpp"
#include "scene.hpp"
#include "terminal.hpp"
#include "terminal_keys.hpp"
#include "viewport.hpp"

namespace basin::examples {

/// 12345678 as "12.3 M".
[[nodiscard]] std::string in_short(double number);

class Live {
 public:
  /// Throws basin::FileError if there is to be a record that cannot be written.
  Live(Scene scene, const LiveSettings& settings);

  /// Until the user ends it. Returns the exit status: as a shell reports it, if a signal did. Throws as Terminal.
  int run();

 private:
  static constexpr std::array<double, 12> speeds{1,  2,   4,   8,   15,   30,
                                                 60, 125, 250, 500, 1000, std::numeric_limits<double>::infinity()};

  int watch();

  /// So many seconds later; makes steps until a time at most.
  void advance(double passed, double until);

  void step();

  void press(const Key& key);

  void press(char letter);

  void move(double dx, double dy);

  void resize(double by);

  void damage(double x, double y);

  void draw(Terminal& terminal);

  void compose(Screen& screen);

  [[nodiscard]] std::vector<std::pair<std::string, std::string>> hints() const;

  [[nodiscard]] std::string line() const;

  Scene scene_;
  double frame_;  // seconds
  bool true_colour_ = has_true_colour(std::getenv("COLORTERM"), std::getenv("TERM"));
  std::optional<Recording> recording_;
  Stopwatch watch_;
  KeyReader keys_;
  Image picture_;
  std::optional<Screen> shown_;
  std::optional<Viewport> at_;
  Index step_ = 0, counted_ = 0;
  std::size_t speed_ = 0;
  int zoom_ = 0, room_rows_ = 0;
  double owed_ = 0, rate_ = 0, since_ = 0, recorded_at_ = 0, scale_ = 1;
  double cursor_x_ = 0, cursor_y_ = 0, radius_ = 1;  // in pixels of the picture
  bool ended_ = false, paused_ = false, changed_ = false, moved_ = false, recorded_ = false, ring_ = false;
};

}  // namespace basin::examples
