#pragma once

// Digits that pass through the hole, watched in the terminal: four rows, each with the digit, the planes of cells, and
// what the last plane shows. The hole can be shut and opened, and cells forget where the ring is.

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>

#include "../support/live.hpp"
#include "showing.hpp"

namespace nca_autoencode {

inline int watch(const Settings& settings, const State<float>& test, const Theta& theta) {
  constexpr Index rows = 4;
  State<float> images(test.shape.with_samples(rows));
  Index first = 0;
  std::optional<Passage> passage;
  const auto begin_anew = [&] {
    for (Index n = 0; n < rows; ++n) {
      images.view().sample(n).vector() = test.view().sample((first + n) % test.shape.samples).vector();
    }
    passage.emplace(settings, theta, std::as_const(images).view());
  };
  begin_anew();
  basin::examples::Scene scene{
      .name = "nca_autoencode",
      .cells = static_cast<double>(passage->view().shape().cells()),
      .speed = 8,
      .restart = begin_anew,
      .step = [&](Index) { passage->step(); },
      .picture = [&] { return picture_of(std::as_const(*passage).view()); },
      .damage =
          [&](double x, double y, double radius) {
            const View<float> states = passage->view();
            const Index width = states.shape().space[0], height = states.shape().space[1];
            for (Index n = 0; n < rows; ++n) {
              for (Index z = 0; z < states.shape().space[2]; ++z) {
                basin::examples::each_in_disc(
                    width, height, x - static_cast<double>((z + 1) * (width + gap)),
                    y - static_cast<double>(n * (height + gap)), radius,
                    [&](Index i, Index j) { forget(states.sample(n), (z * height + j) * width + i); });
              }
            }
          },
      .keys = {{'n', "other digits",
                [&] {
                  first += rows;
                  begin_anew();
                },
                true},
               {'h', "shut or open the hole", [&] { passage->set_hole(!passage->hole_is_open()); }}},
      .status =
          [&] {
            std::array<char, 64> text{};
            std::snprintf(text.data(), text.size(), "error %.4f%s", passage->error(),
                          passage->hole_is_open() ? "" : ", the hole is shut");
            return std::string(text.data());
          },
      .legend = {{basin::examples::ink, "wall"}},
      .damage_word = "forget",
  };
  return basin::examples::Live(std::move(scene), settings.live).run();
}

}  // namespace nca_autoencode
