#include "basin/meta/perceive_signals.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <random>
#include <utility>
#include <vector>

#include "basin/layers/parallel.hpp"
#include "basin/meta/perceive_weights.hpp"
#include "basin/meta/stride.hpp"
#include "basin/nca/automaton.hpp"
#include "basin/nca/perceive_both.hpp"
#include "basin/nca/rollout.hpp"
#include "basin/train/network_loss.hpp"
#include "support/counting_allocator.hpp"
#include "support/layer_checks.hpp"

namespace {

using namespace basin;

constexpr int features = 3, messages = 2, hidden = 6;
using Sees = PerceiveSignals<features, messages>;
constexpr int seen_features = Sees::seen_features;
constexpr int answers = Stride::answers<features>;
using Rule = Sum<Dense<seen_features, answers>, Sequential<Dense<seen_features, hidden>, Tanh, Dense<hidden, answers>>>;
template <class Fire>
using Learner = Automaton<Sees, Rule, Fire, Everywhere, Stride>;

/// Inputs, and targets of either kind.
struct Data {
  State<float> x, y;
  Outputs outputs;

  Data(const Network& network, Index batch, Index batches, Index networks, Outputs kind, std::uint64_t seed = 11)
      : x(test::cast<float>(test::random_state(Shape{network.widths().front(), {batch, batches, 1}, networks}, seed))),
        y(test::cast<float>(
            test::random_state(Shape{network.widths().back(), {batch, batches, 1}, networks}, seed + 1))),
        outputs(kind) {
    if (kind == Outputs::numbers) return;
    for (Index n = 0; n < y.shape.cells(); ++n) {
      y.view().matrix().col(n).setZero();
      y.view().matrix()(label(n), n) = 1;
    }
  }
  [[nodiscard]] int label(Index n) const { return static_cast<int>((5 * n + n / 3) % y.shape.features); }
  [[nodiscard]] LearningData view() const { return {x.view(), y.view(), outputs}; }
};

const Network& small() {
  static const Network network({2, 4, 3});
  return network;
}

/// Signals of one datum, each neuron by itself: all of them begin anywhere, and some of them update at once, in no
/// order, until nothing moves.
class Asynchronous {
 public:
  Asynchronous(const Sees& perception, const Parameters<Sees, double>& theta, const State<double>& z, const float* x,
               const float* y)
      : perception_(perception), theta_(theta), z_(z), x_(x), y_(y) {
    std::mt19937 random(3);
    const auto any = [&] { return std::uniform_real_distribution<double>(-3, 3)(random); };
    const std::size_t last = perception.network.layers().size();
    for (const Network::Layer& layer : perception.network.layers()) {
      activation.emplace_back();
      sum.emplace_back();
      message.emplace_back();
      for (Index j = 0; j < layer.outputs; ++j) {
        activation.back().push_back(any());
        sum.back().push_back(any());
        message.back().push_back({any(), any()});
      }
    }
    for (int round = 0; round < 200; ++round) {
      const auto activations = activation;
      const auto sums = sum;
      const auto before = message;
      for (std::size_t l = 0; l < last; ++l) {
        for (std::size_t j = 0; j < activation[l].size(); ++j) {
          if (random() % 3 != 0) continue;
          update(l, j, activations, sums, before);
        }
      }
    }
  }

  [[nodiscard]] double into(std::size_t l, Index i) const {
    if (i == perception_.network.layers()[l].inputs) return 1;
    return l == 0 ? static_cast<double>(x_[i]) : activation[l - 1][static_cast<std::size_t>(i)];
  }
  [[nodiscard]] std::vector<double> error(const std::vector<double>& outputs) const {
    std::vector<double> e(outputs.size());
    double total = 0;
    for (const double one : outputs) total += std::exp(one);
    for (std::size_t j = 0; j < e.size(); ++j) {
      const double p = perception_.data.outputs == Outputs::classes ? std::exp(outputs[j]) / total : outputs[j];
      e[j] = static_cast<double>(y_[j]) - p;
    }
    return e;
  }

  std::vector<std::vector<double>> activation, sum;
  std::vector<std::vector<std::array<double, messages>>> message;

