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

TEST_CASE("what is cited and what is packaged have the version", "[unit]") {
  const auto says = [](const std::string& name, const std::string& line) {
    std::ifstream file(name);  // ctest runs in the project's folder
    REQUIRE(file);
    CHECK_THAT(std::string(std::istreambuf_iterator<char>(file), {}), Catch::Contains(line));
  };
  const std::string version(version_text);
  says("CITATION.cff", "version: " + version + "\n");
  says(".packaging/vcpkg/basin/vcpkg.json", "\"version-semver\": \"" + version + "\"");
  says(".packaging/debian/changelog", "(" + version);
}
