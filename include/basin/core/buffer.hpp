#pragma once

// Memory that what was made in one scope keeps for another: what linearizations hold from the pass forward for the pass
// back, and sums over the parts of a batch. (What ends with its scope is in core/scratch.hpp.)
//
// An iteration of training takes megabytes of it and gives all of them back. malloc hands them on to the operating
// system or keeps them, as the program's largest pieces so far and the last one in use happen to be; what went back has
// to be cleared and mapped again, page by page, in the next iteration: a tenth of a rollout's time, a fifth of that of
// a training step through 30 steps of Picard iteration. So what a Buffer gives back stays here, for the next one of
// about its size, on whatever thread.
//
// How much that is has a bound: what is kept for nobody and what is in use are together no more than the most that was
// in use at once, and 32 MiB. (Sizes are those of the pieces, which may be half as large again as what was asked for,
// or up to 256 KiB four times as large.) release_idle_buffers() gives back what is kept for nobody.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <iterator>
#include <limits>
#include <map>
#include <new>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "basin/core/exceptions.hpp"
#include "basin/core/poison.hpp"
#include "basin/core/state.hpp"
#include "basin/core/threads.hpp"

namespace basin {

namespace detail {

/// The memory of all buffers. Pieces below `smallest` are malloc's. Threads have a drawer each (or share one, if there
/// are many threads), and look into those of others before they ask the system.
class BufferStore {
 public:
  static constexpr std::size_t alignment = 64;  // a cache line, and the widest vector
  static constexpr std::size_t smallest = std::size_t{1} << 15;
  static constexpr std::size_t allowance = std::size_t{1} << 25;

  static BufferStore& instance() {
    static BufferStore& store = *new BufferStore;  // is never destroyed: static objects give back later than that
    return store;
  }

  struct Piece {
    void* memory = nullptr;
    std::size_t size = 0;  // bytes
  };

  /// A piece of at least so many bytes.
  [[nodiscard]] Piece take(std::size_t bytes) {
    if (bytes < smallest) return {::operator new (bytes, std::align_val_t{alignment}), bytes};
    Piece piece = find(bytes);
    if (piece.memory == nullptr) piece = make(bytes);
    const std::size_t now = in_use_.fetch_add(piece.size, std::memory_order_relaxed) + piece.size;
    for (std::size_t most = most_in_use_.load(std::memory_order_relaxed); most < now;) {
      if (most_in_use_.compare_exchange_weak(most, now, std::memory_order_relaxed)) break;
    }
    mark_used(piece.memory, bytes);
    return piece;
  }

  void give(const Piece& piece) noexcept {
    if (piece.size < smallest) {
      ::operator delete (piece.memory, std::align_val_t{alignment});
      return;
    }
    in_use_.fetch_sub(piece.size, std::memory_order_relaxed);
    mark_unused(piece.memory, piece.size);
    const bool kept = caught([&] {
                        Drawer& own = drawers_[drawer_of_this_thread()];
                        const std::lock_guard lock(own.mutex);
                        // Before its like: the last to come back is the first to go, as it may still lie in a cache.
                        own.idle.emplace_hint(own.idle.lower_bound(piece.size), piece.size, piece.memory);
                      }) == nullptr;
    if (!kept) free(piece);  // there was no memory for the entry
  }

  /// Gives idle pieces back to the system, large ones first, until no more than `most` bytes are held, in use or not.
  void release(std::size_t most) {
    const std::size_t own = drawer_of_this_thread();
    for (std::size_t i = 0; i < drawers; ++i) {
      Drawer& drawer = drawers_[(own + i) % drawers];
      const std::lock_guard lock(drawer.mutex);
      while (held() > most && !drawer.idle.empty()) {
        const auto largest = std::prev(drawer.idle.end());
        free({largest->second, largest->first});
        drawer.idle.erase(largest);
      }
    }
  }

