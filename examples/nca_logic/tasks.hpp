#pragma once

// What can be learned: the sizes of the circuits, as published where they are (Miotti et al. 2025), where a run starts,
// and what is wanted in the end.

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "basin/io/target_image.hpp"
#include "basin/nca/life_like.hpp"
#include "basin/nca/logic_automaton.hpp"
#include "basin/nca/rollout.hpp"
#include "settings.hpp"

namespace nca_logic {

using basin::BitGrid;
using basin::Index;
using basin::Random;
using basin::Shape;
using basin::State;
using basin::View;

template <class See, class Rule>
using Automaton = basin::Automaton<See, Rule, basin::RandomFire, basin::Everywhere, basin::Replace>;

/// Random bits in the first `features` features; of stream `number`.
inline State<float> noise(const Shape& shape, std::uint64_t seed, std::uint64_t number) {
  State<float> z(shape);
  const Random random{seed, number};
  for (Index i = 0; i < z.values.size(); ++i) {
    z.values[i] = static_cast<float>(random.bits(static_cast<std::uint64_t>(i / 64)) >> (i % 64) & 1);
  }
  return z;
}

/// The first features of a state.
inline State<float> leading(const State<float>& z, Index features) {
  State<float> out(z.shape.with_features(features));
  out.view().matrix() = z.view().matrix().topRows(features);
  return out;
}

/// Bits of the leading features that are not as wanted.
inline Index wrong_bits(const BitGrid& given, const State<float>& wanted) {
  const State<float> bits = leading(given.state<float>(), wanted.shape.features);
  return (bits.values.array() != wanted.values.array()).count();
}

/// A start, and what is wanted of its leading features.
struct Example {
  State<float> start, wanted;
};

/// A cell and its eight neighbours become the cell's next state. Each iteration sees a soup of 16 x 32 cells, in which
/// each of the 512 neighbourhoods is as likely as any other.
struct Life {
  using Edge = basin::Periodic;
  using See = basin::PerceiveCircuits<1, Edge, 16, 4, 2, 1>;
  using Rule = basin::SoftCircuit<17, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 64, 32, 16, 8, 4, 2, 1>;
  static constexpr const char *name = "Life", *mistakes = "wrong neighbourhoods";
  static constexpr Index steps = 1, iterations = 6000, pixels = 3;

  std::uint64_t seed;

  [[nodiscard]] static Example next_of(const State<float>& soup) {
    State<float> next(soup.shape);
    static_cast<void>(basin::LifeLikeAutomaton<>{}.apply({}, soup.view(), View<const float>{}, next.view()));
    return {soup, next};
  }
  [[nodiscard]] Example example(std::uint64_t i) const { return next_of(noise({1, {32, 16, 1}, 1}, seed, i)); }
  /// Tori of 3 x 3 cells: the neighbourhood of the middle is all that there is.
  [[nodiscard]] static State<float> neighbourhoods() {
    State<float> all(Shape{1, {3, 3, 1}, 512});
    for (Index n = 0; n < 512; ++n) {
      for (Index i = 0; i < 9; ++i) all.values[9 * n + i] = static_cast<float>(n >> i & 1);
    }
    return all;
  }
  /// What becomes of the middle of each neighbourhood, four of them a digit of 16, the first the lowest bit.
  template <class Hard>
  [[nodiscard]] static std::string table(const Hard& automaton) {
    const BitGrid given = automaton.run(BitGrid(neighbourhoods()), 1);
    std::string digits;
    for (Index n = 0; n < 512; n += 4) {
      int digit = 0;
      for (Index i = 0; i < 4; ++i) digit |= static_cast<int>(given.bit(n + i, 0, 1, 1)) << i;
      digits += "0123456789abcdef"[digit];
    }
    return digits;
  }
  template <class Hard>
  [[nodiscard]] static Index wrong(const Hard& automaton) {
    const Example all = next_of(neighbourhoods());
    const State<float> given = automaton.run(BitGrid(all.start), 1).template state<float>();
    const auto middle = [](const State<float>& z) { return z.view().columns().row(4); };
    return (middle(given).array() != middle(all.wanted).array()).count();
  }
};

/// Squares of 2 x 2 cells, from bits at random, on a grid with an edge.
struct Checkerboard {
  using Edge = basin::Zero;
  using See = basin::PerceiveCircuits<8, Edge, 16, 4, 2>;
  using Rule = basin::SoftCircuit<264, 256, 256, 256, 256, 256, 256, 256, 256, 256, 256, 128, 64, 32, 16, 8, 8>;
  static constexpr const char *name = "checkerboard", *mistakes = "wrong cells";
  static constexpr Index steps = 20, iterations = 1000, size = 16, batch = 2, pixels = 3;

  std::uint64_t seed;

