#include "basin/nca/pool.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <numeric>
#include <set>

#include "basin/nca/damage.hpp"

using namespace basin;

namespace {

/// A state of 3 features on 4 x 3 cells in which every second cell is zero.
State<float> half_full(float first) {
  State<float> state(Shape{3, {4, 3, 1}, 1});
  for (Index cell = 0; cell < 12; cell += 2) {
    for (Index c = 0; c < 3; ++c) state.view().matrix()(c, cell) = first + static_cast<float>(3 * cell + c);
  }
  return state;
}

}  // namespace

TEST_CASE("a pool gives back what was put, exactly", "[unit][pool]") {
  const State<float> seed = one_cell_seed<float>(Shape{3, {4, 3, 1}, 1}, 1);
  Pool<float> pool(5, seed.view());
  const std::array<Index, 2> which{3, 1};
  State<float> states(Shape{3, {4, 3, 1}, 2});
  states.view().sample(0).vector() = half_full(1).values;
  states.view().sample(1).vector() = half_full(-7).values;
  pool.put(which, states.view());
  const std::array<Index, 4> all{1, 2, 3, 1};
  const State<float> back = pool.take(all);
  CHECK(back.view().sample(0).vector() == half_full(-7).values);
  CHECK(back.view().sample(1).vector() == seed.values);
  CHECK(back.view().sample(2).vector() == half_full(1).values);
  CHECK(back.view().sample(3).vector() == half_full(-7).values);
}

TEST_CASE("a cell that is zero but for one feature is kept, and so is a NaN", "[unit][pool]") {
  State<float> state(Shape{3, {2, 1, 1}, 1});
  state.values[2] = -1e-38f;
  state.values[3] = std::numeric_limits<float>::quiet_NaN();
  Pool<float> pool(1, state.view());
  const State<float> back = pool.take(std::array<Index, 1>{0});
  CHECK(back.values[2] == -1e-38f);
  CHECK(back.values[3] != back.values[3]);
}

TEST_CASE("draws are different, in range, repeatable, and reach every state", "[unit][pool]") {
  const State<float> first = half_full(1);
  const Pool<float> pool(10, first.view());
  std::set<Index> seen;
  for (std::uint64_t i = 0; i < 40; ++i) {
    const std::vector<Index> drawn = pool.draw({7, 3}, i << 20, 4);
    CHECK(std::set<Index>(drawn.begin(), drawn.end()).size() == 4);
    CHECK(drawn == pool.draw({7, 3}, i << 20, 4));
    seen.insert(drawn.begin(), drawn.end());
  }
  CHECK(seen.size() == 10);
  CHECK(*seen.begin() == 0);
  CHECK(*seen.rbegin() == 9);
  std::vector<Index> all = pool.draw({7, 3}, 0, 10);
  std::sort(all.begin(), all.end());
  for (Index i = 0; i < 10; ++i) CHECK(all[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("a saved pool loads bit for bit, and one that does not fit changes nothing", "[unit][pool]") {
  const State<float> first = half_full(1), replaced = half_full(100), empty(Shape{3, {4, 3, 1}, 1});
  Pool<float> pool(4, first.view());
  pool.put(std::array<Index, 1>{2}, replaced.view());
  std::vector<std::int64_t> shape, counts;
  std::vector<std::int32_t> cells;
  std::vector<float> values;
  std::vector<std::string> names;
  const auto keep = [&](std::string_view name, const auto& numbers) {
    using Numbers = std::remove_cvref_t<decltype(numbers)>;
    if constexpr (std::is_same_v<Numbers, std::vector<std::int64_t>>) (name == "shape" ? shape : counts) = numbers;
    if constexpr (std::is_same_v<Numbers, std::vector<std::int32_t>>) cells = numbers;
    if constexpr (std::is_same_v<Numbers, std::vector<float>>) values = numbers;
    names.emplace_back(name);
  };
  const auto give = [&](std::string_view name, auto& numbers) {
    using Numbers = std::remove_cvref_t<decltype(numbers)>;
    if constexpr (std::is_same_v<Numbers, std::vector<std::int64_t>>) numbers = name == "shape" ? shape : counts;
    if constexpr (std::is_same_v<Numbers, std::vector<std::int32_t>>) numbers = cells;
    if constexpr (std::is_same_v<Numbers, std::vector<float>>) numbers = values;
  };
  std::as_const(pool).each(keep);
  CHECK(names == std::vector<std::string>{"shape", "counts", "cells", "values"});
  CHECK(counts == std::vector<std::int64_t>{6, 6, 6, 6});
  const std::array<Index, 4> all{0, 1, 2, 3};
  Pool<float> other(4, empty.view());
  other.each(give);
  CHECK(other.take(all).values == pool.take(all).values);
  CHECK(other.bytes() > 4 * 6 * (4 + 12));

  // A visit that only looks, as of a writer that was handed a pool that is not const, changes nothing.
  other.each(keep);
  CHECK(other.take(all).values == pool.take(all).values);

  // The numbers of cells mean other places on another grid.
  const State<float> line(Shape{3, {12, 1, 1}, 1});
  Pool<float> wider(4, line.view());
  CHECK_THROWS_WITH(wider.each(give), "shape of the states of a saved pool is 3 4 3 1, expected 3 12 1 1");
  cells[5] = 12;
  CHECK_THROWS_WITH(other.each(give), "cell of a saved state is 12, expected 0 to 11");
  cells[5] = 10;
  values.pop_back();
  CHECK_THROWS_WITH(other.each(give), "values of a saved pool is 71, expected 72");
  CHECK(other.take(all).values == pool.take(all).values);
}

TEST_CASE("what a pool cannot do is said", "[unit][pool]") {
  const State<float> state = half_full(1);
  CHECK_THROWS_WITH(Pool<float>(0, state.view()), "size of a pool is 0, expected at least 1");
  Pool<float> pool(3, state.view());
  CHECK_THROWS_WITH(pool.draw({1, 1}, 0, 4), "states to draw from a pool is 4, expected at most 3");
  CHECK_THROWS_WITH(pool.take(std::array<Index, 1>{3}), "number of a state in a pool is 3, expected 0 to 2");
  CHECK_THROWS_AS(pool.put(std::array<Index, 2>{0, 1}, state.view()), std::invalid_argument);
}
