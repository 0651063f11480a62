#pragma once

// Layers side by side, on the same input:
//
//   Concat<A, B, ...>   y = (A(x); B(x); ...), the features of A first (Szegedy et al. 2015; Huang et al. 2017)
//   Sum<A, B, ...>      y = A(x) + B(x) + ...
//
// All give the same cells and samples; those of Sum the same features too. theta is theirs one after another, with
// leaves "0.weight", ... . With J_A, J_B, ... the derivatives of the layers:
//
//   Concat:  J t = (J_A t; J_B t; ...),   J^T w = J_A^T w_A + J_B^T w_B + ...,   w_A the part of w that A gave
//   Sum:     J t = J_A t + J_B t + ...,   J^T w = J_A^T w + J_B^T w + ...
//
// What layers prepare and report, and the context, go through, as in Sequential. Residual<F> is Sum<Identity, F> that
// copies nothing and names its leaves otherwise (layers/residual.hpp).

#include <array>
#include <string>
#include <tuple>
#include <utility>

#include "basin/core/layer.hpp"
#include "basin/layers/feature_slices.hpp"
#include "basin/layers/join.hpp"

namespace basin {

namespace detail {

template <bool side_by_side, class... Layers>
struct Parallel {
  static_assert(sizeof...(Layers) > 0, "Concat, Sum: there must be at least one layer");
  static_assert((Argument<Layers>::fits && ...));

  static constexpr const char* name = side_by_side ? "Concat" : "Sum";
  static constexpr std::size_t size = sizeof...(Layers);
  template <std::size_t I>
  using At = std::tuple_element_t<I, std::tuple<Layers...>>;

  static constexpr int in_features = first_of_features({Layers::in_features...});
  static_assert((Beside<Layers::in_features, in_features>::fits && ...));
  /// Features that layer I gives.
  template <std::size_t I>
  static constexpr int given = features_after<At<I>, in_features>;
  static constexpr int common = first_of_features({features_after<Layers, in_features>...});
  static_assert(!side_by_side || ((features_after<Layers, in_features> != any_features) && ...),
                "Concat: the numbers of features that its layers give must be known; at least one layer has to say how "
                "many it takes");
  static_assert((Summand < features_after<Layers, in_features>, side_by_side ? any_features : common > ::fits && ...));
  static constexpr int out_features = side_by_side ? (0 + ... + features_after<Layers, in_features>) : common;

  static constexpr std::size_t param_count = (std::size_t{0} + ... + Layers::param_count);
  static constexpr bool changes_with_step = (basin::changes_with_step<Layers> || ...);

  std::tuple<Layers...> layers;  ///< options of the layers; see layer<i>()

  /// The i-th layer, to read or set its options.
  template <std::size_t i>
  [[nodiscard]] auto& layer() {
    return std::get<i>(layers);
  }
  template <std::size_t i>
  [[nodiscard]] const auto& layer() const {
    return std::get<i>(layers);
  }

  static void leaves(LeafList& list) {
    each([&]<std::size_t I>() { list.nested<At<I>>(std::to_string(I)); });
  }

  /// theta of the i-th layer, out of theta of them all.
  template <std::size_t i, class S>
  [[nodiscard]] static auto part(std::span<S, param_count> theta) {
    return part_of<i, Layers...>(theta);
  }

  /// Throws std::invalid_argument if the layers give different cells.
  [[nodiscard]] Shape out_shape(const Shape& x) const {
    const Shape first = std::get<0>(layers).out_shape(x);
    Index features = 0;
    each([&]<std::size_t I>() {
      const Shape y = std::get<I>(layers).out_shape(x);
      const Shape expected = side_by_side ? first.with_features(y.features) : first;
      if (y != expected) {  // before the message takes memory: this is on hot paths
        check(false, std::string(name) + ": shape that layer " + std::to_string(I) + " gives", y, expected);
      }
      features += y.features;
    });
    return side_by_side ? first.with_features(features) : first;
  }

  /// What apply and linearizations at the same theta have in common (core/layer.hpp).
  template <class S>
  using Prepared = std::tuple<PreparedOf<Layers, S>...>;
  template <class S>
  [[nodiscard]] Prepared<S> prepare(std::span<const S, param_count> theta) const {
    return [&]<std::size_t... i>(std::index_sequence<i...>) {
      return Prepared<S>(prepared_of<At<i>, S>(std::get<i>(layers), part<i>(theta))...);
    }
    (std::make_index_sequence<size>{});
  }

  template <class S>
  Report apply(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& context = {},
               IfPrepared<Prepared<S>> prepared = {}) const {
    check_output<Parallel, S>(name, *this, x, y);
    Report report;
    each([&]<std::size_t I>() {
      Scratch scratch;
      const View<S> to = !side_by_side && I == 0 ? y : scratch.state<S>(of_layer<I>(y.shape()));
      const PreparedOf<At<I>, S>* own = prepared ? &std::get<I>(*prepared) : nullptr;
      report += apply_with<At<I>, S>(std::get<I>(layers), part<I>(theta), own, context, x, to);
      if (side_by_side || I > 0) put<I, S>(to, y);
    });
    return report;
  }

  template <class S>
  class Linearization;

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& context = {},
                             IfPrepared<Prepared<S>> prepared = {}) const {
    check_output<Parallel, S>(name, *this, x, y);
    return Linearization<S>(*this, theta, x, y, context, prepared.get());
  }

