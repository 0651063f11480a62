#pragma once

// The pictures of deq_digits.

#include <algorithm>
#include <string>
#include <vector>

#include "../support/chart.hpp"
#include "../support/raster.hpp"
#include "../support/sheet.hpp"
#include "basin/fixed_point/observers.hpp"
#include "trainer.hpp"

namespace deq_digits {

/// The equilibrium layer of the model, and theta of it.
inline auto equilibrium_of(const Settled& model, const Theta& theta) {
  return std::pair(model.layer<equilibrium>(), Settled::part<equilibrium>(theta.span()));
}

/// What the cell is injected with, for some images.
inline State<float> injection(const Settled& model, const Theta& theta, View<const float> images) {
  using Encoder =
      basin::Sequential<basin::Conv<1, channels, 3, 2, basin::Zero, basin::Bias::no>, basin::GroupNorm<channels, 8>>;
  const Encoder encoder{{model.layer<0>(), model.layer<1>()}};
  State<float> u(encoder.out_shape(images.shape()));
  (void)encoder.apply(theta.span().first<Encoder::param_count>(), images, u.view());
  return u;
}

/// The equilibria of some images from zero; observers see every iterate.
template <class... Observers>
basin::Solution<float> settle(const Settled& model, const Theta& theta, View<const float> images,
                              Observers&&... observers) {
  const State<float> u = injection(model, theta, images);
  const auto [layer, parameters] = equilibrium_of(model, theta);
  const State<float> start(layer.out_shape(u.shape));
  return layer.solve(parameters, u.view(), start.view(), observers...);
}

/// The hidden channels of one image over the inner iterations: a row an iterate, a column a channel.
inline void draw_channels(const std::string& path, const Settled& model, const Theta& theta, View<const float> image) {
  basin::Trajectory<float> trajectory;
  basin::ResidualHistory residuals;
  (void)settle(model, theta, image, trajectory, residuals);
  const auto& states = trajectory.samples[0];
  // All iterates if they fit, else the first ones and then every few.
  constexpr std::size_t most_rows = 14;
  std::vector<std::size_t> rows;
  const std::size_t step = std::max<std::size_t>(1, (states.size() + most_rows - 1) / most_rows);
  for (std::size_t i = 0; i < states.size(); i += step) rows.push_back(i);
  if (rows.back() + 1 != states.size()) rows.push_back(states.size() - 1);

  constexpr Index shown = 16;
  const Shape& shape = states[0].shape;
  State<float> tiles(Shape{1, shape.space, shown * static_cast<Index>(rows.size())});
  basin::examples::SheetOptions options{
      .title = "The first " + std::to_string(shown) + " hidden channels while the state settles",
      .columns = shown,
      .scale = 3,
      .gap = 3};
  for (Index c = 0; c < shown; ++c) options.column_captions.push_back(std::to_string(c));
  float largest = 0;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const State<float>& z = states[rows[r]];
    const State<float> all = basin::examples::channels_as_tiles(z.view());
    tiles.view().samples(static_cast<Index>(r) * shown, shown).vector() = all.view().samples(0, shown).vector();
    largest = std::max(largest, z.values.maxCoeff());
    options.row_captions.push_back("iterate " + std::to_string(rows[r]) + ", residual " +
                                   basin::examples::rounded_text(residuals.samples[0][rows[r]], 1));
  }
  const double high = largest > 0 ? static_cast<double>(largest) : 1.0;
  options.bar = {basin::examples::heat, 0, high, "number of a cell"};
  basin::examples::write_png(
      path, basin::examples::sheet(basin::examples::images_of(tiles.view(), basin::examples::heat, 0, high), options));
}

