#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "basin/io/json.hpp"
#include "hostile.hpp"
#include "support/counting_allocator.hpp"

using namespace basin;

TEST_CASE("JSON comes back as it was written", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.json");
  const Json value{{"rate", 0.1}, {"tiny", 5e-324}, {"epochs", 10}, {"names", {"a", "\u00e4"}}, {"none", nullptr}};
  write_json(path, value);
  CHECK(read_json(path) == value);
  write_json(path, OrderedJson{{"z", 1}, {"a", 2}});
  CHECK(read_file(path) == test::bytes_of("{\n  \"z\": 1,\n  \"a\": 2\n}\n"));
  write_json(path, Json{{"loss", std::numeric_limits<double>::quiet_NaN()}});
  CHECK(read_json(path)["loss"].is_null());
  CHECK_THROWS_AS(write_json(path, Json("\xff")), FileError);
}

TEST_CASE("what is not JSON is refused with its place", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.json");
  const auto read_one = [](const std::string& p) { return read_json(p); };
  test::check_refused(test::bytes_of("{\n  \"a\": 1,\n  \"b\": ?\n}"), path, read_one,
                      {"not valid JSON", "line 3, column 8"});
  test::check_refused(test::bytes_of("{\"a\": 1, \"b\": {\"a\": 1, \"a\": 2}}"), path, read_one,
                      {"key 'a' is there twice"});
  test::check_refused(test::bytes_of("{\"a\": 1} 2"), path, read_one, {"not valid JSON"});
  test::check_refused(test::bytes_of("[1e999]"), path, read_one, {"not valid JSON"});
  test::check_refused(test::bytes_of("[NaN]"), path, read_one, {"not valid JSON"});
  test::check_refused(test::bytes_of("[\"\xff\"]"), path, read_one, {"not valid JSON"});
  test::check_refused(test::bytes_of(""), path, read_one, {"not valid JSON"});
  for (const std::string opening : {"[", "{\"a\":"}) {
    std::string deep;
    for (int i = 0; i < 100'000; ++i) deep += opening;
    test::check_refused(test::bytes_of(deep), path, read_one, {"depth of the JSON is 65, expected at most 64"});
  }
  test::check_every_length(test::bytes_of("{\"a\": [1, 2.5, \"x\", true, null]}"), path, read_one);
  test::check_every_byte(test::bytes_of("{\"a\": [1, 2.5, \"x\", true, null]}"), path, read_one);
}

TEST_CASE("unknown keys of settings are named, with the known ones", "[io]") {
  const Json settings{{"epochs", 3}, {"rat", 0.1}};
  CHECK_NOTHROW(check_keys(settings, {"epochs", "rat"}, "s.json", "settings"));
  CHECK_THROWS_WITH(check_keys(settings, {"epochs", "rate"}, "s.json", "settings"),
                    "s.json: key in settings is 'rat', expected one of: epochs, rate");
  CHECK_THROWS_WITH(check_keys(Json(3), {"epochs"}, "s.json", "settings"),
                    "s.json: settings is number, expected an object");
}

TEST_CASE("what is said of a JSON file is short and printable, whatever is in it", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.json");
  const auto message = [&](const std::string& text) {
    write_file(path, text);
    try {
      static_cast<void>(check_keys(read_json(path), {"known"}, path, "settings"));
    } catch (const FileError& error) {
      return std::string(error.what()).substr(path.size());
    }
    return std::string();
  };
  const std::string much(200'000, 'x'), raw = "\x1b[31m\x01\xff\xfe\xc2\x80";
  for (const std::string& text :
       {"[" + much, "[\"" + much, "{\"" + much + "\": 1}", "{\"" + much + "\": 1, \"" + much + "\": 1}", "[\"" + raw,
        "[" + raw, std::string("{\"\\u001b[31m\\u0000\\u0085\": 1}")}) {
    const std::string said = message(text);
    INFO(said);
    CHECK(!said.empty());
    CHECK(said.size() < 500);
    CHECK(std::all_of(said.begin(), said.end(), [](char c) { return c >= ' ' && c <= '~'; }));
  }
  CHECK(message("{\"\\u001b[31m\\n\": 1}") == ": key in settings is '\\x1b[31m\\n', expected one of: known");
}

TEST_CASE("a JSON file takes forty times its size at most, and 1 MiB is the most by default", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.json");
  const auto list_of = [](const std::string& item, std::size_t bytes) {
    std::string text = "[" + item;
    while (text.size() + item.size() + 2 <= bytes) text += "," + item;
    return text + "]";
  };
  write_file(path, list_of("1", (1 << 20) + 1));
  CHECK_THROWS_WITH(read_json(path), Catch::Contains("size in bytes is 1048577, expected at most 1048576"));
  CHECK_NOTHROW(read_json(path, (1 << 20) + 1));
  if (!basin_test::counts_allocations()) return;
  const std::size_t size = std::size_t{1} << 17;  // containers grow by factors, so that any size will do
  for (const std::string item : {"{}", "[]", "1", "\"\"", "{\"\":{}}", "[[[[]]]]"}) {
    INFO(item);
    write_file(path, list_of(item, size));
    const std::size_t before = basin_test::live_bytes();
    basin_test::reset_peak();
    CHECK_NOTHROW(read_json(path));
    CHECK(basin_test::peak_bytes() - before < size * 41);
  }
}
