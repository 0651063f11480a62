#pragma once

// What a state of networks is worth: the loss of the tasks that its samples do, and its gradient in their weights.
//
// A state (C, cells, 1, 1, N) holds N networks of one architecture (meta/network.hpp). The first feature w of a cell,
// times the scale of its layer, is a weight or a bias of the network:
//
//   x_0 = an input,   z_l = s_l W_l x_(l-1) + s'_l b_l,   x_l = max(z_l, 0) + slope min(z_l, 0) but for the last layer
//   loss of a network = mean over the inputs of (log sum_c exp(z_c) - z_label),  z of the last layer
//   value = 1/N sum over networks of it,   dw = s times the derivative in s w;  0 in the other features
//
// the cross-entropy of dense layers with LeakyRelu between them (layers/), for sizes that only the run knows. It is a
// loss as train/loss.hpp describes them: slices of the batch of networks add up. All networks of a call see the same
// inputs. An input is one sample of `inputs`, of any shape with as many numbers as the network's first width.
//
// Inputs go through in chunks of 256, so that memory does not grow with their number: per thread the weights and, for
// one chunk, the features of all layers but the inputs. The inputs are cut into at most 8 parts, by their number alone,
// and networks and parts are worked on in parallel; what parts give is summed in order, so nothing depends on the
// number of threads. A gradient takes scratch memory for the weights of each network and part.

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "basin/core/parallel.hpp"
#include "basin/core/scratch.hpp"
#include "basin/kernels/matrix_product.hpp"
#include "basin/layers/activation.hpp"
#include "basin/meta/network.hpp"
#include "basin/train/loss.hpp"

namespace basin {

template <class S>
struct NetworkLoss {
  Network network{};              ///< the architecture of all networks, at least one layer
  View<const S> inputs{};         ///< the caller's, at least one
  std::span<const int> labels{};  ///< the caller's, one for each input, 0 to the last width - 1
  std::vector<S> scales{};        ///< of the weights of each layer; none: all 1
  std::vector<S> bias_scales{};   ///< of the biases of each layer; none: all 1
  double slope = 0.01;            ///< of the leaky ReLU, 0 or more

  /// y is networks first_sample, first_sample + 1, ... of a batch of batch_size. Returns their part of the value and
  /// overwrites dy, of y's shape or a View without memory: not wanted. A number that is not finite shows in the value.
  /// Throws std::invalid_argument if y is no state of such networks, or dy, inputs, labels or scales do not fit them.
  double value_and_gradient(View<const S> y, Index first_sample, Index batch_size, View<S> dy) const {
    check_all(y);
    detail::check_slice<S>(y, first_sample, batch_size, dy);
    const Index cells = network.cells(), parts = part_count();
    Scratch scratch;
    const double share = 1.0 / static_cast<double>(inputs.samples() * batch_size);
    S* gradients = dy ? scratch.take<S>(y.samples() * parts * cells) : nullptr;
    const std::vector<Sums> sums = run(y, gradients, share);
    if (dy) {
      parallel_for(y.samples(), [&](Index n) { gather_gradient(gradients + n * parts * cells, dy.sample(n)); });
    }
    double value = 0;
    for (const Sums& one : sums) value += one.loss;
    return value * share;
  }

  /// The loss of each network of a state (C, cells, 1, 1, N). Throws as value_and_gradient does.
  [[nodiscard]] std::vector<double> losses(View<const S> networks) const {
    std::vector<double> out;
    for (const Sums& one : evaluate(networks)) out.push_back(one.loss / static_cast<double>(inputs.samples()));
    return out;
  }

  /// For each network of a state (C, cells, 1, 1, N) the share of the inputs whose largest output is at the label; of
  /// equal ones the first counts, and a NaN never does. Throws as value_and_gradient does.
  [[nodiscard]] std::vector<double> accuracies(View<const S> networks) const {
    std::vector<double> out;
    for (const Sums& one : evaluate(networks)) {
      out.push_back(static_cast<double>(one.correct) / static_cast<double>(inputs.samples()));
    }
    return out;
  }

