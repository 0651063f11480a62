// Under the address sanitizer gcc 12 takes std::regex, which xtensor's reader uses, for uninitialised.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <regex>
#pragma GCC diagnostic pop
#endif

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <sstream>

#if __has_include(<xtensor/containers/xarray.hpp>)
#include <xtensor/containers/xarray.hpp>
#include <xtensor/io/xnpy.hpp>
#else
#include <xtensor/xarray.hpp>
#include <xtensor/xnpy.hpp>
#endif

#include "basin/io/npy.hpp"
#include "hostile.hpp"

using namespace basin;
using test::Bytes;

namespace {

/// A version 1 file with this dictionary and that many bytes of data.
Bytes npy(const std::string& dictionary, std::size_t data_bytes) {
  Bytes file = test::bytes_of("\x93NUMPY");
  file.insert(file.end(), {1, 0, static_cast<std::uint8_t>(dictionary.size() % 256),
                           static_cast<std::uint8_t>(dictionary.size() / 256)});
  file.insert(file.end(), dictionary.begin(), dictionary.end());
  file.resize(file.size() + data_bytes);
  return file;
}

const auto read_one = [](const std::string& path) { return read_npy<float>(path); };

}  // namespace

TEST_CASE("xtensor's reader finds in our NPY files what the state holds", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.npy");
  State<double> state(Shape{3, {4, 5, 1}, 2});
  for (Index i = 0; i < state.shape.size(); ++i) state.values[i] = 0.5 * static_cast<double>(i);
  write_npy(path, state, 4);
  const xt::xarray<double> array = xt::load_npy<double>(path);
  REQUIRE(array.dimension() == 4);
  CHECK(array.shape() == xt::xarray<double>::shape_type{2, 5, 4, 3});
  CHECK(array(1, 2, 3, 0) == state.view().sample(1).matrix()(0, 3 + 4 * 2));

  const State<double> back = read_npy<double>(path);
  CHECK(back.shape == state.shape);
  CHECK(back.values == state.values);

  write_npy(path, state.view(), 5);
  CHECK(read_npy<double>(path).shape == state.shape);
  CHECK_THROWS_AS(write_npy(path, state, 3), std::invalid_argument);
  CHECK_THROWS_WITH(write_npy(path, state, 6), "rank of an NPY file of a state is 6, expected 0 to 5");
  CHECK_THROWS_AS(write_npy(path, state, 1), std::invalid_argument);
}

TEST_CASE("a trajectory is an NPY file of one state after another", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.npy");
  std::vector<State<double>> states;
  for (int t = 0; t < 3; ++t) {
    states.emplace_back(Shape{2, {4, 5, 1}, 1});
    states.back().values.setConstant(t);
  }
  write_npy(path, states, 4);
  const xt::xarray<double> array = xt::load_npy<double>(path);
  CHECK(array.shape() == xt::xarray<double>::shape_type{3, 5, 4, 2});
  CHECK(array(0, 4, 3, 1) == 0);
  CHECK(array(2, 0, 0, 0) == 2);
  states.emplace_back(Shape{2, {5, 4, 1}, 1});
  CHECK_THROWS_WITH(write_npy(path, states, 4),
                    "shape of a state of a trajectory is (2, 5, 4, 1, 1), expected (2, 4, 5, 1, 1)");
  write_npy(path, std::vector<State<double>>(), 4);
  CHECK(read_npy<double>(path).shape.samples == 0);
}

TEST_CASE("NPY files that xtensor wrote are read, in C and in Fortran order", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.npy");
  xt::xarray<float, xt::layout_type::row_major> rows(std::vector<std::size_t>{2, 3, 4});
  for (std::size_t i = 0; i < rows.size(); ++i) rows.data()[i] = static_cast<float>(i);
  const xt::xarray<float, xt::layout_type::column_major> columns = rows;
  const auto expected = [&](const State<float>& state) {
    CHECK(state.shape == Shape{4, {3, 1, 1}, 2});
    for (Index i = 0; i < 24; ++i) CHECK(state.values[i] == static_cast<float>(i));
  };
  xt::dump_npy(path, rows);
  expected(read_npy<float>(path));
  xt::dump_npy(path, columns);
  const Bytes file = read_file(path);
  REQUIRE_THAT(std::string(file.begin(), file.end()), Catch::Contains("'fortran_order': True"));
  expected(read_npy<float>(path));
}

