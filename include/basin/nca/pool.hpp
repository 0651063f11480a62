#pragma once

// A pool of states from which training starts, so that an automaton learns to keep what it has grown: each iteration
// draws some, runs them on, and puts them back (Mordvintsev et al. 2020, "experiment 2").
//
// Only cells that are not zero are stored, exactly. A pool of 1,024 grown patterns of 40 x 40 in a grid of 72 x 72
// takes a sixth of what its dense states would.

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "basin/core/random.hpp"
#include "basin/core/state.hpp"

namespace basin {

template <class S>
class Pool {
 public:
  Pool() = default;

  /// `size` copies of one state.
  Pool(Index size, View<const S> first) : shape_(first.shape()) {
    check(size > 0, "size of a pool", size, "at least 1");
    check(first.samples() == 1, "samples of a pool's first state", first.samples(), 1);
    samples_.assign(static_cast<std::size_t>(size), pack(first));
  }

  [[nodiscard]] Index size() const { return static_cast<Index>(samples_.size()); }
  /// Of one state.
  [[nodiscard]] const Shape& shape() const { return shape_; }

  /// `count` different numbers of states, uniformly, from the numbers of `random` from `index` on.
  [[nodiscard]] std::vector<Index> draw(const Random& random, std::uint64_t index, Index count) const {
    check(count >= 0 && count <= size(), "states to draw from a pool", count, "at most " + std::to_string(size()));
    std::vector<Index> drawn;
    while (static_cast<Index>(drawn.size()) < count) {
      const Index one = static_cast<Index>(random.below(index++, static_cast<std::uint64_t>(size())));
      if (std::find(drawn.begin(), drawn.end(), one) == drawn.end()) drawn.push_back(one);
    }
    return drawn;
  }

  /// The states of these numbers, one after another.
  [[nodiscard]] State<S> take(std::span<const Index> which) const {
    State<S> states(shape_.with_samples(static_cast<Index>(which.size())));
    for (std::size_t i = 0; i < which.size(); ++i) {
      const Sparse& from = sample(which[i]);
      S* to = states.view().sample(static_cast<Index>(i)).data();
      for (std::size_t k = 0; k < from.cells.size(); ++k) {
        std::copy_n(from.values.data() + static_cast<Index>(k) * shape_.features, shape_.features,
                    to + from.cells[k] * shape_.features);
      }
    }
    return states;
  }

  /// Replaces the states of these numbers.
  void put(std::span<const Index> which, View<const S> states) {
    const Shape wanted = shape_.with_samples(static_cast<Index>(which.size()));
    check(states.shape() == wanted, "shape of states for a pool", states.shape(), wanted);
    for (std::size_t i = 0; i < which.size(); ++i) {
      sample(which[i]) = pack(states.sample(static_cast<Index>(i)));
    }
  }

  /// Calls visit(name, vector) for what a checkpoint must keep, of this pool.
  template <class Visit>
  void save(Visit&& visit) const {
    std::vector<std::int64_t> counts;
    std::vector<std::int32_t> cells;
    std::vector<S> values;
    visit("shape", extents());
    for (const Sparse& one : samples_) {
      counts.push_back(static_cast<std::int64_t>(one.cells.size()));
      cells.insert(cells.end(), one.cells.begin(), one.cells.end());
      values.insert(values.end(), one.values.begin(), one.values.end());
    }
    visit("counts", counts);
    visit("cells", cells);
    visit("values", values);
  }

  /// The reverse: visit(name, vector) fills the vector. The pool must have the size and shape of the one that was
  /// saved. Throws std::invalid_argument, and changes nothing, if the numbers do not fit.
  template <class Visit>
  void load(Visit&& visit) {
    std::vector<std::int64_t> counts;
    std::vector<std::int32_t> cells;
    std::vector<S> values;
    std::vector<std::int64_t> shape;
    visit("shape", shape);
    visit("counts", counts);
    visit("cells", cells);
    visit("values", values);
    // Cells are kept by their numbers, which mean other places in another grid.
    check(shape == extents(), "shape of a saved pool", text_of(shape), text_of(extents()));
    check(counts.size() == samples_.size(), "states of a saved pool", counts.size(), samples_.size());
    std::size_t sum = 0;
    for (const std::int64_t count : counts) {
      check(count >= 0 && count <= shape_.cells(), "cells of a saved state", count,
            "0 to " + std::to_string(shape_.cells()));
      sum += static_cast<std::size_t>(count);
    }
    check(cells.size() == sum, "cells of a saved pool", cells.size(), sum);
    const std::size_t features = static_cast<std::size_t>(shape_.features);
    check(values.size() == sum * features, "values of a saved pool", values.size(), sum * features);
    for (const std::int32_t cell : cells) {
      check(cell >= 0 && cell < shape_.cells(), "cell of a saved state", cell,
            "0 to " + std::to_string(shape_.cells() - 1));
    }
    std::size_t first = 0;
    for (std::size_t i = 0; i < samples_.size(); ++i) {
      const std::size_t last = first + static_cast<std::size_t>(counts[i]);
      const auto at = [](const auto& numbers, std::size_t k) {
        return numbers.begin() + static_cast<std::ptrdiff_t>(k);
      };
      samples_[i] = {{at(cells, first), at(cells, last)}, {at(values, first * features), at(values, last * features)}};
      first = last;
    }
  }

  /// Memory of the states.
  [[nodiscard]] std::size_t bytes() const {
    std::size_t sum = 0;
    for (const Sparse& one : samples_) {
      sum += one.cells.capacity() * sizeof(std::int32_t) + one.values.capacity() * sizeof(S) + sizeof(Sparse);
    }
    return sum;
  }

 private:
  struct Sparse {
    std::vector<std::int32_t> cells{};
    std::vector<S> values{};  // features of the first cell, then of the second, ...
  };

  [[nodiscard]] std::vector<std::int64_t> extents() const {
    return {shape_.features, shape_.space[0], shape_.space[1], shape_.space[2]};
  }
  [[nodiscard]] static std::string text_of(const std::vector<std::int64_t>& extents) {
    std::string text;
    for (const std::int64_t extent : extents) text += (text.empty() ? "" : " x ") + std::to_string(extent);
    return text;
  }

  static Sparse pack(View<const S> state) {
    const Shape& shape = state.shape();
    const auto is_zero = [&](Index cell) {
      const S* from = state.data() + cell * shape.features;
      return std::all_of(from, from + shape.features, [](S value) { return value == S(0); });
    };
    std::size_t count = 0;
    for (Index cell = 0; cell < shape.cells(); ++cell) count += is_zero(cell) ? 0 : 1;
    Sparse packed;
    packed.cells.reserve(count);
    packed.values.reserve(count * static_cast<std::size_t>(shape.features));
    for (Index cell = 0; cell < shape.cells(); ++cell) {
      if (is_zero(cell)) continue;
      packed.cells.push_back(static_cast<std::int32_t>(cell));
      const S* from = state.data() + cell * shape.features;
      packed.values.insert(packed.values.end(), from, from + shape.features);
    }
    return packed;
  }

  [[nodiscard]] const Sparse& sample(Index number) const {
    if (number < 0 || number >= size()) {
      check(false, "number of a state in a pool", number, "0 to " + std::to_string(size() - 1));
    }
    return samples_[static_cast<std::size_t>(number)];
  }
  [[nodiscard]] Sparse& sample(Index number) { return const_cast<Sparse&>(std::as_const(*this).sample(number)); }

  Shape shape_;
  std::vector<Sparse> samples_;
};

}  // namespace basin
