#pragma once

// A batch over processes: value_and_gradient, value_and_gradient_along and predict of train/, whose samples are shared
// out to the ranks of a communicator. Their results are those of one process, to the last bit, on every rank:
//
//   const mpi::Samples mine = mpi::samples_of(world, batch);                       // {first, count}
//   const auto sum = mpi::value_and_gradient(world, model, theta, x.samples(mine.first, mine.count), loss);
//   adam.step(theta, sum.gradient, moments);                                       // the same on every rank
//
// A rank has consecutive parts of the batch, and so whole branches of the tree in which gradients are added
// (core/tree_sum.hpp). It adds up its branches; where the two branches of a sum are at two ranks, the second sends its
// own to the first. That are at most log2(parts) gradients for each border between two ranks, and one that goes from
// the first rank to all. What a run says of its samples (values of the loss, outputs, records of solves) every rank
// gets of all, in the order of the samples.
//
// Every rank has the same theta, which is compared at each call by a digest, and the labels of the whole batch, for a
// loss is asked about samples by their numbers in it. The gradient is rank 0's on all ranks, so that they stay the
// same. Machines whose processors or compilers round otherwise do not give the bits of one process.

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "basin/core/tree_sum.hpp"
#include "basin/mpi/communicator.hpp"
#include "basin/train/rollout_gradient.hpp"
#include "basin/train/value_and_gradient.hpp"

namespace basin::mpi {

/// Consecutive samples of a batch.
struct Samples {
  Index first = 0;  ///< number of the first, in the batch
  Index count = 0;  ///< how many
};

namespace detail {

/// Parts shared out evenly, in the order of the ranks; rank 0 has the first, if there is one.
[[nodiscard]] inline basin::detail::PartBounds even_bounds(Index parts, Index ranks) {
  basin::detail::PartBounds bounds;
  for (Index r = 0; r <= ranks; ++r) bounds.push_back(r * (parts / ranks) + (r * (parts % ranks) + ranks - 1) / ranks);
  return bounds;
}

/// The samples of a rank.
[[nodiscard]] inline Samples samples_of_rank(Index batch, Index samples_per_part, Index ranks, int rank) {
  check(samples_per_part > 0, "samples_per_part", samples_per_part, "at least 1");
  const auto bounds = even_bounds((batch + samples_per_part - 1) / samples_per_part, ranks);
  const auto at = static_cast<std::size_t>(rank);
  const Index first = bounds[at] * samples_per_part;
  return {std::min(batch, first), std::min(batch, bounds[at + 1] * samples_per_part) - std::min(batch, first)};
}

/// What train/ asks of who works on a batch (train/batch.hpp).
class Processes {
 public:
  static constexpr bool alone = false;
  using PartBounds = basin::detail::PartBounds;

  /// digest: of what has to be the same on all ranks, beside theta.
  template <class S>
  Processes(Communicator& world, Digest settings, std::span<const S> theta) : world_(world) {
    world.expect_same({{"model or options of a batch", settings}, {"theta", Digest{}.add(theta)}});
  }

  [[nodiscard]] std::size_t rank() const { return static_cast<std::size_t>(world_.rank()); }
  [[nodiscard]] PartBounds bounds(Index parts) const { return even_bounds(parts, world_.size()); }

  [[nodiscard]] Index samples(Index here, Index samples_per_part) const {
    check(samples_per_part > 0, "samples_per_part", samples_per_part, "at least 1");
    const Index all = static_cast<Index>(world_.sum(std::int64_t{here}));
    const auto expected = [&](int rank) { return samples_of_rank(all, samples_per_part, world_.size(), rank).count; };
    if (world_.sum(std::int64_t{here != expected(world_.rank())}) == 0) return all;
    const std::vector<Index> counts = world_.gather(here);  // all ranks say the same
    for (int r = 0; r < world_.size(); ++r) {
      const Index count = counts[static_cast<std::size_t>(r)];
      check(count == expected(r), "number of samples of rank " + std::to_string(r), count,
            std::to_string(expected(r)) + " of " + std::to_string(all) + ", as samples_of says");
    }
    return all;
  }

