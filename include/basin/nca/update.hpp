#pragma once

// How a rule's answer r becomes the new state z~ of a cell that fires, with `factor` from the fire mask (1, or the rate
// of a mean field). Features are counted from 0; C is the number of the state's features.
//
//   Increment<First>          z~ = z + factor r on the features from First on, those before stay   (r has C - First)
//                            with noise: r + sigma e, e of mean 0 and variance 1 a feature, another at each step
//                            (where the step stands still, as in a solve, a constant)
//   Replace                  z~ = r: classical automata                                            (r has C)
//   ClippedIncrement          z~ = min(1, max(0, z + factor rate r)): Lenia                         (r has C)
//   Relax                    z~ = z + factor rate (r - z): its fixed points are those of z = r(z)  (r has C)
//
// An update has, for one cell:
//   next(z, r, factor, out)              z~
//   push(z, r, tz, tr, factor, out)      its directional derivative
//   pull(z, r, w, factor, wz, wr)        its transpose at w: both overwritten

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "basin/core/check.hpp"
#include "basin/core/context.hpp"
#include "basin/core/random.hpp"

namespace basin {

namespace detail {

/// Streams of random numbers that no other use has (core/random.hpp), one for each step.
inline constexpr std::uint64_t noise_streams = std::uint64_t{1} << 63;

}  // namespace detail

template <int First = 0>
struct Increment {
  static_assert(First >= 0, "Increment: the first feature cannot be negative");
  template <int C>
  static constexpr int answers = C - First;

  double noise = 0;        ///< sigma of what is added to r
  std::uint64_t seed = 0;  ///< of the noise

  template <int C, class S>
  void next(const S* z, const S* r, S factor, S* out) const {
    for (int c = 0; c < First; ++c) out[c] = z[c];
    for (int c = First; c < C; ++c) out[c] = z[c] + factor * r[c - First];
  }
  template <int C, class S>
  void push(const S*, const S*, const S* tz, const S* tr, S factor, S* out) const {
    next<C>(tz, tr, factor, out);
  }
  template <int C, class S>
  void pull(const S*, const S*, const S* w, S factor, S* wz, S* wr) const {
    for (int c = 0; c < C; ++c) wz[c] = w[c];
    for (int c = First; c < C; ++c) wr[c - First] = factor * w[c];
  }

  /// Adds the noise of one cell, of the state's sample i, to r: a function of (seed, draw, step, sample, cell). Each
  /// number is the centred sum of four uniform ones (Irwin and Hall 1927): close to normal, and never above 3.47 sigma.
  template <int C, class S>
  void add_noise(const Context& context, Index i, Index cell, S* r) const {
    static_assert(C - First <= 128, "Increment: noise is for 128 features at most");
    // An index has 6 bits for the number, 40 for the cell and the lowest 18 for the sample, whose others make a seed.
    const auto sample = static_cast<std::uint64_t>(context.sample(i));
    const Random numbers{fold_in(seed, fold_in(context.draw, sample >> 18)),
                         static_cast<std::uint64_t>(context.step) ^ detail::noise_streams};
    const std::uint64_t place = sample << 46 | static_cast<std::uint64_t>(context.cell(cell)) << 6;
    const double scale = noise * std::sqrt(3.0) / 65536;  // a uniform number of 16 bits has variance 2^32 / 12
    for (int c = 0; c < C - First; c += 2) {
      const PhiloxCounter words = numbers.words(place + static_cast<std::uint64_t>(c / 2));
      for (int k = 0; k < std::min(2, C - First - c); ++k) {
        const std::uint32_t a = words[static_cast<std::size_t>(2 * k)], b = words[static_cast<std::size_t>(2 * k + 1)];
        const auto sum = static_cast<std::int64_t>((a & 0xffff) + (a >> 16) + (b & 0xffff) + (b >> 16));
        r[c + k] += static_cast<S>(scale * static_cast<double>(sum - 2 * 65535));
      }
    }
  }
};

struct Replace {
  template <int C>
  static constexpr int answers = C;

  template <int C, class S>
  void next(const S*, const S* r, S, S* out) const {
    std::copy_n(r, C, out);
  }
  template <int C, class S>
  void push(const S*, const S*, const S*, const S* tr, S, S* out) const {
    std::copy_n(tr, C, out);
  }
  template <int C, class S>
  void pull(const S*, const S*, const S* w, S, S* wz, S* wr) const {
    std::fill_n(wz, C, S(0));
    std::copy_n(w, C, wr);
  }
};

struct ClippedIncrement {
  template <int C>
  static constexpr int answers = C;

  double rate = 0.1;  ///< of time: dt

  template <int C, class S>
  void next(const S* z, const S* r, S factor, S* out) const {
    const S dt = factor * static_cast<S>(rate);
    for (int c = 0; c < C; ++c) out[c] = std::min(std::max(z[c] + dt * r[c], S(0)), S(1));  // lets NaN through
  }
  template <int C, class S>
  void push(const S* z, const S* r, const S* tz, const S* tr, S factor, S* out) const {
    const S dt = factor * static_cast<S>(rate);
    for (int c = 0; c < C; ++c) out[c] = clipped(z[c] + dt * r[c]) ? S(0) : tz[c] + dt * tr[c];
  }
  template <int C, class S>
  void pull(const S* z, const S* r, const S* w, S factor, S* wz, S* wr) const {
    const S dt = factor * static_cast<S>(rate);
    for (int c = 0; c < C; ++c) {
      wz[c] = clipped(z[c] + dt * r[c]) ? S(0) : w[c];
      wr[c] = dt * wz[c];
    }
  }

 private:
  template <class S>
  static bool clipped(S value) {
    return value < S(0) || value > S(1);
  }
};

struct Relax {
  template <int C>
  static constexpr int answers = C;

  double rate = 1;  ///< above 0, and at most 1 where it is to approach r without passing it

  template <int C, class S>
  void next(const S* z, const S* r, S factor, S* out) const {
    const S step = factor * static_cast<S>(rate);
    for (int c = 0; c < C; ++c) out[c] = z[c] + step * (r[c] - z[c]);
  }
  template <int C, class S>
  void push(const S*, const S*, const S* tz, const S* tr, S factor, S* out) const {
    next<C>(tz, tr, factor, out);
  }
  template <int C, class S>
  void pull(const S*, const S*, const S* w, S factor, S* wz, S* wr) const {
    const S step = factor * static_cast<S>(rate);
    for (int c = 0; c < C; ++c) {
      wz[c] = (S(1) - step) * w[c];
      wr[c] = step * w[c];
    }
  }
};

namespace detail {

/// Sigma of an update's noise: 0 of one that has none.
template <class Update>
[[nodiscard]] double noise_of(const Update& update) {
  if constexpr (requires { update.noise; }) {
    check(update.noise >= 0, "noise of an automaton's update", update.noise, "0 or more");
    return update.noise;
  } else {
    return 0;
  }
}

/// The same update without noise.
template <class Update>
[[nodiscard]] Update without_noise(Update update) {
  if constexpr (requires { update.noise; }) update.noise = 0;
  return update;
}

/// Adds the noise of one cell to r, if the update has any.
template <int C, class Update, class S>
void add_noise(const Update& update, const Context& context, Index i, Index cell, S* r) {
  if constexpr (requires { update.noise; }) {
    if (update.noise > 0) update.template add_noise<C>(context, i, cell, r);
  }
}

}  // namespace detail

}  // namespace basin
