#pragma once

// A cellular automaton: one local rule, shared by all cells,
//
//   r = rule(perception(z)),   z~ = update(z, r) where a cell fires,   z' = alive(z, z~),
//
// after A. Mordvintsev, E. Randazzo, E. Niklasson, M. Levin, "Growing Neural Cellular Automata", Distill 2020. It is a
// cell f(z, u) as the solvers and adjoints take it (core/layer.hpp). Its u is what cells are told beside what they see,
// if the perception is a Conditioned one; else u has no features and only says the space and the samples. nca/gated.hpp
// adds an injection to the state.
//
//   Perception   what a cell sees of the grid              nca/perception.hpp, nca/perceive.hpp, nca/conditioned.hpp
//   Rule         a layer on what one cell sees             any Layer, such as Sequential<Dense, Relu, Dense>
//   Fire         which cells update                        nca/fire.hpp:   EveryCell, MeanField, RandomFire
//   Alive        which cells live                          nca/alive.hpp:  Everywhere, AliveMask, MaskedBy
//   Update       how the answer becomes the new state      nca/update.hpp: Increment, Replace, ClippedIncrement, Relax,
//                                                                          and Keeping, where features stay
//
// Random masks and noise are functions of the step, the sample and the cell that the context (core/context.hpp) says.
//
// Cells that do not fire or cannot be alive are left out, forward and backward: the others are gathered into blocks
// that pass through perception and rule while they are in cache. A state is cut into tasks by its shape alone, and each
// cell is computed by itself, so that results are the same to the last bit for any number of threads.

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "basin/core/layer.hpp"
#include "basin/core/parallel.hpp"
#include "basin/layers/join.hpp"
#include "basin/nca/alive.hpp"
#include "basin/nca/alive_marks.hpp"
#include "basin/nca/conditioned.hpp"
#include "basin/nca/fire.hpp"
#include "basin/nca/perception.hpp"
#include "basin/nca/sights.hpp"
#include "basin/nca/tasks.hpp"
#include "basin/nca/update.hpp"

namespace basin {

template <class OfPerception, class OfRule, class OfFire = RandomFire, class OfAlive = Everywhere,
          class OfUpdate = Increment>
struct Automaton {
  using Perception = OfPerception;  ///< what a cell sees (nca/perception.hpp), and is told (nca/conditioned.hpp)
  using Rule = OfRule;              ///< a layer on what one cell sees (core/layer.hpp)
  using Fire = OfFire;              ///< which cells update at a step (nca/fire.hpp)
  using Alive = OfAlive;            ///< which cells live (nca/alive.hpp)
  using Update = OfUpdate;          ///< how the rule's answer becomes the new state (nca/update.hpp)

  static constexpr int state_features = Perception::state_features;
  static constexpr int input_features = detail::Told<Perception>::features;
  static constexpr int seen_features = Perception::seen_features;
  static constexpr int answers = Update::template answers<state_features>;
  /// Theta begins with those of the perception.
  static constexpr std::size_t seeing_params =
      detail::PerceptionOf<typename detail::Told<Perception>::Grid>::param_count;
  static constexpr std::size_t param_count = seeing_params + Rule::param_count;
  /// Its masks are others at each step, so that it has no fixed point. (Noise, which is there or not when the program
  /// runs, does not count: where the step stands still it is a constant.)
  static constexpr bool changes_with_step = Fire::random || basin::changes_with_step<Rule>;
  static_assert(detail::Join<seen_features, Rule::in_features>::fits);
  static_assert(detail::Join<detail::features_after<Rule, seen_features>, answers>::fits);
  static_assert(detail::has_feature<Alive, state_features>,
                "Automaton: the feature that decides about life is not one of the state's");
  static_assert(detail::kept_features_end<Alive> <= state_features &&
                    detail::kept_features_end<Update> <= state_features,
                "Automaton: a feature that stays (of Keeping, or of an alive mask) is not one of the state's");
  static_assert(
      !Alive::clears || detail::PerceptionOf<typename detail::Told<Perception>::Grid>::has_edge,
      "Automaton: an alive mask looks at the neighbours in a grid, which this perception has not: take Everywhere");
  static_assert(!(std::is_same_v<Fire, MeanField> && detail::replaces<Update>),
                "Automaton: Replace takes the rule's answer whole, so a mean field would not be the mean; take Relax");

  Perception perception{};  ///< what a cell sees; its parameters, if it has any, stand first in theta
  Rule rule{};              ///< from what a cell sees to its answer; its parameters are the rest of theta
  Fire fire{};              ///< which cells update, with the rate and the seed of RandomFire
  Alive alive{};            ///< which cells live, with the threshold of a mask
  Update update{};          ///< how the answer changes the state, with a rate or noise where it has one

