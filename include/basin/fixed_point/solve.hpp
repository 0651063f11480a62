#pragma once

// The one loop that iterates to a fixed point z = f(z). When it stops is fixed_point/stop.hpp.
//
// Every sample is its own problem: its own residual, stop, status and best iterate. A sample that has ended is frozen
// and leaves the working set, so that f is called on what is left. The batch is a parallel-for over tiles of samples,
// each tile small enough to stay in cache for its whole solve; the partition does not depend on the number of threads,
// and nothing couples samples except the matrix products of f itself. A method whose step sees the map evaluates its
// trial points one sample at a time.
//
// Returned is an iterate z, not f(z), so that the residual belongs to the value: the one that converged, else the one
// of the lowest |f(z) - z| that was measured.
//
// Where f is not finite at an iterate, that sample goes back to its best iterate, evaluates it once more and takes two
// steps of Picard's, after which the method begins anew. If f is not finite there either, it goes half way back to the
// best iterate, and half of that again.

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <type_traits>

#include "basin/core/parallel.hpp"
#include "basin/core/scratch.hpp"
#include "basin/core/status.hpp"
#include "basin/fixed_point/method.hpp"
#include "basin/fixed_point/stop.hpp"
#include "basin/linear/vector_passes.hpp"

namespace basin {

/// What an observer sees of one sample: z and f(z), before the step that follows.
template <class S>
struct Iterate {
  Index sample;       ///< number within the batch
  int iteration;      ///< steps taken so far: 0 at the start
  int evaluations;    ///< of f so far
  double residual;    ///< of z, as the stop test measures it
  View<const S> z;    ///< of the shape of one sample; valid during the call only
  View<const S> f_z;  ///< f(z), likewise
};

namespace detail {

/// Shows an iterate to all observers. True if none of them wants the solve of this sample to end.
template <class S, class... Observers>
bool observed(const Iterate<S>& iterate, Observers&... observers) {
  bool go_on = true;
  [[maybe_unused]] const auto show = [&](auto& observer) {
    if constexpr (std::is_void_v<std::invoke_result_t<decltype(observer), const Iterate<S>&>>) {
      observer(iterate);
    } else {
      go_on = observer(iterate) && go_on;
    }
  };
  (show(observers), ...);
  return go_on;
}

/// All of a view's numbers.
template <class S>
[[nodiscard]] std::span<S> span_of(View<S> v) {
  return {v.data(), static_cast<std::size_t>(v.size())};
}

/// |f - z| and |f|, Euclidean, which a method may find on its way.
template <class S, class Method, class Memory>
ResidualNorms take_in(const Method& method, Memory& memory, View<const S> z, View<const S> f, const Extent& size) {
  if constexpr (requires { method.take_in(memory, span_of(z), span_of(f)); }) {
    return method.take_in(memory, span_of(z), span_of(f));
  } else {
    return residual_norms(z.data(), f.data(), size);
  }
}

/// Moves z to where the method allows it to be.
template <class S, class Method>
void project(const Method& method, View<S> z) {
  if constexpr (requires { method.project(span_of(z)); }) method.project(span_of(z));
}

/// One sample of a tile. Trivially copyable: samples move up when others leave.
template <class S, class Memory>
struct Solving {
  Index number;          ///< in its batch
  S *z, *f;              ///< the iterate and its value, in the tile
  S* best;               ///< where the best iterate goes
  Memory memory, fresh;  ///< of the method, now and as it began
  Watch watch;
};

/// Moves z, where f is not finite, to where it may be. False if the sample ends; then `status` says how.
template <class S, class Memory>
bool retry(Solving<S, Memory>& s, Index size, const Stop& stop, Status& status) {
  status = s.watch.beyond() ? Status::diverged : Status::non_finite;
  if (!s.watch.has_best() || s.watch.retries() >= stop.max_retries) return false;
  status = Status::max_iterations;
  if (s.watch.evaluations() >= stop.max_evaluations) return false;
  s.memory = s.fresh;
  if (s.watch.count_retry() == 1) {
    std::copy_n(s.best, size, s.z);
  } else {
    VectorMap<S>(s.z, size) += S(0.5) * (ConstVectorMap<S>(s.best, size) - VectorMap<S>(s.z, size));
  }
  return true;
}

/// Goes on with a sample whose f has just been evaluated, until that is to be done again. False if the sample ends.
template <class S, class Map, class Method, class Memory, class... Observers>
bool go_on(const Map& f, Solving<S, Memory>& s, const Shape& shape, const Extent& size, const Method& method,
           const Stop& stop, SampleResult& result, Observers&... observers) {
  const View<const S> z(s.z, shape), value(s.f, shape);
  s.watch.count_evaluation();
  for (;;) {
    const ResidualNorms euclidean = take_in<S>(method, s.memory, z, value, size);
    if (!euclidean.finite()) return retry(s, z.size(), stop, result.status);
    const Watch::Look look =
        s.watch.look(norms_of(stop, euclidean, z.data(), value.data(), size), euclidean.residual, stop);
    if (look.best) std::copy_n(z.data(), z.size(), s.best);
    bool wanted = true;
    if constexpr (sizeof...(Observers) > 0) {
      const double residual = s.watch.measured(look.r, look.scale, stop);
      wanted = observed(Iterate<S>{s.number, s.watch.steps(), s.watch.evaluations(), residual, z, value}, observers...);
      wanted = !size.any(!wanted);
    }
    if (look.converged || !wanted) {
      result.status = look.converged ? Status::converged : Status::interrupted;
      return false;
    }
    if (s.watch.ends(stop, result.status)) return false;
    s.watch.count_step();
    if (s.watch.takes_plain_step()) {
      std::copy_n(value.data(), value.size(), s.z);
      project(method, View<S>(s.z, shape));
      return true;
    }
    if constexpr (StepsWithMap<Method, S, Map>) {
      const SampleMap<S, Map> map(f, shape, &s.number, &s.watch.evaluations(), stop.max_evaluations,
                                  &s.watch.failed_trials(), s.watch.needed(look, stop, euclidean.residual, size));
      if (method.step(s.memory, span_of(View<S>(s.z, shape)), span_of(View<S>(s.f, shape)), map)) continue;
      result.status = Status::max_iterations;
      return map.left() > 0;
    } else {
      method.step(s.memory, span_of(View<S>(s.z, shape)), span_of(value));
      return true;
    }
  }
}

template <class S, class Map, class Method, class... Observers>
void run_tile(const Map& f, View<S> z, const Method& method, const Stop& stop, std::span<SampleResult> results,
              const double* reference, Index first_sample, Observers&... observers) {
  static_assert(!is_split<Map> || completes_sums<Method, S>,
                "the samples of this map are split over processes, and the start of the method takes an Index, not an "
                "Extent (linear/extent.hpp): its sums would be over a part");
  using Memory = MethodMemory<Method, S>;
  const Shape& shape = z.shape();
  const Shape one = shape.with_samples(1);
  const Extent size = extent_of(f, one);
  const Index samples = shape.samples;
  Scratch scratch;
  const View<S> current = scratch.state<S>(shape), value = scratch.state<S>(shape);
  Index* const numbers = scratch.take<Index>(samples);
  auto* const tile = scratch.take<Solving<S, Memory>>(samples);
  for (Index n = 0; n < samples; ++n) {
    const Memory memory = method.template start<S>(size, scratch);
    numbers[n] = first_sample + n;
    std::construct_at(tile + n, Solving<S, Memory>{numbers[n], current.sample(n).data(), value.sample(n).data(),
                                                   z.sample(n).data(), memory, memory,
                                                   Watch(reference != nullptr ? reference + n : nullptr,
                                                         static_cast<double>(std::numeric_limits<S>::epsilon()))});
  }
  std::copy_n(z.data(), z.size(), current.data());
  for (Index n = 0; n < samples; ++n) project(method, current.sample(n));

  std::int64_t step = 0;
  for (Index active = samples; active > 0; ++step) {
    evaluate<S>(f, current.samples(0, active), value.samples(0, active),
                std::span<const Index>(numbers, static_cast<std::size_t>(active)), step);
    Index slot = 0, kept = active;  // slots [0, slot) are done with and stay; [kept, active) have left
    while (slot < kept) {
      Solving<S, Memory>& s = tile[slot];
      SampleResult& result = results[static_cast<std::size_t>(s.number - first_sample)];
      if (go_on(f, s, one, size, method, stop, result, observers...)) {
        ++slot;
        continue;
      }
      result.evaluations = s.watch.evaluations();
      result.iterations = s.watch.steps();
      result.residual = s.watch.residual(stop);
      result.retries = s.watch.retries() + s.watch.failed_trials();
      --kept;
      if (slot < kept) {  // the last one moves into the gap, and is looked at next
        S *const z_here = s.z, *const f_here = s.f;
        s = tile[kept];
        s.z = std::copy_n(s.z, size.here(), z_here) - size.here();
        s.f = std::copy_n(s.f, size.here(), f_here) - size.here();
        numbers[slot] = s.number;
      }
    }
    active = kept;
  }
}

/// Calls body(i) for i in [0, tiles): one after the other on this thread, or on several.
template <bool in_order, class Body>
void for_tiles(Index tiles, const Body& body) {
  if constexpr (in_order) {
    for (Index i = 0; i < tiles; ++i) body(i);
  } else {
    parallel_for(tiles, body);
  }
}

/// Samples in a tile: some tens of columns where a sample is small, so that the products of f are matrix products and
/// yet all columns stay in cache; one where it is a grid.
template <class S>
[[nodiscard]] Index samples_per_tile(const Shape& shape) {
  const Index bytes = std::max<Index>(1, shape.sample_size() * static_cast<Index>(sizeof(S)));
  return std::clamp<Index>(Index{32768} / bytes, 1, 64);
}

}  // namespace detail

/// Solves one tile on the calling thread, with all its samples in lockstep. z is the start and becomes the best
/// iterate of each sample; results[n] is what happened to sample n. All memory comes from Scratch at the start.
/// With `reference`, one number >= 0 a sample, it has converged if |f(z) - z| <= stop.tolerance * reference[n], without
/// an absolute part, and residuals are |f(z) - z| / reference[n]: an adjoint equation is solved relative to the
/// incoming gradient, in the norm of stop. The sample numbers that f sees count from 0. Throws std::invalid_argument if
/// stop or method make no sense or results has the wrong length.
template <class S, class Map, FixedPointMethod<S> Method, class... Observers>
void solve_tile(const Map& f, View<S> z, const Method& method, const Stop& stop, std::span<SampleResult> results,
                const double* reference = nullptr, Observers&&... observers) {
  detail::check_stop(stop, z.shape().sample_size());
  check(results.size() == static_cast<std::size_t>(z.samples()), "number of results", results.size(), z.samples());
  detail::run_tile<S>(f, z, method, stop, results, reference, 0, observers...);
}

/// Solves z = f(z) for each sample of a batch, from z0.
///
/// f(View<const S> z, View<S> out), or f(z, out, std::span<const Index> samples), writes f(z) for the samples it is
/// given: any subset of the batch, where sample i of z is number samples[i] of the batch. Several threads call it at
/// once. It may have a member linearize, for methods that want derivatives (fixed_point/sample_map.hpp). z0 is a View,
/// a State, an Eigen matrix (features, samples) or an Eigen tensor (features, space..., samples), and a good guess is
/// worth its evaluations.
///
/// A map whose samples are split over processes has a member extent (linear/extent.hpp); its tiles are solved one after
/// the other by the calling thread.
///
/// Observers are called with a `const Iterate<S>&` for every finite f(z) of every sample and return nothing, or false
/// to end that sample (Status::interrupted). With observers the tiles run in order on the calling thread; the results
/// are the same.
///
/// A sample whose f(z0) is not finite keeps z0, with Status::non_finite and an infinite residual.
/// Throws std::invalid_argument if stop or method make no sense.
template <class Map, class Start, class Method, class... Observers>
requires FixedPointMethod<Method>
[[nodiscard]] auto solve(const Map& f, const Start& z0, const Method& method, const Stop& stop = {},
                         Observers&&... observers) {
  const auto start = view(z0);
  using S = std::remove_const_t<std::remove_pointer_t<decltype(start.data())>>;
  detail::check_stop(stop, start.shape().sample_size());
  Solution<S> solution{State<S>(View<const S>(start)), {}};
  const Shape shape = start.shape();
  solution.samples.resize(static_cast<std::size_t>(shape.samples));
  const Index per_tile = detail::is_split<Map> ? 1 : detail::samples_per_tile<S>(shape);
  const Index tiles = (shape.samples + per_tile - 1) / per_tile;
  const auto tile = [&](Index t) {
    const Index first = t * per_tile, count = std::min(per_tile, shape.samples - first);
    const auto results =
        std::span(solution.samples).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
    detail::run_tile<S>(f, solution.value.view().samples(first, count), method, stop, results, nullptr, first,
                        observers...);
  };
  detail::for_tiles<(sizeof...(Observers) > 0 || detail::is_split<Map>)>(tiles, tile);
  return solution;
}

}  // namespace basin
