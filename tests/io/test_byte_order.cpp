#include "basin/io/byte_order.hpp"

#include <catch2/catch.hpp>
#include <cstring>
#include <vector>

namespace {

using Bytes = std::vector<std::uint8_t>;
using basin::detail::swap_order;

/// What the machine takes these four bytes of a file for.
std::uint32_t number_of(std::endian file, Bytes bytes) {
  swap_order(file, bytes, 4);
  std::uint32_t number = 0;
  std::memcpy(&number, bytes.data(), 4);
  return number;
}

}  // namespace

TEST_CASE("bytes of a file become this machine's numbers, whatever its order is", "[io]") {
  CHECK(number_of(std::endian::little, {4, 3, 2, 1}) == 0x01020304);
  CHECK(number_of(std::endian::big, {1, 2, 3, 4}) == 0x01020304);

  for (const std::endian file : {std::endian::little, std::endian::big}) {
    const bool same = file == std::endian::native;
    Bytes two{1, 2, 3, 4}, eight{1, 2, 3, 4, 5, 6, 7, 8}, one{1, 2}, none{};
    swap_order(file, two, 2);
    CHECK(two == (same ? Bytes{1, 2, 3, 4} : Bytes{2, 1, 4, 3}));
    swap_order(file, eight, 8);
    CHECK(eight == (same ? Bytes{1, 2, 3, 4, 5, 6, 7, 8} : Bytes{8, 7, 6, 5, 4, 3, 2, 1}));
    swap_order(file, one, 1);
    CHECK(one == Bytes{1, 2});
    swap_order(file, none, 4);
    CHECK(none.empty());
  }
}
