#pragma once

// The concepts that carry the library. See docs/concepts.md.
//
// A layer maps states to states with parameters from outside; to differentiate it is to linearize it at a point.
//
//   static constexpr int in_features, out_features;    // any_features: whatever comes, and the same goes out
//   static constexpr std::size_t param_count;
//   static void leaves(LeafList&);                     // only if param_count > 0
//   Shape out_shape(const Shape& x) const;             // throws std::invalid_argument for an x it cannot take
//   apply(theta, x, y) const;                          // y is overwritten
//   Linearization<S> linearize(theta, x, y) const;     // the same, and the derivative at x
//
// A Linearization may refer to theta, x and y, which the caller keeps alive and unchanged as long as it is used; what
// else it needs it owns. With J = dy/dx:
//
//   jvp(t, out)             out = J t
//   vjp(w, dx)              dx = J^T w
//   pullback(w, dx, dtheta) dx = J^T w, dtheta += (dy/dtheta)^T w;  dx may be a View without memory: not wanted
//
// A layer or a cell may have prepare(theta): what depends on theta alone, such as transposed weights, made once for
// many points. linearize(theta, x, y, prepared) then refers to it; apply(theta, x, y, prepared), or apply_then, may
// too. prepared_of, apply_with and linearize_with call what there is.
//
// Outputs do not overlap inputs. apply, jvp, vjp and pullback return void, or a Report if they solve something.
// A layer treats samples independently, works on the thread that calls it, and takes scratch memory from Scratch.

#include <concepts>

#include "basin/core/parameters.hpp"
#include "basin/core/scratch.hpp"
#include "basin/core/state.hpp"
#include "basin/core/status.hpp"

