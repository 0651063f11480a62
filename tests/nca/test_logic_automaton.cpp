// An automaton of bits, 64 cells to a word, against the automaton of numbers that it was made of.

#include "basin/nca/logic_automaton.hpp"

#include <catch2/catch.hpp>

#include "basin/logic/simplify.hpp"
#include "basin/nca/life_like.hpp"
#include "basin/nca/rollout.hpp"
#include "logic/learned_life_circuit.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

/// Zeros and ones, about one half each.
State<float> soup(const Shape& shape, std::uint64_t seed) {
  State<float> z(shape);
  const Random random{seed, 8};
  for (Index i = 0; i < z.values.size(); ++i)
    z.values[i] = static_cast<float>(random.bits(static_cast<std::uint64_t>(i)) & 1);
  return z;
}

/// Life by hand: the eight around a cell are added up by half and full adders, up to 3 and more.
Circuit life_by_hand() {
  Circuit circuit{.inputs = 9};
  const auto gate = [&](GateFunction f, std::int32_t a, std::int32_t b) {
    circuit.gates.push_back({f, a, b});
    return circuit.values() - 1;
  };
  std::int32_t ones = -1, twos = -1, more = -1;  // of the count: its lowest bits, and whether it is 4 or more
  for (const std::int32_t place : {0, 1, 2, 3, 5, 6, 7, 8}) {
    if (ones < 0) {
      ones = place;
      twos = gate(gate_xor, place, place);
      more = twos;
      continue;
    }
    const std::int32_t carry = gate(gate_and, ones, place), over = gate(gate_and, twos, carry);
    ones = gate(gate_xor, ones, place);
    twos = gate(gate_xor, twos, carry);
    more = gate(gate_or, more, over);
  }
  const std::int32_t two_or_three = gate(2, twos, more), three_or_alive = gate(gate_or, ones, 4);
  circuit.outputs = {gate(gate_and, two_or_three, three_or_alive)};
  return circuit;
}

template <class Edge, class Fire>
using Soft = Automaton<PerceiveCircuits<2, Edge, 3, 4, 2>, SoftCircuit<14, 8, 4, 2>, Fire, Everywhere, Replace>;

/// The hardened automaton of numbers, and that of bits, run for some steps of a context.
template <class Edge, class Fire>
bool bits_are_numbers(const Shape& shape, const Context& context) {
  using R = Rollout<Soft<Edge, Fire>>;
  R rollout{.steps = 5};
  rollout.automaton.perception = typename Soft<Edge, Fire>::Perception(3);
  rollout.automaton.rule = typename Soft<Edge, Fire>::Rule(4);
  auto theta = random_parameters<R, float>(9, 1.0);
  const Circuit circuit = hard_circuit(rollout.automaton, std::span<const float, R::param_count>(theta.span()));
  harden(std::span<float>(theta.span()));
  const State<float> start = soup(shape, 5);
  State<float> end(shape);
  static_cast<void>(rollout.apply(theta.span(), start.view(), end.view(), context));
  bool same = true;
  for (const Circuit& one : {circuit, simplified(circuit)}) {
    const LogicAutomaton<Edge, Fire> bits(one, rollout.automaton.fire);
    same = same && bits.run(BitGrid(start.view()), 5, context).template state<float>().values == end.values;
  }
  return same;
}

}  // namespace

TEST_CASE("bits of a grid come back as numbers", "[unit][logic]") {
  const State<float> z = soup(Shape{3, {70, 3, 1}, 2}, 1);
  const BitGrid bits(z.view());
  CHECK(bits.state<float>().values == z.values);
  CHECK(bits.bit(1, 2, 69, 2) == (z.view().sample(1).matrix()(2, 69 + 2 * 70) == 1.0f));
  CHECK(bits.line_words() == 2);
}

TEST_CASE("Life in gates is Life, on tori of any size, on one thread or three", "[repeatable][logic]") {
  const Circuit circuit = simplified(life_by_hand());
  const LogicAutomaton<> logic(circuit);
  const LifeLikeAutomaton<> life;
  for (const auto& [width, height] : {std::pair{1, 1}, {3, 3}, {64, 64}, {63, 5}, {65, 2}, {130, 301}, {2500, 17}}) {
    const State<float> start = soup(Shape{1, {width, height, 1}, 2}, 3);
    State<float> z = start, next(z.shape);
    for (int t = 0; t < 8; ++t) {
      static_cast<void>(life.apply({}, z.view(), View<const float>{}, next.view()));
      std::swap(z, next);
    }
    CAPTURE(width, height);
    for (const int count : {1, 3}) {
      set_threads(count);
      CHECK(logic.run(BitGrid(start.view()), 8).state<float>().values == z.values);
    }
    set_threads(0);
  }
}

