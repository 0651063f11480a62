// What a sample gets does not depend on where it stands: alone, in a batch, permuted, and at any address that suits its
// scalar, it gets the same, bit for bit, from every layer in both directions. What is random follows its number.

#include <catch2/catch.hpp>
#include <cstdint>
#include <functional>
#include <vector>

#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/deq/normalized_weights.hpp"
#include "basin/fixed_point/broyden.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/attention.hpp"
#include "basin/layers/batch_norm.hpp"
#include "basin/layers/bounded_diagonal.hpp"
#include "basin/layers/causal_conv.hpp"
#include "basin/layers/conv.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/dropout.hpp"
#include "basin/layers/flatten.hpp"
#include "basin/layers/gaussian_sample.hpp"
#include "basin/layers/group_norm.hpp"
#include "basin/layers/grouped.hpp"
#include "basin/layers/layer_norm.hpp"
#include "basin/layers/links.hpp"
#include "basin/layers/mix.hpp"
#include "basin/layers/noise.hpp"
#include "basin/layers/parallel.hpp"
#include "basin/layers/pool.hpp"
#include "basin/layers/quantized.hpp"
#include "basin/layers/reglu.hpp"
#include "basin/layers/residual.hpp"
#include "basin/layers/rotary.hpp"
#include "basin/layers/scale.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/layers/set_messages.hpp"
#include "basin/layers/split.hpp"
#include "basin/layers/swiglu.hpp"
#include "basin/layers/transposed_conv.hpp"
#include "basin/layers/upsample.hpp"
#include "basin/logic/soft_circuit.hpp"
#include "basin/nca/gated.hpp"
#include "basin/nca/lenia.hpp"
#include "basin/nca/perceive.hpp"
#include "basin/nca/rollout.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

/// A state whose first number lies `shift` scalars behind an address that suits every vector.
template <class S>
class Placed {
 public:
  Placed(const Shape& shape, Index shift) : memory_(static_cast<std::size_t>(shape.size() + shift) + 64 / sizeof(S)) {
    const auto address = reinterpret_cast<std::uintptr_t>(memory_.data());
    view_ = View<S>(memory_.data() + (64 - address % 64) % 64 / sizeof(S) + shift, shape);
  }
  [[nodiscard]] View<S> view() const { return view_; }

 private:
  std::vector<S> memory_;
  View<S> view_;
};

/// Computes all states `to` of a batch from the states `from`; the context has the numbers of the samples.
template <class S>
using Run =
    std::function<void(const std::vector<Placed<S>>& from, const std::vector<Placed<S>>& to, const Context& context)>;

/// Shapes are those of one sample.
template <class S>
void check_places(std::span<const Shape> from, std::span<const Shape> to, const Run<S>& run) {
  constexpr Index samples = 41;
  std::vector<State<S>> given, alone;
  for (std::size_t k = 0; k < from.size(); ++k) given.push_back(random_state<S>(from[k].with_samples(samples), 10 + k));
  for (const Shape& shape : to) alone.emplace_back(shape.with_samples(samples));

  // Sample i of the batch is number (first + stride i) mod samples of those above.
  const auto on = [&](Index count, Index first, Index stride, Index shift, const auto& take) {
    std::vector<Placed<S>> in, out;
    for (std::size_t k = 0; k < from.size(); ++k) in.emplace_back(from[k].with_samples(count), shift);
    for (const Shape& shape : to) out.emplace_back(shape.with_samples(count), shift);
    for (std::size_t k = 0; k < from.size(); ++k) {
      for (Index i = 0; i < count; ++i) {
        in[k].view().sample(i).vector() = given[k].view().sample((first + stride * i) % samples).vector();
      }
    }
    std::vector<Index> numbers;
    for (Index i = 0; i < count; ++i) numbers.push_back((first + stride * i) % samples);
    run(in, out, {.samples = numbers.data()});
    for (std::size_t k = 0; k < to.size(); ++k) {
      for (Index i = 0; i < count; ++i) take(k, (first + stride * i) % samples, out[k].view().sample(i).vector());
    }
  };

  for (Index n = 0; n < samples; ++n) {
    on(1, n, 1, 0,
       [&](std::size_t k, Index sample, const auto& result) { alone[k].view().sample(sample).vector() = result; });
  }
  for (const State<S>& state : alone) REQUIRE(state.values.allFinite());
  const auto check = [&](Index count, Index first, Index stride, Index shift) {
    std::vector<Index> differ(to.size(), 0);
    on(count, first, stride, shift, [&](std::size_t k, Index sample, const auto& result) {
      differ[k] += alone[k].view().sample(sample).vector() != result;
    });
    CAPTURE(sizeof(S), count, stride, shift);
    CHECK(differ == std::vector<Index>(to.size(), 0));
  };
  for (const Index count : {2, 3, 5, 8, 17, 40, 41}) check(count, 0, 1, 0);
  check(41, 3, 7, 0);    // permuted
  check(41, 40, 40, 5);  // backwards
  for (Index shift = 1; shift < 16; ++shift) {
    check(1, shift, 1, shift);
    check(6, shift, 5, shift);
  }
}

