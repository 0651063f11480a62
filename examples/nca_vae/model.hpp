#pragma once

// The variational autoencoder of nca_vae. The encoder, 209,760 parameters: two convolutions to 7 x 7 cells of 32
// features, two dense layers, and the mean and the log-variance of each of the 16 numbers of a code. The decoder is an
// automaton, whose cells have 16 features between -1 and 1; the first says a pixel. All cells are told the code at
// every step. They begin as 2 x 2 cells of zeros, and after some steps each divides into four, until there are 32 x 32:
// the image and a margin of two cells. Each grid has a rule of its own, of 5,200 parameters. This is the doubling
// automaton of R. B. Palm, M. Gonzalez-Duque, S. Sudhakaran, S. Risi, "Variational Neural Cellular Automata", 2022;
// there the code is what the first cells are, and one rule is that of all grids.

#include <array>
#include <cmath>
#include <cstdint>
#include <string>

#include "../support/command_line.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/conv.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/flatten.hpp"
#include "basin/layers/gaussian_sample.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/nca/grown.hpp"
#include "basin/nca/perceive.hpp"
#include "basin/nca/pyramid.hpp"
#include "basin/train/initial.hpp"
#include "basin/train/variational_loss.hpp"

namespace nca_vae {

using basin::Index;
using basin::Shape;
using basin::State;
using basin::View;

inline constexpr int features = 16, code = 16, hidden = 64, levels = 5;
inline constexpr Index image_side = 28, side = 32, margin = (side - image_side) / 2, coarsest = side >> (levels - 1);

using Encoder = basin::Sequential<basin::Conv<1, 16, 3, 2>, basin::Relu, basin::Conv<16, 32, 3, 2>, basin::Relu,
                                  basin::Flatten<32, 7, 7>, basin::Dense<7 * 7 * 32, 128>, basin::Relu,
                                  basin::Dense<128, 2 * code>>;
using Sees =
    basin::Conditioned<basin::Perceive<features, basin::Zero, basin::Centre, basin::SobelX, basin::SobelY>, code>;
using Rule = basin::Sequential<basin::Dense<Sees::seen_features, hidden>, basin::Relu, basin::Dense<hidden, features>,
                               basin::Tanh>;
using Cells =
    basin::Rollout<basin::Automaton<Sees, Rule, basin::EveryCell, basin::Everywhere, basin::Relax>>;  ///< on one grid
using Growth = basin::Pyramid<Cells, code, levels>;

template <class Decoder>
using Autoencoder = basin::Sequential<Encoder, basin::GaussianSample<code>, basin::Grown<Decoder>>;
using Model = Autoencoder<Growth>;
using Theta = basin::Parameters<Model, float>;

/// The steps on each grid.
using Steps = std::array<Index, levels>;

/// Of numbers with commas. Throws basin::examples::UsageError for others.
[[nodiscard]] inline Steps steps_of(const std::string& text) {
  Steps steps{};
  std::size_t begin = 0, level = 0;
  for (; begin <= text.size(); ++level) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const Index count =
        basin::examples::number_of<Index>(text.substr(begin, end - begin), "a number of --steps", {1, 100000});
    if (level < steps.size()) steps[level] = count;
    begin = end + 1;
  }
  basin::examples::check_option(level == steps.size(), "number of grids of --steps", level, std::to_string(levels));
  return steps;
}

/// So many steps, at each of which a cell goes half of the way to what its rule says.
[[nodiscard]] inline Cells cells(Index steps) {
  Cells rollout;
  rollout.steps = steps;
  rollout.automaton.update.rate = 0.5;
  return rollout;
}

/// An autoencoder whose decoder grows from 2 x 2 cells of zeros.
[[nodiscard]] inline Model growing(const Steps& steps) {
  Model model;
  basin::Grown<Growth>& decoder = model.layer<2>();
  for (std::size_t level = 0; level < steps.size(); ++level) decoder.rollout.levels[level] = cells(steps[level]);
  decoder.start = State<float>(Shape{features, {coarsest, coarsest, 1}, 1});
  return model;
}

