#pragma once

// What nca_digits measures (votes of the cells of the test images against the step) and draws (digits that are redrawn
// while their cells vote).

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "../support/chart.hpp"
#include "../support/process.hpp"
#include "../support/raster.hpp"
#include "../support/sheet.hpp"
#include "basin/io/gif.hpp"
#include "basin/io/json.hpp"
#include "trainer.hpp"

namespace nca_digits {

/// Of the test images after some steps.
struct Votes {
  std::int64_t cells = 0, correct = 0;  ///< cells with ink; those that vote for the right digit
  std::int64_t digits = 0, agreed = 0;  ///< digits; those whose cells all vote alike
  std::int64_t rightly_agreed = 0;      ///< and rightly

  Votes& operator+=(const Votes& other) {
    cells += other.cells, correct += other.correct, digits += other.digits;
    agreed += other.agreed, rightly_agreed += other.rightly_agreed;
    return *this;
  }
  [[nodiscard]] double accuracy() const { return share(correct, cells); }
  [[nodiscard]] double agreement() const { return share(agreed, digits); }
  [[nodiscard]] double right_agreement() const { return share(rightly_agreed, digits); }

 private:
  static double share(std::int64_t part, std::int64_t all) {
    return all > 0 ? static_cast<double>(part) / static_cast<double>(all) : 0;
  }
};

inline Votes count_votes(View<const float> sample, int label) {
  Votes votes{.digits = 1};
  int first = -1;
  bool alike = true;
  for (Index cell = 0; cell < sample.shape().cells(); ++cell) {
    const float* here = sample.data() + cell * features;
    if (here[0] <= ink) continue;
    const int one = vote(here);
    if (first < 0) first = one;
    alike = alike && one == first;
    ++votes.cells;
    votes.correct += one == label ? 1 : 0;
  }
  votes.agreed = alike && first >= 0 ? 1 : 0;
  votes.rightly_agreed = alike && first == label ? 1 : 0;
  return votes;
}

/// Votes after steps 0 ... steps, over the test images, without noise.
inline std::vector<Votes> evaluate(const Settings& settings, const LabelledImages& test, const Theta& theta,
                                   Index steps) {
  const Index all = test.images.shape.samples;
  const Index images = settings.test_images > 0 ? std::min<Index>(settings.test_images, all) : all;
  std::vector<std::vector<Votes>> of_image(static_cast<std::size_t>(images));
  const auto parameters = theta.as<Model>();
  basin::parallel_for(images, [&](Index n) {
    auto& votes = of_image[static_cast<std::size_t>(n)];
    State<float> start(test.images.shape.with_features(features).with_samples(1)), end(start.shape);
    draw(start.view(), test.images.view().sample(n));
    Model model;
    model.steps = steps;
    model.automaton.fire.seed = basin::Random{settings.seed, show_stream}.bits(0);
    const int label = test.labels[static_cast<std::size_t>(n)];
    const auto count = [&](Index, View<const float> z) { votes.push_back(count_votes(z, label)); };
    (void)model.run(parameters.span(), start.view(), end.view(), count, {.first_sample = n});
  });
  std::vector<Votes> sum(static_cast<std::size_t>(steps) + 1);
  for (const auto& votes : of_image) {
    for (std::size_t t = 0; t < sum.size(); ++t) sum[t] += votes[t];
  }
  return sum;
}

/// Of the ten classes: eight that the colour-blind tell apart (M. Okabe, K. Ito), grey and wine.
inline constexpr std::array<basin::examples::Colour, classes> class_colours{{{153, 153, 153},
                                                                             {0, 0, 0},
                                                                             {230, 159, 0},
                                                                             {86, 180, 233},
                                                                             {0, 158, 115},
                                                                             {240, 228, 66},
                                                                             {0, 114, 178},
                                                                             {213, 94, 0},
                                                                             {204, 121, 167},
                                                                             {102, 0, 51}}};

[[nodiscard]] inline std::vector<basin::examples::KeyEntry> vote_key() {
  std::vector<basin::examples::KeyEntry> key;
  for (std::size_t k = 0; k < class_colours.size(); ++k) key.push_back({class_colours[k], std::to_string(k)});
  return key;
}

/// A colour a class, and white for what has no ink.
inline basin::Image votes_picture(View<const float> state, Index scale) {
  const Index width = state.shape().space[0], height = state.shape().space[1], count = state.samples();
  basin::Image image{width * scale * count, height * scale, 3, {}};
  image.pixels.assign(static_cast<std::size_t>(3 * image.width * image.height), 255);
  for (Index n = 0; n < count; ++n) {
    for (Index cell = 0; cell < width * height; ++cell) {
      const float* here = state.sample(n).data() + cell * features;
      if (here[0] <= ink) continue;
      const basin::examples::Colour colour = class_colours[static_cast<std::size_t>(vote(here))];
      basin::examples::fill(image, (n * width + cell % width) * scale, cell / width * scale, scale, scale, colour);
    }
  }
  return image;
}

/// Eight digits a row, redrawn twice: each time another digit is put under the cells, row of pixels by row of pixels.
inline void draw_digits(const std::string& out, const Settings& settings, const LabelledImages& test,
                        const Theta& theta) {
  constexpr Index shown = 8, scenes = 3, steps = 72, scale = 4;
  const Index images = test.images.shape.samples;
  State<float> z(test.images.shape.with_features(features).with_samples(shown)), next(z.shape);
  State<float> paper(test.images.shape.with_samples(shown));
  const Index width = paper.shape.space[0], height = paper.shape.space[1];
  Model model;
  model.steps = 1;
  model.automaton.fire.seed = basin::Random{settings.seed, show_stream}.bits(1);
  const auto parameters = theta.as<Model>();
  basin::GifWriter gif(out + "digits.gif", {.delay = 8});
  // A frame of the animation says what it shows, for those who see it without the page.
  const auto frame = [](const basin::Image& votes, Index step, bool redrawn) {
    const double margin = basin::examples::page_margin, room = static_cast<double>(votes.width) - 2 * margin;
    const std::string text = "Each pixel's colour is the digit that it takes itself to be part of. Step " +
                             std::to_string(step) + (redrawn ? ": other digits are drawn from above" : "");
    const auto image = [](const basin::examples::Drawing& drawing) { return basin::examples::image_of(drawing); };
    return basin::examples::below(
        basin::examples::below(
            image({{room, basin::examples::line_height()},
                   [=](basin::examples::Canvas& canvas) { canvas.text(0, basin::examples::line_height() / 2, text); }}),
            votes),
        image(basin::examples::key(vote_key(), room)));
  };
  std::vector<basin::Image> sheet;
  std::vector<std::string> captions;
  for (Index t = 0; t < scenes * steps; ++t) {
    const Index scene = t / steps, now = t % steps;
    // A redrawing takes as many steps as the image has rows.
    for (Index n = 0; n < shown; ++n) {
      const Index image = (scene * shown + n) % images;
      for (Index y = 0; y < height; ++y) {
        if (scene > 0 && y > now) continue;
        const float* from = test.images.view().sample(image).data() + y * width;
        std::copy_n(from, width, paper.view().sample(n).data() + y * width);
      }
    }
    draw(z.view(), paper.view());
    if (t % 2 == 0) {
      gif.add(frame(votes_picture(z.view(), scale), t, scene > 0 && now < height), now == steps - 2 ? 80 : 8);
    }
    for (const Index at : {Index{2}, Index{8}, Index{14}, steps - 1}) {
      if (now != at) continue;
      sheet.push_back(votes_picture(z.view(), scale));
      captions.push_back("step " + std::to_string(t));
    }
    (void)model.apply(parameters.span(), z.view(), next.view(), {.step = t});
    std::swap(z, next);
  }
  gif.finish();
  basin::examples::write_png(
      out + "digits.png",
      basin::examples::sheet(
          std::move(sheet),
          {.title = "What each cell votes for", .columns = 1, .row_captions = std::move(captions), .key = vote_key()}));
}

inline constexpr const char* loss_name = "squared error of the votes of a digit";

inline void show(const Settings& settings, const basin::examples::DigitSets& data, const Trainer& trainer,
                 const basin::Training& training) {
  constexpr Index steps = 200;
  const std::string out = settings.out + "/";
  const std::vector<Votes> votes = evaluate(settings, data.test, trainer.parameters(), steps);
  const auto best = std::max_element(votes.begin(), votes.end(),
                                     [](const Votes& a, const Votes& b) { return a.accuracy() < b.accuracy(); });
  basin::OrderedJson metrics;
  metrics["dataset"] = data.name;
  metrics["parameters"] = Rule::param_count;
  metrics["iterations"] = training.iteration();
  metrics["seed"] = settings.seed;
  metrics["threads"] = basin::threads();
  metrics["test_images"] = votes.front().digits;
  metrics["best_step"] = best - votes.begin();
  metrics["cell_accuracy_best"] = best->accuracy();
  metrics["agreement_best"] = best->agreement();
  metrics["cell_accuracy_at_200"] = votes.back().accuracy();
  metrics["agreement_at_200"] = votes.back().agreement();
  metrics["right_agreement_at_200"] = votes.back().right_agreement();
  metrics["train_seconds"] = training.seconds();
  metrics["training"] = training.described();
  metrics["peak_rss_bytes"] = basin::examples::peak_rss_bytes();
  basin::write_json(out + "metrics.json", metrics);

  basin::examples::Series accuracy{"cells that vote rightly", {}, {}},
      agreement{"digits whose cells all agree, rightly or not", {}, {}};
  for (std::size_t t = 0; t < votes.size(); ++t) {
    accuracy.x.push_back(static_cast<double>(t));
    accuracy.y.push_back(100 * votes[t].accuracy());
    agreement.x.push_back(static_cast<double>(t));
    agreement.y.push_back(100 * votes[t].agreement());
  }
  basin::examples::write_png_and_svg(
      out + "accuracy.png",
      basin::examples::line_chart({accuracy, agreement}, {.title = "Votes of the cells of test digits",
                                                          .x = {.label = "step", .whole = true},
                                                          .y = {.label = "share, %", .low = 0, .high = 100}}));
  basin::examples::draw_loss(settings.out, training.losses(), loss_name);
  draw_digits(out, settings, data.test, trainer.parameters());
  std::printf("cells right: best %.2f%% at step %td, %.2f%% at step 200; digits agreed: %.2f%%, %.2f%%; wrote %s\n",
              100 * best->accuracy(), best - votes.begin(), 100 * votes.back().accuracy(), 100 * best->agreement(),
              100 * votes.back().agreement(), settings.out.c_str());
}

}  // namespace nca_digits
