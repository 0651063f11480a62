#pragma once

// Weights that arrange themselves into a network that reads digits: what the page's scene "Network" calls. The rule is
// that of metanca_mnist (examples/metanca_mnist/model.hpp): every weight is a cell.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "../metanca_mnist/model.hpp"
#include "basin/core/parameters.hpp"
#include "basin/core/random.hpp"
#include "colours.hpp"

namespace playground {

struct Networks {
  using Index = basin::Index;
  using Rule = metanca_mnist::Rule;

  static constexpr int side = 28, classes = 10, examples = 10;
  static constexpr double step = 0.5;  // of the way at an update, as in training
  static constexpr float slope = 0.01f;

  Rule::Theta theta{};
  metanca_mnist::Architecture of{};
  basin::State<float> now{}, next{};
  std::uint64_t updates = 0;
  std::vector<float> weights{};                                         // of the network, scaled
  std::array<float, std::size_t{examples + 1} * side * side> images{};  // the page's ten digits, and what is drawn
  std::array<float, classes> scores{};
  int width = 0;                 // of the picture, in pixels
  std::vector<Index> cell_at{};  // the cell that each pixel of the picture shows, or -1
  std::vector<int> parts{};      // where each layer's part of the picture is: left, top, width, height
  Picture picture{};

  void make(Index x, Index y, std::uint64_t seed) {
    of = metanca_mnist::architecture_of(metanca_mnist::widths_of(x, y));
    now = Rule::random_networks(of.network, 1, seed, 0);
    next = now;
    updates = seed << 32;  // which the random masks follow
    lay_out();
    scale_weights();
  }

  void update() {
    const auto model = Rule::updates(of, 1, step, updates++, true);
    (void)model.apply(theta.span(), now.view(), next.view());
    std::swap(now.values, next.values);
    scale_weights();
  }

  void erase(Index cell) {
    std::fill_n(now.values.data() + cell * metanca_mnist::features, metanca_mnist::features, 0.0f);
  }

  /// The weights as the network has them.
  void scale_weights() {
    weights.resize(static_cast<std::size_t>(of.network.cells()));
    const auto layers = of.network.layers();
    for (std::size_t l = 0; l < layers.size(); ++l) {
      for (Index cell = layers[l].first; cell < layers[l].first + layers[l].cells(); ++cell) {
        weights[static_cast<std::size_t>(cell)] = of.scales[l] * now.values[cell * metanca_mnist::features];
      }
    }
  }

  /// The shares of the ten classes, for image `number`.
  void read(int number) {
    using Numbers = Eigen::Map<const Eigen::MatrixXf>;
    basin::Vector<float> x = Numbers(images.data() + number * side * side, side * side, 1);
    x = (x.array() - 0.1307f) / 0.3081f;  // mean and deviation of MNIST's pixels
    const auto layers = of.network.layers();
    for (std::size_t l = 0; l < layers.size(); ++l) {
      const float* first = weights.data() + layers[l].first;
      const Index in = layers[l].inputs, out = layers[l].outputs;
      basin::Vector<float> z = Numbers(first + in * out, out, 1);
      z.noalias() += Numbers(first, out, in) * x;
      if (l + 1 < layers.size()) z = z.array().max(0.0f) + slope * z.array().min(0.0f);
      x = std::move(z);
    }
    x = (x.array() - x.maxCoeff()).exp();
    x /= x.sum();
    std::copy_n(x.data(), classes, scores.begin());
  }

  static Networks& scene() {
    static Networks one;
    return one;
  }

