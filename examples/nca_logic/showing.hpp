#pragma once

// What nca_logic measures and draws of a circuit that was learned.

#include <algorithm>
#include <array>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "../support/process.hpp"
#include "../support/raster.hpp"
#include "../support/sheet.hpp"
#include "basin/io/gif.hpp"
#include "basin/io/json.hpp"
#include "basin/logic/circuit_text.hpp"
#include "basin/logic/simplify.hpp"
#include "trainer.hpp"

namespace nca_logic {

/// A cell is pixels x pixels. One feature: white is 0. Three: inks on white paper.
inline basin::Image picture_of(const BitGrid& z, Index pixels, Index features) {
  const std::array<Index, 3>& space = z.shape().space;
  basin::Image image = basin::examples::blank(pixels * space[0], pixels * space[1]);
  for (Index y = 0; y < pixels * space[1]; ++y) {
    for (Index x = 0; x < pixels * space[0]; ++x) {
      for (Index k = 0; k < 3; ++k) {
        const bool inked = z.bit(0, std::min(k, features - 1), x / pixels, y / pixels);
        image.at(x, y)[k] = inked ? 30 : 250;
      }
    }
  }
  return image;
}

/// Pictures of the first sample on the way.
class Film {
 public:
  Film(const std::string& path, Index pixels, Index features)
      : gif_(path, {.delay = 8}), pixels_(pixels), features_(features) {}

  void frame(const BitGrid& z, int delay) { gif_.add(picture_of(z, pixels_, features_), delay); }
  void keep(const BitGrid& z, const std::string& caption) {
    strip_.push_back(picture_of(z, 1, features_));
    captions_.push_back(caption);
  }
  void finish(const std::string& strip) {
    gif_.finish();
    basin::examples::write_png(strip,
                               basin::examples::sheet(strip_, {.scale = std::max(1.0, static_cast<double>(pixels_) / 2),
                                                               .gap = 10,
                                                               .captions = captions_,
                                                               .framed = true}));
  }

