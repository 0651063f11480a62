#pragma once

// An automaton whose pattern is an equilibrium, z = f(z, u), trained by the implicit gradient.
//
//   f(z, u) = g (z + (r(P z) - z) / 2) + u / 2,     r(p) = W2 tanh(W1 p + b1) + b2,
//
// P shows a cell itself and its four neighbours; u is a seed in the centre. Of the 16 features, four are colours, which
// no cell reads, and twelve carry the seed's news outwards. They start as currents in four directions and as clouds,
// each a share `contraction` of what the neighbour before had, and after each iteration the rows of W2 into them are
// brought back to sum_h |W2(c, h)| |W1(h)|_1 <= contraction (the nearest such row, J. Duchi et al. 2008). So their map
// contracts in the largest norm whatever is trained: there is one equilibrium, and every damage heals to it.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "../nca_grow/pattern.hpp"
#include "../support/plot.hpp"
#include "../support/process.hpp"
#include "basin/adjoint/implicit.hpp"
#include "basin/adjoint/unrolled.hpp"
#include "basin/core/parallel.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/fixed_point/anderson.hpp"
#include "basin/io/json.hpp"
#include "basin/io/png.hpp"
#include "basin/io/target_image.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/nca/attractor.hpp"
#include "basin/nca/gated.hpp"
#include "basin/nca/perceive.hpp"
#include "basin/train/clip.hpp"
#include "basin/train/initial.hpp"
#include "basin/train/optimizer.hpp"
#include "basin/train/schedule.hpp"
#include "basin/train/state_loss.hpp"
#include "basin/train/value_and_gradient.hpp"
#include "settings.hpp"

namespace nca_equilibrium {

using basin::Index;
using basin::Shape;
using basin::State;
using basin::View;

inline constexpr int features = 16, colours = 4, hidden = 128, neighbours = 5;

using Sees = basin::Perceive<features, basin::Zero, basin::Centre, basin::Shift<-1>, basin::Shift<1>,
                             basin::Shift<0, -1>, basin::Shift<0, 1>>;
using Rule =
    basin::Sequential<basin::Dense<neighbours * features, hidden>, basin::Tanh, basin::Dense<hidden, features>>;
using Map = basin::Gated<basin::Automaton<Sees, Rule, basin::MeanField, basin::Everywhere, basin::Relax>>;
using Implicit = basin::Equilibrium<Map, basin::Anderson<5>, basin::Implicit<basin::Gmres<30>>>;
using Unrolled = basin::Equilibrium<Map, basin::Picard, basin::Unrolled>;
using Theta = basin::Parameters<Implicit, float>;

template <class Model>
Model model() {
  Model model;
  // The gate stays open: closing ones cost training its equilibria (docs/nca_equilibrium.md).
  model.cell.threshold = -1;
  model.cell.width = 0.1;
  model.stop = {.tolerance = 1e-4, .max_evaluations = 400};
  if constexpr (std::is_same_v<Model, Implicit>) model.adjoint = {.tolerance = 1e-2, .max_evaluations = 100};
  return model;
}

/// W1(h, n features + c): what hidden unit h takes of feature c of neighbour n; and W2(c, h).
struct Weights {
  std::span<float> first, second;