 private:
  void update(std::size_t l, std::size_t j, const std::vector<std::vector<double>>& activations,
              const std::vector<std::vector<double>>& sums,
              const std::vector<std::vector<std::array<double, messages>>>& before) {
    const auto layers = perception_.network.layers();
    const Network::Layer& layer = layers[l];
    double z = 0;
    for (Index i = 0; i < layer.rows; ++i) {
      const double in = i == layer.inputs ? 1
                        : l == 0          ? static_cast<double>(x_[i])
                                          : activations[l - 1][static_cast<std::size_t>(i)];
      z += in * q(layer.cell(i, static_cast<Index>(j)))[0] / std::sqrt(layer.rows);
    }
    sum[l][j] = z;
    activation[l][j] = std::max(sums[l][j], 0.0) + perception_.slope * std::min(sums[l][j], 0.0);
    if (l + 1 == layers.size()) {
      for (int c = 0; c < messages; ++c) {
        message[l][j][static_cast<std::size_t>(c)] =
            theta_.leaf("emit")[static_cast<std::size_t>(c)] * error(sums[l])[j];
      }
      return;
    }
    const Network::Layer& above = layers[l + 1];
    std::array<double, messages> t{};
    for (Index k = 0; k < above.outputs; ++k) {
      const double* cell = q(above.cell(static_cast<Index>(j), k));
      for (int c = 0; c < messages; ++c) {
        double back = 0;
        for (int f = 0; f < features; ++f)
          back += theta_.leaf("back")[static_cast<std::size_t>(f * messages + c)] * cell[f];
        t[static_cast<std::size_t>(c)] +=
            back / std::sqrt(above.rows) * before[l + 1][static_cast<std::size_t>(k)][static_cast<std::size_t>(c)];
      }
    }
    State<double> pair(Shape{2, {1, 1, 1}, 1}), gates(Shape{messages * messages, {1, 1, 1}, 1});
    pair.values << sums[l][j], activations[l][j];
    (void)perception_.neurons.apply<double>(theta_.span().last<Sees::Neurons::param_count>(), pair.view(),
                                            gates.view());
    for (int c = 0; c < messages; ++c) {
      double m = 0;
      for (int d = 0; d < messages; ++d) m += gates.values[c * messages + d] * t[static_cast<std::size_t>(d)];
      message[l][j][static_cast<std::size_t>(c)] = m;
    }
  }
  [[nodiscard]] const double* q(Index cell) const { return z_.values.data() + cell * features; }

  const Sees& perception_;
  const Parameters<Sees, double>& theta_;
  const State<double>& z_;
  const float *x_, *y_;
};

/// G of a ReLU network's derivative: the slope of the activation, and no message mixed into another.
struct SlopeOfRelu {
  static constexpr int in_features = 2, out_features = 1;
  static constexpr std::size_t param_count = 0;

  [[nodiscard]] Shape out_shape(const Shape& x) const { return x.with_features(1); }
  template <class S>
  void apply(Theta<S, 0>, In<S> x, View<S> y, const Context& = {}) const {
    for (Index n = 0; n < x.samples(); ++n) y.data()[n] = x.data()[2 * n] > 0 ? S(1) : S(0.01);
  }
  template <class S>
  struct Linearization {
    void jvp(View<const S>, View<S> out) const { out.vector().setZero(); }
    void vjp(View<const S>, View<S> dx) const { dx.vector().setZero(); }
    void pullback(View<const S>, View<S> dx, std::span<S, 0>) const {
      if (dx) dx.vector().setZero();
    }
  };
  template <class S>
  Linearization<S> linearize(Theta<S, 0> theta, In<S> x, View<S> y, const Context& context = {}) const {
    apply<S>(theta, x, y, context);
    return {};
  }
};

}  // namespace

