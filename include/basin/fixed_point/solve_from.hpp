#pragma once

// Many starts at once ("breadth"): the same fixed-point problem from several guesses, in one solve, and of each sample
// the best of what they led to.
//
//   auto found = solve_from(f, {z0, z1, z2}, NewtonGmres<>{}, stop);
//   found.value             of each sample the solution that was chosen
//   found.chosen[n]         from which start it came
//   found.samples[k][n]     what happened to sample n from start k, and found.values[k] where it ended
//
// Chosen is, of the solves that converged, or else of all, the one of the lowest residual, the first of several. Every
// solve is its own problem: it goes as it would alone, and all of them together are one batch over tiles and threads.

#include <cmath>
#include <initializer_list>
#include <span>
#include <vector>

#include "basin/core/scratch.hpp"
#include "basin/core/state.hpp"
#include "basin/core/status.hpp"
#include "basin/fixed_point/solve.hpp"

namespace basin {

/// What solve_from found. See above.
template <class S>
struct [[nodiscard]] Breadth {
  State<S> value{};                   ///< of each sample the solution that was chosen, in the shape of a start
  std::vector<std::size_t> chosen{};  ///< [sample]: the number of the start that it came from
  std::vector<State<S>> values{};     ///< [start]: what it led to, for the whole batch
  std::vector<std::vector<SampleResult>> samples{};  ///< [start][sample]: how each solve ended

  /// Of the chosen one of sample n.
  [[nodiscard]] const SampleResult& result(std::size_t n) const { return samples[chosen[n]][n]; }
  /// True if each sample has a solution.
  [[nodiscard]] bool converged() const {
    for (std::size_t n = 0; n < chosen.size(); ++n) {
      if (result(n).status != Status::converged) return false;
    }
    return true;
  }
};

namespace detail {

/// The map where sample i of start k is number k * samples + i.
template <class S, class Map>
struct FromEachStart {
  const Map& f;
  std::span<const Index> in_batch;  ///< of each number, that of the sample within the batch

  void operator()(View<const S> z, View<S> out, std::span<const Index> numbers) const {
    Scratch scratch;
    Index* const own = scratch.take<Index>(static_cast<Index>(numbers.size()));
    for (std::size_t i = 0; i < numbers.size(); ++i) own[i] = in_batch[static_cast<std::size_t>(numbers[i])];
    evaluate<S>(f, z, out, std::span<const Index>(own, numbers.size()));
  }
  [[nodiscard]] Extent extent(const Shape& one) const requires is_split<Map> { return f.extent(one); }
  /// Of one sample, as SampleMap asks for it. Without scratch memory of its own, which would end before the result:
  /// that may refer to the number, and have taken scratch memory that it still needs.
  auto linearize(View<const S> z, std::span<const Index> number) const requires LinearizableMap<Map, S> {
    return f.linearize(z, in_batch.subspan(static_cast<std::size_t>(number[0]), 1));
  }
};

}  // namespace detail

/// starts: one or more states of the same shape, each a start for the whole batch; f as solve takes it, with numbers of
/// samples within the batch. Throws std::invalid_argument if shapes differ, none is given, or stop or method make no
/// sense. Memory: all starts at once, and as much again for the results.
template <class S, class Map, FixedPointMethod<S> Method>
Breadth<S> solve_from(const Map& f, std::span<const State<S>> starts, const Method& method, const Stop& stop = {}) {
  check(!starts.empty(), "number of starts", starts.size(), "1 or more");
  const Shape shape = starts[0].shape;
  const Index samples = shape.samples, count = static_cast<Index>(starts.size());
  State<S> all(shape.with_samples(samples * count));
  for (Index k = 0; k < count; ++k) {
    const State<S>& start = starts[static_cast<std::size_t>(k)];
    check(start.shape == shape, "shape of a start", start.shape, shape);
    all.view().samples(k * samples, samples).vector() = start.values;
  }
  std::vector<Index> in_batch(static_cast<std::size_t>(samples * count));
  for (std::size_t i = 0; i < in_batch.size(); ++i) in_batch[i] = static_cast<Index>(i) % samples;
  const auto solution = solve(detail::FromEachStart<S, Map>{f, in_batch}, all, method, stop);

  Breadth<S> found;
  found.value = State<S>(shape);
  found.chosen.assign(static_cast<std::size_t>(samples), 0);
  for (Index k = 0; k < count; ++k) {
    found.values.emplace_back(solution.value.view().samples(k * samples, samples));
    const auto from = solution.samples.begin() + k * samples;
    found.samples.emplace_back(from, from + samples);
  }
  for (Index n = 0; n < samples; ++n) {
    const auto at = static_cast<std::size_t>(n);
    std::size_t& best = found.chosen[at];
    for (std::size_t k = 1; k < starts.size(); ++k) {
      const SampleResult &now = found.samples[best][at], &other = found.samples[k][at];
      const bool now_there = now.status == Status::converged, other_there = other.status == Status::converged;
      if (other_there != now_there ? other_there : other.residual < now.residual) best = k;
    }
    found.value.view().sample(n).vector() = found.values[best].view().sample(n).vector();
  }
  return found;
}

/// The same from a list.
template <class S, class Map, FixedPointMethod<S> Method>
Breadth<S> solve_from(const Map& f, std::initializer_list<State<S>> starts, const Method& method,
                      const Stop& stop = {}) {
  return solve_from(f, std::span<const State<S>>(starts.begin(), starts.size()), method, stop);
}

/// The same from a vector.
template <class S, class Map, FixedPointMethod<S> Method>
Breadth<S> solve_from(const Map& f, const std::vector<State<S>>& starts, const Method& method, const Stop& stop = {}) {
  return solve_from(f, std::span<const State<S>>(starts), method, stop);
}

}  // namespace basin