  static void leaves(LeafList& list) {
    list.reordered();  // by what a cell sees
    See::leaves(list);
    if constexpr (Rule::param_count > 0) Rule::leaves(list);
  }

  [[nodiscard]] Shape state_shape(const Shape& u) const {
    check_features("Automaton: injection", u.features, input_features);
    const Shape z = u.with_features(state_features);
    grid().check_shape(z);
    return z;
  }

  template <class S>
  Report apply(Theta<S, param_count> theta, In<S> z, In<S> u, View<S> out, const Context& context = {}) const {
    Scratch scratch;
    return step<S>(theta, z, u, out, scratch.take<std::uint8_t>(z.shape().cells()), context);
  }

  /// The same, and marks of all cells of all samples, which a lean linearization needs: nonzero if the cell is alive
  /// after the step, above 1 if it has updated.
  template <class S>
  Report step(Theta<S, param_count> theta, In<S> z, In<S> u, View<S> out, std::uint8_t* marks,
              const Context& context = {}) const {
    check_shapes(z.shape(), u, out.shape());
    const detail::Tasks tasks(z.shape(), forward_cells, slice_cells(z.shape(), 1));
    const auto with = [&](const Prepared<S>* prepared) {
      return run<S>(
          theta, z, u, out, marks, context, tasks, forward_block,
          [&](Index, Index n, const Cells& cells, View<const S> seen, View<S> answer, detail::WorstRecords& solves) {
            return answer_cells<S>(theta, context, n, cells, seen, answer, prepared, solves);
          });
    };
    if constexpr (detail::prepares_to_apply<Rule>) {  // once, and not for each block of cells
      const Prepared<S> prepared = prepare<S>(theta);
      return with(&prepared);
    } else {
      return with(nullptr);
    }
  }
  /// Of cells that are told nothing.
  template <class S>
  Report step(Theta<S, param_count> theta, In<S> z, View<S> out, std::uint8_t* marks, const Context& context = {}) const
      requires(input_features == 0) {
    return step<S>(theta, z, View<const S>{}, out, marks, context);
  }

  template <class S>
  class Linearization;

  /// What the linearizations of all steps at the same theta have in common.
  template <class S>
  using Prepared = detail::PreparedOf<Rule, S>;
  template <class S>
  [[nodiscard]] Prepared<S> prepare(std::span<const S, param_count> theta) const {
    return detail::prepared_of<Rule, S>(rule, of_rule<S>(theta));
  }

  /// Keeps what the rule needs of every cell that updates.
  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> z, In<S> u, View<S> out, const Context& context = {},
                             IfPrepared<Prepared<S>> prepared = {}) const {
    check_shapes(z.shape(), u, out.shape());
    return Linearization<S>(*this, theta, z, u, out, context, prepared.get());
  }

  /// The derivative of a step that `step` has made, from its marks: keeps nothing but references, and computes the
  /// rule's inner values anew, block by block, whenever it is used.
  template <class S>
  Linearization<S> linearize_again(Theta<S, param_count> theta, In<S> z, In<S> u, const std::uint8_t* marks,
                                   const Context& context, const Prepared<S>& prepared) const {
    check_shapes(z.shape(), u, z.shape());
    return Linearization<S>(*this, theta, z, u, marks, context, &prepared);
  }
  /// Of cells that are told nothing.
  template <class S>
  Linearization<S> linearize_again(Theta<S, param_count> theta, In<S> z, const std::uint8_t* marks,
                                   const Context& context, const Prepared<S>& prepared) const
      requires(input_features == 0) {
    return linearize_again<S>(theta, z, View<const S>{}, marks, context, prepared);
  }

 private:
  using Grid = typename detail::Told<Perception>::Grid;
  using See = detail::PerceptionOf<Grid>;
  static constexpr int grid_features = Grid::seen_features;  // what a cell sees of the grid
  using Cells = std::span<const Index>;
  template <class S>
  class Blocks;
  template <class S>
  class Backward;
  template <class S>
  using Life = detail::Life<Alive, Fire, typename See::Edge, state_features, S>;

  static constexpr Index forward_cells = 1024;   // least cells of a task
  static constexpr Index backward_cells = 8192;  // more, since each task has a gradient in theta of its own
  static constexpr Index forward_block = 56;     // cells that pass through the rule together: a block of a dense layer
  static constexpr Index backward_block = 448;   // more, since linearizing a layer has a cost of its own

  [[nodiscard]] const Grid& grid() const { return detail::Told<Perception>::grid(perception); }

  template <class S>
  void check_shapes(const Shape& z, View<const S> u, const Shape& out) const {
    grid().check_shape(z);
    if constexpr (input_features > 0) {
      detail::check_told(u.shape(), z, input_features);
    } else {
      check_features("Automaton: injection", u.shape().features, 0);
    }
    check_shape("Automaton", "out", out, z);
  }

