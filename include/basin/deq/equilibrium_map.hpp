#pragma once

// The map that an equilibrium iterates. deq/equilibrium.hpp includes this.

#include <cstdint>
#include <span>

#include "basin/deq/equilibrium.hpp"

namespace basin {

/// The cell as a map of z for the injections u, on whichever samples are still there.
template <class C, class Solver, class Adjoint>
template <class S>
class Equilibrium<C, Solver, Adjoint>::Map {
 public:
  /// context: of u's first sample; inside: takes what solves inside the cell report; null where nobody asks.
  Map(const Equilibrium& model, std::span<const S, param_count> theta, const Prepared<S>& prepared, View<const S> u,
      const Context& context, Inside* inside = nullptr)
      : cell_(model.cell),
        theta_(theta),
        prepared_(prepared),
        u_(u),
        context_(context),
        at_end_(model.at_end(context)),
        inside_(inside),
        logs_(context.log != nullptr) {
    context_.log = nullptr;  // not for the solves of each evaluation
  }

  [[nodiscard]] Extent extent(const Shape& one) const requires detail::is_split<C> { return cell_.extent(one); }

  /// Where there is a log, and the cell solves something, evaluates it once more at z, which is what was found, for
  /// the records of those solves.
  void log_solves_at(View<const S> z) const {
    const bool solves = logs_ && inside_->report.forward.results() > 0;
    if (!detail::extent_of(*this, z.shape().with_samples(1)).any(solves)) return;
    Scratch scratch;
    SolveLog log;
    Context context = at_end_;
    context.log = &log;
    note(detail::apply_with<C, S>(cell_, theta_, &prepared_, context, z, u_, scratch.state<S>(z.shape())));
    inside_->take(log);
  }

  void operator()(View<const S> z, View<S> out, std::span<const Index> samples) const
      requires(!basin::changes_with_step<C>) {
    evaluate(z, out, samples, context_.step);
  }

  /// Of a cell that is another map at each step.
  void operator()(View<const S> z, View<S> out, std::span<const Index> samples, std::int64_t step) const
      requires(basin::changes_with_step<C>) {
    evaluate(z, out, samples, context_.step + step);
  }

  /// df/dz at z, for methods that ask for it (fixed_point/sample_map.hpp). Stays where it was made.
  class Derivative {
   public:
    /// Sample i of z is number samples[i] of u. Refers to the map and to z.
    Derivative(const Map& map, View<const S> z, std::span<const Index> samples)
        : map_(map), linear_(map.linearize_cell(z, map.part_of(samples, scratch_), scratch_.state<S>(z.shape()))) {}

    /// out = (df/dz) t.
    void jvp(View<const S> t, View<S> out) const {
      map_.note(detail::report_of([&] { return linear_.jvp(t, out); }));
    }
    /// out = (df/dz)^T w.
    void vjp(View<const S> w, View<S> out) const {
      map_.note(detail::report_of([&] { return linear_.vjp(w, out); }));
    }

   private:
    const Map& map_;
    Scratch scratch_{};
    decltype(std::declval<const Map&>().linearize_cell({}, {}, {})) linear_;
  };
  [[nodiscard]] Derivative linearize(View<const S> z, std::span<const Index> samples) const {
    return {*this, z, samples};
  }

 private:
  void evaluate(View<const S> z, View<S> out, std::span<const Index> samples, std::int64_t step) const {
    Scratch scratch;
    const Part part = part_of(samples, scratch);
    note(detail::apply_with<C, S>(cell_, theta_, &prepared_, part.context.at_step(step), z, part.u, out));
  }

  /// What belongs to some samples.
  struct Part {
    View<const S> u;
    Context context;
  };

  [[nodiscard]] Part part_of(std::span<const Index> samples, Scratch& scratch) const {
    const Index count = static_cast<Index>(samples.size());
    Index run = 1;  // samples that follow one another lie together in u
    while (run < count && samples[static_cast<std::size_t>(run)] == samples[0] + run) ++run;
    if (run == count) return {u_.samples(samples[0], run), context_.from_sample(samples[0])};
    const View<S> here = scratch.state<S>(u_.shape().with_samples(count));
    Index* const numbers = scratch.take<Index>(count);
    for (Index i = 0; i < count; ++i) {
      const Index sample = samples[static_cast<std::size_t>(i)];
      here.sample(i).vector() = u_.sample(sample).vector();
      numbers[i] = context_.sample(sample);
    }
    Context context = context_;
    context.samples = numbers;
    return {here, context};
  }

  [[nodiscard]] auto linearize_cell(View<const S> z, const Part& part, View<S> value) const {
    return detail::linearize_with<C, S>(cell_, theta_, &prepared_, part.context, z, part.u, value);
  }

  void note(const Report& report) const {
    if (inside_ != nullptr) inside_->report += report;
  }

  const C& cell_;
  std::span<const S, param_count> theta_;
  const Prepared<S>& prepared_;
  View<const S> u_;
  Context context_, at_end_;
  Inside* inside_;
  bool logs_;
};

}  // namespace basin
