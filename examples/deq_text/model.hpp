#pragma once

// The model of deq_text: four passes of one block of a transformer as the cell of an equilibrium. Of each character
// there are 160 numbers, u from a table, and
//
//   block(z, u) = norm(u + h + feed_forward(norm(h))),    h = z + attention(z),    logits = W z,
//   f(z, u) = z_4,    z_(k + 1) = block(z_k, u + p_k),    z_0 = a z                        (basin/deq/passes.hpp)
//
// where norm is RmsNorm, attention is causal, of 5 heads with rotary positions, and feed_forward is W2 SwiGLU(W1 x)
// with 320 gated features. The equilibrium is of all four passes together, so that each may do something else. What a
// character attends to in the first pass is, times a, the equilibrium of those before it. The cell applied once is an
// explicit network of four tied layers; one of layers with parameters of their own stands beside it. In training a
// share of u, z, attention and feed_forward is dropped.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>

#include "basin/adjoint/any_adjoint.hpp"
#include "basin/adjoint/implicit.hpp"
#include "basin/adjoint/phantom.hpp"
#include "basin/adjoint/unrolled.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/deq/passes.hpp"
#include "basin/deq/residual_penalty.hpp"
#include "basin/fixed_point/anderson.hpp"
#include "basin/layers/attention.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/dropout.hpp"
#include "basin/layers/embedded.hpp"
#include "basin/layers/layer_norm.hpp"
#include "basin/layers/residual.hpp"
#include "basin/layers/rotary.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/layers/swiglu.hpp"
#include "basin/train/initial.hpp"
#include "stack.hpp"
#include "text.hpp"

