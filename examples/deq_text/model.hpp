#pragma once

// The model of deq_text: a block of a transformer as the cell of an equilibrium. Of each character there are 128
// numbers, u from a table, and
//
//   f(z, u) = norm(u + h + feed_forward(norm(h))),    h = z + attention(z),    logits = W z,
//
// where norm is RmsNorm, attention is causal, of 4 heads with rotary positions, and feed_forward is W2 SwiGLU(W1 x)
// with 256 gated features. What a character attends to is the equilibrium of those before it. The same cell is four
// layers of an explicit network, tied or not.

#include <cmath>
#include <cstdint>
#include <span>

#include "basin/adjoint/any_adjoint.hpp"
#include "basin/adjoint/implicit.hpp"
#include "basin/adjoint/jacobian_free.hpp"
#include "basin/adjoint/phantom.hpp"
#include "basin/adjoint/unrolled.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/deq/residual_penalty.hpp"
#include "basin/fixed_point/anderson.hpp"
#include "basin/layers/attention.hpp"
#include "basin/layers/dense.hpp"
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

inline constexpr int width = 128, heads = 4, gated = 256, layers = 4;

template <int In, int Out>
using Linear = basin::Dense<In, Out, basin::Bias::no>;
using SelfAttention = basin::Sequential<Linear<width, 3 * width>, basin::Rotary<3 * width, 2 * heads, width / heads>,
                                        basin::Attention<width, heads, basin::CausalAttention>, Linear<width, width>>;
using FeedForward =
    basin::Sequential<basin::RmsNorm<width>, Linear<width, 2 * gated>, basin::SwiGlu<gated>, Linear<gated, width>>;
using Block = basin::Sequential<basin::Residual<SelfAttention>, basin::Residual<FeedForward>>;
using Cell = basin::Injected<basin::Sequential<Block, basin::RmsNorm<width>>>;

template <class Middle>
using Model = basin::Embedded<alphabet, basin::Sequential<Middle, Linear<width, alphabet>>>;

/// What is tested, and trained where the gradient is to be that of the equilibrium, or near it.
using Adjoint = basin::AnyAdjoint<basin::Implicit<>, basin::Phantom, basin::JacobianFree>;
using Settled = Model<basin::Equilibrium<Cell, basin::Anderson<>, Adjoint>>;
/// What is trained through a number of steps, and the explicit network of tied layers: the same parameters.
using Unrolled = Model<basin::ResidualPenalty<basin::Equilibrium<Cell, basin::Picard, basin::Unrolled>>>;
/// The explicit network whose layers have parameters of their own.
using Untied = Model<Stack<Cell, layers>>;

using Theta = basin::Parameters<Settled, float>;

/// Of the cell, or of the stack of them.
template <class M>
[[nodiscard]] auto& middle(M& model) {
  return model.body.template layer<0>();
}

/// Differentiated through the last `last` of `steps` steps from `start`, which must live as long; 0: all. `penalty`: of
/// the mean square of what is left of the residual, summed over windows.
inline Unrolled unrolled_model(int steps, int last, View<const float> start, double penalty = 0) {
  Unrolled model;
  middle(model).weight = penalty;
  auto& layer = middle(model).equilibrium;
  layer.stop = {.tolerance = 0, .absolute_tolerance = 0, .max_evaluations = steps};
  layer.adjoint.tape = basin::Kept{};
  layer.adjoint.last_steps = last;
  layer.start = start;
  return model;
}

/// Settled once a step changes the state of a text by no more than `tolerance` of it.
inline Settled settled_model(double tolerance, int max_evaluations, View<const float> start) {
  Settled model;
  auto& layer = middle(model);
  layer.stop = {.tolerance = tolerance, .absolute_tolerance = 0, .max_evaluations = max_evaluations};
  layer.start = start;
  return model;
}

inline Untied untied_model(View<const float> start) {
  Untied model;
  middle(model).start = start;
  return model;
}

/// f(0, u) = norm(u) of each character, where solves begin: what the first evaluation from zero would give, since
/// attention and feed_forward make nothing of nothing. theta is that of any of the models: a table, then a cell, whose
/// last numbers are the scales of the norm.
inline State<float> start_of(std::span<const float> theta, View<const Token> tokens) {
  constexpr std::size_t table = std::size_t{alphabet} * width, scales = table + Cell::param_count - width;
  const auto norm = std::span<const float, width>(theta.data() + scales, width);
  State<float> start(tokens.shape().with_features(width));
  for (Index cell = 0; cell < tokens.size(); ++cell) {
    std::copy_n(theta.data() + Index{tokens.data()[cell]} * width, width, start.values.data() + cell * width);
  }
  basin::RmsNorm<width>{}.apply<float>(norm, start.view(), start.view());
  return start;
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