/// For some images, cut from below to several shares of their rows: what is seen, and the equilibrium that it reaches
/// (the mean of its channels), with the class that the model reads.
inline void draw_truncated(const std::string& path, const Settled& model, const Theta& theta,
                           const LabelledImages& data, const std::vector<Index>& chosen) {
  const std::vector<double> fractions{1.0, 0.75, 0.5, 0.35};
  const Index count = static_cast<Index>(chosen.size());
  State<float> images(data.images.shape.with_samples(count));
  for (Index n = 0; n < count; ++n) {
    images.view().sample(n).vector() = data.images.view().sample(chosen[static_cast<std::size_t>(n)]).vector();
  }
  const Index width = images.shape.space[0], height = images.shape.space[1];
  State<float> tiles(Shape{1, {width, height, 1}, count * 2 * static_cast<Index>(fractions.size())});
  basin::examples::SheetOptions options{
      .title = "Images cut from below, the equilibria that they reach, and the digit that is read",
      .columns = count,
      .scale = 2};
  Index row = 0;
  for (const double fraction : fractions) {
    const State<float> cut = truncated(images, fraction);
    const State<float> z = settle(model, theta, cut.view()).value;
    const auto prediction = basin::predict(model, theta, cut.view());
    tiles.view().samples(row * count, count).vector() = cut.values;
    std::vector<std::string> read;
    for (Index n = 0; n < count; ++n) {
      const State<float> one(z.view().sample(n));
      const basin::Vector<float> mean = one.view().matrix().colwise().mean().transpose();
      const float largest = std::max(mean.maxCoeff(), 1e-6f);
      // A cell of the state stands for 2 x 2 pixels.
      float* tile = tiles.view().sample((row + 1) * count + n).data();
      const Index scale = width / one.shape.space[0];
      for (Index y = 0; y < height; ++y) {
        for (Index x = 0; x < width; ++x) {
          tile[y * width + x] = mean[(y / scale) * one.shape.space[0] + x / scale] / largest;
        }
      }
      Index best = 0;
      prediction.output.view().sample(n).vector().maxCoeff(&best);
      read.push_back("read: " + std::to_string(best));
    }
    options.captions.insert(options.captions.end(), static_cast<std::size_t>(count), "");
    options.captions.insert(options.captions.end(), read.begin(), read.end());
    options.row_captions.push_back("image, " + std::to_string(std::lround(100 * fraction)) + "% of its rows");
    options.row_captions.push_back("equilibrium");
    row += 2;
  }
  options.bar = {basin::examples::heat, 0, 1,
                 "image: ink; equilibrium: mean of the channels, as a share of the largest in it"};
  basin::examples::write_png(
      path, basin::examples::sheet(basin::examples::images_of(tiles.view(), basin::examples::heat), options));
}

/// Accuracy against the share of rows kept.
inline void draw_accuracy(const std::string& path, const std::vector<std::pair<double, double>>& truncated_accuracy) {
  basin::examples::Series curve;
  for (const auto& [fraction, accuracy] : truncated_accuracy) {
    curve.x.push_back(100 * fraction);
    curve.y.push_back(100 * accuracy);
  }
  basin::examples::write_png_and_svg(
      path, basin::examples::line_chart({curve}, {.title = "Test images cut from below",
                                                  .x = {.label = "rows kept, %"},
                                                  .y = {.label = "test accuracy, %", .low = 0, .high = 100}}));
}

/// Accuracy in training and on the test images, epoch by epoch.
inline void draw_training(const std::string& path, const std::vector<Epoch>& history) {
  basin::examples::Series train{"training images", {}, {}}, test{"test images", {}, {}};
  for (std::size_t i = 0; i < history.size(); ++i) {
    train.x.push_back(static_cast<double>(i + 1));
    test.x.push_back(static_cast<double>(i + 1));
    train.y.push_back(100 * history[i].accuracy);
    test.y.push_back(100 * history[i].test_accuracy);
  }
  basin::examples::write_png_and_svg(
      path,
      basin::examples::line_chart(
          {train, test}, {.title = "Training", .x = {.label = "epoch", .whole = true}, .y = {.label = "accuracy, %"}}));
}

}  // namespace deq_digits
