#pragma once

// Networks of the literature. Each struct has the model, its place of the equilibrium in the Sequential, what it is
// trained by where the user asks for nothing else, its start, and what holds of its parameters after each step.
//
//   MondeqFc, MondeqConv   E. Winston, J. Z. Kolter, "Monotone operator equilibrium networks", NeurIPS 2020: what is
//                          injected, one monotone equilibrium, a dense layer. The published convolutional one has 54
//                          channels on 28 x 28 cells, which are pooled by 4; this one has 32 on 14 x 14, pooled by 2,
//                          so that it can be trained on a processor, and 34 thousand numbers instead of 80.
//   Jfb                    S. Wu Fung et al., "JFB: Jacobian-free backpropagation for implicit networks", AAAI 2022:
//   two
//                          residual blocks of two convolutions on 9 x 9 cells, times 1/2. Published with batch
//                          normalization, which couples the samples of a batch; here groups are normalized where what
//                          is injected is made, and nothing is in the cell. Its last convolution, from 9 x 9 cells to
//                          7 x 7, is here one with zeros beyond the edge, and means of 3 x 3 cells.

#include <array>
#include <cstdint>

#include "basin/adjoint/any_adjoint.hpp"
#include "basin/adjoint/implicit.hpp"
#include "basin/adjoint/jacobian_free.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/deq/peaceman_rachford.hpp"
#include "basin/fixed_point/picard.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/conv.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/dropout.hpp"
#include "basin/layers/flatten.hpp"
#include "basin/layers/group_norm.hpp"
#include "basin/layers/pool.hpp"
#include "basin/layers/residual.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/train/clip.hpp"
#include "basin/train/initial.hpp"

namespace deq_zoo {

using basin::Index;
using basin::Parameters;

/// All of them settle, and solve the adjoint equation, by plain iteration, as published.
using PublishedAdjoint = basin::AnyAdjoint<basin::Implicit<basin::Picard>, basin::JacobianFree>;
template <class Cell>
using Settled = basin::Equilibrium<Cell, basin::Picard, PublishedAdjoint>;

/// What a network is trained by, unless the user asks for something else.
struct Recipe {
  int epochs, batch;
  double rate, weight_decay, tolerance, adjoint_tolerance, distort;
  const char* adjoint;
};

struct MondeqFc {
  using Model =
      basin::Sequential<basin::Flatten<1, 28, 28>, basin::Dense<784, 87>,
                        Settled<basin::PeacemanRachford<basin::MonotoneDense<87>>>, basin::Relu, basin::Dense<87, 10>>;
  static constexpr std::size_t equilibrium = 2;
  static constexpr Recipe recipe{.epochs = 40,
                                 .batch = 128,
                                 .rate = 3e-3,
                                 .weight_decay = 1e-2,
                                 .tolerance = 1e-2,
                                 .adjoint_tolerance = 1e-2,
                                 .distort = 0,
                                 .adjoint = "implicit"};

  static Model model(bool) { return {}; }
  static Parameters<Model, float> start(std::uint64_t seed) { return basin::initial_parameters<float>(Model{}, seed); }
  static void after_step(Parameters<Model, float>&) {}
};

struct MondeqConv {
  static constexpr int channels = 32;
  using Model =
      basin::Sequential<basin::Conv<1, channels, 3, 2>,
                        Settled<basin::PeacemanRachford<basin::MonotoneConv<channels>, 14, 14>>, basin::Relu,
                        basin::AveragePool<2, 2>, basin::Flatten<channels, 7, 7>, basin::Dense<channels * 49, 10>>;
  static constexpr std::size_t equilibrium = 1;
  static constexpr Recipe recipe{.epochs = 20,
                                 .batch = 64,
                                 .rate = 3e-3,
                                 .weight_decay = 1e-2,
                                 .tolerance = 2e-2,
                                 .adjoint_tolerance = 5e-2,
                                 .distort = 1,
                                 .adjoint = "implicit"};

  static Model model(bool) { return {}; }
  static Parameters<Model, float> start(std::uint64_t seed) { return basin::initial_parameters<float>(Model{}, seed); }
  static void after_step(Parameters<Model, float>&) {}
};

/// y = x / 2: what makes a contraction of a residual cell.
struct HalfFunction {
  template <class A>
  [[nodiscard]] auto map(const A& x) const {
    return x * typename A::Scalar(0.5);
  }
  template <class A, class B>
  [[nodiscard]] auto slope(const A& x, const B&) const {
    return A::Constant(x.size(), typename A::Scalar(0.5));
  }
};

struct Jfb {
  static constexpr int channels = 32;
  using Block = basin::Residual<basin::Sequential<basin::Conv<channels, channels, 3>, basin::LeakyRelu,
                                                  basin::Conv<channels, channels, 3>, basin::LeakyRelu>>;
  using Cell = basin::Injected<basin::Sequential<basin::Identity, Block, Block, basin::Activation<HalfFunction>>>;
  using Model =
      basin::Sequential<basin::Conv<1, 16, 3>, basin::GroupNorm<16, 4>, basin::LeakyRelu, basin::MaxPool<3, 3>,
                        basin::Conv<16, channels, 3>, basin::GroupNorm<channels, 8>, basin::LeakyRelu, Settled<Cell>,
                        basin::Conv<channels, 16, 3>, basin::AveragePool<3, 1>, basin::LeakyRelu, basin::Dropout,
                        basin::Flatten<16, 7, 7>, basin::Dense<784, 10, basin::Bias::no>>;
  static constexpr std::size_t equilibrium = 7;
  static constexpr Recipe recipe{.epochs = 12,
                                 .batch = 100,
                                 .rate = 3e-3,
                                 .weight_decay = 1e-2,
                                 .tolerance = 1e-2,
                                 .adjoint_tolerance = 5e-2,
                                 .distort = 0,
                                 .adjoint = "jacobian_free"};
  /// Of the weights into each output of the cell's four convolutions: so that it keeps settling.
  static constexpr double norm = 0.5;

  static Model model(bool trains) {
    Model model;
    for (auto* const activation : {&model.layer<2>(), &model.layer<6>(), &model.layer<10>()}) {
      activation->function.negative_slope = 0.1;
    }
    auto& cell = model.layer<equilibrium>().cell.layers;
    for (auto* const block : {&cell.layer<1>(), &cell.layer<2>()}) {
      block->inner.layer<1>().function.negative_slope = 0.1;
      block->inner.layer<3>().function.negative_slope = 0.1;
    }
    model.layer<11>().rate = trains ? 0.2 : 0;
    return model;
  }
  static Parameters<Model, float> start(std::uint64_t seed) {
    auto theta = basin::initial_parameters<float>(Model{}, seed, basin::He{});
    after_step(theta);
    return theta;
  }
  static void after_step(Parameters<Model, float>& theta) {
    for (const char* const leaf :
         {"7.cell.1.inner.0.weight", "7.cell.1.inner.2.weight", "7.cell.2.inner.0.weight", "7.cell.2.inner.2.weight"}) {
      basin::limit_output_norms(theta, leaf, norm);
    }
  }
};

}  // namespace deq_zoo
