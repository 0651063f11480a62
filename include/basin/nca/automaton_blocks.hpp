#pragma once

// The cells of an automaton's step that updated, in blocks, each with the rule linearized at what its cells saw: kept
// when the step was made, or computed anew from the step's marks.
//
// It is included by nca/automaton_linearization.hpp.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "basin/core/threads.hpp"
#include "basin/nca/automaton.hpp"

namespace basin {

/// Refers to theta, z, u and what was prepared, and, of a step that was made before, to its marks and the samples'
/// numbers of the context; owns the rest, where it does not move.
template <class OfPerception, class OfRule, class OfFire, class OfAlive, class OfUpdate>
template <class S>
class Automaton<OfPerception, OfRule, OfFire, OfAlive, OfUpdate>::Blocks {
 public:
  /// Makes the step.
  Blocks(const Automaton& automaton, std::span<const S, param_count> theta, View<const S> z, View<const S> u,
         View<S> out, const Context& context, const Prepared<S>* prepared)
      : Blocks(automaton, theta, z, u, static_cast<const std::uint8_t*>(nullptr), context, prepared) {
    context_ = with_own_samples(context, z.samples(), own_numbers_);
    own_marks_ = Buffer<std::uint8_t>(z.shape().cells());
    marks_ = own_marks_.data();
    kept_.resize(static_cast<std::size_t>(tasks_.count()));
    report_ = automaton_.template run<S>(
        theta_, z, u, out, own_marks_.data(), context_, tasks_, backward_block,
        [&](Index task, Index n, const Cells& cells, View<const S> seen, View<S> answer, detail::WorstRecords& solves) {
          auto& blocks = kept_[static_cast<std::size_t>(task)];
          Kept& block = *blocks.emplace_back(std::make_unique<Kept>(automaton_.rule, of_rule<S>(theta_), context_, n,
                                                                    cells, seen, answer.shape(), prepared_));
          answer.vector() = block.answer.vector();
          solves.take(block.log, context_.sample(n));
          Report report;
          if constexpr (requires { block.linear.report(); }) report += block.linear.report();
          return report;
        });
  }

  /// Of a step that was made before.
  Blocks(const Automaton& automaton, std::span<const S, param_count> theta, View<const S> z, View<const S> u,
         const std::uint8_t* marks, const Context& context, const Prepared<S>* prepared)
      : automaton_(automaton),
        theta_(theta),
        z_(z),
        u_(u),
        marks_(marks),
        context_(context),
        prepared_(prepared),
        tasks_(tasks_of(automaton, z.shape())) {}

  Blocks(Blocks&&) = default;
  Blocks& operator=(Blocks&&) = default;
  Blocks(const Blocks&) = delete;  // a copy's marks would be the other's
  Blocks& operator=(const Blocks&) = delete;

  [[nodiscard]] const Automaton& automaton() const { return automaton_; }
  [[nodiscard]] auto perception_theta() const { return of_perception<S>(theta_); }
  [[nodiscard]] const Shape& shape() const { return z_.shape(); }
  [[nodiscard]] View<const S> z(Index n) const { return z_.sample(n); }
  [[nodiscard]] const Shape& input_shape() const { return u_.shape(); }
  [[nodiscard]] const detail::Tasks& tasks() const { return tasks_; }
  /// Of the cells of sample n.
  [[nodiscard]] const std::uint8_t* marks(Index n) const { return marks_ + n * tasks_.cells; }
  /// Of the sample n.
  [[nodiscard]] Context context(Index n) const { return context_.from_sample(n); }
  /// What takes the records of solves; null where nobody asks.
  [[nodiscard]] SolveLog* log() const { return context_.log; }
  void log_to(SolveLog* log) { context_.log = log; }
  /// What the solves of the forward pass did, if the rule solves anything.
  [[nodiscard]] Report report() const { return report_; }

  /// Makes what the cells of a sample see of the grid.
  [[nodiscard]] auto sight_maker() const {
    return [this](Index n, Scratch& of) { return automaton_.template sight_of<S>(theta_, z_, context_, n, of); };
  }

