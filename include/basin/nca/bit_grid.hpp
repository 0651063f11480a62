#pragma once

// A state of zeros and ones, 64 cells to a machine word. Cell x of a line is bit x % 64 of its word x / 64, lines of
// words lie one behind the other, and each feature of each sample is a plane of its own; bits beyond the line are 0.

#include <cstdint>
#include <vector>

#include "basin/core/check.hpp"
#include "basin/core/state.hpp"

namespace basin {

class BitGrid {
 public:
  using Word = std::uint64_t;  ///< 64 cells of a line, the first in the lowest bit

  BitGrid() = default;
  /// Zeros. Throws std::invalid_argument for a shape with a third axis, or without cells.
  explicit BitGrid(const Shape& shape) : shape_(detail::fitting<Word>(shape)) {
    check(shape.space[2] == 1 && shape.space[0] > 0 && shape.space[1] > 0, "shape of a grid of bits", shape,
          "(C, X, Y, 1, N) with at least one cell");
    words_.assign(static_cast<std::size_t>(shape.samples * shape.features * plane_words()), 0);
  }
  /// 1 where a number is above one half.
  template <class S>
  explicit BitGrid(View<S> state) : BitGrid(state.shape()) {
    each_bit([&](Index i, Word& word, int bit) { word |= Word{state.data()[i] > S(0.5)} << bit; });
  }

  /// The same.
  template <class S>
  explicit BitGrid(const State<S>& state) : BitGrid(state.view()) {}

  /// As zeros and ones.
  template <class S>
  [[nodiscard]] State<S> state() const {
    State<S> out(shape_);
    each_bit([&](Index i, Word word, int bit) { out.values[i] = static_cast<S>(word >> bit & 1); });
    return out;
  }

  /// (C, X, Y, 1, N), as of a state.
  [[nodiscard]] const Shape& shape() const { return shape_; }
  /// How many words a line of X cells has; the last may have bits to spare.
  [[nodiscard]] Index line_words() const { return (shape_.space[0] + 63) / 64; }
  /// How many words the Y lines of one feature of one sample have.
  [[nodiscard]] Index plane_words() const { return shape_.space[1] * line_words(); }
  /// The bits of the last word of a line that are cells.
  [[nodiscard]] Word last_mask() const {
    const Index rest = shape_.space[0] % 64;
    return rest == 0 ? ~Word{0} : (Word{1} << rest) - 1;
  }
  /// The first word of one feature of one sample; line y begins line_words() y words later. Numbers are not
  /// checked. Who writes there has to leave the bits beyond each line 0 (last_mask).
  [[nodiscard]] Word* plane(Index sample, Index feature) {
    return words_.data() + (sample * shape_.features + feature) * plane_words();
  }
  [[nodiscard]] const Word* plane(Index sample, Index feature) const {
    return words_.data() + (sample * shape_.features + feature) * plane_words();
  }
  /// Whether the cell is 1. Numbers are not checked.
  [[nodiscard]] bool bit(Index sample, Index feature, Index x, Index y) const {
    return (plane(sample, feature)[y * line_words() + x / 64] >> (x % 64) & 1) != 0;
  }

  friend bool operator==(const BitGrid&, const BitGrid&) = default;

 private:
  /// Calls body(number in a state's memory, word, bit).
  template <class Self, class Body>
  static void each_bit_of(Self& self, const Body& body) {
    const Shape& shape = self.shape_;
    Index i = 0;
    for (Index n = 0; n < shape.samples; ++n) {
      for (Index y = 0; y < shape.space[1]; ++y) {
        for (Index x = 0; x < shape.space[0]; ++x) {
          for (Index c = 0; c < shape.features; ++c, ++i) {
            body(i, self.plane(n, c)[y * self.line_words() + x / 64], static_cast<int>(x % 64));
          }
        }
      }
    }
  }
  template <class Body>
  void each_bit(const Body& body) {
    each_bit_of(*this, body);
  }
  template <class Body>
  void each_bit(const Body& body) const {
    each_bit_of(*this, body);
  }

  Shape shape_{};
  std::vector<Word> words_;
};

}  // namespace basin
