#pragma once

// What nca_tissue measures: how near the probabilities that were learned are to those of the tissue, and whether
// tissues that grow by what was learned are like the recorded ones: as large, as varied, and after a wound too.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "basin/io/json.hpp"
#include "trainer.hpp"

namespace nca_tissue {

/// Who makes tissues grow.
enum class Grower { recorded, mixture, mean, one, noisy };
inline constexpr std::array growers{Grower::recorded, Grower::mixture, Grower::mean, Grower::one, Grower::noisy};

inline const char* name_of(Grower grower) {
  constexpr std::array names{"recorded", "mixture", "mean_of_rules", "one_rule", "one_rule_with_noise"};
  return names[static_cast<std::size_t>(grower)];
}
/// For people.
inline const char* caption_of(Grower grower) {
  constexpr std::array names{"recorded", "mixture", "mean of the rules", "one rule", "one rule with noise"};
  return names[static_cast<std::size_t>(grower)];
}

/// Tissues that grow side by side from one stem cell each.
class Colony {
 public:
  /// Those numbered from `first` on of a seed and a stream.
  Colony(const Trainer& trainer, Grower grower, double noise, Index side, Index count, std::uint64_t seed,
         std::uint64_t stream, std::uint64_t first = 0)
      : trainer_(trainer), grower_(grower), noise_(noise), seed_(seed), stream_(stream), first_(first) {
    for (Index n = 0; n < count; ++n) tissues_.push_back(seed_of(side));
    if (grower != Grower::recorded) states_ = State<float>(Shape{kinds, {side, side, 1}, count});
    write_states();
  }

  /// One step of all of them.
  void step() {
    if (grower_ == Grower::recorded) {
      for (std::size_t n = 0; n < tissues_.size(); ++n) {
        const basin::Random random{basin::fold_in(seed_, first_ + n), stream_};
        tissues_[n] = step_of(tissues_[n], random, static_cast<std::uint64_t>(t_) << 32);
      }
    } else {
      grow();
      for (std::size_t n = 0; n < tissues_.size(); ++n) {
        tissues_[n] = read(states_.view().sample(static_cast<Index>(n)));
      }
    }
    ++t_;
  }
  void run(Index steps) {
    for (Index t = 0; t < steps; ++t) step();
  }
  /// Cuts off the right half of each.
  void wound() {
    empty_where([](const Tissue& tissue, Index x, Index) { return x >= tissue.side / 2; });
  }
  /// Empties a disc of each, in places.
  void remove(double x, double y, double radius) {
    empty_where([&](const Tissue&, Index i, Index j) {
      return std::hypot(static_cast<double>(i) + 0.5 - x, static_cast<double>(j) + 0.5 - y) < radius;
    });
  }

  /// As they are now: of grown ones, each place as the kind that it is most like.
  [[nodiscard]] const std::vector<Tissue>& tissues() const { return tissues_; }
  /// That they have made.
  [[nodiscard]] Index steps() const { return t_; }

  /// How far the cells of grown tissues are from being of one kind alone: the largest difference of all features.
  [[nodiscard]] double vagueness() const {
    if (grower_ == Grower::recorded) return 0;
    State<float> clear(states_.shape);
    for (std::size_t n = 0; n < tissues_.size(); ++n) write(tissues_[n], clear.view().sample(static_cast<Index>(n)));
    return static_cast<double>((clear.values - states_.values).cwiseAbs().maxCoeff());
  }

 private:
  /// Other places stay as they are, to the last digit.
  template <class Where>
  void empty_where(const Where& where) {
    for (std::size_t n = 0; n < tissues_.size(); ++n) {
      Tissue& tissue = tissues_[n];
      for (Index place = 0; place < std::ssize(tissue.kind); ++place) {
        if (!where(tissue, place % tissue.side, place / tissue.side)) continue;
        tissue.kind[static_cast<std::size_t>(place)] = empty;
        if (grower_ == Grower::recorded) continue;
        states_.view().sample(static_cast<Index>(n)).matrix().col(place) = Eigen::Vector4f::Unit(empty);
      }
    }
  }

