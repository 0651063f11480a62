// Checkpoints: what was saved is loaded to the last bit, by the model that it is of and by no other; a file that was
// changed is refused or loaded, and whatever tensors a file has, taking it apart is refused or done.

#include <cstring>

#include "basin/io/checkpoint.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "fuzz.hpp"

namespace basin::fuzz {

namespace {

using Small = Sequential<Dense<2, 3>, Tanh, Dense<3, 1>>;
using Wide = Sequential<Dense<2, 4>, Tanh, Dense<4, 1>>;

Parameters<Small, float> parameters(Input& input) {
  Parameters<Small, float> theta;
  for (float& value : theta.span()) value = static_cast<float>(static_cast<std::int16_t>(input.number(2))) / 256.0f;
  return theta;
}

std::string saved(const Parameters<Small, float>& theta, TensorLayout layout) {
  save_parameters(file("saved"), theta, {.layout = layout});
  return file("saved");
}

constexpr std::uint64_t memory = 1 << 17;

/// Whatever a file holds is taken as a program would.
void take_apart(const std::string& path) {
  (void)read_or_refuse(path, memory, [&] {
    CheckpointReader reader(path);
    Parameters<Small, float> theta;
    std::uint64_t step = 0;
    std::vector<std::int32_t> labels;
    reader("", theta);
    reader("step", step);
    reader("labels", labels);
    reader.finish();
    return step;
  });
}

}  // namespace

void seeds(const Keep& keep) {
  Bytes numbers(26);
  Input none(numbers);
  for (const TensorLayout layout : {TensorLayout::basin, TensorLayout::torch}) {
    keep(as_it_is(read_file(saved(parameters(none), layout))));
  }
  for (std::uint8_t way = 1; way < 4; ++way) {
    Bytes seed{way};
    for (int i = 0; i < 40; ++i) seed.push_back(static_cast<std::uint8_t>(37 * i));
    keep(seed);
  }
}

void target(Input input) {
  const std::size_t way = input.below(4);
  if (way == 0) {
    const Bytes bytes = input.rest();
    if (bytes.size() < 2048) take_apart(put(bytes));
    return;
  }
  const Parameters<Small, float> theta = parameters(input);
  const std::string path = saved(theta, input.below(2) == 0 ? TensorLayout::basin : TensorLayout::torch);
  if (way == 1) {
    const auto again = read_or_refuse(path, memory, [&] { return load_parameters<Small, float>(path); });
    require(again && std::memcmp(again->span().data(), theta.span().data(), theta.span().size_bytes()) == 0,
            "parameters come back to the last bit");
    require(!read_or_refuse(path, memory, [&] { return load_parameters<Wide, float>(path); }),
            "parameters of another model are refused");
  } else if (way == 2) {
    Bytes bytes = read_file(path);
    const std::size_t at = input.number(2) % bytes.size();
    bytes[at] = static_cast<std::uint8_t>(bytes[at] ^ std::max<std::uint8_t>(1, input.byte()));
    (void)read_or_refuse(put(bytes), memory, [&] { return load_parameters<Small, float>(file("input")); });
  } else {
    // Names that are asked for, with types, shapes and numbers that are not.
    TensorFile contents = read_safetensors(path);
    if (input.below(2) == 0) contents.metadata.clear();  // or else most are refused as damaged
    const std::array<std::string, 5> names{"step", "labels", "0.weight", "2.bias", "more"};
    for (std::size_t count = input.below(4); count > 0; --count) {
      const auto type = static_cast<TensorType>(input.below(15));
      const std::uint64_t length = input.below(5);
      const Bytes numbers = input.filled(static_cast<std::size_t>(length) * item_bytes(type));
      TensorEntry entry{type, {length}, numbers};
      if (length == 1 && input.below(2) == 0) entry.shape.clear();
      contents.tensors[names[input.below(names.size())]] = entry;
    }
    write_safetensors(file("other"), contents);
    take_apart(file("other"));
  }
}

}  // namespace basin::fuzz
