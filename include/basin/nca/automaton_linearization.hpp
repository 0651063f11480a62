#pragma once

// The derivative of one step of an automaton. With m = 1 where a cell is alive after the step (masks are constants), a
// = 1 where it updated, P the perception, R the derivative of the rule at what the cell saw, and (A, B) = d update /
// d(z, r):
//
//   J t   = m ((1 - a) t + a (A t + B R P t)),
//   J^T w = (1 - a) m w + a A^T m w + P^T R^T B^T a m w.
//
// It is included by nca/automaton.hpp.

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "basin/nca/automaton.hpp"

namespace basin {

template <class OfPerception, class OfRule, class OfFire, class OfAlive, class OfUpdate>
template <class S>
class Automaton<OfPerception, OfRule, OfFire, OfAlive, OfUpdate>::Linearization {
  static constexpr int C = state_features;

 public:
  /// Makes the step, and keeps the rule's linearizations. Refers to theta, z and what was prepared, if anything was.
  Linearization(const Automaton& automaton, std::span<const S, param_count> theta, View<const S> z, View<S> out,
                const Prepared<S>* prepared)
      : Linearization(automaton, theta, z, static_cast<const std::uint8_t*>(nullptr), prepared) {
    own_marks_.resize(static_cast<std::size_t>(z.shape().cells()));
    marks_ = own_marks_.data();
    kept_.resize(static_cast<std::size_t>(tasks_.count()));
    report_ = automaton_.template run<S>(
        theta_, z, out, own_marks_.data(), tasks_, backward_block,
        [&](Index task, Index sample, const Cells& cells, View<const S> seen, View<S> answer) {
          auto& blocks = kept_[static_cast<std::size_t>(task)];
          const Kept& block = *blocks.emplace_back(std::make_unique<Kept>(automaton_.rule, of_rule<S>(theta_), sample,
                                                                          cells, seen, answer.shape(), prepared_));
          answer.vector() = block.answer;
          Report report;
          if constexpr (requires { block.linear.report(); }) report += block.linear.report();
          return report;
        });
  }

  /// Of a step that was made before, with its marks. Keeps nothing; refers to theta, z, marks and what was prepared.
  Linearization(const Automaton& automaton, std::span<const S, param_count> theta, View<const S> z,
                const std::uint8_t* marks, const Prepared<S>* prepared)
      : automaton_(automaton),
        theta_(theta),
        z_(z),
        marks_(marks),
        prepared_(prepared),
        tasks_(tasks_of(automaton, z.shape())) {}

  /// What the solves of the forward pass did, if the rule solves anything.
  [[nodiscard]] Report report() const { return report_; }

  Report jvp(View<const S> t, View<S> out) const {
    const S factor = static_cast<S>(automaton_.fire.factor());
    Scratch scratch;
    const auto make_change = [&](Index n, Scratch& of) { return change_of_sight(n, t, of); };
    const detail::Sights<whole_samples, decltype(make_change)> changes(tasks_, make_change, scratch);
    const auto make_sight = sight_maker();
    const SightsAt<decltype(make_sight)> sights(*this, make_sight, scratch);
    const std::span<Report> reports = reports_of(tasks_, scratch);
    tasks_.each([&](Index task, const Band& band) {
      const S* z = z_.sample(band.sample).data();
      const S* from = t.sample(band.sample).data();
      S* to = out.sample(band.sample).data();
      const std::uint8_t* marks = marks_ + band.sample * tasks_.cells;
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
          each_block(task, band, sights, [&](const Cells& cells, const S* answer, const auto& linear) {
            const Index count = static_cast<Index>(cells.size());
            change(cells.data(), count, seen_t);
            const Report report = detail::report_of([&] {
              return linear.jvp(View<const S>(seen_t, block_shape(seen_features, count)),
                                View<S>(answer_t, block_shape(answers, count)));
            });
            for (Index j = 0; j < count; ++j) {
              const Index cell = cells[static_cast<std::size_t>(j)], at = cell * C;
              if (marks[cell] == 0) continue;
              automaton_.update.template push<C>(z + at, answer + j * answers, from + at, answer_t + j * answers,
                                                 factor, to + at);
            }
            return report;
          });
    });
    return total(reports);
  }

  Report jvp_input(View<const S>, View<S> out) const {
    out.vector().setZero();
    return {};
  }

  Report vjp(View<const S> w, View<S> dz) const { return pull(w, dz, nullptr); }

  Report pullback(View<const S> w, View<S> dz, View<S> /*du*/, ThetaGradient<S, param_count> dtheta) const {
    return pull(w, dz, dtheta.data());
  }

 private:
  using Band = detail::Band;
  using Cells = std::span<const Index>;
  using RuleLinearization = LinearizationOf<Rule, S>;

  /// A block of cells with the rule linearized at what they saw.
  struct Kept {
    Index sample;
    std::vector<Index> cells;
    Vector<S> seen, answer;
    RuleLinearization linear;

