// A training step of a deep equilibrium model (deq_problem.hpp): injection, equilibrium, mean over the cells, ten
// logits, cross entropy, and the gradient of all parameters.
//
//   --what time          milliseconds: with the implicit gradient, where Anderson or Picard iteration solves forward
//   and
//                        GMRES backward, both to 1e-3; and back through 30 steps of Picard iteration
//   --what implicit-16   by how many MB the process grows at most in a step with the implicit gradient (Anderson) of 16
//                        features; implicit-48 is that of 48
//   --what unrolled-16   the same back through 30 steps; and unrolled-48
//
// The peers are torch (torch_deq.py) and TorchDEQ (torchdeq_deq.py).

#include "basin/deq/equilibrium.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/pool.hpp"
#include "basin/train/loss.hpp"
#include "basin/train/value_and_gradient.hpp"
#include "deq_problem.hpp"

namespace {

using namespace basin;
using namespace basin::benchmarks;

template <int C, class Solver, class Adjoint>
class Step {
 public:
  using Model = Sequential<Injection<C>, Equilibrium<DeqCell<C>, Solver, Adjoint>, GlobalAveragePool, Dense<C, 10>>;

  Step() : images_(deq_images()) {
    fill_injection(theta_, "0.");
    const auto weights = deq_weights<C>();
    const std::span<float> cell = theta_.leaf("1.cell.0.weight");
    std::copy(weights.vector().begin(), weights.vector().end(), cell.begin());
    const double bound = 1 / std::sqrt(static_cast<double>(C));
    fill_uniform(theta_.leaf("3.weight"), 14, -bound, bound);
    fill_uniform(theta_.leaf("3.bias"), 15, -bound, bound);
    for (Index n = 0; n < deq_samples; ++n) loss_.labels.push_back(static_cast<int>(n % 10));
    auto& settle = model_.template layer<1>();
    if constexpr (std::is_same_v<Adjoint, Unrolled>) {
      // One evaluation more than there are steps, because the value of a solve is an iterate that was evaluated.
      settle.stop = {.tolerance = 0, .max_evaluations = 31, .stall_window = 0};
    } else {
      settle.stop = {.tolerance = deq_tolerance, .max_evaluations = 100};
      settle.adjoint.tolerance = deq_tolerance;
      settle.adjoint.max_evaluations = 100;
    }
  }

  [[nodiscard]] auto operator()() const { return value_and_gradient(model_, theta_, images_.view(), loss_); }

 private:
  Model model_;
  State<float> images_;
  Parameters<Model, float> theta_;
  CrossEntropy loss_;
};

template <int C, class Solver, class Adjoint>
void measure_time(const Options& options, const char* work) {
  const Step<C, Solver, Adjoint> step;
  const auto result = step();
  const auto cell = result.gradient.leaf("1.cell.0.weight");
  const Report& report = result.report;
  const double seconds = seconds_of(options, [&] { static_cast<void>(step()); });
  print_result(with_features(work, C), "", "ms", seconds * 1e3,
               {{"evaluations", report.forward.mean_evaluations()},
                {"not_converged", report.forward.nonconverged_fraction()},
                {"adjoint_evaluations", report.adjoint.mean_evaluations()},
                {"adjoint_not_converged", report.adjoint.nonconverged_fraction()},
                {"loss", result.value},
                {"check", length_of(cell)},
                {"check_tolerance", 0.02}});
}

template <int C>
void measure_times(const Options& options) {
  measure_time<C, Anderson<5>, Implicit<>>(options, "training step by Anderson");
  measure_time<C, Picard, Implicit<>>(options, "training step by Picard");
  measure_time<C, Picard, Unrolled>(options, "training step through 30 steps");
}

template <int C, class Solver, class Adjoint>
void measure_memory(const char* work) {
  const Step<C, Solver, Adjoint> step;
  const double before = memory_megabytes("VmRSS");
  static_cast<void>(step());
  print_result(with_features(work, C), "", "MB", memory_megabytes("VmHWM") - before);
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = read_options(argc, argv);
  set_threads(options.threads);
  if (options.what == "time") {
    measure_times<16>(options);
    measure_times<48>(options);
  } else if (options.what == "implicit-16") {
    measure_memory<16, Anderson<5>, Implicit<>>("memory of a training step");
  } else if (options.what == "implicit-48") {
    measure_memory<48, Anderson<5>, Implicit<>>("memory of a training step");
  } else if (options.what == "unrolled-16") {
    measure_memory<16, Picard, Unrolled>("memory of a training step through 30 steps");
  } else if (options.what == "unrolled-48") {
    measure_memory<48, Picard, Unrolled>("memory of a training step through 30 steps");
  } else {
    refuse(argv[0], "--what", options.what, "time, implicit-16, implicit-48, unrolled-16 or unrolled-48");
  }
}
