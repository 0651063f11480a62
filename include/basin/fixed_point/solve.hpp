#pragma once

// The one loop that iterates to a fixed point z = f(z), and decides when to stop.
//
// Every sample is its own problem: its own residual, stop, status and best iterate. A sample that has ended is frozen
// and leaves the working set, so that f is called on what is left. The batch is a parallel-for over tiles of samples,
// each tile small enough to stay in cache for its whole solve; the partition does not depend on the number of threads,
// and nothing couples samples except the matrix products of f itself.
//
// Returned is the iterate z of the lowest residual that was measured, not f(z): the residual belongs to the value.

#include <algorithm>
#include <cmath>
#include <concepts>
#include <limits>
#include <memory>
#include <span>
#include <type_traits>

#include "basin/core/parallel.hpp"
#include "basin/core/scratch.hpp"
#include "basin/core/status.hpp"
#include "basin/fixed_point/method.hpp"
#include "basin/linear/vector_passes.hpp"

namespace basin {

/// How the distance from the fixed point is measured; |.| is the Euclidean norm over one sample.
enum class Measure {
  relative,  ///< |f(z) - z| / |f(z)|
  absolute,  ///< |f(z) - z|
};

/// When the solve of a sample ends, other than by a NaN, an infinity or an observer.
struct Stop {
  double tolerance = 1e-3;  ///< converged: residual <= tolerance
  Measure measure = Measure::relative;
  int max_evaluations = 40;  ///< of f, for each sample; at least 1
  /// Stalled: so many evaluations in a row did not bring the best residual below stall_factor times what it was before
  /// them. With the defaults, slower than a thousandth in 50 evaluations; a method may wander for that long (Broyden's
  /// may need twice the number of unknowns). 0: never.
  int stall_window = 50;
  double stall_factor = 0.999;  ///< in (0, 1]
  /// Diverged: |f(z) - z| exceeds so many times the larger of |f(z0) - z0| and |f(z0)|. The second is there for a
  /// start that is all but a fixed point, an unstable one perhaps: leaving it is no divergence. Infinity: never.
  double divergence_factor = 1e6;  ///< above 1
};

/// What an observer sees of one sample: z and f(z), before the step that follows.
template <class S>
struct Iterate {
  Index sample;     ///< number within the batch
  int iteration;    ///< steps taken so far: 0 at the start
  int evaluations;  ///< of f so far
  double residual;  ///< of z, as the stop test measures it
  View<const S> z;
  View<const S> f_z;
};

namespace detail {

inline void check_stop(const Stop& stop) {
  check(stop.tolerance >= 0 && std::isfinite(stop.tolerance), "tolerance of Stop", stop.tolerance,
        "a finite number, 0 or more");
  check(stop.max_evaluations >= 1, "max_evaluations of Stop", stop.max_evaluations, "1 or more");
  check(stop.stall_window >= 0, "stall_window of Stop", stop.stall_window, "0 (never) or more");
  check(stop.stall_factor > 0 && stop.stall_factor <= 1, "stall_factor of Stop", stop.stall_factor,
        "a number in (0, 1]");
  check(stop.divergence_factor > 1, "divergence_factor of Stop", stop.divergence_factor, "a number above 1");
}

/// f as the caller wrote it: of (z, out), or of (z, out, sample numbers).
template <class S, class Map>
void evaluate(const Map& f, View<const S> z, View<S> out, std::span<const Index> samples) {
  if constexpr (std::invocable<const Map&, View<const S>, View<S>, std::span<const Index>>) {
    static_cast<void>(f(z, out, samples));
  } else {
    static_assert(std::invocable<const Map&, View<const S>, View<S>>,
                  "a map is called as f(View<const S> z, View<S> out), with S the scalar of the start, or with the "
                  "sample numbers as a third argument, std::span<const Index>");
    static_cast<void>(f(z, out));
  }
}

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

/// The stop tests of one sample.
class Watch {
 public:
  explicit Watch(const double* reference) : reference_(reference) {}

  /// |f - z| in the measure of the stop test.
  [[nodiscard]] double measure(const ResidualNorms& norms, const Stop& stop) const {
    if (reference_ == nullptr && stop.measure == Measure::absolute) return norms.residual;
    const double scale = reference_ != nullptr ? *reference_ : norms.value;
    return norms.residual == 0 ? 0.0 : norms.residual / scale;
  }

  /// True if this is the best residual so far. Call it once for each evaluation.
  bool improves(double residual, const Stop& stop) {
    ++since_mark_;
    const bool better = evaluations_++ == 0 || residual < best_;
    if (better) best_ = residual;
    if (evaluations_ == 1 || best_ < stop.stall_factor * mark_) {
      mark_ = best_;
      since_mark_ = 0;
    }
    return better;
  }

  /// True if the sample ends here; then `status` says how.
  [[nodiscard]] bool ends(const ResidualNorms& norms, const Stop& stop, bool interrupted, Status& status) {
    if (evaluations_ == 1) start_scale_ = std::max(norms.residual, norms.value);
    if (best_ <= stop.tolerance) {
      status = Status::converged;
    } else if (interrupted) {
      status = Status::interrupted;
    } else if (norms.residual > stop.divergence_factor * start_scale_) {
      status = Status::diverged;
    } else if (stop.stall_window > 0 && since_mark_ >= stop.stall_window) {
      status = Status::stalled;
    } else if (evaluations_ >= stop.max_evaluations) {
      status = Status::max_iterations;
    } else {
      return false;
    }
    return true;
  }

  [[nodiscard]] int evaluations() const { return evaluations_; }
  [[nodiscard]] double best() const { return best_; }
  void count_failed_evaluation() { ++evaluations_; }