  [[nodiscard]] static State<float> board(Index side) {
    State<float> board(Shape{1, {side, side, 1}, 1});
    for (Index y = 0; y < side; ++y) {
      for (Index x = 0; x < side; ++x) board.values[y * side + x] = static_cast<float>((x / 2 + y / 2) % 2);
    }
    return board;
  }
  [[nodiscard]] Example example(std::uint64_t i) const {
    return {noise({8, {size, size, 1}, batch}, seed, i), board(size)};
  }
  /// Boards that no training has seen. `on`: runs some steps.
  [[nodiscard]] State<float> unseen(Index side, Index boards) const {
    return noise({8, {side, side, 1}, boards}, seed, (std::uint64_t{1} << 40) + static_cast<std::uint64_t>(side));
  }
  [[nodiscard]] static Index wrong_on(const BitGrid& boards) {
    const State<float> wanted = board(boards.shape().space[0]);
    State<float> all(wanted.shape.with_samples(boards.shape().samples));
    all.view().columns().colwise() = wanted.values;
    return wrong_bits(boards, all);
  }
  template <class Hard>
  [[nodiscard]] Index wrong(const Hard& automaton) const {
    return wrong_on(automaton.run(BitGrid(unseen(size, 16)), steps));
  }
};

/// A toadstool, a letter a cell: R red, Y yellow, G green, B blue, K black, and white paper.
inline constexpr std::array<std::string_view, 20> toadstool{"....................",  //
                                                            ".......RRRRRR.......",  //
                                                            ".....RRRRRRRRRR.....",  //
                                                            "....RR..RRRRRRRR....",  //
                                                            "...RRR..RRRR..RRR...",  //
                                                            "..RRRRRRRRRR..RRRR..",  //
                                                            "..R..RRRRRRRRRRRRR..",  //
                                                            ".RR..RRRR...RRRRRRR.",  //
                                                            ".RRRRRRRR...RRR..RR.",  //
                                                            ".RRRRRRRRRRRRRR..RR.",  //
                                                            ".KKKKKKKKKKKKKKKKKK.",  //
                                                            "......YYYYYYYY......",  //
                                                            ".......YYYYYY....B.B",  //
                                                            ".......YYYYYY.....K.",  //
                                                            ".......YYYYYY....B.B",  //
                                                            ".......YYYYYY.......",  //
                                                            "..G....YYYYYY....G..",  //
                                                            "G.G.G.YYYYYYYY.G.G.G",  //
                                                            "GGGGGGGGGGGGGGGGGGGG",  //
                                                            ".GGGGGGGGGGGGGGGGGG."};

/// A picture in three inks, cyan, magenta and yellow, the first three bits of a cell, so that white paper is a cell
/// that is empty. It grows from the cell in the middle, all of whose bits are set.
struct Picture {
  using Edge = basin::Zero;
  static constexpr int features = 64, inks = 3;
  using See = basin::PerceiveCircuits<features, Edge, 4, 4, 2, 1>;
  using Rule = basin::SoftCircuit<See::seen_features, 512, 512, 512, 512, 512, 512, 512, 512, 256, 128, features>;
  static constexpr const char *name = "picture", *mistakes = "wrong bits";
  static constexpr Index steps = 15, iterations = 5000, size = 20, pixels = 8;

  State<float> target, seed_state;

  /// Of a PNG, or of the drawn picture if `path` is empty.
  [[nodiscard]] static Picture of(const std::string& path) {
    Picture made{State<float>({inks, {size, size, 1}, 1}), State<float>({features, {size, size, 1}, 1})};
    State<float> colours;
    if (!path.empty()) colours = basin::read_target_image<float>(path, {.size = size, .padding = 0});
    for (Index y = 0; y < size; ++y) {
      for (Index x = 0; x < size; ++x) {
        const Index cell = y * size + x;
        for (Index ink = 0; ink < inks; ++ink) {
          bool inked = false;
          if (path.empty()) {
            const char letter = toadstool[static_cast<std::size_t>(y)][static_cast<std::size_t>(x)];
            const std::string_view absorb = ink == 0 ? "GBK" : ink == 1 ? "RBK" : "RGYK";
            inked = absorb.find(letter) != absorb.npos;
          } else {  // colours are multiplied by their alpha
            const auto at = colours.view().matrix().col(cell);
            inked = at[3] - at[ink] > 0.5f;
          }
          made.target.values[cell * inks + ink] = inked ? 1.0f : 0.0f;
        }
      }
    }
    made.seed_state.view().matrix().col(size / 2 * size + size / 2).setOnes();
    return made;
  }
  [[nodiscard]] Example example(std::uint64_t) const { return {seed_state, target}; }
  template <class Hard>
  [[nodiscard]] Index wrong(const Hard& automaton) const {
    return wrong_bits(automaton.run(BitGrid(seed_state), steps), target);
  }
};

}  // namespace nca_logic
