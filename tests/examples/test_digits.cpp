#include "../../examples/support/digits.hpp"

#include <catch2/catch.hpp>

#include "../io/hostile.hpp"
#include "basin/io/idx.hpp"
#include "basin/layers/pool.hpp"

using namespace basin;

TEST_CASE("drawn digits depend on seed and index alone", "[repeatable][digits]") {
  set_threads(1);
  const LabelledImages one = examples::drawn_digits(300, 7);
  set_threads(2);
  const LabelledImages two = examples::drawn_digits(300, 7);
  const LabelledImages fewer = examples::drawn_digits(100, 7);
  set_threads(0);
  CHECK(one.images.values == two.images.values);
  CHECK(one.labels == two.labels);
  CHECK(one.images.values.head(fewer.images.shape.size()) == fewer.images.values);
  CHECK(std::equal(fewer.labels.begin(), fewer.labels.end(), one.labels.begin()));
  const LabelledImages other = examples::drawn_digits(300, 8);
  CHECK(one.labels != other.labels);
  CHECK(one.images.values != other.images.values);

  CHECK(examples::drawn_digits(0, 7).labels.empty());
  CHECK_THROWS_WITH(examples::drawn_digits(-1, 7), "number of digits is -1, expected 0 or more");
  float pixels[784];
  CHECK_THROWS_WITH(examples::draw_digit(10, 7, 0, pixels), "digit is 10, expected 0 to 9");
}

TEST_CASE("a folder of digits without images is refused, whichever set has none", "[io]") {
  const test::TemporaryFolder folder;
  const auto write_set = [&](const std::string& name, std::uint8_t count) {
    write_idx(folder.file(name + "-images-idx3-ubyte"),
              {IdxType::u8, {count, 28, 28}, test::Bytes(std::size_t{784} * count)});
    write_idx(folder.file(name + "-labels-idx1-ubyte"), {IdxType::u8, {count}, test::Bytes(count)});
  };
  const std::string path = folder.file(".");
  write_set("train", 0);
  write_set("t10k", 2);
  CHECK_THROWS_WITH(examples::load_digits(path), path + ": training images is 0, expected at least 1");
  write_set("train", 3);
  CHECK(examples::load_digits(path).train.labels.size() == 3);
  write_set("t10k", 0);
  CHECK_THROWS_WITH(examples::load_digits(path), path + ": test images is 0, expected at least 1");
}

TEST_CASE("drawn digits look like MNIST's to a ruler: centred, inside, ink from 0 to 1", "[exam][digits]") {
  constexpr Index count = 2000;
  const LabelledImages set = examples::drawn_digits(count, 1);
  REQUIRE(set.images.shape == Shape{1, {28, 28, 1}, count});
  CHECK(set.images.values.minCoeff() == 0.0f);
  CHECK(set.images.values.maxCoeff() == 1.0f);
  std::array<int, 10> by_label{};
  double worst = 0, edge = 0;
  for (Index n = 0; n < count; ++n) {
    ++by_label[set.labels[static_cast<std::size_t>(n)]];
    const auto image = set.images.view().sample(n);
    double ink = 0, x_sum = 0, y_sum = 0;
    for (Index i = 0; i < 784; ++i) {
      const double value = static_cast<double>(image.data()[i]);
      ink += value;
      x_sum += value * static_cast<double>(i % 28);
      y_sum += value * static_cast<double>(i / 28);
      if (i % 28 == 0 || i % 28 == 27 || i < 28 || i >= 756) edge += value;
    }
    REQUIRE(ink > 15);  // the thinnest line through the box has more
    worst = std::max({worst, std::abs(x_sum / ink - 13.5), std::abs(y_sum / ink - 13.5)});
  }
  // Off by at most 2.5 deviations of half a pixel, and a little because a thick part of a stroke weighs more.
  CHECK(worst < 2.5);
  CHECK(edge / count < 0.1);                              // hardly anything touches the border
  for (const int number : by_label) CHECK(number > 150);  // 200 expected, deviation 13
}

TEST_CASE("a linear classifier reads most drawn digits and not all", "[exam][digits]") {
  const LabelledImages train = examples::drawn_digits(4000, 1), test = examples::drawn_digits(1000, 2);
  // Means of two by two pixels, a column for each image.
  const auto coarse = [](const State<float>& images) {
    State<float> means(Shape{1, {14, 14, 1}, images.shape.samples});
    const AveragePool<2> pool;
    pool.apply({}, images.view(), means.view());
    return Matrix<float>(Eigen::Map<const Matrix<float>>(means.values.data(), 196, images.shape.samples));
  };
  // Least squares on one-hot targets by gradient descent on the normal equations; weights 196 x 10.
  const Matrix<float> x = coarse(train.images), x_test = coarse(test.images);
  Matrix<float> target = Matrix<float>::Constant(10, 4000, -0.1f);
  for (Index n = 0; n < 4000; ++n) target(train.labels[static_cast<std::size_t>(n)], n) = 0.9f;
  const Matrix<float> gram = x * x.transpose() / 4000.0f, right = target * x.transpose() / 4000.0f;
  Matrix<float> w = Matrix<float>::Zero(10, 196);
  for (int step = 0; step < 200; ++step) w -= 0.05f * (w * gram - right);
  int correct = 0;
  for (Index n = 0; n < 1000; ++n) {
    Index best = 0;
    (w * x_test.col(n)).maxCoeff(&best);
    correct += best == test.labels[static_cast<std::size_t>(n)] ? 1 : 0;
  }
  INFO("correct of 1000: " << correct);
  CHECK(correct > 700);
  CHECK(correct < 960);
}
