// Published attention rules: a right JSON file and its numbers, changed where the input says. What is read is what the
// tensors' places have.

#include <cmath>
#include <cstring>

#include "../../examples/metanca_mnist/attention_rule_file.hpp"
#include "basin/io/atomic_file.hpp"
#include "fuzz.hpp"

namespace basin::fuzz {

namespace {

using metanca_mnist::AttentionRule;

/// The JSON of a right file whose tensors follow each other, made once.
const Json& right_rule() {
  static const Json rule = [] {
    Json tensors = Json::object();
    std::size_t offset = 0;
    for (const Leaf& leaf : leaves_of<AttentionRule>()) {
      tensors[metanca_mnist::published_name(leaf.name)] = {{"offset", offset},
                                                           {"shape", metanca_mnist::published_shape(leaf)}};
      offset += leaf.size;
    }
    return Json{{"tensors", tensors}, {"total", offset}};
  }();
  return rule;
}

constexpr std::size_t total = AttentionRule::param_count;

}  // namespace

void seeds(const Keep& keep) {
  keep({0});
  for (std::uint8_t change = 0; change < 8; ++change) keep({0, 1, change, 3, 5, 7, 11, 13});
  keep(as_it_is(std::string_view("\x01{\"tensors\":{},\"total\":0}")));
  Bytes json{1};
  append(json, R"({"tensors":{"attn_forward.query.kernel":{"offset":18490,"shape":[31,3,10]}},"total":81923})");
  keep(json);
}

void target(Input input) {
  const std::string path = file("rule.json");
  std::vector<float> numbers(total, 0.5f);
  std::string text;
  Json rule;
  if (input.below(2) == 1) {
    const Bytes bytes = input.rest();
    text.assign(bytes.begin(), bytes.end());
    if (text.size() > 4096) return;
  } else {
    rule = right_rule();
    for (std::size_t count = input.below(4); count > 0; --count) {
      auto tensor = rule["tensors"].begin();
      const std::size_t change = input.below(8);
      std::advance(tensor, static_cast<std::ptrdiff_t>(input.below(rule["tensors"].size())));
      if (change == 0) tensor.value()["offset"] = input.number(3);
      if (change == 1) tensor.value()["offset"] = -1;
      if (change == 2) tensor.value()["shape"].push_back(input.byte());
      if (change == 3) tensor.value().erase(input.below(2) == 0 ? "offset" : "shape");
      if (change == 4) rule["tensors"].erase(tensor);
      if (change == 5) rule["total"] = input.number(3);
      if (change == 6) rule["tensors"]["more"] = tensor.value();
      if (change == 7) {
        const std::uint64_t at = input.number(3) % total, bits = input.number(4);
        std::memcpy(&numbers[static_cast<std::size_t>(at)], &bits, 4);
      }
      if (rule["tensors"].empty()) break;
    }
    text = rule.dump();
  }
  put(text, "rule.json");
  // The numbers are many, and mostly as they were.
  const std::span bytes(reinterpret_cast<const std::uint8_t*>(numbers.data()), numbers.size() * sizeof(float));
  static std::vector<float> written;
  if (written != numbers) put(bytes, "rule.bin");
  written = numbers;

  // A message is about rule.json or rule.bin.
  const auto theta = read_or_refuse(file("rule."), 3 * bytes.size() + 45 * text.size(),
                                    [&] { return metanca_mnist::read_attention_rule(path); });
  if (!theta) return;
  const Json read = read_json(path);
  for (const Leaf& leaf : leaves_of<AttentionRule>()) {
    const auto offset = read["tensors"][metanca_mnist::published_name(leaf.name)]["offset"].get<std::size_t>();
    require(std::memcmp(theta->span().data() + leaf.offset, numbers.data() + offset, leaf.size * sizeof(float)) == 0,
            "a tensor is read from its place");
  }
  for (const float value : theta->span()) require(std::isfinite(value), "parameters are finite");
}

}  // namespace basin::fuzz