template <class S, class L>
void check_layer_in(const L& layer, const Shape& shape) {
  const Shape x = shape.with_samples(1), y = layer.out_shape(x);
  const auto theta = random_parameters<L, S>(3, 0.4);
  check_places<S>(std::array{x, x, y}, std::array{y, y, y, x, x},
                  [&](const auto& in, const auto& out, const Context& context) {
                    static_cast<void>(layer.apply(theta, in[0].view(), out[0].view(), context));
                    const auto j = layer.linearize(theta, in[0].view(), out[1].view(), context);
                    static_cast<void>(j.jvp(in[1].view(), out[2].view()));
                    static_cast<void>(j.vjp(in[2].view(), out[3].view()));
                    Parameters<L, S> dtheta;
                    static_cast<void>(j.pullback(in[2].view(), out[4].view(), dtheta.span()));
                  });
}

template <class L>
void check_layer(const L& layer, const Shape& shape) {
  check_layer_in<float>(layer, shape);
  check_layer_in<double>(layer, shape);
}

template <class S, class C>
void check_cell_in(const C& cell, const Shape& u_shape) {
  const Shape u = u_shape.with_samples(1), z = cell.state_shape(u);
  const auto theta = random_parameters<C, S>(3, 0.4);
  check_places<S>(std::array{z, u, z, u, z}, std::array{z, z, z, z, z, z, u},
                  [&](const auto& in, const auto& out, const Context& context) {
                    static_cast<void>(cell.apply(theta, in[0].view(), in[1].view(), out[0].view(), context));
                    const auto j = cell.linearize(theta, in[0].view(), in[1].view(), out[1].view(), context);
                    static_cast<void>(j.jvp(in[2].view(), out[2].view()));
                    static_cast<void>(j.jvp_input(in[3].view(), out[3].view()));
                    static_cast<void>(j.vjp(in[4].view(), out[4].view()));
                    Parameters<C, S> dtheta;
                    static_cast<void>(j.pullback(in[4].view(), out[5].view(), out[6].view(), dtheta.span()));
                  });
}

template <class C>
void check_cell_everywhere(const C& cell, const Shape& u) {
  check_cell_in<float>(cell, u);
  check_cell_in<double>(cell, u);
}

/// Quantized<L>, which has no derivative.
template <class S, class L>
void check_quantized(const Shape& shape) {
  const auto theta = random_parameters<L, S>(3, 0.4);
  const auto weights = quantized_weights<L>(std::span<const S, L::param_count>(theta.span()), {-3, 3});
  const Quantized<L> layer{&weights};
  const auto bias = theta.span().template last<Quantized<L>::param_count>();
  check_places<S>(std::array{shape}, std::array{layer.out_shape(shape)},
                  [&](const auto& in, const auto& out, const Context& context) {
                    layer.apply(bias, in[0].view(), out[0].view(), context);
                  });
}

template <class L>
void check_activation(const L& layer) {
  for (const Index features : {1, 13, 16, 37}) check_layer(layer, Shape{features});
}

}  // namespace

