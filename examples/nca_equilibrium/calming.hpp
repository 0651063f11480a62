#pragma once

// What the mean field of a trained growing automaton does, and training it until it rests.
//
// The loss is the error of the colours at the last step of a rollout plus a weight times the mean square of its last
// change, z_T - z_{T-1}. As long as the pattern circles or drifts, that pulls it towards rest. Rollouts start from
// states that go on from iteration to iteration, from a damaged one, and from the seed.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

#include "../nca_grow/model.hpp"
#include "settling.hpp"

namespace nca_equilibrium {

/// On a torus, as published models are run.
using Published = nca_grow::Published::Growing<basin::Periodic>;
using Mean = basin::MeanFieldOf<Published>::type;
using MeanRollout = basin::Rollout<Mean>;
using PublishedTheta = nca_grow::Published::Theta;

struct Look {
  basin::Attractor<float> attractor;
  double error = 0;         ///< of the colours, mean of the phases; 0 without a target
  double largest_step = 0;  ///< the largest |f(z) - z| of all phases
  Index alive = 0;
};

/// What the mean field settles to from one cell.
inline Look look_at(const PublishedTheta& theta, const State<float>& target, bool with_target) {
  const Mean map = basin::mean_field(Published{});
  const Shape shape = target.shape.with_features(nca_grow::Published::features);
  const State<float> nothing(shape.with_features(0));
  const auto parameters = theta.as<Mean>();
  Look look{basin::find_attractor(map, parameters.span(), nothing.view(), basin::one_cell_seed<float>(shape),
                                  {.settle = 2000, .max_steps = 32000, .max_period = 64, .tolerance = 1e-5}),
            0, 0, 0};
  look.alive = basin::count_above(look.attractor.state().view());
  State<float> next(shape);
  for (const State<float>& phase : look.attractor.phases) {
    (void)map.apply(parameters.span(), phase.view(), nothing.view(), next.view());
    look.largest_step =
        std::max(look.largest_step, static_cast<double>((next.values - phase.values).cwiseAbs().maxCoeff()));
    if (with_target) {
      look.error += basin::LeadingFeaturesError<float>{target}.value_and_gradient(View<const float>(phase.view()), 0, 1,
                                                                                  View<float>{}) /
                    static_cast<double>(look.attractor.phases.size());
    }
  }
  return look;
}

/// A fixed point to the rounding of float: no number of the state changes by more than a millionth.
inline bool rests(const Look& look) { return look.attractor.period == 1 && look.largest_step < 1e-6; }

inline basin::OrderedJson described(const Look& look, bool with_target) {
  basin::OrderedJson json;
  json["period"] = look.attractor.period;
  json["residual"] = look.attractor.residual;
  json["residual_rms"] = look.attractor.residual_rms;
  json["largest_step"] = look.largest_step;
  json["alive_cells"] = look.alive;
  json["error"] = with_target ? basin::OrderedJson(look.error) : basin::OrderedJson();
  return json;
}

struct Seen {
  double error = 0;   ///< of the colours at the last step
  double change = 0;  ///< root mean square of the last step
};

/// The gradient of one rollout's loss, added to `gradient`; the last state in `end`.
inline Seen add_gradient(const MeanRollout& rollout, const PublishedTheta& theta, View<const float> start,
                         const State<float>& target, double rest_weight, View<float> end,
                         basin::Parameters<MeanRollout, float>& gradient) {
  const auto parameters = theta.as<MeanRollout>();
  // The loss sees the last two states, so the last step is a rollout of its own.
  MeanRollout but_one = rollout, last = rollout;
  but_one.steps = rollout.steps - 1;
  last.steps = 1;
  State<float> before(end.shape()), w(end.shape()), w_before(end.shape());
  const auto way = but_one.linearize<float>(parameters.span(), start, before.view());
  const auto step = last.linearize<float>(parameters.span(), before.view(), end);
  Seen seen;
  seen.error = basin::LeadingFeaturesError<float>{target}.value_and_gradient(View<const float>(end), 0, 1, w.view());
  const double size = static_cast<double>(end.size());
  const basin::Vector<float> change = end.vector() - before.values;
  seen.change = static_cast<double>(change.norm()) / std::sqrt(size);
  const float weight = static_cast<float>(2 * rest_weight / size);
  w.values += weight * change;
  (void)step.pullback(View<const float>(w.view()), w_before.view(), gradient.span());
  w_before.values -= weight * change;
  (void)way.pullback(View<const float>(w_before.view()), View<float>{}, gradient.span());
  return seen;
}

struct Phase {
  double rest_weight = 0;
  double rate = 0;  ///< highest, along half a cosine to a twentieth of it
  std::uint64_t seed = 0;
};

/// A published automaton in training, from its attractor on. Everything random is a function of the phase's seed and
/// the iteration.
class Calming {
 public:
  Calming(const Phase& phase, const PublishedTheta& theta, const State<float>& target, const Look& first)
      : phase_(phase),
        adam_{.rate = phase.rate},
        shape_(first.attractor.state().shape),
        target_(target),
        theta_(theta),
        moments_(adam_.init(theta)) {
    const basin::Vector<float>& values = first.attractor.state().values;
    states_.fill({values.begin(), values.end()});
  }