TEST_CASE("NPY headers as NumPy and others write them are read", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.npy");
  const std::string usual = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
  // Other order of keys, no spaces, a trailing comma or none, and a header of more than 127 bytes.
  for (const std::string& dictionary : {usual, std::string("{'shape':(2,3),'fortran_order':False,'descr':'<f4'}\n"),
                                        std::string("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3,)}  \n"),
                                        usual + std::string(130, ' ') + "\n"}) {
    write_file(path, npy(dictionary, 24));
    CHECK(read_npy<float>(path).shape == Shape{3, {1, 1, 1}, 2});
  }
  Bytes second = test::bytes_of("\x93NUMPY");
  second.insert(second.end(), {2, 0, static_cast<std::uint8_t>(usual.size()), 0, 0, 0});
  second.insert(second.end(), usual.begin(), usual.end());
  second.resize(second.size() + 24);
  write_file(path, second);
  CHECK(read_npy<float>(path).shape == Shape{3, {1, 1, 1}, 2});
  // Longer than a byte can say.
  Bytes wide = npy("{'descr': '|u1', 'fortran_order': False, 'shape': (1, 1, 1)}" + std::string(1000, ' ') + "\n", 1);
  wide.back() = 7;
  write_file(folder.file("wide.npy"), wide);
  CHECK(read_npy<float>(folder.file("wide.npy")).values[0] == 7);
}

TEST_CASE("NPY headers with tabs, either quotes and the long integers of Python 2 are read, in all versions", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.npy");
  for (const std::string& dictionary :
       {std::string("{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L), }"),
        std::string("{\"descr\":\t\"<f4\",\t\"fortran_order\": False, 'shape': (2,\t3)}\t\r\n"),
        std::string("\t{ 'shape' : ( 2L , 3 , ) , 'fortran_order' : False , 'descr' : '=f4' } \n"),
        std::string("{'descr': 'f4', 'fortran_order': False, 'shape': (2, 3)}")}) {
    INFO(dictionary);
    for (const std::uint8_t version : {std::uint8_t{1}, std::uint8_t{2}, std::uint8_t{3}}) {
      Bytes file = test::bytes_of("\x93NUMPY");
      file.insert(file.end(), {version, 0, static_cast<std::uint8_t>(dictionary.size()), 0});
      if (version > 1) file.insert(file.end(), {0, 0});
      file.insert(file.end(), dictionary.begin(), dictionary.end());
      file.resize(file.size() + 24);
      write_file(path, file);
      CHECK(read_npy<float>(path).shape == Shape{3, {1, 1, 1}, 2});
    }
  }
}

TEST_CASE("NPY arrays of rank 0 and 1, and those without numbers, are states", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.npy");
  const auto read = [&](const std::string& shape, const Bytes& data) {
    Bytes file = npy("{'descr': '|u1', 'fortran_order': True, 'shape': " + shape + ", }", 0);
    file.insert(file.end(), data.begin(), data.end());
    write_file(path, file);
    return read_npy<float>(path);
  };
  CHECK(read("()", {7}).shape == Shape{1, {1, 1, 1}, 1});
  CHECK(read("()", {7}).values[0] == 7);
  CHECK(read("(3,)", {1, 2, 3}).shape == Shape{1, {1, 1, 1}, 3});
  CHECK(read("(3,)", {1, 2, 3}).values == Vector<float>{{1, 2, 3}});
  CHECK(read("(0,)", {}).shape == Shape{1, {1, 1, 1}, 0});
  CHECK(read("(0, 28, 28, 1)", {}).shape == Shape{1, {28, 28, 1}, 0});
  CHECK(read("(2, 0)", {}).shape == Shape{0, {1, 1, 1}, 2});

  State<float> labels(Shape{1, {1, 1, 1}, 4});
  labels.values << 1, 2, 3, 4;
  write_npy(path, labels, 1);
  CHECK(xt::load_npy<float>(path).shape() == xt::xarray<float>::shape_type{4});
  CHECK(read_npy<float>(path).values == labels.values);
  CHECK_THROWS_WITH(write_npy(path, labels, 0),
                    "extent of an axis that an NPY file of rank 0 leaves out is 4, expected 1");
  const State<float> one(Shape{1, {1, 1, 1}, 1});
  write_npy(path, one, 0);
  CHECK(xt::load_npy<float>(path).dimension() == 0);
  CHECK(read_npy<float>(path).shape == one.shape);
}

