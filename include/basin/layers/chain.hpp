#pragma once

// What Sequential and Injected share: a tuple of layers, applied and linearized from the I-th to the last.

#include <optional>
#include <tuple>
#include <utility>

#include "basin/kernels/elementwise.hpp"
#include "basin/layers/join.hpp"

namespace basin::detail {

/// Applies a pointwise layer to a finished block, then the rest.
template <class P, class Next>
struct PointwiseThen {
  const P& layer;
  Next next;
  template <class S>
  void operator()(S* block, Index offset, Index count) const {
    kernels::elementwise(
        count, block, [this](const auto& numbers) { return layer.map(numbers); }, static_cast<const S*>(block));
    next(block, offset, count);
  }
};

template <class... Layers>
struct Chain {
  static_assert(sizeof...(Layers) > 0, "Sequential: there must be at least one layer");
  static_assert((Argument<Layers>::fits && ...));

  using Tuple = std::tuple<Layers...>;
  static constexpr std::size_t size = sizeof...(Layers);
  template <std::size_t I>
  using At = std::tuple_element_t<I, Tuple>;

  static constexpr std::size_t param_count = (std::size_t{0} + ... + Layers::param_count);

  /// Where the parameters of layer I begin.
  template <std::size_t I>
  static constexpr std::size_t offset = []<std::size_t... i>(std::index_sequence<i...>) {
    return (std::size_t{0} + ... + At<i>::param_count);
  }
  (std::make_index_sequence<I>{});

  static constexpr int in_features = features_taken<Layers...>();
  static constexpr int out_features = features_between<in_features, Layers...>.back();
  static_assert(Joins<in_features, std::index_sequence_for<Layers...>, Layers...>::fit);

  static void leaves(LeafList& list) {
    [&]<std::size_t... i>(std::index_sequence<i...>) { (leaves_of_layer<i>(list), ...); }
    (std::make_index_sequence<size>{});
  }

  template <std::size_t I>
  static void leaves_of_layer(LeafList& list) {
    if constexpr (requires { At<I>::leaves(list); }) {
      list.next<At<I>>(std::to_string(I));
    } else if constexpr (At<I>::in_features != any_features || At<I>::out_features != any_features) {
      list.reordered();
    }
  }

  template <std::size_t I>
  static Shape out_shape(const Tuple& layers, const Shape& x) {
    if constexpr (I == size) {
      return x;
    } else {
      return out_shape<I + 1>(layers, std::get<I>(layers).out_shape(x));
    }
  }

  /// theta of layer I, out of the theta of layers From to the last.
  template <std::size_t I, std::size_t From, class S>
  static auto part(std::span<S, param_count - offset<From>> theta) {
    return theta.template subspan<offset<I> - offset<From>, At<I>::param_count>();
  }
  template <std::size_t I, class S>
  static auto after(std::span<S, param_count - offset<I>> theta) {
    return theta.template subspan<At<I>::param_count, param_count - offset<I> - At<I>::param_count>();
  }

  /// Layers after I that can be fused into it end before this.
  template <std::size_t I>
  static constexpr std::size_t fused_end() {
    if constexpr (I + 1 < size) {
      if constexpr (Pointwise<At<I + 1>>) return fused_end<I + 1>();
    }
    return I + 1;
  }

  /// `last`, after the pointwise layers I ... End - 1.
  template <std::size_t I, std::size_t End, class Last>
  static auto fused(const Tuple& layers, const Last& last) {
    if constexpr (I == End) {
      return last;
    } else {
      return PointwiseThen<At<I>, decltype(fused<I + 1, End>(layers, last))>{std::get<I>(layers),
                                                                             fused<I + 1, End>(layers, last)};
    }
  }

  /// What apply and the linearizations of all layers need of theta alone; a tuple.
  template <class S>
  static auto prepare(const Tuple& layers, std::span<const S, param_count> theta) {
    return [&]<std::size_t... i>(std::index_sequence<i...>) {
      return std::make_tuple(prepared_of<At<i>, S>(std::get<i>(layers), part<i, 0>(theta))...);
    }
    (std::make_index_sequence<size>{});
  }
  template <class S>
  using Prepared = std::tuple<PreparedOf<Layers, S>...>;

  /// What was prepared for layer I, if anything.
  template <std::size_t I, class S>
  static const PreparedOf<At<I>, S>* prepared_for(const Prepared<S>* prepared) {
    return prepared == nullptr ? nullptr : &std::get<I>(*prepared);
  }

  /// y = the layers from I on at x. `first` gets each finished block of layer I before the layers after it. `prepared`
  /// may be null.
  template <std::size_t I, class S, class First>
  static Report apply(const Tuple& layers, std::span<const S, param_count - offset<I>> theta, View<const S> x,
                      View<S> y, const Context& context, const First& first, const Prepared<S>* prepared) {
    const auto& layer = std::get<I>(layers);
    constexpr std::size_t end = Fusible<At<I>> ? fused_end<I>() : I + 1;
    Scratch scratch;
    View<S> out = y;
    if constexpr (end < size) out = scratch.state<S>(out_shape_until<I, end>(layers, x.shape()));
    const auto* own = prepared_for<I, S>(prepared);
    Report report;
    if constexpr (Fusible<At<I>>) {
      // A block is handed to `first`, then to the pointwise layers, while it is in cache.
      const auto pointwise = fused<I + 1, end>(layers, NoThen{});
      const auto then = [&](S* block, Index offset, Index count) {
        first(block, offset, count);
        pointwise(block, offset, count);
      };
      report = report_of([&] {
        if constexpr (requires { layer.apply_then(part<I, I>(theta), x, out, context, then, *own); }) {
          if (own != nullptr) return layer.apply_then(part<I, I>(theta), x, out, context, then, *own);
        }
        return layer.apply_then(part<I, I>(theta), x, out, context, then);
      });
    } else {
      report = apply_with<At<I>, S>(layer, part<I, I>(theta), own, context, x, out);
      first(out.data(), Index{0}, out.size());
    }
    if constexpr (end < size) {
      report += apply<end>(layers, theta.template last<param_count - offset<end>>(), View<const S>(out), y, context,
                           NoThen{}, prepared);
    }
    return report;
  }

