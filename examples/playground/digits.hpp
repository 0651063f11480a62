#pragma once

// A digit reader whose state settles: what the page's scene "Digits" calls. It is the model of deq_digits
// (examples/deq_digits/model.hpp), solved with an observer that keeps every iterate, so that the page can show them.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "../deq_digits/model.hpp"
#include "basin/core/parameters.hpp"
#include "basin/fixed_point/observers.hpp"
#include "colours.hpp"

namespace playground {

struct Digits {
  static constexpr int side = 28, cells = 14, classes = 10;
  static constexpr int tiles_across = 8, tile = cells + 2;  // pictures of channels, with a gap between them

  using Solver = basin::AnyMethod<basin::Anderson<5>, basin::Broyden<20>, basin::Picard>;
  using Reader = deq_digits::Model<Solver, basin::Implicit<>>;
  using Looks = basin::Sequential<basin::Conv<1, deq_digits::channels, 3, 2, basin::Zero, basin::Bias::no>,
                                  basin::GroupNorm<deq_digits::channels, 8>>;
  using Settles = basin::Equilibrium<deq_digits::Cell, Solver, basin::Implicit<>>;
  using Reads =
      basin::Sequential<basin::AveragePool<5, 3>,
                        basin::Flatten<deq_digits::channels, deq_digits::pooled, deq_digits::pooled>,
                        basin::Dense<deq_digits::channels * deq_digits::pooled * deq_digits::pooled, classes>>;
  static_assert(Reader::param_count == Looks::param_count + Settles::param_count + Reads::param_count);

  basin::Parameters<Reader, float> theta{};
  basin::State<float> image{basin::Shape{1, {side, side, 1}, 1}};
  basin::State<float> settled{basin::Shape{deq_digits::channels, {cells, cells, 1}, 1}};  // where the last solve ended
  basin::Trajectory<float> iterates{};
  std::vector<float> residuals{};
  std::vector<int> evaluations{};
  basin::Status status = basin::Status::converged;
  std::array<float, classes> scores{};
  Picture channels{};

  Digits() { channels.resize(tiles_across * tile, deq_digits::channels / tiles_across * tile); }

  /// From the last equilibrium or from zero, to where f(z) - z is `tolerance` of f(z).
  void settle(int method, bool from_last, double tolerance, int max_evaluations) {
    basin::State<float> u(settled.shape), start(settled.shape);
    (void)Looks{}.apply(theta.span().first<Looks::param_count>(), image.view(), u.view());
    if (from_last) start = settled;
    Settles layer;
    static constexpr std::array<const char*, 3> methods{"anderson", "broyden", "picard"};
    layer.solver = Solver(methods[static_cast<std::size_t>(method)]);
    layer.stop = {.tolerance = tolerance, .max_evaluations = max_evaluations};
    iterates.samples.clear();
    residuals.clear();
    evaluations.clear();
    const auto note = [this](const basin::Iterate<float>& iterate) {
      residuals.push_back(static_cast<float>(iterate.residual));
      evaluations.push_back(iterate.evaluations);
    };
    const auto parameters = theta.span().subspan<Looks::param_count, Settles::param_count>();
    const auto solution = layer.solve<float>(parameters, u.view(), start.view(), iterates, note);
    settled = solution.value;
    status = solution.samples[0].status;
  }

  [[nodiscard]] basin::View<const float> iterate(int i) const {
    return iterates.samples[0][static_cast<std::size_t>(i)].view();
  }

  static Digits& scene() {
    static Digits one;
    return one;
  }
};

}  // namespace playground

extern "C" {

/// Where the page writes the parameters, and how many there are.
[[gnu::used]] float* digits_theta() { return playground::Digits::scene().theta.span().data(); }
[[gnu::used]] int digits_theta_size() { return static_cast<int>(playground::Digits::Reader::param_count); }

/// Where the page writes the image: 28 x 28 numbers, paper 0, ink 1.
[[gnu::used]] float* digits_image() { return playground::Digits::scene().image.values.data(); }

/// Solves with a method (0 Anderson, 1 Broyden, 2 Picard) and returns how many iterates there are.
[[gnu::used]] int digits_settle(int method, int from_last, double tolerance, int max_evaluations) {
  playground::Digits& digits = playground::Digits::scene();
  digits.settle(method, from_last != 0, tolerance, max_evaluations);
  return static_cast<int>(digits.residuals.size());
}

/// The relative residual of each iterate, and the evaluations of f up to it.
[[gnu::used]] const float* digits_residuals() { return playground::Digits::scene().residuals.data(); }
[[gnu::used]] const int* digits_evaluations() { return playground::Digits::scene().evaluations.data(); }
[[gnu::used]] int digits_converged() { return playground::Digits::scene().status == basin::Status::converged ? 1 : 0; }

/// What would be read at an iterate: ten shares that add up to 1.
[[gnu::used]] const float* digits_scores(int i) {
  using playground::Digits;
  Digits& digits = Digits::scene();
  const basin::View<float> scores(digits.scores.data(), basin::Shape{Digits::classes, {1, 1, 1}, 1});
  (void)Digits::Reads{}.apply(digits.theta.span().last<Digits::Reads::param_count>(), digits.iterate(i), scores);
  scores.array() = (scores.array() - scores.array().maxCoeff()).exp();
  scores.array() /= scores.array().sum();
  return digits.scores.data();
}

/// The 32 channels of an iterate, in four rows of eight pictures of 16 x 16 pixels, with a transparent pixel around
/// each. Small numbers are lifted by a square root; below zero, where a method may pass, is as zero.
[[gnu::used]] const std::uint8_t* digits_channels(int i) {
  using playground::Digits;
  Digits& digits = Digits::scene();
  const basin::View<const float> z = digits.iterate(i);
  const float largest = std::max(digits.settled.values.maxCoeff(), 1e-6f);
  for (int k = 0; k < deq_digits::channels; ++k) {
    const int left = k % Digits::tiles_across * Digits::tile + 1, top = k / Digits::tiles_across * Digits::tile + 1;
    for (int cell = 0; cell < Digits::cells * Digits::cells; ++cell) {
      digits.channels.set(left + cell % Digits::cells, top + cell / Digits::cells,
                          playground::sequential(std::sqrt(std::max(z.matrix()(k, cell), 0.0f) / largest)));
    }
  }
  return digits.channels.data();
}

}  // extern "C"
