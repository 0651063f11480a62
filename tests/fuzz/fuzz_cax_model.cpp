// Growing automata of CAX: files of safetensors whose arrays are right but where the input says otherwise. What is read
// has the numbers of the file's layers, each once.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "basin/io/cax_model.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "fuzz.hpp"

namespace basin::fuzz {

namespace {

using Model = Automaton<Perceive<5, Zero, Centre, SobelX, SobelY>, Sequential<Dense<15, 2>, Relu, Dense<2, 5>>,
                        RandomFire, AliveMask<3>>;

TensorEntry entry_of(const std::vector<float>& numbers, std::vector<std::uint64_t> shape) {
  TensorEntry entry;
  entry.shape = std::move(shape);
  entry.bytes.resize(numbers.size() * sizeof(float));
  std::memcpy(entry.bytes.data(), numbers.data(), entry.bytes.size());
  return entry;
}

/// The identity and the gradients along both axes, on each of five channels.
std::vector<float> kernel() {
  std::vector<float> all;
  for (int y = -1; y <= 1; ++y) {
    for (int x = -1; x <= 1; ++x) {
      for (int c = 0; c < 5; ++c) {
        all.push_back(x == 0 && y == 0 ? 1.0f : 0.0f);
        all.push_back(static_cast<float>(y * (2 - std::abs(x))) / 8);
        all.push_back(static_cast<float>(x * (2 - std::abs(y))) / 8);
      }
    }
  }
  return all;
}

/// A model whose numbers are the input's bits, with at most one thing wrong with each array.
TensorFile model_of(Input& input) {
  struct Array {
    const char* name;
    std::vector<std::uint64_t> shape;
  };
  const std::array<Array, 4> layers{{{"update.layers.0.kernel", {1, 1, 15, 2}},
                                     {"update.layers.0.bias", {2}},
                                     {"update.layers.1.kernel", {1, 1, 2, 5}},
                                     {"update.layers.1.bias", {5}}}};
  TensorFile file;
  file.tensors["perceive.conv.kernel"] = entry_of(kernel(), {3, 3, 1, 15});
  for (const auto& [name, shape] : layers) {
    std::size_t count = 1;
    for (const std::uint64_t extent : shape) count *= extent;
    std::vector<float> numbers;
    for (std::size_t i = 0; i < count; ++i) {
      const auto bits = static_cast<std::uint32_t>(input.number(4));
      float number = 0;
      std::memcpy(&number, &bits, sizeof number);
      numbers.push_back(number);
    }
    file.tensors[name] = entry_of(numbers, shape);
  }
  std::vector<std::string> names;
  for (const auto& [name, entry] : file.tensors) names.push_back(name);
  for (const std::string& name : names) {
    TensorEntry& entry = file.tensors[name];
    switch (input.byte()) {
      case 1:
        entry.type = TensorType::i32;
        break;
      case 2:
        std::reverse(entry.shape.begin(), entry.shape.end());
        break;
      case 3:
        file.tensors.erase(name);
        break;
      case 4:
        file.tensors[std::string(1, static_cast<char>(1 + input.below(127))) + name] = entry;
        break;
      case 5: {
        const std::size_t at = input.number(2) % entry.bytes.size();
        entry.bytes[at] = input.byte();
        break;
      }
      default:
        break;
    }
  }
  return file;
}

/// All numbers of the layers of a file, in ascending order of their bits.
std::vector<std::uint32_t> numbers_of(const TensorFile& file) {
  std::vector<std::uint32_t> all;
  for (const auto& [name, entry] : file.tensors) {
    if (name == "perceive.conv.kernel") continue;
    for (std::size_t at = 0; at + 4 <= entry.bytes.size(); at += 4) {
      std::memcpy(&all.emplace_back(), entry.bytes.data() + at, 4);
    }
  }
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace

void seeds(const Keep& keep) {
  for (std::uint8_t wrong = 0; wrong < 6; ++wrong) {
    Bytes seed{1};
    for (int i = 0; i < 47; ++i) append(seed, Bytes{0, 0, static_cast<std::uint8_t>(i), 0x3f});
    append(seed, Bytes{wrong, 7, 0, 0, 0, wrong});
    keep(seed);
    Input input({seed.data() + 1, seed.size() - 1});
    write_safetensors(file("seed"), model_of(input));
    keep(as_it_is(read_file(file("seed"))));
  }
}

void target(Input input) {
  std::string path;
  std::uint64_t size = 0;
  if (input.below(2) == 0) {
    const Bytes bytes = input.rest();
    size = bytes.size();
    path = put(bytes);
  } else {
    path = file("input");
    write_safetensors(path, model_of(input));
    size = read_file(path).size();
  }
  const auto theta = read_or_refuse(path, 45 * size + 4096, [&] { return read_cax_model<Model>(path); });
  if (!theta) return;
  std::vector<std::uint32_t> found;
  for (const float value : theta->span()) {
    require(std::isfinite(value), "parameters are finite");
    std::memcpy(&found.emplace_back(), &value, 4);
  }
  std::sort(found.begin(), found.end());
  require(found == numbers_of(read_safetensors(path)), "each number of the layers is a parameter, once");
}

}  // namespace basin::fuzz
