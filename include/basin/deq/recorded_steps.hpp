#pragma once

// The steps of Picard iteration that Unrolled goes back through (adjoint/unrolled.hpp), as they are made and kept.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <span>
#include <variant>
#include <vector>

#include "basin/adjoint/unrolled.hpp"
#include "basin/core/buffer.hpp"
#include "basin/fixed_point/picard.hpp"
#include "basin/fixed_point/solve.hpp"

namespace basin::detail {

/// Those of many samples, one after the other.
template <class S, Cell<S> C>
class RecordedSteps {
 public:
  /// Throws std::invalid_argument for options that make no sense.
  RecordedSteps(const Unrolled& options, Index length)
      : keeps_linearizations_(std::holds_alternative<Kept>(options.tape)), states_(length), values_(length) {
    check(options.last_steps >= 0, "Unrolled: last_steps", options.last_steps, "0 or more");
    if (const auto* const checkpoints = std::get_if<Checkpointed>(&options.tape)) {
      check(checkpoints->every >= 0, "Checkpointed: every", checkpoints->every, "0 or more");
      every_ = static_cast<std::size_t>(checkpoints->every);
      thins_ = every_ == 0;
    } else if (options.last_steps > 0) {
      ring_ = static_cast<std::size_t>(options.last_steps) + 1;
    }
  }
  RecordedSteps(RecordedSteps&&) = default;
  RecordedSteps& operator=(RecordedSteps&&) = default;

  /// The next sample: solves z = map(z) from z, and keeps its steps up to the state that is returned in z.
  /// linearize(z, value, step) -> the linearization of the cell, where each step's is kept: then it takes the place of
  /// map.
  template <class Map, class Linearize>
  void solve(const Map& map, const Linearize& linearize, View<S> z, const Picard& solver, const Stop& stop,
             std::span<SampleResult> result) {
    Scratch scratch;
    const View<S> start = scratch.state<S>(z.shape()), latest = scratch.state<S>(z.shape());
    start.vector() = z.vector();
    if (keeps_linearizations_) linears_.emplace_back();
    begin(states_.size());
    std::size_t count = 0;
    const auto noting = [&](View<const S> at, View<S> out, std::span<const Index> samples) {
      latest.vector() = at.vector();
      const std::size_t number = count++;
      const auto step = static_cast<std::int64_t>(number);
      S* const kept = note(number, at);
      if (!keeps_linearizations_) return evaluate<S>(map, at, out, samples, step);
      const View<S> value(values_[places_.back().place(number)], z.shape());
      linears_.back().push_back(linearize(View<const S>(kept, z.shape()), value, step));
      out.vector() = value.vector();
    };
    basin::solve_tile(split_as(map, z.shape(), noting), z, solver, stop, result);
    const Extent size = extent_of(map, z.shape());
    const auto is_z = [&](const S* state) {  // a copy, NaN or not
      return !size.any(std::memcmp(state, z.data(), static_cast<std::size_t>(z.size()) * sizeof(S)) != 0);
    };
    if (!is_z(latest.data())) {
      if (ring_ == 0 && every_ == 0 && !thins_) {
        for (; count > 1 && !is_z(states_[states_.size() - 1]); --count) drop_last();
      } else {
        replay(
            noting, start, solver, [&] { return is_z(latest.data()); }, count);
      }
    }
    KeptStates& kept = places_.back();
    kept.last = count - 1;
    kept.begin = ring_ > 0 && count > ring_ ? count - ring_ : 0;
    kept.settled = result[0].status == Status::converged;
  }

  [[nodiscard]] const KeptStates& places(Index n) const { return places_[static_cast<std::size_t>(n)]; }
  [[nodiscard]] const ArrayList<S>& states() const { return states_; }
  /// Null if none are kept.
  [[nodiscard]] const std::deque<CellLinearization<S, C>>* linears(Index n) const {
    return linears_.empty() ? nullptr : &linears_[static_cast<std::size_t>(n)];
  }
  void forget_linearizations() { linears_.clear(); }

 private:
  void begin(std::size_t first) {
    KeptStates& kept = places_.emplace_back();
    kept.first = first;
    kept.ring = ring_;
    kept.spacing = std::max<std::size_t>(1, every_);
  }

  /// State number k. Returns where it is kept, or null.
  S* note(std::size_t k, View<const S> state) {
    KeptStates& kept = places_.back();
    if (k % kept.spacing != 0) return nullptr;
    const bool again = kept.ring > 0 && k >= kept.ring;
    if (again && keeps_linearizations_) linears_.back().pop_front();
    if (!again) {
      states_.append();
      if (keeps_linearizations_) values_.append();
    }
    S* const place = states_[kept.place(k)];
    std::copy_n(state.data(), state.size(), place);
    const std::size_t count = states_.size() - kept.first;
    if (thins_ && count > 2 * kept.spacing) thin(kept, count);
    return place;
  }

  /// Every other state goes.
  void thin(KeptStates& kept, std::size_t count) {
    for (std::size_t i = 2; i < count; i += 2) {
      std::copy_n(states_[kept.first + i], states_.length(), states_[kept.first + i / 2]);
    }
    kept.spacing *= 2;
    while (states_.size() > kept.first + (count + 1) / 2) states_.pop_back();
  }

  void drop_last() {
    states_.pop_back();
    if (!keeps_linearizations_) return;
    values_.pop_back();
    linears_.back().pop_back();
  }

  /// Makes the steps from the start once more, until found().
  template <class Noting, class Found>
  void replay(const Noting& noting, View<S> start, const Picard& solver, const Found& found, std::size_t& count) {
    const std::size_t first = places_.back().first;
    while (states_.size() > first) {
      states_.pop_back();
      if (keeps_linearizations_) values_.pop_back();
    }
    if (keeps_linearizations_) linears_.back().clear();
    places_.pop_back();
    begin(first);
    Scratch scratch;
    const View<S> value = scratch.state<S>(start.shape());
    const Index number = 0;
    Picard::Memory<S> memory;
    for (count = 0;;) {
      noting(View<const S>(start), value, std::span<const Index>(&number, 1));
      if (found()) return;
      solver.step(memory, span_of(start), span_of(View<const S>(value)));
    }
  }

  bool keeps_linearizations_;
  bool thins_ = false;     // checkpoints as there are more of them
  std::size_t every_ = 0;  // steps between checkpoints; 0: not fixed
  std::size_t ring_ = 0;   // as in KeptStates
  ArrayList<S> states_, values_;
  std::vector<KeptStates> places_;
  std::vector<std::deque<CellLinearization<S, C>>> linears_;  // of the step from each state, that returned too
};

}  // namespace basin::detail
