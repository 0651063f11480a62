#pragma once

// The equilibrium of solve.cpp and train.cpp: z = tanh(conv3x3(z) + u) on 14 x 14 cells for 64 samples, with the
// convolution scaled, as an operator, to a spectral norm of 1.6, and u = conv3x3(image), stride 2, of random 28 x 28
// images. torch_deq.py and torchdeq_deq.py have the same numbers.

#include "basin/deq/injected.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/conv.hpp"
#include "measuring.hpp"

namespace basin::benchmarks {

template <int C>
using CellConv = Conv<C, C, 3, 1, Zero, Bias::no>;
template <int C>
using DeqCell = Injected<Sequential<CellConv<C>, Tanh>>;
template <int C>
using Injection = Conv<1, C, 3, 2>;

inline constexpr Index deq_samples = 64;
inline constexpr double deq_tolerance = 1e-3;

inline State<float> deq_images() {
  State<float> images(Shape{1, {28, 28, 1}, deq_samples});
  fill_uniform(images.values, 10, 0, 1);
  return images;
}

template <class Model>
void fill_injection(Parameters<Model, float>& theta, const std::string& path) {
  fill_uniform(theta.leaf(path + "weight"), 11, -1.0 / 3, 1.0 / 3);
  fill_uniform(theta.leaf(path + "bias"), 12, -1.0 / 3, 1.0 / 3);
}

/// The weights of the cell; its norm is found by power iteration on J^T J.
template <int C>
Parameters<CellConv<C>, float> deq_weights() {
  Parameters<CellConv<C>, float> theta;
  fill_uniform(theta.vector(), 13, -1, 1);
  State<float> v(Shape{C, {14, 14, 1}, 1});
  State<float> image(v.shape);
  fill_uniform(v.values, 5, -1, 1);
  const auto linear = CellConv<C>{}.linearize(theta, v.view(), image.view());
  double norm = 0;
  for (int i = 0; i < 60; ++i) {
    v.values /= v.values.norm();
    linear.jvp(v.view(), image.view());
    norm = length_of(image.values);
    linear.vjp(image.view(), v.view());
  }
  theta.vector() *= static_cast<float>(1.6 / norm);
  return theta;
}

inline std::string with_features(const std::string& work, int features) {
  return work + ", C = " + std::to_string(features);
}

}  // namespace basin::benchmarks
