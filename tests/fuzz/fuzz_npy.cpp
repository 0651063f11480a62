// NPY: what is read as floats, doubles or integers can be written, and is then read as the same bits.

#include <array>
#include <cstring>

#include "basin/io/npy.hpp"
#include "fuzz.hpp"

namespace basin::fuzz {

namespace {

constexpr std::array<std::string_view, 16> types{"<f4", ">f4", "<f8", ">f8", "<f2", ">f2", "|b1", "|i1",
                                                 "|u1", "<i2", ">u4", "<i8", ">i8", "<u8", "=f4", "?"};

/// A file with a header that has reason to be read: type, order and extents from the input, the rest of it the numbers.
Bytes with_header(Input& input) {
  const std::uint8_t version = static_cast<std::uint8_t>(1 + input.below(3));
  std::string header = "{'descr': '" + std::string(types[input.below(types.size())]) + "', 'fortran_order': ";
  header += input.below(2) == 0 ? "False" : "True";
  header += ", 'shape': (";
  for (std::size_t rank = input.below(7); rank > 0; --rank) header += std::to_string(input.below(6)) + "L,";
  header += ")}\n";
  Bytes out;
  append(out, "\x93NUMPY");
  append(out, Bytes{version, 0, static_cast<std::uint8_t>(header.size()), 0});
  if (version > 1) append(out, Bytes{0, 0});
  append(out, header);
  append(out, input.rest());
  return out;
}

template <class S>
void as(const Bytes& bytes) {
  constexpr std::uint64_t most = 1 << 20;
  const std::string path = put(bytes);
  // The state, and once more from Fortran order; its numbers may be eight times as wide as the file's.
  const auto state =
      read_or_refuse(path, bytes.size() + 2 * sizeof(S) * bytes.size(), [&] { return read_npy<S>(path, most); });
  if (!state) return;
  write_npy(file("again"), *state, 5);
  const State<S> again = read_npy<S>(file("again"));
  require(again.shape == state->shape, "a state comes back in its shape");
  require(again.values.size() == 0 || std::memcmp(again.values.data(), state->values.data(),
                                                  sizeof(S) * static_cast<std::size_t>(again.values.size())) == 0,
          "a state comes back with its numbers");
}

}  // namespace

void seeds(const Keep& keep) {
  State<float> state(Shape{3, {2, 2, 1}, 2});
  for (Index i = 0; i < state.values.size(); ++i) state.values[i] = 0.5f * static_cast<float>(i);
  write_npy(file("seed"), state, 4);
  for (std::uint8_t scalar = 0; scalar < 4; ++scalar) {
    Bytes seed{scalar, 0};
    append(seed, read_file(file("seed")));
    keep(seed);
  }
  for (std::uint8_t type = 0; type < types.size(); ++type) {
    keep({static_cast<std::uint8_t>(type % 4),
          1,
          type,
          type,
          static_cast<std::uint8_t>(type % 2),
          2,
          1,
          2,
          0,
          60,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0});
  }
}

void target(Input input) {
  const std::size_t scalar = input.below(4);
  const Bytes bytes = input.below(2) == 0 ? input.rest() : with_header(input);
  if (scalar == 0) as<float>(bytes);
  if (scalar == 1) as<double>(bytes);
  if (scalar == 2) as<std::uint8_t>(bytes);
  if (scalar == 3) as<std::int32_t>(bytes);
}

}  // namespace basin::fuzz
