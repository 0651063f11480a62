#pragma once

// The map as one sample of a solve sees it: what a method that does more than mix is given for its step.
//
//   map.left()                        evaluations that this sample may still make
//   map(z, out) -> bool               out = f(z) at any point z; false, and out is not touched, if none is left
//   map.count_failed_trial()          for the report: f was not finite where the method tried it
//   map.forcing(wanted)               how far a Newton equation is worth solving
//   map.linearize(z, f) -> linear     the derivative J = df/dz at z, where f = f(z) is known. Needs left() >= 1
//     linear.jvp(t, out) -> bool      out = J t
//     linear.vjp(w, out) -> bool      out = J^T w; there only if the map says so (linear.has_vjp)
//     linear.precondition(v, out)     out = about (I - J)^-1 v; there only if the map has one (linear.has_precondition)
//   map.through(other)                the same sample and counts, of another map
//   map.inner()                       the map as the caller of solve gave it
//   map.extent()                      how many numbers the sample has, to complete sums by (linear/extent.hpp)
//
// z, out and the rest are std::span of one sample. Each evaluation of f and each product counts as one evaluation of
// the sample. Nothing here checks that values are finite.
//
// J comes from the map where it has
//
//   f.linearize(View<const S> z, std::span<const Index> samples)   an object with jvp(View<const S> t, View<S> out)
//                                                                  and, if it likes, vjp(w, out); sample i of z is
//                                                                  number samples[i] of the batch
//
// which counts as one evaluation, for it evaluates f in most cases. precondition is what the caller knows of the
// inverse of I - J, linear and the same each time; it counts as nothing. Any other map gets a forward difference,
//
//   J t = (f(z + h t) - f(z)) / h        h = sqrt(epsilon) (1 + |z|) / |t|
//
// (Brown and Saad 1990, SIAM J. Sci. Stat. Comput. 11(3); Knoll and Keyes 2004, J. Comput. Phys. 193, section 2.2) with
// the epsilon of the scalar and Euclidean norms: about half of the digits of J t are right where z and f(z) are of the
// order of 1 or of |z|.

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <span>

#include "basin/core/scratch.hpp"
#include "basin/linear/vector_passes.hpp"

namespace basin {

/// A map that gives its own derivative. See above.
template <class Map, class S>
concept LinearizableMap = requires(const Map& f, View<const S> z, View<S> out, std::span<const Index> samples) {
  f.linearize(z, samples).jvp(z, out);
};

namespace detail {

/// f as the caller wrote it: of (z, out), or of (z, out, sample numbers). A map may be another one at each step, where
/// steps are all that it is asked for: of (z, out, sample numbers, step). All samples of a tile are at the same step,
/// as they are under Picard iteration without retries.
template <class S, class Map>
void evaluate(const Map& f, View<const S> z, View<S> out, std::span<const Index> samples,
              [[maybe_unused]] std::int64_t step = 0) {
  if constexpr (std::invocable<const Map&, View<const S>, View<S>, std::span<const Index>, std::int64_t>) {
    f(z, out, samples, step);
  } else if constexpr (std::invocable<const Map&, View<const S>, View<S>, std::span<const Index>>) {
    static_cast<void>(f(z, out, samples));
  } else if constexpr (std::invocable<const Map&, View<const S>, View<S>>) {
    static_cast<void>(f(z, out));
  } else {
    static_assert(never<Map>,
                  "a map is called as f(View<const S> z, View<S> out), with S the scalar of the start, or with the "
                  "sample numbers as a third argument, std::span<const Index>");
  }
}

/// The evaluations of a sample, and how many it may make.
struct Budget {
  int* used;
  int most;

  [[nodiscard]] int left() const { return most - *used; }
  [[nodiscard]] bool spend() const {
    if (*used >= most) return false;
    ++*used;
    return true;
  }
};

/// The derivative that a map gives.
template <class S, class Linear>
struct GivenLinearization {
  static constexpr bool has_vjp = requires(const Linear& linear, View<const S> w, View<S> out) { linear.vjp(w, out); };
  static constexpr bool has_precondition = requires(const Linear& linear, View<const S> v, View<S> out) {
    linear.precondition(v, out);
  };

  Budget budget;
  Shape shape;
  Linear linear;

  [[nodiscard]] bool jvp(std::span<const S> t, std::span<S> out) const {
    if (!budget.spend()) return false;
    static_cast<void>(linear.jvp(View<const S>(t.data(), shape), View<S>(out.data(), shape)));
    return true;
  }
  [[nodiscard]] bool vjp(std::span<const S> w, std::span<S> out) const requires has_vjp {
    if (!budget.spend()) return false;
    static_cast<void>(linear.vjp(View<const S>(w.data(), shape), View<S>(out.data(), shape)));
    return true;
  }
  void precondition(std::span<const S> v, std::span<S> out) const requires has_precondition {
    static_cast<void>(linear.precondition(View<const S>(v.data(), shape), View<S>(out.data(), shape)));
  }
};

/// Forward differences.
template <class S, class SampleMap>
class DifferenceLinearization {
 public:
  static constexpr bool has_vjp = false, has_precondition = false;

