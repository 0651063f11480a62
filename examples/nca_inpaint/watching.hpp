#pragma once

// Digits whose hidden pixels are restored, watched in the terminal: two rows of four, of which other pixels are hidden,
// or parts erased.

#include <array>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>

#include "../support/live.hpp"
#include "showing.hpp"

namespace nca_inpaint {

template <class Kind>
int watch(const Settings& settings, const State<float>& test, const Trainer<Kind>& trainer) {
  constexpr Index across = 4, down = 2;
  State<float> images(test.shape.with_samples(across * down));
  Index first = 0;
  std::size_t size = sides.size() - 1;
  const auto take = [&] {
    for (Index n = 0; n < across * down; ++n) {
      images.view().sample(n).vector() = test.view().sample((first + n) % test.shape.samples).vector();
    }
  };
  take();
  const auto begin = [&] {
    return Restoration<Kind>(settings, trainer.parameters(), std::as_const(images).view(), sides[size]);
  };
  std::optional<Restoration<Kind>> run;
  basin::examples::Scene scene{
      .name = "nca_inpaint",
      .cells = static_cast<double>(images.shape.cells()),
      .speed = 15,
      .restart = [&] { run.emplace(begin()); },
      .step = [&](Index) { run->step(); },
      .picture =
          [&] {
            const auto row = [&](Index r) {
              return picture_of(std::as_const(*run).view().samples(r * across, across), colour_of);
            };
            return basin::examples::below(row(0), row(1));
          },
      .damage =
          [&](double x, double y, double radius) {
            const Index width = images.shape.space[0], height = images.shape.space[1];
            for (Index n = 0; n < across * down; ++n) {
              const View<float> sample = run->view().sample(n);
              State<float> before(sample.shape());
              before.view().vector() = sample.vector();
              basin::examples::erase_disc(sample, x - static_cast<double>(n % across * width),
                                          y - static_cast<double>(n / across * height), radius);
              sample.matrix().middleRows(given, 2) = before.view().matrix().middleRows(given, 2);
            }
          },
      .keys = {{'h', "hide other pixels", [&] { run->hide(); }},
               {'p', "squares of another size",
                [&] {
                  size = (size + 1) % sides.size();
                  run.emplace(begin());
                },
                true},
               {'n', "other digits",
                [&] {
                  first += across * down;
                  take();
                  run.emplace(begin());
                },
                true}},
      .status =
          [&] {
            std::array<char, 64> text{};
            std::snprintf(text.data(), text.size(), "error of the hidden pixels: %.4f", run->errors().mean());
            return std::string(text.data());
          },
      .legend = {{{0, 0, 0}, "given"}, {basin::examples::distinct_colours[0], "restored"}},
  };
  return basin::examples::Live(std::move(scene), settings.live).run();
}

}  // namespace nca_inpaint
