#pragma once

// How well new tasks are learned, batch by batch, by the rule and by each optimiser; and what becomes of a network that
// goes on, or loses a layer.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "basin/core/parallel.hpp"
#include "optimisers.hpp"
#include "trainer.hpp"

namespace metanca_learn {

/// A number for each batch from 0 on: the mean over tasks of the error (numbers), or of the accuracy (classes), on data
/// that were not learned from.
using Curve = std::vector<double>;

struct Trial {
  const Settings& settings;
  Family family;
  const basin::LabelledImages* digits;  ///< null but for that family
  std::uint64_t seed;                   ///< of the tasks
  std::vector<Index> hidden_widths;

  static constexpr Index asked = 500;  // data of a test
  static constexpr std::uint64_t held_out = 0x6e6577;

  /// New tasks: their digits are of the test set.
  static Trial of_new(const Settings& settings, const Family& family, const basin::LabelledImages* digits) {
    return {settings, complete(family), digits, basin::fold_in(settings.seed, held_out), usual(family)};
  }
  /// Tasks with the seed, and the digits, of the training, for the choice of rates.
  static Trial of_choice(const Settings& settings, const Family& family, const basin::LabelledImages* digits) {
    return {settings, complete(family), digits, settings.seed, usual(family)};
  }
  /// Digits of all ten classes, unless it is said how many.
  static Family complete(const Family& family) {
    return family.of_digits() && family.shown_classes == 0 ? Family::of_classes(10) : family;
  }
  static std::vector<Index> usual(const Family& family) {
    return family.of_digits() ? std::vector<Index>{30} : std::vector<Index>{20, 20};
  }