namespace deq_text {

using basin::Index;
using basin::Shape;
using basin::State;
using basin::Token;
using basin::View;

inline constexpr int width = 160, heads = 5, gated = 320, passes = 4;

template <int In, int Out>
using Linear = basin::Dense<In, Out, basin::Bias::no>;
/// `Last`, of this and all that is made of it: nothing, or Dropout, with the same parameters.
template <class... Last>
using SelfAttention =
    basin::Sequential<Linear<width, 3 * width>, basin::Rotary<3 * width, 2 * heads, width / heads>,
                      basin::Attention<width, heads, basin::CausalAttention>, Linear<width, width>, Last...>;
template <class... Last>
using FeedForward = basin::Sequential<basin::RmsNorm<width>, Linear<width, 2 * gated>, basin::SwiGlu<gated>,
                                      Linear<gated, width>, Last...>;
template <class... Last>
using Block = basin::Sequential<basin::Residual<SelfAttention<Last...>>, basin::Residual<FeedForward<Last...>>>;
template <class... Last>
using PassWith = basin::Injected<basin::Sequential<Block<Last...>, basin::RmsNorm<width>>>;
using Pass = PassWith<>;                                 ///< as it is tested
using TrainedPass = PassWith<basin::Dropout>;            ///< as it is trained
using Cell = basin::Passes<Pass, passes>;                ///< as it is tested
using TrainedCell = basin::Passes<TrainedPass, passes>;  ///< as it is trained

template <class Middle>
using Model =
    basin::Embedded<alphabet, basin::Sequential<basin::Dropout, Middle, basin::Dropout, Linear<width, alphabet>>>;

/// What is tested, and whose memory is measured.
using Adjoint = basin::AnyAdjoint<basin::Implicit<>, basin::Phantom>;
using Settled = Model<basin::Equilibrium<Cell, basin::Anderson<>, Adjoint>>;
/// What is trained, through a number of steps, and the explicit network of tied layers: the same parameters.
using Unrolled = Model<basin::ResidualPenalty<basin::Equilibrium<TrainedCell, basin::Picard, basin::Unrolled>>>;
/// The explicit network whose layers have parameters of their own, as it is tested and as it is trained.
using Untied = Model<Stack<Pass, passes>>;
using TrainedUntied = Model<Stack<TrainedPass, passes>>;

using Theta = basin::Parameters<Settled, float>;

/// The logits' weights among the leaves, and the share a of the state that is carried over.
inline constexpr const char *logits_leaf = "body.3.weight", *carry_leaf = "body.1.cell.carry";

/// The cell, or the stack of them.
template <class M>
[[nodiscard]] auto& middle(M& model) {
  return model.body.template layer<1>();
}

/// Drops a share `rate` of u, of the state that logits are made of, and of what the branches of a block give: the same
/// numbers in all passes and evaluations of a solve.
template <class M, class P>
void set_dropout(M& model, P& pass, double rate) {
  model.body.template layer<0>() = {.rate = rate, .seed = 3};
  model.body.template layer<2>() = {.rate = rate, .seed = 4};
  if constexpr (std::is_same_v<P, TrainedPass>) {
    auto& block = pass.layers.template layer<0>();
    block.template layer<0>().inner.template layer<4>() = {.rate = rate, .seed = 1};
    block.template layer<1>().inner.template layer<4>() = {.rate = rate, .seed = 2};
  }
}

/// How a training goes through steps, z <- f(z, u).
struct Steps {
  int count = 1;
  int last = 0;        ///< so many of them are differentiated; 0: all
  double penalty = 0;  ///< weight of the mean square of what is left of the residual, summed over windows
  double dropout = 0;
};

/// Differentiated through steps from `start`, which must live as long.
inline Unrolled unrolled_model(const Steps& steps, View<const float> start) {
  Unrolled model;
  middle(model).weight = steps.penalty;
  auto& layer = middle(model).equilibrium;
  set_dropout(model, layer.cell.cell, steps.dropout);
  // What a solve returns is evaluated too, for its residual.
  layer.stop = {.tolerance = 0, .absolute_tolerance = 0, .max_evaluations = steps.count + 1};
  layer.adjoint.tape = basin::Kept{};
  layer.adjoint.last_steps = steps.last;
  layer.start = start;
  return model;
}

/// Settled once a step changes the state of a text by no more than `tolerance` of it.
inline Settled settled_model(double tolerance, int max_evaluations, View<const float> start) {
  Settled model;
  auto& layer = middle(model);
  set_dropout(model, layer.cell.cell, 0);
  layer.stop = {.tolerance = tolerance, .absolute_tolerance = 0, .max_evaluations = max_evaluations};
  layer.start = start;
  return model;
}

/// M is Untied, which drops nothing, or TrainedUntied.
template <class M>
M untied_model(View<const float> start, double dropout = 0) {
  M model;
  set_dropout(model, middle(model).cell, dropout);
  middle(model).start = start;
  return model;
}

/// norm(u) of each character, where solves begin: what a block makes of zero, since attention and feed_forward make
/// nothing of nothing. theta is that of any of the models: a table, then a block, whose last numbers are the scales of
/// the norm.
inline State<float> start_of(std::span<const float> theta, View<const Token> tokens) {
  constexpr std::size_t table = std::size_t{alphabet} * width, scales = table + Pass::param_count - width;
  const auto norm = std::span<const float, width>(theta.data() + scales, width);
  State<float> start(tokens.shape().with_features(width));
  for (Index cell = 0; cell < tokens.size(); ++cell) {
    std::copy_n(theta.data() + Index{tokens.data()[cell]} * width, width, start.values.data() + cell * width);
  }
  basin::RmsNorm<width>{}.apply<float>(norm, start.view(), start.view());
  return start;
}

/// The share a of the state that is carried over from one evaluation to the next: in the root of the mean square over
/// the numbers of a character.
[[nodiscard]] inline double carried_over(const Theta& theta) {
  const auto a = theta.leaf(carry_leaf);
  double squares = 0;
  for (const float number : a) squares += double{number} * number;
  return std::sqrt(squares / static_cast<double>(a.size()));
}

/// Glorot's, but of the table normal numbers of deviation 1, and small where a block adds to what it got.
template <class M>
basin::Parameters<M, float> initial_theta(std::uint64_t seed) {
  const auto initializer = [](const basin::Leaf& leaf, std::span<float> values, const basin::Random& random) {
    if (leaf.name == "embedding") return basin::He{std::sqrt(static_cast<double>(leaf.fan_in))}(leaf, values, random);
    const bool adds = leaf.shape[0] == width && leaf.shape.size() == 2;
    basin::Glorot{adds ? 0.3 : 1.0}(leaf, values, random);
  };
  return basin::initial_parameters<float>(M{}, seed, initializer);
}

}  // namespace deq_text
