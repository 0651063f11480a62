#pragma once

// A pyramid (nca/pyramid.hpp) whose cells are told the image.

#include <optional>
#include <vector>

#include "basin/nca/pyramid.hpp"

namespace basin {

/// R: a Rollout of an automaton whose cells are told I features.
template <class R, int I, int Levels, PyramidRules Rules, int Axes, int Factor>
requires(R::input_features > 0) struct Pyramid<R, I, Levels, Rules, Axes, Factor>
    : detail::PyramidLevels<R, I, Levels, Rules, Axes, Factor> {
  using Common = detail::PyramidLevels<R, I, Levels, Rules, Axes, Factor>;  ///< what all pyramids have
  using Common::levels;
  using Common::param_count;
  static constexpr int state_features = R::state_features;  ///< C
  static constexpr int input_features = R::input_features;  ///< those of the image
  static_assert(Cell<R>, "Pyramid: the levels must be rollouts");
  static_assert(I == input_features,
                "Pyramid: the image must have the features that the cells of the levels are told (Conditioned)");

  /// Of a start for an image. Throws std::invalid_argument for one of other features, or with extents that are no
  /// multiples of the blocks of the coarsest grid.
  [[nodiscard]] Shape start_shape(const Shape& image) const {
    check_features("Pyramid: image", image.features, I);
    Common::check_extents(image);
    return Common::level_shape(image, 0).with_features(state_features);
  }
  /// Of the end. Throws std::invalid_argument for a start of other features.
  [[nodiscard]] Shape end_shape(const Shape& start) const {
    check_features("Pyramid: start", start.features, state_features);
    Shape shape = start;
    for (std::size_t axis = 0; axis < Axes; ++axis) shape.space[axis] *= Common::block(0);
    return shape;
  }

  template <class S>
  Report apply(Theta<S, param_count> theta, In<S> start, In<S> u, View<S> end, const Context& context = {}) const {
    check_shapes(start.shape(), u.shape(), end.shape());
    const Told<S> told(u);
    return climb<S>(
        start, end.shape(),
        [&](std::size_t l, View<const S> from, View<S> to, Index steps) {
          return report_of([&] {
            return levels[l].apply(Common::part(theta, l), from, told.at(l), to, context.at_step(context.step + steps));
          });
        },
        end);
  }

  /// Refers to theta, the start and u; owns the rest, where it does not move.
  template <class S>
  class Linearization {
   public:
    Linearization(const Pyramid& pyramid, std::span<const S, param_count> theta, View<const S> start, View<const S> u,
                  View<S> end, const Context& context)
        : pyramid_(pyramid), start_(start.shape()), u_(u.shape()), end_(end.shape()) {
      images_.reserve(static_cast<std::size_t>(Levels));
      starts_.reserve(static_cast<std::size_t>(Levels));
      linear_.reserve(static_cast<std::size_t>(Levels));
      const Told<S> told(u);
      report_ = pyramid_.template climb<S>(
          start, end.shape(),
          [&](std::size_t l, View<const S> from, View<S> to, Index steps) {
            const View<const S> begins = l == 0 ? from : kept(starts_, from);
            const View<const S> image = alike() || l == finest ? u : kept(images_, told.at(l));
            linear_.push_back(pyramid_.levels[l].linearize(Common::template part<const S>(theta, l), begins, image, to,
                                                           context.at_step(context.step + steps)));
            return linear_.back().report();
          },
          end);
    }

    /// What the solves of the forward pass did, if the rule solves anything.
    [[nodiscard]] Report report() const { return report_; }

    /// How the end changes with the start.
    Report jvp(View<const S> t, View<S> out) const {
      check_jvp<S>("Pyramid", start_, end_, t, out);
      return pyramid_.template climb<S>(
          t, end_, [&](std::size_t l, View<const S> from, View<S> to, Index) { return linear_[l].jvp(from, to); }, out);
    }

    /// How the end changes along a change of what cells are told.
    Report jvp_input(View<const S> t, View<S> out) const {
      check_shape("Pyramid", "t of jvp_input", t.shape(), u_);
      check_shape("Pyramid", "out of jvp_input", out.shape(), end_);
      const Told<S> told(t);
      return pyramid_.template climb<S>(
          View<const S>{}, end_,
          [&](std::size_t l, View<const S> from, View<S> to, Index) {
            Report report = linear_[l].jvp_input(told.at(l), to);
            if (l == 0) return report;
            Scratch scratch;
            const View<S> of_start = scratch.state<S>(to.shape());
            report += linear_[l].jvp(from, of_start);
            to.vector() += of_start.vector();
            return report;
          },
          out);
    }

    Report vjp(View<const S> w, View<S> dstart) const {
      check_vjp<S>("Pyramid", start_, end_, w, dstart);
      return descend(w, dstart, View<S>{},
                     [&](std::size_t l, View<const S> g, View<S> ds, View<S> du) { return linear_[l].vjp(g, ds, du); });
    }

    Report vjp_input(View<const S> w, View<S> du) const {
      check_shape("Pyramid", "w", w.shape(), end_);
      check_shape("Pyramid", "du of vjp_input", du.shape(), u_);
      return descend(w, View<S>{}, du,
                     [&](std::size_t l, View<const S> g, View<S> ds, View<S> di) { return linear_[l].vjp(g, ds, di); });
    }

    Report pullback(View<const S> w, View<S> dstart, View<S> du, ThetaGradient<S, param_count> dtheta) const {
      return pull(w, dstart, du, [&](std::size_t l, View<const S> g, View<S> ds, View<S> di) {
        return linear_[l].pullback(g, ds, di, Common::template part<S>(dtheta, l));
      });
    }

    /// The same for a loss that looks at states of the finest level on the way, as that of a rollout does.
    template <class Add>
    Report pullback_along(View<const S> w, View<S> dstart, View<S> du, ThetaGradient<S, param_count> dtheta,
                          const Add& add) const {
      return pull(w, dstart, du, [&](std::size_t l, View<const S> g, View<S> ds, View<S> di) {
        const auto into = Common::template part<S>(dtheta, l);
        return l == finest ? linear_[l].pullback_along(g, ds, di, into, add) : linear_[l].pullback(g, ds, di, into);
      });
    }

   private:
    [[nodiscard]] bool alike() const { return detail::told_alike(u_); }

    /// A copy of a state that does not outlive the climb.
    static View<const S> kept(std::vector<Buffer<S>>& list, View<const S> state) {
      list.emplace_back(state.data(), state.size());
      return {list.back().data(), state.shape()};
    }

    template <class Back>
    Report pull(View<const S> w, View<S> dstart, View<S> du, const Back& back) const {
      check_pullback<S>("Pyramid", start_, end_, w, dstart);
      if (du) check_shape("Pyramid", "du", du.shape(), u_);
      return descend(w, dstart, du, back);
    }

    /// All levels backward: back(level, g, ds, du at the level) gives a report. dstart and du may be without memory.
    template <class Back>
    Report descend(View<const S> w, View<S> dstart, View<S> du, const Back& back) const {
      Scratch scratch;
      typename Common::template AtLevels<S> images;  // what comes for the image at each level
      Report report;
      View<const S> g = w;
      for (std::size_t l = finest + 1; l-- > 0;) {
        const View<S> ds = l == 0 ? dstart : scratch.state<S>(Common::level_shape(end_, l));
        if (du) images[l] = l == finest ? du : scratch.state<S>(alike() ? u_ : Common::level_shape(u_, l));
        report += back(l, g, ds, images[l]);
        if (l == 0) break;
        const View<S> coarse = scratch.state<S>(Common::level_shape(end_, l - 1));
        Common::template sum_blocks<S>(ds, coarse);
        g = coarse;
      }
      if (!du) return report;
      if (!alike()) {
        Common::template gather<S>(images);
      } else {
        for (std::size_t l = 0; l < finest; ++l) du.vector() += images[l].vector();
      }
      return report;
    }

    Pyramid pyramid_;
    Shape start_, u_, end_;
    std::vector<Buffer<S>> images_, starts_;                     // of each level but the finest, and but the coarsest
    std::vector<typename R::template Linearization<S>> linear_;  // of each level
    Report report_{};
  };

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> start, In<S> u, View<S> end,
                             const Context& context = {}) const {
    check_shapes(start.shape(), u.shape(), end.shape());
    return Linearization<S>(*this, theta, start, u, end, context);
  }

