#pragma once

// What nca_autoencode measures of digits that were not trained on: the error of what comes through, along the steps,
// and with the hole shut; which digit it looks like; and beside it what linear codes of so many numbers keep.

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <Eigen/Eigenvalues>

#include "basin/io/json.hpp"
#include "trainer.hpp"

namespace nca_autoencode {

/// Digits on their way.
class Passage {
 public:
  /// `images`: (1, X, Y, 1, N).
  Passage(const Settings& settings, const Theta& theta, View<const float> images)
      : theta_(theta),
        images_(images),
        z_(grid_of(images.shape(), settings.planes).with_samples(images.samples())),
        next_(z_.shape) {
    model_.steps = 1;
    for (Index n = 0; n < images.samples(); ++n) begin(z_.view().sample(n), images.sample(n));
  }

  void step() {
    const auto theta = theta_.as<Model>();
    (void)model_.apply(theta.span(), z_.view(), next_.view());
    std::swap(z_, next_);
  }
  void run(Index steps) {
    for (Index t = 0; t < steps; ++t) step();
  }

  /// Shuts the hole, whose cell then stays as it is, or opens it again.
  void set_hole(bool is_open) {
    for (Index n = 0; n < z_.shape.samples; ++n) {
      z_.view().sample(n).data()[hole_of(z_.shape) * features + passable] = is_open ? 1.0f : 0.0f;
    }
  }
  [[nodiscard]] bool hole_is_open() const { return z_.values[hole_of(z_.shape) * features + passable] > 0; }

  [[nodiscard]] View<const float> view() const { return z_.view(); }
  [[nodiscard]] View<float> view() { return z_.view(); }
  [[nodiscard]] View<const float> images() const { return images_; }
  /// The mean squared error of what the last planes show.
  [[nodiscard]] double error() const {
    const State<float> last = shown_images(view());
    return static_cast<double>((last.values - images_.vector()).squaredNorm()) /
           static_cast<double>(last.values.size());
  }

 private:
  const Theta& theta_;
  View<const float> images_;
  State<float> z_, next_;
  Model model_;
};

/// Images as their mean and so many principal components: of all linear codes of so many numbers the one with the
/// smallest error on the training images (K. Pearson, "On lines and planes of closest fit to systems of points in
/// space", 1901).
class LinearCodes {
 public:
  /// Of images (1, X, Y, 1, N).
  explicit LinearCodes(View<const float> images) : mean_(Eigen::VectorXd::Zero(images.shape().cells_per_sample())) {
    constexpr Index block = 1024;
    const Index pixels = mean_.size(), count = images.samples();
    const auto each_block = [&](const auto& visit) {
      for (Index n = 0; n < count; n += block) {
        const View<const float> some = images.samples(n, std::min(block, count - n));
        visit(Eigen::MatrixXd(some.columns().cast<double>()));
      }
    };
    each_block([&](const Eigen::MatrixXd& some) { mean_ += some.rowwise().sum(); });
    mean_ /= static_cast<double>(count);
    Eigen::MatrixXd covariance = Eigen::MatrixXd::Zero(pixels, pixels);
    each_block([&](const Eigen::MatrixXd& some) {
      covariance.selfadjointView<Eigen::Lower>().rankUpdate(some.colwise() - mean_);
    });
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(covariance);
    components_ = solver.eigenvectors().rowwise().reverse();  // those that vary most first
  }

  /// The mean squared errors of other images with 0 (the mean image), 1, 2, ... numbers.
  [[nodiscard]] std::vector<double> errors(View<const float> images) const {
    const Eigen::MatrixXd rest = images.columns().cast<double>().colwise() - mean_;
    const Eigen::VectorXd along = (components_.transpose() * rest).rowwise().squaredNorm();
    std::vector<double> errors{rest.squaredNorm()};
    for (Index k = 0; k < along.size(); ++k) errors.push_back(std::max(0.0, errors.back() - along[k]));
    for (double& error : errors) error /= static_cast<double>(images.size());
    return errors;
  }

