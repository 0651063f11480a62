#include <catch2/catch.hpp>
#include <cstring>

#include "basin/io/json.hpp"
#include "basin/io/safetensors.hpp"
#include "hostile.hpp"

using namespace basin;
using test::Bytes;

namespace {

Bytes file_of(const std::string& header, std::size_t data_bytes, std::uint64_t claimed_length) {
  Bytes file(8);
  for (std::size_t i = 0; i < 8; ++i) file[i] = static_cast<std::uint8_t>(claimed_length >> (8 * i) & 0xff);
  file.insert(file.end(), header.begin(), header.end());
  file.resize(file.size() + data_bytes);
  return file;
}
Bytes file_of(const std::string& header, std::size_t data_bytes) { return file_of(header, data_bytes, header.size()); }

TensorFile example() {
  TensorFile file;
  file.tensors["weight"] = {TensorType::f32, {2, 3}, Bytes(24, 1)};
  file.tensors["step"] = {TensorType::u64, {}, Bytes(8, 2)};
  file.tensors["mask"] = {TensorType::u8, {3}, Bytes(3, 3)};
  file.tensors["nothing"] = {TensorType::f64, {0, 4}, {}};
  file.metadata["note"] = "two \"words\"";
  return file;
}

const auto read_one = [](const std::string& path) { return read_safetensors(path); };

}  // namespace

TEST_CASE("safetensors round trips keep everything", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.safetensors");
  TensorFile file = example();
  for (std::size_t t = 0; t < detail::tensor_types.size(); ++t) {
    const auto& info = detail::tensor_types[t];
    REQUIRE(static_cast<std::size_t>(info.type) == t);  // the table is in the order of the enumeration
    if (info.type == TensorType::other) continue;
    file.tensors[std::string(info.name)] = {info.type, {1, 3}, Bytes(3 * info.bytes, 9)};
  }
  write_safetensors(path, file);
  const TensorFile back = read_safetensors(path);
  CHECK(back.metadata == file.metadata);
  REQUIRE(back.tensors.size() == file.tensors.size());
  for (const auto& [key, entry] : file.tensors) {
    INFO(key);
    CHECK(back.tensors.at(key).type == entry.type);
    CHECK(back.tensors.at(key).shape == entry.shape);
    CHECK(back.tensors.at(key).bytes == entry.bytes);
  }
  write_safetensors(path, {});
  CHECK(read_safetensors(path).tensors.empty());
}

TEST_CASE("safetensors of types that C++ lacks are bytes with their type's name, and written as they were", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.safetensors");
  struct Known {
    std::string name;
    std::vector<std::uint64_t> shape;
    std::size_t bytes;
  };
  TensorFile file = example();
  for (const Known& known : std::vector<Known>{{"F4", {3, 2}, 3},
                                               {"F6_E2M3", {4}, 3},
                                               {"F6_E3M2", {2, 8}, 12},
                                               {"F8_E8M0", {5}, 5},
                                               {"F8_E4M3FNUZ", {5}, 5},
                                               {"F8_E5M2FNUZ", {}, 1},
                                               {"C64", {2}, 16},
                                               {"TYPE_OF_TOMORROW", {7, 7}, 11}}) {
    TensorEntry entry{TensorType::other, known.shape, Bytes(known.bytes, 3), known.name};
    file.tensors["of " + known.name] = entry;
  }
  write_safetensors(path, file);
  const Bytes written = read_file(path);
  const TensorFile back = read_safetensors(path);
  REQUIRE(back.tensors.size() == file.tensors.size());
  for (const auto& [key, entry] : file.tensors) {
    INFO(key);
    const TensorEntry& other = back.tensors.at(key);
    CHECK(other.type == entry.type);
    CHECK(other.other_type == entry.other_type);
    CHECK(other.shape == entry.shape);
    CHECK(other.bytes == entry.bytes);
  }
  write_safetensors(path, back);
  CHECK(read_file(path) == written);

  // As another program would write one tensor of a type that is not known among known ones.
  const std::string header =
      R"({"a":{"dtype":"F8_E8M0","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})";
  Bytes theirs = file_of(header, 0);
  theirs.insert(theirs.end(), {1, 2, 3});
  write_file(path, theirs);
  CHECK(read_safetensors(path).tensors.at("a").bytes == Bytes{1, 2});
  CHECK(read_safetensors(path).tensors.at("b").bytes == Bytes{3});
}

