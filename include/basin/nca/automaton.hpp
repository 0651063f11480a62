#pragma once

// A cellular automaton: one local rule, shared by all cells,
//
//   r = rule(perception(z)),   z~ = update(z, r) where a cell fires,   z' = alive(z, z~),
//
// after A. Mordvintsev, E. Randazzo, E. Niklasson, M. Levin, "Growing Neural Cellular Automata", Distill 2020. It is a
// cell f(z, u) as the solvers and adjoints take it (core/layer.hpp); its u has no features and only says the space and
// the samples. nca/gated.hpp adds an injection.
//
//   Perception   what a cell sees of the grid              nca/perceive.hpp
//   Rule         a layer on what one cell sees             any Layer, such as Sequential<Dense, Relu, Dense>
//   Fire         which cells update                        nca/fire.hpp:   EveryCell, MeanField, RandomFire
//   Alive        which cells live                          nca/alive.hpp:  Everywhere, AliveMask, MaskedBy
//   Update       how the answer becomes the new state      nca/update.hpp: Increment, Replace, ClippedIncrement, Relax
//
// Cells that do not fire or cannot be alive are left out, forward and backward: the others are gathered into blocks
// that pass through perception and rule while they are in cache. A state is cut into tasks by its shape alone, and each
// cell is computed by itself, so that results are the same to the last bit for any number of threads.

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "basin/core/layer.hpp"
#include "basin/core/parallel.hpp"
#include "basin/layers/chain.hpp"
#include "basin/nca/alive.hpp"
#include "basin/nca/fire.hpp"
#include "basin/nca/sights.hpp"
#include "basin/nca/tasks.hpp"
#include "basin/nca/update.hpp"

namespace basin {

namespace detail {

/// Of a perception that has parameters of its own; 0 of one that has none.
template <class P>
inline constexpr std::size_t params_of = 0;
template <class P>
requires requires { P::param_count; }
inline constexpr std::size_t params_of<P> = P::param_count;

}  // namespace detail

template <class OfPerception, class OfRule, class OfFire = RandomFire, class OfAlive = Everywhere,
          class OfUpdate = Increment<>>
struct Automaton {
  using Perception = OfPerception;
  using Rule = OfRule;
  using Fire = OfFire;
  using Alive = OfAlive;
  using Update = OfUpdate;

  static constexpr int state_features = Perception::state_features;
  static constexpr int input_features = 0;
  static constexpr int seen_features = Perception::seen_features;
  static constexpr int answers = Update::template answers<state_features>;
  static constexpr std::size_t seeing_params = detail::params_of<Perception>;  ///< theta begins with them
  static constexpr std::size_t param_count = seeing_params + Rule::param_count;
  static_assert(detail::Join<seen_features, Rule::in_features>::fits);
  static_assert(detail::Join<detail::features_after<Rule, seen_features>, answers>::fits);
  static_assert(detail::has_feature<Alive, state_features>,
                "Automaton: the feature that decides about life is not one of the state's");
  static_assert(
      std::is_same_v<Alive, Everywhere> || requires { typename Perception::Edge; },
      "Automaton: an alive mask looks at the neighbours in a grid, which this perception has not: take "
      "Everywhere");
  static_assert(!(std::is_same_v<Fire, MeanField> && std::is_same_v<Update, Replace>),
                "Automaton: Replace takes the rule's answer whole, so a mean field would not be the mean; take Relax");

  Perception perception{};
  Rule rule{};
  Fire fire{};
  Alive alive{};
  Update update{};
  Moment moment{};  ///< of the step that apply and linearize make

  static void leaves(LeafList& list) {
    if constexpr (seeing_params > 0) Perception::leaves(list);
    if constexpr (Rule::param_count > 0) Rule::leaves(list);
  }

  /// The same automaton at another step, for samples that begin at another number of their batch.
  [[nodiscard]] Automaton at(const Moment& when) const {
    Automaton same = *this;
    same.moment = when;
    return same;
  }

  [[nodiscard]] Shape state_shape(const Shape& u) const {
    check_features("Automaton: injection", u.features, input_features);
    const Shape z = u.with_features(state_features);
    perception.check_shape(z);
    return z;
  }

  template <class S>
  Report apply(Theta<S, param_count> theta, In<S> z, In<S> /*u*/, View<S> out) const {
    Scratch scratch;
    return step<S>(theta, z, out, scratch.take<std::uint8_t>(z.shape().cells()));
  }