  /// Bytes of pieces in use, and of those and the idle ones.
  [[nodiscard]] std::size_t in_use() const { return in_use_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::size_t held() const { return held_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t drawers = 16;

  struct alignas(alignment) Drawer {
    Mutex mutex{};
    std::multimap<std::size_t, void*> idle{};  // by size
  };

  /// A thread's own drawer.
  struct Choice {
    inline static std::atomic<std::size_t> next{0};
    const std::size_t drawer = next.fetch_add(1, std::memory_order_relaxed) % drawers;
  };
  static std::size_t drawer_of_this_thread() { return one_of_this_thread<Choice>().drawer; }

  /// An idle piece that is not too large, or none. Small ones may be more so: loops take them for blocks of any size.
  Piece find(std::size_t size) {
    const std::size_t largest = std::max(size + size / 2, std::min(4 * size, std::size_t{1} << 18));
    const std::size_t own = drawer_of_this_thread();
    for (std::size_t i = 0; i < drawers; ++i) {
      Drawer& drawer = drawers_[(own + i) % drawers];
      const std::lock_guard lock(drawer.mutex);
      const auto at = drawer.idle.lower_bound(size);
      if (at == drawer.idle.end() || at->first > largest) continue;
      const Piece found{at->second, at->first};
      drawer.idle.erase(at);
      return found;
    }
    return {};
  }

  /// A piece from the system.
  Piece make(std::size_t size) {
    const std::size_t most = std::max(most_in_use_.load(std::memory_order_relaxed), in_use() + size) + allowance;
    if (held() + size > most) release(most - size);
    void* memory = ::operator new (size, std::align_val_t{alignment}, std::nothrow);
    if (memory == nullptr) {
      release(0);
      memory = ::operator new (size, std::align_val_t{alignment});
    }
    held_.fetch_add(size, std::memory_order_relaxed);
    mark_unused(memory, size);
    return {memory, size};
  }

  void free(const Piece& piece) {
    mark_used(piece.memory, piece.size);
    ::operator delete (piece.memory, std::align_val_t{alignment});
    held_.fetch_sub(piece.size, std::memory_order_relaxed);
  }

  std::array<Drawer, drawers> drawers_{};
  std::atomic<std::size_t> in_use_{0}, most_in_use_{0}, held_{0};
};

}  // namespace detail

/// Gives back to the system what buffers keep for later ones (this file's first comment says how much that may be).
inline void release_idle_buffers() { detail::BufferStore::instance().release(0); }

/// An array that owns its memory, 64-byte aligned, of numbers that have no values yet; without NDEBUG floating-point
/// numbers start as NaN, so that reading before writing shows. Its memory does not move when it is moved.
template <class T>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>,
                "Buffer: numbers and the like, without constructors");

 public:
  /// An empty array.
  Buffer() = default;
  /// An array of `size` numbers, 0 or more. Throws std::bad_alloc if there is no memory for it.
  explicit Buffer(Index size) : size_(size) {
    if (size == 0) return;
    piece_ = detail::BufferStore::instance().take(static_cast<std::size_t>(size) * sizeof(T));
#ifndef NDEBUG
    if constexpr (std::is_floating_point_v<T>) std::fill_n(data(), size, std::numeric_limits<T>::quiet_NaN());
#endif
  }
  /// A copy of `size` numbers.
  Buffer(const T* from, Index size) : Buffer(size) { std::copy_n(from, size, data()); }
  ~Buffer() {
    if (piece_.memory != nullptr) detail::BufferStore::instance().give(piece_);
  }
  /// Takes over the memory, and leaves the other empty.
  Buffer(Buffer&& other) noexcept : piece_(std::exchange(other.piece_, {})), size_(std::exchange(other.size_, 0)) {}
  /// A copy, in memory of its own.
  Buffer(const Buffer& other) : Buffer(other.data(), other.size_) {}
  Buffer& operator=(Buffer other) noexcept {
    std::swap(piece_, other.piece_);
    std::swap(size_, other.size_);
    return *this;
  }

