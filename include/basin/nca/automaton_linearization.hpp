#pragma once

// The derivative of one step of an automaton. With m = 1 where a cell is alive after the step (masks are constants), a
// = 1 where it updated, P the perception, R the derivative of the rule at what the cell saw, and (A, B) = d update /
// d(z, r):
//
//   J t   = m ((1 - a) t + a (A t + B R P t)),
//   J^T w = (1 - a) m w + a A^T m w + P^T R^T B^T a m w.
//
// It is included by nca/automaton.hpp.

#include <cstdint>
#include <memory>
#include <span>

#include "basin/nca/automaton_blocks.hpp"

namespace basin {

template <class OfPerception, class OfRule, class OfFire, class OfAlive, class OfUpdate>
template <class S>
class Automaton<OfPerception, OfRule, OfFire, OfAlive, OfUpdate>::Linearization {
  static constexpr int C = state_features;

 public:
  /// Makes the step, and keeps the rule's linearizations. Refers to theta, z, and what was prepared, if anything was.
  Linearization(const Automaton& automaton, std::span<const S, param_count> theta, View<const S> z, View<S> out,
                const Context& context, const Prepared<S>* prepared)
      : blocks_(automaton, theta, z, out, context, prepared) {}

  /// Of a step that was made before, with its marks. Keeps nothing, and refers to the marks and the samples' numbers of
  /// the context as well.
  Linearization(const Automaton& automaton, std::span<const S, param_count> theta, View<const S> z,
                const std::uint8_t* marks, const Context& context, const Prepared<S>* prepared)
      : blocks_(automaton, theta, z, marks, context, prepared) {}

  /// What the solves of the forward pass did, if the rule solves anything.
  [[nodiscard]] Report report() const { return blocks_.report(); }

  /// For who keeps the linearizations of many steps and logs them together: from now on records go to this log, or for
  /// one call to the one that is given with it. Null for none, where there was none.
  void log_to(SolveLog* log) { blocks_.log_to(log); }

  Report jvp(View<const S> t, View<S> out) const { return jvp(t, out, blocks_.log()); }
  Report jvp(View<const S> t, View<S> out, SolveLog* log) const {
    check_jvp<S>("Automaton", blocks_.shape(), blocks_.shape(), t, out);
    const Automaton& automaton = blocks_.automaton();
    const S factor = static_cast<S>(automaton.fire.factor());
    Scratch scratch;
    const auto make_change = [&](Index n, Scratch& of) {
      return typename See::template Change<S>(automaton.perception, blocks_.perception_theta(), blocks_.z(n),
                                              t.sample(n), of);
    };
    const detail::Sights<See::whole_samples, decltype(make_change)> changes(tasks(), make_change, scratch);
    const auto make_sight = blocks_.sight_maker();
    const SightsAt<decltype(make_sight)> sights(blocks_, make_sight, scratch);
    const std::span<Report> reports = reports_of(tasks(), scratch);
    detail::WorstRecords solves;
    tasks().each([&](Index task, const Band& band) {
      const S* z = blocks_.z(band.sample).data();
      const S* from = t.sample(band.sample).data();
      S* to = out.sample(band.sample).data();
      const std::uint8_t* marks = blocks_.marks(band.sample);
      for (Index i = band.first; i < band.last; ++i) {
        if (marks[i] != 0) {
          std::copy_n(from + i * C, C, to + i * C);
        } else {
          std::fill_n(to + i * C, C, S(0));
        }
      }
      Scratch own;
      auto change = changes.of(band.sample, own);
      S* seen_t = own.take<S>(backward_block * seen_features);
      S* answer_t = own.take<S>(backward_block * answers);
      reports[static_cast<std::size_t>(task)] +=
          blocks_.each(task, band, sights, solves, [&](const Cells& cells, const S* answer, const auto& linear) {
            const Index count = static_cast<Index>(cells.size());
            change(cells.data(), count, seen_t);
            const Report report = detail::report_of([&] {
              return linear.jvp(View<const S>(seen_t, block_shape(seen_features, count)),
                                View<S>(answer_t, block_shape(answers, count)));
            });
            for (Index j = 0; j < count; ++j) {
              const Index cell = cells[static_cast<std::size_t>(j)], at = cell * C;
              if (marks[cell] == 0) continue;
              automaton.update.template push<C>(z + at, answer + j * answers, from + at, answer_t + j * answers, factor,
                                                to + at);
            }
            return report;
          });
    });
    solves.hand_on(log, 1);
    return total(reports);
  }

  /// u has no features, so that nothing comes of it, and its gradient has none.
  Report jvp_input(View<const S> /*t*/, View<S> out) const {
    check_shape("Automaton", "out of jvp_input", out.shape(), blocks_.shape());
    out.vector().setZero();
    return {};
  }

  Report vjp(View<const S> w, View<S> dz) const { return vjp(w, dz, blocks_.log()); }
  Report vjp(View<const S> w, View<S> dz, SolveLog* log) const {
    check_vjp<S>("Automaton", blocks_.shape(), blocks_.shape(), w, dz);
    return pull(w, dz, nullptr, log);
  }

  Report vjp_input(View<const S> w, View<S> /*du*/) const {
    check_shape("Automaton", "w", w.shape(), blocks_.shape());
    return {};
  }

  Report pullback(View<const S> w, View<S> dz, View<S> du, ThetaGradient<S, param_count> dtheta) const {
    return pullback(w, dz, du, dtheta, blocks_.log());
  }
  Report pullback(View<const S> w, View<S> dz, View<S> /*du*/, ThetaGradient<S, param_count> dtheta,
                  SolveLog* log) const {
    return pull(w, dz, dtheta.data(), log);
  }