  template <class S>
  [[nodiscard]] const S* join(const std::vector<TreeBranch<S>>& branches, S* spare, const PartBounds& bounds,
                              Index size) const {
    int levels = 0;
    while ((Index{1} << levels) < bounds.back()) ++levels;
    const auto numbers = static_cast<std::size_t>(size);
    const Tree<S> tree{*this, branches, bounds, numbers, spare};
    S* root = tree.sum(levels, 0);
    const int first = owner(bounds, 0);
    if (root == nullptr) root = spare;
    world_.broadcast(std::span<S>(root, numbers), first);
    return root;
  }

  void gather(std::span<double> numbers, const PartBounds& bounds) const { world_.gather(numbers, bounds); }

  /// What the runs of the parts say, of all ranks' parts.
  template <class S>
  void gather(basin::detail::Batch& batch, const PartBounds& bounds, std::vector<basin::detail::Run>& runs,
              std::vector<SampleOutcome>& samples, View<S> output) const {
    if (world_.size() == 1) return;
    std::vector<std::ptrdiff_t> firsts;  // samples
    for (const Index part : bounds) firsts.push_back(std::min(output.samples(), batch.first(part)));
    world_.gather(std::span<S>(output.data(), static_cast<std::size_t>(output.size())), firsts,
                  static_cast<std::size_t>(output.shape().sample_size()));
    world_.gather(std::span(runs), bounds);
    std::vector<double> shares;
    for (const SampleOutcome& one : samples) shares.push_back(one.share);
    world_.gather(std::span(shares), firsts);
    for (std::size_t n = 0; n < samples.size(); ++n) samples[n].share = shares[n];

    // Records: first how many each part has, then all of them.
    std::vector<std::int64_t> counts(runs.size());
    const auto of = [&](Index part) { return static_cast<std::size_t>(part); };
    const Index mine = bounds[rank()], others = bounds[rank() + 1];
    for (Index part = mine; part < others; ++part) counts[of(part)] = std::ssize(batch.records(part));
    world_.gather(std::span(counts), bounds);
    std::vector<std::ptrdiff_t> starts{0};
    for (const std::int64_t count : counts) starts.push_back(starts.back() + static_cast<std::ptrdiff_t>(count));
    std::vector<SolveRecord> records(static_cast<std::size_t>(starts.back()));
    for (Index part = mine; part < others; ++part) {
      std::copy(batch.records(part).begin(), batch.records(part).end(), records.begin() + starts[of(part)]);
    }
    std::vector<std::ptrdiff_t> of_ranks;
    for (const Index part : bounds) of_ranks.push_back(starts[of(part)]);
    world_.gather(std::span(records), of_ranks);
    for (Index part = 0; part < batch.parts(); ++part) {
      if (part >= mine && part < others) continue;
      batch.file(part, {records.begin() + starts[of(part)], records.begin() + starts[of(part) + 1]}, samples);
    }
  }

 private:
  /// Which rank has a part.
  [[nodiscard]] static int owner(const PartBounds& bounds, Index part) {
    return static_cast<int>(std::upper_bound(bounds.begin(), bounds.end(), part) - bounds.begin()) - 1;
  }

  template <class S>
  struct Tree {
    const Processes& of;
    const std::vector<TreeBranch<S>>& branches;
    const PartBounds& bounds;
    std::size_t size;
    S* received;

    /// The sum (level, index), at the rank of its first part; null elsewhere, and for no parts at all. All ranks walk
    /// the tree in one order, so that of messages that wait for one another there is always one that both ends have
    /// come to.
    [[nodiscard]] S* sum(int level, Index index) const {
      const Index first = index << level, last = std::min(bounds.back(), (index + 1) << level);
      if (first >= last) return nullptr;
      const int rank = of.world_.rank(), here = owner(bounds, first);
      if (here == owner(bounds, last - 1)) {
        if (here != rank) return nullptr;
        return std::find_if(branches.begin(), branches.end(), [&](const auto& one) { return one.first() == first; })
            ->values;
      }
      S* const lower = sum(level - 1, 2 * index);
      S* const upper = sum(level - 1, 2 * index + 1);
      const Index half = (2 * index + 1) << (level - 1);
      if (half >= last) return lower;
      const int there = owner(bounds, half);
      if (there == here) {
        if (rank == here) add(lower, upper);
      } else if (rank == there) {
        of.world_.send(std::span<const S>(upper, size), here);
      } else if (rank == here) {
        of.world_.receive(std::span<S>(received, size), there);
        add(lower, received);
      }
      return lower;
    }