// The circuit that nca_logic learned, from the source that it wrote.
TEST_CASE("a circuit that was learned and written as C++ is Life: all neighbourhoods, and soups", "[unit][logic]") {
  const LogicAutomaton<> logic(learned_life_circuit());
  const LifeLikeAutomaton<> life;
  const auto generation = [&](const State<float>& z) {
    State<float> next(z.shape);
    static_cast<void>(life.apply({}, z.view(), View<const float>{}, next.view()));
    return next;
  };
  State<float> all(Shape{1, {3, 3, 1}, 512});  // tori of three by three: a cell's neighbourhood is all
  for (Index i = 0; i < all.values.size(); ++i) all.values[i] = static_cast<float>(i / 9 >> i % 9 & 1);
  CHECK(logic.run(BitGrid(all), 1).state<float>().values == generation(all).values);
  State<float> soups = soup(Shape{1, {64, 64, 1}, 2}, 11);
  BitGrid bits(soups);
  bool same = true;
  for (int t = 0; t < 40; ++t) {
    soups = generation(soups);
    bits = logic.run(bits, 1);
    same = same && bits == BitGrid(soups);
  }
  CHECK(same);
  // Word by word, without any automaton: the bits of a word are circuits of their own.
  std::array<std::uint32_t, 9> x{};
  std::array<std::uint32_t, 1> y{};
  for (std::uint32_t n = 0; n < 32; ++n) {
    for (std::uint32_t i = 0; i < 9; ++i) x[i] |= ((n * 16 + 5) >> i & 1) << n;
  }
  learned_life_cell(x.data(), y.data());
  bool right = true;
  for (std::uint32_t n = 0; n < 32; ++n) {
    std::vector<bool> nine;
    for (std::uint32_t i = 0; i < 9; ++i) nine.push_back((x[i] >> n & 1) != 0);
    const auto alive = std::count(nine.begin(), nine.end(), true) - (nine[4] ? 1 : 0);
    right = right && (y[0] >> n & 1) == (alive == 3 || (alive == 2 && nine[4]) ? 1u : 0u);
  }
  CHECK(right);
}

TEST_CASE("an automaton of bits is the hardened one of numbers, bit for bit", "[unit][logic]") {
  const Shape shape{2, {67, 33, 1}, 3};
  CHECK(bits_are_numbers<Periodic, EveryCell>(shape, {}));
  CHECK(bits_are_numbers<Zero, RandomFire>(shape, {.step = 7, .draw = 3, .first_sample = 2}));
}

TEST_CASE("what never shows is left out, and what shows stays", "[unit][logic]") {
  // 0 becomes 0 xor 1, 1 its left neighbour, 2 reads both: it is not needed for 0, and 1 is.
  constexpr std::int32_t middle = 4;
  const Circuit three{
      .inputs = 27,
      .gates = {{gate_xor, middle, 9 + middle}, {gate_or, 9 + 3, 9 + 3}, {gate_and, middle, 18 + middle}},
      .outputs = {27, 28, 29}};
  const Circuit less = simplified(without_hidden(three, 1));
  CHECK(less.gates == std::vector<Gate>{{gate_xor, middle, 9 + middle}, {gate_false, 0, 0}});
  CHECK(less.outputs == std::vector<std::int32_t>{27, 9 + 3, 28});
  CHECK(simplified(without_hidden(three, 3)).outputs == std::vector<std::int32_t>{27, 9 + 3, 28});
  CHECK(simplified(without_hidden(three, 0)).gates.size() == 1);
  CHECK_THROWS_WITH(without_hidden(three, 4), Catch::Contains("visible features is 4, expected 0 to 3"));
}

TEST_CASE("grids and circuits that do not fit an automaton of bits are refused", "[unit][logic]") {
  using Catch::Contains;
  CHECK_THROWS_WITH(LogicAutomaton<>(Circuit{.inputs = 8, .gates = {}, .outputs = {0}}),
                    Contains("inputs of an automaton's circuit is 8, expected nine"));
  const LogicAutomaton<> life(life_by_hand());
  BitGrid z(Shape{1, {5, 5, 1}, 1}), two(Shape{2, {5, 5, 1}, 1}), larger(Shape{1, {6, 5, 1}, 1});
  CHECK_THROWS_WITH(life.step(two, two), Contains("number of features is 2, expected 1"));
  CHECK_THROWS_WITH(life.step(z, larger), Contains("shape of out"));
  CHECK_THROWS_WITH(life.step(z, z), Contains("expected another"));
  CHECK_THROWS_WITH(life.run(z, -1), Contains("steps is -1"));
  const LogicAutomaton<Periodic, RandomFire> rescaled(life_by_hand(), {.rescaled = true});
  CHECK_THROWS_WITH(rescaled.run(z, 1), Contains("factor of an update is 2, expected 1: a bit is taken whole"));
  CHECK_THROWS_WITH(BitGrid(Shape{1, {5, 5, 2}, 1}), Contains("shape of a grid of bits"));
}
