#pragma once

// A system as it is watched in a terminal (live.hpp): how it is stepped, drawn, damaged and begun anew.

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "basin/core/state.hpp"
#include "basin/io/image.hpp"
#include "chart.hpp"

namespace basin::examples {

/// A key that one system has, and others have not.
struct LiveKey {
  char letter = 0;
  std::string help{};  ///< "next pattern"
  std::function<void()> press{};
  bool restarts = false;  ///< it is at step 0 then
};

/// What is watched. Its picture always has the same size.
struct Scene {
  std::string name{};
  double cells = 0;                                                 ///< that a step computes; 0 if that is not known
  double speed = 30;                                                ///< steps a second, at first
  std::function<void()> restart{};                                  ///< to step 0
  std::function<void(Index t)> step{};                              ///< from step t to step t + 1
  std::function<Image()> picture{};                                 ///< RGB
  std::function<void(double x, double y, double radius)> damage{};  ///< of a disc, in pixels of the picture
  std::vector<LiveKey> keys{};
  std::function<std::string()> status{};  ///< what else is to be said, if anything
  std::vector<KeyEntry> legend{};         ///< what the colours mean, where they have names
  Index pause_at = 0;                     ///< a step at which it pauses by itself; 0: none
  std::string damage_word = "erase";      ///< what damage does, for the line of keys
};

/// Calls visit(i, j) for those of width x height cells whose middle is less than `radius` from (x, y), which is
/// (1/2, 1/2) in the middle of the first cell.
template <class Visit>
void each_in_disc(Index width, Index height, double x, double y, double radius, const Visit& visit) {
  for (Index j = 0; j < height; ++j) {
    for (Index i = 0; i < width; ++i) {
      if (std::hypot(static_cast<double>(i) + 0.5 - x, static_cast<double>(j) + 0.5 - y) < radius) visit(i, j);
    }
  }
}

/// Sets the cells of a disc to zero in one sample of a state, a pixel a cell.
inline void erase_disc(View<float> sample, double x, double y, double radius) {
  const Index width = sample.shape().space[0];
  each_in_disc(width, sample.shape().space[1], x, y, radius,
               [&](Index i, Index j) { sample.matrix().col(j * width + i).setZero(); });
}

}  // namespace basin::examples