  void write_states() {
    if (grower_ == Grower::recorded) return;
    for (std::size_t n = 0; n < tissues_.size(); ++n) write(tissues_[n], states_.view().sample(static_cast<Index>(n)));
  }

  void grow() {
    const basin::PredictOptions options{.samples_per_part = 4,
                                        .context = {.step = t_, .draw = basin::fold_in(stream_, first_)}};
    const auto next = [&]<class Rule>(const Rule& rollout, const auto& theta) {
      return std::move(basin::predict(rollout, rule_of<Rule>(theta), states_.view(), options).output);
    };
    switch (grower_) {
      case Grower::mixture: {
        Drawing drawing{.steps = 1};
        drawing.automaton.rule.layer<1>().seed = seed_;
        states_ = next(drawing, trainer_.mixture());
        break;
      }
      case Grower::mean:
        states_ = next(Meaning{.steps = 1}, trainer_.mixture());
        break;
      default: {
        Single single{.steps = 1};
        single.automaton.update = {.noise = grower_ == Grower::noisy ? noise_ : 0, .seed = seed_};
        states_ = next(single, trainer_.one());
      }
    }
  }

  const Trainer& trainer_;
  Grower grower_;
  double noise_;  // of the rule with noise
  std::uint64_t seed_, stream_, first_;
  std::vector<Tissue> tissues_;
  State<float> states_;
  Index t_ = 0;
};

/// What a network answers to a tissue.
template <class Model>
[[nodiscard]] State<float> answers_of(const basin::Parameters<Model, float>& theta, const Tissue& tissue) {
  State<float> state(Shape{kinds, {tissue.side, tissue.side, 1}, 1});
  write(tissue, state.view());
  return std::move(basin::predict(Model{}, theta, state.view()).output);
}

/// The kind of a cell to which an answer was added.
[[nodiscard]] inline std::size_t kind_after(std::uint8_t kind, const float* answer) {
  std::array<float, kinds> cell{};
  cell[kind] = 1;
  for (std::size_t c = 0; c < kinds; ++c) cell[c] += answer[c];
  return static_cast<std::size_t>(std::max_element(cell.begin(), cell.end()) - cell.begin());
}

/// softmax of the numbers that a mixture has for its rules in a cell.
[[nodiscard]] inline std::array<double, rules> choices_of(const float* numbers) {
  std::array<double, rules> p{};
  double sum = 0;
  const double most = static_cast<double>(*std::max_element(numbers, numbers + rules));
  for (std::size_t k = 0; k < rules; ++k) sum += p[k] = std::exp(static_cast<double>(numbers[k]) - most);
  for (double& one : p) one /= sum;
  return p;
}

/// What the mixture says that each place becomes, with which probability.
[[nodiscard]] inline std::vector<Probabilities> learned_by_mixture(const MixtureTheta& theta, const Tissue& tissue) {
  const State<float> answers = answers_of<Mixture>(theta, tissue);
  std::vector<Probabilities> all;
  for (std::size_t place = 0; place < tissue.kind.size(); ++place) {
    const float* numbers = answers.values.data() + place * (rules + rules * kinds);
    const auto chosen = choices_of(numbers);
    Probabilities& p = all.emplace_back();
    for (std::size_t k = 0; k < rules; ++k) {
      p[kind_after(tissue.kind[place], numbers + rules + k * kinds)] += chosen[k];
    }
  }
  return all;
}

/// The same of the one rule, which is sure of what it says.
[[nodiscard]] inline std::vector<Probabilities> learned_by_one(const OneTheta& theta, const Tissue& tissue) {
  const State<float> answers = answers_of<OneRule>(theta, tissue);
  std::vector<Probabilities> all;
  for (std::size_t place = 0; place < tissue.kind.size(); ++place) {
    all.emplace_back()[kind_after(tissue.kind[place], answers.values.data() + place * kinds)] = 1;
  }
  return all;
}

/// Half the sum of |p - q| over kinds, the total variation distance, mean over places that can change.
class Distance {
 public:
  void add(const Tissue& tissue, const std::vector<Probabilities>& learned) {
    for (Index place = 0; place < std::ssize(tissue.kind); ++place) {
      const Probabilities right = next_of(tissue, place % tissue.side, place / tissue.side);
      const auto i = static_cast<std::size_t>(place);
      if (right[tissue.kind[i]] == 1) continue;
      for (std::size_t c = 0; c < kinds; ++c) sum_ += std::abs(right[c] - learned[i][c]) / 2;
      ++count_;
    }
  }
  [[nodiscard]] double mean() const { return count_ > 0 ? sum_ / static_cast<double>(count_) : 0; }