  /// Sights where the step was made, for what has to be computed anew.
  template <class Make>
  class SightsAt {
   public:
    /// make(n, scratch): what makes the sight of sample n, or its change. Not called if the blocks were kept.
    SightsAt(const Blocks& blocks, const Make& make, Scratch& scratch) {
      if (blocks.kept_.empty()) sights_.emplace(blocks.tasks_, make, scratch);
    }
    /// That of sample n; only for blocks that are computed anew.
    auto of(Index n, Scratch& own) const { return sights_->of(n, own); }

   private:
    std::optional<detail::Sights<See::whole_samples, Make>> sights_;
  };

  /// Calls body(cells, answers, linearization of the rule) for the blocks of a band; `solves` takes what it logs.
  /// Blocks that were kept may have cells that updated and then died.
  template <class SightsHere, class Body>
  Report each(Index task, const detail::Band& band, const SightsHere& sights, detail::WorstRecords& solves,
              const Body& body) const {
    Report report;
    const auto call = [&](const Cells& cells, const S* answer, const auto& linear, SolveLog& log) {
      report += body(cells, answer, linear);
      solves.take(log, context_.sample(band.sample));
    };
    if (!kept_.empty()) {
      for (const auto& block : kept_[static_cast<std::size_t>(task)]) {
        if (block->sample != band.sample) continue;
        std::unique_lock lock(block->one_at_a_time, std::defer_lock);
        if (context_.log != nullptr) lock.lock();  // another thread's records are not this one's
        call(Cells(block->cells), block->answer.data(), block->linear, block->log);
      }
      return report;
    }
    SolveLog log;
    Scratch own;
    Index* cells = own.take<Index>(band.size() + 1);
    const Index count = list_updated(marks(band.sample), band.first, band.last, cells);
    auto sight = sights.of(band.sample, own);
    const Index most = std::min(count, backward_block);
    S* seen = own.take<S>(most * seen_features);
    S* answer = own.take<S>(most * answers);
    Index* numbers = own.take<Index>(most);
    for (Index i = 0; i < count; i += backward_block) {
      const Index size = std::min(backward_block, count - i);
      const Cells here(cells + i, static_cast<std::size_t>(size));
      look<S>(sight, u_, band.sample, here.data(), size, seen);
      const auto linear = detail::linearize_with<Rule, S>(
          automaton_.rule, of_rule<S>(theta_), prepared_, rule_context(context_, band.sample, here, numbers, log),
          View<const S>(seen, block_shape(seen_features, size)), View<S>(answer, block_shape(answers, size)));
      log.clear();  // those solves were logged when the step was made
      call(here, answer, linear, log);
    }
    return report;
  }

 private:
  /// A block of cells with the rule linearized at what they saw.
  struct Kept {
    Index sample;
    std::vector<Index> cells, numbers;
    Buffer<S> seen, answer;
    SolveLog log;  // of the calls on the linearization; empty between them
    detail::Mutex one_at_a_time;
    LinearizationOf<Rule, S> linear;

    Kept(const Rule& rule, std::span<const S, Rule::param_count> theta, const Context& context, Index n,
         const Cells& of, View<const S> saw, const Shape& answer_shape, const Prepared<S>* prepared)
        : sample(n),
          cells(of.begin(), of.end()),
          numbers(context.renumbers_cells() ? of.size() : 0),
          seen(saw.data(), saw.size()),
          answer(answer_shape.size()),
          linear(detail::linearize_with<Rule, S>(
              rule, theta, prepared, rule_context(context, n, cells, numbers.data(), log),
              View<const S>(seen.data(), saw.shape()), View<S>(answer.data(), answer_shape))) {}
  };

  static detail::Tasks tasks_of(const Automaton& automaton, const Shape& z) {
    return detail::Tasks(z, backward_cells, slice_cells(z, See::band_cells(automaton.grid(), z, 1)));
  }

  Automaton automaton_;
  std::span<const S, param_count> theta_;
  View<const S> z_, u_;
  const std::uint8_t* marks_;
  Context context_;
  const Prepared<S>* prepared_;
  detail::Tasks tasks_;
  Buffer<std::uint8_t> own_marks_;
  std::vector<Index> own_numbers_;
  std::vector<std::vector<std::unique_ptr<Kept>>> kept_;  // a list for each task
  Report report_;
};

}  // namespace basin