 private:
  using Band = detail::Band;
  using Spread = typename detail::SpreadOf<Perception, S>::type;
  template <class Make>
  using SightsAt = typename Blocks<S>::template SightsAt<Make>;

  [[nodiscard]] const detail::Tasks& tasks() const { return blocks_.tasks(); }

  /// dz = J^T w, if dz has memory; and, if dtheta is not null, dtheta += (dz'/dtheta)^T w.
  Report pull(View<const S> w, View<S> dz, S* dtheta, SolveLog* log) const {
    check_pullback<S>("Automaton", blocks_.shape(), blocks_.shape(), w, dz);
    if (!dz && dtheta == nullptr) return {};  // a rule without parameters, and dz is not wanted
    const Index count = tasks().count(), params = static_cast<Index>(param_count);
    Scratch scratch;
    // Each task has a gradient in theta of its own, and these are added in the order of the tasks. Tasks follow from
    // the shape alone, so the bits do not depend on the threads, without the tree of core/tree_sum.hpp: in the rounds
    // of each_apart tasks do not come in order, and a task's gradient is small beside the states of its cells, at least
    // about 8192, so that there is no memory to save.
    S* partial = dtheta;
    if (dtheta != nullptr && count > 1) {
      partial = scratch.take<S>(count * params);
      std::fill_n(partial, count * params, S(0));
    }
    if (dz) tasks().each([&](Index, const Band& band) { pass_idle(band, w, dz); });
    const std::span<Report> reports = reports_of(tasks(), scratch);
    detail::WorstRecords solves;
    const auto dtheta_of = [&](Index task) {
      return partial == nullptr ? nullptr : partial + (count > 1 ? task * params : 0);
    };
    const auto make_sight = blocks_.sight_maker();
    const SightsAt<decltype(make_sight)> sights(blocks_, make_sight, scratch);
    // Bands n, first ... last - 1, whose tasks are numbered from first_task on: what they spread is put together.
    const auto pull_together = [&](Index n, Index first, Index last, Index first_task) {
      pull_bands(n, first, last, first_task, sights, w, dz, dtheta_of, reports, solves);
    };
    const Index samples = tasks().samples, bands = tasks().bands;
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
      if (dz) {
        tasks().each_apart(pull_band);
      } else {
        tasks().each(pull_band);
      }
    }
    if (dtheta != nullptr && count > 1) {
      for (Index task = 0; task < count; ++task) {
        for (Index i = 0; i < params; ++i) dtheta[i] += partial[task * params + i];
      }
    }
    solves.hand_on(log, 1);
    return total(reports);
  }

  /// Of the cells that did not update: w where they are alive. The others begin at zero.
  void pass_idle(const Band& band, View<const S> w, View<S> dz) const {
    const std::uint8_t* marks = blocks_.marks(band.sample);
    const S* from = w.sample(band.sample).data();
    S* to = dz.sample(band.sample).data();
    for (Index i = band.first; i < band.last; ++i) {
      if (marks[i] == detail::mark_alive) {
        std::copy_n(from + i * C, C, to + i * C);
      } else {
        std::fill_n(to + i * C, C, S(0));
      }
    }
  }

  template <class SightsHere, class DthetaOf>
  void pull_bands(Index n, Index first, Index last, Index first_task, const SightsHere& sights, View<const S> w,
                  View<S> dz, const DthetaOf& dtheta_of, std::span<Report> reports,
                  detail::WorstRecords& solves) const {
    using Part = typename Spread::Part;
    const auto pull_one = [&](Index b, Part* part) {
      const Index task = first_task + b - first;
      reports[static_cast<std::size_t>(task)] +=
          pull_updated(task, tasks().band(n, b), sights, w, dz, dtheta_of(task), part, solves);
    };
    // Without dz there is nothing to spread, unless the perception has parameters.
    if (!dz && seeing_params == 0) {
      parallel_for(last - first, [&](Index i) { pull_one(first + i, nullptr); });
      return;
    }
    Scratch scratch;
    Spread spread(blocks_.automaton().perception, blocks_.perception_theta(), blocks_.z(n),
                  dz ? dz.sample(n) : View<S>{}, scratch);
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
  Report pull_updated(Index task, const Band& band, const SightsHere& sights, View<const S> w, View<S> dz, S* dtheta,
                      Spreads* spread, detail::WorstRecords& solves) const {
    const Automaton& automaton = blocks_.automaton();
    const S factor = static_cast<S>(automaton.fire.factor());
    const S* z = blocks_.z(band.sample).data();
    const S* from = w.sample(band.sample).data();
    const std::uint8_t* marks = blocks_.marks(band.sample);
    Scratch own;
    S* answer_w = own.take<S>(backward_block * answers);
    S* seen_w = own.take<S>(backward_block * seen_features);
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
        if (dz) {
          S* to = dz.sample(band.sample).data() + at;
          for (int c = 0; c < C; ++c) to[c] += cell_w[c];
        }
      }
      const View<const S> of_answers(answer_w, block_shape(answers, count));
      const View<S> of_seen = spread != nullptr ? View<S>(seen_w, block_shape(seen_features, count)) : View<S>{};
      const Report of_block = detail::report_of([&] {
        if (dtheta != nullptr)
          return linear.pullback(of_answers, of_seen,
                                 std::span<S, Rule::param_count>(dtheta + seeing_params, Rule::param_count));
        return linear.vjp(of_answers, of_seen);
      });
      if (spread != nullptr) (*spread)(cells.data(), count, seen_w);
      return of_block;
    });
  }

  Blocks<S> blocks_;
};

}  // namespace basin
