#include "basin/nca/perceive_both.hpp"

#include <catch2/catch.hpp>
#include <numeric>
#include <vector>

#include "basin/nca/perceive.hpp"
#include "basin/nca/perceive_attention.hpp"
#include "basin/nca/perceive_graph.hpp"
#include "basin/nca/perceive_isotropic.hpp"
#include "nca/moved_cells.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

using Slopes = Perceive<2, Periodic, Centre, SobelX, SobelY>;
using Looks = PerceiveAttention<2, Zero, 1, 2>;
using Far = PerceiveGraph<2>;

Far far_edges(Index cells) { return {Graph(cells, random_edges(cells, 2, 1))}; }

template <class P>
Matrix<double> seen_by(const P& perception, std::span<const double> theta, const State<double>& z) {
  using See = basin::detail::PerceptionOf<P>;
  State<double> seen(z.shape.with_features(P::seen_features));
  std::vector<Index> all(static_cast<std::size_t>(z.shape.cells()));
  std::iota(all.begin(), all.end(), Index{0});
  Scratch scratch;
  typename See::template Sight<double>(perception, theta.first<See::param_count>(), z.view(), scratch)(
      all.data(), z.shape.cells(), seen.values.data());
  return seen.view().matrix();
}

}  // namespace

TEST_CASE("both perceptions are seen, one behind the other", "[unit][perceive]") {
  using P = PerceiveBoth<Looks, PerceiveBoth<Slopes, Far>>;
  static_assert(P::seen_features == 4 + 6 + 4 && P::param_count == Looks::param_count && P::whole_samples);
  static_assert(std::is_same_v<P::Edge, Zero>);
  static_assert(std::is_same_v<PerceiveBoth<Far, Slopes>::Edge, Periodic>);
  static_assert(!basin::detail::PerceptionOf<PerceiveBoth<Far, Far>>::has_edge);
  const auto z = random_state({2, {5, 4, 1}, 1}, 1);
  const auto theta = random_parameters<Looks>(2);
  const P both{{}, {{}, far_edges(20)}};
  both.check_shape(z.shape);
  Matrix<double> expected(P::seen_features, 20);
  expected << seen_by(both.first, theta.span(), z), seen_by(both.second.first, theta.span(), z),
      seen_by(both.second.second, theta.span(), z);
  CHECK(seen_by(both, theta.span(), z) == expected);
  const auto leaves = leaves_of<Moving<PerceiveBoth<Slopes, Looks>>>();
  CHECK(leaves[0].name == "1.query0");
  const PerceiveBoth<Slopes, Perceive<2, Zero, Shift<0, 3>>> reaching;
  CHECK(reaching.reach() == std::array<Index, 3>{1, 3, 0});
  CHECK(reaching.band_cells({2, {10, 50, 1}, 1}, 1) == 60);
}

TEST_CASE("seen both ways, an automaton has the right derivatives, in a batch as alone", "[gradient][perceive]") {
  const auto check = []<class P>(const P& perception) {
    Rollout<Moving<P>> rollout;
    rollout.automaton.perception = perception;
    rollout.steps = 2;
    check_linearization(rollout, {2, {4, 3, 1}, 2}, {.tolerance = 2e-7, .theta_spread = 0.4});
  };
  check(PerceiveBoth<Slopes, Looks>{});
  check(PerceiveBoth<Looks, Far>{{}, far_edges(12)});
  check(PerceiveBoth<Far, PerceiveIsotropic<2, Zero>>{far_edges(12), {}});
}

TEST_CASE("seen both ways, an automaton is the same on any number of threads", "[repeatable][perceive]") {
  const Shape shape{2, {130, 151, 1}, 1};
  check_threads(PerceiveBoth<Slopes, Far>{{}, far_edges(130 * 151)}, shape);
  check_threads(PerceiveBoth<Far, Looks>{far_edges(130 * 151), {}}, shape);
}

TEST_CASE("edges of any length and an alive mask go together", "[unit][perceive]") {
  using P = PerceiveBoth<Slopes, Far>;
  Automaton<P, Dense<P::seen_features, 2>, EveryCell, AliveMask<0>> automaton;
  automaton.perception.second = far_edges(20);
  check_cell(automaton, {0, {5, 4, 1}, 2});
}
