#pragma once

// Sums of arrays over the parts of a batch, added in a fixed tree: the gradients of parts that threads work out at
// once.
//
// The tree is the binary one over the numbers of the parts: the sum (l, k) is over parts k 2^l to (k + 1) 2^l - 1, as
// far as there are so many, and is (l - 1, 2k) + (l - 1, 2k + 1). So its bits depend on the parts alone, not on how
// many threads there are or which of them came first; and who has only some of the parts, as a process among others,
// has whole branches of the same tree, at most two of a level.
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

/// A sum of the tree, (level, index), whose numbers are at `values`.
template <class S>
struct TreeBranch {
  int level;    ///< l: it is over 2^l parts, as far as there are so many
  Index index;  ///< k: from part k 2^l on
  S* values;    ///< the sum

  /// The first part that it is over.
  [[nodiscard]] Index first() const { return index << level; }
};

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
  TreeSum(Index parts, Index size) : TreeSum(parts, size, 0, parts) {}

  /// The same for who has parts first ... last - 1 of them alone.
  TreeSum(Index parts, Index size, Index first, Index last) : parts_(parts), size_(size), first_(first), last_(last) {
    check(parts >= 0, "number of parts of a sum", parts, "0 or more");
    check(size >= 0, "size of a sum", size, "0 or more");
    check(first >= 0 && first <= last && last <= parts, "first part of a sum", first,
          "0 or more, at most the last, which is at most their number");
    workers_ = std::min<Index>(threads(), last - first);
    const auto levels = static_cast<Index>(std::bit_width(static_cast<std::uint64_t>(parts)));
    slots_ = std::min<Index>(last - first, 2 * workers_ + (first == 0 ? levels : 2 * levels));
  }

  /// Sums that are in memory at once, at most: 2 threads + log2(parts) + 1; twice that logarithm for who has not the
  /// first parts.
  [[nodiscard]] Index slots() const { return slots_; }
  /// Numbers of the memory that add() works in; they need no values before, and have none after.
  [[nodiscard]] Index memory() const { return (slots_ + (last_ - first_ < parts_ ? 1 : 0)) * stride(); }

  /// sum += the sum of what all tasks add. Works in memory() numbers at `memory`. Throws std::invalid_argument if sum
  /// has another size than this was made for, or some of the parts are not here.
  template <class S, class Task>
  void add(std::span<S> sum, S* memory, const Task& task) const {
    check(last_ - first_ == parts_, "number of parts of a sum that are here", last_ - first_, parts_);
    add(sum, memory, task, [](const auto& branches, S*) { return branches.front().values; });
  }

  /// The same for who has some of the parts: task is called for those, and join(branches, spare), with the sums that
  /// they make, a std::vector<TreeBranch<S>> in the order of their parts, returns where the root is. Where parts are
  /// elsewhere, `spare` is memory for one more sum.
  template <class S, class Task, class Join>
  void add(std::span<S> sum, S* memory, const Task& task, const Join& join) const {
    check(static_cast<Index>(sum.size()) == size_, "size of a sum", sum.size(), size_);
    if (parts_ == 0) return;
    Work<S> work(*this, memory);
    parallel_for(workers_, [&](Index) { work.run(task); });
    if (work.exception) detail::rethrow(work.exception);
    std::vector<TreeBranch<S>> branches;
    for (const Branch& one : work.done) branches.push_back({one.level, one.index, work.at(one.slot)});
    std::sort(branches.begin(), branches.end(),
              [](const auto& one, const auto& other) { return one.first() < other.first(); });
    const S* root = join(branches, memory + slots_ * stride());
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
    Index next;                  // part
    detail::Caught exception{};
    Index failed;  // the lowest part that threw

    Work(const TreeSum& of, S* in) : tree(of), memory(in), next(of.first_), failed(of.last_) {
      for (Index slot = of.slots_; slot-- > 0;) free.push_back(slot);
      done.reserve(static_cast<std::size_t>(of.slots_));
    }

    [[nodiscard]] S* at(Index slot) const { return memory + slot * tree.stride(); }

    template <class Task>
    void run(const Task& task) {
      std::unique_lock lock(mutex);
      while (true) {
        slot_is_free.wait(lock, [&] { return next == tree.last_ || !free.empty(); });
        if (next == tree.last_) break;
        const Index part = next++;
        const Index slot = free.back();
        free.pop_back();
        if (next == tree.last_) slot_is_free.notify_all();  // nothing is left to wait for
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
        if (found == done.end()) break;  // not finished, or not here
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

  Index parts_, size_, first_, last_, workers_ = 0, slots_ = 0;
};

}  // namespace basin
