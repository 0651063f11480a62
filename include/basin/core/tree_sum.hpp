#pragma once

// Sums of arrays over the parts of a batch, added in a fixed tree: the gradients of parts that threads work out at
// once.
//
// The tree is the binary one over the numbers of the parts: the sum (l, k) is over parts k 2^l to (k + 1) 2^l - 1, as
// far as there are so many, and is (l - 1, 2k) + (l - 1, 2k + 1). So its bits depend on the parts alone, not on how
// many threads there are or which of them came first; and who has only some of the parts, as a process among others,
// has whole branches of the same tree.
//
// Threads take parts in order. Who finishes the second of two branches adds them at once. Let n parts be taken, by T
// threads. If all of them are finished, the sums there are stand for the binary digits of n: at most log2 n + 1 of
// them. Of threads that go on about evenly, each has one sum in work and perhaps one that waits for its neighbour, so
// that 2 T + log2(parts) + 1 slots suffice; those are all there are. If a thread is slow (sums of later parts then wait
// for its own, one for each level of the tree), the others run out of slots and wait for it. No thread waits for ever:
// if every thread waits, all taken parts are finished, and a slot is free.

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>
#include <vector>

#include "basin/core/exceptions.hpp"
#include "basin/core/parallel.hpp"
#include "basin/core/threads.hpp"

namespace basin {

/// Adds up what tasks give, on all threads:
///
///   const TreeSum tree(parts, size);
///   Buffer<S> memory(tree.memory());          // core/buffer.hpp
///   tree.add(sum, memory.data(), task);       // sum += the tree's root
///
/// task(i, into) is called once for each part i from 0 on and adds what it has into `into`, a std::span<S> of `size`
/// zeros. If tasks throw, the rest still run, the exception of the lowest i is thrown again, and sum is as it was.
class TreeSum {
 public:
  /// For sums of `size` numbers over `parts` parts.
  TreeSum(Index parts, Index size) : parts_(parts), size_(size) {
    check(parts >= 0, "number of parts of a sum", parts, "0 or more");
    check(size >= 0, "size of a sum", size, "0 or more");
    workers_ = std::min<Index>(threads(), parts);
    slots_ =
        std::min<Index>(parts, 2 * workers_ + static_cast<Index>(std::bit_width(static_cast<std::uint64_t>(parts))));
  }

  /// Sums that are in memory at once, at most: 2 threads + log2(parts) + 1.
  [[nodiscard]] Index slots() const { return slots_; }
  /// Numbers of the memory that add() works in; they need no values before, and have none after.
  [[nodiscard]] Index memory() const { return slots_ * stride(); }

  template <class S, class Task>
  void add(std::span<S> sum, S* memory, const Task& task) const {
    check(static_cast<Index>(sum.size()) == size_, "size of a sum", sum.size(), size_);
    if (parts_ == 0) return;
    Work<S> work(*this, memory);
    parallel_for(workers_, [&](Index) { work.run(task); });
    if (work.exception) detail::rethrow(work.exception);
    const S* root = work.at(work.done.front().slot);
    for (Index i = 0; i < size_; ++i) sum[static_cast<std::size_t>(i)] += root[i];
  }

 private:
  /// Slots begin a cache line apart, whatever the scalar.
  [[nodiscard]] Index stride() const { return (size_ + 15) / 16 * 16; }

  struct Branch {
    int level = 0;
    Index index = 0, slot = 0;
  };

  template <class S>
  struct Work {
    const TreeSum& tree;
    S* memory;
    detail::Mutex mutex{};
    detail::Condition slot_is_free{};
    std::vector<Index> free{};   // slots
    std::vector<Branch> done{};  // finished branches that wait for their neighbours
    Index next = 0;              // part
    detail::Caught exception{};
    Index failed;  // the lowest part that threw

    Work(const TreeSum& of, S* in) : tree(of), memory(in), failed(of.parts_) {
      for (Index slot = of.slots_; slot-- > 0;) free.push_back(slot);
      done.reserve(static_cast<std::size_t>(of.slots_));
    }

    [[nodiscard]] S* at(Index slot) const { return memory + slot * tree.stride(); }

    template <class Task>
    void run(const Task& task) {
      std::unique_lock lock(mutex);
      while (true) {
        slot_is_free.wait(lock, [&] { return next == tree.parts_ || !free.empty(); });
        if (next == tree.parts_) break;
        const Index part = next++;
        const Index slot = free.back();
        free.pop_back();
        if (next == tree.parts_) slot_is_free.notify_all();  // nothing is left to wait for
        lock.unlock();
        S* into = at(slot);
        std::fill_n(into, tree.size_, S(0));
        const detail::Caught thrown =
            detail::caught([&] { task(part, std::span<S>(into, static_cast<std::size_t>(tree.size_))); });
        lock.lock();
        if (thrown && part < failed) {
          failed = part;
          exception = thrown;
        }
        finish({0, part, slot}, lock);
      }
    }

    /// Adds a branch to its neighbour, and their sum to its own, as far as those are finished.
    void finish(Branch branch, std::unique_lock<detail::Mutex>& lock) {
      while (branch.index > 0 || (Index{1} << branch.level) < tree.parts_) {
        const Index other = branch.index ^ 1;
        if (other > branch.index && (other << branch.level) >= tree.parts_) {  // no parts are left for a neighbour
          branch = {branch.level + 1, branch.index / 2, branch.slot};
          continue;
        }
        const auto found = std::find_if(done.begin(), done.end(), [&](const Branch& one) {
          return one.level == branch.level && one.index == other;
        });
        if (found == done.end()) break;
        const Index lower = other < branch.index ? found->slot : branch.slot;
        const Index upper = other < branch.index ? branch.slot : found->slot;
        done.erase(found);
        lock.unlock();
        S* to = at(lower);
        const S* from = at(upper);
        for (Index i = 0; i < tree.size_; ++i) to[i] += from[i];
        lock.lock();
        free.push_back(upper);
        slot_is_free.notify_one();
        branch = {branch.level + 1, branch.index / 2, lower};
      }
      done.push_back(branch);
    }
  };

  Index parts_, size_, workers_ = 0, slots_ = 0;
};

}  // namespace basin
