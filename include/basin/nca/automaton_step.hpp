#pragma once

// One step of an automaton, band by band: marks of the cells, then the blocks of those that update through perception,
// rule and update, and in the end those cells are cleared that have died.
//
// It is included by nca/automaton.hpp.

#include <algorithm>
#include <cstdint>
#include <span>

#include "basin/nca/automaton.hpp"

namespace basin {

template <class OfPerception, class OfRule, class OfFire, class OfAlive, class OfUpdate>
template <class S, class Answer>
Report Automaton<OfPerception, OfRule, OfFire, OfAlive, OfUpdate>::run(std::span<const S, param_count> theta,
                                                                       View<const S> z, View<const S> u, View<S> out,
                                                                       std::uint8_t* marks, const Context& context,
                                                                       const detail::Tasks& tasks, Index block,
                                                                       const Answer& answer) const {
  constexpr int C = state_features;
  const Index per_sample = z.shape().cells_per_sample();
  const S factor = static_cast<S>(fire.factor());
  if constexpr (detail::replaces<Update>) {
    check(factor == S(1), "Automaton: factor of an update that is Replace", factor, "1: the answer is taken whole");
  }
  static_cast<void>(detail::noise_of(update));  // throws if it is negative
  Scratch scratch;
  const Life<S> life(alive, fire, context, z, tasks, scratch);
  const auto make_sight = [&](Index n, Scratch& of) { return sight_of<S>(theta, z, context, n, of); };
  const detail::Sights<See::whole_samples, decltype(make_sight)> sights(tasks, make_sight, scratch);
  const std::span<Report> reports = detail::reports_of(tasks, scratch);
  detail::WorstRecords solves;
  tasks.each([&](Index task, const detail::Band& band) {
    Scratch own;
    const Index n = band.sample, first = band.first, last = band.last;
    std::uint8_t* mark = marks + n * per_sample;
    const S* from = z.sample(n).data();
    S* to = out.sample(n).data();
    life.mark(band, marks);
    for (Index i = first; i < last; ++i) {
      if (Alive::clears && mark[i] == 0) {
        detail::clear_cell<Alive, C>(from + i * C, to + i * C);
      } else {
        std::copy_n(from + i * C, C, to + i * C);
      }
    }
    Index* cells = own.take<Index>(last - first + 1);
    const Index updated = list_updated(mark, first, last, cells);
    S* seen = own.take<S>(block * seen_features);
    S* answered = own.take<S>(block * answers);
    auto sight = sights.of(n, own);
    for (Index i = 0; i < updated; i += block) {
      const Index count = std::min(block, updated - i);
      look<S>(sight, u, n, cells + i, count, seen);
      reports[static_cast<std::size_t>(task)] += answer(task, n, Cells(cells + i, static_cast<std::size_t>(count)),
                                                        View<const S>(seen, block_shape(seen_features, count)),
                                                        View<S>(answered, block_shape(answers, count)), solves);
      for (Index j = 0; j < count; ++j) {
        const Index cell = cells[i + j];
        update_cell(context, n, cell, from + cell * C, answered + j * answers, factor, to + cell * C);
      }
    }
    life.updated(band, out.data());
  });
  if constexpr (Alive::clears) {
    tasks.each([&](Index task, const detail::Band& band) {
      life.clear_dying(band, marks, out.data(), [&](const Cells& dead) {
        return rises(theta, z, u, context, life, band.sample, dead, reports[static_cast<std::size_t>(task)], solves);
      });
    });
  }
  solves.hand_on(context.log, 1);
  return detail::total(reports);
}

template <class OfPerception, class OfRule, class OfFire, class OfAlive, class OfUpdate>
template <class S>
bool Automaton<OfPerception, OfRule, OfFire, OfAlive, OfUpdate>::rises(std::span<const S, param_count> theta,
                                                                       View<const S> z, View<const S> u,
                                                                       const Context& context, const Life<S>& life,
                                                                       Index n, const Cells& dead, Report& report,
                                                                       detail::WorstRecords& solves) const {
  constexpr int C = state_features;
  const Index count = static_cast<Index>(dead.size());
  const S factor = static_cast<S>(fire.factor());
  Scratch own;
  S* seen = own.take<S>(count * seen_features);
  S* answered = own.take<S>(count * answers);
  S* next = own.take<S>(C);
  auto sight = sight_of<S>(theta, z, context, n, own);
  look<S>(sight, u, n, dead.data(), count, seen);
  report += answer_cells<S>(theta, context, n, dead, View<const S>(seen, block_shape(seen_features, count)),
                            View<S>(answered, block_shape(answers, count)), nullptr, solves);
  for (Index j = 0; j < count; ++j) {
    const Index cell = dead[static_cast<std::size_t>(j)];
    update_cell(context, n, cell, z.sample(n).data() + cell * C, answered + j * answers, factor, next);
    if (life.lives(next[Alive::feature])) return true;
  }
  return false;
}

}  // namespace basin
