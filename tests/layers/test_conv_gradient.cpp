// The derivatives of convolutions (basin/layers/conv.hpp) against central differences.

#include <catch2/catch.hpp>

#include "basin/layers/conv.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using test::check_linearization;

TEST_CASE("derivatives of convolutions", "[gradient][conv]") {
  check_linearization(Conv<2, 3, 3>(), {2, {4, 5, 1}, 2});
  check_linearization(Conv<3, 2, 3, 2, Periodic>(), {3, {5, 4, 1}, 2});
  check_linearization(Conv<1, 5, 5, 1, Reflect, Bias::no>(), {1, {4, 3, 1}, 2});
  check_linearization(Conv<2, 2, 3, 3, Replicate>(), {2, {7, 5, 1}, 1});
}
