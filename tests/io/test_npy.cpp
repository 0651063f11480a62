// Under the address sanitizer gcc 12 takes std::regex, which xtensor's reader uses, for uninitialised.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <regex>
#pragma GCC diagnostic pop
#endif

#include <catch2/catch.hpp>
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
  CHECK_THROWS_WITH(write_npy(path, state, 6), "rank of an NPY file of a state is 6, expected 2 to 5");
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
  refused("<f4", "(0, 9223372036854775807)", 0, {"(0, 9223372036854775807)", "at least one number"});
  refused("<f4", "(99999999999999999999, 1)", 4, {"extent in the header", "whole number"});
  refused("<f4", "(-1, 1)", 4, {"extent in the header", "whole number"});
  refused("<f4", "(6)", 24, {"shape in the header"});
  refused("<f4", "(6,)", 24, {"rank of the array is 1, expected 2 to 5"});
  refused("<f4", "(1, 1, 1, 1, 1, 6)", 24, {"rank of the array is 6"});
  refused("<f8", "(2, 3)", 48, {"type of the numbers is '<f8', expected '<f4'"});
  refused(">f4", "(2, 3)", 24, {"type of the numbers is '>f4'"});
  refused("|O", "(2, 3)", 24, {"type of the numbers is '|O'"});
  for (const std::string bad : {"{}", "", "{'descr': '<f4', 'shape': (2, 3), }", "{'descr': '<f4', 'descr': '<f4'}",
                                "{'x': '<f4'}", "{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 3), }",
                                "{'descr': '<f4', 'fortran_order': False, 'shape': (2,",
                                "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)} x"}) {
    INFO(bad);
    test::check_refused(npy(bad, 24), path, read_one, {"header"});
  }
  test::check_refused(test::bytes_of("\x93NUMPY\x01"), path, read_one, {"start of the file"});
}
