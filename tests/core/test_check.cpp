#include "basin/core/check.hpp"

#include <catch2/catch.hpp>

#include "basin/core/state.hpp"

using namespace basin;

TEST_CASE("check throws only if it does not hold", "[unit][check]") {
  CHECK_NOTHROW(check(true, "thing", 1, 2));
  CHECK_THROWS_AS(check(false, "thing", 1, 2), std::invalid_argument);
}

TEST_CASE("check names the thing, the value and what was expected", "[unit][check]") {
  CHECK_THROWS_WITH(check(false, "width", 3, 4), "width is 3, expected 4");
  CHECK_THROWS_WITH(check(false, "width", Index{-1}, "0 or more"), "width is -1, expected 0 or more");
  CHECK_THROWS_WITH(check(false, "file", std::string("a.npy"), std::string_view("b.npy")),
                    "file is a.npy, expected b.npy");
  CHECK_THROWS_WITH(check(false, "shape", Shape{1, {2, 3, 4}, 5}, Shape{6, {7, 8, 9}, 10}),
                    "shape is (1, 2, 3, 4, 5), expected (6, 7, 8, 9, 10)");
  CHECK_THROWS_WITH(check(false, "share", 0.25, 1.0f), "share is 0.25, expected 1");
  // A small number is not printed as zero.
  CHECK_THROWS_WITH(check(false, "tolerance", -1e-9, "0 or more"), "tolerance is -1e-09, expected 0 or more");
}
