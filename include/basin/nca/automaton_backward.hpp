#pragma once

// The transpose of the derivative of one step of an automaton (the formulas are in nca/automaton_linearization.hpp).
// Bands of cells run side by side; those that could reach the same cells do not, and what they share is added up in
// their order, so that no bit depends on the threads.
//
// It is included by nca/automaton_linearization.hpp.

#include <cstdint>
#include <memory>
#include <span>

#include "basin/nca/automaton_blocks.hpp"

namespace basin {

/// One product. Refers to all that it is made with. dz and du may be without memory and dtheta null: not wanted.
template <class OfPerception, class OfRule, class OfFire, class OfAlive, class OfUpdate>
template <class S>
class Automaton<OfPerception, OfRule, OfFire, OfAlive, OfUpdate>::Backward {
  static constexpr int C = state_features;

 public:
  /// dz and du are overwritten; the gradient in theta is added to dtheta.
  Backward(const Blocks<S>& blocks, View<const S> w, View<S> dz, View<S> du, S* dtheta)
      : blocks_(blocks), w_(w), dz_(dz), du_(du), of_bands_(du), dtheta_(dtheta), partial_(dtheta) {}

  Report run(SolveLog* log) {
    const Index count = tasks().count(), params = static_cast<Index>(param_count);
    const Index samples = tasks().samples, bands = tasks().bands;
    Scratch scratch;
    // Each task has a gradient in theta of its own, and these are added in the order of the tasks. Tasks follow from
    // the shape alone, so the bits do not depend on the threads, without the tree of core/tree_sum.hpp: in the rounds
    // of each_apart tasks do not come in order, and a task's gradient is small beside the states of its cells, at least
    // about 8192, so that there is no memory to save.
    if (dtheta_ != nullptr && count > 1) {
      partial_ = scratch.take<S>(count * params);
      std::fill_n(partial_, count * params, S(0));
    }
    // So has each band of what all cells of a sample were told alike.
    const bool told_bands = du_ && bands > 1 && detail::told_alike(du_.shape());
    if (told_bands) of_bands_ = scratch.state<S>(du_.shape().with_samples(samples * bands));
    if (du_) of_bands_.vector().setZero();
    if (dz_) tasks().each([&](Index, const Band& band) { pass_idle(band); });

    const std::span<Report> reports = detail::reports_of(tasks(), scratch);
    detail::WorstRecords solves;
    const auto make_sight = blocks_.sight_maker();
    const SightsAt<decltype(make_sight)> sights(blocks_, make_sight, scratch);
    // Bands n, first ... last - 1, whose tasks are numbered from first_task on: what they spread is put together.
    const auto pull_together = [&](Index n, Index first, Index last, Index first_task) {
      pull_bands(n, first, last, first_task, sights, reports, solves);
    };
    if (bands > 1 && See::whole_samples) {
      // Either bands side by side, or samples.
      const auto pull_sample = [&](Index n) { pull_together(n, 0, bands, n * bands); };
      if (samples < threads()) {
        for (Index n = 0; n < samples; ++n) pull_sample(n);
      } else {
        parallel_for(samples, pull_sample);
      }
    } else {
      const auto pull_band = [&](Index task, const Band& band) {
        const Index b = bands > 1 ? task % bands : 0;
        pull_together(band.sample, b, b + 1, task);
      };
      if (dz_) {
        tasks().each_apart(pull_band);
      } else {
        tasks().each(pull_band);
      }
    }

    if (dtheta_ != nullptr && count > 1) {
      for (Index task = 0; task < count; ++task) {
        for (Index i = 0; i < params; ++i) dtheta_[i] += partial_[task * params + i];
      }
    }
    if (told_bands) {
      du_.vector().setZero();
      for (Index i = 0; i < samples * bands; ++i) du_.sample(i / bands).vector() += of_bands_.sample(i).vector();
    }
    solves.hand_on(log, 1);
    return detail::total(reports);
  }

 private:
  using Band = detail::Band;
  using Spread = typename detail::SpreadOf<Grid, S>::type;
  template <class Make>
  using SightsAt = typename Blocks<S>::template SightsAt<Make>;

  [[nodiscard]] const detail::Tasks& tasks() const { return blocks_.tasks(); }

  [[nodiscard]] S* dtheta_of(Index task) const {
    if (partial_ == nullptr) return nullptr;
    return partial_ + (tasks().count() > 1 ? task * static_cast<Index>(param_count) : 0);
  }
  /// Of band b of sample n.
  [[nodiscard]] View<S> du_of(Index n, Index b) const {
    if (!du_) return {};
    return of_bands_.sample(of_bands_.samples() == tasks().samples ? n : n * tasks().bands + b);
  }

