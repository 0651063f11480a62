#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "basin/core/random.hpp"
#include "basin/io/growing_model.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "hostile.hpp"

using namespace basin;

namespace {

using Rule = Sequential<Dense<3, 4>, Relu, Dense<4, 2>>;
const std::vector<DenseSize> sizes{{3, 4}, {4, 2}};

std::vector<float> some_theta(std::size_t count) {
  const Random random{.seed = 5};
  std::vector<float> theta(count);
  for (std::size_t i = 0; i < count; ++i) theta[i] = static_cast<float>(random.normal(i));
  return theta;
}

/// A file of one layer of 2 to 1: weights 0 and 255 at scale 3, bias 51 at scale 2.
const std::string one_layer =
    R"([{"data_b64": "AP8z", "in_ch": 2, "out_ch": 1, "weight_scale": 3, "bias_scale": 2.0, "type": "uint8"}])";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != text.npos);
  return text.replace(at, from.size(), to);
}

const auto read_one_layer = [](const std::string& path) { return read_growing_model(path, {{2, 1}}); };

}  // namespace

TEST_CASE("base64 is that of RFC 4648", "[unit][io]") {
  // Section 10 of the RFC.
  const std::vector<std::pair<std::string, std::string>> known{{"", ""},
                                                               {"f", "Zg=="},
                                                               {"fo", "Zm8="},
                                                               {"foo", "Zm9v"},
                                                               {"foob", "Zm9vYg=="},
                                                               {"fooba", "Zm9vYmE="},
                                                               {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, text] : known) {
    const test::Bytes bytes = test::bytes_of(plain);
    CHECK(detail::base64_encoded(bytes) == text);
    CHECK(detail::base64_decoded(text, "a", "data") == bytes);
  }
  test::Bytes all(256);
  std::iota(all.begin(), all.end(), std::uint8_t{0});
  CHECK(detail::base64_decoded(detail::base64_encoded(all), "a", "data") == all);

  const auto decode = [](const char* text) { return detail::base64_decoded(text, "a", "data"); };
  CHECK_THROWS_WITH(decode("Zg="), "a: length of data is 3, expected a multiple of 4");
  CHECK_THROWS_WITH(decode("Z?=="), "a: character 1 of data is '?', expected a digit of base64");
  CHECK_THROWS_WITH(decode("Z==="), "a: character 1 of data is '=', expected a digit of base64");
  CHECK_THROWS_WITH(decode("Zg==Zg=="), "a: character 2 of data is '=', expected a digit of base64");
  CHECK_THROWS_WITH(decode("Zh=="), "a: end of data is a digit with unused bits set, expected unused bits of zero");
}

TEST_CASE("a byte of a published model stands for (q / 255 - 1/2) scale", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("model.json");
  write_file(path, one_layer);
  CHECK(read_one_layer(path) == std::vector<float>{-1.5f, 1.5f, static_cast<float>((51.0 / 255.0 - 0.5) * 2.0)});
}

TEST_CASE("a growing automaton's model comes back within its quantization", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("model.json"), again = folder.file("again.json");
  const std::vector<float> theta = some_theta(Rule::param_count);
  write_growing_model(path, theta, sizes);
  const std::vector<float> back = read_growing_model(path, sizes);
  REQUIRE(back.size() == theta.size());
  std::size_t first = 0;
  for (const std::size_t count : {12, 4, 8, 2}) {  // weights and biases of both layers, each with a scale of its own
    double largest = 0, error = 0;
    for (std::size_t i = first; i < first + count; ++i) {
      largest = std::max(largest, std::abs(static_cast<double>(theta[i])));
      error = std::max(error, std::abs(static_cast<double>(back[i]) - static_cast<double>(theta[i])));
    }
    INFO("from " << first);
    CHECK(error <= largest / 255.0 * (1 + 1e-6));  // and the rounding to float
    CHECK(error > 0);
    first += count;
  }

  SECTION("and from then on bit by bit") {
    write_growing_model(again, back, sizes);
    CHECK(read_file(again) == read_file(path));
    CHECK(read_growing_model(again, sizes) == back);
  }
  SECTION("also as the theta of a model, in which a row of the file is a column of W") {
    const auto parameters = read_growing_model<Rule>(path);
    CHECK(std::equal(back.begin(), back.end(), parameters.span().begin()));
    write_growing_model(again, parameters);
    CHECK(read_file(again) == read_file(path));
    const Json file = read_json(path);
    CHECK(file[0]["in_ch"] == 3);
    CHECK(file[0]["out_ch"] == 4);
    // The second input's row of the file moves all outputs.
    State<float> x(Shape{3, {1, 1, 1}, 1}), y(Shape{4, {1, 1, 1}, 1});
    x.values[1] = 1;
    Dense<3, 4>{}.apply(parameters.span().first<16>(), x.view(), y.view());
    for (std::size_t o = 0; o < 4; ++o) {
      CHECK(y.values[static_cast<Index>(o)] == Approx(back[4 + o] + back[12 + o]).epsilon(1e-6));
    }
  }
}