TEST_CASE("weights see the signals at which neurons that update in any order come to rest", "[unit]") {
  for (const Network& network : {small(), Network({2, 3}), Network({3, 2, 4, 2}, Bias::no), Network({1, 3, 3, 1})}) {
    for (const Outputs outputs : {Outputs::classes, Outputs::numbers}) {
      if (outputs == Outputs::classes && network.widths().back() == 1) continue;
      constexpr Index batch = 3;
      const Data data(network, batch, 2, 2, outputs);
      const Sees perception{.network = network, .data = data.view(), .floor = 1e-12};
      const auto theta = test::random_parameters<Sees>(1);
      const State<double> z = test::random_state(network.shape(features, 2), 2);
      const Context context{.step = 5, .first_sample = 1};  // the second batch of the second network
      CAPTURE(network.to_string(), outputs == Outputs::classes);
      State<double> one(network.shape(features));
      one.values = z.view().sample(1).vector();
      std::vector<Asynchronous> at;
      for (Index b = 0; b < batch; ++b) {
        at.emplace_back(perception, theta, one, data.x.view().sample(1).data() + (batch + b) * network.widths().front(),
                        data.y.view().sample(1).data() + (batch + b) * network.widths().back());
      }
      double squares = 0;
      for (const Asynchronous& datum : at) {
        for (const double e : datum.error(datum.sum.back())) squares += e * e;
      }
      const double error = std::sqrt(squares / static_cast<double>(batch * network.widths().back()));
      Scratch scratch;
      Sees::Sight<double> sight(perception, theta.span(), one.view(), context, scratch);
      for (std::size_t l = 0; l < network.layers().size(); ++l) {
        const Network::Layer& layer = network.layers()[l];
        std::array<Matrix<double>, messages> passing;
        std::array<double, messages> size{};
        for (int c = 0; c < messages; ++c) {
          auto& P = passing[static_cast<std::size_t>(c)];
          P.setZero(layer.rows, layer.outputs);
          for (const Asynchronous& datum : at) {
            for (Index i = 0; i < layer.rows; ++i) {
              for (Index j = 0; j < layer.outputs; ++j) {
                P(i, j) += datum.into(l, i) *
                           datum.message[l][static_cast<std::size_t>(j)][static_cast<std::size_t>(c)] / batch;
              }
            }
          }
          size[static_cast<std::size_t>(c)] = std::sqrt(P.squaredNorm() / static_cast<double>(P.size()));
          P /= size[static_cast<std::size_t>(c)];
        }
        for (Index i = 0; i < layer.rows; ++i) {
          for (Index j = 0; j < layer.outputs; ++j) {
            Vector<double> expected(seen_features), seen(seen_features);
            const Index cell = layer.cell(i, j);
            expected.head(features) = one.view().matrix().col(cell);
            for (int c = 0; c < messages; ++c) {
              const auto& P = passing[static_cast<std::size_t>(c)];
              expected.segment<3>(features + 3 * c) << P(i, j), P.row(i).mean(), P.col(j).mean();
              expected[Sees::seen_sizes + c] = std::log(size[static_cast<std::size_t>(c)]) / 5;
            }
            expected[Sees::seen_error] = 0.3 * std::log(error);
            expected.tail<3>() << (i == layer.inputs), (l == 0), (l + 1 == network.layers().size());
            sight(&cell, 1, seen.data());
            CHECK(test::relative_error(seen, expected) < 1e-12);
          }
        }
      }
    }
  }
}

// What the library does not hand in, but rules can find.
TEST_CASE("with one message and the slope as the neurons' rule, what passes is the derivative of the loss", "[unit]") {
  using Exact = PerceiveSignals<1, 1, SlopeOfRelu>;
  for (const Network& network : {Network({3, 5, 4, 3}), Network({2, 6, 3}, Bias::no)}) {
    const Data data(network, 7, 1, 1, Outputs::classes);
    const Exact perception{network, data.view()};
    Parameters<Exact, double> theta;
    theta.leaf("emit")[0] = 1;
    theta.leaf("back")[0] = 1;
    const State<double> z = test::random_state(network.shape(1), 2);
    Scratch scratch;
    Exact::Sight<double> sight(perception, theta.span(), z.view(), Context{}, scratch);
    const State<double> x = test::cast<double>(data.x);
    std::vector<int> labels;
    for (Index n = 0; n < 7; ++n) labels.push_back(data.label(n));
    State<double> inputs(Shape{x.shape.features, {1, 1, 1}, 7});
    inputs.values = x.values;
    const auto scales = unit_scales<double>(network);
    const NetworkLoss<double> loss{network, inputs.view(), labels, scales, scales};
    State<double> dz(z.shape);
    (void)loss.value_and_gradient(z.view(), 0, 1, dz.view());
    for (std::size_t l = 0; l < network.layers().size(); ++l) {
      const Network::Layer& layer = network.layers()[l];
      for (Index k = 0; k < layer.cells(); ++k) {
        const Index cell = layer.first + k;
        Vector<double> seen(Exact::seen_features);
        sight(&cell, 1, seen.data());
        const double passing = seen[1] * std::exp(5 * seen[Exact::seen_sizes]);
        CHECK(-passing * scales[l] == Approx(dz.values[cell]).epsilon(1e-9));
      }
    }
  }
}

TEST_CASE("an automaton that learns from data has the gradients of its equations", "[gradient]") {
  for (const Outputs outputs : {Outputs::classes, Outputs::numbers}) {
    const Data data(small(), 4, 2, 1, outputs);
    const Learner<RandomFire> cell{.perception = {small(), data.view()}, .rule = {}, .fire = {.rate = 0.7, .seed = 3}};
    test::check_cell(cell, small().shape(0));  // one sample: masks depend on its number
    test::check_cell(mean_field(cell), small().shape(0, 3));
  }
  const Network flat({3, 2}, Bias::no);
  const Data data(flat, 1, 1, 1, Outputs::classes);
  test::check_cell(Learner<EveryCell>{.perception = {flat, data.view()}}, flat.shape(0, 2));
  const Data none(small(), 0, 2, 1, Outputs::classes);
  test::check_cell(Learner<EveryCell>{.perception = {small(), none.view()}}, small().shape(0, 2));
}

