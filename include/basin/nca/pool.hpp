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

namespace detail {

/// "16 72 72 1"
[[nodiscard]] inline std::string extents_text(const std::vector<std::int64_t>& extents) {
  std::string text;
  for (const std::int64_t extent : extents) text += (text.empty() ? "" : " ") + std::to_string(extent);
  return text;
}

}  // namespace detail

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

  /// Calls visit(name, vector) for what a checkpoint must keep. What visit changes is taken up: the pool must have the
  /// size and shape of the one that was kept. Throws std::invalid_argument, and changes nothing, if it does not fit.
  template <class Visit>
  void each(Visit&& visit) {
    Packed packed = all();
    packed.each(visit);
    take_up(packed);
  }
  template <class Visit>
  void each(Visit&& visit) const {
    const Packed packed = all();
    packed.each(visit);
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

  /// The whole pool in a few vectors.
  struct Packed {
    std::vector<std::int64_t> shape{}, counts{};  // features and extents of a state; cells of each state
    std::vector<std::int32_t> cells{};
    std::vector<S> values{};

    template <class Visit>
    void each(Visit& visit) {
      each_of(*this, visit);
    }
    template <class Visit>
    void each(Visit& visit) const {
      each_of(*this, visit);
    }
    template <class Self, class Visit>
    static void each_of(Self& self, Visit& visit) {
      visit("shape", self.shape);
      visit("counts", self.counts);
      visit("cells", self.cells);
      visit("values", self.values);
    }
  };

  [[nodiscard]] std::vector<std::int64_t> extents() const {
    return {shape_.features, shape_.space[0], shape_.space[1], shape_.space[2]};
  }

  [[nodiscard]] Packed all() const {
    Packed packed{.shape = extents()};
    for (const Sparse& one : samples_) {
      packed.counts.push_back(static_cast<std::int64_t>(one.cells.size()));
      packed.cells.insert(packed.cells.end(), one.cells.begin(), one.cells.end());
      packed.values.insert(packed.values.end(), one.values.begin(), one.values.end());
    }
    return packed;
  }

  void take_up(const Packed& packed) {
    check(packed.shape == extents(), "shape of the states of a saved pool", detail::extents_text(packed.shape),
          detail::extents_text(extents()));
    check(packed.counts.size() == samples_.size(), "states of a saved pool", packed.counts.size(), samples_.size());
    std::size_t sum = 0;
    for (const std::int64_t count : packed.counts) {
      check(count >= 0 && count <= shape_.cells(), "cells of a saved state", count,
            "0 to " + std::to_string(shape_.cells()));
      sum += static_cast<std::size_t>(count);
    }
    check(packed.cells.size() == sum, "cells of a saved pool", packed.cells.size(), sum);
    const std::size_t features = static_cast<std::size_t>(shape_.features);
    check(packed.values.size() == sum * features, "values of a saved pool", packed.values.size(), sum * features);
    for (const std::int32_t cell : packed.cells) {
      check(cell >= 0 && cell < shape_.cells(), "cell of a saved state", cell,
            "0 to " + std::to_string(shape_.cells() - 1));
    }
    std::size_t first = 0;
    for (std::size_t i = 0; i < samples_.size(); ++i) {
      const std::size_t last = first + static_cast<std::size_t>(packed.counts[i]);
      const auto at = [](const auto& numbers, std::size_t k) {
        return numbers.begin() + static_cast<std::ptrdiff_t>(k);
      };
      samples_[i] = {{at(packed.cells, first), at(packed.cells, last)},
                     {at(packed.values, first * features), at(packed.values, last * features)}};
      first = last;
    }
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