TEST_CASE("what a safetensors file may take is an argument, and its header's limit low by default", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.safetensors");
  write_safetensors(path, example());
  const std::uint64_t size = read_file(path).size();
  CHECK_NOTHROW(read_safetensors(path, size));
  CHECK_THROWS_WITH(read_safetensors(path, size - 1), Catch::Contains("size in bytes"));
  CHECK_THROWS_WITH(read_safetensors(path, size, 16),
                    Catch::Contains("length of the header is") && Catch::Contains("expected at most 16"));
  // Lists of empty lists take the most memory for their text.
  std::string header = "{\"a\":[[]";
  while (header.size() < std::size_t{5} << 20) header += ",[]";
  test::check_refused(file_of(header + "]}", 0), path, read_one, {"length of the header", "expected at most 4194304"});
}

TEST_CASE("a safetensors file has the bytes that the format says", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.safetensors");
  TensorFile file;
  file.tensors["b"] = {TensorType::u8, {3}, {1, 2, 3}};
  file.tensors["a"] = {TensorType::u8, {}, {4}};
  const float number = 0x1.0c0a08p+1f;  // 40 06 05 04, the last byte first in the file
  Bytes memory(4);
  std::memcpy(memory.data(), &number, 4);
  file.tensors["w"] = {TensorType::f32, {1, 1}, memory};
  file.metadata["k"] = "v";
  write_safetensors(path, file);
  std::string header =
      R"({"__metadata__":{"k":"v"},"w":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]},)"
      R"("a":{"dtype":"U8","shape":[],"data_offsets":[4,5]},"b":{"dtype":"U8","shape":[3],"data_offsets":[5,8]}})";
  while (header.size() % 8 != 0) header += ' ';
  Bytes expected = file_of(header, 0);
  expected.insert(expected.end(), {4, 5, 6, 0x40, 4, 1, 2, 3});
  CHECK(read_file(path) == expected);
  CHECK(read_safetensors(path).tensors.at("w").bytes == memory);
}

TEST_CASE("a safetensors file of any other length is refused, and with any byte changed is refused or read", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.safetensors");
  write_safetensors(path, example());
  const Bytes good = read_file(path);
  test::check_every_length(good, path, read_one);
  for (std::size_t length = 9; length < good.size(); ++length) {  // of a download that broke off, say
    test::check_refused(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length)), path, read_one,
                        {"the file is cut off"});
  }
  CHECK(test::check_every_byte(good, path, read_one) > good.size());
}

