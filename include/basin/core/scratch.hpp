#pragma once

// Memory for the duration of a scope, so that hot loops allocate nothing.
//
// Each thread has one arena that only grows. A Scratch marks its top, hands out pieces above the mark, and gives them
// all back when its scope ends. The first pass through a loop makes the arena large enough (that is the set-up); later
// passes find their memory there, still warm in cache.

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <vector>

#include "basin/core/poison.hpp"
#include "basin/core/state.hpp"
#include "basin/core/threads.hpp"

namespace basin {

namespace detail {

class Arena {
 public:
  static constexpr std::size_t alignment = 64;  // a cache line, and the widest vector

  struct Mark {
    std::size_t block = 0;
    std::size_t used = 0;
  };

  static Arena& of_this_thread() { return one_of_this_thread<Arena>(); }

  [[nodiscard]] Mark mark() const { return top_; }
  void release(const Mark& mark) {
    if constexpr (poisons) {
      for (std::size_t i = mark.block; i < blocks_.size() && i <= top_.block; ++i) {
        const std::size_t first = i == mark.block ? mark.used : 0, last = i == top_.block ? top_.used : blocks_[i].size;
        mark_unused(blocks_[i].memory.get() + first, last - first);
      }
    }
    top_ = mark;
  }

  void* take(std::size_t wanted) {
    const std::size_t bytes = (wanted + alignment - 1) / alignment * alignment + between;
    while (top_.block < blocks_.size() && top_.used + bytes > blocks_[top_.block].size) top_ = {top_.block + 1, 0};
    if (top_.block == blocks_.size()) {
      const std::size_t last = blocks_.empty() ? smallest_block / 2 : blocks_.back().size;
      add(std::max({smallest_block, 2 * last, bytes}));
    }
    void* piece = blocks_[top_.block].memory.get() + top_.used;
    top_.used += bytes;
    mark_used(piece, wanted);
    return piece;
  }

  /// One more block.
  void add(std::size_t size) {
    blocks_.reserve(blocks_.size() + 1);  // the list grows first: who has that much memory to the byte counts on it
    Memory memory(static_cast<std::byte*>(::operator new (size, std::align_val_t{alignment})));
    blocks_.push_back({std::move(memory), size});
    mark_unused(blocks_.back().memory.get(), size);
  }

 private:
  struct Free {
    void operator()(std::byte* memory) const { ::operator delete (memory, std::align_val_t{alignment}); }
  };
  using Memory = std::unique_ptr<std::byte, Free>;
  struct Block {
    Memory memory{};
    std::size_t size = 0;
  };
  static constexpr std::size_t smallest_block = std::size_t{1} << 18;
  static constexpr std::size_t between = poisons ? alignment : 0;  // so that a piece's end shows, whatever its length

  std::vector<Block> blocks_;
  Mark top_;
};

}  // namespace detail

/// Takes scratch memory for the calling thread at once, in one block of so many bytes: for programs that may take none
/// later, and those whose memory is smaller than the blocks that Scratch takes by itself, 256 KiB and more.
inline void reserve_scratch(std::size_t bytes) { detail::Arena::of_this_thread().add(bytes); }

/// A scope's scratch memory. Pieces are 64-byte aligned, uninitialised, and end with the Scratch. Scopes nest.
/// Without NDEBUG the pieces of floating-point numbers start as NaN, so that reading before writing shows.
class Scratch {
 public:
  Scratch() : arena_(detail::Arena::of_this_thread()), mark_(arena_.mark()) {}
  ~Scratch() { arena_.release(mark_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  /// A piece of `count` numbers, 0 or more. Throws std::bad_alloc if there is no memory for it.
  template <class S>
  [[nodiscard]] S* take(Index count) {
    static_assert(std::is_trivially_destructible_v<S>, "scratch memory is given back without destructors");
    S* piece = static_cast<S*>(arena_.take(static_cast<std::size_t>(count) * sizeof(S)));
#ifndef NDEBUG
    if constexpr (std::is_floating_point_v<S>) std::fill_n(piece, count, std::numeric_limits<S>::quiet_NaN());
#endif
    return piece;
  }

  /// A piece for a state of this shape. Throws std::invalid_argument if an extent is negative or the product of all
  /// does not fit into memory.
  template <class S>
  [[nodiscard]] View<S> state(const Shape& shape) {
    detail::fitting<S>(shape);
    return {take<S>(shape.size()), shape, detail::Fitting{}};
  }

 private:
  detail::Arena& arena_;
  detail::Arena::Mark mark_;
};

}  // namespace basin
