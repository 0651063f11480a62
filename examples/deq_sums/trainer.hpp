#pragma once

// Training of deq_sums: through the steps of Picard's iteration, of a number that is drawn anew each time, so that an
// answer has to be right whenever it is looked at, and stay. Everything random is a function of the seed and the
// iteration, so a run resumes bit for bit (basin/io/training.hpp).

#include <string>

#include "../support/settling.hpp"
#include "../support/training_parts.hpp"
#include "basin/io/training.hpp"
#include "basin/train/clip.hpp"
#include "basin/train/initial.hpp"
#include "basin/train/loss.hpp"
#include "basin/train/optimizer.hpp"
#include "basin/train/schedule.hpp"
#include "basin/train/value_and_gradient.hpp"
#include "model.hpp"
#include "settings.hpp"

namespace deq_sums {

/// The streams of random numbers, one a use.
enum Stream : std::uint64_t {
  length_stream = 1,
  steps_stream,
  bits_stream,
  start_stream,
  test_stream,
  test_start_stream
};

class Trainer {
 public:
  explicit Trainer(const Settings& settings)
      : settings_(settings),
        theta_(basin::initial_parameters<float>(Settled{}, settings.seed)),
        moments_(adam().init(theta_)) {}

  [[nodiscard]] const Theta& parameters() const { return theta_; }

  [[nodiscard]] basin::TrainingEnd run(basin::Training& training) {
    const basin::OneCycle schedule{.total = settings_.iterations, .warm_fraction = 0.03, .final = 0};
    return training.run([this](auto& file) { visit(file, *this); },
                        [&](std::int64_t i) { return iterate(i, schedule(i)); });
  }

  /// Takes up what a training kept.
  void resume(basin::Training& training, const std::string& path) {
    training.resume(path, [this](auto& file) { visit(file, *this); });
  }

 private:
  [[nodiscard]] basin::Adam adam() const { return {.rate = settings_.rate}; }
  [[nodiscard]] basin::Random random(Stream stream) const { return {settings_.seed, stream}; }

  /// What a checkpoint keeps, for reading and writing alike.
  template <class File, class Self>
  static void visit(File& file, Self& self) {
    file("", self.theta_);
    self.moments_.each(file.under("optimizer"));
  }

  [[nodiscard]] double iterate(std::int64_t i, double rate_scale) {
    const auto iteration = static_cast<std::uint64_t>(i);
    const basin::examples::Curriculum curriculum{.least = 4, .most = settings_.bits};
    const double share = static_cast<double>(i) / settings_.iterations;
    const Index length = curriculum.size(share, random(length_stream).uniform(iteration));
    // An answer that travels one cell a step arrives after `length` of them.
    const auto steps = static_cast<int>(
        length + 4 + static_cast<Index>(random(steps_stream).below(iteration, static_cast<std::uint64_t>(length))));
    const Strings strings = random_strings(length, settings_.batch, {random(bits_stream).bits(iteration), bits_stream});
    const State<float> start =
        basin::examples::random_start(strings.bits.shape.with_features(features), settings_.start_noise,
                                      {random(start_stream).bits(iteration), start_stream});
    auto result = settings_.adjoint == "unrolled"
                      ? gradient_of(unrolled_model(steps, start.view()), strings)
                      : gradient_of(equilibrium_model(length, steps, start.view()), strings);
    auto& gradient = result.gradient;
    basin::examples::check_gradient(basin::clip_by_global_norm(gradient, 0.5), i);
    adam().step(theta_, gradient, moments_, rate_scale);
    return result.loss;
  }

  /// Of the equilibrium, as far as `steps` evaluations settle it.
  [[nodiscard]] Settled equilibrium_model(Index length, int steps, View<const float> start) const {
    Settled model = settled_model(length, steps);
    model.layer<equilibrium>().adjoint = Adjoint(settings_.adjoint);
    model.layer<equilibrium>().start = start;
    return model;
  }

  struct Step {
    double loss;
    basin::Parameters<Settled, float> gradient;
  };

  template <class Trained>
  [[nodiscard]] Step gradient_of(const Trained& model, const Strings& strings) const {
    const auto result =
        basin::value_and_gradient(model, theta_.as<Trained>(), strings.bits.view(), basin::CrossEntropy{strings.sums});
    return {result.value, result.gradient.template as<Settled>()};
  }

  Settings settings_;
  Theta theta_;
  basin::AdamState<Settled, float> moments_;
};

}  // namespace deq_sums
