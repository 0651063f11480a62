// What keeps an equilibrium settling while it is trained: the same small convolutional network, from the same start and
// on the same images, with each remedy of docs/settling.md.
//
//   settling FOLDER-OF-MNIST [images = 10000] [epochs = 2] [rate = 3e-3] [part of the names of rows]
//
// A digit of 28 x 28 becomes 16 features on 7 x 7 cells, which settle under a 3 x 3 convolution; a dense layer reads
// them. Printed of each: the share of solves of the first and the last epoch that did not converge, evaluations a solve
// in the last one, and the accuracy on 2,000 test images with the share of their solves that failed.

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>

#include "basin/deq/injected.hpp"
#include "basin/deq/jacobian_penalty.hpp"
#include "basin/deq/normalized_weights.hpp"
#include "basin/deq/peaceman_rachford.hpp"
#include "basin/io/mnist.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dropout.hpp"
#include "basin/layers/flatten.hpp"
#include "basin/layers/group_norm.hpp"
#include "basin/train/batches.hpp"
#include "basin/train/fixed_point_correction.hpp"
#include "basin/train/initial.hpp"
#include "basin/train/limit_norms.hpp"
#include "basin/train/loss.hpp"
#include "basin/train/optimizer.hpp"
#include "basin/train/value_and_gradient.hpp"

