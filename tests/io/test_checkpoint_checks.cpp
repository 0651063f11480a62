#include <catch2/catch.hpp>
#include <filesystem>
#include <limits>

#include "basin/io/checkpoint.hpp"
#include "hostile.hpp"

using namespace basin;

namespace {

struct Toy {
  static constexpr std::size_t param_count = 2 * 3 + 2;
  static void leaves(LeafList& list) {
    list.weight("weight", {2, 3}, 3, 2);
    list.bias("bias", 2);
  }
};

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN(),
                 infinity = std::numeric_limits<double>::infinity();

/// Writes `value` and reads it with the checks: what the reader says, without the path, or nothing.
template <class Value, class... Checks>
std::string said(const Value& value, const Checks&... checks) {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.safetensors");
  CheckpointWriter writer;
  writer("it", value, checks...);
  writer.write(path);
  CheckpointReader reader(path);
  Value back{};
  std::string message;
  try {
    reader("it", back, checks...);
    CHECK(back == value);
    CHECK_NOTHROW(reader.finish());
  } catch (const FileError& error) {
    message = std::string(error.what()).substr(path.size());
    CHECK(back == Value{});  // unchanged
    CHECK_THROWS(reader.finish());
  }
  return message;
}

}  // namespace

TEST_CASE("a number outside its range is refused by name", "[io]") {
  CHECK(said(std::int64_t{1}, Within{1, 100000}).empty());
  CHECK(said(std::int64_t{100000}, Within{1, 100000}).empty());
  CHECK(said(std::int64_t{0}, Within{1, 100000}) == ": 'it' is 0, expected 1 to 100000");
  CHECK(said(std::int64_t{-1}, Within{1, 100000}) == ": 'it' is -1, expected 1 to 100000");
  CHECK(said(std::numeric_limits<std::int64_t>::max(), Within{1, 100000}) ==
        ": 'it' is 9223372036854775807, expected 1 to 100000");
  CHECK(said(std::numeric_limits<std::uint64_t>::max(), Within{0, 5}) ==
        ": 'it' is 18446744073709551615, expected 0 to 5");  // would be -1 if signs were lost
  CHECK(said(std::uint64_t{3}, Within{-1, 5}).empty());
  CHECK(said(std::int8_t{-3}, Within{0, 5}) == ": 'it' is -3, expected 0 to 5");
  CHECK(said(0.5, Within{0.0, 1.0}).empty());
  CHECK(said(0.5f, Within{0, 1}).empty());
  CHECK(said(1.5, Within{0.0, 1.0}) == ": 'it' is 1.5, expected 0 to 1");
  CHECK(said(-infinity, Within{0.0, 1.0}) == ": 'it' is -inf, expected 0 to 1");
  CHECK(said(not_a_number, Within{0.0, 1.0}) == ": 'it' is nan, expected 0 to 1");
  CHECK(said(not_a_number, Within{-infinity, infinity}) == ": 'it' is nan, expected -inf to inf");
}

TEST_CASE("a list has its length, and each number of it its range", "[io]") {
  const std::vector<std::int32_t> labels{0, 9, 10};
  CHECK(said(labels, Length{3}, Within{0, 10}).empty());
  CHECK(said(labels, Length{std::int64_t{4}}) == ": length of 'it' is 3, expected 4");
  CHECK(said(labels, Length{-1}) == ": length of 'it' is 3, expected -1");
  CHECK(said(std::vector<std::int32_t>{}, Length{4}, Within{0, 9}) == ": length of 'it' is 0, expected 4");
  CHECK(said(labels, Length{3}, Within{0, 9}) == ": 'it'[2] is 10, expected 0 to 9");
  CHECK(said(std::vector<double>{1, infinity}, Finite{}) == ": 'it'[1] is inf, expected a finite number");
  CHECK(said(std::vector<double>{1, 2}, Finite{}).empty());
  CHECK(said(-infinity, Finite{}) == ": 'it' is -inf, expected a finite number");
}

TEST_CASE("parameters are finite, or the leaf is named, unless any number is allowed", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.safetensors");
  Parameters<Toy, float> theta;
  theta.leaf("bias")[1] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH(save_parameters(path, theta), "number in 'bias' is nan, expected a finite one");
  CHECK_FALSE(std::filesystem::exists(path));
  save_parameters(path, theta, {}, AnyNumbers{});
  CHECK_THROWS_WITH((load_parameters<Toy, float>(path)), path + ": 'bias'[1] is nan, expected a finite number");
  CHECK(std::isnan((load_parameters<Toy, float>(path, AnyNumbers{}).leaf("bias")[1])));

  theta.leaf("weight")[4] = -std::numeric_limits<float>::infinity();
  CheckpointWriter writer;
  writer("optimizer.m", theta, AnyNumbers{});
  writer.write(path);
  CheckpointReader reader(path);
  Parameters<Toy, float> back;
  back.vector().setOnes();
  CHECK_THROWS_WITH(reader.under("optimizer")("m", back),
                    path + ": 'optimizer.m.weight'[4] is -inf, expected a finite number");
  CHECK(back.vector() == Vector<float>::Ones(8));  // unchanged
  reader.under("optimizer")("m", back, AnyNumbers{});
  CHECK(back.leaf("weight")[4] == theta.leaf("weight")[4]);
}

TEST_CASE("names from a file that nobody asked for are few and printable in the message", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.safetensors");
  CheckpointWriter writer;
  for (int i = 0; i < 50; ++i) writer("name\n" + std::to_string(i) + std::string(500, 'x'), i);
  writer.write(path);
  std::string message;
  try {
    CheckpointReader(path).finish();
  } catch (const FileError& error) {
    message = error.what();
  }
  CHECK_THAT(message, Catch::EndsWith(" and 40 more"));
  CHECK(message.size() < 1000);
  CHECK(message.find('\n') == message.npos);
}
