#include <catch2/catch.hpp>
#include <cstring>
#include <functional>

#include "basin/io/checkpoint.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/flatten.hpp"
#include "basin/layers/layer_norm.hpp"
#include "basin/layers/residual.hpp"
#include "basin/layers/sequential.hpp"
#include "hostile.hpp"

using namespace basin;

namespace {

/// Leaves of each kind that a file has to tell apart. No layers: what a file holds follows from leaves alone.
struct Line {
  static constexpr std::size_t param_count = 2 * 3 * 5;
  static void leaves(LeafList& list) { list.weight("weight", {2, 3, 5}, 15, 10); }  // (out, in, k)
};
struct Plane {
  static constexpr std::size_t param_count = 2 * 3 * 5 * 7 + 2;
  static void leaves(LeafList& list) {
    list.weight("weight", {2, 3, 5, 7}, 105, 70);  // (out, in, k, l), k along x
    list.bias("bias", 2);
  }
};
struct Space {
  static constexpr std::size_t param_count = 2 * 3 * 2 * 3 * 4;
  static void leaves(LeafList& list) { list.weight("weight", {2, 3, 2, 3, 4}, 72, 48); }
};
/// Keeps its inputs first, and says so.
struct InFirst {
  static constexpr std::size_t param_count = 3 * 2;
  static void leaves(LeafList& list) { list.weight("weight", {3, 2}, 3, 2, {LeafAxis::in, LeafAxis::out}); }
};
struct Norm {
  static constexpr std::size_t param_count = 4;
  static void leaves(LeafList& list) { detail::FeatureScales<2>::leaves(list); }
};
template <int Inputs, int Outputs>
struct Matrix2 {
  static constexpr std::size_t param_count = Inputs * Outputs;
  static void leaves(LeafList& list) { list.weight("weight", {Outputs, Inputs}, Inputs, Outputs); }
};
template <class First, class Second>
struct Two {
  static constexpr std::size_t param_count = First::param_count + Second::param_count;
  static void leaves(LeafList& list) {
    list.nested<First>("0");
    list.nested<Second>("1");
  }
};
/// One number for each feature behind a Flatten, which no order makes PyTorch's.
struct BehindFlatten {
  static constexpr std::size_t param_count = 6;
  static void leaves(LeafList& list) {
    list.flattened({2, 3, 1, 1});
    list.bias("bias", 6);
  }
};
/// A square kernel with as many features either way, of which the layouts have equal shapes.
struct SquareKernel {
  static constexpr std::size_t param_count = 3 * 3 * 3 * 3;
  static void leaves(LeafList& list) { list.weight("weight", {3, 3, 3, 3}, 27, 27); }
};

template <class Model>
Parameters<Model, double> counted() {
  Parameters<Model, double> theta;
  for (Index i = 0; i < theta.vector().size(); ++i) theta.vector()[i] = static_cast<double>(i);
  return theta;
}

const CheckpointLabel as_torch{.layout = TensorLayout::torch};

std::vector<double> numbers_of(const TensorEntry& entry) {
  std::vector<double> numbers(entry.bytes.size() / sizeof(double));
  std::memcpy(numbers.data(), entry.bytes.data(), entry.bytes.size());
  return numbers;
}

using Extents = std::vector<std::uint64_t>;

/// The file of a model as PyTorch would have it, read back the same; `at` gives the leaf's element for each element of
/// the array, in row-major order.
template <class Model>
TensorFile as_written(const std::string& path) {
  const auto theta = counted<Model>();
  save_parameters(path, theta, as_torch);
  CHECK(load_parameters<Model, double>(path).vector() == theta.vector());
  CHECK(load_parameters<Model, double>(path, TensorLayout::torch).vector() == theta.vector());
  return read_safetensors(path);
}

/// Without what the file says of itself.
void strip(const std::string& path) {
  TensorFile file = read_safetensors(path);
  file.metadata.clear();
  write_safetensors(path, file);
}

std::string message_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("in torch's layout arrays are (out, in, ..., height, width), row-major", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.safetensors");
  const auto weight = [](const TensorFile& file) { return file.tensors.at("weight"); };

  const TensorEntry line = weight(as_written<Line>(path));
  CHECK(line.shape == Extents{2, 3, 5});
  const TensorEntry plane = weight(as_written<Plane>(path));
  CHECK(plane.shape == Extents{2, 3, 7, 5});  // rows of the kernel lie along y
  const TensorEntry space = weight(as_written<Space>(path));
  CHECK(space.shape == Extents{2, 3, 4, 3, 2});
  CHECK(as_written<Plane>(path).tensors.at("bias").shape == Extents{2});
  CHECK(weight(as_written<InFirst>(path)).shape == Extents{2, 3});
  CHECK(numbers_of(weight(as_written<InFirst>(path))) == std::vector<double>{0, 1, 2, 3, 4, 5});

  // Element (o, c, l, k) of the file is element (o, c, k, l) of the leaf, whose first index is contiguous.
  const std::vector<double> in_line = numbers_of(line), in_plane = numbers_of(plane), in_space = numbers_of(space);
  std::size_t wrong = 0, i = 0;
  for (int o = 0; o < 2; ++o) {
    for (int c = 0; c < 3; ++c) {
      for (int k = 0; k < 5; ++k)
        wrong += in_line[static_cast<std::size_t>((o * 3 + c) * 5 + k)] != o + 2 * (c + 3 * k);
      for (int l = 0; l < 7; ++l) {
        for (int k = 0; k < 5; ++k) wrong += in_plane[i++] != o + 2 * (c + 3 * (k + 5 * l));
      }
    }
  }
  i = 0;
  for (int o = 0; o < 2; ++o) {
    for (int c = 0; c < 3; ++c) {
      for (int m = 0; m < 4; ++m) {
        for (int l = 0; l < 3; ++l) {
          for (int k = 0; k < 2; ++k) wrong += in_space[i++] != o + 2 * (c + 3 * (k + 2 * (l + 3 * m)));
        }
      }
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("in torch's layout a normalization has a weight and a bias, and names are paths", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.safetensors");
  const TensorFile file = as_written<Two<Norm, Matrix2<3, 2>>>(path);
  REQUIRE(file.tensors.size() == 3);
  CHECK(numbers_of(file.tensors.at("0.weight")) == std::vector<double>{0, 1});
  CHECK(numbers_of(file.tensors.at("0.bias")) == std::vector<double>{2, 3});
  CHECK(file.tensors.at("1.weight").shape == Extents{2, 3});
  CHECK(numbers_of(file.tensors.at("1.weight")) == std::vector<double>{4, 6, 8, 5, 7, 9});
  CHECK(file.metadata.at("layout") == "torch");
  CHECK(file.metadata.at("basin.format_version") == "2");  // which no version can read that would transpose it
  CHECK(CheckpointReader(path).label().layout == TensorLayout::torch);

  // Moments of an optimizer are leaves under a prefix, and in the same layout.
  CheckpointWriter writer(as_torch);
  const auto theta = counted<Norm>();
  writer("m", theta);
  writer.write(path);
  CHECK(read_safetensors(path).tensors.contains("m.bias"));
  CHECK_THROWS_WITH(writer("n", theta, TensorLayout::basin),
                    "layout behind parameters is basin, expected that of the label, torch");
  CHECK_THROWS_WITH(writer.metadata("layout", "basin"),
                    "key of a checkpoint's metadata is layout, expected another: the label says the layout");
}

TEST_CASE("a layout that nobody says is known by shapes and names, or refused", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.safetensors");
  using Known = Two<Norm, Matrix2<3, 2>>;
  for (const TensorLayout layout : {TensorLayout::basin, TensorLayout::torch}) {
    save_parameters(path, counted<Known>(), {.layout = layout});
    strip(path);
    CHECK_FALSE(CheckpointReader(path).layout().has_value());
    CHECK(load_parameters<Known, double>(path).vector() == counted<Known>().vector());
    CHECK(load_parameters<Known, double>(path, layout).vector() == counted<Known>().vector());

    // The wider layer tells nothing of the square one: who transposed what did not load may have left that.
    using Mixed = Two<Matrix2<3, 2>, Matrix2<2, 2>>;
    save_parameters(path, counted<Mixed>(), {.layout = layout});
    CHECK(load_parameters<Mixed, double>(path).vector() == counted<Mixed>().vector());
    strip(path);
    CHECK(message_of([&] { (void)load_parameters<Mixed, double>(path); }) ==
          path +
              ": layout of '1.weight' is not said, and its shape (2, 2) is the same in both, expected "
              "TensorLayout::torch or TensorLayout::basin behind the parameters, or the file's metadata \"layout\"");
    CHECK(load_parameters<Mixed, double>(path, layout).vector() == counted<Mixed>().vector());
  }
  save_parameters(path, counted<SquareKernel>(), as_torch);
  strip(path);
  CHECK_THAT(message_of([&] { (void)load_parameters<SquareKernel, double>(path); }),
             Catch::Contains("layout of 'weight' is not said, and its shape (3, 3, 3, 3) is the same in both"));
  CHECK(load_parameters<SquareKernel, double>(path, TensorLayout::torch).vector() == counted<SquareKernel>().vector());

  // Which of two orders these have, a shape does not tell; but one number is the same in both.
  save_parameters(path, counted<BehindFlatten>());
  strip(path);
  CHECK_THAT(message_of([&] { (void)load_parameters<BehindFlatten, double>(path); }),
             Catch::Contains("layout of 'bias' is not said"));
  save_parameters(path, counted<Matrix2<1, 1>>());
  strip(path);
  CHECK(load_parameters<Matrix2<1, 1>, double>(path).vector() == counted<Matrix2<1, 1>>().vector());

  // The mark alone, as a script in Python puts it; and one that nobody knows.
  save_parameters(path, counted<Matrix2<2, 2>>(), as_torch);
  TensorFile file = read_safetensors(path);
  file.metadata = {{"layout", "torch"}};
  write_safetensors(path, file);
  CHECK(load_parameters<Matrix2<2, 2>, double>(path).vector() == counted<Matrix2<2, 2>>().vector());
  CHECK(message_of([&] { (void)load_parameters<Matrix2<2, 2>, double>(path, TensorLayout::basin); }) ==
        path + ": layout of the file is torch, expected TensorLayout::basin");
  file.metadata = {{"layout", "NHWC"}};
  write_safetensors(path, file);
  CHECK(message_of([&] { CheckpointReader reader(path); }) ==
        path + ": layout of the file is 'NHWC', expected 'basin' or 'torch'");
}

TEST_CASE("a shape that fits no layout, or layouts that differ within a file, are refused by name", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.safetensors");
  using Model = Two<Matrix2<3, 2>, Matrix2<4, 3>>;
  const auto read = [&] { (void)load_parameters<Model, double>(path); };
  save_parameters(path, counted<Two<Matrix2<3, 2>, Matrix2<4, 2>>>(), as_torch);
  CHECK(message_of(read) == path + ": shape of '1.weight' is (2, 4), expected (3, 4) in torch's layout");
  strip(path);
  CHECK(message_of(read) == path + ": shape of '1.weight' is (2, 4), expected (3, 4) in torch's layout");
  save_parameters(path, counted<Two<Matrix2<5, 2>, Matrix2<4, 4>>>());
  strip(path);
  CHECK(message_of(read) == path + ": shape of '0.weight' is (5, 2), expected (3, 2), or (2, 3) in torch's layout");
  save_parameters(path, counted<Two<Matrix2<3, 2>, Matrix2<3, 4>>>());  // the second transposed
  strip(path);
  CHECK(message_of(read) ==
        path + ": layout of '1.weight' by its shape and name is torch, expected basin, that of '0.weight'");
  save_parameters(path, counted<Norm>());
  strip(path);
  CHECK(message_of([&] { (void)load_parameters<Norm, double>(path, TensorLayout::torch); }) ==
        path + ": leaves that the model has and the checkpoint lacks: weight, bias");
}

TEST_CASE("behind a Flatten a dense layer takes its features in torch's order", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.safetensors");
  using Model = Sequential<Flatten<2, 3, 2>, Relu, Dense<12, 2>, Dense<2, 2>>;
  const std::vector<double> weight = numbers_of(as_written<Model>(path).tensors.at("2.weight"));
  std::size_t wrong = 0, i = 0;
  for (int o = 0; o < 2; ++o) {
    for (int c = 0; c < 2; ++c) {
      for (int y = 0; y < 2; ++y) {
        for (int x = 0; x < 3; ++x) wrong += weight[i++] != o + 2 * (c + 2 * (x + 3 * y));
      }
    }
  }
  CHECK(wrong == 0);
  CHECK(numbers_of(read_safetensors(path).tensors.at("3.weight")) == std::vector<double>{26, 28, 27, 29});

  // The order goes through containers, and where it has no name in PyTorch the layout is refused.
  const auto flags = [](const std::vector<Leaf>& leaves) {
    std::string text;
    for (const Leaf& leaf : leaves) text += !leaf.in_torch ? 'n' : leaf.flattened.empty() ? '.' : 'f';
    return text;
  };
  CHECK(flags(leaves_of<Model>()) == "f...");
  CHECK(flags(leaves_of<Sequential<Sequential<Relu, Flatten<2, 3, 2>>, Sequential<Dense<12, 2>>, Dense<2, 2>>>()) ==
        "f...");
  CHECK(flags(leaves_of<Sequential<Flatten<12, 1>, Dense<12, 2>>>()) == "..");
  CHECK(flags(leaves_of<Sequential<Flatten<1, 4, 3>, Dense<12, 2>>>()) == "..");
  using Lost = Sequential<Flatten<2, 3, 2>, LayerNorm<12>, Dense<12, 2>>;
  CHECK(flags(leaves_of<Lost>()) == "nnnn");
  CHECK(flags(leaves_of<Sequential<Flatten<2, 3, 2>, Residual<Dense<12, 12>>>>()) == "nn");
  CHECK_THROWS_WITH(save_parameters(path, counted<Lost>(), as_torch),
                    Catch::StartsWith("layout of leaf '1.scale' is torch, expected TensorLayout::basin: behind a"));
  save_parameters(path, counted<Lost>());
  CHECK(load_parameters<Lost, double>(path).vector() == counted<Lost>().vector());
  strip(path);
  CHECK_THAT(message_of([&] { (void)load_parameters<Lost, double>(path, TensorLayout::torch); }),
             Catch::StartsWith(path + ": layout of '1.scale' is torch, expected TensorLayout::basin: behind a"));
}
