#pragma once

// A trained attention rule (attention_rule.hpp) in the form in which it was published: Barot, "MetaNCA", 2026. A
// JSON file says where each tensor is,
//
//   {"tensors": {"attn_forward.query.kernel": {"offset": 18490, "shape": [31, 3, 10]}, ...}, "total": 81923}
//
// in a file beside it of the same name but for the ending .bin: `total` floats of 32 bits, little endian, offsets in
// floats, the last extent of a shape fastest. A kernel's first extent are its inputs, so it is our W (outputs, inputs),
// column-major, as it stands.

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "attention_rule.hpp"
#include "basin/io/json.hpp"

namespace metanca_mnist {

using basin::Leaf;

/// The name of a leaf of AttentionRule in the published file.
[[nodiscard]] inline std::string published_name(const std::string& leaf) {
  const std::size_t dot = leaf.find('.');
  const std::string group = leaf.substr(0, dot), rest = leaf.substr(dot + 1);
  if (group == "head") {
    // Dense layers are 0, 2, 4, 6, 8 of the Sequential.
    const int layer = (rest[0] - '0') / 2;
    return "local_rule_head.Dense_" + std::to_string(layer) + (rest.ends_with("weight") ? ".kernel" : ".bias");
  }
  constexpr std::array<std::pair<const char*, const char*>, 12> names{{{"query", "query.kernel"},
                                                                       {"key", "key.kernel"},
                                                                       {"value", "value.kernel"},
                                                                       {"out", "out.kernel"},
                                                                       {"norm_1.scale", "gamma_1"},
                                                                       {"norm_1.shift", "beta_1"},
                                                                       {"feed_forward.0.weight", "ff_1.kernel"},
                                                                       {"feed_forward.0.bias", "ff_1.bias"},
                                                                       {"feed_forward.2.weight", "ff_2.kernel"},
                                                                       {"feed_forward.2.bias", "ff_2.bias"},
                                                                       {"norm_2.scale", "gamma_2"},
                                                                       {"norm_2.shift", "beta_2"}}};
  for (const auto& [ours, theirs] : names) {
    if (rest == ours) return "attn_" + group + "." + theirs;
  }
  throw std::logic_error("published_name: '" + leaf + "' is no leaf of AttentionRule");
}

/// The shape of a leaf in the published file. Queries, keys and values have their heads as an extent of their own.
[[nodiscard]] inline std::vector<Index> published_shape(const Leaf& leaf) {
  if (leaf.shape.size() < 2) return leaf.shape;
  if (leaf.name.ends_with("query") || leaf.name.ends_with("key") || leaf.name.ends_with("value")) {
    return {leaf.shape[1], AttentionRule::heads, AttentionRule::head_features};
  }
  return {leaf.shape[1], leaf.shape[0]};
}

/// Reads a published rule; `path` is that of its JSON file. Throws FileError if a file cannot be read, a tensor is
/// missing, unknown, of another shape or outside of the numbers, a number is not finite, or the numbers take more than
/// 16 MiB.
[[nodiscard]] inline basin::Parameters<AttentionRule, float> read_attention_rule(const std::string& path) {
  const basin::Json file = basin::read_json(path);
  basin::check_keys(file, {"tensors", "total"}, path, "the rule");
  basin::check_file(file.contains("tensors"), path, "tensors", "missing", "an object");
  basin::check_file(file["tensors"].is_object(), path, "type of tensors", file["tensors"].type_name(), "object");
  const basin::Json& tensors = file["tensors"];
  const std::vector<Leaf> leaves = basin::leaves_of<AttentionRule>();
  for (const auto& item : tensors.items()) {
    const bool known = std::any_of(leaves.begin(), leaves.end(),
                                   [&](const Leaf& leaf) { return published_name(leaf.name) == item.key(); });
    basin::check_file(known, path, "tensor", basin::detail::safe_text(item.key()), "one of the rule's");
  }

  const std::string binary = path.substr(0, path.ends_with(".json") ? path.size() - 5 : path.size()) + ".bin";
  const std::vector<std::uint8_t> bytes = basin::read_file(binary, std::uint64_t{1} << 24);
  basin::check_file(bytes.size() % sizeof(float) == 0, binary, "size in bytes", bytes.size(), "a multiple of 4");
  const std::uint64_t total = bytes.size() / sizeof(float);
  basin::check_file(file.contains("total") && file["total"] == total, path, "total",
                    file.contains("total") ? basin::detail::safe_text(file["total"].dump()) : "missing",
                    std::to_string(total) + ", as many numbers as " + binary + " has");
  static_assert(std::endian::native == std::endian::little, "read_attention_rule: floats are copied as they stand");

  basin::Parameters<AttentionRule, float> theta;
  for (const Leaf& leaf : leaves) {
    const std::string name = published_name(leaf.name);
    const auto tensor = tensors.find(name);
    basin::check_file(tensor != tensors.end(), path, "tensor " + name, "missing", "an offset and a shape");
    basin::check_keys(*tensor, {"offset", "shape"}, path, name);
    const basin::Json shape(published_shape(leaf));
    basin::check_file(tensor->contains("shape") && (*tensor)["shape"] == shape, path, "shape of " + name,
                      tensor->contains("shape") ? basin::detail::safe_text((*tensor)["shape"].dump()) : "missing",
                      shape.dump());
    const bool placed = tensor->contains("offset") && (*tensor)["offset"].is_number_unsigned() &&
                        (*tensor)["offset"].get<std::uint64_t>() <= total &&
                        total - (*tensor)["offset"].get<std::uint64_t>() >= leaf.size;
    basin::check_file(placed, path, "offset of " + name,
                      tensor->contains("offset") ? basin::detail::safe_text((*tensor)["offset"].dump()) : "missing",
                      "at most " + std::to_string(total) + " - " + std::to_string(leaf.size));
    const auto offset = (*tensor)["offset"].get<std::size_t>();
    float* to = theta.span().data() + leaf.offset;
    std::memcpy(to, bytes.data() + offset * sizeof(float), leaf.size * sizeof(float));
    for (std::size_t i = 0; i < leaf.size; ++i) {
      basin::check_file(std::isfinite(to[i]), binary, "number " + std::to_string(offset + i), to[i], "a finite number");
    }
  }
  return theta;
}

}  // namespace metanca_mnist