 private:
  double sum_ = 0;
  Index count_ = 0;
};

/// Sizes of some tissues at one step.
struct Sizes {
  std::vector<double> size{};           ///< of each, ascending
  std::array<double, kinds> of_kind{};  ///< means
  double vagueness = 0;

  [[nodiscard]] double mean() const {
    double sum = 0;
    for (const double one : size) sum += one;
    return sum / static_cast<double>(size.size());
  }
  [[nodiscard]] double deviation() const {
    const double middle = mean();
    double sum = 0;
    for (const double one : size) sum += (one - middle) * (one - middle);
    return std::sqrt(sum / static_cast<double>(size.size()));
  }
  /// The size that a share of the tissues does not exceed.
  [[nodiscard]] double quantile(double share) const {
    const double last = std::ceil(share * static_cast<double>(size.size())) - 1;
    return size[static_cast<std::size_t>(std::max(last, 0.0))];
  }
  /// The share that has died out.
  [[nodiscard]] double gone() const {
    return static_cast<double>(std::count(size.begin(), size.end(), 0.0)) / static_cast<double>(size.size());
  }
};

[[nodiscard]] inline Sizes sizes_of(const Colony& colony) {
  Sizes sizes;
  for (const Tissue& tissue : colony.tissues()) {
    const auto counts = counts_of(tissue);
    sizes.size.push_back(static_cast<double>(size_of(tissue)));
    for (std::size_t c = 0; c < kinds; ++c) {
      sizes.of_kind[c] += static_cast<double>(counts[c]) / static_cast<double>(colony.tissues().size());
    }
  }
  std::sort(sizes.size.begin(), sizes.size.end());
  sizes.vagueness = colony.vagueness();
  return sizes;
}

/// The distance of two distributions of sizes by which the one would have to be moved to be the other (Wasserstein-1,
/// which for as many numbers each is the mean difference of those of the same rank), as a share of the second's mean.
[[nodiscard]] inline double distance(const Sizes& grown, const Sizes& recorded) {
  double sum = 0;
  for (std::size_t i = 0; i < grown.size.size(); ++i) sum += std::abs(grown.size[i] - recorded.size[i]);
  return sum / static_cast<double>(grown.size.size()) / std::max(recorded.mean(), 1.0);
}

/// What became of the tissues of one grower.
struct Course {
  std::vector<Sizes> at{};       ///< after 0 ... steps
  std::vector<Sizes> wounded{};  ///< 0 ... a third of the steps after half was cut off at the end
};

inline Course course_of(Colony colony, Index steps) {
  Course course;
  course.at.push_back(sizes_of(colony));
  for (Index t = 0; t < steps; ++t) {
    colony.step();
    course.at.push_back(sizes_of(colony));
  }
  colony.wound();
  course.wounded.push_back(sizes_of(colony));
  for (Index t = 0; t < steps / 3; ++t) {
    colony.step();
    course.wounded.push_back(sizes_of(colony));
  }
  return course;
}

struct Measured {
  double mixture_probabilities = 0, one_probabilities = 0;  ///< distance of what was learned from what is, a place
  double residual = 0;                                      ///< of the one rule, root of the mean square
  std::array<Course, growers.size()> courses{};             ///< of each grower
  Course again{};                                           ///< recorded ones, of other numbers
};

/// Root of the mean square of what the one rule's answer misses, a feature, over some recorded steps.
[[nodiscard]] inline double residual_of(const OneTheta& theta, const std::vector<std::vector<Tissue>>& tests) {
  double sum = 0, count = 0;
  for (const auto& test : tests) {
    for (std::size_t t = 0; t + 1 < test.size(); t += 5) {
      State<float> now(Shape{kinds, {test[t].side, test[t].side, 1}, 1}), next(now.shape);
      write(test[t], now.view());
      write(test[t + 1], next.view());
      const State<float> answers = answers_of<OneRule>(theta, test[t]);
      sum += static_cast<double>((next.values - now.values - answers.values).squaredNorm());
      count += static_cast<double>(next.values.size());
    }
  }
  return std::sqrt(sum / count);
}

inline Measured measure(const Settings& settings, const Trainer& trainer) {
  Measured m;
  const std::uint64_t stream = settings.held_back != 0 ? held_back_stream : test_stream;
  const Index steps = settings.steps;
  std::vector<std::vector<Tissue>> tests;
  for (std::uint64_t n = 0; n < static_cast<std::uint64_t>(std::min(settings.tissues, 20)); ++n) {
    tests.push_back(recording(settings.side, steps, settings.seed, stream, n));
  }
  Distance of_mixture, of_one;
  for (const auto& test : tests) {
    for (std::size_t t = 0; t < test.size(); t += 5) {
      of_mixture.add(test[t], learned_by_mixture(trainer.mixture(), test[t]));
      of_one.add(test[t], learned_by_one(trainer.one(), test[t]));
    }
  }
  m.mixture_probabilities = of_mixture.mean();
  m.one_probabilities = of_one.mean();
  m.residual = residual_of(trainer.one(), tests);
  const auto colony = [&](Grower grower, std::uint64_t of) {
    return Colony(trainer, grower, m.residual, settings.side, settings.tissues, settings.seed, of);
  };
  for (const Grower grower : growers) {
    m.courses[static_cast<std::size_t>(grower)] = course_of(colony(grower, stream), steps);
  }
  m.again = course_of(colony(Grower::recorded, again_stream), steps);
  return m;
}

inline basin::OrderedJson as_json(const Sizes& sizes, const Sizes& recorded) {
  return {{"mean", sizes.mean()},
          {"deviation", sizes.deviation()},
          {"died_out", sizes.gone()},
          {"stem", sizes.of_kind[stem]},
          {"dividing", sizes.of_kind[dividing]},
          {"mature", sizes.of_kind[mature]},
          {"distance", distance(sizes, recorded)},
          {"vagueness", sizes.vagueness}};
}

inline basin::OrderedJson as_json(const Measured& m) {
  const Course& recorded = m.courses[0];
  basin::OrderedJson json = {
      {"mixture_probabilities", m.mixture_probabilities},
      {"one_rule_probabilities", m.one_probabilities},
      {"one_rule_residual", m.residual},
      {"mixture_distance", distance(m.courses[1].at.back(), recorded.at.back())},
      {"one_rule_distance", distance(m.courses[3].at.back(), recorded.at.back())},
      {"recorded_distance", distance(m.again.at.back(), recorded.at.back())},
      {"mixture_wounded_distance", distance(m.courses[1].wounded.back(), recorded.wounded.back())}};
  basin::OrderedJson sizes = basin::OrderedJson::object();
  const auto add = [&](const std::string& name, const Course& course) {
    basin::OrderedJson one = basin::OrderedJson::object();
    const std::size_t last = course.at.size() - 1;
    for (const std::size_t t : {last / 3, 2 * last / 3, last}) {
      one[std::to_string(t)] = as_json(course.at[t], recorded.at[t]);
    }
    one["wounded"] = as_json(course.wounded.front(), recorded.wounded.front());
    one["healed"] = as_json(course.wounded.back(), recorded.wounded.back());
    sizes[name] = std::move(one);
  };
  for (const Grower grower : growers) add(name_of(grower), m.courses[static_cast<std::size_t>(grower)]);
  add("recorded_again", m.again);
  json["sizes"] = std::move(sizes);
  return json;
}

}  // namespace nca_tissue