  [[nodiscard]] const PublishedTheta& parameters() const { return theta_; }
  /// The first of the states that go on from iteration to iteration.
  [[nodiscard]] State<float> state() const { return state(0); }

  /// What a checkpoint keeps, for reading and writing alike.
  template <class File, class Self>
  static void visit(File& file, Self& self) {
    const basin::Length cells{self.shape_.size()};
    file("", self.theta_);
    self.moments_.each(file.under("optimizer"));
    file("states.0", self.states_[0], cells, basin::Finite{});
    file("states.1", self.states_[1], cells, basin::Finite{});
  }

  /// Iteration i of so many; returns its loss.
  [[nodiscard]] double iterate(std::int64_t i, std::int64_t iterations) {
    constexpr Index starts = 4;
    const auto iteration = static_cast<std::uint64_t>(i);
    const basin::Random random{phase_.seed, 77};
    // Two states go on from iteration to iteration; one is damaged again and again, one starts from the seed.
    std::array<State<float>, starts> begins{state(0), state(1), state(0), basin::one_cell_seed<float>(shape_)};
    basin::erase(begins[2].view(), basin::random_circle(random, iteration));
    std::vector<State<float>> ends(starts, State<float>(shape_));
    std::vector<basin::Parameters<MeanRollout, float>> gradients(starts);
    std::array<Seen, starts> seen;
    const auto rest_weight = [&](Index n) { return n < 2 ? phase_.rest_weight : 0.0; };
    basin::parallel_for(starts, [&](Index n) {
      MeanRollout rollout;
      rollout.automaton = basin::mean_field(Published{});
      rollout.steps = n == 3 ? 96 : 32 + static_cast<Index>(random.below(1000000 + iteration, 32));
      const auto at = static_cast<std::size_t>(n);
      // What grows or heals is still on its way: only the states that go on are to rest.
      seen[at] =
          add_gradient(rollout, theta_, begins[at].view(), target_, rest_weight(n), ends[at].view(), gradients[at]);
    });
    basin::Parameters<MeanRollout, float> sum;
    for (const auto& gradient : gradients) sum.vector() += gradient.vector() / static_cast<float>(starts);
    auto gradient = sum.as<nca_grow::Published::Rule>();
    basin::examples::check_gradient(basin::normalize_leaves(gradient), i);
    // Adam's first steps move all parameters at once, and the pattern would be lost before it is known which help.
    const double warm_up = std::min(1.0, static_cast<double>(i + 1) / 100.0);
    adam_.step(theta_, gradient, moments_, warm_up * basin::Cosine{.total = iterations, .final = 0.05}(i));
    for (const std::size_t n : {0u, 1u}) {
      // A pattern that has just grown takes the place of one that is lost, and of the second now and then.
      const bool lost = !(seen[n].error <= 4 * seen[3].error);
      const auto& next = lost || (n == 1 && i % 8 == 7) ? ends[3].values : ends[n].values;
      states_[n].assign(next.begin(), next.end());
    }
    std::snprintf(detail_.data(), detail_.size(), "error %.2e, step %.1e at rest; error %.2e healing, %.2e grown",
                  seen[0].error, seen[0].change, seen[2].error, seen[3].error);
    double loss = 0;
    for (Index n = 0; n < starts; ++n) {
      const Seen& one = seen[static_cast<std::size_t>(n)];
      loss += (one.error + rest_weight(n) * one.change * one.change) / starts;
    }
    return loss;
  }

