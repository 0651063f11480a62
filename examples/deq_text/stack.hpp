#pragma once

// Some steps of a cell as layers of an explicit network, each with parameters of its own:
//
//   z_(l+1) = f_l(z_l, u),   l = 0 ... Layers - 1,   y = z_Layers,   z_0 = start, a constant.
//
// u and y are what the cell takes and gives.

#include <array>
#include <cstddef>
#include <deque>
#include <string>

#include "basin/core/layer.hpp"
#include "basin/deq/batch_states.hpp"

namespace deq_text {

using namespace basin;

template <class C, int Layers>
struct Stack {
  static constexpr int in_features = C::input_features, out_features = C::state_features;
  static constexpr std::size_t param_count = Layers * C::param_count;

  C cell{};
  Starts start{};  ///< states of the whole batch, by number of sample; nothing: zeros

  static void leaves(LeafList& list) {
    for (int l = 0; l < Layers; ++l) list.nested<C>(std::to_string(l));
  }

  [[nodiscard]] Shape out_shape(const Shape& u) const { return cell.state_shape(u); }

  template <class S>
  void apply(Theta<S, param_count> theta, In<S> u, View<S> y, const Context& context = {}) const {
    check_output<Stack, S>("Stack", *this, u, y);
    Scratch scratch;
    const View<S> z = scratch.state<S>(y.shape());
    begin(z, context);
    for (int l = 0; l < Layers; ++l) {
      (void)cell.template apply<S>(part<S>(theta, l), View<const S>(z), u, y, context);
      z.vector() = y.vector();
    }
  }

  template <class S>
  class Linearization {
   public:
    Linearization(const Stack& stack, std::span<const S, param_count> theta, View<const S> u, View<S> y,
                  const Context& context)
        : u_(u.shape()), z_(y.shape()) {
      for (Buffer<S>& state : states_) state = Buffer<S>(y.size());
      stack.begin(state(0), context);
      for (int l = 0; l < Layers; ++l) {
        cells_.push_back(
            stack.cell.template linearize<S>(part<S>(theta, l), View<const S>(state(l)), u, state(l + 1), context));
      }
      y.vector() = state(Layers).vector();
    }
    Linearization(Linearization&&) = default;
    Linearization& operator=(Linearization&&) = default;

    void jvp(View<const S> t, View<S> out) const {
      check_jvp("Stack", u_, z_, t, out);
      Scratch scratch;
      const View<S> from_z = scratch.state<S>(z_);
      out.vector().setZero();
      for (const auto& linear : cells_) {
        (void)linear.jvp(View<const S>(out), from_z);
        (void)linear.jvp_input(t, out);
        out.vector() += from_z.vector();
      }
    }

    void vjp(View<const S> w, View<S> du) const {
      check_vjp("Stack", u_, z_, w, du);
      back(w, du, [](const auto& linear, int, View<const S> step, View<S> dz, View<S> du_step) {
        (void)linear.vjp(step, dz);
        (void)linear.vjp_input(step, du_step);
      });
    }

    void pullback(View<const S> w, View<S> du, ThetaGradient<S, param_count> dtheta) const {
      back(w, du, [&](const auto& linear, int l, View<const S> step, View<S> dz, View<S> du_step) {
        (void)linear.pullback(step, dz, du_step, part<S>(dtheta, l));
      });
    }

   private:
    View<S> state(int l) { return {states_[static_cast<std::size_t>(l)].data(), z_}; }

    template <class Pull>
    void back(View<const S> w, View<S> du, const Pull& pull) const {
      check_pullback("Stack", u_, z_, w, du);
      Scratch scratch;
      const View<S> step = scratch.state<S>(z_), dz = scratch.state<S>(z_), du_step = scratch.state<S>(u_);
      step.vector() = w.vector();
      if (du) du.vector().setZero();
      for (int l = Layers; l-- > 0;) {
        pull(cells_[static_cast<std::size_t>(l)], l, View<const S>(step), dz, du_step);
        if (du) du.vector() += du_step.vector();
        step.vector() = dz.vector();
      }
    }

    Shape u_, z_;
    std::array<Buffer<S>, Layers + 1> states_;
    std::deque<decltype(std::declval<const C&>().template linearize<S>(
        std::declval<std::span<const S, C::param_count>>(), View<const S>{}, View<const S>{}, View<S>{}, Context{}))>
        cells_;
  };

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> u, View<S> y, const Context& context = {}) const {
    check_output<Stack, S>("Stack", *this, u, y);
    return Linearization<S>(*this, theta, u, y, context);
  }

 private:
  /// theta of layer l, or of its gradient.
  template <class S, class T>
  static std::span<T, C::param_count> part(std::span<T, param_count> theta, int l) {
    return std::span<T, C::param_count>(theta.data() + static_cast<std::size_t>(l) * C::param_count, C::param_count);
  }

  template <class S>
  void begin(View<S> z, const Context& context) const {
    z.vector().setZero();
    if (!start) return;
    for (Index n = 0; n < z.samples(); ++n) {
      z.sample(n).vector() = start.at<S>(context, n, z.shape().with_samples(1), "Stack: start").vector();
    }
  }
};

}  // namespace deq_text
