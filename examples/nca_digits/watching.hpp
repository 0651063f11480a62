#pragma once

// Test digits whose cells vote, watched in the terminal: two rows of four, of which other ones are drawn under the
// cells, or parts erased.

#include <array>
#include <string>
#include <utility>

#include "../support/live.hpp"
#include "showing.hpp"

namespace nca_digits {

/// The digit that most cells with ink vote for; '-' without such.
inline char majority(View<const float> sample) {
  std::array<int, classes> counts{};
  for (Index cell = 0; cell < sample.shape().cells(); ++cell) {
    const float* here = sample.data() + cell * features;
    if (here[0] > ink) ++counts[static_cast<std::size_t>(vote(here))];
  }
  const auto most = std::max_element(counts.begin(), counts.end());
  return *most == 0 ? '-' : static_cast<char>('0' + (most - counts.begin()));
}

inline int watch(const Settings& settings, const LabelledImages& test, const Theta& theta) {
  constexpr Index across = 4, down = 2, digits = across * down;
  const Index images = test.images.shape.samples, width = test.images.shape.space[0],
              height = test.images.shape.space[1];
  State<float> z(test.images.shape.with_features(features).with_samples(digits)), next(z.shape);
  Index first = 0;  // of the images
  const auto draw_digits = [&] {
    for (Index n = 0; n < digits; ++n) draw(z.view().sample(n), test.images.view().sample((first + n) % images));
  };
  Model model;
  model.steps = 1;
  model.automaton.fire.seed = basin::Random{settings.seed, show_stream}.bits(1);
  const auto parameters = theta.as<Model>();
  basin::examples::Scene scene{
      .name = "nca_digits",
      .cells = static_cast<double>(z.shape.cells()),
      .speed = 15,
      .restart =
          [&] {
            z.values.setZero();
            draw_digits();
          },
      .step =
          [&](Index t) {
            (void)model.apply(parameters.span(), z.view(), next.view(), {.step = t});
            std::swap(z, next);
          },
      .picture =
          [&] {
            const auto row = [&](Index r) { return votes_picture(z.view().samples(r * across, across), 1); };
            return basin::examples::below(row(0), row(1));
          },
      .damage =
          [&](double x, double y, double radius) {
            for (Index n = 0; n < digits; ++n) {
              basin::examples::erase_disc(z.view().sample(n), x - static_cast<double>(n % across * width),
                                          y - static_cast<double>(n / across * height), radius);
            }
          },
      .keys = {{'n', "other digits under the cells",
                [&] {
                  first += digits;
                  draw_digits();
                }}},
      .status =
          [&] {
            std::string all = "most votes:";
            for (Index n = 0; n < digits; ++n)
              all += std::string(n % across == 0 ? " " : "") + majority(z.view().sample(n));
            return all;
          },
      .legend = vote_key(),
  };
  return basin::examples::Live(std::move(scene), settings.live).run();
}

}  // namespace nca_digits