 private:
  /// visit.operator()<I>() for each layer.
  template <class Visit>
  static void each(const Visit& visit) {
    [&]<std::size_t... i>(std::index_sequence<i...>) { (visit.template operator()<i>(), ...); }
    (std::make_index_sequence<size>{});
  }

  /// First feature of layer I in y.
  template <std::size_t I>
  static constexpr int first_feature = [] {
    constexpr std::array<int, size> counts{features_after<Layers, in_features>...};
    int sum = 0;
    for (std::size_t k = 0; side_by_side && k < I; ++k) sum += counts[k];
    return sum;
  }();

  /// Puts what layer I gave into y: beside the others, or added to those before.
  template <std::size_t I, class S>
  static void put(View<const S> of_layer, View<S> y) {
    if constexpr (side_by_side) {
      move_features<given<I>, given<I>, out_features>(y.shape().cells(), of_layer.data(), y.data() + first_feature<I>);
    } else if constexpr (I == 0) {
      y.vector() = of_layer.vector();
    } else {
      y.vector() += of_layer.vector();
    }
  }

  /// The part of w that layer I gave: of a Concat copied to `memory`.
  template <std::size_t I, class S>
  static View<const S> take(View<const S> w, S* memory) {
    if constexpr (side_by_side) {
      move_features<given<I>, out_features, given<I>>(w.shape().cells(), w.data() + first_feature<I>, memory);
      return {memory, w.shape().with_features(given<I>)};
    } else {
      return w;
    }
  }

  /// The shape that layer I gives, where all give y.
  template <std::size_t I>
  static Shape of_layer(const Shape& y) {
    return side_by_side ? y.with_features(given<I>) : y;
  }
};

/// J and its transposes. Owns what each layer gave.
template <bool side_by_side, class... Layers>
template <class S>
class Parallel<side_by_side, Layers...>::Linearization {
 public:
  Linearization(const Parallel& parallel, std::span<const S, param_count> theta, View<const S> x, View<S> y,
                const Context& context, const Prepared<S>* prepared)
      : x_(x.shape()),
        y_(y.shape()),
        values_{Buffer<S>(y.size() / y.shape().features * features_of<Layers>(y))...},
        linear_(linearize_all(parallel, theta, x, context, prepared, std::make_index_sequence<size>{})) {
    each([&]<std::size_t I>() { put<I, S>(View<const S>(values_[I].data(), of_layer<I>(y_)), y); });
  }

  /// Moves, but does not copy: what the layers gave refers to the memory of their values.
  Linearization(Linearization&&) = default;
  Linearization& operator=(Linearization&&) = default;

  [[nodiscard]] Report report() const {
    Report all;
    each([&]<std::size_t I>() { all += forward_report(std::get<I>(linear_)); });
    return all;
  }

  Report jvp(View<const S> t, View<S> out) const {
    check_jvp(name, x_, y_, t, out);
    Report report;
    each([&]<std::size_t I>() {
      Scratch scratch;
      const View<S> to = scratch.state<S>(of_layer<I>(y_));
      report += report_of([&] { return std::get<I>(linear_).jvp(t, to); });
      put<I, S>(to, out);
    });
    return report;
  }

  Report vjp(View<const S> w, View<S> dx) const {
    check_vjp(name, x_, y_, w, dx);
    return pull(w, dx,
                []<std::size_t I>(const auto& linear, View<const S> from, View<S> to) { return linear.vjp(from, to); });
  }

  Report pullback(View<const S> w, View<S> dx, ThetaGradient<S, param_count> dtheta) const {
    check_pullback(name, x_, y_, w, dx);
    return pull(w, dx, [&]<std::size_t I>(const auto& linear, View<const S> from, View<S> to) {
      return linear.pullback(from, to, part<I>(std::span<S, param_count>(dtheta)));
    });
  }

 private:
  template <class L>
  static Index features_of(View<S> y) {
    return side_by_side ? Index{features_after<L, in_features>} : y.shape().features;
  }

  template <std::size_t... I>
  auto linearize_all(const Parallel& parallel, std::span<const S, param_count> theta, View<const S> x,
                     const Context& context, const Prepared<S>* prepared, std::index_sequence<I...>) {
    return std::tuple<LinearizationOf<Layers, S>...>{linearize_with<At<I>, S>(
        std::get<I>(parallel.layers), part<I>(theta), prepared == nullptr ? nullptr : &std::get<I>(*prepared), context,
        x, View<S>(values_[I].data(), of_layer<I>(y_)))...};
  }

  /// dx = the sum over layers of call.operator()<I>(linearization, the layer's part of w, to); dx may be not wanted.
  template <class Call>
  Report pull(View<const S> w, View<S> dx, const Call& call) const {
    Report report;
    each([&]<std::size_t I>() {
      Scratch scratch;
      const View<const S> from = take<I, S>(w, side_by_side ? scratch.take<S>(of_layer<I>(y_).size()) : nullptr);
      const View<S> to = !dx || I == 0 ? dx : scratch.state<S>(x_);
      report += report_of([&] { return call.template operator()<I>(std::get<I>(linear_), from, to); });
      if (dx && I > 0) dx.vector() += to.vector();
    });
    return report;
  }

  Shape x_, y_;
  std::array<Buffer<S>, size> values_;  // of each layer
  std::tuple<LinearizationOf<Layers, S>...> linear_;
};

}  // namespace detail

/// The features that each layer gives, one after another.
template <class... Layers>
using Concat = detail::Parallel<true, Layers...>;

/// The sum of what the layers give.
template <class... Layers>
using Sum = detail::Parallel<false, Layers...>;

}  // namespace basin
