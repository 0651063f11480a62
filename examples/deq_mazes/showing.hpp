#pragma once

// What deq_mazes writes: metrics.json and its pictures.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "../support/process.hpp"
#include "../support/raster.hpp"
#include "../support/settling_pictures.hpp"
#include "../support/sheet.hpp"
#include "../support/training_parts.hpp"
#include "basin/io/gif.hpp"
#include "basin/io/json.hpp"
#include "measuring.hpp"

namespace deq_mazes {

inline constexpr const char* loss_name = "cross-entropy of the pixels";

/// The largest maze whose pictures are drawn: a state is kept, or read, for each evaluation.
inline constexpr Index largest_drawn = 61;

inline constexpr basin::examples::Colour wall{45, 45, 52}, marked_wall{120, 20, 40}, way{0, 114, 178},
    astray{213, 94, 0}, start{0, 158, 115}, goal{230, 159, 0};

[[nodiscard]] inline std::vector<basin::examples::KeyEntry> maze_key() {
  return {{start, "start"},
          {goal, "goal"},
          {wall, "wall"},
          {way, "said to be on the way, and is"},
          {astray, "said to be on the way, and is not"}};
}

/// A maze with what its pixels say: the surer that they are on the way, the fuller the colour.
inline basin::Image picture(const Settler& settler, const Problems& mazes, const State<float>& state, Index scale) {
  const State<float> logits = settler.read(state.view());
  const Index size = logits.shape.space[0];
  basin::Image image = basin::examples::blank(size * scale, size * scale);
  for (Index p = 0; p < size * size; ++p) {
    const float* const given = mazes.inputs.values.data() + 3 * p;
    const double marked = 1 / (1 + std::exp(static_cast<double>(logits.values[2 * p] - logits.values[2 * p + 1])));
    const bool on_path = mazes.answers[static_cast<std::size_t>(p)] != 0;
    const auto shade = [&](basin::examples::Colour to) {
      const auto mix = [&](std::uint8_t c) { return static_cast<std::uint8_t>(std::lround(255 + marked * (c - 255))); };
      return basin::examples::Colour{mix(to.red), mix(to.green), mix(to.blue)};
    };
    basin::examples::Colour colour = on_path ? shade(way) : shade(astray);
    if (given[0] == 0) colour = marked > 0.5 ? marked_wall : wall;
    if (given[1] != 0) colour = start;
    if (given[2] != 0) colour = goal;
    basin::examples::fill(image, p % size * scale, p / size * scale, scale, scale, colour);
  }
  return image;
}

/// Of a maze while it settles: at the start, at the end and at times between, and as an animation.
inline void draw_settling(const std::string& out, const Settler& settler, const Problems& mazes) {
  const basin::examples::Settling seen = watch(settler, mazes, 0);
  const std::size_t last = seen.states.size() - 1;
  std::vector<basin::Image> row;
  std::vector<std::string> captions;
  for (std::size_t k = 0; k <= 4; ++k) {
    row.push_back(picture(settler, mazes, seen.states[last * k / 4], 1));
    captions.push_back(std::to_string(last * k / 4) + " evaluations");
  }
  const std::string size = std::to_string(seen.states[0].shape.space[0]), name = "A maze of " + size + " x " + size;
  basin::examples::write_png(
      out + "settling.png",
      basin::examples::sheet(row, {.title = name + " pixels while its state settles",
                                   .columns = 5,
                                   .scale = std::max(3.0, std::floor(170.0 / static_cast<double>(row[0].width))),
                                   .captions = captions,
                                   .key = maze_key()}));
  const basin::Image key = basin::examples::image_of(
      basin::examples::key(maze_key(), static_cast<double>(10 * row[0].width) - 2 * basin::examples::page_margin));
  basin::GifWriter gif(out + "settling.gif");
  constexpr std::size_t most = 40;  // frames, but for the last
  const std::size_t every = (seen.states.size() + most - 1) / most;
  for (std::size_t frame = 0; frame <= last; frame = frame < last ? std::min(last, frame + every) : last + 1) {
    gif.add(basin::examples::below(picture(settler, mazes, seen.states[frame], 10), key), frame == last ? 200 : 12);
  }
  gif.finish();
  basin::examples::draw_residual(out + "residual.png", seen, name + " pixels");
}

/// Mazes that are right against evaluations, a curve a kind.
inline void draw_solved(const std::string& path, const Settings& settings, const Theta& theta) {
  std::vector<std::pair<std::string, std::vector<double>>> shares;
  std::vector<Index> sizes{9, 15, 29};
  if (settings.size > 30) sizes.push_back(std::min<Index>(settings.size, largest_drawn));
  for (const Index size : sizes) {
    const Problems mazes = test_mazes(settings, {.size = size}, std::min(settings.count, 20));
    shares.emplace_back(std::to_string(size) + " x " + std::to_string(size),
                        solved_after(settler(settings, theta, size), mazes));
  }
  basin::examples::draw_solved(path, "Test mazes that are right in every pixel", shares);
}

inline void draw(const Settings& settings, const Trainer& trainer, const basin::Training& training) {
  const std::string out = settings.out + "/";
  const Theta& theta = trainer.parameters();
  basin::examples::draw_loss(settings.out, training.losses(), loss_name);
  Kind drawn = settings.tested();
  drawn.size = std::min(drawn.size, largest_drawn);
  if (drawn.size < settings.size) drawn = {.size = drawn.size, .loops = settings.loops};
  draw_settling(out, settler(settings, theta, drawn.size), test_mazes(settings, drawn, 1));
  draw_solved(out + "solved.png", settings, theta);
}

inline basin::examples::Solved tell(const Settings& settings, const Theta& theta, const Test& test,
                                    basin::OrderedJson& all) {
  const auto solved =
      measure(settler(settings, theta, test.kind.size), test_mazes(settings, test.kind, settings.count), test.name);
  std::printf("%s: %.2f%% right, not converged %.2f%%, %.1f evaluations\n", test.name.c_str(), 100 * solved.share(),
              100 * solved.nonconverged_fraction(), solved.evaluations_mean());
  basin::OrderedJson one;
  one["mazes"] = test.name;
  one["size"] = test.kind.size;
  one["loops"] = test.kind.loops;
  solved.write(one);
  all.push_back(one);
  return solved;
}

inline void show(const Settings& settings, const Trainer& trainer, const basin::Training& training) {
  const Theta& theta = trainer.parameters();
  basin::OrderedJson metrics, tests = basin::OrderedJson::array();
  metrics["parameters"] = Network::Settled::param_count;
  metrics["iterations"] = training.iteration();
  metrics["seed"] = settings.seed;
  metrics["threads"] = basin::threads();
  metrics["size"] = settings.size;
  metrics["min_path"] = settings.min_path;
  metrics["max_path"] = settings.max_path;
  metrics["loops"] = settings.loops;
  metrics["test_mazes"] = settings.count;
  metrics["test_seed"] = settings.test_seed;
  const Kind kind = settings.tested();
  const std::string size = std::to_string(kind.size);
  const basin::examples::Solved solved = tell(settings, theta, {size + " x " + size, kind}, tests);
  solved.write(metrics);
  if (settings.evaluate.empty()) {
    for (const Test& test : usual_tests(settings)) static_cast<void>(tell(settings, theta, test, tests));
  }
  metrics["tests"] = tests;
  const Index moderate = std::min(settings.size, 30);
  const basin::examples::PathIndependence elsewhere =
      path_independence(settler(settings, theta, moderate),
                        test_mazes(settings, {.size = moderate, .loops = settings.loops}, settings.count),
                        settings.test_seed, test_start_stream);
  basin::OrderedJson random_starts;
  random_starts["size"] = moderate;
  elsewhere.solved.write(random_starts);
  random_starts["same_equilibrium"] = elsewhere.same;
  metrics["random_starts"] = random_starts;
  metrics["train_seconds"] = training.seconds();
  metrics["training"] = training.described();
  metrics["peak_rss_bytes"] = basin::examples::peak_rss_bytes();
  basin::write_json(settings.out + "/metrics.json", metrics);
  draw(settings, trainer, training);
  std::printf("from random starts %.2f%% of %td x %td right; %zu parameters; trained %.0f s\nwrote %s\n",
              100 * elsewhere.solved.share(), moderate, moderate, Network::Settled::param_count, training.seconds(),
              settings.out.c_str());
}

}  // namespace deq_mazes
