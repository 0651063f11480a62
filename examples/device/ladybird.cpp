// A growing automaton (examples/nca_grow): from one cell to a ladybird, of 36 x 36 cells with 16 numbers each.

#include <bit>
#include <cstdint>
#include <utility>

#include "basin/core/scratch.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/nca/automaton.hpp"
#include "basin/nca/perceive.hpp"
#include "board.hpp"
#include "ladybird_numbers.hpp"

namespace {

using basin::View;

constexpr int features = 16, alpha = 3, side = 36, cells = side * side, steps = 56;
using Rule = basin::Sequential<basin::Dense<3 * features, 128>, basin::Relu, basin::Dense<128, features>>;
using Sees = basin::Perceive<features, basin::Zero, basin::Centre, basin::SobelX, basin::SobelY>;
using Growing = basin::Automaton<Sees, Rule, basin::RandomFire, basin::AliveMask<alpha>>;

constexpr auto theta = std::bit_cast<std::array<float, Growing::param_count>>(device::ladybird_bits);

constexpr std::size_t scratch_bytes = 240 * 1024;

}  // namespace

DEVICE_MEMORY(scratch_bytes + 128);

extern "C" int ladybird() {
  basin::reserve_scratch(scratch_bytes);
  board::no_heap_from_now_on();
  const basin::Shape shape{features, {side, side, 1}, 1};
  basin::Scratch scratch;
  View<float> now = scratch.state<float>(shape), next = scratch.state<float>(shape);
  std::uint8_t* marks = scratch.take<std::uint8_t>(cells);
  now.vector().setZero();
  now.matrix().col(side / 2 * side + side / 2).tail(features - alpha).setOnes();
  const Growing automaton;
  for (int step = 0; step < steps; ++step) {
    static_cast<void>(automaton.step<float>(theta, now, next, marks, basin::Context{.step = step}));
    std::swap(now, next);
  }
  // Two lines of cells in one of characters: red, black, or else alive.
  int living = 0;
  for (int y = 0; y < side; y += 2) {
    char line[side + 1] = {};
    for (int x = 0; x < side; ++x) {
      const auto cell = now.matrix().col(y * side + x);
      line[x] = cell[alpha] < 0.1f ? ' ' : cell[0] > 2 * cell[1] && cell[0] > 0.3f ? 'o' : cell[0] < 0.3f ? '#' : '.';
    }
    board::say("%s", line);
  }
  for (int i = 0; i < cells; ++i) living += now.matrix()(alpha, i) > 0.1f ? 1 : 0;
  const auto mean = [&](int feature) { return static_cast<int>(1e6f * now.matrix().row(feature).mean()); };
  board::say("%d cells live after %d steps; the means of red, green and blue are %d, %d and %d millionths", living,
             steps, mean(0), mean(1), mean(2));
  board::say_memory_used();
  return living > 0 ? 0 : 1;
}
