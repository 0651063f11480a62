#pragma once

// The derivative of one step of an automaton. With m = 1 where a cell is alive after the step (masks are constants), a
// = 1 where it updated, P the perception, (R, U) the derivative of the rule at what the cell saw and at what it was
// told, (A, B) = d update / d(z, r), and K = 1 for features that cells keep when they are not alive:
//
//   J t   = m ((1 - a) t + a (A t + B R P t)) + (1 - m) K t,      (df/du) t   = m a B U t,
//   J^T w = (1 - a) m w + a A^T m w + P^T R^T B^T a m w + (1 - m) K w,   (df/du)^T w = U^T B^T a m w.
//
// It is included by nca/automaton.hpp.

#include <cstdint>
#include <memory>
#include <span>

#include "basin/nca/automaton_backward.hpp"
#include "basin/nca/automaton_blocks.hpp"

namespace basin {

template <class OfPerception, class OfRule, class OfFire, class OfAlive, class OfUpdate>
template <class S>
class Automaton<OfPerception, OfRule, OfFire, OfAlive, OfUpdate>::Linearization {
  static constexpr int C = state_features;

 public:
  /// Makes the step, and keeps the rule's linearizations. Refers to theta, z, u, and what was prepared, if anything
  /// was.
  Linearization(const Automaton& automaton, std::span<const S, param_count> theta, View<const S> z, View<const S> u,
                View<S> out, const Context& context, const Prepared<S>* prepared)
      : blocks_(automaton, theta, z, u, out, context, prepared) {}

  /// Of a step that was made before, with its marks. Keeps nothing, and refers to the marks and the samples' numbers of
  /// the context as well.
  Linearization(const Automaton& automaton, std::span<const S, param_count> theta, View<const S> z, View<const S> u,
                const std::uint8_t* marks, const Context& context, const Prepared<S>* prepared)
      : blocks_(automaton, theta, z, u, marks, context, prepared) {}

  /// What the solves of the forward pass did, if the rule solves anything.
  [[nodiscard]] Report report() const { return blocks_.report(); }

  /// For who keeps the linearizations of many steps and logs them together: from now on records go to this log, or for
  /// one call to the one that is given with it. Null for none, where there was none.
  void log_to(SolveLog* log) { blocks_.log_to(log); }

  Report jvp(View<const S> t, View<S> out) const { return jvp(t, out, blocks_.log()); }
  Report jvp(View<const S> t, View<S> out, SolveLog* log) const {
    check_jvp<S>("Automaton", blocks_.shape(), blocks_.shape(), t, out);
    return push(t, View<const S>{}, out, log);
  }

  /// Where cells are told nothing, nothing comes of u.
  Report jvp_input(View<const S> t, View<S> out) const { return jvp_input(t, out, blocks_.log()); }
  Report jvp_input(View<const S> t, View<S> out, SolveLog* log) const {
    check_shape("Automaton", "out of jvp_input", out.shape(), blocks_.shape());
    if constexpr (input_features == 0) {
      out.vector().setZero();
      return {};
    } else {
      check_shape("Automaton", "t of jvp_input", t.shape(), blocks_.input_shape());
      return push(View<const S>{}, t, out, log);
    }
  }

  Report vjp(View<const S> w, View<S> dz) const { return vjp(w, dz, blocks_.log()); }
  Report vjp(View<const S> w, View<S> dz, SolveLog* log) const {
    check_vjp<S>("Automaton", blocks_.shape(), blocks_.shape(), w, dz);
    return pull(w, dz, View<S>{}, nullptr, log);
  }
  /// Both transposes at once; du may be without memory.
  Report vjp(View<const S> w, View<S> dz, View<S> du, SolveLog* log) const {
    check_vjp<S>("Automaton", blocks_.shape(), blocks_.shape(), w, dz);
    return pull(w, dz, du, nullptr, log);
  }

  /// Where cells are told nothing, du has no features.
  Report vjp_input(View<const S> w, View<S> du) const { return vjp_input(w, du, blocks_.log()); }
  Report vjp_input(View<const S> w, View<S> du, SolveLog* log) const {
    check_shape("Automaton", "w", w.shape(), blocks_.shape());
    if constexpr (input_features == 0) {
      check_features("Automaton: du of vjp_input", du.shape().features, 0);
      return {};
    } else {
      check_shape("Automaton", "du of vjp_input", du.shape(), blocks_.input_shape());
      return pull(w, View<S>{}, du, nullptr, log);
    }
  }

