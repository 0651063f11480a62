#pragma once

// A group of processes, MPI underneath, and how a program over processes begins and ends.
//
//   int main(int argc, char** argv) {
//     return basin::mpi::run(argc, argv, [](basin::mpi::Communicator& world) {
//       if (world.rank() == 0) std::printf("%d processes\n", world.size());
//       return 0;
//     });
//   }
//
// A rank is a process's number. Every function of a Communicator but send and receive is to be called by all ranks, in
// the same order. It is called by the thread that started the program alone (MPI_THREAD_FUNNELED).
//
// MPI: A Message-Passing Interface Standard, version 3.1, 2015.

#include <algorithm>
#include <chrono>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "basin/core/check.hpp"
#include "basin/mpi/calls.hpp"
#include "basin/mpi/digest.hpp"

namespace basin::mpi {

/// MPI is there as long as this is. Where the program has begun MPI itself, it also ends it.
class Session {
 public:
  /// Takes what is MPI's out of the arguments. Throws std::runtime_error if MPI cannot begin, or has ended: it begins
  /// once in a process.
  Session(int& argc, char**& argv) {
    int there = 0, ended = 0, threads = MPI_THREAD_SINGLE;
    MPI_Finalized(&ended);
    if (ended != 0) throw std::runtime_error("MPI has ended in this process, and begins but once");
    MPI_Initialized(&there);
    if (there != 0) {
      MPI_Query_thread(&threads);
    } else {
      detail::expect_success(MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &threads), "MPI_Init_thread");
      owner_ = true;
    }
    check(threads >= MPI_THREAD_FUNNELED, "level of threads that MPI allows", threads,
          "MPI_THREAD_FUNNELED, " + std::to_string(MPI_THREAD_FUNNELED) + ", or more");
  }
  ~Session() {
    if (owner_) MPI_Finalize();
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

 private:
  bool owner_ = false;
};

/// What a rank has handed to MPI: messages to single ranks, and its own part of what goes to or from all.
struct Traffic {
  std::int64_t messages = 0;  ///< so many
  std::int64_t bytes = 0;     ///< of all of them
};

/// A thing, and the digest of this rank's.
struct Named {
  const char* thing;  ///< its name, for a message
  Digest digest;      ///< of what this rank has
};

class Communicator {
 public:
  /// The ranks of another, with messages of their own. All of those call it.
  explicit Communicator(MPI_Comm of = MPI_COMM_WORLD) {
    detail::expect_success(MPI_Comm_dup(of, &comm_), "MPI_Comm_dup");
    MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN);
    MPI_Comm_rank(comm_, &rank_);
    MPI_Comm_size(comm_, &size_);
  }
  ~Communicator() { MPI_Comm_free(&comm_); }
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  /// This process's number, from 0.
  [[nodiscard]] int rank() const { return rank_; }
  /// How many processes there are.
  [[nodiscard]] int size() const { return size_; }
  /// What MPI's own functions take.
  [[nodiscard]] MPI_Comm handle() const { return comm_; }
  /// What this rank has sent so far.
  [[nodiscard]] const Traffic& traffic() const { return traffic_; }

  /// How many of the ranks run on this rank's machine.
  [[nodiscard]] int on_this_machine() const {
    MPI_Comm near = MPI_COMM_NULL;
    detail::expect_success(MPI_Comm_split_type(comm_, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &near),
                           "MPI_Comm_split_type");
    int count = 1;
    MPI_Comm_size(near, &count);
    MPI_Comm_free(&near);
    return count;
  }

  /// To one rank, which receives as many. Returns when `numbers` may be changed.
  template <class T>
  void send(std::span<const T> numbers, int to) {
    each_piece(std::as_bytes(numbers), [&](const std::byte* piece, int bytes) {
      detail::expect_success(MPI_Send(piece, bytes, MPI_BYTE, to, 0, comm_), "MPI_Send");
      count(bytes);
    });
  }
  /// From one rank, which sends as many. Returns when they are there.
  template <class T>
  void receive(std::span<T> numbers, int from) {
    each_piece(std::as_writable_bytes(numbers), [&](std::byte* piece, int bytes) {
      detail::expect_success(MPI_Recv(piece, bytes, MPI_BYTE, from, 0, comm_, MPI_STATUS_IGNORE), "MPI_Recv");
    });
  }

