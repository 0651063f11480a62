// Published growing automata: files of JSON whose layers are right but where the input says otherwise. What is read is
// finite, comes back within its quantization, and a second time as the same bytes.

#include <cmath>
#include <cstring>

#include "basin/io/growing_model.hpp"
#include "fuzz.hpp"

namespace basin::fuzz {

namespace {

const std::vector<DenseSize> sizes{{2, 3}, {3, 1}};

/// A number whose bits are the input's, or a usual one.
Json scale(Input& input) {
  const std::uint64_t bits = input.number(8);
  double value = 0;
  std::memcpy(&value, &bits, 8);
  return std::isfinite(value) ? Json(value) : Json(1.5);
}

std::string model_of(Input& input) {
  Json model = Json::array();
  for (const DenseSize& size : sizes) {
    Json layer{{"in_ch", size.inputs}, {"out_ch", size.outputs}, {"type", "uint8"}};
    layer["weight_scale"] = scale(input);
    layer["bias_scale"] = scale(input);
    layer["data_b64"] = detail::base64_encoded(input.filled(size.params()));
    const std::array<const char*, 7> keys{"in_ch", "out_ch", "type", "weight_scale", "bias_scale", "data_b64", "more"};
    const std::array<Json, 8> values{nullptr, -1, 2, 1e300, "AA==", "A", Json::array(), Json::object()};
    const std::size_t wrong = input.byte();
    if (wrong < keys.size()) layer[keys[wrong]] = values[input.below(values.size())];
    if (wrong == keys.size()) layer.erase(keys[input.below(keys.size())]);
    if (wrong == keys.size() + 1) {
      auto& text = layer["data_b64"].get_ref<std::string&>();
      text[input.below(text.size())] = static_cast<char>(input.below(128));
    }
    model.push_back(layer);
  }
  return model.dump();
}

}  // namespace

void seeds(const Keep& keep) {
  std::vector<float> theta;
  for (int i = 0; i < 13; ++i) theta.push_back(static_cast<float>(i - 6) / 4);
  write_growing_model(file("seed"), theta, sizes);
  keep(as_it_is(read_file(file("seed"))));
  for (std::uint8_t wrong = 0; wrong < 10; ++wrong) {
    Bytes seed{1};
    for (int layer = 0; layer < 2; ++layer) {
      for (int i = 0; i < 2; ++i) append(seed, Bytes{0, 0, 0, 0, 0, 0, 0xf8, 0x3f});
      for (int i = 0; i < (layer == 0 ? 9 : 4); ++i) seed.push_back(static_cast<std::uint8_t>(40 * i));
      append(seed, Bytes{static_cast<std::uint8_t>(layer == 0 ? 255 : wrong), 1});
    }
    keep(seed);
  }
}

void target(Input input) {
  std::string text;
  if (input.below(2) == 0) {
    const Bytes bytes = input.rest();
    text.assign(bytes.begin(), bytes.end());
  } else {
    text = model_of(input);
  }
  const std::string path = put(text);
  const auto theta = read_or_refuse(path, 45 * text.size(), [&] { return read_growing_model(path, sizes); });
  if (!theta) return;
  require(theta->size() == 13, "a model has the parameters of its sizes");
  for (const float value : *theta) require(std::isfinite(value), "parameters are finite");

  write_growing_model(file("again"), *theta, sizes);
  const std::vector<float> again = read_growing_model(file("again"), sizes);
  std::size_t at = 0;
  for (const DenseSize& size : sizes) {
    for (const std::size_t count : {size.weights(), size.params() - size.weights()}) {
      double largest = 0;
      for (std::size_t i = at; i < at + count; ++i) largest = std::max(largest, std::abs(double{(*theta)[i]}));
      for (std::size_t i = at; i < at + count; ++i) {
        // The rounding of a float, which may be subnormal, comes on top.
        require(std::abs(double{again[i]} - double{(*theta)[i]}) <= largest / 255 * 1.001 + 3e-45,
                "a parameter comes back within its quantization");
      }
      at += count;
    }
  }
}

}  // namespace basin::fuzz
