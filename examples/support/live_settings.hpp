#pragma once

// What the user of a program that can be watched chooses of it.

#include <string>

#include "command_line.hpp"
#include "terminal.hpp"

namespace basin::examples {

struct LiveSettings {
  bool on = false;
  std::string record;  ///< empty: nothing is recorded
  int fps = 30;
};

/// `what`: "the automaton of --model".
inline void describe_live(LiveSettings& s, CommandLine& options, const std::string& what) {
  options.add_flag("live", s.on, "In this terminal, with keys and the mouse, watch " + what).of_this_run();
  options.add("record", s.record, "With --live: what was watched, as NAME.gif and NAME.png").of_this_run();
  options.add("fps", s.fps, "With --live: frames a second, at most", {1, 120}).of_this_run();
}

/// Before anything is computed: throws UsageError if --live has no terminal, or is what another option lacks.
inline void check_live(const LiveSettings& settings, const CommandLine& options) {
  for (const char* name : {"record", "fps"}) {
    if (!settings.on && options.given(name)) {
      throw UsageError("--" + std::string(name) + " is given without --live, expected both");
    }
  }
  if (settings.on) Terminal::check_usable();
}

}  // namespace basin::examples
