// An update of the weights of a network 784-50-50-10 without biases as cells of an automaton (Barot, "Meta-Neural
// Cellular Automata"): each sees itself and the means over its column and its row, without itself, and takes what
// a rule of two dense layers answers, as an increment. Milliseconds of one update without gradient, and of ten updates,
// the task's cross entropy over 512 inputs, and the gradient in the rule. The peer is torch (torch_metanca.py).

#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/meta/network_loss.hpp"
#include "basin/meta/perceive_weights.hpp"
#include "basin/nca/rollout.hpp"
#include "basin/train/rollout_gradient.hpp"
#include "measuring.hpp"

namespace {

using namespace basin;
using namespace basin::benchmarks;

template <int Hidden, int Width>
void measure(const Options& options, double peak) {
  constexpr int features = 1 + Hidden;
  using Sees = PerceiveWeights<features, WithinMatrix>;
  using Rule = Sequential<Dense<3 * features, Width>, Relu, Dense<Width, features>>;
  using Model = Rollout<Automaton<Sees, Rule, EveryCell, Everywhere>>;

  const Network network({784, 50, 50, 10}, Bias::no);
  Model model;
  model.automaton.perception = Sees{network};
  Parameters<Model, float> theta;
  fill_uniform(theta.leaf("0.weight"), 1, -0.2, 0.2);
  fill_uniform(theta.leaf("0.bias"), 2, -0.2, 0.2);
  fill_uniform(theta.leaf("2.weight"), 3, -0.02, 0.02);
  fill_uniform(theta.leaf("2.bias"), 4, -0.02, 0.02);
  State<float> start(network.shape(features));
  State<float> end(start.shape);
  fill_uniform(start.values, 5, -0.1, 0.1);
  State<float> inputs(Shape{784, {1, 1, 1}, 512});
  fill_uniform(inputs.values, 6, 0, 1);
  std::vector<int> labels;
  for (int n = 0; n < 512; ++n) labels.push_back(n % 10);
  NetworkLoss<float> loss;
  loss.network = network;
  loss.inputs = std::as_const(inputs).view();
  loss.labels = labels;
  loss.slope = 0;

  const std::string ending = ", hidden " + std::to_string(Hidden);
  model.steps = 1;
  const double update_seconds =
      seconds_of(options, [&] { static_cast<void>(model.apply(theta, start.view(), end.view())); });
  const double flops = 2.0 * static_cast<double>(network.cells()) * (3 * features * Width + Width * features);
  const double gflops = flops / update_seconds * 1e-9;
  print_result("update of 42,200 weights" + ending, "", "ms", update_seconds * 1e3,
               {{"gflops", gflops}, {"share_of_peak", gflops / peak}, {"check", length_of(end.values)}});

  model.steps = 10;
  double value = 0;
  double check = 0;
  const double gradient_seconds = seconds_of(options, [&] {
    const auto result = value_and_gradient_along(model, theta, start.view(), loss, {{model.steps, 1}});
    value = result.value;
    check = length_of(result.gradient.leaf("0.weight"));
  });
  print_result("ten updates, task loss and gradient" + ending, "", "ms", gradient_seconds * 1e3,
               {{"loss", value}, {"check", check}, {"check_tolerance", 1e-3}});
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = read_options(argc, argv);
  set_threads(options.threads);
  const double peak = peak_gflops() * options.threads;
  measure<8, 32>(options, peak);
  measure<16, 64>(options, peak);
}
