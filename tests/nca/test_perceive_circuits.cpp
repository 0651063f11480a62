// A perception of circuits: its derivatives, and the same bits on any number of threads.

#include "basin/nca/perceive_circuits.hpp"

#include <catch2/catch.hpp>

#include "basin/logic/soft_circuit.hpp"
#include "basin/nca/automaton.hpp"
#include "basin/nca/rollout.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

using See = PerceiveCircuits<2, Zero, 3, 4, 2>;
using Logic = Automaton<See, SoftCircuit<See::seen_features, 8, 4, 2>, RandomFire, Everywhere, Replace>;

static_assert(See::seen_features == 2 + 2 * 2 * 3 && See::param_count == 16 * 3 * 14);

}  // namespace

TEST_CASE("an automaton of circuits has the right derivatives", "[gradient][logic]") {
  check_cell(Logic{}, {0, {6, 7, 1}, 2});
}

TEST_CASE("a soft automaton has the same bits on any number of threads, and alone as in a batch",
          "[repeatable][logic]") {
  using R = Rollout<Logic, Kept>;
  const R rollout{.steps = 2};
  const auto theta = random_parameters<R, float>(1, 1.0);
  const Shape shape{2, {160, 110, 1}, 2};  // two bands each
  const auto z = random_state<float>(shape, 2, 0.5), w = random_state<float>(shape, 3);
  const auto on = [&](int count, Index first, Index samples) {
    set_threads(count);
    State<float> end(shape.with_samples(samples)), dz(end.shape);
    Parameters<R, float> dtheta;
    static_cast<void>(
        rollout.linearize(theta.span(), z.view().samples(first, samples), end.view(), {.first_sample = first})
            .pullback(w.view().samples(first, samples), dz.view(), dtheta.span()));
    set_threads(0);
    Vector<float> all(end.values.size() + dz.values.size() + dtheta.vector().size());
    all << end.values, dz.values, dtheta.vector();
    return all;
  };
  const Vector<float> both = on(1, 0, 2), second = on(1, 1, 1);
  CHECK(both.allFinite());
  CHECK(on(3, 0, 2) == both);
  const Index size = shape.sample_size();
  CHECK(second.head(size) == both.segment(size, size));
  CHECK(second.segment(size, size) == both.segment(3 * size, size));
}