 private:
  using Common::finest;
  using typename Common::Up;

  void check_shapes(const Shape& start, const Shape& u, const Shape& end) const {
    const Shape expected = end_shape(start);
    check_shape("Pyramid", "end", end, expected);
    detail::check_told(u, expected, I);
  }

  /// What cells of each level are told.
  template <class S>
  class Told {
   public:
    explicit Told(View<const S> u) : alike_(detail::told_alike(u.shape())), u_(u) {
      if (!alike_) images_.emplace(u);
    }
    [[nodiscard]] View<const S> at(std::size_t level) const { return alike_ ? u_ : images_->at(level); }

   private:
    bool alike_;
    View<const S> u_;
    std::optional<typename Common::template Images<S>> images_;
  };

  /// All levels from `first` on the coarsest grid, or from a change of it, to a state of shape `fine`: run(level,
  /// start, end, steps before) gives a report.
  template <class S, class Run>
  Report climb(View<const S> first, const Shape& fine, const Run& run, View<S> y) const {
    Scratch scratch;
    Report report;
    View<const S> start = first;
    Index steps = 0;
    for (std::size_t l = 0;; ++l) {
      const View<S> end = l == finest ? y : scratch.state<S>(Common::level_shape(fine, l));
      report += run(l, start, end, steps);
      if (l == finest) return report;
      steps += levels[l].steps;
      const View<S> finer = scratch.state<S>(Common::level_shape(fine, l + 1));
      Up{}.apply({}, View<const S>(end), finer);
      start = finer;
    }
  }
};

}  // namespace basin