  /// For the line of progress.
  [[nodiscard]] std::string detail() const { return detail_.data(); }

 private:
  [[nodiscard]] State<float> state(std::size_t number) const {
    State<float> z(shape_);
    std::copy(states_[number].begin(), states_[number].end(), z.values.begin());
    return z;
  }

  Phase phase_;
  basin::Adam adam_;
  Shape shape_;
  const State<float>& target_;
  PublishedTheta theta_;
  basin::AdamState<nca_grow::Published::Rule, float> moments_;
  std::array<std::vector<float>, 2> states_;
  std::array<char, 120> detail_{};
};

inline constexpr int round_iterations = 400;

inline void calm(const Settings& settings, Stages& stages, basin::OrderedJson& metrics) {
  const PublishedTheta theta = nca_grow::load_published(settings.model);
  const bool with_target = !settings.target.empty();
  Settings large = settings;
  if (settings.size == Settings{}.size) large.size = 40;
  const State<float> target = target_of(large);
  const Look before = look_at(theta, target, with_target);
  metrics["before"] = described(before, with_target);
  std::printf("mean field: period %td, largest step %.1e, %td cells alive\n", before.attractor.period,
              before.largest_step, before.alive);
  if (settings.iterations == 0) return;
  if (!std::isfinite(before.attractor.residual)) {
    throw std::runtime_error("the mean field of " + settings.model + " grows without bound, and cannot be trained on");
  }
  // Without a picture, what it shows now is what it is to keep.
  State<float> wanted = target;
  if (!with_target) {
    wanted.values.setZero();
    for (const State<float>& phase : before.attractor.phases) {
      wanted.view().matrix() +=
          phase.view().matrix().topRows(colours) / static_cast<float>(before.attractor.phases.size());
    }
  }
  std::vector<double> losses;
  const auto draw = [&](const std::vector<double>& all, const State<float>& last, const char* caption) {
    basin::examples::draw_loss(settings.out, all, "loss of the training until it rests");
    basin::examples::write_png(settings.out + "/calm.png",
                               basin::examples::sheet({basin::image_over_white(wanted.view()),
                                                       basin::image_over_white(before.attractor.state().view()),
                                                       basin::image_over_white(last.view())},
                                                      {.scale = 4, .captions = {"wanted", "before", caption}}));
  };
  const auto with = [&](std::vector<double> more) {
    more.insert(more.begin(), losses.begin(), losses.end());
    return more;
  };
  const std::string data = basin::examples::fingerprint("picture", wanted);
  const auto train = [&](const std::string& stage, Calming& calming, int iterations) {
    losses =
        with(stages
                 .train(stage, calming, iterations, data,
                        [&](const basin::Training& training) { draw(with(training.losses()), calming.state(), "now"); })
                 .losses());
    return calming.parameters();
  };
  // First the picture becomes right in the mean field; then short phases end the last circling.
  const double rate = settings.rate > 0 ? settings.rate : 2e-5;
  Calming calming({1e4, rate, settings.seed}, theta, wanted, before);
  PublishedTheta calmed = train(calm_stage, calming, settings.iterations);
  Look after = look_at(calmed, target, with_target);
  int rounds = 0;
  for (; !rests(after) && rounds < settings.rounds; ++rounds) {
    std::printf("period %td, largest step %.1e: round %d\n", after.attractor.period, after.largest_step, rounds + 1);
    Calming again({1e5, rate / 2, settings.seed + static_cast<std::uint64_t>(rounds)}, calmed, wanted, after);
    calmed = train("calm_round_" + std::to_string(rounds + 1), again, round_iterations);
    after = look_at(calmed, target, with_target);
  }
  metrics["after"] = described(after, with_target);
  metrics["rounds"] = rounds;
  metrics["rests"] = rests(after);
  basin::save_parameters(settings.out + "/calm.safetensors", calmed);
  draw(losses, after.attractor.state(), "after");
  std::printf("after training: %s, period %td, largest step %.1e", rests(after) ? "rests" : "does not rest",
              after.attractor.period, after.largest_step);
  if (with_target) std::printf(", error %.2e (before %.2e)", after.error, before.error);
  std::printf("\n");
}

}  // namespace nca_equilibrium
