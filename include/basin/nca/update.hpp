#pragma once

// How a rule's answer r becomes the new state z~ of a cell that fires, with `factor` from the fire mask (1, the
// rate of a mean field, or 1 / rate of a fire that is rescaled). Features are counted from 0; C is the number of the
// state's features.
//
//   Increment                z~ = z + factor r                                                     (r has C)
//                            with noise: r + sigma e, e of mean 0 and variance 1 a feature, another at each step
//                            (where the step stands still, as in a solve, a constant)
//   Replace                  z~ = r: classical automata                                            (r has C)
//   ClippedIncrement         z~ = min(1, max(0, z + factor rate r)): Lenia                         (r has C)
//   Relax                    z~ = z + factor rate (r - z): its fixed points are those of z = r(z)  (r has C)
//   Keeping<F, Update>       the features of the set F stay as they are (what a cell was told, such as the pixel of a
//                            digit), the others make this update                   (r has what it has for C - |F|)
//
// An update has, for one cell:
//   answers<C>                           numbers of r
//   next(z, r, factor, out)              z~
//   push(z, r, tz, tr, factor, out)      its directional derivative
//   pull(z, r, w, factor, wz, wr)        its transpose at w: both overwritten

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "basin/core/check.hpp"
#include "basin/core/context.hpp"
#include "basin/core/random.hpp"
#include "basin/nca/features.hpp"

namespace basin {

namespace detail {

/// Streams of random numbers that no other use has (core/random.hpp), one for each step.
inline constexpr std::uint64_t noise_streams = std::uint64_t{1} << 63;

}  // namespace detail

struct Increment {
  template <int C>
  static constexpr int answers = C;

  double noise = 0;        ///< sigma of what is added to r
  std::uint64_t seed = 0;  ///< of the noise

  template <int C, class S>
  void next(const S* z, const S* r, S factor, S* out) const {
    for (int c = 0; c < C; ++c) out[c] = z[c] + factor * r[c];
  }
  template <int C, class S>
  void push(const S*, const S*, const S* tz, const S* tr, S factor, S* out) const {
    next<C>(tz, tr, factor, out);
  }
  template <int C, class S>
  void pull(const S*, const S*, const S* w, S factor, S* wz, S* wr) const {
    for (int c = 0; c < C; ++c) wz[c] = w[c];
    for (int c = 0; c < C; ++c) wr[c] = factor * w[c];
  }

  /// Adds the noise of one cell, of the state's sample i, to r: a function of (seed, draw, step, sample, cell). Each
  /// number is the centred sum of four uniform ones (Irwin and Hall 1927): close to normal, and never above 3.47 sigma.
  template <int C, class S>
  void add_noise(const Context& context, Index i, Index cell, S* r) const {
    static_assert(C <= 128, "Increment: noise is for 128 features at most");
    // An index has 6 bits for the number, 40 for the cell and the lowest 18 for the sample, whose others make a seed.
    const auto sample = static_cast<std::uint64_t>(context.sample(i));
    const Random numbers{fold_in(seed, fold_in(context.draw, sample >> 18)),
                         static_cast<std::uint64_t>(context.step) ^ detail::noise_streams};
    const std::uint64_t place = sample << 46 | static_cast<std::uint64_t>(context.cell(cell)) << 6;
    const double scale = noise * std::sqrt(3.0) / 65536;  // a uniform number of 16 bits has variance 2^32 / 12
    for (int c = 0; c < C; c += 2) {
      const PhiloxCounter words = numbers.words(place + static_cast<std::uint64_t>(c / 2));
      for (int k = 0; k < std::min(2, C - c); ++k) {
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

template <class Update>
inline constexpr bool keeps_some = false;

}  // namespace detail

template <FeatureSet F, class OfUpdate = Increment>
struct Keeping {
  static_assert(!detail::keeps_some<OfUpdate>,
                "Keeping: the update of the other features keeps some as well: name all that stay in one set");
  using Kept = F;  ///< the features that stay
  /// How many of C features change, and which, in ascending order.
  template <int C>
  static constexpr int changing = static_cast<int>(detail::features_that<F, C, false>.size());
  template <int C>
  static constexpr int answers = OfUpdate::template answers<changing<C>>;

  OfUpdate update{};  ///< of the others

  template <int C, class S>
  void next(const S* z, const S* r, S factor, S* out) const {
    const Some<C, S> from(z);
    Some<C, S> to;
    update.template next<changing<C>>(from.data(), r, factor, to.data());
    std::copy_n(z, C, out);
    to.put(out);
  }
  template <int C, class S>
  void push(const S* z, const S* r, const S* tz, const S* tr, S factor, S* out) const {
    const Some<C, S> from(z), along(tz);
    Some<C, S> to;
    update.template push<changing<C>>(from.data(), r, along.data(), tr, factor, to.data());
    std::copy_n(tz, C, out);
    to.put(out);
  }
  template <int C, class S>
  void pull(const S* z, const S* r, const S* w, S factor, S* wz, S* wr) const {
    const Some<C, S> from(z), of(w);
    Some<C, S> to;
    update.template pull<changing<C>>(from.data(), r, of.data(), factor, to.data(), wr);
    std::copy_n(w, C, wz);
    to.put(wz);
  }

 private:
  /// The numbers of those features of a cell that change.
  template <int C, class S>
  class Some {
    static constexpr auto which = detail::features_that<F, C, false>;

   public:
    Some() = default;
    explicit Some(const S* cell) {
      for (std::size_t i = 0; i < which.size(); ++i) values_[i] = cell[which[i]];
    }
    void put(S* cell) const {
      for (std::size_t i = 0; i < which.size(); ++i) cell[which[i]] = values_[i];
    }
    [[nodiscard]] const S* data() const { return values_.data(); }
    [[nodiscard]] S* data() { return values_.data(); }

   private:
    std::array<S, std::max<std::size_t>(1, which.size())> values_{};
  };
};

namespace detail {

template <class F, class Update>
inline constexpr bool keeps_some<Keeping<F, Update>> = true;

/// Whether an update takes the rule's answer whole, where it changes features.
template <class Update>
inline constexpr bool replaces = std::is_same_v<Update, Replace>;
template <class F, class Update>
inline constexpr bool replaces<Keeping<F, Update>> = replaces<Update>;

/// Sigma of an update's noise: 0 of one that has none.
template <class Update>
[[nodiscard]] double noise_of(const Update& update) {
  if constexpr (keeps_some<Update>) {
    return noise_of(update.update);
  } else if constexpr (requires { update.noise; }) {
    check(update.noise >= 0, "noise of an automaton's update", update.noise, "0 or more");
    return update.noise;
  } else {
    return 0;
  }
}

/// The same update without noise.
template <class Update>
[[nodiscard]] Update without_noise(Update update) {
  if constexpr (keeps_some<Update>) update.update = without_noise(update.update);
  if constexpr (requires { update.noise; }) update.noise = 0;
  return update;
}

/// Adds the noise of one cell to r, if the update has any.
template <int C, class Update, class S>
void add_noise(const Update& update, const Context& context, Index i, Index cell, S* r) {
  if constexpr (keeps_some<Update>) {
    add_noise<Update::template changing<C>>(update.update, context, i, cell, r);
  } else if constexpr (requires { update.noise; }) {
    if (update.noise > 0) update.template add_noise<C>(context, i, cell, r);
  }
}

}  // namespace detail

}  // namespace basin
