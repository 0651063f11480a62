// An update of the weights of a network 784-50-50-10 without biases as cells of an automaton (Barot, "Meta-Neural
// Cellular Automata"): each sees itself and the means over its column and its row, and takes what a rule of two dense
// layers answers, as an increment. The first layer is the perception's, which works on means once a column and once a
// row; what it can see of other layers has weights of zero. Milliseconds of one update without gradient, and of ten
// updates, the task's cross entropy over 512 inputs, and the gradient in the rule. The peer is torch
// (torch_metanca.py).

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/meta/perceive_places.hpp"
#include "basin/nca/rollout.hpp"
#include "basin/train/network_loss.hpp"
#include "basin/train/rollout_gradient.hpp"
#include "measuring.hpp"

namespace {

using namespace basin;
using namespace basin::benchmarks;

std::shared_ptr<const PlaceCodes> no_codes(const Network& network) {
  auto codes = std::make_shared<PlaceCodes>();
  codes->rows.resize(0, network.rows());
  codes->columns.resize(0, network.columns());
  return codes;
}

template <int Hidden, int Width>
void measure(const Options& options, double peak) {
  constexpr int features = 1 + Hidden;
  using Sees = PerceivePlaces<features, 0, 0, Width, Shown::plain>;
  using Rule = Sequential<Relu, Dense<Width, features>>;
  using Model = Rollout<Automaton<Sees, Rule, EveryCell, Everywhere>>;

  const Network network({784, 50, 50, 10}, Bias::no);
  Model model;
  model.automaton.perception = Sees{network, no_codes(network)};
  Parameters<Model, float> theta;
  // The first layer as one matrix: what the cell, its column's mean and its row's mean are multiplied with.
  Vector<float> first(3 * features * Width);
  fill_uniform(first, 1, -0.2, 0.2);
  std::copy_n(first.data(), features * Width, theta.leaf("cell").begin());
  std::copy_n(first.data() + features * Width, features * Width, theta.leaf("column").begin());
  std::copy_n(first.data() + 2 * features * Width, features * Width, theta.leaf("row").begin());
  fill_uniform(theta.leaf("bias"), 2, -0.2, 0.2);
  fill_uniform(theta.leaf("1.weight"), 3, -0.02, 0.02);
  fill_uniform(theta.leaf("1.bias"), 4, -0.02, 0.02);
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
  const double flops = 2.0 * static_cast<double>(network.cells()) * (features * Width + Width * features);
  const double gflops = flops / update_seconds * 1e-9;
  print_result("update of 42,200 weights" + ending, "", "ms", update_seconds * 1e3,
               {{"gflops", gflops}, {"share_of_peak", gflops / peak}, {"check", length_of(end.values)}});

  model.steps = 10;
  double value = 0;
  double check = 0;
  const double gradient_seconds = seconds_of(options, [&] {
    const auto result = value_and_gradient_along(model, theta, start.view(), loss, {{model.steps, 1}});
    value = result.value;
    const auto squares = [&](const char* leaf) {
      const double length = length_of(result.gradient.leaf(leaf).first(features * Width));
      return length * length;
    };
    check = std::sqrt(squares("cell") + squares("column") + squares("row"));
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