namespace {

/// Reads three numbers of a type from their bytes.
template <class S>
std::vector<S> numbers(const std::string& path, const std::string& type, const Bytes& data) {
  Bytes file = npy("{'descr': '" + type + "', 'fortran_order': False, 'shape': (3,), }", 0);
  file.insert(file.end(), data.begin(), data.end());
  write_file(path, file);
  const State<S> state = read_npy<S>(path);
  return {state.values.data(), state.values.data() + state.values.size()};
}

template <class T>
Bytes raw(const std::vector<T>& values, bool swapped = false) {
  Bytes out;
  for (const T value : values) {
    Bytes bytes(sizeof(T));
    std::memcpy(bytes.data(), &value, sizeof(T));
    if (swapped) std::reverse(bytes.begin(), bytes.end());
    out.insert(out.end(), bytes.begin(), bytes.end());
  }
  return out;
}

}  // namespace

TEST_CASE("NPY numbers of every type and byte order are read", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.npy");
  using Doubles = std::vector<double>;
  CHECK(numbers<double>(path, "|b1", {0, 1, 1}) == Doubles{0, 1, 1});
  CHECK(numbers<double>(path, "?", {0, 1, 2}) == Doubles{0, 1, 1});
  CHECK(numbers<double>(path, "|i1", {0, 127, 128}) == Doubles{0, 127, -128});
  CHECK(numbers<double>(path, "|u1", {0, 127, 255}) == Doubles{0, 127, 255});
  const auto both = [&](const std::string& type, const auto& values) {
    const Doubles expected(values.begin(), values.end());
    CHECK(numbers<double>(path, "<" + type, raw(values)) == expected);
    CHECK(numbers<double>(path, ">" + type, raw(values, true)) == expected);
  };
  both("i2", std::vector<std::int16_t>{0, -2, 32767});
  both("u2", std::vector<std::uint16_t>{0, 258, 65535});
  both("i4", std::vector<std::int32_t>{1, -2, 2147483647});
  both("u4", std::vector<std::uint32_t>{1, 66051, 4294967295u});
  both("i8", std::vector<std::int64_t>{1, -3, std::int64_t{1} << 52});
  both("u8", std::vector<std::uint64_t>{1, 3, std::uint64_t{1} << 63});
  both("f4", std::vector<float>{1.5f, -0.1f, 3e38f});
  both("f8", std::vector<double>{1.5, -0.1, 1e300});

  // IEEE 754 binary16: 1, -2, 65504; the smallest, the largest subnormal, the smallest normal.
  CHECK(numbers<double>(path, "<f2", raw<std::uint16_t>({0x3c00, 0xc000, 0x7bff})) == Doubles{1, -2, 65504});
  CHECK(numbers<double>(path, ">f2", raw<std::uint16_t>({0x0001, 0x03ff, 0x0400}, true)) ==
        Doubles{std::ldexp(1.0, -24), std::ldexp(1023.0, -24), std::ldexp(1.0, -14)});
  const auto special = numbers<float>(path, "<f2", raw<std::uint16_t>({0x7c00, 0xfc00, 0x7e00}));
  CHECK(special[0] == std::numeric_limits<float>::infinity());
  CHECK(special[1] == -special[0]);
  CHECK(std::isnan(special[2]));
}

