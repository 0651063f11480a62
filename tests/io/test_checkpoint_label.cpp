#include <catch2/catch.hpp>
#include <cstring>
#include <fstream>

#include "basin/io/checkpoint.hpp"
#include "basin/layers/dense.hpp"
#include "hostile.hpp"

using namespace basin;
using test::Bytes;

namespace {

struct Toy {
  static constexpr std::size_t param_count = 2 * 3 + 2;
  static void leaves(LeafList& list) {
    list.weight("weight", {2, 3}, 3, 2);
    list.bias("bias", 2);
  }
};

Parameters<Toy, float> numbered() {
  Parameters<Toy, float> theta;
  for (Index i = 0; i < 8; ++i) theta.vector()[i] = static_cast<float>(i) / 4 - 1;
  return theta;
}

const CheckpointLabel label{.program = "toy_training", .settings = {{"rate", 0.5}}, .data = "drawn digits"};

/// Writes a checkpoint with a bit of everything.
void write_toy(const std::string& path, const CheckpointLabel& with = label) {
  CheckpointWriter writer(with);
  writer("", numbered());
  writer("iteration", std::int64_t{12});
  writer("losses", std::vector<double>{0.5, 0.25});
  writer.metadata("note", "kept");
  writer.write(path);
}

std::string message_of(const auto& work) {
  try {
    work();
  } catch (const FileError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a checkpoint says what it is, and the reader tells it", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.safetensors");
  write_toy(path);
  const CheckpointReader reader(path, "toy_training");
  CHECK(reader.format_version() == 1);
  CHECK(reader.library_version() == version_text);
  CHECK(reader.label().program == "toy_training");
  CHECK(reader.label().settings == Json{{"rate", 0.5}});
  CHECK(reader.label().data == "drawn digits");
  CHECK(reader.metadata("settings") == Json{{"rate", 0.5}});
  CHECK(reader.metadata("note") == "kept");

  const auto metadata = read_safetensors(path).metadata;
  CHECK(metadata.at("basin.format") == "basin checkpoint");
  CHECK(metadata.at("basin.format_version") == "1");
  CHECK(metadata.at("basin.program") == "toy_training");
  CHECK(metadata.at("basin.checksum").size() == 14);

  write_toy(path, {});
  const CheckpointReader unnamed(path);
  CHECK(unnamed.format_version() == 1);
  CHECK(unnamed.label().program.empty());
  CHECK(unnamed.label().settings.is_null());
  CHECK(unnamed.label().data.empty());
  CheckpointWriter writer;
  CHECK_THROWS_WITH(writer.metadata("basin.program", "x"),
                    "key of a checkpoint's metadata is basin.program, expected one without 'basin.'");
}

TEST_CASE("equal contents are equal files, and the checksum follows from the contents alone", "[io]") {
  const test::TemporaryFolder folder;
  const std::string one = folder.file("one"), two = folder.file("two");
  write_toy(one);
  write_toy(two);
  CHECK(read_file(one) == read_file(two));
  // As another tool would order it: the same arrays, from a file with more room in its header.
  TensorFile file = read_safetensors(one);
  Bytes bytes = read_file(one);
  std::uint64_t header = 0;
  std::memcpy(&header, bytes.data(), 8);
  bytes.insert(bytes.begin() + 8 + static_cast<std::ptrdiff_t>(header), 16, ' ');
  header += 16;
  std::memcpy(bytes.data(), &header, 8);
  write_file(two, bytes);
  CHECK_NOTHROW(CheckpointReader(two, "toy_training"));
}

TEST_CASE("a checkpoint of another program, or of a newer format, is refused with its name", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.safetensors");
  write_toy(path);
  CHECK(message_of([&] { CheckpointReader(path, "nca_grow"); }) ==
        path + ": program that wrote the checkpoint is 'toy_training', expected 'nca_grow'");
  const CheckpointReader reader(path);
  CHECK_NOTHROW(reader.expect_data("drawn digits"));
  CHECK(message_of([&] { reader.expect_data("MNIST"); }) ==
        path + ": data set of the checkpoint is 'drawn digits', expected 'MNIST'");
  CHECK_NOTHROW(reader.expect_setting("rate", 0.5));
  CHECK(message_of([&] { reader.expect_setting("rate", 0.25); }) ==
        path + ": setting 'rate' of the checkpoint is '0.5', expected '0.25'");
  CHECK(message_of([&] { reader.expect_setting("size", 3); }) ==
        path + ": setting 'size' of the checkpoint is missing, expected '3'");

  TensorFile file = read_safetensors(path);
  file.metadata["basin.format_version"] = "3";
  file.metadata["basin.version"] = "7.1.0";
  write_safetensors(path, file);
  CHECK(message_of([&] { CheckpointReader read(path); }) ==
        path + ": version of the checkpoint's format is 3 (basin '7.1.0' wrote it), expected at most 2, which basin " +
            std::string(version_text) + " reads");
  for (const std::string wrong : {"", "0", "-1", "1x", "one", "99999999999999999999"}) {
    file.metadata["basin.format_version"] = wrong;
    write_safetensors(path, file);
    CHECK(message_of([&] { CheckpointReader read(path); }) ==
          path + ": version of the checkpoint's format is '" + wrong + "', expected a whole number, 1 or more");
  }
  file.metadata["basin.format"] = "recipe";
  write_safetensors(path, file);
  CHECK(message_of([&] { CheckpointReader read(path); }) == path + ": format is 'recipe', expected 'basin checkpoint'");

  write_toy(path, {});
  CHECK(message_of([&] { CheckpointReader(path, "nca_grow"); }) ==
        path + ": program that wrote the checkpoint is not said, expected 'nca_grow'");
}

TEST_CASE("what is no checkpoint at all is told in words that a person understands", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("README.md");
  const std::string expected = path + ": no checkpoint of basin: it does not begin as a safetensors file does";
  for (const std::string text : {"# A page\n\nwith some words in it\n", "", "short", "12345678[", "12345678{}"}) {
    write_file(path, std::string_view(text));
    CHECK(message_of([&] { CheckpointReader read(path); }) == expected);
  }
  write_file(path, std::string_view("\x05\0\0\0\0\0\0\0[1,2]", 13));  // a length that is one, and no header
  CHECK(message_of([&] { CheckpointReader read(path); }) == expected);
  CHECK(message_of([&] { (void)load_parameters<Toy, float>(path); }) == expected);
  CHECK(message_of([&] { CheckpointReader read(folder.file("none")); }) ==
        folder.file("none") + ": cannot open for reading: No such file or directory");
  CHECK(message_of([&] { CheckpointReader read(folder.file(".")); }) == folder.file(".") + ": not a regular file");
}

TEST_CASE("a checkpoint with any byte changed is refused, or holds the same", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.safetensors");
  write_toy(path);
  const Bytes good = read_file(path);
  const TensorFile right = read_safetensors(path);
  const auto read = [&](const std::string& file) {
    const CheckpointReader reader(file, "toy_training");
    const TensorFile now = read_safetensors(file);
    REQUIRE(now.metadata == right.metadata);
    REQUIRE(now.tensors.size() == right.tensors.size());
    for (const auto& [name, entry] : now.tensors) {
      REQUIRE(entry.bytes == right.tensors.at(name).bytes);
      REQUIRE(entry.shape == right.tensors.at(name).shape);
    }
  };
  // What is not refused is a space at the end of the header that became a tab or the like.
  const std::size_t refused = test::check_every_byte(good, path, read);
  CHECK(refused >= 4 * (good.size() - 8));
  test::check_every_length(good, path, read);

  // One bit of one number.
  Bytes bad = good;
  bad.back() ^= 1;
  write_file(path, bad);
  CHECK_THAT(message_of([&] { CheckpointReader reader(path); }),
             Catch::StartsWith(path + ": the checkpoint is damaged: its checksum is crc32:"));
}

TEST_CASE("arrays that change places, names or shapes, and lost text, are damage", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.safetensors");
  write_toy(path);
  const TensorFile good = read_safetensors(path);
  const auto damaged = [&](const auto& change) {
    TensorFile bad = good;
    change(bad);
    write_safetensors(path, bad);
    CHECK_THAT(message_of([&] { CheckpointReader reader(path); }), Catch::Contains("the checkpoint is damaged"));
  };
  damaged([](TensorFile& file) { file.tensors.at("weight").shape = {2, 3}; });
  damaged([](TensorFile& file) { file.tensors.at("iteration").type = TensorType::u64; });
  damaged([](TensorFile& file) { file.tensors.erase("losses"); });
  damaged([](TensorFile& file) { file.tensors["more"] = {TensorType::f32, {0}, {}}; });
  damaged([](TensorFile& file) {
    auto node = file.tensors.extract("losses");
    node.key() = "lossez";
    file.tensors.insert(std::move(node));
  });
  damaged([](TensorFile& file) { file.metadata.erase("note"); });
  damaged([](TensorFile& file) { file.metadata["settings"] = "{}"; });
  damaged([](TensorFile& file) { file.metadata.erase("basin.program"); });
  damaged([](TensorFile& file) { file.metadata["basin.version"] = "0.0.0"; });
  damaged([](TensorFile& file) { file.metadata.erase("basin.checksum"); });
}

TEST_CASE("the checkpoints of formats 1 and 2 that are kept here still read", "[io]") {
  for (const int format : {1, 2}) {
    // From the root of the project, where tests are started.
    const std::string path = "tests/io/golden/format_" + std::to_string(format) + ".safetensors";
    CheckpointReader reader(path, "toy_training");
    Parameters<Toy, float> theta;
    std::int64_t iteration = 0;
    std::vector<double> losses;
    reader("", theta);
    reader("iteration", iteration, Within{0, 100});
    reader("losses", losses, Length{2}, Finite{});
    reader.finish();
    CHECK(reader.format_version() == format);
    CHECK(reader.library_version() == "0.1.0");
    CHECK(reader.layout() == (format == 2 ? TensorLayout::torch : TensorLayout::basin));
    CHECK(theta.vector() == numbered().vector());
    CHECK(iteration == 12);
    CHECK(losses == std::vector<double>{0.5, 0.25});
    CHECK(reader.label().settings == Json{{"rate", 0.5}});
    CHECK(reader.metadata("note") == "kept");
    // Python: zlib.crc32 over what checkpoint_label.hpp lists.
    const std::string checksum = format == 1 ? "crc32:61a3a222" : "crc32:c287115f";
    CHECK(read_safetensors(path).metadata.at("basin.checksum") == checksum);
  }
}

TEST_CASE("a file without a label is read, unless a program asks for its own", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.safetensors");
  write_toy(path);
  TensorFile file = read_safetensors(path);
  file.metadata = {{"settings", R"({"rate":0.5})"},
                   {"format", "pt"}};  // as before there were labels, or of another tool
  write_safetensors(path, file);
  CheckpointReader reader(path);
  CHECK(reader.format_version() == 0);
  CHECK(reader.library_version().empty());
  CHECK(reader.label().settings == Json{{"rate", 0.5}});
  Parameters<Toy, float> theta;
  reader("", theta);
  CHECK(theta.vector() == numbered().vector());
  CHECK(message_of([&] { CheckpointReader(path, "toy_training"); }) ==
        path +
            ": label is missing: another tool or an older basin wrote the file, expected that of a checkpoint "
            "of toy_training");
}

TEST_CASE("weights of PyTorch compute what they compute there, and are not transposed unseen", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("theirs.safetensors");
  const auto array = [](std::vector<std::uint64_t> shape, std::vector<float> values) {
    Bytes bytes(values.size() * sizeof(float));
    std::memcpy(bytes.data(), values.data(), bytes.size());
    return TensorEntry{TensorType::f32, std::move(shape), std::move(bytes)};
  };
  const auto apply = [&](const auto& layer, const auto& theta, std::vector<float> input) {
    State<float> x(Shape{static_cast<Index>(input.size())});
    std::copy(input.begin(), input.end(), x.values.begin());
    State<float> y(layer.out_shape(x.shape));
    layer.template apply<float>(theta, x, y.view());
    return std::vector<float>(y.values.begin(), y.values.end());
  };

  // y = W x + b with W = (1 2 3; 4 5 6). The file of ours has W^T, (in, out), row by row, and PyTorch's W itself.
  using Wide = Dense<3, 2>;
  TensorFile file;
  file.tensors["bias"] = array({2}, {10, 20});
  for (const bool theirs : {false, true}) {
    file.tensors["weight"] = theirs ? array({2, 3}, {1, 2, 3, 4, 5, 6}) : array({3, 2}, {1, 4, 2, 5, 3, 6});
    write_safetensors(path, file);
    const auto wide = load_parameters<Wide, float>(path);
    CHECK(apply(Wide(), wide, {1, 0, 0}) == std::vector<float>{11, 24});
    CHECK(apply(Wide(), wide, {0, 0, 1}) == std::vector<float>{13, 26});
    save_parameters(path, wide, {.layout = theirs ? TensorLayout::torch : TensorLayout::basin});
    CHECK(read_safetensors(path).tensors.at("weight").shape == file.tensors.at("weight").shape);
    CHECK(read_safetensors(path).tensors.at("weight").bytes == file.tensors.at("weight").bytes);
  }

  // A square one cannot be told by its shape, and is read as what the caller says that it is.
  using Square = Dense<2, 2>;
  file.tensors["weight"] = array({2, 2}, {1, 2, 3, 4});
  write_safetensors(path, file);
  CHECK_THAT(message_of([&] { (void)load_parameters<Square, float>(path); }),
             Catch::StartsWith(path + ": layout of 'weight' is not said"));
  const auto ours = load_parameters<Square, float>(path, TensorLayout::basin),
             theirs = load_parameters<Square, float>(path, TensorLayout::torch);
  CHECK(apply(Square(), ours, {1, 0}) == std::vector<float>{11, 22});
  CHECK(apply(Square(), theirs, {1, 0}) == std::vector<float>{11, 23});
}

TEST_CASE("a fingerprint tells data sets apart, and is that of zlib", "[io]") {
  CHECK(fingerprint(test::bytes_of("123456789")) == "crc32:cbf43926");  // the check value of the standard
  CHECK(fingerprint({}) == "crc32:00000000");
  CHECK(fingerprint(test::bytes_of("a")) != fingerprint(test::bytes_of("b")));
}
