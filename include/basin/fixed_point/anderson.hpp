#pragma once

// Anderson acceleration, type II, on differences. (Longer than other headers, as its passes over the vectors it keeps
// are written out for each number of differences.)
//
// With r_i = f(z_i) - z_i and the damped Picard step m_i = z_i + damping r_i of the last k + 1 <= window + 1 iterates,
//
//   z_{k+1} = m_k - M gamma        M = (m_1 - m_0, ..., m_k - m_{k-1})
//   gamma   = argmin |r_k - D gamma|        D = (r_1 - r_0, ..., r_k - r_{k-1}) = Q R
//
// that is z_{k+1} = sum alpha_i m_i with sum alpha_i = 1 and |sum alpha_i r_i| least (fixed_point/mixing.hpp). Taking
// differences of m, not of z or f, gives every damping with one array besides that of r.
//
// Of the factorisation only R is kept and updated. What it needs of the vectors are inner products of D with the newest
// difference and residual, and once more, in double, with what is left of a difference that lies almost in the span of
// the others. Kept are r and m themselves; the differences are made again where they are used. So an iteration reads z,
// f and the kept r once, with all norms and inner products on the way, writes one r and one m, and mixes in one more
// pass over the kept m: what it costs is memory traffic.
//
// Columns leave, oldest first, while the condition number of R exceeds max_condition; a difference too small to mean
// anything is not taken up, and where a step led back to where it began, which mixes can do before they have converged,
// the history begins anew. Where the squares of residuals are out of the range of double, a step is Picard's.
//
// Depth and damping may be chosen at each step from what the step is worth: its gain |r_k - D gamma| / |r_k|, which is
// sqrt(1 - |Q^T r_k|^2 / |r_k|^2). A damping b of one step gives z_{k+1} = m_k - M gamma + (b - damping) (r_k - D
// gamma). The safeguard undoes a mix that was no good: where |r_{k+1}| > max_rise |r_k|, the next iterate is m_k, which
// is still held, and z_{k+1} is forgotten.
//
// Anderson 1965, J. ACM 12(4); Walker and Ni 2011, SIAM J. Numer. Anal. 49(4); Fang and Saad 2009, Numer. Linear
// Algebra Appl. 16; the gain: Evans, Pollock, Rebholz and Xiao 2020, SIAM J. Numer. Anal. 58(1); delay, depth and
// damping as it goes: the user guide of SUNDIALS KINSOL 7. Memory of a sample: 2 window + 2 vectors.

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <span>
#include <string_view>
#include <utility>

#include "basin/core/scratch.hpp"
#include "basin/fixed_point/mixing.hpp"
#include "basin/linear/vector_passes.hpp"

namespace basin {

/// A mix that Anderson is about to make, for what chooses its depth or its damping.
struct AndersonMix {
  int steps;             ///< of this sample before this one, since the method last began
  int differences;       ///< that the mix is made of
  double residual;       ///< |r| of the newest iterate
  double last_residual;  ///< |r| of the one before; 0 if there is none
  double gain;           ///< |r - D gamma| / |r| without a ridge, in [0, 1]: 1 where there is nothing to mix
};

/// A damping that grows where mixing is worth much: 0.9 - gain / 2. See the choose_damping of Anderson.
[[nodiscard]] inline double damping_by_gain(const AndersonMix& mix) { return 0.9 - 0.5 * mix.gain; }

/// window: differences held at most.
template <int window = 5>
struct Anderson {
  static_assert(window >= 1, "Anderson's window is the number of differences that it holds, at least one");
  static constexpr std::string_view name = "anderson";
  static constexpr bool may_be_moved = true;