namespace basin {

/// As in_features: the layer takes any number of features; as out_features: it gives as many as it takes.
inline constexpr int any_features = -1;

/// Views whose scalar is deduced from another argument (as Theta's is), so that a View<S> passes for a View<const S>.
template <class S>
using In = std::type_identity_t<View<const S>>;
template <class S>
using Out = std::type_identity_t<View<S>>;

template <class J, class S>
concept LinearMap = requires(const J& j, View<const S> in, View<S> out) {
  j.jvp(in, out);
  j.vjp(in, out);
};

template <class L, class S = float>
concept Layer = requires(const L& layer, std::span<const S, L::param_count> theta, View<const S> x, View<S> y,
                         std::span<S, L::param_count> dtheta, const Shape& shape) {
  { L::in_features } -> std::convertible_to<int>;
  { L::out_features } -> std::convertible_to<int>;
  { layer.out_shape(shape) } -> std::convertible_to<Shape>;
  layer.apply(theta, x, y);
  { layer.linearize(theta, x, y) } -> LinearMap<S>;
  layer.linearize(theta, x, y).pullback(x, y, dtheta);
};

/// A layer that works on each number by itself, such as an activation; containers fuse it into the layer before it.
///   map(a)             the values of an Eigen array expression a; kernels::elementwise evaluates it
///   slope(x, y)        the derivatives, an expression in the arguments x and the values y = map(x)
template <class L>
concept Pointwise = (L::param_count == 0) && (L::in_features == any_features) &&
                    requires(const L& layer, Eigen::Map<Eigen::Array<double, Eigen::Dynamic, 1>> a) {
  layer.map(a);
  layer.slope(a, a);
};

/// A layer that can hand each finished block of its output on while it is still in cache:
///   apply_then(theta, x, y, then) calls then(block, offset, count) once for each block of y's memory, where
///   block = y.data() + offset; then may change the block in place.
template <class L>
concept Fusible = requires(const L& layer, std::span<const float, L::param_count> theta, View<const float> x,
                           View<float> y, void (*then)(float*, Index, Index)) {
  layer.apply_then(theta, x, y, then);
};

/// A map of two arguments f(z, u): z is the state that is iterated, u what is injected at every iteration.
///   static constexpr int state_features, input_features;  static constexpr std::size_t param_count;
///   Shape state_shape(const Shape& u) const;
///   apply(theta, z, u, out) const;
///   Linearization<S> linearize(theta, z, u, out) const, with
///     jvp(t, out)       (df/dz) t            jvp_input(t, out)  (df/du) t
///     vjp(w, dz)        (df/dz)^T w          pullback(w, dz, du, dtheta)  all three; dz and du may be not wanted
template <class C, class S = float>
concept Cell = requires(const C& cell, std::span<const S, C::param_count> theta, View<const S> z, View<S> out,
                        std::span<S, C::param_count> dtheta, const Shape& shape) {
  { C::state_features } -> std::convertible_to<int>;
  { C::input_features } -> std::convertible_to<int>;
  { cell.state_shape(shape) } -> std::convertible_to<Shape>;
  cell.apply(theta, z, z, out);
  { cell.linearize(theta, z, z, out) } -> LinearMap<S>;
  cell.linearize(theta, z, z, out).jvp_input(z, out);
  cell.linearize(theta, z, z, out).pullback(z, out, out, dtheta);
};

namespace detail {

/// A layer whose result depends on a sample's number in its batch, through random masks, has of_samples(first): itself
/// for samples that begin at `first`. Any other layer is the same for all.
template <class L>
[[nodiscard]] decltype(auto) of_samples(const L& layer, Index first) {
  if constexpr (requires { layer.of_samples(first); }) {
    return layer.of_samples(first);
  } else {
    return (layer);
  }
}

/// What stands for a layer that prepares nothing.
struct Unprepared {};

template <class L, class S>
[[nodiscard]] auto prepared_of(const L& layer, std::span<const S, L::param_count> theta) {
  if constexpr (requires { layer.prepare(theta); }) {
    return layer.prepare(theta);
  } else {
    return Unprepared{};
  }
}

template <class L, class S>
using PreparedOf = decltype(prepared_of(std::declval<const L&>(), std::declval<std::span<const S, L::param_count>>()));

/// layer.apply, or cell.apply, with what was prepared, if the layer wants that and the caller has it (else null).
/// `given` is x and y, or z, u and out.
template <class L, class S, class... Given>
Report apply_with(const L& layer, std::span<const S, L::param_count> theta, const PreparedOf<L, S>* prepared,
                  const Given&... given) {
  if constexpr (requires { layer.apply(theta, given..., *prepared); }) {
    if (prepared != nullptr) return report_of([&] { return layer.apply(theta, given..., *prepared); });
  }
  return report_of([&] { return layer.apply(theta, given...); });
}

/// layer.linearize at a point, with what was prepared, if the caller has it (else null).
template <class L, class S>
[[nodiscard]] auto linearize_with(const L& layer, std::span<const S, L::param_count> theta, View<const S> x, View<S> y,
                                  const PreparedOf<L, S>* prepared) {
  if constexpr (!std::is_same_v<PreparedOf<L, S>, Unprepared>) {
    if (prepared != nullptr) return layer.linearize(theta, x, y, *prepared);
  }
  return layer.linearize(theta, x, y);
}
/// The same of a cell.
template <class C, class S>
[[nodiscard]] auto linearize_with(const C& cell, std::span<const S, C::param_count> theta, View<const S> z,
                                  View<const S> u, View<S> out, const PreparedOf<C, S>* prepared) {
  if constexpr (!std::is_same_v<PreparedOf<C, S>, Unprepared>) {
    if (prepared != nullptr) return cell.linearize(theta, z, u, out, *prepared);
  }
  return cell.linearize(theta, z, u, out);
}

}  // namespace detail

/// A reference to a layer's linearization type at scalar S.
template <class L, class S>
using LinearizationOf = decltype(std::declval<const L&>().linearize(
    std::declval<std::span<const S, L::param_count>>(), std::declval<View<const S>>(), std::declval<View<S>>()));

/// What leaf layers say of an x that they cannot take.
inline void check_features(std::string_view layer, Index given, int expected) {
  if (expected == any_features || given == expected) return;  // before the message takes memory: this is on hot paths
  check(false, std::string(layer) + ": number of features", given, expected);
}

}  // namespace basin
