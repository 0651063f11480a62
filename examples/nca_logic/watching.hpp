#pragma once

// A circuit at work, watched in the terminal.

#include <string>
#include <utility>

#include "../support/live.hpp"
#include "basin/logic/simplify.hpp"
#include "showing.hpp"

namespace nca_logic {

/// What a run starts from, the `number`-th: a soup, a board four times as large as those of training, or the cell that
/// a picture grows from.
inline State<float> start_of(const Life&, const Settings& settings, std::uint64_t number) {
  return noise({1, {settings.soup_size, settings.soup_size, 1}, 1}, settings.seed, (std::uint64_t{1} << 41) + number);
}
inline State<float> start_of(const Checkerboard&, const Settings& settings, std::uint64_t number) {
  constexpr Index side = 4 * Checkerboard::size;
  return noise({8, {side, side, 1}, 1}, settings.seed, (std::uint64_t{1} << 40) + number);
}
inline State<float> start_of(const Picture& task, const Settings&, std::uint64_t) { return task.seed_state; }

template <class Task>
int watch(const Settings& settings, const Trainer<Task>& trainer) {
  constexpr bool picture = std::is_same_v<Task, Picture>;
  constexpr Index inks = picture ? Picture::inks : 1;
  const basin::Circuit circuit = basin::simplified(basin::without_hidden(trainer.circuit(), inks));
  const auto automaton = trainer.hard(circuit);
  std::uint64_t number = 0;
  BitGrid z(start_of(trainer.task(), settings, number)), next(z.shape());
  const auto restart = [&] { z = BitGrid(start_of(trainer.task(), settings, number)); };
  basin::examples::Scene scene{
      .name = std::string("nca_logic, ") + Task::name,
      .cells = static_cast<double>(z.shape().cells()),
      .speed = picture ? 4.0 : 15.0,
      .restart = restart,
      .step =
          [&](Index t) {
            automaton.step(z, next, {.step = t});
            std::swap(z, next);
          },
      .picture = [&] { return picture_of(z, 1, inks); },
      .damage =
          [&](double x, double y, double radius) {
            State<float> cells = z.state<float>();
            basin::examples::erase_disc(cells.view(), x, y, radius);
            z = BitGrid(cells);
          },
      .status = [&] { return std::to_string(circuit.gates.size()) + " gates a cell"; },
      .pause_at = picture ? Picture::steps : 0,  // there it is right; what becomes of it then, it has not learned
  };
  if (!picture) {
    scene.keys.push_back({'n', "other noise",
                          [&] {
                            ++number;
                            restart();
                          },
                          true});
  }
  return basin::examples::Live(std::move(scene), settings.live).run();
}

}  // namespace nca_logic
