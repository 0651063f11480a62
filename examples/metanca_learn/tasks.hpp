#pragma once

// What networks learn: tasks drawn at random, each a function of the seed and of its number.
//
// Curves: y = A s(x, p), A from 0.1 to 0.5, p from 0 to pi, x from -5 to 5, of which networks see x / 3: sinusoids
// s = sin(x + p) (the tasks of E. Randazzo, E. Niklasson, A. Mordvintsev, "MPLP", 2020), lines, parabolas, steps and
// triangles.
//
// Planar: points of a plane in two classes, turned, stretched and moved by chance: spirals, moons, checkers, rings, and
// what a random network of one hidden layer says (teachers).
//
// Digits: of ten classes, each task with the pixels and the labels in another order, half of them inverted, by chance;
// one task in three of a training has some of the ten classes only.
//
// Iris: Fisher's flowers, with features and labels in another order; only ever tried, never trained on.
//
// What is learned from and what is asked for are apart: images of even and of odd numbers, two thirds of the flowers
// and the others.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numbers>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "../support/dice.hpp"
#include "../support/digits.hpp"
#include "../support/iris.hpp"
#include "basin/meta/activations.hpp"

namespace metanca_learn {

using basin::Index;
using basin::Shape;
using basin::State;
using basin::View;
using basin::examples::Dice;

/// The streams of random numbers, one a use. Tasks that are only tested have a seed of their own.
enum Stream : std::uint64_t {
  life_stream = std::uint64_t{1} << 56,  // above those of initial parameters
  task_stream,
  data_stream,
  start_stream,
  fire_stream,
  damage_stream,
  pause_stream,
  noise_stream,
  test_stream,
  repair_stream
};

using Names = std::array<const char*, 5>;
inline const Names planar_families{"spirals", "moons", "checkers", "rings", "teachers"};
inline const Names curve_families{"sinusoids", "lines", "parabolas", "steps", "triangles"};

/// The place of a family among these; if it stands for all of them, of one drawn at random.
[[nodiscard]] inline std::size_t kind_of(const Names& names, const std::string& name, Dice& dice) {
  const std::size_t any = dice.below(names.size());
  const auto named = std::find(names.begin(), names.end(), name);
  return named == names.end() ? any : static_cast<std::size_t>(named - names.begin());
}

/// Families as users name them, and what their networks look like.
struct Family {
  std::string name;
  Index inputs = 0, outputs = 0;
  basin::Outputs kind = basin::Outputs::classes;
  std::size_t shown_classes = 0;  ///< of digits: how many a task has; 0: in one task of three 2 to 9, else 10

  static Family named(const std::string& name) {
    if (name == "curves" || std::find(curve_families.begin(), curve_families.end(), name) != curve_families.end()) {
      return {name, 1, 1, basin::Outputs::numbers};
    }
    if (name == "digits") return {name, 28 * 28, 10};
    if (name == "iris") return {name, basin::examples::iris_features, basin::examples::iris_classes};
    return {name, 2, 2};
  }
  /// Digits of so many classes.
  static Family of_classes(std::size_t count) {
    Family family = named("digits");
    family.shown_classes = count;
    return family;
  }
  [[nodiscard]] bool of_numbers() const { return kind == basin::Outputs::numbers; }
  [[nodiscard]] bool of_digits() const { return name == "digits"; }
  [[nodiscard]] bool planar() const { return inputs == 2; }
};

/// What a datum is for.
enum class Part { shown, asked };

/// One task.
class Task {
 public:
  /// digits: for tasks of that family, and then it outlives the task.
  Task(const Family& family, std::uint64_t seed, std::uint64_t number, const basin::LabelledImages* digits)
      : family_(family), digits_(digits) {
    Dice dice(seed, task_stream, number);
    if (family.of_numbers()) {
      amplitude_ = dice.uniform(0.1, 0.5);
      phase_ = dice.uniform(0, std::numbers::pi);
      kind_ = kind_of(curve_families, family.name, dice);
      exchanged_ = kind_ == 0 ? 0 : dice.below(2);
    } else if (!family.planar()) {
      features_ = shuffled(static_cast<std::size_t>(family.inputs), seed, 2 * number);
      classes_ = shuffled(static_cast<std::size_t>(family.outputs), seed, 2 * number + 1);
      inverted_ = dice.below(2) == 1;
      count_ = family.shown_classes > 0 ? family.shown_classes : dice.below(3) == 0 ? 2 + dice.below(8) : 10;
      if (!family.of_digits())
        flowers_ = std::make_shared<basin::examples::IrisSplit>(
            basin::examples::split_iris(basin::fold_in(seed, number), 2.0 / 3));
    } else {
      kind_ = kind_of(planar_families, family.name, dice);
      angle_ = dice.uniform(0, 2 * std::numbers::pi);
      stretch_ = dice.uniform(0.8, 1.2);
      for (double& one : moved_) one = dice.uniform(-0.3, 0.3);
      noise_ = dice.uniform(0.02, 0.1);
      form_ = dice.uniform(0, 1);
      exchanged_ = dice.below(2);
      if (planar_families[kind_] == std::string("teachers")) draw_teacher(dice, seed, number);
    }
  }

