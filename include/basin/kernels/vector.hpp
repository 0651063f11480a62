#pragma once

// Short vectors of the processor, by the vector extensions that gcc and clang share: +, * and comparisons work lane by
// lane, and a vector wider than the machine's registers is split by the compiler, so every width is right everywhere.

#include <bit>
#include <cstring>

namespace basin::kernels {

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

}  // namespace basin::kernels
