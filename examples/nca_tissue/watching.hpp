#pragma once

// A tissue that grows by the mixture, watched in the terminal.

#include <cstdint>
#include <optional>
#include <string>

#include "../support/live.hpp"
#include "showing.hpp"

namespace nca_tissue {

inline int watch(const Settings& settings, const Trainer& trainer) {
  std::uint64_t number = 0;
  Grower grower = Grower::mixture;
  bool shows_rules = false;
  std::optional<Colony> colony;
  const auto begin = [&] {
    colony.emplace(trainer, grower, 0.0, settings.side, 1, settings.seed, test_stream, number);
  };
  begin();
  const auto key = [&](char letter, const char* what, const auto& change) {
    return basin::examples::LiveKey{letter, what,
                                    [&, change] {
                                      change();
                                      begin();
                                    },
                                    true};
  };
  basin::examples::Scene scene{
      .name = "nca_tissue",
      .cells = static_cast<double>(settings.side * settings.side),
      .speed = 8,
      .restart = begin,
      .step = [&](Index) { colony->step(); },
      .picture =
          [&] {
            const Tissue& tissue = colony->tissues().front();
            return shows_rules ? rules_of(trainer.mixture(), tissue) : picture_of(tissue);
          },
      .damage = [&](double x, double y, double radius) { colony->remove(x, y, radius); },
      .keys = {key('n', "another tissue", [&] { ++number; }),
               key('o', "one rule instead of the mixture, or back",
                   [&] { grower = grower == Grower::mixture ? Grower::one : Grower::mixture; }),
               {'u', "show cells, or which rule is likeliest", [&] { shows_rules = !shows_rules; }}},
      .status = [&] { return std::to_string(size_of(colony->tissues().front())) + " cells, " + caption_of(grower); },
      .legend = legend(),
  };
  return basin::examples::Live(std::move(scene), settings.live).run();
}

}  // namespace nca_tissue