  double damping = 1;  ///< above 0; the mixed state is moved by damping times the mixed residual
  /// Above 1; 0.1 / epsilon of the scalar is put in its place if that is less, as it is in float. Far below 1 / epsilon
  /// of double: what a nearly dependent column multiplies is not only rounding but also the curvature of f.
  double max_condition = 1e6;
  /// 0 or more, relative to the mean square of the residuals held. 0.01 halves the evaluations where many slow rates
  /// are spread out (affine, 0.99 in size, at every tolerance), and costs a tenth to a half more on easy problems.
  double ridge = 0;
  int depth = window;  ///< differences held at most, as `window`, but when the program runs; 1 to window
  /// Damped Picard steps before the iterate that differences are first taken from, 0 or more; fewer where one leaves
  /// more than 0.9 of the residual, as each does with a small damping. Differences of the first steps may say little of
  /// the rates to come: with 3 of them Anderson took no more evaluations than Picard on any problem of the exam, to any
  /// tolerance with any depth. On easy problems they cost one to three evaluations.
  int delay = 0;
  /// Above 0; where a mix leads to a residual of more than max_rise times the one before it, the damped Picard step is
  /// taken from there instead. That costs the evaluation. Infinity: never.
  double max_rise = std::numeric_limits<double>::infinity();
  /// If given, how many of the differences the next mix is made of, the newest ones, 0 or more. The others are dropped.
  /// Several threads call this and choose_damping at once.
  std::function<int(const AndersonMix&)> choose_depth{};
  /// If given, the damping of the next mix, finite and above 0, in place of `damping`.
  std::function<double(const AndersonMix&)> choose_damping{};

  template <class S>
  struct Memory {
    S* r;                                   ///< residuals: a ring of window + 1 columns
    S* m;                                   ///< damped Picard steps, likewise
    Index stride;                           ///< between columns
    Extent size;                            ///< of the sample
    int limit;                              ///< differences at most: no more than the sample has numbers
    int newest;                             ///< column
    int steps;                              ///< so far
    bool waits;                             ///< whether the delay lasts
    bool mixed;                             ///< whether the last step mixed, so that it can be undone
    bool begun;                             ///< whether there is an iterate before the newest to take a difference from
    bool taken;                             ///< whether the newest column is of the z and f of the step to come
    bool out_of_range;                      ///< whether their squares overflow or underflow even in double
    double last_squared;                    ///< |r|^2 of the step before
    detail::MixingProblem<window> problem;  ///< R, and Q^T of the newest residual, for gamma (fixed_point/mixing.hpp)
    /// Of the newest r and f, and d = r - the r before: r r, f f, d d, d r, and of each D_j: D_j d, D_j r.
    std::array<double, 4 + 2 * window> products;

    /// Where the column starts that came so many steps before the newest.
    [[nodiscard]] Index column(int before) const { return (newest + window + 1 - before) % (window + 1) * stride; }
  };

  template <class S>
  [[nodiscard]] Memory<S> start(const Extent& size, Scratch& scratch) const {
    check(damping > 0 && std::isfinite(damping), "damping of Anderson", damping, "a finite number above 0");
    check(max_condition > 1, "max_condition of Anderson", max_condition, "a number above 1");
    check(ridge >= 0 && std::isfinite(ridge), "ridge of Anderson", ridge, "a finite number, 0 or more");
    check(depth >= 1, "depth of Anderson", depth, "1 or more");
    check(depth <= window, "depth of Anderson", depth, "at most its window");
    check(delay >= 0, "delay of Anderson", delay, "0 or more");
    check(max_rise > 0, "max_rise of Anderson", max_rise, "a number above 0");
    Memory<S> memory{};
    memory.stride = detail::column_stride<S>(size);
    memory.r = scratch.take<S>(memory.stride * (window + 1));
    memory.m = scratch.take<S>(memory.stride * (window + 1));
    memory.size = size;
    memory.limit = static_cast<int>(std::min<Index>(depth, size.whole()));
    memory.waits = true;
    return memory;
  }

  /// Keeps r and m of z and f = f(z). A step does so itself where this was not called before it.
  template <class S>
  ResidualNorms take_in(Memory<S>& memory, std::span<const S> z, std::type_identity_t<std::span<const S>> f) const {
    const Index size = static_cast<Index>(z.size());
    const int held = memory.begun ? memory.problem.columns() + 1 : 0;
    memory.newest = (memory.newest + 1) % (window + 1);
    memory.taken = true;
    with_static(held, [&]<int columns>() {
      pass<S, columns>(memory, size, z.data(), f.data());
      const auto safe = [&](std::size_t product) { return detail::in_safe_range<S>(memory.products[product]); };
      if constexpr (std::is_same_v<S, float>) {
        if (!safe(0) || !safe(1) || (columns > 0 && !safe(2))) pass<double, columns>(memory, size, z.data(), f.data());
      }
    });
    memory.out_of_range = !detail::in_safe_range<double>(memory.products[0]) || !(memory.products[1] < 1e300);
    if (memory.out_of_range) return detail::residual_norms(z.data(), f.data(), memory.size);
    return {std::sqrt(memory.products[0]), std::sqrt(memory.products[1])};
  }

