#pragma once

// The derivative of an equilibrium. deq/equilibrium.hpp includes this.

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "basin/adjoint/cell_operators.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/deq/recorded_steps.hpp"

namespace basin {

/// dz/du and dz/dtheta at the equilibrium. Refers to theta, u and z; owns what the cell prepared, or refers to the
/// caller's, and what Unrolled or Shine need of the solve. What an adjoint method reached is in the Report of each
/// call; what the forward solves did, in report().
template <class C, class Solver, class Adjoint>
template <class S>
class Equilibrium<C, Solver, Adjoint>::Linearization {
  using Model = Equilibrium;

 public:
  Linearization(const Model& model, std::span<const S, param_count> theta, View<const S> u, View<S> z,
                const Context& context, const Prepared<S>* prepared)
      : model_(model),
        theta_(theta),
        u_(u),
        z_(z),
        context_(with_own_samples(context, z.samples(), numbers_)),
        prepared_(prepared) {
    if (prepared_ == nullptr) {
      owned_ = std::make_unique<const Prepared<S>>(model.template prepare<S>(theta));
      prepared_ = owned_.get();
    }
    model.template begin<S>(z, context_);
    if constexpr (unrolled) {
      record_steps(z);
    } else {
      if constexpr (keeps_inverses) inverses_.resize(static_cast<std::size_t>(z.samples()));
      report_ = model.template settle<S>(theta, u, z, *prepared_, context_, inverses_);
    }
  }

  Linearization(Linearization&&) = default;  // and does not copy: it refers to what it owns
  Linearization& operator=(Linearization&&) = default;

  [[nodiscard]] Report report() const { return report_; }
  Report jvp(View<const S> t, View<S> out) const { return jvp_each({&t, 1}, {&out, 1}); }
  Report vjp(View<const S> w, View<S> du) const { return vjp_each({&w, 1}, {&du, 1}); }
  Report pullback(View<const S> w, View<S> du, ThetaGradient<S, param_count> dtheta) const {
    const std::span<S, param_count> gradient = dtheta;
    return pullback_each({&w, 1}, {&du, 1}, {&gradient, 1});
  }

  /// jvp for many right sides, as for the columns of a Jacobian: the cell is linearized once for all of them (through
  /// steps of an iteration once for each). They are solved one after the other, with the bits that each gets by itself,
  /// and reported together. Throws std::invalid_argument if the spans differ in length.
  Report jvp_each(std::span<const View<const S>> t, std::span<const View<S>> out) const {
    check_count("out", out.size(), t.size());
    for (std::size_t i = 0; i < t.size(); ++i) check_jvp<S>("Equilibrium", u_.shape(), z_.shape(), t[i], out[i]);
    Sides sides(t.size(), z_.samples());
    if constexpr (unrolled) {
      each_sample(sides, [&](const auto& steps, std::size_t i, Index n, const auto& noted) {
        return steps.forward(t[i].sample(n), out[i].sample(n), noted);
      });
    } else {
      each_tile([&](const auto& linear, Index first, Index count, SolveLog& log) {
        Scratch scratch;
        const View<S> from_u = scratch.state<S>(z_.shape().with_samples(count));
        for (std::size_t i = 0; i < t.size(); ++i) {
          Inside& inside = sides[i].inside;
          inside.report += detail::report_of([&] { return linear.jvp_input(t[i].samples(first, count), from_u); });
          inside.take(log);
          const auto note = sides[i].noting_without(log);
          const detail::JacobianOperator<S, false, std::remove_cvref_t<decltype(linear)>, decltype(note), Estimates> a{
              linear, note, estimates(first)};
          model_.adjoint.solve_tile(a, View<const S>(from_u), out[i].samples(first, count),
                                    sides[i].part(first, count));
        }
      });
    }
    return sides.record(context_);
  }

  /// vjp for many right sides, as for the rows of a Jacobian; the rest as in jvp_each.
  Report vjp_each(std::span<const View<const S>> w, std::span<const View<S>> du) const {
    return pull_back(
        check_vjp<S>, w, du,
        [](const auto& linear, std::size_t, View<const S> step, View<S> du_step) {
          return linear.vjp_input(step, du_step);
        },
        [](const auto& linear, std::size_t, View<const S> step, View<S> dz, View<S> du_step) {
          Report report = detail::report_of([&] { return linear.vjp(step, dz); });
          report += detail::report_of([&] { return linear.vjp_input(step, du_step); });
          return report;
        });
  }

