#include <catch2/catch.hpp>

#include "basin/io/mnist.hpp"
#include "gzip.hpp"
#include "hostile.hpp"

using namespace basin;
using test::Bytes;

namespace {

void write_split(const test::TemporaryFolder& folder, std::size_t images, const Bytes& labels) {
  IdxArray pixels{IdxType::u8, {images, 28, 28}, Bytes(images * 784)};
  for (std::size_t i = 0; i < pixels.bytes.size(); ++i) pixels.bytes[i] = static_cast<std::uint8_t>(i % 251);
  write_idx(folder.file("t10k-images-idx3-ubyte"), pixels);
  write_idx(folder.file("t10k-labels-idx1-ubyte"), {IdxType::u8, {labels.size()}, labels});
}

}  // namespace

TEST_CASE("a split of MNIST is images from 0 to 1, features first, and their labels", "[io]") {
  const test::TemporaryFolder folder;
  write_split(folder, 3, {7, 0, 9});
  const LabelledImages set = read_mnist(folder.file("."), MnistSplit::test);
  CHECK(set.images.shape == Shape{1, {28, 28, 1}, 3});
  CHECK(set.labels == Bytes{7, 0, 9});
  // Row y, column x of image n is byte 784 n + 28 y + x of the file.
  const Index n = 2, y = 5, x = 9;
  CHECK(set.images.view().sample(n).data()[28 * y + x] == static_cast<float>((784 * n + 28 * y + x) % 251) / 255.0f);
}

TEST_CASE("the splits of MNIST are files of their own, as they are or packed by gzip", "[io]") {
  const test::TemporaryFolder folder;
  write_split(folder, 2, {4, 3});
  for (const char* kind : {"images-idx3", "labels-idx1"}) {
    const std::string stem = std::string(kind) + "-ubyte";
    write_file(folder.file("train-" + stem + ".gz"), test::gzip(read_file(folder.file("t10k-" + stem))));
  }
  write_split(folder, 1, {8});
  const LabelledImages set = read_mnist(folder.file("."), MnistSplit::train);
  CHECK(set.images.shape == Shape{1, {28, 28, 1}, 2});
  CHECK(set.images.values[1000] == static_cast<float>(1000 % 251) / 255.0f);
  CHECK(set.labels == Bytes{4, 3});
  CHECK(read_mnist(folder.file("."), MnistSplit::test).labels == Bytes{8});
  // The plain file goes first.
  write_idx(folder.file("train-labels-idx1-ubyte"), {IdxType::u8, {2}, {1, 2}});
  CHECK(read_mnist(folder.file("."), MnistSplit::train).labels == Bytes{1, 2});
}

TEST_CASE("a split of MNIST without images is a split without images", "[io]") {
  const test::TemporaryFolder folder;
  write_split(folder, 0, {});
  const LabelledImages set = read_mnist(folder.file("."), MnistSplit::test);
  CHECK(set.images.shape == Shape{1, {28, 28, 1}, 0});
  CHECK(set.images.values.size() == 0);
  CHECK(set.labels.empty());
}

TEST_CASE("a split of MNIST takes no more than its argument says", "[io]") {
  const test::TemporaryFolder folder;
  write_split(folder, 3, {7, 0, 9});
  CHECK_NOTHROW(read_mnist(folder.file("."), MnistSplit::test, 3 * 784));
  CHECK_THROWS_WITH(read_mnist(folder.file("."), MnistSplit::test, 3 * 784 - 1),
                    Catch::Contains("shape in the header is (3, 28, 28), expected no more than the 2351 bytes"));
}

TEST_CASE("MNIST files that are missing or disagree are refused", "[io]") {
  const test::TemporaryFolder folder;
  const auto message = [&] {
    try {
      static_cast<void>(read_mnist(folder.file("."), MnistSplit::test));
    } catch (const FileError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK_THAT(message(), Catch::Contains("t10k-images-idx3-ubyte: neither this file nor the same with .gz is there"));
  write_split(folder, 3, {7, 0});
  CHECK_THAT(message(), Catch::Contains("number of images is 3, expected as many as labels, 2"));
  write_split(folder, 2, {7, 10});
  CHECK_THAT(message(), Catch::Contains("label is 10, expected 0 to 9"));
  write_split(folder, 2, {7, 1});
  write_idx(folder.file("t10k-images-idx3-ubyte"), {IdxType::u8, {2, 3}, Bytes(6)});
  CHECK_THAT(message(), Catch::Contains("shape of the images is (2, 3), expected (N, 28, 28)"));
}
