#pragma once

// What deq_sudoku writes: metrics.json and its pictures.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "../support/chart.hpp"
#include "../support/process.hpp"
#include "../support/training_parts.hpp"
#include "basin/io/gif.hpp"
#include "basin/io/json.hpp"
#include "measuring.hpp"
#include "trainer.hpp"

namespace deq_sudoku {

inline constexpr const char* loss_name = "cross-entropy of the places";

/// A set and what came of it.
struct Tested {
  const TestSet& set;
  std::vector<Attempts> attempts;

  [[nodiscard]] basin::examples::Solved from_one() const { return solved_with(attempts, 1, 1); }
};

/// The set that took most evaluations.
inline const Tested& hardest(const std::vector<Tested>& tested) {
  return *std::max_element(tested.begin(), tested.end(), [](const Tested& a, const Tested& b) {
    return a.from_one().evaluations_mean() < b.from_one().evaluations_mean();
  });
}

/// A puzzle to watch: of those that are solved and certified, the one that took longest.
inline std::size_t longest(const std::vector<Attempts>& attempts) {
  std::size_t best = 0;
  const auto length = [&](std::size_t n) {
    const Attempt& one = attempts[n].front();
    return one.right && one.converged() ? one.solve.evaluations : -1;
  };
  for (std::size_t n = 1; n < attempts.size(); ++n) {
    if (length(n) > length(best)) best = n;
  }
  return best;
}

inline constexpr basin::examples::Colour given_digit{0, 0, 0}, right_digit{0, 114, 178}, wrong_digit{213, 94, 0};

/// A grid as it is seen in a state: the paler a digit, the less likely.
inline basin::Image draw_grid(const Puzzle& puzzle, const State<float>& logits) {
  using basin::examples::Colour;
  constexpr Index cell = 36;
  std::vector<Colour> colours;
  const Grid likeliest = answer(logits.view());
  for (Index place = 0; place < places; ++place) {
    const auto at = static_cast<std::size_t>(place);
    const float* of_place = logits.values.data() + place * side;
    double sum = 0;
    for (int digit = 0; digit < side; ++digit) {
      sum += std::exp(static_cast<double>(of_place[digit]) - static_cast<double>(of_place[likeliest[at] - 1]));
    }
    const double pale = 1 - 1 / sum;
    Colour colour = likeliest[at] == puzzle.solution[at] ? right_digit : wrong_digit;
    if (puzzle.given[at] != 0) colour = given_digit;
    colours.push_back(basin::examples::mixed(colour, {235, 235, 235}, pale));
  }
  const basin::examples::Drawing grid{
      {side * cell, side * cell}, [=](basin::examples::Canvas& canvas) {
        for (Index i = 0; i <= side; ++i) {
          const double pen = i % 3 == 0 ? 3 : 1, at = static_cast<double>(i * cell);
          canvas.rectangle(at - (i % 3 == 0 ? 1 : 0), 0, pen, side * cell, {120, 120, 128});
          canvas.rectangle(0, at - (i % 3 == 0 ? 1 : 0), side * cell, pen, {120, 120, 128});
        }
        for (Index place = 0; place < places; ++place) {
          const auto at = static_cast<std::size_t>(place);
          canvas.text(static_cast<double>(place % side * cell) + 0.5 * cell,
                      static_cast<double>(place / side * cell) + 0.5 * cell, std::to_string(likeliest[at]),
                      {.size = 24, .colour = colours[at], .align = 0.5});
        }
      }};
  return basin::examples::image_of(basin::examples::above(
      {grid,
       basin::examples::key({{given_digit, "given"}, {right_digit, "right"}, {wrong_digit, "wrong"}}, side * cell)}));
}

/// A puzzle while it settles: every state at first, then ever fewer.
inline void draw_animation(const std::string& path, const Settings& settings, const Theta& theta, const Tested& tested,
                           std::size_t n) {
  const Puzzle& puzzle = tested.set.puzzles[n];
  std::vector<State<float>> logits;
  (void)settle(settings, theta, puzzle, n, settings.max_evaluations,
               [&](int, View<const float> z, double) { logits.push_back(read(theta, z)); });
  basin::GifWriter gif(path, {.delay = 12});
  const std::size_t every = std::max<std::size_t>(1, logits.size() / 80), last = logits.size() - 1;
  for (std::size_t frame = 0; frame <= last; frame = frame < last ? std::min(last, frame + every) : last + 1) {
    gif.add(draw_grid(puzzle, logits[frame]), frame == last ? 250 : 12);
  }
  gif.finish();
}

/// Right places and the residual of one puzzle.
inline void draw_residual(const std::string& path, const Settings& settings, const Theta& theta, const Tested& tested,
                          std::size_t n) {
  const Puzzle& puzzle = tested.set.puzzles[n];
  basin::examples::Series right, residual;
  (void)settle(settings, theta, puzzle, n, settings.max_evaluations, [&](int i, View<const float> z, double change) {
    const State<float> logits = read(theta, z);
    const Grid grid = answer(logits.view());
    int count = 0;
    for (std::size_t place = 0; place < places; ++place) count += grid[place] == puzzle.solution[place] ? 1 : 0;
    right.x.push_back(i);
    right.y.push_back(count);
    residual.x.push_back(i);
    residual.y.push_back(change);
  });
  const basin::examples::AxisOptions evaluations{.label = "evaluations", .whole = true};
  basin::examples::write_png_and_svg(
      path,
      basin::examples::panels(
          "A puzzle that took long (" + tested.set.name + ")",
          {basin::examples::line_chart({right}, {.x = evaluations,
                                                 .y = {.label = "right places, of 81", .whole = true, .high = places},
                                                 .width = 330,
                                                 .height = 220}),
           basin::examples::line_chart(
               {residual}, {.x = evaluations,
                            .y = {.label = "largest change of a number", .scale = basin::examples::Scale::logarithmic},
                            .width = 330,
                            .height = 220})}));
}

/// Puzzles that are right against evaluations, a curve a set, with a line where the mean of its solves ended.
inline void draw_solved(const std::string& path, const Settings& settings, const Theta& theta,
                        const std::vector<Tested>& tested) {
  double longest_mean = 0;
  for (const Tested& one : tested) longest_mean = std::max(longest_mean, one.from_one().evaluations_mean());
  const int most = std::min(settings.max_evaluations, std::max(256, static_cast<int>(1.1 * longest_mean)));
  std::vector<basin::examples::Series> curves;
  std::vector<basin::examples::Upright> means;
  for (const Tested& one : tested) {
    basin::examples::Series curve{one.set.name, {}, {}};
    for (const double share : solved_after(settings, theta, one.set, 200, most)) {
      curve.x.push_back(static_cast<double>(curve.x.size()));
      curve.y.push_back(100 * share);
    }
    curve.x.push_back(most);  // what has settled stays
    curve.y.push_back(curve.y.back());
    const bool first = curves.empty();
    means.push_back({one.from_one().evaluations_mean(), first ? "of each colour: the mean length of a solve" : "",
                     static_cast<int>(curves.size())});
    curves.push_back(std::move(curve));
  }
  basin::examples::write_png_and_svg(
      path, basin::examples::line_chart(curves, {.title = "Puzzles that are solved after so many evaluations",
                                                 .x = {.label = "evaluations", .whole = true},
                                                 .y = {.label = "solved, %", .low = 0, .high = 100},
                                                 .height = 300,
                                                 .uprights = means}));
}

inline void draw(const Settings& settings, const Trainer& trainer, const basin::Training& training,
                 const std::vector<Tested>& tested) {
  const std::string out = settings.out + "/";
  const Theta& theta = trainer.parameters();
  basin::examples::draw_loss(settings.out, training.losses(), loss_name);
  const Tested& hard = hardest(tested);
  const std::size_t n = longest(hard.attempts);
  draw_animation(out + "settling.gif", settings, theta, hard, n);
  draw_residual(out + "residual.png", settings, theta, hard, n);
  draw_solved(out + "solved.png", settings, theta, tested);
}

/// What a set's attempts say, for metrics.json; and the same in a line of text.
inline basin::OrderedJson described(const Settings& settings, const Tested& tested) {
  const auto from_one = tested.from_one();
  basin::OrderedJson json;
  json["name"] = tested.set.name;
  json["puzzles"] = tested.set.puzzles.size();
  from_one.write(json);
  json["wrong_and_converged"] = from_one.converged - from_one.solved_and_converged;
  const auto valid = std::count_if(tested.attempts.begin(), tested.attempts.end(),
                                   [](const Attempts& of_puzzle) { return of_puzzle.front().valid; });
  json["valid"] = static_cast<double>(valid) / static_cast<double>(tested.attempts.size());
  basin::OrderedJson breadths = basin::OrderedJson::array();
  for (int breadth = 1; breadth <= settings.breadth;
       breadth = breadth < settings.breadth ? std::min(2 * breadth, settings.breadth) : breadth + 1) {
    const auto solved = solved_with(tested.attempts, static_cast<std::size_t>(breadth), settings.confirm);
    basin::OrderedJson row;
    row["breadth"] = breadth;
    solved.write(row);
    row["wrong_and_converged"] = solved.converged - solved.solved_and_converged;
    basin::OrderedJson within;
    for (int depth = 32; depth < settings.max_evaluations; depth *= 2) {
      within[std::to_string(depth)] = certified_within(tested.attempts, static_cast<std::size_t>(breadth), depth);
    }
    row["certified_within"] = within;
    breadths.push_back(row);
    std::printf(
        "%s, %zu puzzles, breadth %d: solved %.2f%%, not converged %.2f%%, wrong of the converged %d, %.1f "
        "evaluations\n",
        tested.set.name.c_str(), tested.set.puzzles.size(), breadth, 100 * solved.share(),
        100 * solved.nonconverged_fraction(), static_cast<int>(solved.converged - solved.solved_and_converged),
        solved.evaluations_mean());
  }
  json["breadths"] = breadths;
  return json;
}

inline void show(const Settings& settings, const Trainer& trainer, const basin::Training& training,
                 const std::vector<TestSet>& sets) {
  std::vector<Tested> tested;
  basin::OrderedJson metrics, by_set = basin::OrderedJson::array();
  for (const TestSet& set : sets) {
    tested.push_back({set, attempts_of(settings, trainer.parameters(), set)});
    by_set.push_back(described(settings, tested.back()));
  }
  metrics["parameters"] = Settled::param_count;
  metrics["iterations"] = training.iteration();
  metrics["seed"] = settings.seed;
  metrics["threads"] = basin::threads();
  metrics["breadth"] = settings.breadth;
  metrics["confirm"] = settings.confirm;
  metrics["test_seed"] = settings.test_seed;
  const Tested& hard = hardest(tested);
  metrics["hardest"] = hard.set.name;
  solved_with(hard.attempts, static_cast<std::size_t>(settings.breadth), settings.confirm).write(metrics);
  metrics["sets"] = by_set;
  metrics["train_seconds"] = training.seconds();
  metrics["train_processor_seconds"] = trainer.processor_seconds();
  metrics["training"] = training.described();
  metrics["peak_rss_bytes"] = basin::examples::peak_rss_bytes();
  basin::write_json(settings.out + "/metrics.json", metrics);
  draw(settings, trainer, training, tested);
  std::printf("%zu parameters; trained %.0f s, of processors %.0f s\nwrote %s\n", Settled::param_count,
              training.seconds(), trainer.processor_seconds(), settings.out.c_str());
}

}  // namespace deq_sudoku