  Report pullback(View<const S> w, View<S> dz, View<S> du, ThetaGradient<S, param_count> dtheta) const {
    return pullback(w, dz, du, dtheta, blocks_.log());
  }
  Report pullback(View<const S> w, View<S> dz, View<S> du, ThetaGradient<S, param_count> dtheta, SolveLog* log) const {
    return pull(w, dz, du, dtheta.data(), log);
  }

 private:
  template <class Make>
  using SightsAt = typename Blocks<S>::template SightsAt<Make>;

  [[nodiscard]] const detail::Tasks& tasks() const { return blocks_.tasks(); }

  /// out = J t + (df/du) tu. One of t and tu may be without memory, and is then zero.
  Report push(View<const S> t, View<const S> tu, View<S> out, SolveLog* log) const {
    const Automaton& automaton = blocks_.automaton();
    const S factor = static_cast<S>(automaton.fire.factor());
    Scratch scratch;
    const View<const S> along = t ? t : View<const S>(zeros(scratch), blocks_.shape());
    const auto make_change = [&](Index n, Scratch& of) {
      return detail::seeing<Grid, typename See::template Change<S>>(
          blocks_.context(n), of, automaton.grid(), blocks_.perception_theta(), blocks_.z(n), along.sample(n));
    };
    const detail::Sights<See::whole_samples, decltype(make_change)> changes(tasks(), make_change, scratch);
    const auto make_sight = blocks_.sight_maker();
    const SightsAt<decltype(make_sight)> sights(blocks_, make_sight, scratch);
    const std::span<Report> reports = detail::reports_of(tasks(), scratch);
    detail::WorstRecords solves;
    tasks().each([&](Index task, const detail::Band& band) {
      const S* z = blocks_.z(band.sample).data();
      const S* from = along.sample(band.sample).data();
      S* to = out.sample(band.sample).data();
      const std::uint8_t* marks = blocks_.marks(band.sample);
      for (Index i = band.first; i < band.last; ++i) {
        if (marks[i] != 0) {
          std::copy_n(from + i * C, C, to + i * C);
        } else {
          detail::clear_cell<Alive, C>(from + i * C, to + i * C);
        }
      }
      Scratch own;
      auto change = changes.of(band.sample, own);
      S* seen_t = own.take<S>(backward_block * seen_features);
      S* answer_t = own.take<S>(backward_block * answers);
      reports[static_cast<std::size_t>(task)] +=
          blocks_.each(task, band, sights, solves, [&](const Cells& cells, const S* answer, const auto& linear) {
            const Index count = static_cast<Index>(cells.size());
            if constexpr (input_features == 0) {
              change(cells.data(), count, seen_t);
            } else {
              Scratch of_block;
              S* grid_t = t ? of_block.take<S>(count * grid_features) : nullptr;
              if (t) change(cells.data(), count, grid_t);
              detail::join_told<grid_features, input_features, S>(grid_t, tu ? tu.sample(band.sample) : View<const S>{},
                                                                  cells.data(), count, seen_t);
            }
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
    return detail::total(reports);
  }

  /// A state of zeros.
  const S* zeros(Scratch& scratch) const {
    S* state = scratch.take<S>(blocks_.shape().size());
    std::fill_n(state, blocks_.shape().size(), S(0));
    return state;
  }

  /// dz = J^T w, if dz has memory; du = (df/du)^T w, if du has; and, if dtheta is not null, dtheta += (df/dtheta)^T w.
  Report pull(View<const S> w, View<S> dz, View<S> du, S* dtheta, SolveLog* log) const {
    check_pullback<S>("Automaton", blocks_.shape(), blocks_.shape(), w, dz);
    if constexpr (input_features == 0) {
      check_features("Automaton: du", du.shape().features, 0);
      du = {};
    } else if (du) {
      check_shape("Automaton", "du", du.shape(), blocks_.input_shape());
    }
    if (!dz && !du && dtheta == nullptr) return {};  // a rule without parameters, and nothing else is wanted
    return Backward<S>(blocks_, w, dz, du, dtheta).run(log);
  }

  Blocks<S> blocks_;
};

}  // namespace basin