  /// The weights and biases of one network, scaled, in the order of its cells: theta of the same network made of dense
  /// layers. Throws std::invalid_argument if `one` is not one network, or theta has not as many numbers as it has
  /// cells.
  void parameters(View<const S> one, std::span<S> theta) const {
    check_networks(one);
    check(one.samples() == 1, "number of networks", one.samples(), 1);
    check(static_cast<Index>(theta.size()) == network.cells(), "size of theta", theta.size(), network.cells());
    scaled(one, theta.data());
  }

 private:
  static constexpr Index chunk = 256;       // inputs at a time: a few hundred kilobytes of features
  static constexpr Index part_least = 512;  // inputs of a part, if there are as many: the weights are gathered for each
  static constexpr Index most_parts = 8;

  struct Sums {
    double loss = 0;
    Index correct = 0;
  };

  [[nodiscard]] Index part_count() const { return std::clamp<Index>(inputs.samples() / part_least, 1, most_parts); }

  /// to(cell) = from(cell) times the scale of the cell, `step` numbers apart on either side.
  void scale(const S* from, Index from_step, S* to, Index to_step) const {
    const auto layers = network.layers();
    for (std::size_t l = 0; l < layers.size(); ++l) {
      const Index first = layers[l].first, biases = first + layers[l].inputs * layers[l].outputs;
      const S of_weights = scales.empty() ? S(1) : scales[l], of_biases = bias_scales.empty() ? S(1) : bias_scales[l];
      for (Index cell = first; cell < biases; ++cell) to[cell * to_step] = of_weights * from[cell * from_step];
      for (Index cell = biases; cell < first + layers[l].cells(); ++cell) {
        to[cell * to_step] = of_biases * from[cell * from_step];
      }
    }
  }

  void scaled(View<const S> one, S* theta) const { scale(one.data(), one.shape().features, theta, 1); }

  /// The gradient of one network's state, from those of its parts in theta; changes the first of them.
  void gather_gradient(S* parts, View<S> dy) const {
    const Index cells = network.cells();
    Eigen::Map<Vector<S>> sum(parts, cells);
    for (Index part = 1; part < part_count(); ++part) sum += Eigen::Map<const Vector<S>>(parts + part * cells, cells);
    dy.vector().setZero();
    scale(parts, 1, dy.data(), dy.shape().features);
  }

  [[nodiscard]] std::vector<Sums> evaluate(View<const S> networks) const {
    check_all(networks);
    return run(networks, nullptr, 0);
  }

  /// The sums over the inputs for each network; gradients, if wanted, one for each network and part, are those of
  /// share * loss in theta.
  [[nodiscard]] std::vector<Sums> run(View<const S> networks, S* gradients, double share) const {
    const Index parts = part_count(), cells = network.cells(), count = inputs.samples();
    std::vector<Sums> by_part(static_cast<std::size_t>(networks.samples() * parts));
    parallel_for(networks.samples() * parts, [&](Index task) {
      const Index part = task % parts, first = part * count / parts, last = (part + 1) * count / parts;
      Scratch scratch;
      S* theta = scratch.take<S>(cells);
      scaled(networks.sample(task / parts), theta);
      S* gradient = gradients == nullptr ? nullptr : gradients + task * cells;
      if (gradient != nullptr) std::fill_n(gradient, cells, S(0));
      Sums& sums = by_part[static_cast<std::size_t>(task)];
      for (Index begin = first; begin < last; begin += chunk) {
        pass(theta, begin, std::min(chunk, last - begin), sums, gradient, share);
      }
    });
    std::vector<Sums> out(static_cast<std::size_t>(networks.samples()));
    for (std::size_t i = 0; i < by_part.size(); ++i) {
      Sums& to = out[i / static_cast<std::size_t>(parts)];
      to.loss += by_part[i].loss;
      to.correct += by_part[i].correct;
    }
    return out;
  }

  using Map = Eigen::Map<Matrix<S>>;
  using ConstMap = Eigen::Map<const Matrix<S>>;
  using Numbers = Eigen::Map<Eigen::Array<S, Eigen::Dynamic, 1>>;