  /// pullback for many right sides: dtheta[i] += the part of w[i]. A du[i] without memory is not wanted.
  Report pullback_each(std::span<const View<const S>> w, std::span<const View<S>> du,
                       std::span<const std::span<S, param_count>> dtheta) const {
    check_count("dtheta", dtheta.size(), w.size());
    return pull_back(
        check_pullback<S>, w, du,
        [&](const auto& linear, std::size_t i, View<const S> step, View<S> du_step) {
          return linear.pullback(step, View<S>{}, du_step, dtheta[i]);
        },
        [&](const auto& linear, std::size_t i, View<const S> step, View<S> dz, View<S> du_step) {
          return linear.pullback(step, dz, du_step, dtheta[i]);
        });
  }

 private:
  /// What the right sides of one call did.
  struct Side {
    Inside inside{};
    std::vector<SampleResult> results{};

    [[nodiscard]] std::span<SampleResult> part(Index first, Index count) {
      return Linearization::part(results, first, count);
    }
    /// Makes a call, and takes what it reports but not what it logs.
    [[nodiscard]] auto noting_without(SolveLog& log) {
      return [this, &log](const auto& call) {
        inside.report += detail::report_of(call);
        log.clear();
      };
    }
  };
  struct Sides : std::vector<Side> {
    Sides(std::size_t count, Index samples) : std::vector<Side>(count) {
      for (Side& side : *this) side.results.resize(static_cast<std::size_t>(samples));
    }
    Report record(const Context& context) {
      Report report;
      for (Side& side : *this) {
        Model::record(side.results, Pass::adjoint, context, side.inside);
        report += side.inside.report;
      }
      return report;
    }
  };

  struct None {};
  using Estimates = std::conditional_t<keeps_inverses, std::span<const InverseEstimate<S>>, None>;
  /// Of the samples from `first` on.
  [[nodiscard]] Estimates estimates([[maybe_unused]] Index first) const {
    if constexpr (keeps_inverses) return Estimates(inverses_).subspan(static_cast<std::size_t>(first));
    if constexpr (!keeps_inverses) return {};
  }

  static void check_count(std::string_view what, std::size_t given, std::size_t expected) {
    if (given != expected) check(false, "Equilibrium: number of " + std::string(what), given, expected);
  }

  /// The two ways back for right side i: at_end(linearization, i, w, du) through one evaluation of the cell, where w
  /// solves the adjoint equation, or at_step(linearization, i, w, dz, du) through each step of the iteration.
  template <class Check, class AtEnd, class AtStep>
  Report pull_back(const Check& check_side, std::span<const View<const S>> w, std::span<const View<S>> du,
                   [[maybe_unused]] const AtEnd& at_end, [[maybe_unused]] const AtStep& at_step) const {
    check_count("du", du.size(), w.size());
    for (std::size_t i = 0; i < w.size(); ++i) check_side("Equilibrium", u_.shape(), z_.shape(), w[i], du[i]);
    Sides sides(w.size(), z_.samples());
    if constexpr (unrolled) {
      each_sample(sides, [&](const auto& steps, std::size_t i, Index n, const auto& noted) {
        const auto pull = [&](const auto& linear, View<const S> step, View<S> dz, View<S> du_step) {
          noted([&] { return at_step(linear, i, step, dz, du_step); });
        };
        return steps.back(w[i].sample(n), du[i] ? du[i].sample(n) : du[i], pull);
      });
    } else {
      each_tile([&](const auto& linear, Index first, Index count, SolveLog& log) {
        Scratch scratch;
        const View<S> solved = scratch.state<S>(z_.shape().with_samples(count));
        for (std::size_t i = 0; i < w.size(); ++i) {
          Inside& inside = sides[i].inside;
          const auto note = sides[i].noting_without(log);
          const detail::JacobianOperator<S, true, std::remove_cvref_t<decltype(linear)>, decltype(note), Estimates> a{
              linear, note, estimates(first)};
          model_.adjoint.solve_tile(a, w[i].samples(first, count), solved, sides[i].part(first, count));
          inside.report += detail::report_of(
              [&] { return at_end(linear, i, View<const S>(solved), du[i] ? du[i].samples(first, count) : du[i]); });
          inside.take(log);
        }
      });
    }
    return sides.record(context_);
  }

  static std::span<SampleResult> part(std::vector<SampleResult>& results, Index first, Index count) {
    return std::span(results).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
  }

