#pragma once

// One network of a rule's, as a file that other programs read.

#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "basin/io/safetensors.hpp"
#include "settings.hpp"
#include "trainer.hpp"

namespace metanca_mnist {

/// Writes network.safetensors: the leaves of a Sequential of dense layers and leaky ReLUs. z has one network.
inline void save_network(const Settings& settings, const basin::NetworkLoss<float>& loss, const State<float>& z,
                         double accuracy) {
  std::vector<float> weights(static_cast<std::size_t>(loss.network.cells()));
  loss.parameters(z.view(), weights);
  basin::TensorFile file;
  const auto add = [&](const std::string& name, const float* values, std::vector<std::uint64_t> shape, Index count) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(values);
    file.tensors[name] = {
        basin::TensorType::f32, std::move(shape), {bytes, bytes + static_cast<std::size_t>(count) * sizeof(float)}};
  };
  const auto layers = loss.network.layers();
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const auto inputs = static_cast<std::uint64_t>(layers[l].inputs),
               outputs = static_cast<std::uint64_t>(layers[l].outputs);
    const float* first = weights.data() + layers[l].first;
    const std::string name = std::to_string(2 * l);
    add(name + ".weight", first, {inputs, outputs}, layers[l].inputs * layers[l].outputs);
    add(name + ".bias", first + layers[l].inputs * layers[l].outputs, {outputs}, layers[l].outputs);
  }
  file.metadata["slope"] = std::to_string(loss.slope);
  file.metadata["inputs"] = settings.rule.empty()
                                ? "pixels of 0 to 1, minus 0.1307, over 0.3081"
                                : "pixels of 0 to 1, each minus its mean, over its deviation, of the training images";
  basin::write_safetensors(settings.out + "/network.safetensors", file);
  std::printf("%s after %d updates: %.2f%% of the images; wrote %s/network.safetensors\n",
              loss.network.to_string().c_str(), settings.updates, 100 * accuracy, settings.out.c_str());
}

}  // namespace metanca_mnist
