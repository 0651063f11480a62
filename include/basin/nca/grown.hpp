#pragma once

// An automaton whose cells are told something (nca/conditioned.hpp), as a layer of what they are told: u -> the state
// that grows from a given start,
//
//   y = rollout(start, u),
//
// of a Rollout or a Pyramid. So it can stand behind other layers: with an encoder before it, it is the decoder of an
// autoencoder (R. B. Palm, M. Gonzalez-Duque, S. Sudhakaran, S. Risi, "Variational Neural Cellular Automata", 2022),
//
//   Sequential<Encoder, GaussianSample<U>, Grown<Rollout<Automaton<Conditioned<Perceive<...>, U>, ...>>>>
//
// and its gradient in u is that of the encoder's answer. Its parameters are those of R.

#include <string>

#include "basin/core/layer.hpp"

namespace basin {

/// R: a Rollout, or a Pyramid, of an automaton whose cells are told something. u is (U, 1, 1, 1, N), the same for all
/// cells of a sample, or (U, X, Y, Z, N); y is (C, X, Y, Z, N).
template <class R>
struct Grown {
  static_assert(R::input_features > 0, "Grown: the cells of the automaton must be told something (Conditioned)");
  static constexpr int in_features = R::input_features, out_features = R::state_features;
  static constexpr std::size_t param_count = R::param_count;

  R rollout{};  ///< with its steps
  /// Where it starts, in float as pools hold states: of one sample for all alike; or of a whole batch, of which sample
  /// i takes number context.sample(i).
  State<float> start{};

  static void leaves(LeafList& list) { R::leaves(list); }

  /// Throws std::invalid_argument for another number of features, and a start that the automaton cannot take.
  [[nodiscard]] Shape out_shape(const Shape& u) const {
    check_features("Grown", u.features, in_features);
    check_features("Grown: start", start.shape.features, out_features);
    check(start.shape.samples > 0, "Grown: samples of the start", start.shape.samples, "at least 1");
    const Shape one = start.shape.with_samples(u.samples);
    if constexpr (requires { rollout.end_shape(one); }) {
      return rollout.end_shape(one);
    } else {
      return one;
    }
  }

  template <class S>
  Report apply(Theta<S, param_count> theta, In<S> u, View<S> y, const Context& context = {}) const {
    check_output<Grown, S>("Grown", *this, u, y);
    Scratch scratch;
    const View<S> from = scratch.state<S>(start.shape.with_samples(u.samples()));
    begin(from, context);
    return rollout.template apply<S>(theta, View<const S>(from), u, y, context);
  }

  template <class S>
  class Linearization {
   public:
    Linearization(const Grown& grown, std::span<const S, param_count> theta, View<const S> u, View<S> y,
                  const Context& context)
        : start_(grown.start.shape.with_samples(u.samples()).size()), inner_([&] {
            const View<S> from(start_.data(), grown.start.shape.with_samples(u.samples()));
            grown.begin(from, context);
            return grown.rollout.template linearize<S>(theta, View<const S>(from), u, y, context);
          }()) {}

    /// What the solves of the forward pass did, if the rule solves anything.
    [[nodiscard]] Report report() const { return inner_.report(); }
    Report jvp(View<const S> t, View<S> out) const { return inner_.jvp_input(t, out); }
    Report vjp(View<const S> w, View<S> du) const { return inner_.vjp_input(w, du); }
    Report pullback(View<const S> w, View<S> du, ThetaGradient<S, param_count> dtheta) const {
      return inner_.pullback(w, View<S>{}, du, dtheta);
    }

   private:
    Buffer<S> start_;  // to which inner_ refers, and which stays where it is when this moves
    typename R::template Linearization<S> inner_;
  };

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> u, View<S> y, const Context& context = {}) const {
    check_output<Grown, S>("Grown", *this, u, y);
    return Linearization<S>(*this, theta, u, y, context);
  }

 private:
  template <class S>
  void begin(View<S> from, const Context& context) const {
    const Index samples = start.shape.samples;
    for (Index n = 0; n < from.samples(); ++n) {
      const Index number = samples == 1 ? 0 : context.sample(n);
      if (number < 0 || number >= samples) {
        check(false, "Grown: number of a sample", number, "one of the start's, below " + std::to_string(samples));
      }
      from.sample(n).vector() = start.view().sample(number).vector().template cast<S>();
    }
  }
};

}  // namespace basin