/// One whose decoder goes on from these states of 32 x 32 cells, one a sample.
[[nodiscard]] inline Autoencoder<Cells> living(Index steps, State<float> states) {
  Autoencoder<Cells> model;
  model.layer<2>().rollout = cells(steps);
  model.layer<2>().start = std::move(states);
  return model;
}

/// Those of the encoder: the first.
[[nodiscard]] inline basin::Parameters<Encoder, float> encoder_of(const Theta& theta) {
  basin::Parameters<Encoder, float> part;
  part.vector() = theta.vector().head(part.vector().size());
  return part;
}
/// Those of the rule of one grid.
[[nodiscard]] inline basin::Parameters<Cells, float> rule_of(const Theta& theta, std::size_t level) {
  basin::Parameters<Cells, float> part;
  const Index count = part.vector().size();
  part.vector() =
      theta.vector().segment(static_cast<Index>(Encoder::param_count) + static_cast<Index>(level) * count, count);
  return part;
}
/// Those of the encoder and of the rule of the finest grid: of an autoencoder that is living.
[[nodiscard]] inline basin::Parameters<Autoencoder<Cells>, float> living_of(const Theta& theta) {
  basin::Parameters<Autoencoder<Cells>, float> part;
  part.vector() << theta.vector().head(static_cast<Index>(Encoder::param_count)),
      theta.vector().tail(static_cast<Index>(Cells::param_count));
  return part;
}

/// Glorot's, with a tenth of it in the last layers, so that at first codes are close to standard normal and little
/// changes.
[[nodiscard]] inline Theta initial_theta(std::uint64_t seed) {
  Theta theta = basin::initial_parameters<float>(Model{}, seed);
  for (float& weight : theta.leaf("0.7.weight")) weight *= 0.1f;
  for (int level = 0; level < levels; ++level) {
    for (float& weight : theta.leaf("2." + std::to_string(level) + ".2.weight")) weight *= 0.1f;
  }
  return theta;
}

/// The logit of a cell's pixel is so many times its first feature, which is between -1 and 1.
inline constexpr float contrast = 10;

/// The probability that a cell says its pixel is ink with.
[[nodiscard]] inline double probability(const float* cell) {
  return 1 / (1 + std::exp(-static_cast<double>(contrast * cell[0])));
}

/// The negative log-likelihood of images, in nats each, for states of 32 x 32 cells.
struct PixelLoss {
  basin::BernoulliLoss<float> of_logits;  ///< its target is (1, 28, 28, 1, N)

  template <class S>
  double value_and_gradient(std::type_identity_t<View<const S>> y, Index first_sample, Index batch_size,
                            View<S> dy) const {
    basin::Scratch scratch;
    const View<S> logits = scratch.state<S>(Shape{1, {image_side, image_side, 1}, y.samples()});
    const View<S> gradient = dy ? scratch.state<S>(logits.shape()) : View<S>{};
    const auto each = [&](const auto& visit) {
      for (Index i = 0; i < logits.size(); ++i) {
        const Index x = i % image_side, row = i / image_side % image_side, n = i / (image_side * image_side);
        visit(i, ((n * side + row + margin) * side + x + margin) * features);
      }
    };
    each([&](Index i, Index at) { logits.data()[i] = contrast * y.data()[at]; });
    const double value = of_logits.value_and_gradient(View<const S>(logits), first_sample, batch_size, gradient);
    if (dy) {
      dy.vector().setZero();
      each([&](Index i, Index at) { dy.data()[at] = contrast * gradient.data()[i]; });
    }
    return value;
  }
};

/// Draws the pixels of an image (1, 28, 28, 1, 1): each is 1 with the probability of its grey value, else 0, by numbers
/// of `random` from 1,024 `index` on.
inline void draw_pixels(View<const float> grey, const basin::Random& random, std::uint64_t index, View<float> pixels) {
  for (Index i = 0; i < grey.size(); ++i) {
    const double number = random.uniform((index << 10) + static_cast<std::uint64_t>(i));
    pixels.data()[i] = number < static_cast<double>(grey.data()[i]) ? 1.0f : 0.0f;
  }
}

}  // namespace nca_vae
