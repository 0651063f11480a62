#pragma once

// An automaton trained through its equilibrium, beside the same one trained through its steps: what it settles to, how
// firmly, whether every damage heals to the same state, and what a gradient takes.

#include <algorithm>
#include <array>
#include <cstdio>
#include <numbers>
#include <string>
#include <vector>

#include "basin/fixed_point/stability.hpp"
#include "basin/nca/damage_basin.hpp"
#include "contracting.hpp"

namespace nca_equilibrium {

/// The largest memory of a process that computes one gradient, in bytes, when the solve is stopped after so many steps:
/// the implicit one keeps a linearization at the end, the unrolled one every state.
template <class Model>
std::int64_t peak_of_gradient(const Theta& theta, const State<float>& target, int steps) {
  return basin::examples::peak_rss_of([&] {
    Model map = model<Model>();
    map.stop = {.tolerance = 0, .max_evaluations = steps, .stall_window = 0};
    const basin::LeadingFeaturesError<float> loss{target};
    const State<float> seed = seed_of(target);
    (void)basin::value_and_gradient(map, theta.as<Model>(), seed.view(), loss, {.samples_per_part = 1});
  });
}

/// Where 1000 steps lead from states that are not merely damaged by a circle: halves of the settled state, nothing, and
/// noise of sigma 1. The largest difference of a number from the settled state.
inline double farthest_from(const Map& map, const Theta& theta, const State<float>& seed, const State<float>& settled,
                            const basin::Random& random) {
  std::vector<State<float>> starts;
  for (int quarter = 0; quarter < 4; ++quarter) {
    starts.push_back(settled);
    basin::erase(starts.back().view(), basin::HalfPlane{quarter * std::numbers::pi / 2});
  }
  starts.emplace_back(settled.shape);
  for (int noisy = 0; noisy < 4; ++noisy) {
    starts.push_back(settled);
    float* values = starts.back().view().data();
    for (Index i = 0; i < settled.shape.size(); ++i) {
      values[i] += static_cast<float>(random.normal(static_cast<std::uint64_t>(noisy * settled.shape.size() + i)));
    }
  }
  std::vector<double> distances(starts.size());
  basin::parallel_for(static_cast<Index>(starts.size()), [&](Index n) {
    State<float>& z = starts[static_cast<std::size_t>(n)];
    basin::advance<Map, float>(map, theta.span(), seed.view(), z, 1000);
    distances[static_cast<std::size_t>(n)] = static_cast<double>((z.values - settled.values).cwiseAbs().maxCoeff());
  });
  return *std::max_element(distances.begin(), distances.end());
}

/// The target, the settled state, and a half that heals.
inline basin::examples::Drawing healing(const Map& map, const Theta& theta, const State<float>& seed,
                                        const State<float>& target, const State<float>& settled) {
  State<float> z = settled, next(z.shape);
  std::vector<basin::Image> pictures{basin::image_over_white(target.view()), basin::image_over_white(z.view())};
  std::vector<std::string> captions{"target", "settled", "damaged"};
  basin::erase(z.view(), basin::HalfPlane{0});
  pictures.push_back(basin::image_over_white(z.view()));
  for (int t = 1; t <= 160; ++t) {
    (void)map.apply(theta.span(), View<const float>(z.view()), View<const float>(seed.view()), next.view());
    std::swap(z, next);
    if (t != 10 && t != 40 && t != 160) continue;
    pictures.push_back(basin::image_over_white(z.view()));
    captions.push_back(std::to_string(t) + " steps later");
  }
  return basin::examples::sheet(pictures, {.scale = 5, .captions = captions, .framed = true});
}

inline constexpr const char* unrolled_stage = "unrolled";
inline constexpr double healed_distance = 1e-5;  ///< of a number of the state, when it counts as healed

inline void draw_losses(const Settings& settings, const std::vector<double>& implicit,
                        const std::vector<double>& unrolled) {
  std::vector<basin::examples::Series> curves;
  if (!implicit.empty()) curves.push_back(basin::examples::means_of("implicit", implicit));
  if (!unrolled.empty()) curves.push_back(basin::examples::means_of("unrolled", unrolled));
  if (curves.empty()) return;
  basin::examples::write_png_and_svg(
      settings.out + "/loss.png",
      basin::examples::line_chart(curves, {.title = "Training through the equilibrium",
                                           .x = {.label = "iteration", .whole = true},
                                           .y = {.label = "loss", .scale = basin::examples::Scale::logarithmic}}));
}

/// How it heals so far, where a training was stopped.
inline void draw_unfinished(const Settings& settings, const Theta& theta, const State<float>& target) {
  const Map map = model<Implicit>().cell;
  const State<float> seed = seed_of(target);
  State<float> z(seed.shape);
  basin::advance<Map, float>(map, theta.span(), seed.view(), z, 400);
  basin::examples::write_png(settings.out + "/equilibrium.png", healing(map, theta, seed, target, z));
}

inline void settle(const Settings& settings, Stages& stages, basin::OrderedJson& metrics) {
  constexpr double contraction = 0.95;
  const State<float> target = target_of(settings), seed = seed_of(target);
  const std::string data = basin::examples::fingerprint("target", target);
  Contracting<Implicit> through_equilibrium(settings, target, contraction);
  const basin::Training implicit =
      stages.train(settled_stage, through_equilibrium, settings.iterations, data, [&](const basin::Training& training) {
        draw_losses(settings, training.losses(), {});
        draw_unfinished(settings, through_equilibrium.parameters(), target);
      });
  Contracting<Unrolled> through_steps(settings, target, contraction);
  const basin::Training unrolled = stages.train(unrolled_stage, through_steps, settings.unrolled_iterations, data,
                                                [&](const basin::Training& training) {
                                                  draw_losses(settings, implicit.losses(), training.losses());
                                                  draw_unfinished(settings, through_equilibrium.parameters(), target);
                                                });
  const Map map = model<Implicit>().cell;
  const Theta& theta = through_equilibrium.parameters();
  const basin::Report &solves = through_equilibrium.report(), &solves_unrolled = through_steps.report();

  const auto attractor = basin::find_attractor(map, theta.span(), seed.view(), State<float>(seed.shape),
                                               {.settle = 1000, .max_period = 16, .tolerance = 1e-5});
  const auto firm = basin::stability(map, theta.span(), seed.view(), attractor);
  const auto damages =
      basin::basin_by_damage(map, theta.span(), seed.view(), attractor,
                             {.trials = 32, .steps = 1000, .tolerance = healed_distance, .seed = settings.seed});
  double farthest = farthest_from(map, theta, seed, attractor.state(), {settings.seed, 1});
  for (const auto& trial : damages.trials) farthest = std::max(farthest, trial.distance);
  const double error = basin::LeadingFeaturesError<float>{target}.value_and_gradient(
      View<const float>(attractor.state().view()), 0, 1, View<float>{});

  basin::OrderedJson a;
  a["cells"] = target.shape.space;
  a["parameters"] = Implicit::param_count;
  a["iterations"] = implicit.iteration();
  a["error_of_the_settled_state"] = error;
  a["period"] = attractor.period;
  a["residual"] = attractor.residual;
  a["spectral_radius"] = firm.multiplier.value;
  a["smallest_singular_value"] = firm.singular.value;
  a["damage_trials"] = damages.trials.size();
  a["healed_share"] = damages.returned;
  a["healed_distance_max"] = farthest;
  a["nonconverged_fraction"] = solves.forward.nonconverged_fraction();
  a["adjoint_nonconverged_fraction"] = solves.adjoint.nonconverged_fraction();
  a["evaluations_mean"] = {{"implicit", solves.forward.mean_evaluations()},
                           {"unrolled", solves_unrolled.forward.mean_evaluations()}};
  const auto each = [](const basin::Training& training) {
    return training.iteration() == 0
               ? basin::OrderedJson()
               : basin::OrderedJson(training.seconds() / static_cast<double>(training.iteration()));
  };
  a["seconds_per_iteration"] = {{"implicit", each(implicit)}, {"unrolled", each(unrolled)}};
  const std::size_t shared = std::min(implicit.losses().size(), unrolled.losses().size());
  if (shared > 0) {
    a["loss_after_shared_iterations"] = {{"iterations", shared},
                                         {"implicit", implicit.losses()[shared - 1]},
                                         {"unrolled", unrolled.losses()[shared - 1]}};
  }
  for (const int steps : {50, 200, 800}) {
    a["peak_rss_bytes_of_a_gradient"][std::to_string(steps)] = {
        {"implicit", peak_of_gradient<Implicit>(theta, target, steps)},
        {"unrolled", peak_of_gradient<Unrolled>(theta, target, steps)}};
  }
  metrics["settling"] = a;

  const std::string out = settings.out + "/";
  basin::save_parameters(out + "settling.safetensors", theta);
  basin::examples::write_png(out + "equilibrium.png", healing(map, theta, seed, target, attractor.state()));
  draw_losses(settings, implicit.losses(), unrolled.losses());
  std::array<char, 80> healed{};
  if (farthest <= healed_distance) {
    std::snprintf(healed.data(), healed.size(), "every damage heals to within %.1e", farthest);
  } else {
    std::snprintf(healed.data(), healed.size(), "%.0f%% of the circles heal; the worst damage leaves %.1e",
                  100 * damages.returned, farthest);
  }
  std::printf("%s: error %.2e, residual %.1e, spectral radius %.3f, smallest singular value %.2e; %s\n",
              attractor.period == 1 ? "settled" : "not settled", error, attractor.residual, firm.multiplier.value,
              firm.singular.value, healed.data());
}

}  // namespace nca_equilibrium
