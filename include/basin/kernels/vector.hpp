#pragma once

// Short vectors of the processor, by the vector extensions that gcc and clang share: +, * and comparisons work lane by
// lane, and a vector wider than the machine's registers is split by the compiler, so every width is right everywhere.

#include <cstring>
#include <utility>

#include "basin/core/language.hpp"

namespace basin::kernels {

// The size and the number of vector registers of the processor that is compiled for.
#if defined(__AVX512F__)
inline constexpr int register_bytes = 64;
inline constexpr int register_count = 32;
#elif defined(__AVX__)
inline constexpr int register_bytes = 32;
inline constexpr int register_count = 16;
#elif defined(__aarch64__)
inline constexpr int register_bytes = 16;
inline constexpr int register_count = 32;
#else
inline constexpr int register_bytes = 16;
inline constexpr int register_count = 16;
#endif

namespace micro {

template <class S, int lanes>
struct VectorOf {
  typedef S type __attribute__((vector_size(lanes * sizeof(S))));
  typedef S unaligned __attribute__((vector_size(lanes * sizeof(S)), aligned(alignof(S)), may_alias));
};

}  // namespace micro

/// A short vector of so many numbers, by the compilers' vector extension.
template <class S, int lanes>
using Lanes = typename micro::VectorOf<S, lanes>::type;

/// The widest vector that the registers hold and that `count` numbers fill: a power of two, at least 1.
template <class S>
inline constexpr int lanes_for(int count) {
  int lanes = register_bytes / static_cast<int>(sizeof(S));
  while (lanes > count) lanes /= 2;
  return lanes;
}

/// Loads and stores at any address that suits a scalar.
template <int lanes, class S>
[[gnu::always_inline]] inline Lanes<S, lanes> load(const S* from) {
  return *reinterpret_cast<const typename micro::VectorOf<S, lanes>::unaligned*>(from);
}
template <int lanes, class S>
[[gnu::always_inline]] inline void store(S* to, const Lanes<S, lanes>& value) {
  *reinterpret_cast<typename micro::VectorOf<S, lanes>::unaligned*>(to) = value;
}

/// The same number in every lane.
template <int lanes, class S>
[[gnu::always_inline]] inline Lanes<S, lanes> broadcast(S value) {
  return value - Lanes<S, lanes>{};  // x - 0 is x for every x, so this costs no arithmetic
}

namespace micro {

template <int lanes, class S, std::size_t... I>
[[gnu::always_inline]] inline Lanes<S, lanes> interleave_by(const Lanes<S, lanes>& v, std::index_sequence<I...>) {
  return __builtin_shufflevector(v, v, (I % 2 * lanes / 2 + I / 2)...);
}
template <int lanes, class S, std::size_t... I>
[[gnu::always_inline]] inline Lanes<S, 2 * lanes> twice_by(const Lanes<S, lanes>& v, std::index_sequence<I...>) {
  return __builtin_shufflevector(v, v, (I / 2)...);
}
template <int lanes, class S, std::size_t... I>
[[gnu::always_inline]] inline Lanes<S, lanes> sum_pairs_by(const Lanes<S, lanes>& a, const Lanes<S, lanes>& b,
                                                           std::index_sequence<I...>) {
  return __builtin_shufflevector(a, b, 2 * I...) + __builtin_shufflevector(a, b, (2 * I + 1)...);
}

// Not __builtin_convertvector, of which gcc makes two conversions of half the width and what puts them together.
template <int lanes, class S, std::size_t... I>
[[gnu::always_inline]] inline Lanes<double, lanes> widen_by(const Lanes<S, lanes>& v, std::index_sequence<I...>) {
  return Lanes<double, lanes>{static_cast<double>(v[I])...};
}

}  // namespace micro

/// The same numbers in double.
template <int lanes, class S>
[[gnu::always_inline]] inline Lanes<double, lanes> widen(const Lanes<S, lanes>& v) {
  return micro::widen_by<lanes, S>(v, std::make_index_sequence<lanes>{});
}

/// (a0 a1 ... b0 b1 ...) becomes (a0 b0 a1 b1 ...).
template <int lanes, class S>
[[gnu::always_inline]] inline Lanes<S, lanes> interleave(const Lanes<S, lanes>& v) {
  return micro::interleave_by<lanes, S>(v, std::make_index_sequence<lanes>{});
}

/// (a0 a1 ...) becomes (a0 a0 a1 a1 ...).
template <int lanes, class S>
[[gnu::always_inline]] inline Lanes<S, 2 * lanes> twice(const Lanes<S, lanes>& v) {
  return micro::twice_by<lanes, S>(v, std::make_index_sequence<2 * lanes>{});
}

/// (a0 + a1, a2 + a3, ..., b0 + b1, b2 + b3, ...).
template <int lanes, class S>
[[gnu::always_inline]] inline Lanes<S, lanes> sum_pairs(const Lanes<S, lanes>& a, const Lanes<S, lanes>& b) {
  return micro::sum_pairs_by<lanes, S>(a, b, std::make_index_sequence<lanes>{});
}

/// Two neighbouring numbers again and again: (x0 x1 x0 x1 ...). A load of eight bytes, at any address.
template <int lanes>
[[gnu::always_inline]] inline Lanes<float, lanes> broadcast_pair(const float* from) {
  double pair;
  std::memcpy(&pair, from, sizeof pair);
  return __builtin_bit_cast(Lanes<float, lanes>, broadcast<lanes / 2>(pair));
}

}  // namespace basin::kernels