  template <class S>
  void step(Memory<S>& memory, std::span<S> z, std::type_identity_t<std::span<const S>> f) const {
    const Index size = static_cast<Index>(z.size());
    if (!memory.taken) static_cast<void>(take_in(memory, std::span<const S>(z), f));
    memory.taken = false;
    auto& problem = memory.problem;
    const int steps = memory.steps++;
    if (!memory.out_of_range) {
      const bool slow = memory.last_squared > 0 && memory.products[0] > 0.81 * memory.last_squared;
      memory.waits = memory.waits && steps < delay && !slow;
    }
    if (memory.out_of_range || memory.waits) {  // the damped Picard step, from which the history begins anew
      memory.begun = !memory.out_of_range && steps + 1 < delay;  // the next step may be too slow, and take a difference
      memory.mixed = false;
      memory.last_squared = memory.out_of_range ? 0 : memory.products[0];
      problem.clear();
      std::copy_n(memory.m + memory.column(0), size, z.data());
      return;
    }
    if (memory.mixed && std::sqrt(memory.products[0]) > max_rise * std::sqrt(memory.last_squared)) {
      memory.newest = (memory.newest + window) % (window + 1);
      memory.mixed = false;
      std::copy_n(memory.m + memory.column(0), size, z.data());
      return;
    }
    if (memory.begun && accept(memory, size)) {
      const double limit = std::min(max_condition, 0.1 / static_cast<double>(std::numeric_limits<S>::epsilon()));
      while (problem.columns() > 1 && problem.condition() > limit) problem.drop_oldest();
    }
    AndersonMix about{steps, problem.columns(), std::sqrt(memory.products[0]), std::sqrt(memory.last_squared), 1};
    if (choose_depth) {
      about.gain = gain(memory);
      const int chosen = choose_depth(about);
      check(chosen >= 0, "depth that Anderson's choose_depth chose", chosen, "0 or more");
      while (problem.columns() > chosen) problem.drop_oldest();
    }
    double factor = damping;
    if (choose_damping) {
      about.differences = problem.columns();
      about.gain = gain(memory);
      factor = choose_damping(about);
      check(factor > 0 && std::isfinite(factor), "damping that Anderson's choose_damping chose", factor,
            "a finite number above 0");
    }
    memory.begun = true;
    memory.mixed = problem.columns() > 0;
    memory.last_squared = memory.products[0];
    with_static(problem.columns(), [&]<int columns>() { mix<columns>(memory, size, z.data()); });
    if (factor != damping) add_mixed_residual(memory, size, factor - damping, z.data());
    // Room for the next difference.
    if (problem.columns() == memory.limit) problem.drop_oldest();
  }

 private:
  using Column = typename detail::MixingProblem<window>::Column;

  /// Calls body.operator()<count>().
  template <class Body>
  static void with_static(int count, const Body& body) {
    [&]<int... c>(std::integer_sequence<int, c...>) {
      static_cast<void>(((count == c && (body.template operator()<c>(), true)) || ...));
    }
    (std::make_integer_sequence<int, window + 1>{});
  }

