// The half of basin of an exchange with PyTorch; in_torch.py is the other.
//
//   torch_in_basin write FOLDER   a model with parameters in torch's layout, what it gives and its gradients; what
//                                 stencils give in one, two and three dimensions; and files for NumPy
//   torch_in_basin check FOLDER   reads parameters that PyTorch wrote, and compares outputs and gradients
//
// All in double, so that a difference in meaning is not taken for rounding.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <fstream>
#include <numeric>
#include <string>
#include <vector>

#include "basin/basin.hpp"
#include "basin/io/checkpoint.hpp"
#include "basin/io/npy.hpp"

namespace {

using namespace basin;
using S = double;

/// z = tanh(norm(W z) + u), which settles; all the boundaries, a stride, and weights that are square.
using Cell = Injected<Sequential<Conv<4, 4, 3, 1, Periodic, Bias::no>, GroupNorm<4, 2>, Tanh>>;
using Model =
    Sequential<Conv<2, 6, 3, 1, Zero>, GroupNorm<6, 3>, Silu, Conv<6, 4, 5, 2, Reflect>, Equilibrium<Cell>,
               Conv<4, 4, 3, 1, Replicate>, Relu, Flatten<4, 4, 3>, Dense<48, 5>, Gelu, LayerNorm<5>, Dense<5, 5>>;
const Shape input{2, {8, 6, 1}, 3};  // images of 8 x 6 cells

Model exact_model() {
  Model model;
  model.layer<4>().stop = {.tolerance = 1e-13, .max_evaluations = 400};
  model.layer<4>().adjoint = {.tolerance = 1e-13, .max_evaluations = 400};
  return model;
}

struct Computed {
  State<S> y, dx;
  Parameters<Model, S> gradient;
};

/// y at x, and the gradient of |y|^2 / 2 in theta and x.
Computed compute(const Model& model, const Parameters<Model, S>& theta, const State<S>& x) {
  Computed all{State<S>(model.out_shape(x.shape)), State<S>(x.shape), {}};
  const auto linearization = model.linearize(theta.span(), x.view(), all.y.view());
  const Report report = linearization.pullback(all.y.view(), all.dx.view(), all.gradient.span());
  const SolveCounts forward = linearization.report().forward, adjoint = report.adjoint;
  check(forward.converged() + adjoint.converged() == static_cast<std::size_t>(2 * x.shape.samples),
        "number of solves that converged", forward.converged() + adjoint.converged(), 2 * x.shape.samples);
  return all;
}

State<S> waves(const Shape& shape) {
  State<S> x(shape);
  for (Index i = 0; i < x.values.size(); ++i) x.values[i] = std::sin(0.7 * static_cast<double>(i * i % 101));
  return x;
}

/// What the cells of a state see through stencils beyond an edge.
template <class Edge, class... Stencils>
void write_seen(const std::string& path, const Shape& shape) {
  using Eyes = Perceive<2, Edge, Stencils...>;
  const State<S> z = waves(shape);
  State<S> seen(shape.with_features(Eyes::seen_features));
  Scratch scratch;
  std::vector<Index> cells(static_cast<std::size_t>(shape.cells()));
  std::iota(cells.begin(), cells.end(), Index{0});
  const Eyes eyes;
  eyes.check_shape(shape);
  typename Eyes::template Sight<S>(eyes, std::span<const S, 0>(), z.view(), scratch)(
      cells.data(), static_cast<Index>(cells.size()), seen.values.data());
  write_npy(path, seen, 5);
}

template <class Edge>
void write_seen_of_all(const std::string& folder) {
  const std::string name = folder + "seen_" + std::string(Edge::label);
  write_seen<Edge, Gradient<0>, Laplacian<1>>(name + "_1.npy", {2, {7, 1, 1}, 1});
  write_seen<Edge, SobelX, Gradient<1>>(name + "_2.npy", {2, {7, 5, 1}, 1});
  write_seen<Edge, Gradient<1>, Gradient<2>>(name + "_3.npy", {2, {5, 4, 3}, 1});
}

void write(const std::string& folder) {
  const Model model = exact_model();
  auto theta = initial_parameters<S>(model, 1);
  for (S& weight : theta.leaf("4.cell.0.weight")) weight *= 0.2;  // the norm makes the map steeper
  for (Index i = 0; i < theta.vector().size(); ++i) theta.vector()[i] += 0.05 * std::cos(static_cast<double>(i));
  const CheckpointLabel as_torch{.program = "torch_in_basin", .layout = TensorLayout::torch};
  save_parameters(folder + "model.safetensors", theta, as_torch);
  const State<S> x = waves(input);
  const Computed all = compute(model, theta, x);
  save_parameters(folder + "gradient.safetensors", all.gradient, as_torch);
  write_npy(folder + "x.npy", x, 4);
  write_npy(folder + "dx.npy", all.dx, 4);
  write_npy(folder + "y.npy", all.y, 2);

  write_seen_of_all<Zero>(folder);
  write_seen_of_all<Periodic>(folder);
  write_seen_of_all<Reflect>(folder);
  write_seen_of_all<Replicate>(folder);
  for (const int axes : {1, 2, 3}) {
    const Shape shape = axes == 1   ? Shape{2, {7, 1, 1}, 1}
                        : axes == 2 ? Shape{2, {7, 5, 1}, 1}
                                    : Shape{2, {5, 4, 3}, 1};
    write_npy(folder + "grid_" + std::to_string(axes) + ".npy", waves(shape), 5);
  }

  // For NumPy: a state, how an equilibrium settles, a pool, and metrics.
  const auto& layer = model.layer<4>();
  const State<S> u = waves({4, {4, 3, 1}, 2});
  Trajectory<S> trajectory;
  const State<S> start(layer.out_shape(u.shape));
  const Solution<S> solution = layer.solve<S>(Model::part<4>(theta.span()), u.view(), start.view(), trajectory);
  write_npy(folder + "state.npy", solution.value, 4);
  write_npy(folder + "trajectory.npy", trajectory.samples[0], 4);
  Pool<S> pool(3, start.view().sample(0));
  const std::vector<Index> second{1};
  pool.put(second, solution.value.view().sample(0));
  CheckpointWriter checkpoint({.program = "torch_in_basin"});
  pool.each(checkpoint.under("pool"));
  checkpoint.write(folder + "checkpoint.safetensors");
  const Json metrics{{"iterations", solution.samples[0].iterations}, {"residual", solution.samples[0].residual}};
  std::ofstream(folder + "metrics.json") << metrics.dump(2) << '\n';
}

/// The largest difference over the largest number. Throws FileError if it is above 1e-10.
void expect_near(const std::string& path, const Vector<S>& ours, const Vector<S>& theirs) {
  check_file(ours.size() == theirs.size(), path, "count of numbers", theirs.size(), ours.size());
  const double difference = (ours - theirs).cwiseAbs().maxCoeff() / theirs.cwiseAbs().maxCoeff();
  check_file(difference < 1e-10, path, "difference from what basin computes", difference, "less than 1e-10");
  std::printf("%-28s differs by %.1e\n", path.substr(path.rfind('/') + 1).c_str(), difference);
}

void check_theirs(const std::string& folder) {
  const auto theta = load_parameters<Model, S>(folder + "model_torch.safetensors");
  const Computed all = compute(exact_model(), theta, read_npy<S>(folder + "x_torch.npy"));
  expect_near(folder + "y_torch.npy", all.y.values, read_npy<S>(folder + "y_torch.npy").values);
  expect_near(folder + "dx_torch.npy", all.dx.values, read_npy<S>(folder + "dx_torch.npy").values);
  const std::string path = folder + "gradient_torch.safetensors";
  const auto gradient = load_parameters<Model, S>(path);
  expect_near(path, all.gradient.vector(), gradient.vector());
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc == 3 ? argv[1] : "";
  if (what != "write" && what != "check") {
    std::fprintf(stderr, "torch_in_basin: expected 'write FOLDER' or 'check FOLDER'\n");
    return 2;
  }
  try {
    what == "write" ? write(std::string(argv[2]) + "/") : check_theirs(std::string(argv[2]) + "/");
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "torch_in_basin: %s\n", error.what());
    return 1;
  }
}