    Kept(const Rule& rule, std::span<const S, Rule::param_count> theta, Index of_sample, const Cells& of,
         View<const S> saw, const Shape& answer_shape, const Prepared<S>* prepared)
        : sample(of_sample),
          cells(of.begin(), of.end()),
          seen(saw.vector()),
          answer(answer_shape.size()),
          linear(detail::linearize_with<Rule, S>(rule, theta, View<const S>(seen.data(), saw.shape()),
                                                 View<S>(answer.data(), answer_shape), prepared)) {}
  };

  /// How what the cells of sample n see changes with the state along t.
  auto change_of_sight(Index n, View<const S> t, Scratch& scratch) const {
    if constexpr (seeing_params > 0) {
      using Change = typename Perception::template Change<S>;
      return Change(automaton_.perception, of_perception<S>(theta_), z_.sample(n), t.sample(n), scratch);
    } else {
      return typename Perception::template Sight<S>(automaton_.perception, t.sample(n), scratch);
    }
  }

  /// Makes what the cells of a sample see.
  auto sight_maker() const {
    return [this](Index n, Scratch& of) { return automaton_.template sight_of<S>(theta_, z_.sample(n), of); };
  }

  /// Sights where the step was made, for what has to be computed anew.
  template <class Make>
  class SightsAt {
   public:
    SightsAt(const Linearization& linearization, const Make& make, Scratch& scratch) {
      if (linearization.kept_.empty()) sights_.emplace(linearization.tasks_, make, scratch);
    }
    auto of(Index n, Scratch& own) const { return sights_->of(n, own); }

   private:
    std::optional<detail::Sights<whole_samples, Make>> sights_;
  };

  static detail::Tasks tasks_of(const Automaton& automaton, const Shape& z) {
    automaton.perception.check_shape(z);
    if constexpr (whole_samples) {
      return detail::Tasks(z, backward_cells, slice_cells(z, 1));
    } else {
      return detail::Tasks(z, backward_cells, slice_cells(z, automaton.perception.band_cells(z, 1)));
    }
  }

  /// Calls body(cells, answers, linearization of the rule) for the blocks of a band, kept or made anew. Blocks that
  /// were kept may have cells that updated and then died.
  template <class SightsHere, class Body>
  Report each_block(Index task, const Band& band, const SightsHere& sights, const Body& body) const {
    Report report;
    if (!kept_.empty()) {
      for (const auto& block : kept_[static_cast<std::size_t>(task)]) {
        if (block->sample == band.sample) report += body(Cells(block->cells), block->answer.data(), block->linear);
      }
      return report;
    }
    Scratch own;
    Index* cells = own.take<Index>(band.size() + 1);
    const Index count = list_active(marks_ + band.sample * tasks_.cells, band.first, band.last, cells);
    auto sight = sights.of(band.sample, own);
    const Index most = std::min(count, backward_block);
    S* seen = own.take<S>(most * seen_features);
    S* answer = own.take<S>(most * answers);
    for (Index i = 0; i < count; i += backward_block) {
      const Index size = std::min(backward_block, count - i);
      sight(cells + i, size, seen);
      const auto linear = detail::linearize_with<Rule, S>(automaton_.rule, of_rule<S>(theta_),
                                                          View<const S>(seen, block_shape(seen_features, size)),
                                                          View<S>(answer, block_shape(answers, size)), prepared_);
      report += body(Cells(cells + i, static_cast<std::size_t>(size)), answer, linear);
    }
    return report;
  }

  /// dz = J^T w, if dz has memory; and, if dtheta is not null, dtheta += (dz'/dtheta)^T w.
  Report pull(View<const S> w, View<S> dz, S* dtheta) const {
    if (!dz && dtheta == nullptr) return {};  // a rule without parameters, and dz is not wanted
    const Index tasks = tasks_.count(), params = static_cast<Index>(param_count);
    Scratch scratch;
    S* partial = dtheta;  // of each task, added up in their order
    if (dtheta != nullptr && tasks > 1) {
      partial = scratch.take<S>(tasks * params);
      std::fill_n(partial, tasks * params, S(0));
    }
    if (dz) tasks_.each([&](Index, const Band& band) { pass_idle(band, w, dz); });
    const std::span<Report> reports = reports_of(tasks_, scratch);
    const auto dtheta_of = [&](Index task) {
      return partial == nullptr ? nullptr : partial + (tasks > 1 ? task * params : 0);
    };
    const auto make_sight = sight_maker();
    const SightsAt<decltype(make_sight)> sights(*this, make_sight, scratch);
    if constexpr (whole_samples) {
      const auto pull_sample = [&](Index n, Index first_task) {
        pull_whole(n, first_task, sights, w, dz, dtheta_of, reports);
      };
      if (tasks_.bands > 1 && tasks_.samples < threads()) {
        for (Index n = 0; n < tasks_.samples; ++n) pull_sample(n, n * tasks_.bands);  // bands side by side
      } else if (tasks_.bands > 1) {
        parallel_for(tasks_.samples, [&](Index n) { pull_sample(n, n * tasks_.bands); });
      } else {
        tasks_.each([&](Index task, const Band& band) { pull_sample(band.sample, task); });
      }
    } else {
      const auto each_active = [&](Index task, const Band& band) {
        Scratch own;
        // Without dz there is nothing to spread, unless the perception has parameters.
        std::optional<typename Perception::template Spread<S>> spread;
        if constexpr (seeing_params > 0) {
          spread.emplace(automaton_.perception, of_perception<S>(theta_), z_.sample(band.sample),
                         dz ? dz.sample(band.sample) : View<S>{}, dtheta_of(task), own);
        } else {
          if (dz) spread.emplace(automaton_.perception, dz.sample(band.sample), own);
        }
        reports[static_cast<std::size_t>(task)] +=
            pull_active(task, band, sights, w, dz, dtheta_of(task), spread ? &*spread : nullptr);
      };
      if (dz) {
        tasks_.each_apart(each_active);
      } else {
        tasks_.each(each_active);
      }
    }
    if (dtheta != nullptr && tasks > 1) {
      for (Index task = 0; task < tasks; ++task) {
        for (Index i = 0; i < params; ++i) dtheta[i] += partial[task * params + i];
      }
    }
    return total(reports);
  }