namespace {

using namespace basin;

constexpr int channels = 16;
constexpr Index batch = 100;
using Plain = Injected<Sequential<Conv<channels, channels, 3, 1, Zero, Bias::no>, Relu>>;
using Smooth = Injected<Sequential<Conv<channels, channels, 3, 1, Zero, Bias::no>, Tanh>>;
using Dropping = Injected<Sequential<Conv<channels, channels, 3, 1, Zero, Bias::no>, Relu, Dropout>>;
using Bounded = Injected<Sequential<SpectrallyNormalized<Conv<channels, channels, 3, 1, Zero, Bias::no>>, Relu>>;
using Normalized = Injected<Sequential<Conv<channels, channels, 3, 1, Zero, Bias::no>, GroupNorm<channels, 4>, Relu>>;
template <class... Settling>
using Model = Sequential<Conv<1, channels, 5, 4>, Settling..., Flatten<channels, 7, 7>, Dense<channels * 49, 10>>;

struct Data {
  LabelledImages train, test;
  Index images;
  int epochs;
  double rate;
  std::string rows;  // those whose names have this in them
};

template <class M>
using Gradient =
    std::function<ValueAndGradient<M, float>(const M& model, const Parameters<M, float>& theta, const State<float>& x,
                                             const CrossEntropy& loss, const GradientOptions& options)>;

/// Trains, and prints a row. after_step may change theta; `evaluated` is what reads the test images.
template <class M>
void row(
    const std::string& name, const Data& data, const M& model, const M& evaluated,
    const std::function<void(Parameters<M, float>&)>& after_step = [](Parameters<M, float>&) {},
    const Gradient<M>& gradient = [](const M& a, const auto& b, const auto& c, const auto& d,
                                     const auto& e) { return value_and_gradient(a, b, c, d, e); }) {
  if (name.find(data.rows) == std::string::npos) return;
  auto theta = initial_parameters<float>(model, 1);
  const Adam adam{.rate = data.rate};
  auto state = adam.init(theta);
  Batches batches({.samples = data.images, .batch = batch, .random = {2, 0}});
  double failed[2] = {0, 0}, evaluations = 0;
  for (int epoch = 0; epoch < data.epochs; ++epoch) {
    SolveCounts counts;
    for (Index i = 0; i < batches.an_epoch(); ++i) {
      const auto of = batches.of(epoch * batches.an_epoch() + i);
      const State<float> x = samples_at(data.train.images.view(), of);
      CrossEntropy loss;
      for (const Index n : of) loss.labels.push_back(data.train.labels[static_cast<std::size_t>(n)]);
      auto sum = gradient(
          model, theta, x, loss,
          {.samples_per_part = 25, .context = {.draw = static_cast<std::uint64_t>(epoch * batches.an_epoch() + i)}});
      counts += sum.report.forward;
      if (!std::isfinite(clip_by_global_norm(sum.gradient, 1.0))) continue;
      adam.step(theta, sum.gradient, state);
      after_step(theta);
    }
    failed[epoch == 0 ? 0 : 1] = counts.nonconverged_fraction();
    evaluations = counts.mean_evaluations();
  }
  const Index tested = 2000;
  std::vector<int> labels(data.test.labels.begin(), data.test.labels.begin() + tested);
  const auto answers = predict(evaluated, theta, data.test.images.view().samples(0, tested), {.samples_per_part = 25});
  std::printf("| %s | %.1f%% | %.1f%% | %.1f | %.1f%% | %.1f%% |\n", name.c_str(), 100 * failed[0], 100 * failed[1],
              evaluations, 100 * accuracy(answers.output.view(), labels),
              100 * answers.report.forward.nonconverged_fraction());
  std::fflush(stdout);
}

template <class M>
void row(
    const std::string& name, const Data& data, const M& model,
    const std::function<void(Parameters<M, float>&)>& after_step = [](Parameters<M, float>&) {}) {
  row<M>(name, data, model, model, after_step);
}

/// With the loss at `states` iterates too, of 2 to `most` evaluations.
template <class M>
void corrected_row(const std::string& name, const Data& data, const M& model, int states, int most,
                   const FixedPointCorrection& correction) {
  const auto gradient = [=](const M& a, const auto& theta, const auto& x, const auto& loss, const auto& options) {
    FixedPointCorrection here = correction;
    here.evaluations = sample_evaluations(states, most, {3, 0}, options.context.draw);
    return corrected_value_and_gradient<1>(a, theta, x, loss, here, options).result;
  };
  row<M>(
      name, data, model, model, [](auto&) {}, gradient);
}

template <class E>
E settling(E equilibrium = {}) {
  equilibrium.stop = {.tolerance = 1e-3, .max_evaluations = 60};
  equilibrium.adjoint.tolerance = 1e-2;
  return equilibrium;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) {
    std::fprintf(stderr,
                 "settling FOLDER-OF-MNIST [images = 10000] [epochs = 2] [rate = 3e-3] [part of the names of rows]\n");
    return 2;
  }
  const Data data{read_mnist(arguments[1], MnistSplit::train), read_mnist(arguments[1], MnistSplit::test),
                  count > 2 ? std::atoi(arguments[2]) : 10000, count > 3 ? std::atoi(arguments[3]) : 2,
                  count > 4 ? std::atof(arguments[4]) : 3e-3,  count > 5 ? arguments[5] : ""};
  std::printf("| | failed, first epoch | last | evaluations | test accuracy | failed there |\n");
  std::printf("|---|---|---|---|---|---|\n");
  {
    using Free = Model<Equilibrium<Plain>>;
    Free model;
    model.layer<1>() = settling(Equilibrium<Plain>{});
    const std::string weights = "1.cell.0.weight";
    row("nothing", data, model);
    row<Free>("weights of an output at most 0.7", data, model,
              [&](auto& theta) { limit_output_norms(theta, weights, 0.7); });
    row<Free>("spectral norm at most 0.95", data, model,
              [&](auto& theta) { (void)limit_spectral_norm(theta, weights, 0.95); });
    row<Free>("sums of weights at most 0.95", data, model,
              [&](auto& theta) { (void)limit_output_sums(theta, weights, 0.95); });
    Free loose = model;
    loose.layer<1>().stop.tolerance = 1e-2;
    row("a tolerance of 1e-2 while training", data, loose, model);
    corrected_row("fixed-point correction, two states of 2 to 12", data, model, 2, 12, {});
    corrected_row("fixed-point correction, three states of 2 to 6, weight 3", data, model, 3, 6, {.weight = 3});
  }
  {
    Model<Equilibrium<Smooth>> model;
    model.layer<1>() = settling(Equilibrium<Smooth>{});
    row("Tanh in place of Relu", data, model);
    corrected_row("Tanh, fixed-point correction, six states of 2 to 58, weight 10", data, model, 6, 58,
                  {.weight = 10, .gamma = 1});
  }
  {
    using Dropped = Model<Equilibrium<Dropping>>;
    Dropped model;
    model.layer<1>() = settling(Equilibrium<Dropping>{});
    Dropped whole = model;
    whole.layer<1>().cell.layers.layer<2>().rate = 0;
    for (const double rate : {0.2, 0.4}) {
      model.layer<1>().cell.layers.layer<2>().rate = rate;
      row("dropout of " + std::to_string(rate).substr(0, 3) + " in the cell", data, model, whole);
    }
  }
  {
    Model<Equilibrium<Bounded>> model;
    model.layer<1>() = settling(Equilibrium<Bounded>{});
    row("a spectrally normalized convolution", data, model);
  }
  {
    Model<JacobianPenalty<Equilibrium<Plain>>> model;
    model.layer<1>().equilibrium = settling(Equilibrium<Plain>{});
    for (const double weight : {0.3, 3.0}) {
      model.layer<1>().weight = weight / batch;
      row("Jacobian penalty, weight " + std::to_string(weight).substr(0, 3), data, model);
    }
  }
  {
    using Free = Model<Equilibrium<Normalized>>;
    Free model;
    model.layer<1>() = settling(Equilibrium<Normalized>{});
    row("a normalization", data, model);
    row<Free>("a normalization, weights of an output at most 0.7", data, model,
              [](auto& theta) { limit_output_norms(theta, "1.cell.0.weight", 0.7); });
  }
  {
    using Split = Equilibrium<PeacemanRachford<MonotoneConv<channels>, 7, 7>>;
    Model<Split, Relu> model;
    model.layer<1>() = settling(Split{});
    row("monotone, Peaceman-Rachford", data, model);
  }
}
