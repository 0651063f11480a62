#pragma once

// What deq_text writes down: metrics.json, the text that it wrote, and its pictures.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../support/chart.hpp"
#include "../support/process.hpp"
#include "../support/training_parts.hpp"
#include "basin/io/atomic_file.hpp"
#include "basin/io/gif.hpp"
#include "basin/io/json.hpp"
#include "measuring.hpp"
#include "writing.hpp"

namespace deq_text {

inline constexpr const char* loss_name = "nats a character";

/// The pale half of a map, so that letters can be read: pale yellow, 0, to red, 1.
inline basin::examples::Colour behind_letters(double t) { return basin::examples::heat(0.45 + 0.55 * (1 - t)); }

/// Characters in lines of 64, each on a field of the colour that its number makes, over the colours' bar.
inline basin::examples::Drawing coloured_text(const std::vector<Token>& tokens, const std::vector<double>& numbers,
                                              const basin::examples::ScaleBar& bar) {
  constexpr Index across = 64, wide = 13, high = 20;
  const Index count = std::ssize(tokens);
  return basin::examples::above({{{across * wide, static_cast<double>((count + across - 1) / across * high)},
                                  [=](basin::examples::Canvas& canvas) {
                                    for (Index i = 0; i < count; ++i) {
                                      const auto at = static_cast<std::size_t>(i);
                                      const auto x = static_cast<double>(i % across * wide),
                                                 y = static_cast<double>(i / across * high);
                                      const auto colour = bar.map((numbers[at] - bar.low) / (bar.high - bar.low));
                                      canvas.rectangle(x, y, wide - 1, high - 1, colour);
                                      const char letter = character_of(tokens[at]);
                                      if (letter != '\n') {
                                        canvas.text(x + 0.5 * (wide - 1), y + 0.5 * (high - 1), std::string(1, letter),
                                                    {.colour = basin::examples::readable_on(colour), .align = 0.5});
                                      }
                                    }
                                  }},
                                 basin::examples::drawn(bar)});
}

/// A window while it settles.
struct Settling {
  std::vector<std::vector<double>> missed;  ///< 1 - the probability of what does come next, of each character
  basin::examples::Series residual{};
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
    seen.residual.y.push_back(iterate.residual);
  };
  (void)writer.settle(windows.tokens.view(), start_of(theta.span(), windows.tokens.view()), look);
  return seen;
}

/// What comes next in a window, on the colour of how far that is from being foreseen, evaluation by evaluation.
inline void draw_settling(const std::string& out, const Settings& settings, const Theta& theta,
                          const Windows& windows) {
  const Settling seen = watch(settings, theta, windows);
  const std::vector<Token> next(windows.labels.begin(), windows.labels.end());
  const basin::examples::ScaleBar bar{behind_letters, 0, 1, "probability that was given to other characters"};
  basin::GifWriter gif(out + "settling.gif", {.delay = 40});
  for (std::size_t k = 0; k < seen.missed.size(); ++k) {
    gif.add(basin::examples::image_of(coloured_text(next, seen.missed[k], bar)),
            k + 1 == seen.missed.size() ? 200 : 40);
  }
  gif.finish();
  basin::examples::write_png_and_svg(
      out + "residual.png",
      basin::examples::line_chart({seen.residual},
                                  {.title = "A window of the validation text settles",
                                   .x = {.label = "evaluations", .whole = true},
                                   .y = {.label = "residual", .scale = basin::examples::Scale::logarithmic}}));
}

/// Whole, and once more near where the curves end, where they differ by little.
inline void draw_thinking(const std::string& path, const Thinking& thinking, double evaluations_mean) {
  const std::vector<double> x(thinking.allowed.begin(), thinking.allowed.end());
  const auto chart = [&](bool near) {
    const auto name = [near](const char* text) { return near ? text : ""; };
    basin::examples::AxisOptions loss{.label = near ? "the same, near its end" : "validation loss, nats a character"};
    if (near) loss.high = 1.1 * thinking.latest.back();
    return basin::examples::line_chart(
        {{name("the quarter of the windows that settles last"), x, thinking.latest},
         {name("all windows"), x, thinking.all},
         {name("the quarter that settles first"), x, thinking.soonest}},
        {.x = {.label = "evaluations allowed", .whole = true},
         .y = loss,
         .width = 300,
         .uprights = {{evaluations_mean, name("taken where nothing limits them (mean)")}}});
  };
  basin::examples::write_png_and_svg(
      path, basin::examples::panels("What more evaluations are worth", {chart(false), chart(true)}));
}