  template <std::size_t I, std::size_t End>
  static Shape out_shape_until(const Tuple& layers, const Shape& x) {
    if constexpr (I == End) {
      return x;
    } else {
      return out_shape_until<I + 1, End>(layers, std::get<I>(layers).out_shape(x));
    }
  }

  template <class S, std::size_t I>
  class Linearization;
};

/// The linearization of the layers from I on: that of layer I, the state after it, and that of the rest.
template <class... Layers>
template <class S, std::size_t I>
class Chain<Layers...>::Linearization {
  static constexpr std::size_t count = param_count - offset<I>;
  static constexpr bool last = I + 1 == size;

 public:
  /// `shift`, if given, is added to what layer I gives: the injection of a cell. `prepared` may be null.
  Linearization(const Tuple& layers, std::span<const S, count> theta, View<const S> x, View<S> y,
                const Context& context, View<const S> shift, const Prepared<S>* prepared)
      : between_shape_(std::get<I>(layers).out_shape(x.shape())),
        between_(last && !shift ? 0 : between_shape_.size()),
        first_(linearize_with<At<I>, S>(std::get<I>(layers), part<I, I>(theta), prepared_for<I, S>(prepared), context,
                                        x, last && !shift ? y : between())) {
    if (shift) {
      // A linearization may refer to the layer's own output, so the sum gets memory of its own.
      View<S> sum = y;
      if constexpr (!last) {
        shifted_ = Buffer<S>(between_shape_.size());
        sum = View<S>(shifted_.data(), between_shape_);
      }
      sum.vector() = between().vector() + shift.vector();
      if constexpr (!last) rest_.emplace(layers, after<I>(theta), sum, y, context, View<const S>{}, prepared);
    } else if constexpr (!last) {
      rest_.emplace(layers, after<I>(theta), between(), y, context, View<const S>{}, prepared);
    }
  }

  /// Moves, but does not copy: what it holds refers to the memory of its own states.
  Linearization(Linearization&&) = default;
  Linearization& operator=(Linearization&&) = default;

  /// What the solves of the forward pass did.
  [[nodiscard]] Report report() const {
    Report all = forward_report(first_);
    if constexpr (!last) all += rest_->report();
    return all;
  }

  Report jvp(View<const S> t, View<S> out) const {
    if constexpr (last) {
      return report_of([&] { return first_.jvp(t, out); });
    } else {
      Scratch scratch;
      const View<S> middle = scratch.state<S>(between_shape_);
      Report report = report_of([&] { return first_.jvp(t, middle); });
      report += rest_->jvp(middle, out);
      return report;
    }
  }

  Report vjp(View<const S> w, View<S> dx) const {
    if constexpr (last) {
      return report_of([&] { return first_.vjp(w, dx); });
    } else {
      Scratch scratch;
      const View<S> middle = scratch.state<S>(between_shape_);
      Report report = rest_->vjp(w, middle);
      report += report_of([&] { return first_.vjp(middle, dx); });
      return report;
    }
  }

  Report pullback(View<const S> w, View<S> dx, std::span<S, count> dtheta) const { return pullback(w, dx, {}, dtheta); }

  /// The same, and in `dshift` the gradient in the shift (not wanted if it has no memory).
  Report pullback(View<const S> w, View<S> dx, View<S> dshift, std::span<S, count> dtheta) const {
    if constexpr (last) {
      check_pullback("Injected", between_shape_, between_shape_, w, dshift);
      if (dshift) dshift.vector() = w.vector();
      return report_of([&] { return first_.pullback(w, dx, part<I, I>(dtheta)); });
    } else {
      Scratch scratch;
      const View<S> middle = dshift ? dshift : scratch.state<S>(between_shape_);
      Report report = rest_->pullback(w, middle, after<I>(dtheta));
      report += report_of([&] { return first_.pullback(middle, dx, part<I, I>(dtheta)); });
      return report;
    }
  }

  /// dshift = (dy / dshift)^T w.
  Report vjp_shift(View<const S> w, View<S> dshift) const {
    if constexpr (last) {
      check_jvp("Injected", between_shape_, between_shape_, w, dshift);  // the identity, and its own transpose
      dshift.vector() = w.vector();
      return {};
    } else {
      return rest_->vjp(w, dshift);
    }
  }

  /// (dy / dshift) t.
  Report jvp_shift(View<const S> t, View<S> out) const {
    if constexpr (last) {
      check_jvp("Injected", between_shape_, between_shape_, t, out);
      out.vector() = t.vector();
      return {};
    } else {
      return rest_->jvp(t, out);
    }
  }

 private:
  [[nodiscard]] View<S> between() { return {between_.data(), between_shape_}; }

  static auto rest_type() {
    if constexpr (last) {
      return std::nullopt;
    } else {
      return std::optional<Linearization<S, I + 1>>{};
    }
  }

  Shape between_shape_;
  Buffer<S> between_;  // the state after layer I, unless that is y
  Buffer<S> shifted_;  // the same with the shift, if there is one and layers follow
  LinearizationOf<At<I>, S> first_;
  [[no_unique_address]] decltype(rest_type()) rest_ = rest_type();
};

}  // namespace basin::detail
