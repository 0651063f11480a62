#pragma once

// What trainings of equilibria that are to think longer have in common: a network with an equilibrium inside, problems
// with an answer for each cell, which grow as the training goes on, and the count of those that are solved, certified
// or not, when the states are left to settle.

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "basin/adjoint/any_adjoint.hpp"
#include "basin/adjoint/implicit.hpp"
#include "basin/adjoint/jacobian_free.hpp"
#include "basin/adjoint/phantom.hpp"
#include "basin/adjoint/unrolled.hpp"
#include "basin/core/parallel.hpp"
#include "basin/core/random.hpp"
#include "basin/core/state.hpp"
#include "basin/core/status.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/deq/residual_penalty.hpp"
#include "basin/fixed_point/picard.hpp"
#include "basin/fixed_point/solve.hpp"
#include "basin/io/json.hpp"
#include "basin/io/progress.hpp"
#include "basin/layers/noise.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/train/value_and_gradient.hpp"

namespace basin::examples {

/// An Injected cell with noise on its states: the same parameters.
template <class C>
struct WithNoise;
template <class... Layers>
struct WithNoise<Injected<Sequential<Layers...>>> {
  using Type = Injected<Sequential<Layers..., Noise>>;
  static constexpr std::size_t noise = sizeof...(Layers);  ///< its place among the layers
};

/// A layer from what a cell is given to u, a cell f(z, u) that settles, and a layer from z to the logits of its answer.
template <class Input, class C, class Head>
struct SettlingNetwork {
  template <class Method>
  using Model = Sequential<Input, Equilibrium<C, Picard, Method>, Head>;
  static constexpr std::size_t equilibrium = 1, head = 2;  // their places in the Sequential
  static constexpr int features = C::state_features;

  /// What is tested, and trained where the gradient is to be that of the equilibrium, or near it.
  using Adjoint = AnyAdjoint<Implicit<>, Phantom, JacobianFree>;
  using Settled = Model<Adjoint>;
  /// What is trained through a number of steps: the same parameters.
  using Noisy = WithNoise<C>;
  using Steps = Sequential<Input, ResidualPenalty<Equilibrium<typename Noisy::Type, Picard, Unrolled>>, Head>;
  using Theta = Parameters<Settled, float>;

  /// Differentiated through `steps` steps from `start`, which must live as long, with so much of the mean square of
  /// what is then left of the residual added to the loss, and noise on f at each step.
  static Steps through(const Picard& solver, int steps, View<const float> start, double residual_weight,
                       const Noise& noise) {
    Steps model;
    model.template layer<equilibrium>().weight = residual_weight / static_cast<double>(start.samples());
    auto& layer = model.template layer<equilibrium>().equilibrium;
    layer.solver = solver;
    layer.stop = {.tolerance = 0, .absolute_tolerance = 0, .max_evaluations = steps};
    layer.adjoint.tape = Kept{};
    layer.start = start;
    layer.cell.layers.template layer<Noisy::noise>() = noise;
    return model;
  }

  /// Settled once no number of any cell changes by more than a thousandth. While an answer is on its way from cell to
  /// cell, the few cells where it is change as much as ever: a norm that adds up over cells would find that little in a
  /// large problem, and a test for a residual that no longer falls would give up.
  static Settled settled(const Picard& solver, int max_evaluations) {
    Settled model;
    model.template layer<equilibrium>().solver = solver;
    model.template layer<equilibrium>().stop = {.tolerance = 1e-3,
                                                .absolute_tolerance = 0,
                                                .norm = Norm::maximum,
                                                .max_evaluations = max_evaluations,
                                                .stall_window = 0};
    return model;
  }
};

/// Problems of one size.
struct Problems {
  State<float> inputs{};       ///< what each cell is given, a sample for each problem
  std::vector<int> answers{};  ///< of each cell of each problem: a class

  [[nodiscard]] Index count() const { return inputs.shape.samples; }
  [[nodiscard]] Index cells() const { return inputs.shape.cells_per_sample(); }
  /// `many` problems from the first on.
  [[nodiscard]] View<const float> some(Index first, Index many) const { return inputs.view().samples(first, many); }
  [[nodiscard]] std::span<const int> answer(Index n) const {
    return {answers.data() + n * cells(), static_cast<std::size_t>(cells())};
  }
};

/// Sizes of problems, from `least` to a limit that grows evenly to `most` over the first `growing` of a training.
struct Curriculum {
  Index least = 1, most = 1;
  double growing = 0.4;  ///< a share of the training, above 0