/// What was written, on the colour of what each character took by itself.
inline void draw_written(const std::string& path, const std::vector<Token>& tokens, const OneByOne& one_by_one) {
  if (one_by_one.warm.empty()) return;
  const auto [least, most] = std::minmax_element(one_by_one.warm.begin(), one_by_one.warm.end());
  const std::vector<double> counts(one_by_one.warm.begin(), one_by_one.warm.end());
  basin::examples::write_png(
      path, coloured_text({tokens.end() - std::ssize(counts), tokens.end()}, counts,
                          {behind_letters, static_cast<double>(*least), std::max<double>(*least + 1, *most),
                           "evaluations that a character took by itself"}));
}

inline void write_text_file(const std::string& path, const std::vector<Token>& tokens) {
  basin::write_file(path, std::string_view(text_of(tokens) + '\n'));
}

inline std::vector<Token> prompt_of(const Settings& settings, const Text& text) {
  if (!settings.prompt.empty()) return tokens_of("--prompt", settings.prompt);
  const auto end = std::find(text.validation.begin(), text.validation.end(), token_of('\n'));
  return {text.validation.begin(), std::min(end + 1, text.validation.begin() + settings.context)};
}

inline double mean(const std::vector<int>& counts) {
  return std::accumulate(counts.begin(), counts.end(), 0.0) / std::max(1.0, static_cast<double>(counts.size()));
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
  metrics["carried_over"] = carried_over(theta);
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

  const Writer writer(settings, theta);
  const std::vector<Token> prompt = prompt_of(settings, text);
  const double before = basin::examples::cpu_seconds();
  const Written written = writer.write(prompt);
  const double written_seconds = basin::examples::cpu_seconds() - before;
  const OneByOne one_by_one = writer.compare(written.tokens, std::ssize(prompt));
  const double characters = std::max(1, settings.length), evaluations = static_cast<double>(written.evaluations);
  metrics["written_characters"] = settings.length;
  metrics["written_processor_seconds"] = written_seconds;
  metrics["written_evaluations_mean"] = evaluations / characters;
  metrics["written_not_converged"] = written.not_converged;
  metrics["warm_evaluations_mean"] = mean(one_by_one.warm);
  metrics["cold_evaluations_mean"] = mean(one_by_one.cold);
  metrics["warm_processor_seconds"] = one_by_one.warm_seconds;
  metrics["cold_processor_seconds"] = one_by_one.cold_seconds;
  metrics["one_by_one_not_converged"] = one_by_one.not_converged;
  metrics["warm_others"] = one_by_one.others;
  metrics["cold_others"] = one_by_one.cold_others;
  metrics["largest_difference"] = one_by_one.largest_difference;
  draw_written(out + "thinking.png", written.tokens, one_by_one);
  write_text_file(out + "text.txt", written.tokens);
  std::printf(
      "of the state %.3f is carried over; text took %.2f evaluations a character; a character at a time %.1f, and %.1f "
      "from the start\n",
      carried_over(theta), evaluations / characters, mean(one_by_one.warm), mean(one_by_one.cold));
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
  metrics["train_processor_seconds"] = trainer.processor_seconds();
  metrics["training"] = training.described();
  metrics["peak_rss_bytes"] = basin::examples::peak_rss_bytes();
  basin::write_json(settings.out + "/metrics.json", metrics);
  basin::examples::draw_loss(settings.out, training.losses(), loss_name);
  std::printf("%zu parameters; trained %.0f s\nwrote %s\n", M::param_count, training.seconds(), settings.out.c_str());
}

}  // namespace deq_text
