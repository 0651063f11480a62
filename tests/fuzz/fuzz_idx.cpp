// IDX, plain and packed: what is read can be written, and is then read as the same.

#include <array>

#include "basin/io/idx.hpp"
#include "gzip_members.hpp"

namespace basin::fuzz {

namespace {

/// A file with a header that has reason to be read, which may be packed.
Bytes with_header(Input& input) {
  constexpr std::array<std::uint8_t, 7> types{0x08, 0x09, 0x0B, 0x0C, 0x0D, 0x0E, 0x07};
  const bool packed = input.below(2) == 1;
  Bytes plain{0, 0, types[input.below(types.size())], static_cast<std::uint8_t>(input.below(5))};
  for (int i = 0; i < plain[3]; ++i) append(plain, Bytes{0, 0, 0, static_cast<std::uint8_t>(input.below(12))});
  Input form = input;
  append(plain, input.rest());
  return packed ? gzip_members(plain, form) : plain;
}

}  // namespace

void seeds(const Keep& keep) {
  const Bytes small{0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 10, 20, 30, 40, 50, 60};
  keep(as_it_is(small));
  keep(as_it_is(gzip_member(small, 6)));
  keep({1, 0, 0, 2, 2, 3, 10, 20, 30, 40, 50, 60});
  keep({1, 1, 4, 1, 3, 2, 4, 0, 5, 6, 7, 8, 9, 10, 11, 12});
  keep({1, 0, 0, 3, 0, 11, 11});
}

void target(Input input) {
  const Bytes bytes = input.below(2) == 0 ? input.rest() : with_header(input);
  const std::string path = put(bytes);
  constexpr std::uint64_t most = 1 << 20;
  const auto array =
      read_or_refuse(path, bytes.size() + most + most / 2 + (1 << 16), [&] { return read_idx(path, most); });
  if (!array) return;
  require(array->bytes.size() <= most, "an array keeps to the limit");
  write_idx(file("again"), *array);
  const IdxArray again = read_idx(file("again"));
  require(again.type == array->type && again.extents == array->extents && again.bytes == array->bytes,
          "an array comes back as it was");
}

}  // namespace basin::fuzz