  [[nodiscard]] const Family& family() const { return family_; }

  /// Draws one datum: the inputs, and the target.
  void draw(Part part, Dice& dice, float* x, float* y) const {
    if (family_.of_numbers()) {
      const double at = dice.uniform(-5, 5);
      x[0] = static_cast<float>(at / number_scale);
      y[0] = static_cast<float>(value(at));
      return;
    }
    std::fill_n(y, family_.outputs, 0.0f);
    y[family_.of_digits() ? draw_digit(part, dice, x)
      : flowers_          ? draw_flower(part, dice, x)
                          : draw_point(dice, x)] = 1;
  }

  /// What a network is given of a curve is x over this, so that inputs are of size one.
  static constexpr double number_scale = 3;
  /// Of a curve.
  [[nodiscard]] double value(double x) const {
    const double size = exchanged_ == 1 ? -amplitude_ : amplitude_, turned = std::cos(phase_);
    switch (kind_) {
      case 0:
        return size * std::sin(x + phase_);
      case 1:
        return size * (x / 5 + turned) / 2;
      case 2:
        return size * ((x / 5 - turned) * (x / 5 - turned) - 1);
      case 3:
        return x < 4 * turned ? -size : size;
      default:
        return size * 2 / std::numbers::pi * std::asin(std::sin(x + phase_));
    }
  }

 private:
  /// Fisher and Yates' shuffle.
  static std::vector<Index> shuffled(std::size_t count, std::uint64_t seed, std::uint64_t number) {
    std::vector<Index> order(count);
    std::iota(order.begin(), order.end(), Index{0});
    const basin::Random random{seed, task_stream + (std::uint64_t{1} << 32)};
    for (std::size_t i = 0; i + 1 < count; ++i) {
      std::swap(order[i], order[i + random.below(number * 4096 + i, count - i)]);
    }
    return order;
  }

  /// The new label of a class; of the digits that a task has, the labels are below their number.
  [[nodiscard]] Index label(int of) const { return classes_[static_cast<std::size_t>(of)]; }

  Index draw_digit(Part part, Dice& dice, float* x) const {
    const auto images = static_cast<std::size_t>(digits_->images.shape.samples);
    const std::size_t asked = part == Part::asked ? 1 : 0;
    std::size_t one = 0;
    for (int tries = 0; tries < 900; ++tries) {  // a sample has a thousand numbers, and few images may lack the classes
      one = 2 * dice.below((images + 1 - asked) / 2) + asked;
      if (label(digits_->labels[one]) < static_cast<Index>(count_)) break;
    }
    const float* pixels = digits_->images.view().sample(static_cast<Index>(one)).data();
    for (std::size_t i = 0; i < features_.size(); ++i) {
      const float ink = pixels[features_[i]];
      x[i] = ((inverted_ ? 1 - ink : ink) - 0.1307f) / 0.3081f;  // mean and deviation of MNIST's pixels
    }
    return label(digits_->labels[one]);
  }

  Index draw_flower(Part part, Dice& dice, float* x) const {
    const basin::examples::IrisSet& set = part == Part::shown ? flowers_->train : flowers_->test;
    const std::size_t one = dice.below(set.labels.size());
    for (std::size_t i = 0; i < features_.size(); ++i) {
      x[i] = set.features.view().matrix()(features_[i], static_cast<Index>(one));
    }
    return label(set.labels[one]);
  }