 private:
  Eigen::VectorXd mean_;
  Eigen::MatrixXd components_;
};

/// The most numbers with which a linear code has no smaller error: what came through is as good as so many.
inline Index numbers_of(double error, const std::vector<double>& of_codes) {
  const auto worse = std::find_if(of_codes.begin(), of_codes.end(), [&](double of_code) { return of_code < error; });
  return std::max<Index>(0, worse - of_codes.begin() - 1);
}

/// Says of an image which digit it is: that whose mean training image is nearest.
class NearestMean {
 public:
  explicit NearestMean(const Digits& train) : means_(train.images.shape.cells_per_sample(), 10) {
    means_.setZero();
    Eigen::VectorXd counts = Eigen::VectorXd::Zero(10);
    for (std::size_t n = 0; n < train.labels.size(); ++n) {
      means_.col(train.labels[n]) += train.images.view().columns().col(static_cast<Index>(n)).cast<double>();
      counts[train.labels[n]] += 1;
    }
    means_ *= counts.cwiseMax(1).cwiseInverse().asDiagonal();
  }

  /// The share of images (1, X, Y, 1, N) of which it says what their labels say.
  [[nodiscard]] double accuracy(View<const float> images, const std::vector<std::uint8_t>& labels) const {
    Index right = 0;
    for (Index n = 0; n < images.samples(); ++n) {
      Index nearest = 0;
      (means_.colwise() - images.columns().col(n).cast<double>()).colwise().squaredNorm().minCoeff(&nearest);
      right += nearest == labels[static_cast<std::size_t>(n)] ? 1 : 0;
    }
    return static_cast<double>(right) / static_cast<double>(images.samples());
  }

 private:
  Eigen::MatrixXd means_;
};

inline constexpr Index longest = 10;  ///< times the steps

struct Measured {
  std::vector<double> along{};                  ///< errors after step 0, 1, ... ten times the steps
  double shut = 0;                              ///< the error with the hole shut from the start
  std::vector<double> linear{};                 ///< errors of linear codes of 0, 1, ... numbers
  double accuracy = 0, accuracy_of_digits = 0;  ///< of the nearest mean, on what came through and on the digits
};

inline Measured measure(const Settings& settings, const Theta& theta, const ImageSets& data, Index count) {
  const View<const float> images = data.test.images.view().samples(0, count);
  const NearestMean nearest(data.train);
  Measured all{.linear = LinearCodes(data.train.images.view()).errors(images),
               .accuracy_of_digits = nearest.accuracy(images, data.test.labels)};
  Passage passage(settings, theta, images), shut(settings, theta, images);
  shut.set_hole(false);
  shut.run(settings.steps);
  all.shut = shut.error();
  all.along.push_back(passage.error());
  for (Index t = 1; t <= longest * settings.steps; ++t) {
    passage.step();
    all.along.push_back(passage.error());
    if (t == settings.steps) {
      const State<float> through = shown_images(std::as_const(passage).view());
      all.accuracy = nearest.accuracy(through.view(), data.test.labels);
    }
  }
  return all;
}

inline basin::OrderedJson as_json(const Measured& m, const Settings& settings) {
  const auto at = [&](Index times) { return m.along[static_cast<std::size_t>(times * settings.steps)]; };
  basin::OrderedJson linear = basin::OrderedJson::array();
  for (std::size_t k = 0; k < std::min<std::size_t>(m.linear.size(), 2 * features + 1); ++k) {
    linear.push_back(m.linear[k]);
  }
  return {{"error", at(1)},
          {"error_in_twice_the_steps", at(2)},
          {"error_in_ten_times_the_steps", at(longest)},
          {"error_with_the_hole_shut", m.shut},
          {"error_of_the_mean_image", m.linear.front()},
          {"numbers_of_a_linear_code", numbers_of(at(1), m.linear)},
          {"accuracy_of_the_nearest_mean", m.accuracy},
          {"accuracy_of_the_nearest_mean_on_the_digits", m.accuracy_of_digits},
          {"errors_of_linear_codes", linear}};
}

}  // namespace nca_autoencode
