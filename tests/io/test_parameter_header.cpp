#include "basin/io/parameter_header.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <limits>
#include <string>

#include "basin/io/c_interface.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "hostile.hpp"

using namespace basin;
using basin::test::TemporaryFolder;

namespace {

using Model = Sequential<Dense<3, 2>, Tanh>;

std::string text_of(const std::string& path) {
  const auto bytes = read_file(path);
  return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST_CASE("a parameter header has each number to the last bit", "[io]") {
  const TemporaryFolder folder;
  const std::string path = folder.file("model.hpp");
  const auto check_scalar = [&](auto zero, const std::string& scalar) {
    using S = decltype(zero);
    Parameters<Model, S> theta;
    theta.vector() << S(0), S(-0.0), S(1) / 3, std::numeric_limits<S>::max(), std::numeric_limits<S>::denorm_min(),
        S(-2.5), S(1e-7), S(12345.678);
    write_parameter_header(path, theta, {.from = "a file\n#error\\", .set_up = "made.solve.memory = 3;"});
    const std::string text = text_of(path);
    const std::string opening = "inline constexpr " + scalar + " numbers[] = {\n";
    REQUIRE(text.find(opening) != text.npos);
    CHECK(text.find("  Model made{};\n  made.solve.memory = 3;\n  return made;\n") != text.npos);
    CHECK(text.find(" from a file?#error?.\n") != text.npos);  // what follows stays in the comment
    const char* at = text.c_str() + text.find(opening) + opening.size();
    for (const S number : theta.vector()) {
      char* end = nullptr;
      const S read = static_cast<S>(std::strtod(at, &end));
      CHECK(read == number);
      CHECK(std::signbit(read) == std::signbit(number));
      REQUIRE(std::string(end, scalar == "float" ? 2 : 1) == (scalar == "float" ? "f," : ","));
      at = end + (scalar == "float" ? 2 : 1);
    }
    CHECK(std::string(at, 4) == "\n};\n");
  };
  check_scalar(0.0f, "float");
  check_scalar(0.0, "double");
}

TEST_CASE("a parameter header names the type of its model", "[io]") {
  const std::string_view type = detail::type_text<Model>();
  CHECK(type.starts_with("basin::Sequential<basin::Dense<3, 2"));
  CHECK(type.ends_with(">"));
  CHECK(type.find('[') == type.npos);
}

TEST_CASE("a parameter header refuses what is no name and no number, and leaves what was there", "[io]") {
  const TemporaryFolder folder;
  const std::string path = folder.file("model.hpp");
  Parameters<Model, float> theta;
  write_parameter_header(path, theta);
  const std::string before = text_of(path);
  for (const char* name : {"", "1st", "a-b", "a b", "a\n"}) {
    CHECK_THROWS_WITH(write_parameter_header(path, theta, {.name = name}),
                      Catch::Matchers::EndsWith("', expected letters, digits and _, no digit first"));
    CHECK_THROWS_AS(write_c_interface<Model>(folder.file(""), "model.hpp", {.name = name}), std::invalid_argument);
  }
  theta.vector()[3] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH(write_parameter_header(path, theta), "parameters of a header is not finite, expected numbers");
  CHECK(text_of(path) == before);
}

TEST_CASE("an interface in C has no place left to fill", "[io]") {
  const TemporaryFolder folder;
  write_c_interface<Model>(folder.file(""), "reader.hpp", {.name = "reader", .from = "x */ int y;"});
  for (const char* file : {"reader.h", "reader.cpp"}) {
    const std::string text = text_of(folder.file(file));
    for (const char* key : {"{name}", "{header}", "{in}", "{out}", "{version}", "{from}"}) {
      CHECK(text.find(key) == text.npos);
    }
  }
  const std::string text = text_of(folder.file("reader.h"));
  CHECK(text.find("reader_in_features = 3, reader_out_features = 2 }") != text.npos);
  CHECK(text.find("*/ int y") == text.npos);
}