  /// Writes the newest r and m, and products, summed in A, for so many columns held before.
  template <class A, int columns, class S>
  void pass(Memory<S>& memory, Index size, const S* z, const S* f) const {
    constexpr std::size_t count = columns == 0 ? 2 : 2 + 2 * columns;
    S* const r_all = memory.r + memory.column(0);
    S* const m_all = memory.m + memory.column(0);
    std::array<const S*, columns + 1> older{};  // the oldest first
    for (int j = 0; j < columns; ++j) older[static_cast<std::size_t>(j)] = memory.r + memory.column(columns - j);
    std::array<double, count> sums{};
    detail::for_chunks(size, [&](Index first, Index length) {
      const auto terms_at = [&]<int L>(Index i) __attribute__((always_inline)) {
        const Index at = first + i;
        const auto wide = [](const kernels::Lanes<S, L>& v) { return detail::convert<A, L, S>(v); };
        const auto value = kernels::load<L>(f + at), from = kernels::load<L>(z + at), r = value - from;
        kernels::store<L>(r_all + at, r);
        kernels::store<L>(m_all + at, from + kernels::broadcast<L>(static_cast<S>(damping)) * r);
        std::array<kernels::Lanes<A, L>, count> terms;
        terms[0] = wide(r) * wide(r);
        terms[1] = wide(value) * wide(value);
        if constexpr (columns > 0) {
          auto next = kernels::load<L>(older[columns - 1] + at);
          const auto d = wide(r - next);
          terms[2] = d * d;
          terms[3] = d * wide(r);
#pragma GCC unroll 32
          for (int j = columns - 2; j >= 0; --j) {
            const auto column = static_cast<std::size_t>(j);
            const auto before = kernels::load<L>(older[column] + at);
            const auto older_d = wide(next - before);
            terms[4 + 2 * column] = older_d * d;
            terms[5 + 2 * column] = older_d * wide(r);
            next = before;
          }
        }
        return terms;
      };
      detail::add_sums<A>(sums, length, terms_at);
    });
    memory.size.complete(sums);
    std::copy(sums.begin(), sums.end(), memory.products.begin());
  }

  /// Takes the newest difference into the history. False if it says nothing.
  template <class S>
  bool accept(Memory<S>& memory, Index size) const {
    auto& problem = memory.problem;
    const int k = problem.columns();
    const double r_squared = memory.products[0], d_squared = memory.products[2], d_with_r = memory.products[3];
    Column with_d{}, with_r{};
    for (std::size_t j = 0; j < static_cast<std::size_t>(k); ++j) {
      with_d[j] = memory.products[4 + 2 * j];
      with_r[j] = memory.products[5 + 2 * j];
    }
    const Column c = problem.project(with_r);
    problem.set_projection(c);
    problem.set_newest(r_squared);

    // r carries the rounding of f and z: a difference below it is noise. The newest r takes the place of the last.
    constexpr double epsilon = static_cast<double>(std::numeric_limits<S>::epsilon());
    if (!(d_squared > epsilon * epsilon * memory.products[1]) || !(d_squared > 0)) {
      // Where the step led nowhere the same mix would do so again. The damped Picard step does not, but at a fixed
      // point.
      const double moved =
          detail::norm_of_any_size(memory.m + memory.column(0), memory.m + memory.column(1), memory.size);
      if (!(moved > epsilon * std::sqrt(memory.products[1]))) problem.clear();
      std::copy_n(memory.r + memory.column(0), size, memory.r + memory.column(1));
      std::copy_n(memory.m + memory.column(0), size, memory.m + memory.column(1));
      memory.newest = (memory.newest + window) % (window + 1);
      return false;
    }

    Column h = problem.project(with_d);
    Rest rest{d_squared - product(h, h, k), d_with_r - product(h, c, k)};
    // What is left of a cancellation has few digits.
    const double few = std::max(1e-6, std::sqrt(epsilon));
    if (k > 0 && rest.squared < few * d_squared) rest = look_again(memory, size, c, h);
    if (rest.squared > 100 * epsilon * epsilon * d_squared) {
      const double length = std::sqrt(rest.squared);
      problem.append(h, length, rest.with_r / length, memory.last_squared);
    } else {  // dependent on the history to working precision: the new difference replaces all of it
      const double length = std::sqrt(d_squared);
      problem.clear();
      problem.append({}, length, d_with_r / length, memory.last_squared);
    }
    return true;
  }

  /// What is left of a difference, e = d - Q Q^T d.
  struct Rest {
    double squared;  ///< |e|^2
    double with_r;   ///< e^T r
  };

  /// r - the r before, for the residual that came so many steps before the newest, from number `at` on.
  template <int L, class S>
  [[gnu::always_inline]] static kernels::Lanes<double, L> difference(const Memory<S>& memory, int before, Index at) {
    return detail::load_as<double, L>(memory.r + memory.column(before) + at) -
           detail::load_as<double, L>(memory.r + memory.column(before + 1) + at);
  }

