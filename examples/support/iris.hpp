#pragma once

// Fisher's iris table: 150 flowers, 50 of each of three species, four lengths of each (R. A. Fisher, "The use of
// multiple measurements in taxonomic problems", Annals of Eugenics 7, 1936, table I; collected by E. Anderson), as R's
// `datasets` has it. Rows in the order of the table.
//
//   features   sepal length, sepal width, petal length, petal width; in the table tenths of a centimetre
//   labels     0 setosa, 1 versicolor, 2 virginica

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "basin/core/random.hpp"
#include "basin/core/state.hpp"

namespace basin::examples {

inline constexpr Index iris_rows = 150, iris_features = 4, iris_classes = 3, iris_rows_per_class = 50;

/// Row after row, four numbers each, in tenths of a centimetre.
inline constexpr std::array<std::uint8_t, iris_rows * iris_features> iris_tenths{
    51, 35, 14, 2,  49, 30, 14, 2,  47, 32, 13, 2,  46, 31, 15, 2,  50, 36, 14, 2,  54, 39, 17, 4,  46, 34, 14, 3,  50,
    34, 15, 2,  44, 29, 14, 2,  49, 31, 15, 1,  54, 37, 15, 2,  48, 34, 16, 2,  48, 30, 14, 1,  43, 30, 11, 1,  58, 40,
    12, 2,  57, 44, 15, 4,  54, 39, 13, 4,  51, 35, 14, 3,  57, 38, 17, 3,  51, 38, 15, 3,  54, 34, 17, 2,  51, 37, 15,
    4,  46, 36, 10, 2,  51, 33, 17, 5,  48, 34, 19, 2,  50, 30, 16, 2,  50, 34, 16, 4,  52, 35, 15, 2,  52, 34, 14, 2,
    47, 32, 16, 2,  48, 31, 16, 2,  54, 34, 15, 4,  52, 41, 15, 1,  55, 42, 14, 2,  49, 31, 15, 2,  50, 32, 12, 2,  55,
    35, 13, 2,  49, 36, 14, 1,  44, 30, 13, 2,  51, 34, 15, 2,  50, 35, 13, 3,  45, 23, 13, 3,  44, 32, 13, 2,  50, 35,
    16, 6,  51, 38, 19, 4,  48, 30, 14, 3,  51, 38, 16, 2,  46, 32, 14, 2,  53, 37, 15, 2,  50, 33, 14, 2,  70, 32, 47,
    14, 64, 32, 45, 15, 69, 31, 49, 15, 55, 23, 40, 13, 65, 28, 46, 15, 57, 28, 45, 13, 63, 33, 47, 16, 49, 24, 33, 10,
    66, 29, 46, 13, 52, 27, 39, 14, 50, 20, 35, 10, 59, 30, 42, 15, 60, 22, 40, 10, 61, 29, 47, 14, 56, 29, 36, 13, 67,
    31, 44, 14, 56, 30, 45, 15, 58, 27, 41, 10, 62, 22, 45, 15, 56, 25, 39, 11, 59, 32, 48, 18, 61, 28, 40, 13, 63, 25,
    49, 15, 61, 28, 47, 12, 64, 29, 43, 13, 66, 30, 44, 14, 68, 28, 48, 14, 67, 30, 50, 17, 60, 29, 45, 15, 57, 26, 35,
    10, 55, 24, 38, 11, 55, 24, 37, 10, 58, 27, 39, 12, 60, 27, 51, 16, 54, 30, 45, 15, 60, 34, 45, 16, 67, 31, 47, 15,
    63, 23, 44, 13, 56, 30, 41, 13, 55, 25, 40, 13, 55, 26, 44, 12, 61, 30, 46, 14, 58, 26, 40, 12, 50, 23, 33, 10, 56,
    27, 42, 13, 57, 30, 42, 12, 57, 29, 42, 13, 62, 29, 43, 13, 51, 25, 30, 11, 57, 28, 41, 13, 63, 33, 60, 25, 58, 27,
    51, 19, 71, 30, 59, 21, 63, 29, 56, 18, 65, 30, 58, 22, 76, 30, 66, 21, 49, 25, 45, 17, 73, 29, 63, 18, 67, 25, 58,
    18, 72, 36, 61, 25, 65, 32, 51, 20, 64, 27, 53, 19, 68, 30, 55, 21, 57, 25, 50, 20, 58, 28, 51, 24, 64, 32, 53, 23,
    65, 30, 55, 18, 77, 38, 67, 22, 77, 26, 69, 23, 60, 22, 50, 15, 69, 32, 57, 23, 56, 28, 49, 20, 77, 28, 67, 20, 63,
    27, 49, 18, 67, 33, 57, 21, 72, 32, 60, 18, 62, 28, 48, 18, 61, 30, 49, 18, 64, 28, 56, 21, 72, 30, 58, 16, 74, 28,
    61, 19, 79, 38, 64, 20, 64, 28, 56, 22, 63, 28, 51, 15, 61, 26, 56, 14, 77, 30, 61, 23, 63, 34, 56, 24, 64, 31, 55,
    18, 60, 30, 48, 18, 69, 31, 54, 21, 67, 31, 56, 24, 69, 31, 51, 23, 58, 27, 51, 19, 68, 32, 59, 23, 67, 33, 57, 25,
    67, 30, 52, 23, 63, 25, 50, 19, 65, 30, 52, 20, 62, 34, 54, 23, 59, 30, 51, 18};

/// Some rows of the table.
struct IrisSet {
  State<float> features{};    ///< (4, 1, 1, 1, rows), standardised over all 150 rows
  std::vector<int> labels{};  ///< of each row, 0 to 2
};

/// The whole table. Each feature has mean 0 and mean square 1 over the 150 rows.
[[nodiscard]] inline IrisSet iris() {
  IrisSet all;
  all.features = State<float>(Shape{iris_features, {1, 1, 1}, iris_rows});
  const auto tenths =
      Eigen::Map<const Matrix<std::uint8_t>>(iris_tenths.data(), iris_features, iris_rows).cast<double>();
  const Matrix<double> centred = tenths.colwise() - tenths.rowwise().mean();
  const Vector<double> deviations = centred.rowwise().squaredNorm().cwiseSqrt() / std::sqrt(double{iris_rows});
  all.features.view().matrix() = (deviations.cwiseInverse().asDiagonal() * centred).cast<float>();
  for (Index row = 0; row < iris_rows; ++row) all.labels.push_back(static_cast<int>(row / iris_rows_per_class));
  return all;
}

struct IrisSplit {
  IrisSet train, test;
};

/// Draws round(50 train_share) rows of each class for training, the others are the test; each part in the order of the
/// table. A function of its arguments alone. The features keep the scale of the whole table, so that a row is the same
/// in every split. Throws std::invalid_argument unless each class has a row in both parts.
[[nodiscard]] inline IrisSplit split_iris(std::uint64_t seed, double train_share = 0.8) {
  const double wanted = std::round(train_share * double{iris_rows_per_class});
  check(wanted >= 1 && wanted < double{iris_rows_per_class}, "training share of each class", train_share,
        "0.01 or more and below 0.99");
  const auto train_count = static_cast<std::size_t>(wanted);
  const Random random{seed, 0x69726973};
  std::array<bool, iris_rows> in_train{};
  for (std::size_t first = 0; first < in_train.size(); first += iris_rows_per_class) {
    std::array<std::size_t, iris_rows_per_class> rows{};
    std::iota(rows.begin(), rows.end(), first);
    for (std::size_t i = 0; i < train_count; ++i) {  // the first steps of Fisher and Yates' shuffle
      std::swap(rows[i], rows[i + random.below(first + i, rows.size() - i)]);
      in_train[rows[i]] = true;
    }
  }
  const IrisSet all = iris();
  const auto part = [&](bool train) {
    const auto count = static_cast<Index>(std::count(in_train.begin(), in_train.end(), train));
    IrisSet set{State<float>(Shape{iris_features, {1, 1, 1}, count}), {}};
    for (std::size_t row = 0; row < in_train.size(); ++row) {
      if (in_train[row] != train) continue;
      const auto to = static_cast<Index>(set.labels.size());
      set.features.view().matrix().col(to) = all.features.view().matrix().col(static_cast<Index>(row));
      set.labels.push_back(all.labels[row]);
    }
    return set;
  };
  return {part(true), part(false)};
}

}  // namespace basin::examples
