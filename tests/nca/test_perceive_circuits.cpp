// A perception of circuits: what it sees, against gates one by one, and its derivatives.

#include "basin/nca/perceive_circuits.hpp"

#include <catch2/catch.hpp>

#include "basin/logic/soft_circuit.hpp"
#include "basin/nca/automaton.hpp"
#include "basin/nca/rollout.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

template <class Edge>
using See = PerceiveCircuits<2, Edge, 3, 4, 2>;
template <class Edge>
using Rule = SoftCircuit<See<Edge>::seen_features, 8, 4, 2>;
template <class Edge, class Fire = EveryCell>
using Logic = Automaton<See<Edge>, Rule<Edge>, Fire, Everywhere, Replace>;

static_assert(See<Zero>::seen_features == 2 + 2 * 2 * 3 && See<Zero>::param_count == 16 * 3 * 14);
static_assert(Cell<Logic<Zero>> && Cell<Logic<Periodic>, double>);

}  // namespace

TEST_CASE("an automaton of circuits has the right derivatives", "[gradient][logic]") {
  check_cell(Logic<Zero, RandomFire>{}, {0, {6, 7, 1}, 2});
  check_cell(Logic<Periodic>{}, {0, {1, 3, 1}, 1});
}