  [[nodiscard]] bool classes() const { return !family.of_numbers(); }
  [[nodiscard]] basin::Network network() const { return network_for(family, hidden_widths); }
  /// Numbers that no life of a training has.
  [[nodiscard]] static std::uint64_t number(Index task) {
    return (std::uint64_t{1} << 36) + static_cast<std::uint64_t>(task);
  }
  [[nodiscard]] Task task(Index n) const { return {family, seed, number(n), digits}; }
  [[nodiscard]] Batches shown(Index n, Index batches) const {
    return {task(n), Part::shown, settings.batch, batches, seed, 2 * number(n)};
  }
  [[nodiscard]] Batches test(Index n) const { return {task(n), Part::asked, asked, 1, seed, number(n), test_stream}; }
  [[nodiscard]] double measured(const basin::Network& of, const Batches& data, View<const float> z) const {
    const auto result = basin::LearningLoss{of, data.view()}.results(z)[0];
    return classes() ? result.accuracy : result.loss;
  }
};

/// The mean of what each task gives, a curve of one more number than `batches`.
template <class One>
Curve mean_of(Index tasks, Index batches, const One& one) {
  std::vector<Curve> curves(static_cast<std::size_t>(tasks));
  basin::parallel_for(tasks, [&](Index n) { curves[static_cast<std::size_t>(n)] = one(n); });
  Curve mean(static_cast<std::size_t>(batches + 1), 0.0);
  for (const Curve& curve : curves) {
    for (std::size_t t = 0; t < mean.size(); ++t) mean[t] += curve[t] / static_cast<double>(tasks);
  }
  return mean;
}

/// One task learned by the rule. `see` gets each state.
template <class See>
void learn_task(const Trial& trial, const Theta& theta, Index n, Index batches, const See& see) {
  const basin::Network network = trial.network();
  const Batches shown = trial.shown(n, batches);
  const Life life =
      life_on(network, shown.view(), trial.settings.fire, basin::fold_in(trial.seed, Trial::number(n)), batches);
  const State<float> start = fresh_network(network, trial.seed, Trial::number(n));
  State<float> end(start.shape);
  (void)life.run<float>(theta.span(), start, end, see);
}

inline Curve by_rule(const Trial& trial, const Theta& theta, Index tasks, Index batches) {
  const basin::Network network = trial.network();
  return mean_of(tasks, batches, [&](Index n) {
    const Batches test = trial.test(n);
    Curve curve;
    learn_task(trial, theta, n, batches,
               [&](Index, View<const float> z) { curve.push_back(trial.measured(network, test, z)); });
    return curve;
  });
}

/// The mean after the last batch alone.
inline double by_rule_at_end(const Trial& trial, const Theta& theta, Index tasks, Index batches) {
  const basin::Network network = trial.network();
  return mean_of(tasks, 0, [&](Index n) {
    const Batches test = trial.test(n);
    Curve last(1);
    learn_task(trial, theta, n, batches, [&](Index t, View<const float> z) {
      if (t == batches) last[0] = trial.measured(network, test, z);
    });
    return last;
  })[0];
}

inline Curve by_optimiser(const Trial& trial, const Optimiser& optimiser, Index tasks, Index batches) {
  const basin::Network network = trial.network();
  return mean_of(tasks, batches, [&](Index n) {
    const Batches shown = trial.shown(n, batches), test = trial.test(n);
    Learned learned(network, fresh_network(network, trial.seed, Trial::number(n), 1), optimiser, Trial::number(n));
    Curve curve;
    for (Index t = 0;; ++t) {
      curve.push_back(trial.measured(network, test, learned.state().view()));
      if (t == batches) return curve;
      learned.learn(shown.view(), t);
    }
  });
}

/// What an optimiser does with each of the rates, on the tasks of the choice.
inline std::vector<Curve> tried(const Trial& choice, Optimiser optimiser, Index tasks, Index batches) {
  std::vector<Curve> curves;
  for (const double rate : rates) {
    optimiser.rate = rate;
    curves.push_back(by_optimiser(choice, optimiser, tasks, batches));
  }
  return curves;
}

/// The rate that does best after so many batches.
inline double best_rate(const Trial& choice, const std::vector<Curve>& curves, Index batches) {
  std::size_t best = 0;
  const auto worth = [&](std::size_t k) {
    const double value = curves[k][static_cast<std::size_t>(batches)];
    if (!std::isfinite(value)) return -std::numeric_limits<double>::infinity();
    return choice.classes() ? value : -value;
  };
  for (std::size_t k = 1; k < curves.size(); ++k) {
    if (worth(k) > worth(best)) best = k;
  }
  return rates[best];
}

[[nodiscard]] inline double median(std::vector<Index> numbers) {
  std::sort(numbers.begin(), numbers.end());
  const std::size_t middle = numbers.size() / 2;
  return static_cast<double>(numbers[middle] + numbers[numbers.size() % 2 == 0 ? middle - 1 : middle]) / 2;
}

/// How long networks that have learned stay what they are, when they go on with further data, or with none.
struct Stability {
  double stays = 0;  ///< median of batches until accuracy is a tenth less, or the error a tenth more, than at the
                     ///< beginning; networks that stay for all that were tried count as these
  double end = 0;    ///< mean accuracy, or error, after all that were tried
};

/// After settings.batches of data, for ten times as many batches, of `batch` data each, at fifty of which it is
/// looked.
inline Stability stability(const Trial& trial, const Theta& theta, Index tasks, Index batch) {
  const Index batches = trial.settings.batches, more = 10 * batches, between = std::max<Index>(1, batches / 5);
  const basin::Network network = trial.network();
  std::vector<Index> stays(static_cast<std::size_t>(tasks), more);
  Stability all;
  all.end = mean_of(tasks, 0, [&](Index n) {
    const Batches test = trial.test(n);
    State<float> learned(network.shape(features)), last(learned.shape);
    learn_task(trial, theta, n, batches, [&](Index, View<const float> z) { learned.values = z.vector(); });
    const double before = trial.measured(network, test, learned.view());
    const Batches further(trial.task(n), Part::shown, batch, more, trial.seed, Trial::number(n), repair_stream);
    double now = before;
    (void)life_on(network, further.view(), trial.settings.fire,
                  basin::fold_in(basin::fold_in(trial.seed, Trial::number(n)), repair_stream), more)
        .run<float>(theta.span(), learned, last, [&](Index t, View<const float> z) {
          if (t % between != 0 && t != more) return;
          now = trial.measured(network, test, z);
          const bool stayed = trial.classes() ? now >= 0.9 * before : now <= 1.1 * before;  // false if it is NaN
          if (!stayed) stays[static_cast<std::size_t>(n)] = std::min(stays[static_cast<std::size_t>(n)], t);
        });
    return Curve{now};
  })[0];
  all.stays = median(stays);
  return all;
}

/// Of classes: how many batches a network takes that has lost a layer, and a share of its other weights, until it is
/// within two hundredths of what it was; and a new one, until it is as good.
struct Repair {
  double lost = 0;                ///< mean accuracy right after the loss
  double before = 0;              ///< and before it
  double repaired = 0, anew = 0;  ///< medians of batches; those that never get there count as one more than were tried
};

inline Repair repair(const Trial& trial, const Theta& theta, Index tasks, double others) {
  const Index batches = trial.settings.batches;
  const basin::Network network = trial.network();
  struct One {
    double before, lost;
    Index repaired, anew;
  };
  std::vector<One> ones(static_cast<std::size_t>(tasks));
  basin::parallel_for(tasks, [&](Index n) {
    const Batches test = trial.test(n);
    State<float> end(network.shape(features));
    Curve first;
    learn_task(trial, theta, n, batches, [&](Index, View<const float> z) {
      first.push_back(trial.measured(network, test, z));
      end.values = z.vector();
    });
    lose_layer(end.view(), network, static_cast<std::size_t>(n) % network.layers().size(), others,
               {trial.seed, damage_stream + (static_cast<std::uint64_t>(n) << 8)});
    const Batches more(trial.task(n), Part::shown, trial.settings.batch, batches, trial.seed, Trial::number(n),
                       repair_stream);
    Curve again;
    State<float> last(end.shape);
    (void)life_on(network, more.view(), trial.settings.fire,
                  basin::fold_in(basin::fold_in(trial.seed, Trial::number(n)), repair_stream), batches)
        .run<float>(theta.span(), end, last,
                    [&](Index, View<const float> z) { again.push_back(trial.measured(network, test, z)); });
    const double wanted = first.back() - 0.02;
    const auto reached = [&](const Curve& curve) {
      return static_cast<Index>(std::find_if(curve.begin(), curve.end(), [&](double a) { return a >= wanted; }) -
                                curve.begin());
    };
    ones[static_cast<std::size_t>(n)] = {first.back(), again.front(), reached(again), reached(first)};
  });
  Repair all;
  std::vector<Index> repaired, anew;
  for (const One& one : ones) {
    all.before += one.before / static_cast<double>(tasks);
    all.lost += one.lost / static_cast<double>(tasks);
    repaired.push_back(one.repaired);
    anew.push_back(one.anew);
  }
  all.repaired = median(repaired);
  all.anew = median(anew);
  return all;
}

}  // namespace metanca_learn