TEST_CASE("parameters that are all zero stay zero in a growing automaton's file", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("model.json");
  std::vector<float> theta = some_theta(Rule::param_count);
  std::fill(theta.begin() + 16, theta.end(), 0.0f);  // the last layer, as training starts
  write_growing_model(path, theta, sizes);
  const std::vector<float> back = read_growing_model(path, sizes);
  CHECK(std::all_of(back.begin() + 16, back.end(), [](float value) { return value == 0.0f; }));
}

TEST_CASE("any other file than a published model is refused", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("model.json");
  const auto refused = [&](const std::string& text, const std::vector<std::string>& words) {
    test::check_refused(test::bytes_of(text), path, read_one_layer, words);
  };
  const auto changed = [&](const std::string& from, const std::string& to, const std::vector<std::string>& words) {
    refused(replaced(one_layer, from, to), words);
  };
  refused("{}", {"the model is object, expected an array of layers"});
  refused("[]", {"number of layers is 0, expected 1"});
  refused("[3]", {"layer 0 is number, expected an object"});
  changed("\"in_ch\": 2, ", "", {"layer 0.in_ch is missing, expected 2"});
  changed("\"in_ch\": 2", "\"in_ch\": 3", {"layer 0.in_ch is '3', expected 2"});
  changed("\"in_ch\": 2", "\"in_ch\": \"2\"", {"layer 0.in_ch is '\"2\"', expected 2"});
  changed("\"out_ch\": 1", "\"out_ch\": 4", {"layer 0.out_ch is '4', expected 1"});
  changed("uint8", "float32", {"layer 0.type is '\"float32\"', expected \"uint8\""});
  changed("\"type\"", "\"kind\"", {"key in layer 0 is 'kind', expected one of: data_b64, in_ch"});
  changed("_scale\": 3", "_scale\": -3", {"layer 0.weight_scale is '-3', expected a number from 0"});
  changed("_scale\": 3", "_scale\": null", {"layer 0.weight_scale is 'null'"});
  changed("2.0", "1e300", {"layer 0.bias_scale is '1e+300', expected a number from 0 to twice the largest float"});
  changed("\"AP8z\"", "7", {"layer 0.data_b64 is '7', expected text"});
  changed("AP8z", "AP8", {"length of layer 0.data_b64 is 3, expected a multiple of 4"});
  changed("AP8z", "AP-z", {"character 2 of layer 0.data_b64 is '-', expected a digit of base64"});
  changed("AP8z", "AP8=", {"number of bytes in layer 0.data_b64 is 2, expected (2 + 1) * 1"});
  changed("AP8z", "AP8zAP8z", {"number of bytes in layer 0.data_b64 is 6, expected (2 + 1) * 1"});
  test::check_every_length(test::bytes_of(one_layer), path, read_one_layer);
  test::check_every_byte(test::bytes_of(one_layer), path, read_one_layer);
}

TEST_CASE("what is no model of dense layers is not written as a growing automaton", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("model.json");
  CHECK_THROWS_WITH(write_growing_model(path, some_theta(25), sizes),
                    "number of parameters of a growing automaton is 25, expected 26");
  CHECK_THROWS_WITH(write_growing_model(path, {}, {{0, 3}}),
                    "size of a dense layer is 0 to 3, expected 1 or more each");
  std::vector<float> theta = some_theta(26);
  theta[7] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH(write_growing_model(path, theta, sizes), "parameter 7 is nan, expected a finite number");
  using Unbiased = Sequential<Dense<3, 4, Bias::no>, Relu, Dense<4, 2>>;
  CHECK_THROWS_WITH(write_growing_model(path, Parameters<Unbiased, float>{}),
                    "a growing automaton's layer at 0.weight is (4, 3), expected a weight (outputs, inputs) and then "
                    "its bias");
  CHECK(folder.entries() == 0);
}
