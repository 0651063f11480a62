#include <catch2/catch.hpp>
#include <string>

#include "basin/basin.hpp"

using namespace basin;

TEST_CASE("the version has the same numbers in the text, as constants, and in CMake", "[unit]") {
  const std::string numbers =
      std::to_string(version_major) + "." + std::to_string(version_minor) + "." + std::to_string(version_patch);
  CHECK(numbers == version_text);
  CHECK(version_text == BASIN_PROJECT_VERSION);  // of the project, as tests/CMakeLists.txt hands it on
}