TEST_CASE("activations give a number the same bits at every place", "[unit]") {
  check_activation(Identity{});
  check_activation(Relu{});
  check_activation(LeakyRelu{});
  check_activation(Elu{});
  check_activation(Gelu{});
  check_activation(Silu{});
  check_activation(Softplus{});
  check_activation(Sigmoid{});
  check_activation(Tanh{});
  check_activation(LeniaGrowth{});
}

TEST_CASE("layers give a sample the same bits at every place", "[unit]") {
  check_layer(Dense<13, 7>{}, Shape{13});
  check_layer(Dense<16, 33>{}, Shape{16});
  check_layer(Dense<5, 40, Bias::no>{}, Shape{5});
  check_layer(Conv<3, 5, 3>{}, Shape{3, {5, 7, 1}});
  check_layer(Conv<4, 16, 3>{}, Shape{4, {8, 8, 1}});
  check_layer(Conv<3, 6, 3, 2>{}, Shape{3, {7, 5, 1}});
  check_layer(Conv<7, 9, 1>{}, Shape{7, {3, 3, 1}});
  check_layer(ConvNd<3, 5, Window{.axes = 3, .stride = 2, .dilation = 2}>{}, Shape{3, {5, 3, 4}});
  check_layer(DepthwiseConv<13>{}, Shape{13, {5, 3, 1}});
  check_layer(CausalConv<13, 3>{}, Shape{13, {5, 1, 1}});
  check_layer(TransposedConv<3, 6>{}, Shape{3, {5, 3, 1}});
  check_layer(UpsampleLinear<2>{}, Shape{5, {3, 4, 1}});
  check_layer(UpsampleNearest<2>{}, Shape{5, {3, 4, 1}});
  check_layer(Sum<Dense<5, 7>, Dense<5, 7, Bias::no>>{}, Shape{5, {3, 1, 1}});
  check_layer(Concat<Identity, Grouped<2, Dense<3, 5>>>{}, Shape{6, {3, 1, 1}});
  check_layer(LayerNorm<13>{}, Shape{13, {3, 1, 1}});
  check_layer(RmsNorm<13>{}, Shape{13, {3, 1, 1}});
  check_layer(Scale<13>{}, Shape{13, {3, 1, 1}});
  check_layer(BoundedDiagonal<13>{}, Shape{13, {3, 1, 1}});
  check_layer(Split<13, 2, 9>{}, Shape{13, {3, 1, 1}});
  check_layer(LayerNorm<1031>{}, Shape{1031, {3, 1, 1}});  // more than Eigen unrolls
  check_layer(GroupNorm<6, 3>{}, Shape{6, {5, 5, 1}});
  check_layer(GroupNorm<16, 4>{}, Shape{16, {9, 9, 1}});
  check_layer(AveragePool<2>{}, Shape{3, {6, 4, 1}});
  check_layer(MaxPool<3, 2>{}, Shape{3, {7, 7, 1}});
  check_layer(GlobalAveragePool{}, Shape{5, {7, 5, 1}});
  check_layer(GlobalMaxPool{}, Shape{5, {7, 5, 1}});
  check_layer(Flatten<3, 2, 2>{}, Shape{3, {2, 2, 1}});
  check_layer(Reglu<7>{}, Shape{14, {3, 1, 1}});
  check_layer(SwiGlu<7>{}, Shape{14, {3, 1, 1}});
  check_layer(Attention<6, 2>{}, Shape{18, {7, 3, 1}});
  check_layer(Rotary<14, 2, 6>{}, Shape{14, {7, 1, 1}});
  check_layer(Residual<Sequential<Dense<9, 9>, Silu>>{}, Shape{9});
}