  /// Drawn evenly; `share`, from 0 to 1, is how far the training is, and `draw` is uniform in [0, 1).
  [[nodiscard]] Index size(double share, double draw) const {
    const double grown = std::min(1.0, share / growing);
    const Index sizes = 1 + static_cast<Index>(grown * static_cast<double>(most - least));
    return least + static_cast<Index>(draw * static_cast<double>(sizes));
  }
};

/// A state of normal numbers with standard deviation sigma, where a solve may begin; all zero if sigma is 0.
[[nodiscard]] inline State<float> random_start(const Shape& shape, double sigma, const Random& random) {
  State<float> start(shape);
  if (sigma == 0) return start;
  for (Index i = 0; i < start.values.size(); ++i) {
    start.values[i] = static_cast<float>(sigma * random.normal(static_cast<std::uint64_t>(i)));
  }
  return start;
}

/// How many cells are right: those whose largest logit is that of their answer, the first of several.
[[nodiscard]] inline Index right_cells(View<const float> logits, std::span<const int> answer) {
  const Index classes = logits.shape().features;
  Index right = 0;
  for (std::size_t cell = 0; cell < answer.size(); ++cell) {
    const float* const of_cell = logits.data() + static_cast<Index>(cell) * classes;
    right += std::max_element(of_cell, of_cell + classes) - of_cell == answer[cell] ? 1 : 0;
  }
  return right;
}

/// How many of some problems are solved: all of an answer right. An answer whose solve converged is certified: who does
/// not know the right one knows as much.
struct Solved {
  std::int64_t problems = 0, solved = 0, converged = 0, solved_and_converged = 0, evaluations = 0;

  void add(bool right, const SampleResult& result) {
    add(right, result.status == Status::converged, result.evaluations);
  }
  void add(bool right, bool certified, std::int64_t taken) {
    ++problems;
    solved += right ? 1 : 0;
    converged += certified ? 1 : 0;
    solved_and_converged += right && certified ? 1 : 0;
    evaluations += taken;
  }

  [[nodiscard]] double share() const { return over(solved, problems); }
  [[nodiscard]] double nonconverged_fraction() const { return over(problems - converged, problems); }
  [[nodiscard]] double evaluations_mean() const { return over(evaluations, problems); }

  /// Its shares, under the names that all programs use; null for the share of those that converged, if none did.
  void write(OrderedJson& json) const {
    json["solved"] = share();
    json["solved_when_converged"] =
        converged > 0 ? OrderedJson(over(solved_and_converged, converged)) : OrderedJson(nullptr);
    json["nonconverged_fraction"] = nonconverged_fraction();
    json["evaluations_mean"] = evaluations_mean();
  }

 private:
  static double over(std::int64_t part, std::int64_t all) {
    return all > 0 ? static_cast<double>(part) / static_cast<double>(all) : 0;
  }
};

/// A network with parameters, each of whose solves makes at most so many evaluations.
template <class Network>
class Settler {
 public:
  using Theta = typename Network::Theta;

  /// Refers to theta.
  Settler(const Theta& theta, int max_evaluations, const Picard& solver = {})
      : theta_(theta), model_(Network::settled(solver, max_evaluations)) {}
  Settler(Theta&& temporary, int, const Picard& = {}) = delete;

  /// The equilibria of some inputs from `start`; observers see every iterate.
  template <class... Observers>
  [[nodiscard]] Solution<float> settle(View<const float> inputs, const State<float>& start,
                                       Observers&&... observers) const {
    State<float> u(model_.template layer<0>().out_shape(inputs.shape()));
    static_cast<void>(
        model_.template layer<0>().template apply<float>(Settled::template part<0>(theta_.span()), inputs, u.view()));
    return layer().template solve<float>(Settled::template part<Network::equilibrium>(theta_.span()), u.view(),
                                         start.view(), observers...);
  }

  [[nodiscard]] static State<float> zero_start(View<const float> inputs) {
    return State<float>(inputs.shape().with_features(Network::features));
  }

  /// The logits of each cell of a state.
  [[nodiscard]] State<float> read(View<const float> z) const {
    const auto& head = model_.template layer<Network::head>();
    State<float> logits(head.out_shape(z.shape()));
    static_cast<void>(
        head.template apply<float>(Settled::template part<Network::head>(theta_.span()), z, logits.view()));
    return logits;
  }

  [[nodiscard]] bool solved(View<const float> z, std::span<const int> answer) const {
    const State<float> logits = read(z);
    return right_cells(logits.view(), answer) == static_cast<Index>(answer.size());
  }