  /// What the cell is told, from a sample on, with a log of this equilibrium's own, if there is one to hand it on to.
  [[nodiscard]] Context context_of_cell(Index first, SolveLog& log) const {
    Context context = context_.from_sample(first);
    if (context.log != nullptr) context.log = &log;
    return context;
  }

  /// Calls body(linearization of the cell, first sample, count, log of the solves inside the cell) for each tile, in
  /// order.
  template <class Body>
  void each_tile(const Body& body) const {
    const Index tile = Model::template samples_per_tile<S>(z_.shape());
    for (Index first = 0; first < z_.samples(); first += tile) {
      const Index count = std::min(tile, z_.samples() - first);
      Scratch scratch;
      SolveLog log;
      const View<S> value = scratch.state<S>(z_.shape().with_samples(count));
      const auto linear = detail::linearize_with<C, S>(model_.cell, theta_, prepared_, context_of_cell(first, log),
                                                       z_.samples(first, count), u_.samples(first, count), value);
      log.clear();  // those solves were logged when the equilibrium was found
      body(linear, first, count, log);
    }
  }

  /// For each right side i and sample n, in order, what body(the steps of the iteration, i, n, noted) did, where
  /// noted(call) makes a call on a step's linearization, and notes what solves inside the cell did.
  template <class Body>
  void each_sample(Sides& sides, const Body& body) const {
    for (std::size_t i = 0; i < sides.size(); ++i) {
      Inside& inside = sides[i].inside;
      for (Index n = 0; n < z_.samples(); ++n) {
        SolveLog log, worst_of_steps;
        detail::WorstRecords worst;
        const auto noted = [&](const auto& call) {
          log.clear();
          inside.report += detail::report_of(call);
          worst.take(log);
        };
        sides[i].results[static_cast<std::size_t>(n)] = body(steps_of(n, log), i, n, noted);
        worst.hand_on(&worst_of_steps, 0);
        inside.take(worst_of_steps);
      }
    }
  }

  /// Those of a sample, with a log of the solves inside the cell.
  [[nodiscard]] detail::Steps<S, C> steps_of(Index n, SolveLog& log) const {
    const int last_steps = model_.adjoint.last_steps, most = model_.stop.max_evaluations;
    return {model_.cell,
            theta_,
            *prepared_,
            u_.sample(n),
            context_of_cell(n, log),
            steps_->places(n),
            steps_->states(),
            steps_->linears(n),
            model_.solver,
            model_.stop.tolerance,
            last_steps > 0 ? last_steps : most,
            last_steps > 0};
  }

  /// Solves sample by sample and keeps the steps.
  void record_steps(View<S> z) {
    Inside inside;
    std::vector<SampleResult> results(static_cast<std::size_t>(z.samples()));
    steps_.emplace(model_.adjoint, z.shape().sample_size());
    for (Index n = 0; n < z.samples(); ++n) {
      const Context context = context_.from_sample(n);
      const Map<S> map(model_, theta_, *prepared_, u_.sample(n), context, &inside);
      const auto linearize = [&](View<const S> at, View<S> value, std::int64_t step) {
        Context here = context.with_log(nullptr);
        if (Model::changes_with_step) here.step += step;
        auto linear = detail::linearize_with<C, S>(model_.cell, theta_, prepared_, here, at, u_.sample(n), value);
        inside.report += forward_report(linear);
        return linear;
      };
      steps_->solve(map, linearize, z.sample(n), model_.solver, model_.stop_here(), part(results, n, 1));
      map.log_solves_at(z.sample(n));
    }
    // Solves on the way back are to be logged: kept linearizations do not know where.
    const bool solves = context_.log != nullptr && inside.report.forward.results() > 0;
    if (detail::extent_of(model_.cell, z.shape().with_samples(1)).any(solves)) steps_->forget_linearizations();
    model_.tell_steps(results);
    model_.template finish<S>(z, results, context_, inside);
    report_ = inside.report;
  }

  Model model_;
  std::span<const S, param_count> theta_;
  View<const S> u_, z_;
  std::vector<Index> numbers_;  // what context_.samples points at, if at anything
  Context context_;
  std::unique_ptr<const Prepared<S>> owned_;
  const Prepared<S>* prepared_;
  Report report_;
  std::vector<InverseEstimate<S>> inverses_;  // only if the adjoint method wants them
  std::conditional_t<unrolled, std::optional<detail::RecordedSteps<S, C>>, None> steps_;
};

}  // namespace basin