TEST_CASE("layers with data of their own give a sample the same bits at every place", "[unit]") {
  BatchNorm<5> norm;
  norm.mean = {-1, -0.5, 0, 0.5, 1};
  norm.variance = {0.5, 1, 2, 3, 4};
  check_layer(norm, Shape{5, {3, 2, 1}});
  const std::vector<std::vector<Index>> sets{{0, 1, 2}, {3, 4, 5}, {0, 3}};
  check_layer(SetMessages<5, 3, 9, 1>{.sets = {6, {sets}}}, Shape{5, {3, 2, 1}});
  check_layer(Attention<6, 2, CausalAttention>{}, Shape{18, {3, 2, 1}});
  check_layer(Attention<6, 2, GroupedAttention>{{6, sets}}, Shape{18, {3, 2, 1}});
  check_layer(Dropout{.rate = 0.3, .seed = 7}, Shape{5, {3, 1, 1}});
  check_layer(Noise{.deviation = 0.5, .seed = 7}, Shape{5, {3, 1, 1}});
  check_layer(GaussianSample<5>{.seed = 7}, Shape{10, {3, 1, 1}});
  check_layer(Mix<3, 2, MixChoice::drawn>{.seed = 7}, Shape{9, {3, 1, 1}});
  check_layer(SoftCircuit<6, 5, 4>(1), Shape{6, {3, 1, 1}});
  check_layer(SpectrallyNormalized<Dense<5, 4>>{}, Shape{5});
  check_layer(WeightNormalized<Dense<5, 4>>{}, Shape{5});
}

TEST_CASE("layers of planes, and quantized ones, give a sample the same bits at every place", "[unit]") {
  using Two = Planes<Plane<2, 4, 3>, Plane<3, 2, 1>>;
  using Three = Planes<Plane<3, 2, 1>, Plane<2, 4, 3>, Plane<5, 2, 1>>;
  check_layer(Links<Two, Three, Link<0, 0, Sequential<AveragePool<2>, Dense<2, 3>>>, Link<1, 0, Identity>,
                    Link<1, 2, Dense<3, 5>>>{},
              Two::shape(1));
  check_quantized<float, Dense<13, 7>>(Shape{13, {2, 1, 1}});
  check_quantized<double, Dense<13, 7>>(Shape{13, {2, 1, 1}});
  check_quantized<float, Conv<3, 4, 3, 2>>(Shape{3, {5, 4, 1}});
  check_quantized<double, Conv<3, 4, 3, 2>>(Shape{3, {5, 4, 1}});
}

TEST_CASE("layers with fused activations give a sample the same bits at every place", "[unit]") {
  check_layer(Sequential<Dense<13, 7>, Softplus, Dense<7, 5>, Elu>{}, Shape{13});
  check_layer(Sequential<Conv<3, 5, 3>, Sigmoid, Gelu>{}, Shape{3, {5, 7, 1}});
  check_layer(Sequential<Conv<3, 6, 3, 2>, GroupNorm<6, 2>, Silu>{}, Shape{3, {7, 5, 1}});
}

TEST_CASE("cells give a sample the same bits at every place", "[unit]") {
  check_cell_everywhere(Injected<Sequential<Dense<13, 13>, Tanh>>{}, Shape{13});
  check_cell_everywhere(Injected<Sequential<Dense<6, 9>, Softplus, Dense<9, 6>, Elu>>{}, Shape{9});
  check_cell_everywhere(Injected<Sequential<Conv<4, 4, 3>, Sigmoid>>{}, Shape{4, {5, 5, 1}});
  using See = Perceive<5, Zero, Centre, SobelX, SobelY>;
  using Rule = Sequential<Dense<15, 9>, Silu, Dense<9, 5>>;
  check_cell_everywhere(Gated<Automaton<See, Rule, MeanField>>{}, Shape{5, {6, 5, 1}});
}

TEST_CASE("automata and equilibria give a sample the same bits at every place", "[unit]") {
  using See = Perceive<5, Zero, Centre, SobelX, SobelY>;
  using Rule = Sequential<Dense<15, 9>, Softplus, Dense<9, 5>>;
  check_layer(Rollout<Automaton<See, Rule, EveryCell, AliveMask<3>>>{.steps = 2}, Shape{5, {6, 5, 1}});
  using Cell = Injected<Sequential<Dense<9, 9>, Tanh>>;
  check_layer(Equilibrium<Cell>{}, Shape{9});
  check_layer(Equilibrium<Cell, Broyden<>>{}, Shape{9});
}
