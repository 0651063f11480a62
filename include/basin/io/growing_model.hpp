#pragma once

// Trained models of growing automata in the form in which they were published: A. Mordvintsev, E. Randazzo,
// E. Niklasson, M. Levin, "Growing Neural Cellular Automata", Distill 2020. A file is a JSON array with one object for
// each dense layer:
//
//   [{"data_b64": "...", "in_ch": 48, "out_ch": 128, "weight_scale": 1.19, "bias_scale": 0.38, "type": "uint8"}, ...]
//
// data_b64 is base64 (RFC 4648, section 4) of (in_ch + 1) rows of out_ch bytes: a row for each input, then the biases.
// A byte q stands for
//
//   (q / 255 - 1/2) scale
//
// with weight_scale in the rows of the inputs and bias_scale in the last. The rows are in the order of our theta: W is
// (out_ch, in_ch), column-major, and the bias follows.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "basin/core/parameters.hpp"
#include "basin/io/json.hpp"

namespace basin {

/// The size of a dense layer with a bias.
struct DenseSize {
  Index inputs = 0;   ///< features that it takes: in_ch of a file
  Index outputs = 0;  ///< features that it gives: out_ch

  [[nodiscard]] std::size_t weights() const { return static_cast<std::size_t>(inputs * outputs); }  ///< without biases
  /// Weights and biases.
  [[nodiscard]] std::size_t params() const { return static_cast<std::size_t>((inputs + 1) * outputs); }
};

namespace detail {

inline constexpr std::string_view base64_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

[[nodiscard]] inline std::string base64_encoded(std::span<const std::uint8_t> bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - at);
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i) group = group << 8 | (i < count ? std::uint32_t{bytes[at + i]} : 0u);
    for (std::size_t i = 0; i < 4; ++i) text += i <= count ? base64_digits[(group >> (18 - 6 * i)) & 63] : '=';
  }
  return text;
}

/// Strictly: whole groups of four, padding only at the end, no other characters, no bits left over.
[[nodiscard]] inline std::vector<std::uint8_t> base64_decoded(std::string_view text, const std::string& path,
                                                              const std::string& thing) {
  check_file(text.size() % 4 == 0, path, "length of " + thing, text.size(), "a multiple of 4");
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  std::vector<std::uint8_t> bytes;
  bytes.reserve(text.size() / 4 * 3);
  std::uint32_t group = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool padded = i >= text.size() - padding;
    const std::size_t digit = padded ? 0 : base64_digits.find(text[i]);
    check_file(digit != base64_digits.npos, path, "character " + std::to_string(i) + " of " + thing,
               safe_text(text.substr(i, 1)), "a digit of base64");
    group = group << 6 | static_cast<std::uint32_t>(digit);
    if (i % 4 == 3) {
      for (int shift = 16; shift >= 0; shift -= 8) bytes.push_back(static_cast<std::uint8_t>(group >> shift & 0xff));
      group = 0;
    }
  }
  for (std::size_t i = 0; i < padding; ++i) {
    check_file(bytes.back() == 0, path, "end of " + thing, "a digit with unused bits set", "unused bits of zero");
    bytes.pop_back();
  }
  return bytes;
}

/// One field of a layer; `is` asks for its type, `expected` names that type.
template <class Is>
[[nodiscard]] const Json& growing_field(const Json& layer, const char* key, const Is& is, std::string_view expected,
                                        const std::string& path, const std::string& where) {
  const auto field = layer.find(key);
  check_file(field != layer.end(), path, where + "." + key, "missing", expected);
  check_file(is(*field), path, where + "." + key, safe_text(field->dump()), expected);
  return *field;
}

/// Appends the parameters of one layer to `theta`.
inline void read_growing_layer(const Json& layer, const DenseSize& size, const std::string& path,
                               const std::string& where, std::vector<float>& theta) {
  check_keys(layer, {"data_b64", "in_ch", "out_ch", "weight_scale", "bias_scale", "type"}, path, where);
  const auto is_text = [](const Json& value) { return value.is_string(); };
  const auto is_scale = [](const Json& value) {
    // Half of it is the largest parameter, which has to be a float.
    return value.is_number() && value.get<double>() >= 0 &&
           value.get<double>() <= 2.0 * static_cast<double>(std::numeric_limits<float>::max());
  };
  const auto is_exactly = [](auto wanted) { return [wanted](const Json& value) { return value == wanted; }; };
  (void)growing_field(layer, "type", is_exactly("uint8"), "\"uint8\"", path, where);
  (void)growing_field(layer, "in_ch", is_exactly(size.inputs), std::to_string(size.inputs), path, where);
  (void)growing_field(layer, "out_ch", is_exactly(size.outputs), std::to_string(size.outputs), path, where);
  const std::string_view a_scale = "a number from 0 to twice the largest float";
  const auto weight_scale = growing_field(layer, "weight_scale", is_scale, a_scale, path, where).get<double>();
  const auto bias_scale = growing_field(layer, "bias_scale", is_scale, a_scale, path, where).get<double>();
  const Json& data = growing_field(layer, "data_b64", is_text, "text", path, where);
  const std::vector<std::uint8_t> bytes = base64_decoded(data.get_ref<const std::string&>(), path, where + ".data_b64");
  check_file(bytes.size() == size.params(), path, "number of bytes in " + where + ".data_b64", bytes.size(),
             "(" + std::to_string(size.inputs) + " + 1) * " + std::to_string(size.outputs));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const double scale = i < size.weights() ? weight_scale : bias_scale;
    theta.push_back(static_cast<float>((bytes[i] / 255.0 - 0.5) * scale));
  }
}