  /// The same, and marks of all cells of all samples, which a lean linearization needs: nonzero if the cell is alive
  /// after the step, above 1 if it has updated.
  template <class S>
  Report step(Theta<S, param_count> theta, In<S> z, View<S> out, std::uint8_t* marks) const {
    perception.check_shape(z.shape());
    const detail::Tasks tasks(z.shape(), forward_cells, slice_cells(z.shape(), 1));
    return run<S>(theta, z, out, marks, tasks, forward_block,
                  [&](Index, Index, std::span<const Index>, View<const S> seen, View<S> answer) {
                    return detail::report_of([&] { return rule.apply(of_rule<S>(theta), seen, answer); });
                  });
  }

  template <class S>
  class Linearization;

  /// Keeps what the rule needs of every cell that updates.
  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> z, In<S> /*u*/, View<S> out) const {
    return Linearization<S>(*this, theta, z, out, nullptr);
  }

  /// What the linearizations of all steps at the same theta have in common.
  template <class S>
  using Prepared = detail::PreparedOf<Rule, S>;
  template <class S>
  [[nodiscard]] Prepared<S> prepare(std::span<const S, param_count> theta) const {
    return detail::prepared_of<Rule, S>(rule, of_rule<S>(theta));
  }

  /// Keeps what the rule needs, and refers to what was prepared.
  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> z, In<S> /*u*/, View<S> out,
                             const Prepared<S>& prepared) const {
    return Linearization<S>(*this, theta, z, out, &prepared);
  }

  /// The derivative of a step that `step` has made, from its marks: keeps nothing but references, and computes the
  /// rule's inner values anew, block by block, whenever it is used.
  template <class S>
  Linearization<S> linearize_again(Theta<S, param_count> theta, In<S> z, const std::uint8_t* marks,
                                   const Prepared<S>& prepared) const {
    return Linearization<S>(*this, theta, z, marks, &prepared);
  }

 private:
  static constexpr Index forward_cells = 1024;   // least cells of a task
  static constexpr Index backward_cells = 8192;  // more, since each task has a gradient in theta of its own
  static constexpr Index forward_block = 56;     // cells that pass through the rule together: a block of a dense layer
  static constexpr Index backward_block = 448;   // more, since linearizing a layer has a cost of its own
  static constexpr std::uint8_t living = 1, active = 2;
  static constexpr bool whole_samples = requires { requires Perception::whole_samples; };

  template <class S>
  static auto of_perception(std::span<const S, param_count> theta) {
    return theta.template first<seeing_params>();
  }
  template <class S>
  static auto of_rule(std::span<const S, param_count> theta) {
    return theta.template subspan<seeing_params>();
  }

  template <class S>
  [[nodiscard]] auto sight_of(std::span<const S, param_count> theta, View<const S> z, Scratch& scratch) const {
    using Sight = typename Perception::template Sight<S>;
    if constexpr (seeing_params > 0) {
      return Sight(perception, of_perception<S>(theta), z, scratch);
    } else {
      return Sight(perception, z, scratch);
    }
  }

  /// Cells that updated, of one band.
  static Index list_active(const std::uint8_t* marks, Index first, Index last, Index* cells) {
    Index count = 0;
    for (Index i = first; i < last; ++i) {
      cells[count] = i;
      count += (marks[i] & active) != 0 ? 1 : 0;
    }
    return count;
  }

  /// To the rule each cell is a sample: whatever it is, it sees one cell at a time.
  static Shape block_shape(int features, Index cells) { return {features, {1, 1, 1}, cells}; }

  /// What bands are cut into, in multiples of `least` cells: whole lines, unless there is one line and each of its
  /// cells is marked by itself.
  static Index slice_cells(const Shape& z, Index least) {
    const bool whole = Alive::clears || z.cells_per_sample() > z.space[0];
    return whole ? std::max(least, z.space[0]) : least;
  }

  /// One step. answer(task, sample, cells, seen, answers) computes the rule on a block of cells.
  template <class S, class Answer>
  Report run(std::span<const S, param_count> theta, View<const S> z, View<S> out, std::uint8_t* marks,
             const detail::Tasks& tasks, Index block, const Answer& answer) const {
    constexpr int C = state_features;
    const Shape& shape = z.shape();
    const Index per_sample = shape.cells_per_sample(), width = shape.space[0];
    const S factor = static_cast<S>(fire.factor());
    if constexpr (requires { update.noise; }) {
      check(update.noise >= 0, "noise of an automaton's update", update.noise, "0 or more");
    }
    Scratch scratch;
    S* before = nullptr;  // the feature that decides about life, of z, and of z~
    S* after = nullptr;
    if constexpr (Alive::clears) {
      before = scratch.take<S>(shape.cells());
      after = scratch.take<S>(shape.cells());
      tasks.each([&](Index, const detail::Band& band) {
        detail::extract(z.data() + band.begin(per_sample) * C, C, Alive::feature, band.size(),
                        before + band.begin(per_sample));
      });
    }
    const auto make_sight = [&](Index n, Scratch& of) { return sight_of<S>(theta, View<const S>(z.sample(n)), of); };
    const detail::Sights<whole_samples, decltype(make_sight)> sights(tasks, make_sight, scratch);
    const std::span<Report> reports = reports_of(tasks, scratch);
    tasks.each([&](Index task, const detail::Band& band) {
      Scratch own;
      const Index n = band.sample, first = band.first, last = band.last;
      std::uint8_t* mark = marks + n * per_sample;
      const S* from = z.sample(n).data();
      S* to = out.sample(n).data();
      mark_cells(View<const S>(z.sample(n)), before ? before + n * per_sample : nullptr, n, first, last, mark);
      for (Index i = first; i < last; ++i) {
        if (Alive::clears && mark[i] == 0) {
          std::fill_n(to + i * C, C, S(0));
        } else {
          std::copy_n(from + i * C, C, to + i * C);
        }
      }
      Index* cells = own.take<Index>(last - first + 1);
      const Index active_cells = list_active(mark, first, last, cells);
      S* seen = own.take<S>(block * seen_features);
      S* answered = own.take<S>(block * answers);
      auto sight = sights.of(n, own);
      for (Index i = 0; i < active_cells; i += block) {
        const Index count = std::min(block, active_cells - i);
        sight(cells + i, count, seen);
        reports[static_cast<std::size_t>(task)] += answer(
            task, n, std::span<const Index>(cells + i, static_cast<std::size_t>(count)),
            View<const S>(seen, block_shape(seen_features, count)), View<S>(answered, block_shape(answers, count)));
        for (Index j = 0; j < count; ++j) {
          const Index cell = cells[i + j];
          update_cell(n, cell, from + cell * C, answered + j * answers, factor, to + cell * C);
        }
      }
      if constexpr (Alive::clears) {
        detail::extract(to + first * C, C, Alive::feature, last - first, after + n * per_sample + first);
      }
    });
    if constexpr (Alive::clears) {
      tasks.each([&](Index task, const detail::Band& band) {
        Scratch own;
        std::uint8_t* lives = own.take<std::uint8_t>(band.size());
        detail::mark_around<typename Perception::Edge>(after + band.sample * per_sample, shape.space,
                                                       band.first / width, band.last / width,
                                                       static_cast<S>(alive.threshold), lives);
        std::uint8_t* mark = marks + band.begin(per_sample);
        S* to = out.data() + band.begin(per_sample) * C;
        for (Index i = 0; i < band.size(); ++i) {
          if (mark[i] == 0 || lives[i] != 0) continue;
          if (dead_neighbour_rises(theta, z.sample(band.sample), before + band.sample * per_sample, band.sample,
                                   band.first + i, reports[static_cast<std::size_t>(task)])) {
            continue;
          }
          mark[i] = 0;
          std::fill_n(to + i * C, C, S(0));
        }
      });
    }
    return total(reports);
  }

  /// A report for each task, in scratch memory.
  static std::span<Report> reports_of(const detail::Tasks& tasks, Scratch& scratch) {
    const std::span<Report> reports(scratch.take<Report>(tasks.count()), static_cast<std::size_t>(tasks.count()));
    std::uninitialized_fill(reports.begin(), reports.end(), Report{});
    return reports;
  }
  static Report total(std::span<const Report> reports) {
    Report sum;
    for (const Report& report : reports) sum += report;
    return sum;
  }

  /// z~ of a cell that fires. The rule's answer takes the noise.
  template <class S>
  void update_cell(Index n, Index cell, const S* z, S* answer, S factor, S* out) const {
    if constexpr (requires { update.noise; }) {
      if (update.noise > 0) {
        update.template add_noise<state_features>(moment.step, moment.first_sample + n, cell, answer);
      }
    }
    update.template next<state_features>(z, answer, factor, out);
  }

  /// Whether a neighbour of a cell of sample n that is dead before the update would be above the threshold after it.
  /// Such a one is cleared itself, so its update is left out, but by definition it keeps the cell alive. Asked only for
  /// cells that no living neighbour keeps alive: a few at a step.
  template <class S>
  bool dead_neighbour_rises(std::span<const S, param_count> theta, View<const S> z, const S* before, Index n,
                            Index cell, Report& report) const {
    using Edge = typename Perception::Edge;
    constexpr int C = state_features;
    const std::array<Index, 3>& space = z.shape().space;
    const S threshold = static_cast<S>(alive.threshold), factor = static_cast<S>(fire.factor());
    std::array<Index, 27> dead;
    Index count = 0;
    detail::each_around<Edge>(space, cell, [&](Index neighbour) {
      bool lives = false;
      detail::each_around<Edge>(space, neighbour, [&](Index i) { lives = lives || !(before[i] <= threshold); });
      if (lives) return;
      std::uint8_t fires = 1;
      if constexpr (Fire::random) {
        fire.clear_idle(moment.step, moment.first_sample + n, neighbour, std::span(&fires, 1));
      }
      if (fires != 0) dead[static_cast<std::size_t>(count++)] = neighbour;
    });
    if (count == 0) return false;
    Scratch own;
    S* seen = own.take<S>(count * seen_features);
    S* answered = own.take<S>(count * answers);
    S* next = own.take<S>(C);
    sight_of<S>(theta, z, own)(dead.data(), count, seen);
    report += detail::report_of([&] {
      return rule.apply(of_rule<S>(theta), View<const S>(seen, block_shape(seen_features, count)),
                        View<S>(answered, block_shape(answers, count)));
    });
    for (Index j = 0; j < count; ++j) {
      const Index neighbour = dead[static_cast<std::size_t>(j)];
      update_cell(n, neighbour, z.data() + neighbour * C, answered + j * answers, factor, next);
      if (!(next[Alive::feature] <= threshold)) return true;
    }
    return false;
  }

  /// Marks before the update: living where a cell may live, active where it updates.
  template <class S>
  void mark_cells(View<const S> z, const S* plane, Index n, Index first, Index last, std::uint8_t* mark) const {
    constexpr int C = state_features;
    if constexpr (Alive::clears) {
      const Index width = z.shape().space[0];
      detail::mark_around<typename Perception::Edge>(plane, z.shape().space, first / width, last / width,
                                                     static_cast<S>(alive.threshold), mark + first);
    } else {
      std::fill(mark + first, mark + last, std::uint8_t{1});
    }
    Scratch own;
    std::uint8_t* fires = own.take<std::uint8_t>(last - first);
    std::copy(mark + first, mark + last, fires);
    if constexpr (Alive::limits_updates && !Alive::clears) {
      const S threshold = static_cast<S>(alive.threshold);
      for (Index i = first; i < last; ++i) fires[i - first] = z.data()[i * C + Alive::feature] > threshold ? 1 : 0;
    }
    if constexpr (Fire::random) {
      fire.clear_idle(moment.step, moment.first_sample + n, first,
                      std::span(fires, static_cast<std::size_t>(last - first)));
    }
    for (Index i = first; i < last; ++i) mark[i] = static_cast<std::uint8_t>(mark[i] | fires[i - first] << 1);
  }
};

/// The automaton in which every cell fires with the mean of the random update: a map with fixed points.
template <class A>
struct MeanFieldOf;
template <class P, class R, class A, class U>
struct MeanFieldOf<Automaton<P, R, RandomFire, A, U>> {
  using type = Automaton<P, R, MeanField, A, U>;
};

/// The mean field of an automaton with random fire. Noise, whose mean is zero, is left out.
template <class P, class R, class A, class U>
[[nodiscard]] Automaton<P, R, MeanField, A, U> mean_field(const Automaton<P, R, RandomFire, A, U>& automaton) {
  Automaton<P, R, MeanField, A, U> mean{automaton.perception, automaton.rule,   {.rate = automaton.fire.rate},
                                        automaton.alive,      automaton.update, {}};
  if constexpr (requires { mean.update.noise; }) mean.update.noise = 0;
  return mean;
}

}  // namespace basin

#include "basin/nca/automaton_linearization.hpp"