  /// Of the cells that did not update: w where they are alive. The others begin at zero.
  void pass_idle(const Band& band, View<const S> w, View<S> dz) const {
    const std::uint8_t* marks = marks_ + band.sample * tasks_.cells;
    const S* from = w.sample(band.sample).data();
    S* to = dz.sample(band.sample).data();
    for (Index i = band.first; i < band.last; ++i) {
      if (marks[i] == living) {
        std::copy_n(from + i * C, C, to + i * C);
      } else {
        std::fill_n(to + i * C, C, S(0));
      }
    }
  }

  /// The bands of sample n, whose tasks are numbered from first_task on, where cells see the whole sample: what they
  /// spread is put together before it reaches the cells.
  template <class SightsHere, class DthetaOf>
  void pull_whole(Index n, Index first_task, const SightsHere& sights, View<const S> w, View<S> dz,
                  const DthetaOf& dtheta_of, std::span<Report> reports) const {
    using Spread = typename Perception::template Spread<S>;
    using Part = typename Spread::Part;
    Scratch scratch;
    const View<S> dz_here = dz ? dz.sample(n) : View<S>{};
    Spread spread = [&] {
      if constexpr (seeing_params > 0) {
        return Spread(automaton_.perception, of_perception<S>(theta_), z_.sample(n), dz_here, scratch);
      } else {
        return Spread(automaton_.perception, dz_here, scratch);
      }
    }();
    Part* parts = scratch.take<Part>(tasks_.bands);
    for (Index b = 0; b < tasks_.bands; ++b) {
      const Band band = tasks_.band(n, b);
      if constexpr (seeing_params > 0) {
        std::construct_at(parts + b, spread.part(band.first, band.last, dtheta_of(first_task + b), scratch));
      } else {
        std::construct_at(parts + b, spread.part(band.first, band.last, scratch));
      }
    }
    // Without dz there is nothing to spread, unless the perception has parameters.
    const bool spreads = dz || seeing_params > 0;
    parallel_for(tasks_.bands, [&](Index b) {
      reports[static_cast<std::size_t>(first_task + b)] += pull_active(
          first_task + b, tasks_.band(n, b), sights, w, dz, dtheta_of(first_task + b), spreads ? parts + b : nullptr);
    });
    if (!spreads) return;
    for (Index b = 0; b < tasks_.bands; ++b) spread.add(parts[b]);
    if constexpr (seeing_params > 0) {
      spread.finish(dtheta_of(first_task));
    } else {
      spread.finish();
    }
  }

  /// Of the cells of a band that updated. `spread` may be null.
  template <class SightsHere, class Spreads>
  Report pull_active(Index task, const Band& band, const SightsHere& sights, View<const S> w, View<S> dz, S* dtheta,
                     Spreads* spread) const {
    const S factor = static_cast<S>(automaton_.fire.factor());
    const S* z = z_.sample(band.sample).data();
    const S* from = w.sample(band.sample).data();
    const std::uint8_t* marks = marks_ + band.sample * tasks_.cells;
    Scratch own;
    S* answer_w = own.take<S>(backward_block * answers);
    S* seen_w = own.take<S>(backward_block * seen_features);
    return each_block(task, band, sights, [&](const Cells& cells, const S* answer, const auto& linear) {
      const Index count = static_cast<Index>(cells.size());
      for (Index j = 0; j < count; ++j) {
        const Index cell = cells[static_cast<std::size_t>(j)], at = cell * C;
        if (marks[cell] == 0) {
          std::fill_n(answer_w + j * answers, answers, S(0));
          continue;
        }
        S cell_w[C];
        automaton_.update.template pull<C>(z + at, answer + j * answers, from + at, factor, cell_w,
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

  Automaton automaton_;
  std::span<const S, param_count> theta_;
  View<const S> z_;
  const std::uint8_t* marks_;
  const Prepared<S>* prepared_;
  detail::Tasks tasks_;
  std::vector<std::uint8_t> own_marks_;
  std::vector<std::vector<std::unique_ptr<Kept>>> kept_;  // a list for each task
  Report report_;
};

}  // namespace basin
