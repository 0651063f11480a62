#pragma once

// What nca_arc measures and draws: how many tests of each family are answered without a wrong cell, and one of each
// family, step by step.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "../support/process.hpp"
#include "../support/raster.hpp"
#include "../support/sheet.hpp"
#include "basin/io/json.hpp"
#include "trainer.hpp"

namespace nca_arc {

inline constexpr const char* loss_name = "cross-entropy";

/// A test is asked three times, with two of the three examples each, as in training.
inline std::vector<Question> asked_with_each_two(const Task& task) {
  std::vector<Question> questions;
  for (std::size_t k = 0; k < shown; ++k) questions.push_back(question_of(task, task.test, k));
  return questions;
}

/// The answer to `shown` samples that ask for a line of `length` cells: each cell has the colour that has the most of
/// the softmax of its answers.
inline Line voted(View<const float> samples, std::size_t length) {
  Line line;
  for (std::size_t x = 0; x < length; ++x) {
    std::array<double, colours> votes{};
    for (Index n = 0; n < samples.samples(); ++n) {
      const auto logs = log_softmax(answers_at(samples.sample(n), static_cast<Index>(x)));
      for (std::size_t k = 0; k < colours; ++k) votes[k] += std::exp(logs[k]);
    }
    line.push_back(static_cast<std::uint8_t>(std::max_element(votes.begin(), votes.end()) - votes.begin()));
  }
  return line;
}

/// Whether each task's test is answered without a wrong cell, after so many steps.
inline std::vector<bool> answered(const std::vector<Task>& tasks, const Theta& parameters, Index steps) {
  constexpr std::size_t at_once = 20;
  const auto theta = parameters.as<Model>();
  Model model;
  model.steps = steps;
  std::vector<bool> right;
  for (std::size_t first = 0; first < tasks.size(); first += at_once) {
    const std::size_t last = std::min(tasks.size(), first + at_once);
    std::vector<Question> questions;
    for (std::size_t i = first; i < last; ++i) {
      for (const Question& question : asked_with_each_two(tasks[i])) questions.push_back(question);
    }
    const Batch batch = batch_of(questions);
    State<float> end(batch.start.shape);
    (void)model.apply(theta.span(), batch.start.view(), batch.told.view(), end.view());
    for (std::size_t i = first; i < last; ++i) {
      const auto n = static_cast<Index>((i - first) * shown);
      const Line& wanted = tasks[i].test.output;
      right.push_back(voted(View<const float>(end.view()).samples(n, static_cast<Index>(shown)), wanted.size()) ==
                      wanted);
    }
  }
  return right;
}

/// The share of each family's tests that is answered right.
inline std::map<std::string, double> shares(const std::vector<Task>& tasks, const std::vector<bool>& right) {
  std::map<std::string, std::pair<double, double>> counts;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    counts[tasks[i].family].first += right[i] ? 1 : 0;
    counts[tasks[i].family].second += 1;
  }
  std::map<std::string, double> shares;
  for (const auto& [family, count] : counts) shares[family] = count.first / count.second;
  return shares;
}

inline double mean_of(const std::map<std::string, double>& shares) {
  double sum = 0;
  for (const auto& [family, share] : shares) sum += share;
  return sum / static_cast<double>(shares.size());
}

/// What stands for a colour in a picture.
inline basin::examples::Colour shown_as(std::uint8_t colour) {
  constexpr std::array<basin::examples::Colour, colours> all{{{236, 236, 232},
                                                              {0, 114, 178},
                                                              {213, 94, 0},
                                                              {0, 158, 115},
                                                              {240, 228, 66},
                                                              {110, 110, 110},
                                                              {204, 121, 167},
                                                              {230, 159, 0},
                                                              {86, 180, 233},
                                                              {120, 30, 40}}};
  return all[colour];
}

/// A task: its examples, the line that is asked about, what the cells answer from step to step, and what is right.
inline basin::Image picture_of(const Task& task, const Theta& parameters, Index steps) {
  constexpr Index cell = 6, gap = 3, per_step = 2;
  const Index width = task.width(), pair_height = 2 * cell + 1;
  basin::Image image =
      basin::examples::blank(width * cell, shown * (pair_height + gap) + 3 * gap + 2 * cell + steps * per_step);
  Index y = 0;
  const auto draw = [&](const Line& line, Index height) {
    for (std::size_t x = 0; x < line.size(); ++x) {
      basin::examples::fill(image, static_cast<Index>(x) * cell, y, cell, height, shown_as(line[x]));
    }
    y += height;
  };
  for (const Pair& pair : task.examples) {
    draw(pair.input, cell);
    ++y;
    draw(pair.output, cell);
    y += gap;
  }
  y += gap;
  draw(task.test.input, cell);
  y += gap;
  const Batch batch = batch_of(asked_with_each_two(task));
  State<float> end(batch.start.shape);
  const auto theta = parameters.as<Model>();
  Model model;
  model.steps = steps;
  (void)model.run<float>(theta.span(), batch.start.view(), batch.told.view(), end.view(),
                         [&](Index t, View<const float> z) {
                           if (t > 0) draw(voted(z, task.test.output.size()), per_step);
                         });
  y += gap;
  draw(task.test.output, cell);
  return image;
}

inline void show(const Settings& settings, const Trainer& trainer, const basin::Training& training) {
  const std::vector<Task>& tasks = trainer.tasks();
  const std::vector<bool> right = answered(tasks, trainer.parameters(), settings.steps);
  const auto table = shares(tasks, right);
  // Of each family the first task, right answers first.
  std::map<std::string, std::size_t> first;
  for (const bool wanted : {true, false}) {
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      if (right[i] == wanted) first.try_emplace(tasks[i].family, i);
    }
  }
  std::vector<basin::Image> pictures;
  std::vector<std::string> captions;
  basin::OrderedJson metrics, families = basin::OrderedJson::object();
  for (const auto& [family, share] : table) {
    std::printf("%-20s %5.1f%%\n", family.c_str(), 100 * share);
    families[family] = share;
    const Task& task = tasks[first[family]];
    if (task.width() > 40) continue;  // too wide for the others
    pictures.push_back(picture_of(task, trainer.parameters(), settings.steps));
    captions.push_back(family + (right[first[family]] ? "" : " (wrong)"));
  }
  if (!pictures.empty()) {
    basin::examples::write_png(settings.out + "/answers.png",
                               basin::examples::sheet(pictures, {.gap = 14, .captions = captions}));
  }
  basin::examples::draw_loss(settings.out, training.losses(), loss_name);
  const double longer = mean_of(shares(tasks, answered(tasks, trainer.parameters(), 2 * settings.steps)));
  metrics["families"] = families;
  metrics["mean_of_families"] = mean_of(table);
  metrics["mean_of_families_in_twice_the_steps"] = longer;
  metrics["data"] = settings.data.empty() ? "drawn" : settings.data;
  metrics["tasks"] = tasks.size();
  metrics["steps"] = settings.steps;
  metrics["parameters"] = Rule::param_count;
  metrics["iterations"] = training.losses().size();
  metrics["seed"] = settings.seed;
  metrics["threads"] = basin::threads();
  metrics["train_seconds"] = training.seconds();
  metrics["training"] = training.described();
  metrics["peak_rss_bytes"] = basin::examples::peak_rss_bytes();
  basin::write_json(settings.out + "/metrics.json", metrics);
  std::printf("mean of the families: %.2f%% in %d steps, %.2f%% in %d; wrote %s\n", 100 * mean_of(table),
              settings.steps, 100 * longer, 2 * settings.steps, settings.out.c_str());
}

}  // namespace nca_arc
