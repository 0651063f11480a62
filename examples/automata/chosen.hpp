#pragma once

// What the settings of automata come to.

#include <string>

#include "basin/core/state.hpp"
#include "basin/nca/elementary.hpp"
#include "basin/nca/life_like.hpp"

namespace automata {

using basin::Index;
using basin::State;

enum class Family { elementary, life_like, lenia, expanded, flow, particles, path };

/// What is counted of a state.
struct Quantity {
  std::string name = "population";     ///< in metrics.json
  std::string label = "living cells";  ///< of the chart
  bool adds_up = false;                ///< numbers are added up; otherwise cells that are not zero are counted
  bool positive = true;
};

struct Chosen {
  Family family = Family::lenia;
  std::string rule{};  ///< as the family writes it
  basin::Elementary elementary{};
  basin::LifeLike life{};
  std::string pattern{};  ///< its name
  Index size = 0;
  bool sized = false;  ///< by the file of the pattern
  Index steps = 0;
  bool unbounded = false;
  Quantity quantity{};
  State<float> start{};  ///< the pattern alone, (1, X, Y, 1, 1); of systems of their own (systems.hpp) all of it
  bool fills = false;    ///< the pattern is the whole grid
};

}  // namespace automata