  DifferenceLinearization(const SampleMap& map, std::span<const S> z, std::span<const S> f)
      : map_(map),
        z_(z),
        f_(f),
        step_(std::sqrt(static_cast<double>(std::numeric_limits<S>::epsilon())) * (1 + norm(z.data(), map.extent()))) {}

  [[nodiscard]] bool jvp(std::span<const S> t, std::span<S> out) const {
    const Index size = static_cast<Index>(t.size());
    const double length = norm(t.data(), map_.extent());
    if (length == 0) {
      VectorMap<S>(out.data(), size).setZero();
      return true;
    }
    Scratch scratch;
    S* const near = scratch.take<S>(size);
    const double h = step_ / length;
    VectorMap<S>(near, size) =
        ConstVectorMap<S>(z_.data(), size) + static_cast<S>(h) * ConstVectorMap<S>(t.data(), size);
    if (!map_(std::span<const S>(near, t.size()), out)) return false;
    VectorMap<S> result(out.data(), size);
    result = (result - ConstVectorMap<S>(f_.data(), size)) / static_cast<S>(h);
    return true;
  }

 private:
  const SampleMap& map_;
  std::span<const S> z_, f_;
  double step_;
};

}  // namespace detail

/// See above. Made by the loop; refers to the map and to the count of the sample.
template <class S, class Map>
class SampleMap {
 public:
  /// shape: of one sample; number: which it is, for the map; used: its count of evaluations; most: its limit;
  /// failed_trials: its count of points where f was not finite, null if nobody asks; needed: the part of the Euclidean
  /// |f(z) - z| at the iterate that suffices for the stop test, 0 if that is not known.
  SampleMap(const Map& f, const Shape& shape, const Index* number, int* used, int most, int* failed_trials = nullptr,
            double needed = 0)
      : f_(f),
        shape_(shape),
        extent_(detail::extent_of(f, shape)),
        number_(number, 1),
        budget_{used, most},
        failed_trials_(failed_trials),
        needed_(needed) {}

  /// Evaluations that this sample may still make.
  [[nodiscard]] int left() const { return budget_.left(); }

  /// The map as the caller of solve gave it.
  [[nodiscard]] const Map& inner() const { return f_; }

  /// Of the sample, to complete sums by.
  [[nodiscard]] const Extent& extent() const { return extent_; }

  /// The same sample and counts, of another map, which the result refers to.
  template <class Other>
  [[nodiscard]] SampleMap<S, Other> through(const Other& other) const {
    return {other, shape_, number_.data(), budget_.used, budget_.most, failed_trials_, needed_};
  }

  /// `wanted`, but no less than half of what the stop test asks for: a Newton equation that is solved further than that
  /// costs products and saves no step (Kelley 1995, Iterative Methods for Linear and Nonlinear Equations, section 6.3).
  [[nodiscard]] double forcing(double wanted) const { return std::max(wanted, 0.5 * needed_); }

  /// Counts a trial point where f was not finite, for the report: SampleResult::retries.
  void count_failed_trial() const {
    if (failed_trials_ != nullptr) ++*failed_trials_;
  }

  /// out = f(z), which counts as one evaluation. False, and out is not touched, if none is left.
  [[nodiscard]] bool operator()(std::span<const S> z, std::span<S> out) const {
    if (!budget_.spend()) return false;
    detail::evaluate<S>(f_, View<const S>(z.data(), shape_), View<S>(out.data(), shape_), number_);
    return true;
  }

  /// The result refers to z, f and this. Throws std::invalid_argument if no evaluation is left.
  [[nodiscard]] auto linearize(std::span<const S> z, std::span<const S> f) const {
    check(left() >= 1, "number of evaluations left to linearize with", left(), "1 or more");
    if constexpr (LinearizableMap<Map, S>) {
      using Linear = decltype(f_.linearize(View<const S>{}, number_));
      static_cast<void>(budget_.spend());
      return detail::GivenLinearization<S, Linear>{budget_, shape_,
                                                   f_.linearize(View<const S>(z.data(), shape_), number_)};
    } else {
      return detail::DifferenceLinearization<S, SampleMap>(*this, z, f);
    }
  }

 private:
  const Map& f_;
  Shape shape_;
  Extent extent_;
  std::span<const Index> number_;
  detail::Budget budget_;
  int* failed_trials_;
  double needed_;
};

}  // namespace basin
