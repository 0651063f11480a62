// The derivatives of dense layers (basin/layers/dense.hpp) against central differences.

#include <catch2/catch.hpp>

#include "basin/layers/dense.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using test::check_linearization;

TEST_CASE("derivatives of dense layers", "[gradient][dense]") {
  check_linearization(Dense<7, 5>(), {7, {1, 1, 1}, 3});
  check_linearization(Dense<3, 4, Bias::no>(), {3, {3, 2, 2}, 2});
}