 private:
  basin::GifWriter gif_;
  Index pixels_, features_;
  std::vector<basin::Image> strip_;
  std::vector<std::string> captions_;
};

/// Runs some steps from step `first` on, filmed; some are kept for the strip.
template <class Hard>
BitGrid filmed(const Hard& automaton, BitGrid z, Index first, Index steps, Film& film, std::vector<Index> kept) {
  const auto caption = [](Index t) { return "step " + std::to_string(t); };
  const auto keep = [&](Index t) {
    if (std::find(kept.begin(), kept.end(), t) != kept.end()) film.keep(z, caption(t));
  };
  film.frame(z, 80);
  keep(first);
  for (Index t = first; t < first + steps; ++t) {
    z = automaton.run(z, 1, {.step = t});
    film.frame(z, t + 1 == first + steps ? 120 : 8);
    keep(t + 1);
  }
  return z;
}

/// Soups run by the circuit and by LifeLike, compared after every generation.
template <class Hard>
void measure(const Life& task, const Hard& automaton, const Settings& settings, Film& film,
             basin::OrderedJson& metrics) {
  const Index wrong = task.wrong(automaton);
  metrics["neighbourhoods_right"] = 512 - wrong;
  metrics["table"] = task.table(automaton);
  const basin::LifeLikeAutomaton<> life;
  const Shape shape{1, {settings.soup_size, settings.soup_size, 1}, 1};
  Index equal = 0;
  double by_circuit = 0, by_life_like = 0;
  const auto stream = [](int n) { return (std::uint64_t{1} << 41) + static_cast<std::uint64_t>(n); };
  for (int n = 0; n < settings.soups; ++n) {
    State<float> z = noise(shape, settings.seed, stream(n)), next(shape);
    BitGrid bits(z), next_bits(shape);
    bool same = true;
    for (int t = 0; t < settings.soup_steps && same; ++t) {
      basin::examples::Stopwatch watch;
      automaton.step(bits, next_bits, {.step = t});
      by_circuit += watch.seconds();
      watch = {};
      static_cast<void>(life.apply({}, z.view(), View<const float>{}, next.view()));
      by_life_like += watch.seconds();
      std::swap(bits, next_bits);
      std::swap(z, next);
      same = BitGrid(z) == bits;
    }
    equal += same ? 1 : 0;
  }
  metrics["soups"] = settings.soups;
  metrics["soups_equal"] = equal;
  metrics["soup_size"] = settings.soup_size;
  metrics["soup_steps"] = settings.soup_steps;
  metrics["seconds_of_circuit"] = by_circuit;
  metrics["seconds_of_life_like"] = by_life_like;
  filmed(automaton, BitGrid(noise(shape, settings.seed, stream(0))), 0, 200, film, {0, 10, 50, 200});
  std::printf("%td of 512 neighbourhoods; %td of %d soups of %d x %d cells equal Life for %d generations\n",
              512 - wrong, equal, settings.soups, settings.soup_size, settings.soup_size, settings.soup_steps);
}

/// Boards of the size of training, boards four times as large after four times as many steps, and how both heal.
template <class Hard>
void measure(const Checkerboard& task, const Hard& automaton, const Settings&, Film& film,
             basin::OrderedJson& metrics) {
  constexpr Index small = Checkerboard::size, large = 4 * small, boards = 64, steps = Checkerboard::steps;
  const auto share = [](const BitGrid& z) {
    return 1 - static_cast<double>(Checkerboard::wrong_on(z)) / static_cast<double>(z.shape().cells());
  };
  metrics["right"] = share(automaton.run(BitGrid(task.unseen(small, boards)), steps));
  const BitGrid grown = automaton.run(BitGrid(task.unseen(large, boards)), 4 * steps);
  metrics["right_at_four_times"] = share(grown);
  // A square of a quarter of the cells gets other bits.
  State<float> hurt = grown.state<float>();
  const State<float> other = task.unseen(large, boards + 1);
  for (Index n = 0; n < boards; ++n) {
    for (Index y = large / 4; y < 3 * large / 4; ++y) {
      for (Index x = large / 4; x < 3 * large / 4; ++x) {
        hurt.view().sample(n).matrix().col(y * large + x) = other.view().sample(n + 1).matrix().col(y * large + x);
      }
    }
  }
  const BitGrid damaged(hurt);
  metrics["right_damaged"] = share(damaged);
  const BitGrid healed = automaton.run(damaged, 4 * steps);
  metrics["right_healed"] = share(healed);
  filmed(automaton, BitGrid(task.unseen(large, 1)), 0, 4 * steps, film, {0, 20, 40, 80});
  film.keep(damaged, "damaged");
  filmed(automaton, damaged, 4 * steps, 4 * steps, film, {8 * steps});
  std::printf("cells right of %td boards: %.6g, at four times the size %.6g, damaged %.4g, healed %.6g\n", boards,
              metrics["right"].get<double>(), metrics["right_at_four_times"].get<double>(),
              metrics["right_damaged"].get<double>(), metrics["right_healed"].get<double>());
}

template <class Hard>
void measure(const Picture& task, const Hard& automaton, const Settings&, Film& film, basin::OrderedJson& metrics) {
  const Index wrong = task.wrong(automaton);
  metrics["wrong_bits"] = wrong;
  metrics["bits"] = task.target.values.size();
  filmed(automaton, BitGrid(task.seed_state), 0, Picture::steps, film, {0, 3, 6, 9, 12, Picture::steps});
  film.keep(BitGrid(task.target), "wanted");
  std::printf("%td of %td bits of the picture are wrong\n", wrong, task.target.values.size());
}

inline std::string circuit_name(const std::string& path) { return std::filesystem::path(path).stem().string(); }

/// The circuit as source, by the name of the file.
inline void export_circuit(const std::string& path, const basin::Circuit& circuit, const std::string& task) {
  const bool verilog = path.ends_with(".v");
  const std::string name = circuit_name(path);
  const std::string about =
      "One cell of a cellular automaton that learned " + task +
      ", made by nca_logic of basin: " + std::to_string(circuit.gates.size()) +
      " gates.\nx[9 i + d]: bit i of the cell at place d of the 3 x 3 box around, in the order of "
      "lines, so that d = 4 is\nthe cell itself; y[i]: its next bit i.";
  const std::string text =
      verilog ? basin::circuit_as_verilog(circuit, name, about) : basin::circuit_as_cpp(circuit, name, about);
  basin::write_file(path, std::string_view(text));
}

inline constexpr const char* loss_name = "mean squared error of the soft circuit";

template <class Task>
void show(const Settings& settings, const Trainer<Task>& trainer, const basin::Training& training) {
  const std::string out = settings.out + "/";
  constexpr Index features = std::is_same_v<Task, Picture> ? Picture::inks : 1;
  const basin::Circuit circuit = trainer.circuit(),
                       simple = basin::simplified(basin::without_hidden(circuit, features));
  if (!settings.export_to.empty()) export_circuit(settings.export_to, simple, Task::name);
  basin::OrderedJson metrics;
  metrics["task"] = settings.task;
  metrics["parameters"] = Trainer<Task>::Model::param_count;
  metrics["gates"] = Task::See::gates + Task::Rule::gates;
  metrics["active_gates"] = trainer.active_gates();
  metrics["simplified_gates"] = simple.gates.size();
  metrics["iterations"] = training.iteration();
  metrics["mistakes"] = trainer.mistakes();
  metrics["seed"] = settings.seed;
  metrics["threads"] = basin::threads();
  std::printf("%d gates, of which %d do something; %zu are left of the circuit of a cell\n",
              Task::See::gates + Task::Rule::gates, trainer.active_gates(), simple.gates.size());
  Film film(out + "run.gif", Task::pixels, features);
  measure(trainer.task(), trainer.hard(simple), settings, film, metrics);
  film.finish(out + "run.png");
  basin::examples::draw_loss(settings.out, training.losses(), loss_name);
  metrics["train_seconds"] = training.seconds();
  metrics["training"] = training.described();
  metrics["peak_rss_bytes"] = basin::examples::peak_rss_bytes();
  basin::write_json(out + "metrics.json", metrics);
  std::printf("wrote %s\n", settings.out.c_str());
}

}  // namespace nca_logic
