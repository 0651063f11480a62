#pragma once

// Training of a SettlingNetwork: through the steps of Picard's iteration, of a number that is drawn anew each time, so
// that an answer has to be right whenever it is looked at, and stay; or by the gradient of the state that as many steps
// have reached, as if it were the equilibrium. Everything random is a function of the seed and the iteration, so a run
// resumes bit for bit (basin/io/training.hpp).

#include <cstdint>
#include <string>

#include "../support/resumable_trainer.hpp"
#include "../support/settling.hpp"
#include "../support/training_parts.hpp"
#include "basin/io/training.hpp"
#include "basin/train/clip.hpp"
#include "basin/train/initial.hpp"
#include "basin/train/loss.hpp"
#include "basin/train/optimizer.hpp"
#include "basin/train/schedule.hpp"
#include "basin/train/value_and_gradient.hpp"

namespace basin::examples {

struct SettlingTraining {
  int iterations = 1;
  Picard solver{};
  double rate = 1e-3;     ///< the highest of Adam: warmed up over 3%, then along half a cosine to 0
  std::string adjoint{};  ///< "unrolled", or a name of SettlingNetwork::Adjoint
  /// Of the mean square of what is left of the residual, in the loss, at the end: under "unrolled". It grows with the
  /// cube of the share of the training that is over: first the answer is to be learned, and then to be settled.
  double residual_weight = 0;
  double start_noise = 0;  ///< standard deviation of the states where solves begin
  double path_noise = 0;   ///< standard deviation of noise on f at each step, under "unrolled"
  std::uint64_t seed = 1;
  Random starts{};  ///< the states where solves begin, and the noise, follow from it
};

/// `Draw` gives the problems of an iteration: Problems draw(iteration, share of the training that is over, steps),
/// where it sets the number of steps.
template <class Network, class Draw>
class SettlingTrainer : public ResumableTrainer<SettlingTrainer<Network, Draw>> {
 public:
  using Settled = typename Network::Settled;
  using Theta = typename Network::Theta;

  SettlingTrainer(SettlingTraining training, Draw draw)
      : settings_(std::move(training)),
        draw_(std::move(draw)),
        theta_(initial_parameters<float>(Settled{}, settings_.seed)),
        moments_(adam().init(theta_)) {}

  [[nodiscard]] const Theta& parameters() const { return theta_; }

  /// Begins with the parameters of a checkpoint of the same program. Throws FileError for one that does not fit.
  void begin_with(const std::string& path, const std::string& program) {
    CheckpointReader file(path, program);
    file("", theta_);
  }

 private:
  friend ResumableTrainer<SettlingTrainer>;  // calls visit() and iterate()

  [[nodiscard]] Adam adam() const { return {.rate = settings_.rate}; }

  /// What a checkpoint keeps, for reading and writing alike.
  template <class File, class Self>
  static void visit(File& file, Self& self) {
    file("", self.theta_);
    self.moments_.each(file.under("optimizer"));
  }

  [[nodiscard]] double iterate(std::int64_t i, const Training& /*training*/) {
    const auto iteration = static_cast<std::uint64_t>(i);
    int steps = 1;
    const double share = static_cast<double>(i) / settings_.iterations;
    const Problems problems = draw_(iteration, share, steps);
    const State<float> start =
        random_start(problems.inputs.shape.with_features(Network::features), settings_.start_noise,
                     {settings_.starts.bits(iteration), settings_.starts.stream});
    auto result = settings_.adjoint == "unrolled"
                      ? gradient_of(Network::through(settings_.solver, steps, start.view(),
                                                     settings_.residual_weight * share * share * share,
                                                     {settings_.path_noise, settings_.starts.bits(iteration)}),
                                    problems)
                      : gradient_of(equilibrium_model(steps, start.view()), problems);
    auto& gradient = result.gradient;
    check_gradient(clip_by_global_norm(gradient, 0.5), i);
    const OneCycle schedule{.total = settings_.iterations, .warm_fraction = 0.03, .final = 0};
    adam().step(theta_, gradient, moments_, schedule(i));
    return result.loss;
  }

  /// Of the equilibrium, as far as `steps` evaluations settle it.
  [[nodiscard]] Settled equilibrium_model(int steps, View<const float> start) const {
    Settled model = Network::settled(settings_.solver, steps);
    auto& layer = model.template layer<Network::equilibrium>();
    layer.adjoint = typename Network::Adjoint(settings_.adjoint);
    layer.start = start;
    return model;
  }

  struct Step {
    double loss;
    Theta gradient;
  };

  template <class Trained>
  [[nodiscard]] Step gradient_of(const Trained& model, const Problems& problems) const {
    const auto result = value_and_gradient(model, theta_.template as<Trained>(), problems.inputs.view(),
                                           CrossEntropy{problems.answers});
    return {result.value, result.gradient.template as<Settled>()};
  }

  SettlingTraining settings_;
  Draw draw_;
  Theta theta_;
  AdamState<Settled, float> moments_;
};

}  // namespace basin::examples