TEST_CASE("safetensors headers that lie are refused before memory is taken", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.safetensors");
  const auto refused = [&](const std::string& header, std::size_t bytes, const std::vector<std::string>& words) {
    INFO(header);
    test::check_refused(file_of(header, bytes), path, read_one, words);
  };
  const auto one = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return R"({"a":{"dtype":)" + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
  };
  const std::string f32 = "\"F32\"";

  test::check_refused(file_of("{}", 0, 1u << 30), path, read_one, {"length of the header is 1073741824"});
  test::check_refused(file_of("{}", 0, ~std::uint64_t{0}), path, read_one, {"length of the header"});
  refused("[]", 0, {"start of the header"});
  refused(" {}", 0, {"start of the header"});
  refused("{} {}", 0, {"not valid JSON"});
  refused("{}", 1, {"number of bytes of data is 1, expected 0"});
  refused(one(f32, "[2]", "[0,8]") + "x", 8, {"not valid JSON"});

  refused(one(f32, "[3000000000]", "[0,12000000000]"), 8,
          {"number of bytes of data is 8, expected 12000000000 or more, for tensor 'a': the file is cut off"});
  refused(one(f32, "[4611686018427387904,4]", "[0,0]"), 0, {"number of bytes of tensor 'a' is 0"});  // 2^66 bytes
  refused(one(f32, "[2]", "[0,4]"), 8, {"number of bytes of tensor 'a' is 4", "(2) of F32"});
  refused(one(f32, "[2]", "[8,0]"), 8, {"begin before end"});
  refused(one(f32, "[2]", "[4,12]"), 12, {"begin of tensor 'a' is 4, expected 0"});
  refused(one(f32, "[2]", "[0,8]"), 12, {"number of bytes of data is 12, expected 8"});
  refused(one(f32, "[-2]", "[0,8]"), 8, {"extent of tensor 'a' is '-2'"});
  refused(one(f32, "[2.0]", "[0,8]"), 8, {"extent of tensor 'a' is '2.0'"});
  refused(one(f32, "2", "[0,8]"), 8, {"shape of tensor 'a' is number"});
  refused(one(f32, "[2]", "[0,8,8]"), 8, {"data_offsets of tensor 'a'"});
  refused(one(f32, "[2]", "{}"), 8, {"data_offsets of tensor 'a'"});
  refused(one("\"\"", "[2]", "[0,8]"), 8, {"dtype of tensor 'a' is '\"\"', expected a name, such as F32"});
  refused(one("\"C64\"", "[2]", "[0,8]"), 8, {"number of bytes of tensor 'a' is 8, expected that of shape (2) of C64"});
  refused(one("\"F4\"", "[3]", "[0,1]"), 1, {"number of bytes of tensor 'a' is 1, expected that of shape (3) of F4"});
  refused(one("\"F4\"", "[4611686018427387904,2]", "[0,0]"), 0, {"number of bytes of tensor 'a' is 0"});
  refused(one("7", "[2]", "[0,8]"), 8, {"dtype of tensor 'a'"});
  refused(R"({"a":{"dtype":"F32","shape":[2]}})", 8, {"number of keys of tensor 'a' is 2"});
  refused(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}})", 8, {"key in tensor 'a' is 'x'"});
  refused(R"({"a":3})", 0, {"tensor 'a' is number, expected an object"});
  refused(R"({"__metadata__":{"a":3}})", 0, {"__metadata__ 'a' is number, expected a string"});
  refused(R"({"__metadata__":[]})", 0, {"__metadata__ is array, expected an object"});

  const std::string entry = R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})";
  refused(R"({"a":)" + entry + R"(,"a":)" + entry + "}", 8, {"key 'a' is there twice"});
  refused(R"({"a":)" + entry + R"(,"b":)" + entry + "}", 8, {"begin of tensor 'b' is 0, expected 8"});
  std::string deep = "{\"a\":";
  for (int i = 0; i < 10'000; ++i) deep += "[";
  refused(deep, 0, {"depth of the JSON"});
}

