#pragma once

// What the rule is compared with: gradient descent, momentum (Polyak 1964), Adam (Kingma and Ba 2015), feedback
// alignment (T. Lillicrap, D. Cownden, D. Tweed, C. Akerman 2016: messages come back by weights that are random and
// stay), and a Hebbian rule (Oja 1982 in the hidden layers, the delta rule of Widrow and Hoff 1960 in the last). All
// begin with the same networks, and see the same batches.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "basin/train/learning_loss.hpp"
#include "model.hpp"

namespace metanca_learn {

struct Optimiser {
  std::string name;
  enum Kind { descent, momentum, adam, alignment, hebbian } kind;
  double rate = 0.1;
};

inline const std::array<Optimiser, 5>& optimisers() {
  static const std::array<Optimiser, 5> all{{{"gradient descent", Optimiser::descent},
                                             {"momentum", Optimiser::momentum},
                                             {"Adam", Optimiser::adam},
                                             {"feedback alignment", Optimiser::alignment},
                                             {"Hebbian", Optimiser::hebbian}}};
  return all;
}

/// The rates from which the best is taken.
inline constexpr std::array<double, 13> rates{1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.2, 0.5, 1, 2};

/// By how many tasks rates are chosen, where so many new ones are tried.
[[nodiscard]] constexpr Index choices(Index tasks) { return std::max(std::min<Index>(10, tasks), tasks / 3); }

/// A network, and what an optimiser keeps for each weight.
class Learned {
 public:
  Learned(const basin::Network& network, const State<float>& start, const Optimiser& optimiser, std::uint64_t seed)
      : network_(network), optimiser_(optimiser), v_(start), first_(start.values.size()), second_(start.values.size()) {
    first_.setZero();
    second_.setZero();
    if (optimiser.kind == Optimiser::alignment) feedback_ = fresh_network(network, seed, 1, 1).values;
    const auto scales = basin::unit_scales<float>(network);
    scale_.resize(v_.values.size());
    for (std::size_t l = 0; l < scales.size(); ++l) {
      const basin::Network::Layer& layer = network.layers()[l];
      scale_.segment(layer.first, layer.cells()).setConstant(scales[l]);
    }
  }

  /// One number a cell.
  [[nodiscard]] const State<float>& state() const { return v_; }

  /// Learns from one batch, the `step`-th from 0 on.
  void learn(const basin::LearningData& data, Index step) {
    basin::Scratch scratch;
    const basin::NetworkActivations<float> at(network_, data, 0.01, v_.values.data(), 1, {.step = step}, scratch);
    const basin::Vector<float> down = direction(at);  // in the weights W = s v
    const auto rate = static_cast<float>(optimiser_.rate);
    basin::Vector<float> moves = rate * down;
    if (optimiser_.kind == Optimiser::momentum) {
      first_ = 0.9f * first_ + down;
      moves = rate * first_;
    }
    if (optimiser_.kind == Optimiser::adam) {
      first_ = 0.9f * first_ + 0.1f * down;
      second_ = 0.999f * second_ + 0.001f * down.cwiseAbs2();
      const auto t = static_cast<double>(step + 1);
      const auto a = static_cast<float>(1 - std::pow(0.9, t)), b = static_cast<float>(1 - std::pow(0.999, t));
      moves = rate * (first_ / a).array() / ((second_ / b).array().sqrt() + 1e-8f);
    }
    v_.values += moves.cwiseQuotient(scale_);
  }

 private:
  /// Minus the derivative of the loss, or what stands for it.
  [[nodiscard]] basin::Vector<float> direction(const basin::NetworkActivations<float>& at) const {
    basin::Vector<float> down(v_.values.size());
    const Index last = at.count() - 1;
    const auto share = static_cast<float>(at.classes ? 1.0 / static_cast<double>(at.batch)
                                                     : 2.0 / static_cast<double>(at.batch * at.shape(last).outputs));
    basin::Matrix<float> w = share * Eigen::Map<const basin::Matrix<float>>(at.error, at.shape(last).outputs, at.batch);
    for (Index l = last; l >= 0; --l) {
      const basin::Network::Layer& layer = at.shape(l);
      Eigen::Map<basin::Matrix<float>> of(down.data() + layer.first, layer.outputs, layer.rows);
      const basin::Matrix<float> into = at.into(l);
      if (optimiser_.kind == Optimiser::hebbian && l < last) {
        basin::Matrix<float> out(layer.outputs, at.batch);
        for (Index n = 0; n < out.size(); ++n) out.data()[n] = at.activation(at.z(l)[n]);
        const basin::Vector<float> decay = out.array().square().rowwise().mean();
        of = out * into.transpose() / static_cast<float>(at.batch);
        of -= decay.asDiagonal() * basin::Matrix<float>(at.weights(l));
        continue;
      }
      of = w * into.transpose();
      if (l == 0) break;
      basin::Matrix<float> back = at.weights(l).leftCols(layer.inputs);
      if (optimiser_.kind == Optimiser::alignment) {
        back = at.scale(l) *
               Eigen::Map<const basin::Matrix<float>>(feedback_.data() + layer.first, layer.outputs, layer.inputs);
      }
      basin::Matrix<float> below = back.transpose() * w;
      for (Index n = 0; n < below.size(); ++n) below.data()[n] *= at.slope(at.z(l - 1)[n]);
      w = below;
    }
    return down;
  }

  const basin::Network& network_;
  Optimiser optimiser_;
  State<float> v_;
  basin::Vector<float> first_, second_, feedback_, scale_;
};

}  // namespace metanca_learn