 private:
  const double* reference_;
  double best_ = std::numeric_limits<double>::infinity();
  double mark_ = 0;  // the best residual when it last fell enough
  int since_mark_ = 0;
  int evaluations_ = 0;
  double start_scale_ = 0;
};

/// |f - z| and |f|, which a method may find on its way.
template <class S, class Method, class Memory>
ResidualNorms take_in(const Method& method, Memory& memory, View<const S> z, View<const S> f) {
  const auto span = [](View<const S> v) { return std::span<const S>(v.data(), static_cast<std::size_t>(v.size())); };
  if constexpr (requires { method.take_in(memory, span(z), span(f)); }) {
    return method.take_in(memory, span(z), span(f));
  } else {
    return residual_norms(z.data(), f.data(), z.size());
  }
}

template <class S, class Map, class Method, class... Observers>
void run_tile(const Map& f, View<S> z, const Method& method, const Stop& stop, std::span<SampleResult> results,
              const double* reference, Index first_sample, Observers&... observers) {
  using Memory = decltype(method.template start<S>(Index{}, std::declval<Scratch&>()));
  const Shape& shape = z.shape();
  const Index samples = shape.samples, size = shape.sample_size();
  Scratch scratch;
  const View<S> current = scratch.state<S>(shape), value = scratch.state<S>(shape);
  Index* const numbers = scratch.take<Index>(samples);
  Watch* const watches = scratch.take<Watch>(samples);
  Memory* const memories = scratch.take<Memory>(samples);
  for (Index n = 0; n < samples; ++n) {
    numbers[n] = first_sample + n;
    std::construct_at(watches + n, reference != nullptr ? reference + n : nullptr);
    std::construct_at(memories + n, method.template start<S>(size, scratch));
  }
  std::copy_n(z.data(), z.size(), current.data());

  for (Index active = samples; active > 0;) {
    evaluate<S>(f, current.samples(0, active), value.samples(0, active),
                std::span<const Index>(numbers, static_cast<std::size_t>(active)));
    Index slot = 0, kept = active;  // slots [0, slot) are done with and stay; [kept, active) have left
    while (slot < kept) {
      const View<S> z_n = current.sample(slot), f_n = value.sample(slot);
      Watch& watch = watches[slot];
      const Index n = numbers[slot] - first_sample;
      SampleResult& result = results[static_cast<std::size_t>(n)];
      const ResidualNorms norms = take_in<S>(method, memories[slot], z_n, f_n);
      bool ended = true;
      if (!norms.finite()) {
        watch.count_failed_evaluation();
        result.status = Status::non_finite;
      } else {
        const double residual = watch.measure(norms, stop);
        if (watch.improves(residual, stop)) std::copy_n(z_n.data(), size, z.sample(n).data());
        const bool go_on = observed(
            Iterate<S>{numbers[slot], watch.evaluations() - 1, watch.evaluations(), residual, z_n, f_n}, observers...);
        ended = watch.ends(norms, stop, !go_on, result.status);
      }
      if (!ended) {
        method.step(memories[slot], std::span<S>(z_n.data(), static_cast<std::size_t>(size)),
                    std::span<const S>(f_n.data(), static_cast<std::size_t>(size)));
        ++slot;
        continue;
      }
      result.evaluations = watch.evaluations();
      result.iterations = watch.evaluations() - 1;
      result.residual = watch.best();
      --kept;
      if (slot < kept) {  // the last one moves into the gap, and is looked at next
        std::copy_n(current.sample(kept).data(), size, z_n.data());
        std::copy_n(value.sample(kept).data(), size, f_n.data());
        numbers[slot] = numbers[kept];
        watches[slot] = watches[kept];
        memories[slot] = memories[kept];
      }
    }
    active = kept;
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
/// With `reference`, one number >= 0 a sample, residuals are |f(z) - z| / reference[n] whatever stop.measure says: an
/// adjoint equation is solved relative to the incoming gradient. The sample numbers that f sees count from 0.
/// Throws std::invalid_argument if stop or method make no sense or results has the wrong length.
template <class S, class Map, FixedPointMethod<S> Method, class... Observers>
void solve_tile(const Map& f, View<S> z, const Method& method, const Stop& stop, std::span<SampleResult> results,
                const double* reference = nullptr, Observers&&... observers) {
  detail::check_stop(stop);
  check(results.size() == static_cast<std::size_t>(z.samples()), "number of results", results.size(), z.samples());
  detail::run_tile<S>(f, z, method, stop, results, reference, 0, observers...);
}

/// Solves z = f(z) for each sample of a batch, from z0.
///
/// f(View<const S> z, View<S> out), or f(z, out, std::span<const Index> samples), writes f(z) for the samples it is
/// given: any subset of the batch, where sample i of z is number samples[i] of the batch. Several threads call it at
/// once. z0 is a View, a State, an Eigen matrix (features, samples)
/// or an Eigen tensor (features, space..., samples), and a good guess is worth its evaluations.
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
  detail::check_stop(stop);
  Solution<S> solution{State<S>(View<const S>(start)), {}};
  const Shape shape = start.shape();
  solution.samples.resize(static_cast<std::size_t>(shape.samples));
  const Index per_tile = detail::samples_per_tile<S>(shape);
  const Index tiles = (shape.samples + per_tile - 1) / per_tile;
  const auto tile = [&](Index t) {
    const Index first = t * per_tile, count = std::min(per_tile, shape.samples - first);
    const auto results =
        std::span(solution.samples).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
    detail::run_tile<S>(f, solution.value.view().samples(first, count), method, stop, results, nullptr, first,
                        observers...);
  };
  if constexpr (sizeof...(Observers) > 0) {
    for (Index t = 0; t < tiles; ++t) tile(t);
  } else {
    parallel_for(tiles, tile);
  }
  return solution;
}

}  // namespace basin