  [[nodiscard]] T* data() { return static_cast<T*>(piece_.memory); }
  [[nodiscard]] const T* data() const { return static_cast<const T*>(piece_.memory); }
  [[nodiscard]] Index size() const { return size_; }
  /// Number i, from 0. Not checked.
  [[nodiscard]] T& operator[](Index i) { return data()[i]; }
  [[nodiscard]] const T& operator[](Index i) const { return data()[i]; }

  /// All numbers as a column of Eigen's, which refers to this memory.
  [[nodiscard]] auto vector() { return Eigen::Map<Vector<T>>(data(), size_); }
  [[nodiscard]] auto vector() const { return Eigen::Map<const Vector<T>>(data(), size_); }
  /// vector() as an array of Eigen's, for arithmetic number by number; to read.
  [[nodiscard]] auto array() const { return vector().array(); }

 private:
  detail::BufferStore::Piece piece_{};
  Index size_ = 0;
};

/// A list of arrays of one length, which do not move when others are added or the list is moved. They lie in a few
/// pieces of memory, as what a recorded iteration leaves may be many small states.
template <class T>
class ArrayList {
 public:
  /// An empty list, for arrays of `length` numbers each.
  explicit ArrayList(Index length = 0) : length_(length) {}
  /// Takes over all arrays; pointers to them stay valid. The list moved from is empty, for arrays of the same length.
  ArrayList(ArrayList&& other) noexcept
      : length_(other.length_),
        pieces_(std::exchange(other.pieces_, {})),
        arrays_(std::exchange(other.arrays_, {})),
        size_(std::exchange(other.size_, 0)) {}
  /// The same; what it had is gone.
  ArrayList& operator=(ArrayList&& other) noexcept {
    length_ = other.length_;
    pieces_ = std::exchange(other.pieces_, {});
    arrays_ = std::exchange(other.arrays_, {});
    size_ = std::exchange(other.size_, 0);
    return *this;
  }

  [[nodiscard]] Index length() const { return length_; }    ///< of each array
  [[nodiscard]] std::size_t size() const { return size_; }  ///< how many arrays there are
  /// The first number of array i, from 0. Not checked.
  [[nodiscard]] T* operator[](std::size_t i) { return arrays_[i]; }
  [[nodiscard]] const T* operator[](std::size_t i) const { return arrays_[i]; }
  /// `count` of them, from number `first` on.
  [[nodiscard]] std::span<const T* const> part(std::size_t first, std::size_t count) const {
    return std::span<const T* const>(arrays_.data(), size_).subspan(first, count);
  }

  /// Takes the memory of so many in all.
  void reserve(std::size_t count) {
    while (arrays_.size() < count) grow(count - arrays_.size());
  }
  /// One more, of numbers that have no values yet.
  T* append() {
    if (size_ == arrays_.size()) grow(std::max<std::size_t>(4, size_));
    return arrays_[size_++];
  }
  /// Removes the last array; there must be one. Keeps its memory for the next append().
  void pop_back() { --size_; }
  /// Removes all arrays, and keeps the memory.
  void clear() { size_ = 0; }

 private:
  /// By one piece, for `wanted` more or as many of them as 256 KiB hold, but one at least.
  void grow(std::size_t wanted) {
    const std::size_t bytes = std::max<std::size_t>(1, static_cast<std::size_t>(length_) * sizeof(T));
    const std::size_t count = std::clamp<std::size_t>((std::size_t{1} << 18) / bytes, 1, wanted);
    pieces_.emplace_back(static_cast<Index>(count) * length_);
    for (std::size_t i = 0; i < count; ++i) arrays_.push_back(pieces_.back().data() + static_cast<Index>(i) * length_);
  }

  Index length_;
  std::vector<Buffer<T>> pieces_{};
  std::vector<T*> arrays_{};
  std::size_t size_ = 0;
};

}  // namespace basin