  [[nodiscard]] const typename Network::Settled& model() const { return model_; }
  [[nodiscard]] const Theta& theta() const { return theta_; }

 private:
  using Settled = typename Network::Settled;

  [[nodiscard]] const auto& layer() const { return model_.template layer<Network::equilibrium>(); }

  const Theta& theta_;
  Settled model_;
};

/// Of all problems, each from zero; `name` is what the line of progress calls them.
template <class Network>
[[nodiscard]] Solved measure(const Settler<Network>& settler, const Problems& problems, const std::string& name) {
  Progress progress;
  Solved solved;
  const Index at_once = 4 * threads();
  for (Index first = 0; first < problems.count(); first += at_once) {
    const Index count = std::min(at_once, problems.count() - first);
    const auto prediction =
        predict(settler.model(), settler.theta(), problems.some(first, count), {.samples_per_part = 1});
    for (Index n = 0; n < count; ++n) {
      const Index right = right_cells(prediction.output.view().sample(n), problems.answer(first + n));
      solved.add(right == problems.cells(), prediction.samples[static_cast<std::size_t>(n)].forward.front());
    }
    if (progress.due(first + count == problems.count())) {
      progress.show(name + ": " + std::to_string(solved.solved) + " of " + std::to_string(solved.problems) + " right");
    }
  }
  progress.end();
  return solved;
}

/// The share of problems whose answer is right after k evaluations, k = 0, 1, ..., where right[n][k] tells of problem
/// n; one whose solve ended before stays as it was.
[[nodiscard]] inline std::vector<double> right_after(const std::vector<std::vector<bool>>& right) {
  std::size_t longest = 0;
  for (const std::vector<bool>& one : right) longest = std::max(longest, one.size());
  std::vector<double> share(longest, 0.0);
  for (const std::vector<bool>& one : right) {
    for (std::size_t k = 0; k < longest && !one.empty(); ++k) share[k] += one[std::min(k, one.size() - 1)] ? 1 : 0;
  }
  for (double& one : share) one /= static_cast<double>(right.size());
  return share;
}

/// The share of problems that are right after k evaluations from zero, k = 0, 1, ...
template <class Network>
[[nodiscard]] std::vector<double> solved_after(const Settler<Network>& settler, const Problems& problems) {
  std::vector<std::vector<bool>> right(static_cast<std::size_t>(problems.count()));
  parallel_for(problems.count(), [&](Index n) {
    const auto look = [&](const Iterate<float>& iterate) {
      right[static_cast<std::size_t>(n)].push_back(settler.solved(iterate.z, problems.answer(n)));
    };
    const View<const float> input = problems.some(n, 1);
    static_cast<void>(settler.settle(input, settler.zero_start(input), look));
  });
  return right_after(right);
}

/// Whether the equilibrium depends on where the solve begins (C. Anil et al., "Path independent equilibrium models can
/// better exploit test-time computation", 2022).
struct PathIndependence {
  Solved solved{};  ///< from normal numbers of standard deviation 1, as large as states can be
  double same = 0;  ///< share of problems whose equilibria from there and from zero differ by at most 0.01
};

template <class Network>
[[nodiscard]] PathIndependence path_independence(const Settler<Network>& settler, const Problems& problems,
                                                 std::uint64_t seed, std::uint64_t stream) {
  struct One {
    bool right = false, same = false;
    SampleResult solve{};
  };
  std::vector<One> all(static_cast<std::size_t>(problems.count()));
  parallel_for(problems.count(), [&](Index n) {
    const View<const float> input = problems.some(n, 1);
    const State<float> zero = settler.zero_start(input);
    const State<float> elsewhere = random_start(zero.shape, 1, {fold_in(seed, static_cast<std::uint64_t>(n)), stream});
    const auto from_zero = settler.settle(input, zero);
    const auto from_elsewhere = settler.settle(input, elsewhere);
    const float apart = (from_zero.value.values - from_elsewhere.value.values).cwiseAbs().maxCoeff();
    all[static_cast<std::size_t>(n)] = {settler.solved(from_elsewhere.value.view(), problems.answer(n)), apart <= 0.01f,
                                        from_elsewhere.samples.front()};
  });
  PathIndependence result;
  for (const One& one : all) result.solved.add(one.right, one.solve);
  const auto alike = std::count_if(all.begin(), all.end(), [](const One& one) { return one.same; });
  result.same = static_cast<double>(alike) / static_cast<double>(problems.count());
  return result;
}

}  // namespace basin::examples
