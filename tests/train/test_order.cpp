#include "basin/train/order.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <numeric>

#include "basin/core/random.hpp"

using namespace basin;

TEST_CASE("ascending orders all numbers, equal ones as they come", "[unit]") {
  const auto check_order = [](auto type, Index count) {
    using S = decltype(type);
    std::vector<S> numbers;
    const Random random{3, 4};
    for (Index i = 0; i < count; ++i) {
      numbers.push_back(static_cast<S>(std::round(50 * random.normal(static_cast<std::uint64_t>(i))) / 8));
    }
    if (count > 9) {
      numbers[3] = std::numeric_limits<S>::infinity();
      numbers[4] = -std::numeric_limits<S>::infinity();
      numbers[5] = std::numeric_limits<S>::denorm_min();
      numbers[6] = -std::numeric_limits<S>::max();
    }
    std::vector<std::uint32_t> order(numbers.size()), expected(numbers.size());
    detail::ascending(numbers.data(), count, order.data());
    std::iota(expected.begin(), expected.end(), 0u);
    std::stable_sort(expected.begin(), expected.end(), [&](auto a, auto b) { return numbers[a] < numbers[b]; });
    // -0 comes before 0, which < does not tell apart.
    for (std::size_t i = 0; i < order.size(); ++i) REQUIRE(numbers[order[i]] == numbers[expected[i]]);
    std::sort(order.begin(), order.end());
    for (std::size_t i = 0; i < order.size(); ++i) REQUIRE(order[i] == i);
  };
  for (const Index count : {0, 1, 2, 10, 5000}) {
    check_order(float{}, count);
    check_order(double{}, count);
  }
  const std::array<float, 4> ties{1, 0, 1, 0};
  std::array<std::uint32_t, 4> order{};
  detail::ascending(ties.data(), 4, order.data());
  CHECK(order == std::array<std::uint32_t, 4>{1, 3, 0, 2});
  const std::array<double, 3> with_nan{std::nan(""), std::numeric_limits<double>::infinity(), -std::nan("")};
  std::array<std::uint32_t, 3> last{};
  detail::ascending(with_nan.data(), 3, last.data());
  CHECK(last[0] == 1);
}