    void add(S* to, const S* from) const {
      for (std::size_t i = 0; i < size; ++i) to[i] += from[i];
    }
  };

  Communicator& world_;
};

/// Of what a batch is cut by.
template <class Options>
[[nodiscard]] Digest digest_of(std::size_t params, const Shape& x, const Options& options) {
  Digest digest;
  digest.add(params).add(x.with_samples(1)).add(options.samples_per_part);
  digest.add(options.context.step).add(options.context.draw).add(options.context.first_sample);
  if constexpr (requires { options.failed; }) digest.add(options.failed);
  return digest;
}

}  // namespace detail

/// The samples of a batch that this rank has. samples_per_part: as in the options of what works on them.
[[nodiscard]] inline Samples samples_of(const Communicator& world, Index batch, Index samples_per_part = 8) {
  check(batch >= 0, "samples of a batch", batch, "0 or more");
  return detail::samples_of_rank(batch, samples_per_part, world.size(), world.rank());
}

/// basin::value_and_gradient of a batch of which x are the samples that samples_of gives this rank. The result is of
/// the whole batch, on every rank; context.first_sample is that of the batch. Throws std::invalid_argument as that
/// does, and on all ranks where theta, the model's shape, the options, or the samples are not what the other ranks'
/// say.
template <class Model, class Other, class S, class Loss>
ValueAndGradient<Model, S> value_and_gradient(Communicator& world, const Model& model,
                                              const Parameters<Other, S>& theta,
                                              std::type_identity_t<View<const InputOf<Model, S>>> x, const Loss& loss,
                                              const GradientOptions& options = {}) {
  const detail::Processes processes(world, detail::digest_of(Model::param_count, x.shape(), options),
                                    std::span<const S>(theta.span()));
  return basin::detail::value_and_gradient_of(processes, model, theta, x, loss, options);
}

/// basin::value_and_gradient_along, likewise.
template <class Rollout, class Other, class S, class Loss>
ValueAndGradient<Rollout, S> value_and_gradient_along(Communicator& world, const Rollout& rollout,
                                                      const Parameters<Other, S>& theta,
                                                      std::type_identity_t<View<const S>> start, const Loss& loss,
                                                      const std::vector<LossStep>& steps,
                                                      const GradientOptions& options = {.samples_per_part = 1}) {
  Digest settings =
      detail::digest_of(Rollout::param_count, start.shape(), options).add(basin::detail::last_step(rollout));
  for (const LossStep& one : steps) settings.add(one.step).add(one.weight);
  const detail::Processes processes(world, settings, std::span<const S>(theta.span()));
  return basin::detail::value_and_gradient_along_of(processes, rollout, theta, start, basin::detail::NoInjection{},
                                                    loss, steps, options);
}

/// The same of an automaton whose cells are told u, of the samples that this rank has.
template <class Rollout, class Other, class S, class Loss>
ValueAndGradient<Rollout, S> value_and_gradient_along(Communicator& world, const Rollout& rollout,
                                                      const Parameters<Other, S>& theta,
                                                      std::type_identity_t<View<const S>> start,
                                                      std::type_identity_t<View<const S>> u, const Loss& loss,
                                                      const std::vector<LossStep>& steps,
                                                      const GradientOptions& options = {.samples_per_part = 1}) {
  Digest settings =
      detail::digest_of(Rollout::param_count, start.shape(), options).add(basin::detail::last_step(rollout));
  for (const LossStep& one : steps) settings.add(one.step).add(one.weight);
  settings.add(u.shape().with_samples(u.samples() - start.samples()));  // a rank must not throw alone
  const detail::Processes processes(world, settings, std::span<const S>(theta.span()));
  return basin::detail::value_and_gradient_along_of(processes, rollout, theta, start, u, loss, steps, options);
}

/// basin::predict, likewise.
template <class Model, class Other, class S>
Prediction<S> predict(Communicator& world, const Model& model, const Parameters<Other, S>& theta,
                      std::type_identity_t<View<const InputOf<Model, S>>> x, const PredictOptions& options = {}) {
  const detail::Processes processes(world, detail::digest_of(Model::param_count, x.shape(), options),
                                    std::span<const S>(theta.span()));
  return basin::detail::predict_of(processes, model, theta, x, options);
}

}  // namespace basin::mpi