  /// Inputs begin ... begin + count - 1 through one network, and back if `gradient` is wanted: it accumulates.
  void pass(const S* theta, Index begin, Index count, Sums& sums, S* gradient, double share) const {
    const auto layers = network.layers();
    const LeakyRelu activation{{.negative_slope = slope}};
    Scratch scratch;
    S** features = scratch.take<S*>(static_cast<Index>(layers.size()));  // of each layer's outputs, x_l
    const S* given = inputs.data() + begin * inputs.shape().sample_size();
    const auto features_into = [&](std::size_t l) { return l == 0 ? given : features[l - 1]; };
    for (std::size_t l = 0; l < layers.size(); ++l) {
      const Index in = layers[l].inputs, out = layers[l].outputs;
      features[l] = scratch.take<S>(out * count);
      Map z(features[l], out, count);
      const S* weights = theta + layers[l].first;
      kernels::product(z, ConstMap(weights, out, in), ConstMap(features_into(l), in, count));
      if (network.has_biases()) z.colwise() += Eigen::Map<const Vector<S>>(weights + in * out, out);
      if (l + 1 == layers.size()) break;
      Numbers x(features[l], out * count);
      x = activation.map(x);
    }
    const Index classes = network.widths().back();
    S* dz = features[layers.size() - 1];  // the outputs, and then the gradient in them
    double* exponentials = scratch.take<double>(classes);
    for (Index n = 0; n < count; ++n) {
      S* y = dz + n * classes;
      const Index label = labels[static_cast<std::size_t>(begin + n)];
      sums.correct += detail::largest_at(y, classes, label) ? 1 : 0;
      sums.loss += detail::cross_entropy(y, classes, label, share, exponentials, gradient == nullptr ? nullptr : y);
    }
    if (gradient == nullptr) return;

    for (std::size_t l = layers.size(); l-- > 0;) {
      const Index in = layers[l].inputs, out = layers[l].outputs;
      const Map d(dz, out, count);
      S* into = gradient + layers[l].first;
      const ConstMap x(features_into(l), in, count);
      kernels::product<true>(Map(into, out, in), d, x.transpose());
      if (network.has_biases()) {
        Eigen::Map<Vector<S>> biases(into + in * out, out);
        for (Index n = 0; n < count; ++n) biases += d.col(n);
      }
      if (l == 0) break;
      const ConstMap weights(theta + layers[l].first, out, in);
      S* dx = scratch.take<S>(in * count);
      kernels::product(Map(dx, in, count), weights.transpose(), d);
      const Numbers after(features[l - 1], in * count);  // positive where the number before the activation is
      Numbers(dx, in * count) *= activation.slope(after, after);
      dz = dx;
    }
  }

  void check_networks(View<const S> networks) const {
    const Shape& shape = networks.shape();
    check(shape.features >= 1 && shape.space == std::array<Index, 3>{network.cells(), 1, 1}, "shape of the networks",
          shape, "1 or more features of (" + std::to_string(network.cells()) + ", 1, 1) cells");
    const std::size_t layers = network.layers().size();
    check(scales.empty() || scales.size() == layers, "number of scales", scales.size(), layers);
    check(bias_scales.empty() || bias_scales.size() == layers, "number of scales of biases", bias_scales.size(),
          layers);
  }

  void check_all(View<const S> networks) const {
    check(!network.layers().empty(), "number of layers of the network", 0, "1 or more");
    check_networks(networks);
    check(inputs.samples() >= 1 && inputs.shape().sample_size() == network.widths().front(), "shape of the inputs",
          inputs.shape(), std::to_string(network.widths().front()) + " numbers in each of 1 or more samples");
    check(static_cast<Index>(labels.size()) == inputs.samples(), "number of labels", labels.size(), inputs.samples());
    detail::check_labels(labels, network.widths().back());
    check(slope >= 0, "slope of the leaky ReLU", slope, "0 or more");
  }
};

}  // namespace basin