 private:
  /// The picture: a square. Above, for each neuron of the first layer, its weights as the image that it looks for, 28 x
  /// 28 pixels; below, the other layers as matrices, a column for each neuron.
  void lay_out() {
    constexpr int tile = side + 1, gap = 6;
    const auto layers = of.network.layers();
    const auto neurons = static_cast<int>(layers[0].outputs);
    // As few columns as leave room below for the other layers, side by side, at least three pixels a weight, and then
    // as many pixels as there is room for.
    int across = 1, scale = 3;
    const auto rows = [&] { return (neurons + across - 1) / across; };
    const auto fits = [&](int pixels) {
      int wide = 0, high = 0;
      for (std::size_t l = 1; l < layers.size(); ++l) {
        wide += static_cast<int>(layers[l].outputs) * pixels + (l > 1 ? gap : 0);
        high = std::max(high, static_cast<int>(layers[l].rows) * pixels);
      }
      return wide <= across * tile && rows() * tile + gap + high <= across * tile;
    };
    while (!fits(scale)) ++across;
    while (fits(scale + 1)) ++scale;
    width = across * tile;
    cell_at.assign(static_cast<std::size_t>(width) * static_cast<std::size_t>(width), -1);
    picture.resize(width, width);
    const auto put = [&](int x, int y, Index cell) { cell_at[static_cast<std::size_t>(y * width + x)] = cell; };
    parts = {0, 0, width, rows() * tile};
    for (int neuron = 0; neuron < neurons; ++neuron) {
      for (int pixel = 0; pixel < side * side; ++pixel) {
        put(neuron % across * tile + pixel % side, neuron / across * tile + pixel / side,
            layers[0].cell(pixel, neuron));
      }
    }
    int left = 0;
    const int top = rows() * tile + gap;
    for (std::size_t l = 1; l < layers.size(); ++l) {
      const int columns = static_cast<int>(layers[l].outputs) * scale, lines = static_cast<int>(layers[l].rows) * scale;
      for (int y = 0; y < lines; ++y) {
        for (int x = 0; x < columns; ++x) put(left + x, top + y, layers[l].cell(y / scale, x / scale));
      }
      parts.insert(parts.end(), {left, top, columns, lines});
      left += columns + gap;
    }
  }
};

}  // namespace playground

extern "C" {

/// Where the page writes the rule, and how many numbers it has.
[[gnu::used]] float* network_theta() { return playground::Networks::scene().theta.span().data(); }
[[gnu::used]] int network_theta_size() { return static_cast<int>(playground::Networks::Rule::Updates::param_count); }

/// A network of random weights: 784 pixels, x neurons (none for 0), y neurons, 10 classes.
[[gnu::used]] void network_make(int x, int y, int seed) {
  playground::Networks::scene().make(x, y, static_cast<std::uint64_t>(seed));
}
[[gnu::used]] int network_cells() { return static_cast<int>(playground::Networks::scene().of.network.cells()); }

[[gnu::used]] void network_update(int count) {
  for (int i = 0; i < count; ++i) playground::Networks::scene().update();
}

/// Erases the weights that a disc of the picture shows, and what their cells know; coordinates and radius in pixels.
[[gnu::used]] void network_erase(double x, double y, double radius) {
  playground::Networks& all = playground::Networks::scene();
  playground::each_within(x, y, radius, all.width, all.width, [&](int i, int j) {
    const basin::Index cell = all.cell_at[static_cast<std::size_t>(j * all.width + i)];
    if (cell >= 0) all.erase(cell);
  });
  all.scale_weights();
}

/// Erases a layer.
[[gnu::used]] void network_erase_layer(int number) {
  playground::Networks& all = playground::Networks::scene();
  const auto& layer = all.of.network.layers()[static_cast<std::size_t>(number)];
  for (basin::Index i = 0; i < layer.cells(); ++i) all.erase(layer.first + i);
  all.scale_weights();
}

/// Where the page writes images of 28 x 28 numbers, paper 0 and ink 1: its digits 0 to 9, and number 10, what is drawn.
[[gnu::used]] float* network_image(int number) {
  constexpr int pixels = playground::Networks::side * playground::Networks::side;
  return playground::Networks::scene().images.data() + number * pixels;
}

/// How the network reads an image: ten shares that add up to 1.
[[gnu::used]] const float* network_scores(int image) {
  playground::Networks::scene().read(image);
  return playground::Networks::scene().scores.data();
}

/// How many of the page's ten digits it reads.
[[gnu::used]] int network_right() {
  playground::Networks& all = playground::Networks::scene();
  int right = 0;
  for (int digit = 0; digit < all.examples; ++digit) {
    all.read(digit);
    right += std::max_element(all.scores.begin(), all.scores.end()) - all.scores.begin() == digit ? 1 : 0;
  }
  return right;
}

/// A square of so many pixels a side: blue weights are negative, orange ones positive. And where in it each layer is:
/// left, top, width and height.
[[gnu::used]] int network_width() { return playground::Networks::scene().width; }
[[gnu::used]] const int* network_parts() { return playground::Networks::scene().parts.data(); }
[[gnu::used]] const std::uint8_t* network_picture() {
  playground::Networks& all = playground::Networks::scene();
  for (int y = 0; y < all.width; ++y) {
    for (int x = 0; x < all.width; ++x) {
      const basin::Index cell = all.cell_at[static_cast<std::size_t>(y * all.width + x)];
      const float weight = cell < 0 ? 0 : all.now.values[cell * metanca_mnist::features];
      all.picture.set(x, y, playground::diverging(weight, 0.8f));
    }
  }
  return all.picture.data();
}

}  // extern "C"
