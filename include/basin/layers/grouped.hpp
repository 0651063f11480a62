#pragma once

// The same kind of layer on G groups of features, each with parameters of its own: features of group g of x go through
// layer g to features of group g of y (grouped convolution: Krizhevsky, Sutskever & Hinton 2012; Xie et al. 2017).
//
//   Grouped<4, Conv<8, 16, 3>> takes 32 features to 64 with a quarter of the weights of Conv<32, 64, 3>.
//
// theta is those of the groups one after another, with leaves "0.weight", "0.bias", "1.weight", ... A group's features
// are copied together for its layer, so that each runs at the speed that it has alone; for as many groups as features
// DepthwiseConv is faster (layers/window_conv.hpp).

#include <string>
#include <vector>

#include "basin/core/layer.hpp"
#include "basin/layers/feature_slices.hpp"

namespace basin {

template <int G, class L>
struct Grouped {
  static_assert(G > 0, "Grouped: the number of groups must be positive");
  static_assert(L::in_features != any_features && L::out_features != any_features,
                "Grouped: the layer must have fixed numbers of features");

  static constexpr int in_features = G * L::in_features;
  static constexpr int out_features = G * L::out_features;
  static constexpr std::size_t param_count = std::size_t{G} * L::param_count;
  static constexpr bool changes_with_step = basin::changes_with_step<L>;

  L layer{};  ///< options, of every group

  static void leaves(LeafList& list) {
    for (int g = 0; g < G; ++g) list.nested<L>(std::to_string(g));
  }

  [[nodiscard]] Shape out_shape(const Shape& x) const {
    check_features("Grouped", x.features, in_features);
    return layer.out_shape(x.with_features(L::in_features)).with_features(out_features);
  }

  /// What the layers of all groups prepare (core/layer.hpp).
  template <class S>
  using Prepared = std::vector<detail::PreparedOf<L, S>>;
  template <class S>
  [[nodiscard]] Prepared<S> prepare(std::span<const S, param_count> theta) const {
    Prepared<S> prepared;
    prepared.reserve(G);
    for (int g = 0; g < G; ++g) prepared.push_back(detail::prepared_of<L, S>(layer, part<const S>(theta, g)));
    return prepared;
  }

  template <class S>
  Report apply(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& context = {},
               IfPrepared<Prepared<S>> prepared = {}) const {
    check_output<Grouped, S>("Grouped", *this, x, y);
    Scratch scratch;
    const View<S> from = scratch.state<S>(x.shape().with_features(L::in_features)),
                  to = scratch.state<S>(y.shape().with_features(L::out_features));
    Report report;
    for (int g = 0; g < G; ++g) {
      take<L::in_features, S>(x, g, from);
      report += detail::apply_with<L, S>(layer, part<const S>(theta, g), prepared_for<S>(prepared.get(), g), context,
                                         View<const S>(from), to);
      put<L::out_features, S>(to, g, y);
    }
    return report;
  }

  template <class S>
  class Linearization;

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& context = {},
                             IfPrepared<Prepared<S>> prepared = {}) const {
    check_output<Grouped, S>("Grouped", *this, x, y);
    return Linearization<S>(layer, theta, x, y, context, prepared.get());
  }

 private:
  template <class S>
  static std::span<S, L::param_count> part(std::span<S, param_count> theta, int g) {
    return std::span<S, L::param_count>(theta.data() + static_cast<std::size_t>(g) * L::param_count, L::param_count);
  }

  template <class S>
  static const detail::PreparedOf<L, S>* prepared_for(const Prepared<S>* prepared, int g) {
    return prepared == nullptr ? nullptr : &(*prepared)[static_cast<std::size_t>(g)];
  }

  template <int features, class S>
  static void take(View<const S> all, int g, View<S> of_group) {
    detail::move_features<features, G * features, features>(all.shape().cells(), all.data() + g * features,
                                                            of_group.data());
  }
  template <int features, class S>
  static void put(View<const S> of_group, int g, View<S> all) {
    detail::move_features<features, features, G * features>(all.shape().cells(), of_group.data(),
                                                            all.data() + g * features);
  }
};

/// J and its transposes. Owns the groups' parts of x and y, and what their layers gave.
template <int G, class L>
template <class S>
class Grouped<G, L>::Linearization {
 public:
  Linearization(const L& layer, std::span<const S, param_count> theta, View<const S> x, View<S> y,
                const Context& context, const Prepared<S>* prepared)
      : x_(x.shape()), y_(y.shape()), inputs_(x.size()), outputs_(y.size()) {
    linear_.reserve(G);
    for (int g = 0; g < G; ++g) {
      const View<S> from(inputs_.data() + g * of_x().size(), of_x()), to(outputs_.data() + g * of_y().size(), of_y());
      take<L::in_features, S>(x, g, from);
      linear_.push_back(detail::linearize_with<L, S>(layer, part<const S>(theta, g), prepared_for<S>(prepared, g),
                                                     context, View<const S>(from), to));
      put<L::out_features, S>(to, g, y);
    }
  }

  /// Moves, but does not copy: what the layers gave refers to memory of its own.
  Linearization(Linearization&&) = default;
  Linearization& operator=(Linearization&&) = default;

  [[nodiscard]] Report report() const {
    Report all;
    for (const auto& linear : linear_) all += forward_report(linear);
    return all;
  }

  Report jvp(View<const S> t, View<S> out) const {
    check_jvp("Grouped", x_, y_, t, out);
    return each_group<L::in_features, L::out_features>(
        t, out, [](const auto& linear, View<const S> from, View<S> to, int) { return linear.jvp(from, to); });
  }

  Report vjp(View<const S> w, View<S> dx) const {
    check_vjp("Grouped", x_, y_, w, dx);
    return each_group<L::out_features, L::in_features>(
        w, dx, [](const auto& linear, View<const S> from, View<S> to, int) { return linear.vjp(from, to); });
  }

  Report pullback(View<const S> w, View<S> dx, ThetaGradient<S, param_count> dtheta) const {
    check_pullback("Grouped", x_, y_, w, dx);
    return each_group<L::out_features, L::in_features>(w, dx,
                                                       [&](const auto& linear, View<const S> from, View<S> to, int g) {
                                                         return linear.pullback(from, to, part<S>(dtheta, g));
                                                       });
  }

 private:
  [[nodiscard]] Shape of_x() const { return x_.with_features(L::in_features); }
  [[nodiscard]] Shape of_y() const { return y_.with_features(L::out_features); }

  /// call(linearization, its part of `from`, its part of `to`, g) for each group; `to` may be not wanted.
  template <int From, int To, class Call>
  Report each_group(View<const S> from, View<S> to, const Call& call) const {
    Scratch scratch;
    const View<S> taken = scratch.state<S>(from.shape().with_features(From));
    const View<S> given = to ? scratch.state<S>(to.shape().with_features(To)) : View<S>{};
    Report report;
    for (int g = 0; g < G; ++g) {
      take<From, S>(from, g, taken);
      report += report_of([&] { return call(linear_[static_cast<std::size_t>(g)], View<const S>(taken), given, g); });
      if (to) put<To, S>(given, g, to);
    }
    return report;
  }

  Shape x_, y_;
  Buffer<S> inputs_, outputs_;  // group after group
  std::vector<LinearizationOf<L, S>> linear_;
};

}  // namespace basin