TEST_CASE("where there are no data nothing passes, and cells see themselves", "[unit]") {
  for (const Outputs outputs : {Outputs::classes, Outputs::numbers}) {
    const Data none(small(), 0, 1, 1, outputs);
    const Sees perception{.network = small(), .data = none.view(), .floor = 1e-3};
    const auto theta = test::random_parameters<Sees>(1);
    const State<double> z = test::random_state(small().shape(features), 2);
    Scratch scratch;
    Sees::Sight<double> sight(perception, theta.span(), z.view(), Context{}, scratch);
    for (Index cell = 0; cell < small().cells(); ++cell) {
      Vector<double> seen(seen_features), expected = Vector<double>::Zero(seen_features);
      sight(&cell, 1, seen.data());
      expected.head(features) = z.view().matrix().col(cell);
      expected.segment<messages>(Sees::seen_sizes).setConstant(std::log(1e-3) / 5);
      expected[Sees::seen_error] = 0.3 * std::log(1e-3);
      expected.tail<3>() = seen.tail<3>();  // where it is, which data do not say
      CHECK(test::relative_error(seen, expected) < 1e-14);
    }
  }
}

TEMPLATE_TEST_CASE("a life of learning has the gradient of its steps, of each tape", "[gradient]", Kept, Recomputed,
                   Checkpointed) {
  const Data data(small(), 4, 3, 1, Outputs::classes);
  Rollout<Learner<RandomFire>, TestType> rollout;
  rollout.automaton = {.perception = {small(), data.view()}, .rule = {}, .fire = {.rate = 0.7, .seed = 3}};
  rollout.steps = 4;
  test::check_linearization(rollout, small().shape(features));
}

// Its neighbours' states beside what passes: the whole of what the abstract announced.
TEST_CASE("a weight sees its neighbours and signals at once", "[gradient]") {
  using Both = PerceiveBoth<PerceiveWeights<features, AcrossLayers, true>, Sees>;
  using Whole = Automaton<Both, Dense<Both::seen_features, features>, EveryCell, Everywhere, Increment>;
  const Data data(small(), 4, 2, 1, Outputs::classes);
  test::check_cell(Whole{.perception = {{small()}, {small(), data.view()}}}, small().shape(0, 2));
}

TEST_CASE("a stride is as long as the rule says, within its bound", "[unit]") {
  const Stride stride{.rate = 0.5, .range = 2, .hidden_rate = 0.25};
  const std::array<double, 2> z{1, -3};
  std::array<double, 2> out{};
  stride.next<2>(z.data(), std::array<double, 3>{0.7, 4, 1.5}.data(), 0.5, out.data());
  CHECK(out[0] == Approx(1 + 0.25 * std::tanh(0.7) * std::exp(2 * std::tanh(0.75))));
  CHECK(out[1] == Approx(-3 + 0.5));
  stride.next<2>(z.data(), std::array<double, 3>{1e9, 0, 1e9}.data(), 1.0, out.data());
  CHECK(out[0] == Approx(1 + 0.5 * std::exp(2)));
}

TEST_CASE("parts of what learns add up to its gradient", "[gradient]") {
  const Network& network = small();
  const Data data(network, 4, 1, 1, Outputs::classes);
  const Sees perception{network, data.view()};
  const auto theta = test::random_parameters<Sees>(1);
  const State<double> z = test::random_state(network.shape(features), 2);
  const Index all = network.cells();
  const State<double> g = test::random_state(Shape{seen_features, {all, 1, 1}, 1}, 3);
  const auto spread = [&](const std::vector<Index>& cuts) {
    Scratch scratch;
    State<double> dz(z.shape);
    Vector<double> dtheta = Vector<double>::Zero(Sees::param_count);
    Sees::Spread<double> whole(perception, theta.span(), z.view(), dz.view(), Context{}, scratch);
    for (std::size_t c = 0; c + 1 < cuts.size(); ++c) {
      auto part = whole.part(cuts[c], cuts[c + 1], dtheta.data(), scratch);
      for (Index cell = cuts[c]; cell < cuts[c + 1]; ++cell) part(&cell, 1, g.values.data() + cell * seen_features);
      whole.add(part);
    }
    whole.finish(dtheta.data());
    Vector<double> both(dz.values.size() + dtheta.size());
    both << dz.values, dtheta;
    return both;
  };
  const Vector<double> at_once = spread({0, all});
  CHECK(at_once.norm() > 1);
  for (const Index cut : {Index{1}, Index{7}, all - 1}) {
    CHECK(test::relative_error(spread({0, cut, all}), at_once) < 1e-13);
  }
}

