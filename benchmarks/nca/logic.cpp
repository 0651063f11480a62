// A hard circuit of gates, 64 cells a machine word, beside the automata of numbers that do the same, or as much: Life
// as a circuit against LifeLike, and against the growing automaton (16 features, 8,336 parameters, Mordvintsev et al.
// 2020) and the soft automaton of gates that such a circuit is learned by (Miotti et al. 2025), a step each of every
// cell.
//
//   logic            one thread
//   logic 2          two
//
// What a step of bits reads and writes is one bit a cell each way; the share of the memory's bandwidth is measured
// against a copy of a large array in the same run. Time of a growing automaton over that of the circuit is the last
// column.

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "../../tests/logic/learned_life_circuit.hpp"
#include "../support/growing.hpp"
#include "../support/timing.hpp"
#include "basin/logic/simplify.hpp"
#include "basin/nca/life_like.hpp"
#include "basin/nca/logic_automaton.hpp"
#include "basin/train/initial.hpp"

namespace {

using namespace basin;
using namespace basin::benchmarks;

State<float> random_state(const Shape& shape, float from, float to) {
  State<float> z(shape);
  const Random random{1, 1};
  for (Index i = 0; i < z.values.size(); ++i) {
    z.values[i] = static_cast<float>(random.uniform(static_cast<std::uint64_t>(i), from, to));
  }
  return z;
}

/// Nanoseconds a cell of one step of an automaton of numbers.
template <class A>
double of_numbers(const A& automaton, const Parameters<A, float>& theta, Index size) {
  const State<float> z = random_state(Shape{A::state_features, {size, size, 1}, 1}, 0.2f, 0.7f);
  State<float> out(z.shape);
  const double seconds =
      median_seconds([&] { (void)automaton.apply(theta.span(), z.view(), View<const float>{}, out.view()); }, 7, 0.1);
  return seconds * 1e9 / static_cast<double>(z.shape.cells());
}

double of_bits(const LogicAutomaton<>& automaton, Index size) {
  BitGrid z(random_state(Shape{1, {size, size, 1}, 1}, 0, 1)), out(z.shape());
  const double seconds = median_seconds(
      [&] {
        automaton.step(z, out);
        std::swap(z, out);
      },
      7, 0.1);
  return seconds * 1e9 / static_cast<double>(size * size);
}

/// The source itself, compiled, on the widest words there are.
double of_source() {
  constexpr int lanes = kernels::lanes_for<std::uint64_t>(8);
  using Word = kernels::Lanes<std::uint64_t, lanes>;
  std::vector<std::uint64_t> words(10 * 64 * lanes);
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = Random{1, 2}.bits(i);
  const double seconds = median_seconds([&] {
    for (int w = 0; w < 64; ++w) {
      Word x[9], y[1];
      for (int i = 0; i < 9; ++i) x[i] = kernels::load<lanes>(words.data() + (i * 64 + w) * lanes);
      learned_life_cell(x, y);
      kernels::store<lanes>(words.data() + (9 * 64 + w) * lanes, y[0]);
    }
  });
  return seconds * 1e9 / (64.0 * 64 * lanes);
}

/// Bytes a second that a copy reads and writes.
double bandwidth() {
  std::vector<char> from(std::size_t{1} << 28, 'a'), to(from.size());
  return 2.0 * static_cast<double>(from.size()) /
         median_seconds([&] { std::memcpy(to.data(), from.data(), from.size()); }, 5, 0.1);
}

}  // namespace

int main(int argc, char** argv) {
  const int count = argc > 1 ? std::atoi(argv[1]) : 1;
  set_threads(count);
  const Circuit circuit = test::learned_life_circuit();
  const double memory = bandwidth();
  std::printf("%d threads; a copy moves %.1f GB/s; a circuit of %zu gates\n\n", count, 1e-9 * memory,
              circuit.gates.size());
  const Grows<> half;
  const Grows<EveryCell> all;
  const double neural = of_numbers(half, initial_parameters<float>(half, 1), 512);
  std::printf("| automaton | cells | ns a cell and step | times as fast as the growing one | of the bandwidth |\n");
  std::printf("|---|---|---|---|---|\n");
  const auto line = [&](const char* name, Index size, double ns, double bytes) {
    std::printf("| %s | %td x %td | %.4g | %.3g | %.2g%% |\n", name, size, size, ns, neural / ns,
                100 * bytes / (ns * 1e-9) / memory);
  };
  line("growing, half of the cells fire", 512, neural, 2 * 16 * 4);
  line("growing, all fire", 512, of_numbers(all, initial_parameters<float>(all, 1), 512), 2 * 16 * 4);
  using Soft = Automaton<PerceiveCircuits<1, Periodic, 16, 4, 2, 1>,
                         SoftCircuit<17, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 64, 32, 16, 8, 4, 2, 1>,
                         EveryCell, Everywhere, Replace>;
  line("soft circuits, of Life's size", 512, of_numbers(Soft{}, Parameters<Soft, float>{}, 512), 2 * 4);
  line("LifeLike", 512, of_numbers(LifeLikeAutomaton<>{}, {}, 512), 2 * 4);
  const LogicAutomaton<> hard(circuit);
  for (const Index size : {64, 512, 4096}) line("hard circuit", size, of_bits(hard, size), 2.0 / 8);
  const double source = of_source();
  std::printf("| its source, compiled | of neighbours in cache | %.4g | %.3g | |\n", source, neural / source);
}
