#pragma once

// A cell of several passes of another, all with the same parameters, each told its number by a vector of its own:
//
//   F(z, u) = z_N,    z_(k+1) = f(z_k, u + p_k),    z_0 = a z,      k = 0 ... N - 1
//
// Each p_k has a number for each feature of u, and `a` one for each feature of z; all are learned. At p = 0 and a = 1,
// where theta begins, F is f applied N times. An evaluation of f alone has to do at every iteration what the fixed
// point of f needs; one of F is a network of N layers, whose fixed point need not be one of f. At a = 0 F does
// not depend on z, and settles at once: what a training makes of a says how much it wants to be iterated.
//
// That tied layers are told their number is from M. Dehghani, S. Gouws, O. Vinyals, J. Uszkoreit, L. Kaiser, "Universal
// transformers", ICLR 2019 (section 2.1); an equilibrium over a cell of several layers from S. Bai, J. Z. Kolter, V.
// Koltun, "Deep equilibrium models", NeurIPS 2019 (where one of several is also shown to be one of a single layer).
//
// All passes have the same context: what is random in f, such as a mask, is the same in each of them.
//
// z and u are what f takes: (C::state_features, X, Y, Z, N) and (C::input_features, X, Y, Z, N).

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "basin/core/layer.hpp"
#include "basin/layers/scale.hpp"

namespace basin {

template <class C, int N>
struct Passes {
  static_assert(N > 0, "Passes: the number of passes must be positive");
  static_assert(C::state_features != any_features && C::input_features != any_features,
                "Passes: the cell must say how many features it has");
  static constexpr int state_features = C::state_features, input_features = C::input_features;
  static constexpr std::size_t param_count =
      C::param_count + std::size_t{state_features} + std::size_t{N} * std::size_t{input_features};
  static constexpr bool changes_with_step = basin::changes_with_step<C>;
  /// Whether f's apply uses what it prepares, too (core/layer.hpp).
  static constexpr bool prepares_to_apply = detail::prepares_to_apply<C>;

  C cell{};  ///< f, with its options

  /// f's first, then a, then p_0 to p_(N - 1).
  static void leaves(LeafList& list) {
    list.nested<C>("cell");
    list.scale("carry", state_features);
    for (int k = 0; k < N; ++k) list.bias("pass" + std::to_string(k), input_features);
  }

  [[nodiscard]] Shape state_shape(const Shape& u) const { return cell.state_shape(u); }

  /// What f prepares (core/layer.hpp).
  template <class S>
  using Prepared = detail::PreparedOf<C, S>;
  template <class S>
  [[nodiscard]] Prepared<S> prepare(std::span<const S, param_count> theta) const {
    return detail::prepared_of<C, S>(cell, cell_part(theta));
  }

  template <class S>
  Report apply(Theta<S, param_count> theta, In<S> z, In<S> u, View<S> out, const Context& context = {},
               IfPrepared<Prepared<S>> prepared = {}) const {
    check_shapes(z.shape(), u.shape(), out.shape());
    if constexpr (prepares_to_apply) {  // once, not once a pass
      if (!prepared) {
        const Prepared<S> made = prepare<S>(theta);
        return apply<S>(theta, z, u, out, context, made);
      }
    }
    Scratch scratch;
    const View<S> from = scratch.state<S>(z.shape()), told = scratch.state<S>(u.shape());
    Carry{}.template apply<S>(carry_part(theta), z, from);
    Report report;
    for (int k = 0; k < N; ++k) {
      if (k > 0) from.vector() = out.vector();
      tell<S>(theta, k, u, told);
      report += detail::apply_with<C, S>(cell, cell_part(theta), prepared.get(), context, View<const S>(from),
                                         View<const S>(told), out);
    }
    return report;
  }

  template <class S>
  class Linearization;

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> z, In<S> u, View<S> out, const Context& context = {},
                             IfPrepared<Prepared<S>> prepared = {}) const {
    check_shapes(z.shape(), u.shape(), out.shape());
    std::unique_ptr<const Prepared<S>> owned;
    if constexpr (!std::is_same_v<Prepared<S>, detail::Unprepared>) {
      if (!prepared) owned = std::make_unique<const Prepared<S>>(prepare<S>(theta));
    }
    return Linearization<S>(*this, theta, z, u, out, context, prepared.get(), std::move(owned));
  }

 private:
  using Carry = Scale<state_features, Bias::no>;  // a z

  /// Of theta, or of its gradient.
  template <class T>
  static std::span<T, C::param_count> cell_part(std::span<T, param_count> theta) {
    return theta.template first<C::param_count>();
  }
  template <class T>
  static std::span<T, Carry::param_count> carry_part(std::span<T, param_count> theta) {
    return theta.template subspan<C::param_count, Carry::param_count>();
  }
  /// p_k.
  template <class T>
  static T* pass_part(std::span<T, param_count> theta, int k) {
    return theta.data() + C::param_count + Carry::param_count + static_cast<std::size_t>(k * input_features);
  }

  /// told = u + p_k.
  template <class S>
  static void tell(std::span<const S, param_count> theta, int k, View<const S> u, View<S> told) {
    told.matrix() = u.matrix().colwise() + Eigen::Map<const Vector<S>>(pass_part(theta, k), input_features);
  }

  void check_shapes(const Shape& z, const Shape& u, const Shape& out) const {
    const Shape state = state_shape(u);
    check_shape("Passes", "z", z, state);
    check_shape("Passes", "out", out, state);
  }
};