TEST_CASE("NPY numbers are converted to what the state has, exactly or to the nearest, or else refused", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.npy");
  constexpr double largest = std::numeric_limits<float>::max();
  CHECK(numbers<float>(path, "<f8", raw<double>({0.1, -largest, 1e-300})) ==
        std::vector<float>{0.1f, float(-largest), 0});
  CHECK(numbers<float>(path, "<i8", raw<std::int64_t>({16777217, 16777219, -1})) ==
        std::vector<float>{16777216, 16777220, -1});
  const auto infinite = numbers<float>(
      path, "<f8", raw<double>({std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN(), 0}));
  CHECK(std::isinf(infinite[0]));
  CHECK(std::isnan(infinite[1]));
  CHECK(numbers<std::uint8_t>(path, "<f4", raw<float>({0, 3, 255})) == std::vector<std::uint8_t>{0, 3, 255});
  CHECK(numbers<std::int64_t>(path, "<f8", raw<double>({-0x1p63, 0x1p53, -0.0})) ==
        std::vector<std::int64_t>{std::numeric_limits<std::int64_t>::min(), std::int64_t{1} << 53, 0});
  CHECK(numbers<std::int8_t>(path, "<u8", raw<std::uint64_t>({0, 1, 127})) == std::vector<std::int8_t>{0, 1, 127});

  const auto refused = [&]<class S>(S, const std::string& type, const Bytes& data, const std::string& words) {
    CHECK_THROWS_WITH(numbers<S>(path, type, data), path + ": " + words);
  };
  refused(float{}, "<f8", raw<double>({0, 1e39, 0}),
          "number 1 of the array is 1e+39, expected a number of at most 3.40282e+38 in magnitude");
  refused(std::uint8_t{}, "|i1", {0, 0, 255}, "number 2 of the array is -1, expected a whole number from 0 to 255");
  refused(std::uint8_t{}, "<f4", raw<float>({0.5f, 0, 0}),
          "number 0 of the array is 0.5, expected a whole number from 0 to 255");
  refused(std::int8_t{}, "<u2", raw<std::uint16_t>({1, 128, 0}),
          "number 1 of the array is 128, expected a whole number from -128 to 127");
  refused(int{}, "<f8", raw<double>({0, std::numeric_limits<double>::quiet_NaN(), 0}),
          "number 1 of the array is nan, expected a whole number from -2147483648 to 2147483647");
  refused(
      std::int64_t{}, "<f8", raw<double>({0x1p63, 0, 0}),
      "number 0 of the array is 9.22337e+18, expected a whole number from -9223372036854775808 to 9223372036854775807");
}

TEST_CASE("an NPY file takes no more memory than its argument says", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.npy");
  write_file(path, npy("{'descr': '|u1', 'fortran_order': False, 'shape': (1000, 1), }", 1000));
  CHECK_NOTHROW(read_npy<double>(path, 8000));
  CHECK_THROWS_WITH(read_npy<double>(path, 7999),
                    path + ": shape in the header is (1000, 1), expected at most 7999 bytes of numbers");
  CHECK_THROWS_WITH(read_npy<std::uint8_t>(path, 1000), Catch::Contains("size in bytes"));
}

TEST_CASE("an NPY file of any other length is refused, and one with any byte changed is refused or read", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.npy");
  State<float> state(Shape{3, {2, 1, 1}, 2});
  write_npy(path, state, 3);
  const Bytes good = read_file(path);
  test::check_every_length(good, path, read_one);
  test::check_every_byte(good, path, read_one);
}

TEST_CASE("NPY headers that lie are refused before memory is taken", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.npy");
  const auto refused = [&](const std::string& type, const std::string& shape, std::size_t bytes,
                           const std::vector<std::string>& words) {
    test::check_refused(npy("{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }", bytes), path,
                        read_one, words);
  };
  refused("<f4", "(1000000000, 3)", 24, {"number of bytes after the header is 24", "(1000000000, 3)"});
  refused("<f4", "(4611686018427387904, 4)", 0, {"number of bytes after the header is 0"});  // 2^66 bytes
  refused("<f4", "(0, 9223372036854775807)", 0, {"(0, 9223372036854775807)", "at most 1073741824 bytes of numbers"});
  refused("<f4", "(99999999999999999999, 1)", 4, {"extent in the header", "whole number"});
  refused("<f4", "(-1, 1)", 4, {"extent in the header", "whole number"});
  refused("<f4", "(6)", 24, {"shape in the header"});
  refused("<f4", "(1, 1, 1, 1, 1, 6)", 24, {"rank of the array is 6"});
  for (const std::string type : {"|O", "<c8", "<f16", "|S4", "<U2", "<M8[s]", "|V4", "<i3", "<", "", "b2", "f1"}) {
    refused(type, "(2, 3)", 24, {"type of the numbers is '" + type + "', expected truth values (b1), integers"});
  }
  test::check_refused(npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (6,), }", 24), path, read_one,
                      {"type of the numbers is a structure of several, expected one for all"});
  for (const std::string bad : {"{}", "", "{'descr': '<f4', 'shape': (2, 3), }", "{'descr': '<f4', 'descr': '<f4'}",
                                "{'x': '<f4'}", "{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 3), }",
                                "{'descr': '<f4', 'fortran_order': False, 'shape': (2,",
                                "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)} x"}) {
    INFO(bad);
    test::check_refused(npy(bad, 24), path, read_one, {"header"});
  }
  test::check_refused(test::bytes_of("\x93NUMPY\x01"), path, read_one, {"start of the file"});
}
