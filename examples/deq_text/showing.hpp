#pragma once

// What deq_text writes down: metrics.json, the text that it wrote, and its pictures.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "../support/plot.hpp"
#include "../support/process.hpp"
#include "../support/training_parts.hpp"
#include "basin/io/gif.hpp"
#include "basin/io/json.hpp"
#include "basin/io/png.hpp"
#include "measuring.hpp"
#include "writing.hpp"

namespace deq_text {

inline constexpr const char* loss_title = "Training: nats a character";

/// Characters in lines of 64, each on a field of a colour that its number, from 0 to 1, makes.
inline basin::Image coloured_text(const std::vector<Token>& tokens, const std::vector<double>& numbers) {
  constexpr Index across = 64, wide = 14, high = 18;
  const auto count = std::ssize(tokens);
  basin::Image image = basin::examples::blank(across * wide, (count + across - 1) / across * high);
  for (std::ptrdiff_t i = 0; i < count; ++i) {
    const Index x = i % across * wide, y = i / across * high;
    // The pale half of the map, so that letters can be read.
    const auto colour = basin::examples::heat(0.45 + 0.55 * (1 - numbers[static_cast<std::size_t>(i)]));
    basin::examples::fill(image, x, y, wide - 1, high - 1, colour);
    const char letter = character_of(tokens[static_cast<std::size_t>(i)]);
    if (letter != '\n') basin::examples::write_text(image, x + 2, y + 3, std::string(1, letter));
  }
  return image;
}

/// A window while it settles.
struct Settling {
  std::vector<std::vector<double>> missed;  ///< 1 - the probability of what does come next, of each character
  basin::examples::Series residual{"log10 of the residual", {}, {}};
};

inline Settling watch(const Settings& settings, const Theta& theta, const Windows& windows) {
  const Writer writer(settings, theta);
  Settling seen;
  const auto look = [&](const basin::Iterate<float>& iterate) {
    const State<float> logits = writer.logits_of(iterate.z);
    std::vector<double>& missed = seen.missed.emplace_back();
    for (Index i = 0; i < windows.context(); ++i) {
      missed.push_back(
          1 - std::exp(-loss_of(logits.values.data() + i * alphabet, windows.labels[static_cast<std::size_t>(i)])));
    }
    seen.residual.x.push_back(iterate.iteration);
    seen.residual.y.push_back(std::log10(iterate.residual));
  };
  (void)writer.settle(windows.tokens.view(), start_of(theta.span(), windows.tokens.view()), look);
  return seen;
}

/// What comes next in a window, on the colour of how far that is from being foreseen, evaluation by evaluation.
inline void draw_settling(const std::string& out, const Settings& settings, const Theta& theta,
                          const Windows& windows) {
  const Settling seen = watch(settings, theta, windows);
  const std::vector<Token> next(windows.labels.begin(), windows.labels.end());
  basin::GifWriter gif(out + "settling.gif", {.delay = 40});
  for (std::size_t k = 0; k < seen.missed.size(); ++k) {
    gif.add(coloured_text(next, seen.missed[k]), k + 1 == seen.missed.size() ? 200 : 40);
  }
  gif.finish();
  basin::write_png(out + "residual.png",
                   basin::examples::line_chart({seen.residual}, {.title = "A window of the validation text settles",
                                                                 .x_label = "evaluations",
                                                                 .y_label = "log10"}));
}

inline void draw_thinking(const std::string& path, const Thinking& thinking, double evaluations_mean) {
  const std::vector<double> x(thinking.allowed.begin(), thinking.allowed.end());
  const double low = *std::min_element(thinking.soonest.begin(), thinking.soonest.end());
  const double high = *std::max_element(thinking.latest.begin(), thinking.latest.end());
  char mean[64];
  std::snprintf(mean, sizeof mean, "taken by themselves: %.1f", evaluations_mean);
  basin::write_png(
      path, basin::examples::line_chart(
                {{"windows that settle last", x, thinking.latest},
                 {"all windows", x, thinking.all},
                 {"windows that settle first", x, thinking.soonest},
                 {mean, {evaluations_mean, evaluations_mean}, {low, high}}},
                {.title = "Validation loss, nats a character", .x_label = "evaluations allowed", .y_label = "loss"}));
}

/// What was written, on the colour of what each character took.
inline void draw_written(const std::string& path, const Written& written) {
  if (written.warm.empty()) return;
  const auto [least, most] = std::minmax_element(written.warm.begin(), written.warm.end());
  std::vector<double> shares;
  for (const int count : written.warm) {
    shares.push_back(*most > *least ? static_cast<double>(count - *least) / (*most - *least) : 0);
  }
  basin::write_png(path, coloured_text({written.tokens.end() - std::ssize(shares), written.tokens.end()}, shares));
}

inline void write_text_file(const std::string& path, const std::vector<Token>& tokens) {
  std::ofstream file(path);
  file << text_of(tokens) << '\n';
  basin::check_file(file.good(), path, "writing", "failed", "success");
}

inline std::vector<Token> prompt_of(const Settings& settings, const Text& text) {
  if (!settings.prompt.empty()) return tokens_of("--prompt", settings.prompt);
  const auto end = std::find(text.validation.begin(), text.validation.end(), token_of('\n'));
  return {text.validation.begin(), std::min(end + 1, text.validation.begin() + settings.context)};
}

/// What only the equilibrium has to tell.
inline void show_equilibrium(const Settings& settings, const Theta& theta, const Text& text, const Windows& windows,
                             basin::OrderedJson& metrics) {
  const std::string out = settings.out + "/";
  // Enough for what is measured many times.
  const Windows some =
      windows_in_order(text.validation, settings.context, settings.context, std::min<Index>(200, windows.count()));
  const auto read = [&](double start_noise) {
    return measure(read_settled(settings, theta, some, settings.max_evaluations, start_noise), some);
  };
  const Measured of_some = read(0);
  const Thinking thinking = think(settings, theta, some, of_some);
  basin::OrderedJson& allowed = metrics["losses_by_evaluations"] = basin::OrderedJson::array();
  for (std::size_t i = 0; i < thinking.allowed.size(); ++i) {
    allowed.push_back({{"evaluations", thinking.allowed[i]},
                       {"loss", thinking.all[i]},
                       {"settle_first", thinking.soonest[i]},
                       {"settle_last", thinking.latest[i]}});
  }
  draw_thinking(out + "evaluations.png", thinking, of_some.evaluations_mean());
  draw_settling(out, settings, theta, windows_in_order(text.validation, settings.context, settings.context, 1));

  // As large as the states themselves.
  const Measured elsewhere = read(1);
  metrics["random_starts"] = {{"validation_loss", elsewhere.loss()},
                              {"from_usual_starts", of_some.loss()},
                              {"nonconverged_fraction", elsewhere.nonconverged_fraction()},
                              {"evaluations_mean", elsewhere.evaluations_mean()}};

  const Written written = Writer(settings, theta).write(prompt_of(settings, text), true);
  metrics["written_characters"] = settings.length;
  metrics["warm_evaluations_mean"] = Written::mean(written.warm);
  metrics["cold_evaluations_mean"] = Written::mean(written.cold);
  metrics["written_not_converged"] = written.not_converged;
  metrics["largest_difference"] = written.largest_difference;
  draw_written(out + "thinking.png", written);
  write_text_file(out + "text.txt", written.tokens);
  std::printf("each character written took %.1f evaluations, where from the start it takes %.1f\n",
              Written::mean(written.warm), Written::mean(written.cold));
}

/// `metrics`: what was measured before.
template <class M>
void show(const Settings& settings, const Trainer<M>& trainer, const basin::Training& training, const Text& text,
          basin::OrderedJson metrics) {
  const auto& theta = trainer.parameters();
  const Windows windows = test_windows(settings, text);
  const bool settles = !std::is_same_v<M, Untied> && settings.model == "deq";
  const Measured measured = [&] {
    if constexpr (!std::is_same_v<M, Untied>) {
      if (settles) return measure(read_settled(settings, theta, windows, settings.max_evaluations), windows);
    }
    return measure(read_plainly(theta, windows), windows);
  }();
  metrics["model"] = settings.model;
  metrics["parameters"] = M::param_count;
  metrics["iterations"] = training.iteration();
  metrics["seed"] = settings.seed;
  metrics["threads"] = basin::threads();
  metrics["context"] = settings.context;
  metrics["training_characters"] = text.training.size();
  metrics["validation_characters"] = text.validation.size();
  metrics["validation_windows"] = windows.count();
  metrics["validation_loss"] = measured.loss();
  metrics["validation_loss_late"] = measured.late;
  metrics["nonconverged_fraction"] = measured.nonconverged_fraction();
  metrics["evaluations_mean"] = measured.evaluations_mean();
  std::printf("validation loss %.4f (second halves of windows %.4f), not converged %.2f%%, %.1f evaluations\n",
              measured.loss(), measured.late, 100 * measured.nonconverged_fraction(), measured.evaluations_mean());
  if constexpr (!std::is_same_v<M, Untied>) {
    if (settles) show_equilibrium(settings, theta, text, windows, metrics);
  }
  if (!settles) {
    write_text_file(settings.out + "/text.txt", write_plainly(settings, theta, prompt_of(settings, text)));
  }
  metrics["train_seconds"] = training.seconds();
  metrics["train_cpu_seconds"] = trainer.cpu_seconds();
  metrics["training_nonconverged_fraction"] = trainer.solves().forward.nonconverged_fraction();
  metrics["training"] = training.described();
  metrics["peak_rss_bytes"] = basin::examples::peak_rss_bytes();
  basin::write_json(settings.out + "/metrics.json", metrics);
  basin::examples::draw_loss(settings.out, training.losses(), loss_title);
  std::printf("%zu parameters; trained %.0f s\nwrote %s\n", M::param_count, training.seconds(), settings.out.c_str());
}

}  // namespace deq_text