/// The product of those of f. Owns the states and injections of all passes; refers to theta, z and what was prepared.
template <class C, int N>
template <class S>
class Passes<C, N>::Linearization {
 public:
  Linearization(const Passes& cell, std::span<const S, param_count> theta, View<const S> z, View<const S> u,
                View<S> out, const Context& context, const Prepared<S>* prepared,
                std::unique_ptr<const Prepared<S>> owned)
      : z_(z.shape()),
        u_(u.shape()),
        owned_(std::move(owned)),
        first_(z.size()),
        carried_(Carry{}.template linearize<S>(carry_part(theta), z, View<S>(first_.data(), z_))) {
    passes_.reserve(N);
    told_.reserve(N);
    reached_.reserve(N);
    for (int k = 0; k < N; ++k) {
      const S* const from = k == 0 ? first_.data() : reached_.back().data();
      const View<S> told(told_.emplace_back(u.size()).data(), u_);
      tell<S>(theta, k, u, told);
      const View<S> reached(reached_.emplace_back(z.size()).data(), z_);
      passes_.push_back(linearize_pass(cell.cell, cell_part(theta), owned_ ? owned_.get() : prepared, context,
                                       View<const S>(from, z_), told, reached));
      report_ += forward_report(passes_.back());
    }
    out.vector() = reached_.back().vector();
  }

  /// Moves, but does not copy: the passes refer to the memory of states.
  Linearization(Linearization&&) = default;
  Linearization& operator=(Linearization&&) = default;

  [[nodiscard]] Report report() const { return report_; }

  Report jvp(View<const S> t, View<S> out) const {
    check_jvp("Passes", z_, z_, t, out);
    Scratch scratch;
    const View<S> step = scratch.state<S>(z_);
    carried_.jvp(t, out);
    Report report;
    for (const Pass& pass : passes_) {
      step.vector() = out.vector();
      report += detail::report_of([&] { return pass.jvp(View<const S>(step), out); });
    }
    return report;
  }

  Report jvp_input(View<const S> t, View<S> out) const {
    check_jvp("Passes", u_, z_, t, out);
    Scratch scratch;
    const View<S> step = scratch.state<S>(z_), through = scratch.state<S>(z_);
    Report report;
    for (int k = 0; k < N; ++k) {
      const Pass& pass = passes_[static_cast<std::size_t>(k)];
      if (k > 0) {
        step.vector() = out.vector();
        report += detail::report_of([&] { return pass.jvp(View<const S>(step), through); });
      }
      report += detail::report_of([&] { return pass.jvp_input(t, out); });
      if (k > 0) out.vector() += through.vector();
    }
    return report;
  }

  Report vjp(View<const S> w, View<S> dz) const {
    check_vjp("Passes", z_, z_, w, dz);
    Scratch scratch;
    const View<S> step = scratch.state<S>(z_);
    step.vector() = w.vector();
    Report report;
    for (int k = N; k-- > 0;) {
      report += detail::report_of([&] { return passes_[static_cast<std::size_t>(k)].vjp(View<const S>(step), dz); });
      step.vector() = dz.vector();
    }
    carried_.vjp(step, dz);
    return report;
  }

  Report vjp_input(View<const S> w, View<S> du) const {
    check_vjp("Passes", u_, z_, w, du);
    Scratch scratch;
    const View<S> step = scratch.state<S>(z_), before = scratch.state<S>(z_), part = scratch.state<S>(u_);
    step.vector() = w.vector();
    du.vector().setZero();
    Report report;
    for (int k = N; k-- > 0;) {
      const Pass& pass = passes_[static_cast<std::size_t>(k)];
      report += detail::report_of([&] { return pass.vjp_input(View<const S>(step), part); });
      du.vector() += part.vector();
      if (k == 0) break;
      report += detail::report_of([&] { return pass.vjp(View<const S>(step), before); });
      step.vector() = before.vector();
    }
    return report;
  }

  Report pullback(View<const S> w, View<S> dz, View<S> du, ThetaGradient<S, param_count> dtheta) const {
    check_shape("Passes", "w", w.shape(), z_);
    if (dz) check_shape("Passes", "dz", dz.shape(), z_);
    if (du) check_shape("Passes", "du", du.shape(), u_);
    Scratch scratch;
    const View<S> step = scratch.state<S>(z_), before = scratch.state<S>(z_), part = scratch.state<S>(u_);
    step.vector() = w.vector();
    if (du) du.vector().setZero();
    Report report;
    for (int k = N; k-- > 0;) {
      report += detail::report_of([&] {
        return passes_[static_cast<std::size_t>(k)].pullback(View<const S>(step), before, part, cell_part(dtheta));
      });
      Eigen::Map<Vector<S>>(pass_part(dtheta, k), input_features) += part.matrix().rowwise().sum();
      if (du) du.vector() += part.vector();
      step.vector() = before.vector();
    }
    carried_.pullback(step, dz, carry_part(dtheta));
    return report;
  }

 private:
  /// f at a state and an injection.
  static auto linearize_pass(const C& cell, std::span<const S, C::param_count> theta, const Prepared<S>* prepared,
                             const Context& context, View<const S> z, View<const S> u, View<S> out) {
    return detail::linearize_with<C, S>(cell, theta, prepared, context, z, u, out);
  }
  using Pass = decltype(linearize_pass(std::declval<const C&>(), std::declval<std::span<const S, C::param_count>>(),
                                       nullptr, Context{}, View<const S>{}, View<const S>{}, View<S>{}));

  Shape z_, u_;
  std::unique_ptr<const Prepared<S>> owned_;  // unless it was prepared
  Buffer<S> first_;                           // a z
  typename Carry::template Linearization<S> carried_;
  std::vector<Buffer<S>> told_, reached_;  // u + p_k and z_(k + 1)
  std::vector<Pass> passes_;
  Report report_;
};

}  // namespace basin
