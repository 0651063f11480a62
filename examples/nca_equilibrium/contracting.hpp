#pragma once

// An automaton whose pattern is an equilibrium, z = f(z, u), trained by the implicit gradient.
//
//   f(z, u) = g (z + (r(P z) - z) / 2) + u / 2,     r(p) = W2 tanh(W1 p + b1) + b2,
//
// P shows a cell itself and its four neighbours; u is a seed in the centre. Of the 16 features, four are colours, which
// no cell reads, and twelve carry the seed's news outwards. They are winds in eight directions and clouds,
// each a share `contraction` of what the neighbour before had, and after each iteration the rows of W2 into them are
// brought back to sum_h |W2(c, h)| |W1(h)|_1 <= contraction (the nearest such row, J. Duchi et al. 2008). So their map
// contracts in the largest norm whatever is trained: there is one equilibrium, and every damage heals to it.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <numbers>
#include <string>
#include <vector>

#include "../nca_grow/pattern.hpp"
#include "../support/process.hpp"
#include "../support/sheet.hpp"
#include "../support/training_parts.hpp"
#include "basin/adjoint/implicit.hpp"
#include "basin/adjoint/unrolled.hpp"
#include "basin/core/parallel.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/fixed_point/anderson.hpp"
#include "basin/io/json.hpp"
#include "basin/io/target_image.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/nca/damage.hpp"
#include "basin/nca/gated.hpp"
#include "basin/nca/perceive.hpp"
#include "basin/train/clip.hpp"
#include "basin/train/initial.hpp"
#include "basin/train/optimizer.hpp"
#include "basin/train/schedule.hpp"
#include "basin/train/state_loss.hpp"
#include "basin/train/value_and_gradient.hpp"
#include "settings.hpp"
#include "stages.hpp"

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

/// Winds in eight directions (features 4 to 11), which spread sideways as they go, and clouds of four widths (12 to
/// 15), each carried by a hidden unit of its own in the linear part of its tanh; the other units only colour.
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
    // Shares of the four neighbours: left, right, above, below.
    std::array<double, 4> share{};
    if (h < 8) {
      const double angle = h * std::numbers::pi / 4, x = std::cos(angle), y = std::sin(angle);
      share = {std::max(0.0, x), std::max(0.0, -x), std::max(0.0, y), std::max(0.0, -y)};
      for (double& of : share) of = of * of + 0.1;
    } else {
      share.fill(1.0);
    }
    const double sum = share[0] + share[1] + share[2] + share[3];
    const double strength = h < 8 ? 1.0 : 1.0 - 0.1 * (h - 8);
    for (int n = 1; n < neighbours; ++n) {
      weights.in(h, n, carried) = static_cast<float>(small * strength * share[static_cast<std::size_t>(n - 1)] / sum);
    }
  }
  contract(theta, contraction);
  return theta;
}

/// The units that carry winds and clouds stay as they are; all else is trained.
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

/// The automaton in training, through its equilibrium or through its steps.
template <class Model>
class Contracting {
 public:
  Contracting(const Settings& settings, const State<float>& target, double contraction)
      : adam_{.rate = settings.rate > 0 ? settings.rate : 1e-2},
        target_(target),
        seed_(seed_of(target)),
        contraction_(contraction),
        theta_(initial_theta(settings.seed, contraction)),
        moments_(adam_.init(theta_)) {}

  [[nodiscard]] const Theta& parameters() const { return theta_; }
  [[nodiscard]] const basin::Report& report() const { return report_; }

  /// What a checkpoint keeps, for reading and writing alike.
  template <class File, class Self>
  static void visit(File& file, Self& self) {
    file("", self.theta_);
    self.moments_.each(file.under("optimizer"));
    self.report_.forward.each(file.under("solves.forward"));
    self.report_.adjoint.each(file.under("solves.adjoint"));
  }

  /// Iteration i of so many; returns its loss.
  [[nodiscard]] double iterate(std::int64_t i, std::int64_t iterations) {
    const basin::Cosine schedule{.total = std::max<Index>(1, iterations), .final = 0.01};
    const basin::LeadingFeaturesError<float> loss{target_};
    auto result =
        basin::value_and_gradient(model<Model>(), theta_.as<Model>(), seed_.view(), loss, {.samples_per_part = 1});
    Theta gradient = result.gradient.template as<Implicit>();
    basin::examples::check_gradient(basin::clip_by_global_norm(gradient, 1.0), i);
    keep_carriers(gradient);
    adam_.step(theta_, gradient, moments_, schedule(i));
    contract(theta_, contraction_);
    report_ += result.report;
    return result.value;
  }

 private:
  basin::Adam adam_;
  const State<float>& target_;
  State<float> seed_;
  double contraction_;
  Theta theta_;
  basin::AdamState<Implicit, float> moments_;
  basin::Report report_;
};

}  // namespace nca_equilibrium