  Index draw_point(Dice& dice, float* x) const {
    double u = 0, v = 0;
    std::size_t c = dice.below(2);
    const auto wobble = [&] { return dice.normal(0, noise_); };
    switch (kind_) {
      case 0: {
        const double way = dice.uniform(0.25, 1),
                     turn = way * (5 + 3 * form_) + static_cast<double>(c) * std::numbers::pi;
        u = 2 * way * std::cos(turn) + wobble();
        v = 2 * way * std::sin(turn) + wobble();
        break;
      }
      case 1: {
        const double turn = dice.uniform(0, std::numbers::pi), side = c == 0 ? 1 : -1;
        u = 1.3 * side * (std::cos(turn) - 0.5) + 1.5 * wobble();
        v = 1.3 * (1 + form_ / 2) * side * (std::sin(turn) - 0.25) + 1.5 * wobble();
        break;
      }
      case 2: {
        u = dice.uniform(-1.7, 1.7);
        v = dice.uniform(-1.7, 1.7);
        const double side = 1.7 / (1 + form_ / 2);
        c = (static_cast<int>(std::floor(u / side)) + static_cast<int>(std::floor(v / side))) % 2 == 0 ? 0 : 1;
        break;
      }
      case 3: {
        const double turn = dice.uniform(0, 2 * std::numbers::pi),
                     far = c == 0 ? dice.uniform(0, 0.8) : dice.uniform(0.9, 1.8);
        u = far * std::cos(turn);
        v = far * std::sin(turn);
        break;
      }
      default:
        u = dice.normal(0, 1);
        v = dice.normal(0, 1);
        c = teacher(u, v) > threshold_ ? 1 : 0;
    }
    x[0] = static_cast<float>(stretch_ * (std::cos(angle_) * u - std::sin(angle_) * v) + moved_[0]);
    x[1] = static_cast<float>((std::sin(angle_) * u + std::cos(angle_) * v) / stretch_ + moved_[1]);
    return static_cast<Index>(c ^ exchanged_);
  }

  /// A random network, and the median of what it says, so that the classes are equally frequent.
  void draw_teacher(Dice& dice, std::uint64_t seed, std::uint64_t number) {
    for (auto& unit : teacher_) {
      for (double& weight : unit) weight = dice.normal(0, 1.5);
    }
    std::vector<double> said(512);
    Dice points(seed, task_stream + (std::uint64_t{1} << 33), 2 * number);
    for (std::size_t i = 0; i < said.size(); ++i) {
      if (i == said.size() / 2) points = Dice(seed, task_stream + (std::uint64_t{1} << 33), 2 * number + 1);
      const double u = points.normal(0, 1), v = points.normal(0, 1);
      said[i] = teacher(u, v);
    }
    std::nth_element(said.begin(), said.begin() + 256, said.end());
    threshold_ = said[256];
  }
  [[nodiscard]] double teacher(double u, double v) const {
    double sum = 0;
    for (const auto& unit : teacher_) sum += unit[3] * std::tanh(unit[0] * u + unit[1] * v + unit[2]);
    return sum;
  }

  Family family_;
  const basin::LabelledImages* digits_;
  double amplitude_ = 0, phase_ = 0;
  std::vector<Index> features_, classes_;
  bool inverted_ = false;
  std::size_t count_ = 0;  // of classes
  std::shared_ptr<const basin::examples::IrisSplit> flowers_;
  std::size_t kind_ = 0, exchanged_ = 0;
  double angle_ = 0, stretch_ = 1, noise_ = 0, form_ = 0, threshold_ = 0;
  std::array<double, 2> moved_{};
  std::array<std::array<double, 4>, 8> teacher_{};
};

/// Batches of data of some tasks.
struct Batches {
  State<float> x, y;
  basin::Outputs kind = basin::Outputs::classes;

  /// Of one task; `number`, of 65,536 data each, and the stream tell these data from others of the task.
  Batches(const Task& task, Part part, Index batch, Index batches, std::uint64_t seed, std::uint64_t number,
          Stream stream = data_stream)
      : x(Shape{task.family().inputs, {batch, batches, 1}, 1}),
        y(Shape{task.family().outputs, {batch, batches, 1}, 1}),
        kind(task.family().kind) {
    for (Index i = 0; i < batch * batches; ++i) {
      Dice dice(seed, stream, number * 65536 + static_cast<std::uint64_t>(i));
      task.draw(part, dice, x.values.data() + i * x.shape.features, y.values.data() + i * y.shape.features);
    }
  }
  [[nodiscard]] basin::LearningData view() const { return {x.view(), y.view(), kind}; }
};

}  // namespace metanca_learn
