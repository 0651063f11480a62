// A circuit whose gates are learned: what it answers, its derivatives, and what becomes of it when it is hard.

#include "basin/logic/soft_circuit.hpp"

#include <catch2/catch.hpp>

#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

using Small = SoftCircuit<5, 4, 6, 3>;
static_assert(Layer<Small> && Layer<Small, double>);
static_assert(Small::param_count == 16 * 13);

}  // namespace

TEST_CASE("a soft circuit has the right derivatives", "[gradient][logic]") {
  check_linearization(Small(3), Shape{5, {7, 5, 1}, 2});  // 70 cells: two full rows and a rest
}