TEST_CASE("the scanner of a header takes the texts that the JSON library takes, and no others", "[io]") {
  const auto accepts = [](const std::string& text) {
    try {
      detail::JsonScanner::check(text, "text", 4);
    } catch (const FileError&) {
      return false;
    }
    return true;
  };
  for (const std::string text :
       {R"({})", R"([])", R"( [ ] )", "\t\r\n{ \"a\" :\n1 , \"b\" : [ true , false , null ] }", R"("")", R"(-0)",
        R"(0.5e-3)", R"(1E+9)", R"(10)", R"("\"\\\/\b\f\n\r\t\u00e9\u20AC\ud83d\uDE00")", "\"\xf0\x9f\x98\x80 \x7f\"",
        R"([[[[1]]]])"}) {
    INFO(text);
    CHECK(Json::accept(text));
    CHECK(accepts(text));
  }
  for (const std::string text : {"",
                                 " ",
                                 "{",
                                 "[",
                                 "]",
                                 "\"",
                                 "{,}",
                                 "[,]",
                                 "[1,]",
                                 "[1 2]",
                                 "{1:2}",
                                 "{\"a\"}",
                                 "{\"a\":}",
                                 "{\"a\":1,}",
                                 "{\"a\" 1}",
                                 "01",
                                 "-",
                                 "+1",
                                 ".5",
                                 "1.",
                                 "1e",
                                 "1e+",
                                 "0x1",
                                 "NaN",
                                 "tru",
                                 "nul",
                                 "nulL",
                                 "truee",
                                 "1 1",
                                 "\"\\\"",
                                 "\"\\x\"",
                                 "\"\\u12g4\"",
                                 "\"\\u123\"",
                                 "\"\\ud800\"",
                                 "\"\\ud800x\"",
                                 "\"\\ud800\\n\"",
                                 "\"\\ud800\\u0041\"",
                                 "\"\\udc00\"",
                                 "\"\x1f\"",
                                 "\"\n\"",
                                 "\"\xff\"",
                                 "\"\xc3\"",
                                 "\"\xed\xa0\x80\"",
                                 "\"\xc0\x80\"",
                                 "'a'",
                                 "/**/1",
                                 "1//",
                                 "\f1"}) {
    INFO(text);
    CHECK_FALSE(Json::accept(text));
    CHECK_FALSE(accepts(text));
  }
  CHECK_FALSE(accepts(std::string("1\0", 2)));
  CHECK(accepts("[[[[[]]]]]"));
  CHECK_FALSE(accepts("[[[[[1]]]]]"));
  CHECK_FALSE(accepts(R"({"a":1,"\u0061":2})"));
  CHECK(accepts(R"([{"a":1},{"a":2}])"));
  CHECK_THROWS_WITH(detail::JsonScanner::check("[1;", "text", 4), "text: not valid JSON: byte 2 is ';', expected ','");
  CHECK_THROWS_WITH(detail::JsonScanner::check("[1", "text", 4),
                    "text: not valid JSON: byte 2 is after the end, expected ','");
}

TEST_CASE("strings of a header mean what the JSON library means", "[io]") {
  std::string all;
  for (int code = 0; code < 0x80; ++code) all += static_cast<char>(code);
  all += "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80";
  CHECK(detail::json_string(all, "text") == Json(all).dump());
  CHECK(detail::JsonScanner(Json(all).dump(), "text").string() == all);
  CHECK(detail::JsonScanner(Json(all).dump(-1, ' ', true), "text").string() == all);  // every other character escaped
  for (const std::string wrong : {"\xff", "a\xc3", "\xed\xa0\x80", "\xf4\x90\x80\x80"}) {
    CHECK_THROWS_WITH(detail::json_string(wrong, "text"), Catch::StartsWith("text: cannot be written as JSON"));
  }
}

TEST_CASE("a safetensors file that cannot be read again is not written", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.safetensors");
  CHECK_THROWS_WITH(write_safetensors(path, {{{"a", {TensorType::f32, {2}, Bytes(7)}}}, {}}),
                    "number of bytes of tensor 'a' is 7, expected that of shape (2) of F32");
  const auto other = [&](TensorType type, const std::string& name) {
    write_safetensors(path, {{{"a", {type, {1}, Bytes(8), name}}}, {}});
  };
  const std::string wanted = ", expected the name of a type for TensorType::other, and empty for all others";
  CHECK_THROWS_WITH(other(TensorType::other, ""), "other_type of tensor 'a' is ''" + wanted);
  CHECK_THROWS_WITH(other(TensorType::other, "F64"), "other_type of tensor 'a' is 'F64'" + wanted);
  CHECK_THROWS_WITH(other(TensorType::f64, "C64"), "other_type of tensor 'a' is 'C64'" + wanted);
  CHECK_THROWS_WITH(other(TensorType::other, "F4"),
                    "number of bytes of tensor 'a' is 8, expected that of shape (1) of F4");
  CHECK_THROWS_AS(write_safetensors(path, {{{"__metadata__", {TensorType::u8, {0}, {}}}}, {}}), std::invalid_argument);
  CHECK_THROWS_AS(write_safetensors(path, {{{"\xff", {TensorType::u8, {0}, {}}}}, {}}), FileError);
  CHECK(folder.entries() == 0);
}
