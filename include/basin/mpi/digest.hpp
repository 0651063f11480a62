#pragma once

// 64 bits that stand for some data, to find out whether ranks have the same without sending it.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#include "basin/core/state.hpp"

namespace basin::mpi {

/// Of what has been added, in its order: eight bytes at a time pass the finalizer of MurmurHash3 (A. Appleby 2011). Not
/// against who means harm.
class Digest {
 public:
  /// One number; a float by its bits.
  template <class T>
  requires(std::is_arithmetic_v<T> || std::is_enum_v<T>) Digest& add(const T& number) {
    std::uint64_t word = 0;
    std::memcpy(&word, &number, sizeof(T));
    mix(word);
    return *this;
  }
  /// All extents.
  Digest& add(const Shape& shape) {
    add(shape.features).add(shape.samples);
    for (const Index extent : shape.space) add(extent);
    return *this;
  }
  /// Numbers, and how many.
  template <class T>
  requires std::is_arithmetic_v<T> Digest& add(std::span<const T> numbers) {
    const auto bytes = std::as_bytes(numbers);
    add(bytes.size());
    std::size_t at = 0;
    for (std::uint64_t word = 0; at + sizeof(word) <= bytes.size(); at += sizeof(word)) {
      std::memcpy(&word, bytes.data() + at, sizeof(word));
      mix(word);
    }
    std::uint64_t rest = 0;
    if (at < bytes.size()) {
      std::memcpy(&rest, bytes.data() + at, bytes.size() - at);
      mix(rest);
    }
    return *this;
  }

  /// 64 bits.
  [[nodiscard]] std::uint64_t value() const { return state_; }

 private:
  void mix(std::uint64_t word) {
    state_ = (state_ ^ word) * 0x9E3779B97F4A7C15;
    state_ = (state_ ^ (state_ >> 32)) * 0xff51afd7ed558ccd;
    state_ ^= state_ >> 29;
  }

  std::uint64_t state_ = 0x9E3779B97F4A7C15;
};

}  // namespace basin::mpi