  /// The same for a difference that all but lies in the span of the others, where |d|^2 - |h|^2 is rounding: e is made,
  /// and projected once more. Corrects h = Q^T d.
  template <class S>
  static Rest look_again(const Memory<S>& memory, Index size, const Column& c, Column& h) {
    const int k = memory.problem.columns();
    const Column y = memory.problem.combination(h);
    const S* const r = memory.r + memory.column(0);
    // Of e: with itself, with r, and with each difference.
    std::array<std::array<double, 1>, window> with_e{};
    std::array<double, 2> of_e{};
    alignas(64) std::array<double, detail::chunk_size> e;
    detail::for_chunks(size, [&](Index first, Index count) {
      detail::for_lanes<double>(count, [&]<int L>(Index i) {
        auto value = difference<L>(memory, 0, first + i);
        for (int j = 0; j < k; ++j) {
          value -= kernels::broadcast<L>(y[static_cast<std::size_t>(j)]) * difference<L>(memory, k - j, first + i);
        }
        kernels::store<L>(e.data() + i, value);
      });
      detail::add_sums<double>(of_e, count, [&]<int L>(Index i) {
        const auto value = kernels::load<L>(e.data() + i);
        return std::array{value * value, value * detail::load_as<double, L>(r + first + i)};
      });
      for (int j = 0; j < k; ++j) {
        detail::add_sums<double>(with_e[static_cast<std::size_t>(j)], count, [&]<int L>(Index i) {
          return std::array{kernels::load<L>(e.data() + i) * difference<L>(memory, k - j, first + i)};
        });
      }
    });
    std::array<double, window + 2> sums{of_e[0], of_e[1]};
    for (std::size_t j = 0; j < static_cast<std::size_t>(k); ++j) sums[j + 2] = with_e[j][0];
    memory.size.complete(sums);
    Column inner{};
    std::copy_n(sums.begin() + 2, k, inner.begin());
    const Column correction = memory.problem.project(inner);
    for (std::size_t j = 0; j < static_cast<std::size_t>(k); ++j) h[j] += correction[j];
    return {sums[0] - product(correction, correction, k), sums[1] - product(correction, c, k)};
  }

  template <class S>
  static double gain(const Memory<S>& memory) {
    const double held = memory.problem.projection_squared(), all = memory.products[0];
    return all > 0 ? std::sqrt(std::max(0.0, 1 - held / all)) : 1;
  }

  /// z += factor (r_k - D gamma).
  template <class S>
  void add_mixed_residual(const Memory<S>& memory, Index size, double factor, S* z) const {
    const Column gamma = memory.problem.solve(ridge);
    const int k = memory.problem.columns();
    detail::for_chunks(size, [&](Index first, Index count) {
      const auto r = [&](int before) {
        return detail::ConstVectorMap<S>(memory.r + memory.column(before) + first, count);
      };
      detail::VectorMap<S> chunk(z + first, count);
      chunk += static_cast<S>(factor) * r(0);
      for (int j = 0; j < k; ++j) {
        const S part = static_cast<S>(factor * gamma[static_cast<std::size_t>(j)]);
        chunk -= part * (r(k - 1 - j) - r(k - j));
      }
    });
  }

  static double product(const Column& a, const Column& b, int k) {
    double sum = 0;
    for (std::size_t j = 0; j < static_cast<std::size_t>(k); ++j) sum += a[j] * b[j];
    return sum;
  }

  /// z = m_k - M gamma, of so many differences.
  template <int columns, class S>
  void mix(const Memory<S>& memory, Index size, S* z) const {
    const Column gamma = memory.problem.solve(ridge);
    std::array<const S*, columns + 1> m{};  // the oldest first
    for (int j = 0; j <= columns; ++j) m[static_cast<std::size_t>(j)] = memory.m + memory.column(columns - j);
    detail::for_lanes<S>(size, [&]<int L>(Index i) {
      auto next = kernels::load<L>(m[columns] + i);
      auto mixed = next;
#pragma GCC unroll 32
      for (int j = columns - 1; j >= 0; --j) {
        const auto before = kernels::load<L>(m[static_cast<std::size_t>(j)] + i);
        mixed -= kernels::broadcast<L>(static_cast<S>(gamma[static_cast<std::size_t>(j)])) * (next - before);
        next = before;
      }
      kernels::store<L>(z + i, mixed);
    });
  }
};

}  // namespace basin