/// Appends the bytes for `values`; returns their scale.
[[nodiscard]] inline double append_quantized(std::span<const float> values, std::vector<std::uint8_t>& bytes) {
  double largest = 0;
  for (const float value : values) largest = std::max(largest, std::abs(static_cast<double>(value)));
  const double scale = 2 * largest;
  for (const float value : values) {
    const double share = scale > 0 ? static_cast<double>(value) / scale : 0.0;
    bytes.push_back(static_cast<std::uint8_t>(std::lround((share + 0.5) * 255.0)));
  }
  return scale;
}

/// The sizes of a model of dense layers with biases, from its leaves.
/// Throws std::invalid_argument for a model with other leaves.
template <class Model>
[[nodiscard]] std::vector<DenseSize> dense_sizes() {
  const std::vector<Leaf> leaves = leaves_of<Model>();
  std::vector<DenseSize> sizes;
  for (std::size_t i = 0; i < leaves.size(); i += 2) {
    const std::vector<Index>& shape = leaves[i].shape;
    const bool dense = leaves[i].kind == LeafKind::weight && shape.size() == 2 && i + 1 < leaves.size() &&
                       leaves[i + 1].kind == LeafKind::bias && leaves[i + 1].shape == std::vector<Index>{shape[0]};
    check(dense, "a growing automaton's layer at " + leaves[i].name, shape_text(shape),
          "a weight (outputs, inputs) and then its bias");
    sizes.push_back({shape[1], shape[0]});
  }
  return sizes;
}

}  // namespace detail

/// The parameters of a published model: layer after layer its W (outputs, inputs), column-major, and its bias.
/// Throws FileError if the file is anything else than uint8 layers of these `sizes`, and if it is longer than a file of
/// them has reason to be: twice its text, and 64 KiB. Memory: as read_json.
[[nodiscard]] inline std::vector<float> read_growing_model(const std::string& path,
                                                           const std::vector<DenseSize>& sizes) {
  std::uint64_t most_bytes = 1 << 16;
  for (const DenseSize& size : sizes) most_bytes += 2 * (size.params() / 3 * 4 + 256);
  const Json file = read_json(path, most_bytes);
  check_file(file.is_array(), path, "the model", file.type_name(), "an array of layers");
  check_file(file.size() == sizes.size(), path, "number of layers", file.size(), sizes.size());
  std::vector<float> theta;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    detail::read_growing_layer(file[i], sizes[i], path, "layer " + std::to_string(i), theta);
  }
  return theta;
}

/// The same for a model of dense layers with biases, such as Sequential<Dense<48, 128>, Relu, Dense<128, 16>>.
template <class Model>
[[nodiscard]] Parameters<Model, float> read_growing_model(const std::string& path) {
  const std::vector<float> values = read_growing_model(path, detail::dense_sizes<Model>());
  Parameters<Model, float> theta;
  std::copy(values.begin(), values.end(), theta.span().begin());
  return theta;
}

/// Replaces the file at `path` by a model in the published form, quantized to bytes: weight_scale and bias_scale of a
/// layer are twice the largest magnitude among its weights and among its biases, so a number changes by at most
/// scale / 510, which is 1/255 of the largest. Zero is half way between two bytes and becomes scale / 510 (or stays
/// zero where all are). Quantizing twice changes nothing: a file from here, read and written, keeps every byte.
/// The article's demo takes two layers, 48 to 128 and 128 to 16.
/// Throws std::invalid_argument unless `theta` has finite numbers, as many as `sizes` need; FileError if the file
/// cannot be written.
inline void write_growing_model(const std::string& path, std::span<const float> theta,
                                const std::vector<DenseSize>& sizes) {
  std::size_t expected = 0;
  for (const DenseSize& size : sizes) {
    check(size.inputs > 0 && size.outputs > 0, "size of a dense layer",
          std::to_string(size.inputs) + " to " + std::to_string(size.outputs), "1 or more each");
    expected += size.params();
  }
  check(theta.size() == expected, "number of parameters of a growing automaton", theta.size(), expected);
  for (std::size_t i = 0; i < theta.size(); ++i) {
    check(std::isfinite(theta[i]), "parameter " + std::to_string(i), theta[i], "a finite number");
  }

  OrderedJson file = OrderedJson::array();
  for (const DenseSize& size : sizes) {
    std::vector<std::uint8_t> bytes;
    const double weight_scale = detail::append_quantized(theta.first(size.weights()), bytes);
    const auto bias = theta.subspan(size.weights(), size.params() - size.weights());
    const double bias_scale = detail::append_quantized(bias, bytes);
    file.push_back(OrderedJson{{"data_b64", detail::base64_encoded(bytes)},
                               {"in_ch", size.inputs},
                               {"out_ch", size.outputs},
                               {"weight_scale", weight_scale},
                               {"bias_scale", bias_scale},
                               {"type", "uint8"}});
    theta = theta.subspan(size.params());
  }
  write_json(path, file);
}

template <class Model>
void write_growing_model(const std::string& path, const Parameters<Model, float>& theta) {
  write_growing_model(path, theta.span(), detail::dense_sizes<Model>());
}

}  // namespace basin