  /// Of the cells that did not update: w where they are alive, and what they keep where they are not. Those that
  /// updated begin at zero.
  void pass_idle(const Band& band) const {
    const std::uint8_t* marks = blocks_.marks(band.sample);
    const S* from = w_.sample(band.sample).data();
    S* to = dz_.sample(band.sample).data();
    for (Index i = band.first; i < band.last; ++i) {
      if (marks[i] == 0) {
        detail::clear_cell<Alive, C>(from + i * C, to + i * C);
      } else if (marks[i] == detail::mark_alive) {
        std::copy_n(from + i * C, C, to + i * C);
      } else {
        std::fill_n(to + i * C, C, S(0));
      }
    }
  }

  template <class SightsHere>
  void pull_bands(Index n, Index first, Index last, Index first_task, const SightsHere& sights,
                  std::span<Report> reports, detail::WorstRecords& solves) const {
    using Part = typename Spread::Part;
    const auto pull_one = [&](Index b, Part* part) {
      const Index task = first_task + b - first;
      reports[static_cast<std::size_t>(task)] +=
          pull_updated(task, tasks().band(n, b), sights, du_of(n, b), dtheta_of(task), part, solves);
    };
    // Without dz there is nothing to spread, unless the perception has parameters whose gradient is wanted.
    if (!dz_ && (seeing_params == 0 || dtheta_ == nullptr)) {
      parallel_for(last - first, [&](Index i) { pull_one(first + i, nullptr); });
      return;
    }
    Scratch scratch;
    Spread spread =
        detail::seeing<Grid, Spread>(blocks_.context(n), scratch, blocks_.automaton().grid(),
                                     blocks_.perception_theta(), blocks_.z(n), dz_ ? dz_.sample(n) : View<S>{});
    Part* parts = scratch.take<Part>(last - first);
    for (Index b = first; b < last; ++b) {
      const Band band = tasks().band(n, b);
      std::construct_at(parts + (b - first),
                        spread.part(band.first, band.last, dtheta_of(first_task + b - first), scratch));
    }
    parallel_for(last - first, [&](Index i) { pull_one(first + i, parts + i); });
    for (Index i = 0; i < last - first; ++i) spread.add(parts[i]);
    spread.finish(dtheta_of(first_task));
  }

  /// Of the cells of a band that updated. `spread` may be null.
  template <class SightsHere, class Spreads>
  Report pull_updated(Index task, const Band& band, const SightsHere& sights, View<S> du, S* dtheta, Spreads* spread,
                      detail::WorstRecords& solves) const {
    const Automaton& automaton = blocks_.automaton();
    const S factor = static_cast<S>(automaton.fire.factor());
    const S* z = blocks_.z(band.sample).data();
    const S* from = w_.sample(band.sample).data();
    const std::uint8_t* marks = blocks_.marks(band.sample);
    Scratch own;
    S* answer_w = own.take<S>(backward_block * answers);
    S* seen_w = own.take<S>(backward_block * seen_features);
    S* grid_w = input_features > 0 ? own.take<S>(backward_block * grid_features) : seen_w;
    return blocks_.each(task, band, sights, solves, [&](const Cells& cells, const S* answer, const auto& linear) {
      const Index count = static_cast<Index>(cells.size());
      for (Index j = 0; j < count; ++j) {
        const Index cell = cells[static_cast<std::size_t>(j)], at = cell * C;
        if (marks[cell] == 0) {
          std::fill_n(answer_w + j * answers, answers, S(0));
          continue;
        }
        S cell_w[C];
        automaton.update.template pull<C>(z + at, answer + j * answers, from + at, factor, cell_w,
                                          answer_w + j * answers);
        if (dz_) {
          S* to = dz_.sample(band.sample).data() + at;
          for (int c = 0; c < C; ++c) to[c] += cell_w[c];
        }
      }
      const View<const S> of_answers(answer_w, block_shape(answers, count));
      const View<S> of_seen = spread != nullptr || du ? View<S>(seen_w, block_shape(seen_features, count)) : View<S>{};
      const Report of_block = detail::report_of([&] {
        if (dtheta != nullptr)
          return linear.pullback(of_answers, of_seen,
                                 std::span<S, Rule::param_count>(dtheta + seeing_params, Rule::param_count));
        return linear.vjp(of_answers, of_seen);
      });
      if constexpr (input_features > 0) {
        if (of_seen) {
          detail::part_told<grid_features, input_features, S>(seen_w, cells.data(), count,
                                                              spread != nullptr ? grid_w : nullptr, du);
        }
      }
      if (spread != nullptr) (*spread)(cells.data(), count, grid_w);
      return of_block;
    });
  }

  const Blocks<S>& blocks_;
  View<const S> w_;
  View<S> dz_, du_, of_bands_;
  S* dtheta_;
  S* partial_;  // of each task, one after another; if there is one, dtheta
};

}  // namespace basin
