#pragma once

// A program that works alone, or on several processes that mpirun has started: "mpirun -n 4 deq_digits ...". Where
// there is no MPI (BASIN_EXAMPLES_WITH_MPI is not defined), it works alone.

#include <cstdio>
#include <cstdlib>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "basin/core/parallel.hpp"
#include "basin/train/rollout_gradient.hpp"
#include "basin/train/value_and_gradient.hpp"
#include "command_line.hpp"

#ifdef BASIN_EXAMPLES_WITH_MPI
#include <optional>

#include "basin/mpi/batch.hpp"
#endif

namespace basin::examples {

/// How many processes a launcher of MPI says that it has started, by the variables of OpenMPI, MPICH and Slurm; 0:
/// there was none.
[[nodiscard]] inline int processes_started() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"}) {
    if (const char* const value = std::getenv(name)) return std::atoi(value);
  }
  return 0;
}

/// Some samples of a batch.
struct SomeSamples {
  Index first, count;
};

#ifdef BASIN_EXAMPLES_WITH_MPI

class Processes {
 public:
  Processes(int& argc, char**& argv) {
    if (processes_started() == 0) return;
    session_.emplace(argc, argv);
    world_.emplace();
  }

  [[nodiscard]] int size() const { return world_ ? world_->size() : 1; }
  /// Whether this one writes and prints for all.
  [[nodiscard]] bool writes() const { return !world_ || world_->rank() == 0; }
  [[nodiscard]] bool several() const { return size() > 1; }

  /// Where nobody said how many threads: those of the machine, shared by its processes.
  [[nodiscard]] int threads(int asked) const {
    if (asked > 0 || !several()) return asked;
    return std::max(1, basin::threads() / world_->on_this_machine());
  }

  /// Ends all processes with a message.
  int fail(const std::string& program, int status, const std::string& message) const {
    if (several()) mpi::abort_all(program + ": ", message, status);
    std::fprintf(stderr, "%s: %s\n", program.c_str(), message.c_str());
    return status;
  }

  /// For TrainingOptions.
  [[nodiscard]] int agree(int reason) {
    return several() ? static_cast<int>(world_->maximum(std::int64_t{reason})) : reason;
  }

  /// What the first process has, for what depends on a clock.
  [[nodiscard]] double of_first(double number) {
    if (world_) world_->broadcast(std::span<double>(&number, 1), 0);
    return number;
  }

  /// samples_per_part: as in the options of what works on them.
  [[nodiscard]] SomeSamples samples_of(Index batch, Index samples_per_part = 8) const {
    if (!world_) return {0, batch};
    const mpi::Samples mine = mpi::samples_of(*world_, batch, samples_per_part);
    return {mine.first, mine.count};
  }
  /// Of a batch of which x are this process's samples; the result is of the whole batch.
  template <class Model, class Theta, class X, class Loss>
  [[nodiscard]] auto value_and_gradient(const Model& model, const Theta& theta, const X& x, const Loss& loss) {
    return world_ ? mpi::value_and_gradient(*world_, model, theta, x, loss)
                  : basin::value_and_gradient(model, theta, x, loss);
  }
  /// The same of rollouts, each of which is a part.
  template <class Rollout, class Theta, class X, class Loss>
  [[nodiscard]] auto value_and_gradient_along(const Rollout& rollout, const Theta& theta, const X& start,
                                              const Loss& loss, const std::vector<LossStep>& steps) {
    return world_ ? mpi::value_and_gradient_along(*world_, rollout, theta, start, loss, steps)
                  : basin::value_and_gradient_along(rollout, theta, start, loss, steps);
  }
  template <class Model, class Theta, class X>
  [[nodiscard]] auto predict(const Model& model, const Theta& theta, const X& x) {
    return world_ ? mpi::predict(*world_, model, theta, x) : basin::predict(model, theta, x);
  }

 private:
  std::optional<mpi::Session> session_{};
  std::optional<mpi::Communicator> world_{};
};

#else

class Processes {
 public:
  Processes(int&, char**&) {}

  [[nodiscard]] int size() const { return 1; }
  [[nodiscard]] bool writes() const { return true; }
  [[nodiscard]] bool several() const { return false; }
  /// Throws UsageError where there are others, who would all do the same.
  [[nodiscard]] int threads(int asked) const {
    if (processes_started() > 1) {
      throw UsageError("processes that were started are " + std::to_string(processes_started()) +
                       ", expected 1, as this program was built without MPI");
    }
    return asked;
  }
  int fail(const std::string& program, int status, const std::string& message) const {
    std::fprintf(stderr, "%s: %s\n", program.c_str(), message.c_str());
    return status;
  }
  [[nodiscard]] int agree(int reason) { return reason; }
  [[nodiscard]] double of_first(double number) { return number; }
  [[nodiscard]] SomeSamples samples_of(Index batch, Index /*samples_per_part*/ = 8) const { return {0, batch}; }
  template <class Model, class Theta, class X, class Loss>
  [[nodiscard]] auto value_and_gradient(const Model& model, const Theta& theta, const X& x, const Loss& loss) {
    return basin::value_and_gradient(model, theta, x, loss);
  }
  template <class Rollout, class Theta, class X, class Loss>
  [[nodiscard]] auto value_and_gradient_along(const Rollout& rollout, const Theta& theta, const X& start,
                                              const Loss& loss, const std::vector<LossStep>& steps) {
    return basin::value_and_gradient_along(rollout, theta, start, loss, steps);
  }
  template <class Model, class Theta, class X>
  [[nodiscard]] auto predict(const Model& model, const Theta& theta, const X& x) {
    return basin::predict(model, theta, x);
  }
};

#endif

}  // namespace basin::examples
