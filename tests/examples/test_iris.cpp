#include "../../examples/support/iris.hpp"

#include <catch2/catch.hpp>
#include <string>

using namespace basin;

namespace {

using Row = std::array<int, 4>;

Row tenths_of(std::size_t row) {
  Row out{};
  for (std::size_t c = 0; c < 4; ++c) out[c] = examples::iris_tenths[4 * row + c];
  return out;
}

}  // namespace

TEST_CASE("the iris table has the published means, deviations and extremes of each species", "[exam][iris]") {
  // In units of the table: sums of tenths are exact, deviations (n - 1) are published to five places.
  const double means[3][4] = {{5.006, 3.428, 1.462, 0.246}, {5.936, 2.770, 4.260, 1.326}, {6.588, 2.974, 5.552, 2.026}};
  const double deviations[3][4] = {
      {.35249, .37906, .17366, .10539}, {.51617, .31380, .46991, .19775}, {.63588, .32250, .55189, .27465}};
  const int smallest[3][4] = {{43, 23, 10, 1}, {49, 20, 30, 10}, {49, 22, 45, 14}};
  const int largest[3][4] = {{58, 44, 19, 6}, {70, 34, 51, 18}, {79, 38, 69, 25}};
  for (std::size_t species = 0; species < 3; ++species) {
    for (std::size_t c = 0; c < 4; ++c) {
      int sum = 0, squares = 0, low = 1000, high = 0;
      for (std::size_t row = 50 * species; row < 50 * species + 50; ++row) {
        const int tenth = tenths_of(row)[c];
        sum += tenth;
        squares += tenth * tenth;
        low = std::min(low, tenth);
        high = std::max(high, tenth);
      }
      CAPTURE(species, c);
      CHECK(sum == std::lround(500 * means[species][c]));
      CHECK(std::abs(std::sqrt((squares - sum * sum / 50.0) / 49) / 10 - deviations[species][c]) < 5.1e-6);
      CHECK(low == smallest[species][c]);
      CHECK(high == largest[species][c]);
    }
  }
  // The two rows in which another common version of the table differs from Fisher's.
  CHECK(tenths_of(34) == Row{49, 31, 15, 2});
  CHECK(tenths_of(37) == Row{49, 36, 14, 1});
  CHECK(tenths_of(0) == Row{51, 35, 14, 2});
  CHECK(tenths_of(149) == Row{59, 30, 51, 18});
  // The order of the rows: the same sum with other weights, of a table that was compared with published files.
  std::uint64_t order = 0;
  for (const std::uint8_t tenth : examples::iris_tenths) order = 31 * order + tenth;
  CHECK(order == 12074290338586176687u);
}

TEST_CASE("iris features are standardised over the whole table", "[unit][iris]") {
  const examples::IrisSet all = examples::iris();
  REQUIRE(all.features.shape == Shape{4, {1, 1, 1}, 150});
  REQUIRE(all.labels.size() == 150);
  const Matrix<double> x = all.features.view().matrix().cast<double>();
  // Float keeps 24 bits of numbers up to 3.1.
  CHECK(x.rowwise().mean().cwiseAbs().maxCoeff() < 1e-7);
  CHECK((x.rowwise().squaredNorm() / 150.0 - Vector<double>::Ones(4)).cwiseAbs().maxCoeff() < 1e-6);
  for (std::size_t row = 0; row < 150; ++row) CHECK(all.labels[row] == static_cast<int>(row / 50));
  // One number by hand: mean 876.5 / 150 and squares 5223.85 of the sepal lengths in cm.
  const double mean = 876.5 / 150, deviation = std::sqrt(5223.85 / 150 - mean * mean);
  CHECK(x(0, 0) == Approx((5.1 - mean) / deviation).epsilon(1e-6));
}

TEST_CASE("a split of the iris table is stratified, complete, and a function of its seed", "[repeatable][iris]") {
  const examples::IrisSet all = examples::iris();
  for (const std::uint64_t seed : {0u, 1u, 77u}) {
    const examples::IrisSplit split = examples::split_iris(seed), again = examples::split_iris(seed);
    CHECK(split.train.features.values == again.train.features.values);
    CHECK(split.test.features.values == again.test.features.values);
    REQUIRE(split.train.features.shape == Shape{4, {1, 1, 1}, 120});
    REQUIRE(split.test.features.shape == Shape{4, {1, 1, 1}, 30});
    for (const int species : {0, 1, 2}) {
      CHECK(std::count(split.train.labels.begin(), split.train.labels.end(), species) == 40);
      CHECK(std::count(split.test.labels.begin(), split.test.labels.end(), species) == 10);
    }
    // Both parts are in the table's order, so a merge gives the table back: each row is in one part, with its label.
    Index next_train = 0, next_test = 0;
    for (Index row = 0; row < 150; ++row) {
      const auto wanted = all.features.view().matrix().col(row);
      const int label = all.labels[static_cast<std::size_t>(row)];
      if (next_train < 120 && split.train.features.view().matrix().col(next_train) == wanted &&
          split.train.labels[static_cast<std::size_t>(next_train)] == label) {
        ++next_train;
      } else {
        REQUIRE(next_test < 30);
        REQUIRE(split.test.features.view().matrix().col(next_test) == wanted);
        REQUIRE(split.test.labels[static_cast<std::size_t>(next_test)] == label);
        ++next_test;
      }
    }
    CHECK(next_train == 120);
  }
  CHECK(examples::split_iris(1).test.features.values != examples::split_iris(2).test.features.values);
  // Every row comes to a test of some seed: of 40 seeds a row misses all with probability .8^40, 1e-4; the seeds are
  // fixed.
  std::array<int, 150> seen{};
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const examples::IrisSplit split = examples::split_iris(seed);
    for (Index i = 0; i < 30; ++i) {
      for (Index row = 0; row < 150; ++row) {
        if (split.test.features.view().matrix().col(i) == all.features.view().matrix().col(row)) {
          ++seen[static_cast<std::size_t>(row)];
        }
      }
    }
  }
  CHECK(*std::min_element(seen.begin(), seen.end()) > 0);
  CHECK(examples::split_iris(3, 0.5).train.labels.size() == 75);
  CHECK_THROWS_WITH(examples::split_iris(1, 1.0),
                    "training share of each class is 1, expected 0.01 or more and below 0.99");
  CHECK_THROWS_WITH(examples::split_iris(1, 0.0),
                    "training share of each class is 0, expected 0.01 or more and below 0.99");
}