  /// All ranks have what `from` has, and as many.
  template <class T>
  void broadcast(std::span<T> numbers, int from) {
    each_piece(std::as_writable_bytes(numbers), [&](std::byte* piece, int bytes) {
      detail::expect_success(MPI_Bcast(piece, bytes, MPI_BYTE, from, comm_), "MPI_Bcast");
      if (rank_ == from && size_ > 1) count(bytes);
    });
  }

  /// Each number becomes its sum over all ranks, the same bits on each of them.
  void sum(std::span<double> numbers) { reduce(numbers, MPI_SUM); }
  /// Each number becomes the largest of all ranks. None is NaN.
  void maximum(std::span<double> numbers) { reduce(numbers, MPI_MAX); }
  /// The sum of the numbers of all ranks.
  [[nodiscard]] std::int64_t sum(std::int64_t number) {
    std::int64_t all = 0;
    detail::expect_success(MPI_Allreduce(&number, &all, 1, MPI_INT64_T, MPI_SUM, comm_), "MPI_Allreduce");
    count(sizeof(number));
    return all;
  }
  /// The largest of the numbers of all ranks.
  [[nodiscard]] std::int64_t maximum(std::int64_t number) {
    std::int64_t all = 0;
    detail::expect_success(MPI_Allreduce(&number, &all, 1, MPI_INT64_T, MPI_MAX, comm_), "MPI_Allreduce");
    count(sizeof(number));
    return all;
  }

  /// One number of each rank, in their order.
  template <class T>
  requires std::is_trivially_copyable_v<T>
  [[nodiscard]] std::vector<T> gather(const T& of_this) {
    std::vector<T> all(static_cast<std::size_t>(size_));
    detail::expect_success(MPI_Allgather(&of_this, sizeof(T), MPI_BYTE, all.data(), sizeof(T), MPI_BYTE, comm_),
                           "MPI_Allgather");
    count(sizeof(T));
    return all;
  }

  /// `all` consists of blocks of `block` numbers, of which rank r has filled bounds[r] ... bounds[r + 1] - 1; it gets
  /// the others. At most 2^31 - 1 blocks, and so many bytes in a block.
  template <class T>
  void gather(std::span<T> all, std::span<const std::ptrdiff_t> bounds, std::size_t block = 1) {
    if (size_ == 1 || all.empty()) return;
    const std::size_t bytes = block * sizeof(T);
    check(bytes <= INT_MAX && bounds.back() <= INT_MAX, "bytes of a block to gather, or their number",
          std::max(bytes, static_cast<std::size_t>(bounds.back())), "at most " + std::to_string(INT_MAX));
    std::vector<int> counts, firsts;
    for (std::size_t r = 0; r + 1 < bounds.size(); ++r) {
      firsts.push_back(static_cast<int>(bounds[r]));
      counts.push_back(static_cast<int>(bounds[r + 1] - bounds[r]));
    }
    MPI_Datatype type = MPI_DATATYPE_NULL;
    MPI_Type_contiguous(static_cast<int>(bytes), MPI_BYTE, &type);
    MPI_Type_commit(&type);
    const int code = MPI_Allgatherv(MPI_IN_PLACE, 0, type, all.data(), counts.data(), firsts.data(), type, comm_);
    MPI_Type_free(&type);
    detail::expect_success(code, "MPI_Allgatherv");
    count(static_cast<std::int64_t>(bytes) * counts[static_cast<std::size_t>(rank_)]);
  }