// Enough cells that a network is cut into bands, forward and backward; each network has data of its own.
TEST_CASE("networks that learn are the same on any number of threads, and alone as in a batch", "[repeatable]") {
  const Network network({90, 110, 60, 5});
  const Data data(network, 6, 2, 2, Outputs::classes);
  using Model = Rollout<Learner<RandomFire>>;
  Model rollout;
  rollout.automaton = {.perception = {network, data.view()}, .rule = {}, .fire = {.rate = 0.7, .seed = 3}};
  rollout.steps = 3;
  const auto theta = test::random_parameters<Model>(1, 0.1);
  const Shape shape = network.shape(features, 2);
  const State<double> z = test::random_state(shape, 2), w = test::random_state(shape, 4);
  const auto pulled = [&](int count) {
    set_threads(count);
    State<double> end(shape), dz(shape);
    Parameters<Model, double> gradient;
    const auto linear = rollout.linearize(theta.span(), z.view(), end.view());
    (void)linear.pullback(w.view(), dz.view(), gradient.span());
    set_threads(0);
    Vector<double> all(end.values.size() + dz.values.size() + gradient.vector().size());
    all << end.values, dz.values, gradient.vector();
    return all;
  };
  const Vector<double> one = pulled(1);
  CHECK(one == pulled(2));
  CHECK(one == pulled(3));

  State<double> alone(network.shape(features)), from(alone.shape);
  from.values = z.view().sample(1).vector();
  (void)rollout.apply(theta.span(), from.view(), alone.view(), Context{.first_sample = 1});
  CHECK(alone.values == one.segment(alone.values.size(), alone.values.size()));
}

TEST_CASE("a step of learning allocates nothing after the first", "[allocation]") {
  if (!basin_test::counts_allocations()) return;
  const Data data(small(), 4, 2, 1, Outputs::classes);
  const Learner<RandomFire> cell{.perception = {small(), data.view()}};
  const auto theta = test::random_parameters<Learner<RandomFire>>(1);
  const State<double> z = test::random_state(small().shape(features, 3), 2);
  State<double> next(z.shape);
  const State<double> u(z.shape.with_features(0));
  set_threads(1);
  (void)cell.apply(theta.span(), z.view(), u.view(), next.view());
  const basin_test::AllocationCount later;
  (void)cell.apply(theta.span(), z.view(), u.view(), next.view(), Context{.step = 1});
  CHECK(later.allocations() == 0);
  set_threads(0);
}

TEST_CASE("signals need data that fit the network", "[unit]") {
  const Data data(small(), 4, 2, 1, Outputs::classes), other(Network({3, 2}), 4, 2, 1, Outputs::classes),
      longer(small(), 5, 2, 2, Outputs::classes);
  const auto with = [](const Data& x, const Data& y) {
    return Learner<EveryCell>{.perception = {small(), {x.x.view(), y.y.view()}}};
  };
  const Shape shape = small().shape(0);
  CHECK_THROWS_WITH(with(other, data).state_shape(shape), Catch::Contains("numbers of an input is 3, expected 2"));
  CHECK_THROWS_WITH(with(data, other).state_shape(shape), Catch::Contains("numbers of a target is 2, expected 3"));
  CHECK_THROWS_WITH(with(data, longer).state_shape(shape), Catch::Contains("shape of the targets"));
  CHECK_THROWS_WITH(with(data, data).state_shape(Shape{0, {7, 1, 1}, 1}), Catch::Contains("is 7, expected 27"));
  const Network narrow({2, 4, 1});
  const Data sure(narrow, 4, 2, 1, Outputs::classes);
  const Learner<EveryCell> one_class{.perception = {narrow, sure.view()}};
  CHECK_THROWS_WITH(one_class.state_shape(narrow.shape(0)),
                    Catch::Contains("outputs for classes is 1, expected at least 2"));
  Learner<EveryCell> none{.perception = {small(), {}}};
  CHECK_THROWS_WITH(none.state_shape(shape), Catch::Contains("numbers of an input is 0"));
  // Three networks, and data for two.
  const auto theta = test::random_parameters<Learner<EveryCell>>(1);
  const State<double> z = test::random_state(small().shape(features, 3), 2);
  State<double> next(z.shape);
  CHECK_THROWS_WITH(with(longer, longer).apply(theta.span(), z.view(), View<const double>{}, next.view()),
                    Catch::Contains("is 2, expected below 2"));
}
