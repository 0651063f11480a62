#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>
#include <string>

#include "basin/basin.hpp"

#ifndef BASIN_PROJECT_VERSION
#error "tests/CMakeLists.txt hands on the version of the project as BASIN_PROJECT_VERSION"
#endif

using namespace basin;

TEST_CASE("the version has the same numbers in the text, as constants, and in CMake", "[unit]") {
  const std::string numbers =
      std::to_string(version_major) + "." + std::to_string(version_minor) + "." + std::to_string(version_patch);
  CHECK(numbers == version_text);
  CHECK(version_text == BASIN_PROJECT_VERSION);  // of the project, as tests/CMakeLists.txt hands it on
}

TEST_CASE("what is cited has the version", "[unit]") {
  std::ifstream file("CITATION.cff");  // ctest runs in the project's folder
  REQUIRE(file);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  CHECK_THAT(text, Catch::Contains("version: " + std::string(version_text) + "\n"));
}