  /// Throws std::invalid_argument, on all ranks, "<thing> on rank 2 is another than on rank 0, ..." for the first thing
  /// whose digest is not the same on all.
  void expect_same(std::span<const Named> things) {
    if (size_ == 1) return;
    detail::expect_main_thread();
    std::vector<std::uint64_t> most;  // where the largest d is all ranks' d, it is the least too, that is ~ of most ~d
    for (const Named& one : things) {
      most.push_back(one.digest.value());
      most.push_back(~one.digest.value());
    }
    const int numbers = static_cast<int>(most.size());
    detail::expect_success(MPI_Allreduce(MPI_IN_PLACE, most.data(), numbers, MPI_UINT64_T, MPI_MAX, comm_),
                           "MPI_Allreduce");
    count(std::int64_t{8} * numbers);
    for (std::size_t i = 0; i < things.size(); ++i) {
      if (most[2 * i] == ~most[2 * i + 1]) continue;
      const std::vector<std::uint64_t> all = gather(things[i].digest.value());
      const auto other = std::find_if(all.begin(), all.end(), [&](std::uint64_t one) { return one != all.front(); });
      check(false, std::string(things[i].thing) + " of rank " + std::to_string(other - all.begin()),
            "another than that of rank 0", "the same on all ranks");
    }
  }
  void expect_same(std::initializer_list<Named> things) {
    expect_same(std::span<const Named>(things.begin(), things.size()));
  }

  /// For who calls MPI with the handle.
  void count(std::int64_t bytes) {
    ++traffic_.messages;
    traffic_.bytes += bytes;
  }

 private:
  /// MPI counts in int.
  template <class Bytes, class Body>
  static void each_piece(Bytes bytes, const Body& body) {
    constexpr std::size_t most = std::size_t{1} << 30;
    for (std::size_t first = 0; first < bytes.size(); first += most) {
      body(bytes.data() + first, static_cast<int>(std::min(most, bytes.size() - first)));
    }
  }

  /// By one rank, so that all get the same bits: an MPI_Allreduce need not give them.
  void reduce(std::span<double> numbers, MPI_Op op) {
    if (size_ == 1) return;
    detail::expect_main_thread();
    check(numbers.size() <= INT_MAX, "numbers to add up over ranks", numbers.size(),
          "at most " + std::to_string(INT_MAX));
    const int many = static_cast<int>(numbers.size());
    const void* from = rank_ == 0 ? MPI_IN_PLACE : numbers.data();
    detail::expect_success(MPI_Reduce(from, numbers.data(), many, MPI_DOUBLE, op, 0, comm_), "MPI_Reduce");
    detail::expect_success(MPI_Bcast(numbers.data(), many, MPI_DOUBLE, 0, comm_), "MPI_Bcast");
    count(std::int64_t{8} * many);
  }

  MPI_Comm comm_ = MPI_COMM_NULL;
  int rank_ = 0, size_ = 1;
  Traffic traffic_{};
};

/// Ends all ranks of the program with a message on standard error, "rank 1 of 4: ...", before which `prefix` stands.
/// What is wrong on all ranks alike is said once: those other than 0 give it a fifth of a second to say it first.
[[noreturn]] inline void abort_all(const std::string& prefix, const std::string& message, int status = 1) {
  int rank = 0, size = 1;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  if (rank != 0) std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const std::string who = size > 1 ? "rank " + std::to_string(rank) + " of " + std::to_string(size) + ": " : "";
  std::fprintf(stderr, "%s%s%s\n", prefix.c_str(), who.c_str(), message.c_str());
  std::fflush(nullptr);
  MPI_Abort(MPI_COMM_WORLD, status);
  std::abort();
}

/// body(world), whose result is the exit status, between the beginning of MPI and its end. If it throws on any rank,
/// all ranks end with its message: nobody waits for one that has gone.
template <class Body>
[[nodiscard]] int run(int& argc, char**& argv, const Body& body) {
  const Session session(argc, argv);
  try {
    Communicator world;
    return body(world);
  } catch (const std::exception& error) {
    abort_all("", error.what());
  }
}

}  // namespace basin::mpi
