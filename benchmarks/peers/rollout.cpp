// A training iteration of the growing automaton as published: batch 8, 72 x 72 cells, 64 steps, squared error of four
// features, gradient, Adam. Cells are random and alive, half of them fire.
//
//   --what time           seconds, with all states kept and with checkpoints
//   --what recomputed     the most memory of a process that makes one iteration, in MB
//   --what checkpointed   the same with checkpoints
//
// The peer is torch (torch_nca.py).

#include "../support/growing.hpp"
#include "basin/train/clip.hpp"
#include "basin/train/optimizer.hpp"
#include "basin/train/rollout_gradient.hpp"
#include "basin/train/state_loss.hpp"
#include "measuring.hpp"

namespace {

using namespace basin;
using namespace basin::benchmarks;

template <class Tape>
class Iteration {
 public:
  explicit Iteration(const Options& options)
      : start_(Shape{16, {72, 72, 1}, 8}), loss_{State<float>(Shape{4, {72, 72, 1}, 1})} {
    model_.steps = options.smoke ? 4 : 64;
    fill_uniform(theta_.leaf("0.weight"), 1, -0.2, 0.2);
    fill_uniform(theta_.leaf("0.bias"), 2, -0.2, 0.2);
    fill_uniform(theta_.leaf("2.weight"), 3, -0.001, 0.001);
    fill_uniform(start_.values, 4, 0.2, 0.7);
    state_ = adam_.init(theta_);
  }

  void operator()() {
    auto result = value_and_gradient_along(model_, theta_, start_.view(), loss_, {{model_.steps, 1}});
    normalize_leaves(result.gradient);
    adam_.step(theta_, result.gradient, state_);
  }

 private:
  using Model = Rollout<Grows<>, Tape>;
  using AdamState = decltype(std::declval<const Adam&>().init(std::declval<const Parameters<Model, float>&>()));

  Model model_;
  Parameters<Model, float> theta_;
  State<float> start_;
  LeadingFeaturesError<float> loss_;
  Adam adam_{.rate = 2e-3};
  AdamState state_;
};

template <class Tape>
void measure_time(const Options& options, const char* work) {
  Iteration<Tape> iterate(options);
  const double seconds = median_seconds([&] { iterate(); }, options.smoke ? 1 : 3, 0);
  print_result(work, "", "s", seconds);
}

template <class Tape>
void measure_memory(const Options& options, const char* work) {
  Iteration<Tape> iterate(options);
  iterate();
  print_result(work, "", "MB", memory_megabytes("VmHWM"));
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = read_options(argc, argv);
  set_threads(options.threads);
  if (options.what == "time") {
    measure_time<Recomputed>(options, "automaton training iteration");
    measure_time<Checkpointed>(options, "automaton training iteration, checkpoints");
  } else if (options.what == "recomputed") {
    measure_memory<Recomputed>(options, "memory of an automaton training iteration");
  } else if (options.what == "checkpointed") {
    measure_memory<Checkpointed>(options, "memory of an automaton training iteration, checkpoints");
  } else {
    refuse(argv[0], "--what", options.what, "time, recomputed or checkpointed");
  }
}