  template <class S>
  static auto of_perception(std::span<const S, param_count> theta) {
    return theta.template first<seeing_params>();
  }
  template <class S>
  static auto of_rule(std::span<const S, param_count> theta) {
    return theta.template subspan<seeing_params>();
  }

  /// What the cells of sample n see of the grid.
  template <class S>
  [[nodiscard]] auto sight_of(std::span<const S, param_count> theta, View<const S> z, const Context& context, Index n,
                              Scratch& scratch) const {
    return detail::seeing<Grid, typename See::template Sight<S>>(context.from_sample(n), scratch, grid(),
                                                                 of_perception<S>(theta), View<const S>(z.sample(n)));
  }

  /// What some cells of sample n see of the grid by `sight`, and are told: what the rule takes.
  template <class S, class Sight>
  static void look(Sight& sight, View<const S> u, Index n, const Index* cells, Index count, S* seen) {
    if constexpr (input_features == 0) {
      sight(cells, count, seen);
    } else {
      Scratch scratch;
      S* of_grid = scratch.take<S>(count * grid_features);
      sight(cells, count, of_grid);
      detail::join_told<grid_features, input_features, S>(of_grid, u.sample(n), cells, count, seen);
    }
  }

  /// Cells that updated, of one band.
  static Index list_updated(const std::uint8_t* marks, Index first, Index last, Index* cells) {
    Index count = 0;
    for (Index i = first; i < last; ++i) {
      cells[count] = i;
      count += (marks[i] & detail::mark_updated) != 0 ? 1 : 0;
    }
    return count;
  }

  /// To the rule each cell is a sample: whatever it is, it sees one cell at a time.
  static Shape block_shape(int features, Index cells) { return {features, {1, 1, 1}, cells}; }

  /// And so is its context: samples have the numbers of the cells, and each sample of the automaton is another draw.
  /// Nothing can be kept by these numbers: all samples have cells of the same, a cell that may rise is looked at from
  /// several bands at once, and a step of a rollout may be made again on the way back.
  /// `numbers`: memory, one for each cell, that is used if the cells are not counted from 0. `log`: takes the records
  /// of cells, which are not the caller's samples, if the caller wants records.
  static Context rule_context(const Context& context, Index n, const Cells& cells, Index* numbers, SolveLog& log) {
    Context of_rule{.step = context.step,
                    .draw = fold_in(context.draw, static_cast<std::uint64_t>(context.sample(n))),
                    .keeps = false};
    if (context.log != nullptr) of_rule.log = &log;
    of_rule.samples = cells.data();
    if (context.renumbers_cells()) {
      std::transform(cells.begin(), cells.end(), numbers, [&](Index cell) { return context.cell(cell); });
      of_rule.samples = numbers;
    }
    return of_rule;
  }

  /// The rule on a block of cells of sample n.
  template <class S>
  Report answer_cells(std::span<const S, param_count> theta, const Context& context, Index n, const Cells& cells,
                      View<const S> seen, View<S> answer, const Prepared<S>* prepared,
                      detail::WorstRecords& solves) const {
    std::array<Index, forward_block> numbers;
    SolveLog log;
    const Report report = detail::apply_with<Rule, S>(
        rule, of_rule<S>(theta), prepared, rule_context(context, n, cells, numbers.data(), log), seen, answer);
    solves.take(log, context.sample(n));
    return report;
  }

  /// What bands are cut into, in multiples of `least` cells: whole lines, unless there is one line and each of its
  /// cells is marked by itself.
  static Index slice_cells(const Shape& z, Index least) {
    const bool whole = Alive::clears || z.cells_per_sample() > z.space[0];
    return whole ? std::max(least, z.space[0]) : least;
  }

  /// One step. answer(task, sample, cells, seen, answers, solves) computes the rule on a block of cells.
  template <class S, class Answer>
  Report run(std::span<const S, param_count> theta, View<const S> z, View<const S> u, View<S> out, std::uint8_t* marks,
             const Context& context, const detail::Tasks& tasks, Index block, const Answer& answer) const;

  /// z~ of a cell of sample n that fires. The rule's answer takes the noise.
  template <class S>
  void update_cell(const Context& context, Index n, Index cell, const S* z, S* answer, S factor, S* out) const {
    detail::add_noise<state_features>(update, context, n, cell, answer);
    update.template next<state_features>(z, answer, factor, out);
  }

  /// Whether one of some cells of sample n, dead before the update, would be alive after it.
  template <class S>
  bool rises(std::span<const S, param_count> theta, View<const S> z, View<const S> u, const Context& context,
             const Life<S>& life, Index n, const Cells& dead, Report& report, detail::WorstRecords& solves) const;
};

}  // namespace basin

#include "basin/nca/automaton_linearization.hpp"
#include "basin/nca/automaton_step.hpp"
#include "basin/nca/mean_field.hpp"