  explicit Weights(Theta& theta) : first(theta.leaf("cell.0.weight")), second(theta.leaf("cell.2.weight")) {}
  float& in(int h, int neighbour, int c) {
    return first[static_cast<std::size_t>((neighbour * features + c) * hidden + h)];
  }
  float& out(int c, int h) { return second[static_cast<std::size_t>(h * features + c)]; }
};

/// Keeps the colours unread and the rest contracting, as above.
inline void contract(Theta& theta, double contraction) {
  Weights weights(theta);
  std::array<double, hidden> reads{};  // |W1(h)|_1
  for (int h = 0; h < hidden; ++h) {
    for (int n = 0; n < neighbours; ++n) {
      for (int c = 0; c < features; ++c) {
        if (c < colours) {
          weights.in(h, n, c) = 0;
        } else {
          reads[static_cast<std::size_t>(h)] += std::abs(static_cast<double>(weights.in(h, n, c)));
        }
      }
    }
  }
  for (int c = colours; c < features; ++c) {
    const auto sum = [&](double cut) {
      double total = 0;
      for (int h = 0; h < hidden; ++h) {
        const double read = reads[static_cast<std::size_t>(h)];
        total += std::max(0.0, std::abs(static_cast<double>(weights.out(c, h))) - cut * read) * read;
      }
      return total;
    };
    if (sum(0) <= contraction) continue;
    double low = 0, high = 1;
    while (sum(high) > contraction) high *= 2;
    for (int i = 0; i < 50; ++i) (sum((low + high) / 2) > contraction ? low : high) = (low + high) / 2;
    for (int h = 0; h < hidden; ++h) {
      float& weight = weights.out(c, h);
      const double kept = std::abs(static_cast<double>(weight)) - high * reads[static_cast<std::size_t>(h)];
      weight = std::copysign(static_cast<float>(std::max(0.0, kept)), weight);
    }
  }
}

/// Currents (features 4 to 11: from the left, the right, above, below, in two strengths) and clouds (12 to 15), each
/// carried by a hidden unit of its own in the linear part of its tanh; the other units only colour.
inline Theta initial_theta(std::uint64_t seed, double contraction) {
  constexpr float small = 0.15f;
  Theta theta = basin::initial_parameters<float>(Implicit{}, seed);
  Weights weights(theta);
  for (int h = 0; h < hidden; ++h) {
    const int carried = h < features - colours ? colours + h : -1;
    for (int n = 0; n < neighbours; ++n) {
      for (int c = 0; c < features; ++c) weights.in(h, n, c) *= carried < 0 ? 3.0f : 0.0f;
    }
    for (int c = 0; c < features; ++c) weights.out(c, h) *= carried < 0 && c < colours ? 0.3f : 0.0f;
    if (carried < 0) continue;
    weights.out(carried, h) = static_cast<float>(contraction) / small;
    if (h < 8) {
      weights.in(h, 1 + h % 4, carried) = small * (h < 4 ? 1.0f : 0.9f);
    } else {
      constexpr std::array<float, 4> strength{1.0f, 0.97f, 0.9f, 0.75f};
      for (int n = 1; n < neighbours; ++n) {
        weights.in(h, n, carried) = 0.25f * small * strength[static_cast<std::size_t>(h - 8)];
      }
    }
  }
  contract(theta, contraction);
  return theta;
}

/// The units that carry currents and clouds stay as they are; all else is trained.
inline void keep_carriers(Theta& gradient) {
  Weights weights(gradient);
  const std::span<float> bias = gradient.leaf("cell.0.bias");
  for (int h = 0; h < features - colours; ++h) {
    bias[static_cast<std::size_t>(h)] = 0;
    for (int c = 0; c < features; ++c) {
      weights.out(c, h) = 0;
      for (int n = 0; n < neighbours; ++n) weights.in(h, n, c) = 0;
    }
  }
}

inline State<float> target_of(const Settings& settings) {
  const basin::TargetOptions options{.size = settings.size,
                                     .padding = settings.padding >= 0    ? settings.padding
                                                : settings.model.empty() ? 2
                                                                         : 16};
  return settings.target.empty() ? basin::target_state<float>(nca_grow::drawn_pattern(8 * settings.size), options)
                                 : basin::read_target_image<float>(settings.target, options);
}

/// The centre cell, in all features that are not colours.
inline State<float> seed_of(const State<float>& target) {
  State<float> seed = basin::one_cell_seed<float>(target.shape.with_features(features), colours);
  seed.values *= 8.0f;
  return seed;
}

struct Training {
  Theta theta;
  std::vector<double> losses;
  basin::Report report;
  double seconds = 0;
};

template <class Model>
Training train(const Settings& settings, const State<float>& target, int iterations, const char* name) {
  constexpr double contraction = 0.95;
  Training run{initial_theta(settings.seed, contraction), {}, {}, 0};
  const Model map = model<Model>();
  const State<float> seed = seed_of(target);
  const basin::LeadingFeaturesError<float> loss{target};
  const basin::Adam adam{.rate = settings.rate > 0 ? settings.rate : 1e-2};
  const basin::Cosine schedule{.total = std::max(1, iterations), .final = 0.01};
  auto moments = adam.init(run.theta);
  basin::examples::Stopwatch watch;
  basin::examples::Progress progress;
  for (int i = 0; i < iterations; ++i) {
    auto result = basin::value_and_gradient(map, run.theta.as<Model>(), seed.view(), loss, 1);
    Theta gradient = result.gradient.template as<Implicit>();
    if (!std::isfinite(basin::clip_by_global_norm(gradient, 1.0))) {
      throw std::runtime_error("the gradient is not finite in iteration " + std::to_string(i + 1) +
                               ": try a lower --rate");
    }
    keep_carriers(gradient);
    adam.step(run.theta, gradient, moments, schedule(i));
    contract(run.theta, contraction);
    run.losses.push_back(result.value);
    run.report += result.report;
    if (progress.due(i + 1 == iterations)) {
      progress.show(std::string(name) + ": iteration " + std::to_string(i + 1) + "/" + std::to_string(iterations) +
                    "  loss " + std::to_string(result.value));
    }
  }
  progress.end();
  run.seconds = watch.seconds();
  return run;
}

/// The memory that one gradient takes, in bytes of the taped states, when the solve is stopped after so many steps: of
/// the implicit one a linearization at the end, of the unrolled one every state.
template <class Model>
std::int64_t peak_of_gradient(const Theta& theta, const State<float>& target, int steps) {
  return basin::examples::peak_rss_of([&] {
    Model map = model<Model>();
    map.stop = {.tolerance = 0, .max_evaluations = steps, .stall_window = 0};
    const basin::LeadingFeaturesError<float> loss{target};
    (void)basin::value_and_gradient(map, theta.as<Model>(), seed_of(target).view(), loss, 1);
  });
}

inline void settle(const Settings& settings, basin::OrderedJson& metrics) {
  const std::string out = settings.out + "/";
  const State<float> target = target_of(settings), seed = seed_of(target);
  const Training implicit = train<Implicit>(settings, target, settings.iterations, "implicit");
  const Training unrolled = train<Unrolled>(settings, target, settings.unrolled_iterations, "unrolled");
  const Map map = model<Implicit>().cell;
  const auto parameters = implicit.theta.as<Map>();

  const auto attractor = basin::find_attractor(map, parameters.span(), seed.view(), State<float>(seed.shape),
                                               {.settle = 1000, .max_period = 16, .tolerance = 1e-5});
  const auto firm = basin::stability(map, parameters.span(), seed.view(), attractor);
  const auto damages = basin::basin_by_damage(map, parameters.span(), seed.view(), attractor,
                                              {.trials = 32, .steps = 1000, .tolerance = 1e-5, .seed = settings.seed});
  double farthest = 0;
  for (const auto& trial : damages.trials) farthest = std::max(farthest, trial.distance);
  const basin::LeadingFeaturesError<float> loss{target};
  const double error = loss.value_and_gradient(View<const float>(attractor.state().view()), 0, 1, View<float>{});

  basin::OrderedJson a;
  a["cells"] = target.shape.space[0];
  a["parameters"] = Implicit::param_count;
  a["iterations"] = implicit.losses.size();
  a["error_of_the_settled_state"] = error;
  a["period"] = attractor.period;
  a["residual"] = attractor.residual;
  a["spectral_radius"] = firm.multiplier.value;
  a["smallest_singular_value"] = firm.singular.value;
  a["damage_trials"] = damages.trials.size();
  a["healed_share"] = damages.returned;
  a["healed_distance_max"] = farthest;
  a["nonconverged_fraction"] = implicit.report.forward.nonconverged_fraction();
  a["adjoint_nonconverged_fraction"] = implicit.report.adjoint.nonconverged_fraction();
  a["evaluations_mean"] = implicit.report.forward.mean_evaluations();
  const auto each = [](const Training& run) {
    return run.losses.empty() ? 0.0 : run.seconds / static_cast<double>(run.losses.size());
  };
  const std::size_t shared = std::min(implicit.losses.size(), unrolled.losses.size());
  a["seconds_per_iteration"] = {{"implicit", each(implicit)}, {"unrolled", each(unrolled)}};
  if (shared > 0) {
    a["loss_after_shared_iterations"] = {
        {"iterations", shared}, {"implicit", implicit.losses[shared - 1]}, {"unrolled", unrolled.losses[shared - 1]}};
  }
  for (const int steps : {50, 200, 800}) {
    a["peak_rss_bytes_of_a_gradient"][std::to_string(steps)] = {
        {"implicit", peak_of_gradient<Implicit>(implicit.theta, target, steps)},
        {"unrolled", peak_of_gradient<Unrolled>(implicit.theta, target, steps)}};
  }
  metrics["settling"] = a;

  // The target, the settled state, and a half that heals.
  State<float> z(attractor.state()), next(z.shape);
  std::vector<basin::Image> pictures{basin::image_over_white(target.view(), 6), basin::image_over_white(z.view(), 6)};
  basin::erase(z.view(), basin::HalfPlane{0});
  pictures.push_back(basin::image_over_white(z.view(), 6));
  for (int t = 1; t <= 160; ++t) {
    (void)map.apply(parameters.span(), View<const float>(z.view()), View<const float>(seed.view()), next.view());
    std::swap(z, next);
    if (t == 10 || t == 40 || t == 160) pictures.push_back(basin::image_over_white(z.view(), 6));
  }
  basin::write_png(out + "equilibrium.png", basin::examples::side_by_side(pictures));
  if (!implicit.losses.empty()) {
    basin::write_png(
        out + "loss.png",
        basin::examples::line_chart(
            {basin::examples::log_means("implicit", implicit.losses),
             basin::examples::log_means("unrolled", unrolled.losses)},
            {.title = "Training through the equilibrium", .x_label = "iteration", .y_label = "log10 loss"}));
  }
  std::printf(
      "settled: error %.2e, residual %.1e, spectral radius %.3f, smallest singular value %.2e; %zu damages heal "
      "to %.1e at most\n",
      error, attractor.residual, firm.multiplier.value, firm.singular.value, damages.trials.size(), farthest);
}

}  // namespace nca_equilibrium
