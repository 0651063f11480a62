#pragma once

// The concepts that carry the library: layers, cells, and their linearizations. docs/layers.md has a whole example.
//
// A layer maps states to states with parameters from outside; to differentiate it is to linearize it at a point.
//
//   static constexpr int in_features, out_features;    // any_features: whatever comes, and the same goes out
//   static constexpr std::size_t param_count;
//   static void leaves(LeafList&);                     // only if param_count > 0
//   Shape out_shape(const Shape& x) const;             // throws std::invalid_argument for an x it cannot take
//   apply(theta, x, y, const Context& context = {}) const;                         // y is overwritten
//   Linearization<S> linearize(theta, x, y, const Context& context = {}) const;    // and gives the derivative at x
//
// The context says which samples and which step these are (core/context.hpp). A layer that contains others hands it on;
// one that does not depend on it leaves it unnamed.
//
// A Linearization may refer to theta, x and y, which the caller keeps alive and unchanged as long as it is used, and to
// the context's log; what else it needs it owns, the context's list of samples too (with_own_samples), where it does
// not move: it may be moved and kept in a vector, and its const members may be called by several threads at once. With
// J = dy/dx:
//
//   jvp(t, out)             out = J t
//   vjp(w, dx)              dx = J^T w
//   pullback(w, dx, dtheta) dx = J^T w, dtheta += (dy/dtheta)^T w;  dx may be a View without memory: not wanted
//   report()                only if something solves: what the solves did when the layer was linearized
//
// A layer or a cell may have prepare(theta): what depends on theta alone, such as transposed weights, made once for
// many points. linearize then takes it behind the context, as IfPrepared<Prepared<S>> prepared = {}, and refers to it;
// apply and apply_then may take it too, as their last argument. prepared_of, apply_with and linearize_with call what
// there is. A layer that needs it for apply as well says `static constexpr bool prepares_to_apply = true`: as the rule
// of an automaton it is then prepared once a step.
//
// Outputs do not overlap inputs. apply, jvp, vjp and pullback return void, or a Report if they solve something, and
// throw std::invalid_argument for views whose shapes do not fit (check_shape below).
// A layer treats samples independently, works on the thread that calls it, and takes scratch memory from Scratch.

#include <concepts>
#include <cstdint>
#include <type_traits>

#include "basin/core/buffer.hpp"
#include "basin/core/context.hpp"
#include "basin/core/parameters.hpp"
#include "basin/core/scratch.hpp"
#include "basin/core/state.hpp"
#include "basin/core/status.hpp"

namespace basin {

namespace detail {

template <class P>
class PreparedOrNot {
 public:
  PreparedOrNot() = default;
  PreparedOrNot(const P& prepared) : prepared_(&prepared) {}
  template <class T>
  requires std::is_same_v<T, P> PreparedOrNot(const T&&) {
    static_assert(never<T>,
                  "what was prepared is a temporary, and ends before what refers to it: give it a name first");
  }

  explicit operator bool() const { return prepared_ != nullptr; }
  const P& operator*() const { return *prepared_; }
  const P* operator->() const { return prepared_; }
  /// Null where there is none.
  [[nodiscard]] const P* get() const { return prepared_; }

 private:
  const P* prepared_ = nullptr;
};

}  // namespace detail

/// What a caller may have prepared: a reference to it, which a linearization keeps, or nothing, and then who needs it
/// makes its own. As a parameter it leaves the types to the other arguments, as In<S> does.
template <class P>
using IfPrepared = std::type_identity_t<detail::PreparedOrNot<P>>;

/// As in_features: the layer takes any number of features; as out_features: it gives as many as it takes.
inline constexpr int any_features = -1;

/// Views whose scalar is deduced from another argument (as Theta's is), so that a View<S> passes for a View<const S>.
template <class S>
using In = std::type_identity_t<View<const S>>;
template <class S>
using Out = std::type_identity_t<View<S>>;

/// A derivative at one point: products with J and with its transpose.
template <class J, class S>
concept LinearMap = requires(const J& j, View<const S> in, View<S> out) {
  j.jvp(in, out);
  j.vjp(in, out);
};

template <class L, class S = float>
concept Layer = requires(const L& layer, std::span<const S, L::param_count> theta, View<const S> x, View<S> y,
                         std::span<S, L::param_count> dtheta, const Shape& shape, const Context& context) {
  { L::in_features } -> std::convertible_to<int>;
  { L::out_features } -> std::convertible_to<int>;
  { layer.out_shape(shape) } -> std::convertible_to<Shape>;
  layer.apply(theta, x, y, context);
  { layer.linearize(theta, x, y, context) } -> LinearMap<S>;
  layer.linearize(theta, x, y, context).pullback(x, y, dtheta);
};

/// A whole number for which a model has learned a vector (layers/embedded.hpp), such as the number of a character.
using Token = std::int32_t;

/// A model that takes tokens instead of numbers. It has all of a layer but derivatives in its input: its linearization
/// has pullback(w, dtheta) alone.
template <class M>
inline constexpr bool takes_tokens = [] {
  if constexpr (requires { M::takes_tokens; }) {
    return static_cast<bool>(M::takes_tokens);
  } else {
    return false;
  }
}();

/// What a model takes, for theta of scalar S.
template <class M, class S>
using InputOf = std::conditional_t<takes_tokens<M>, Token, S>;

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
///   apply_then(theta, x, y, context, then) calls then(block, offset, count) once for each block of y's memory, where
///   block = y.data() + offset; then may change the block in place.
template <class L>
concept Fusible = requires(const L& layer, std::span<const float, L::param_count> theta, View<const float> x,
                           View<float> y, const Context& context, void (*then)(float*, Index, Index)) {
  layer.apply_then(theta, x, y, context, then);
};

namespace detail {

/// apply is apply_then with nothing to do.
struct NoThen {
  template <class S>
  void operator()(S*, Index, Index) const {}
};

}  // namespace detail

/// A map of two arguments f(z, u): z is the state that is iterated, u what is injected at every iteration.
///   static constexpr int state_features, input_features;  static constexpr std::size_t param_count;
///   Shape state_shape(const Shape& u) const;
///   apply(theta, z, u, out, const Context& context = {}) const;
///   Linearization<S> linearize(theta, z, u, out, const Context& context = {}) const, with
///     jvp(t, out)       (df/dz) t            jvp_input(t, out)  (df/du) t
///     vjp(w, dz)        (df/dz)^T w          vjp_input(w, du)   (df/du)^T w
///     pullback(w, dz, du, dtheta)            all transposes; dz and du may be not wanted
template <class C, class S = float>
concept Cell = requires(const C& cell, std::span<const S, C::param_count> theta, View<const S> z, View<S> out,
                        std::span<S, C::param_count> dtheta, const Shape& shape, const Context& context) {
  { C::state_features } -> std::convertible_to<int>;
  { C::input_features } -> std::convertible_to<int>;
  { cell.state_shape(shape) } -> std::convertible_to<Shape>;
  cell.apply(theta, z, z, out, context);
  { cell.linearize(theta, z, z, out, context) } -> LinearMap<S>;
  cell.linearize(theta, z, z, out, context).jvp_input(z, out);
  cell.linearize(theta, z, z, out, context).vjp_input(z, out);
  cell.linearize(theta, z, z, out, context).pullback(z, out, out, dtheta);
};

namespace detail {

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

template <class L>
inline constexpr bool prepares_to_apply = requires {
  requires L::prepares_to_apply;
};

/// layer.apply, or cell.apply, with what was prepared, if the layer wants that and the caller has it (else null).
/// `given` is x and y, or z, u and out.
template <class L, class S, class... Given>
Report apply_with(const L& layer, std::span<const S, L::param_count> theta, const PreparedOf<L, S>* prepared,
                  const Context& context, const Given&... given) {
  if constexpr (requires { layer.apply(theta, given..., context, *prepared); }) {
    if (prepared != nullptr) return report_of([&] { return layer.apply(theta, given..., context, *prepared); });
  }
  return report_of([&] { return layer.apply(theta, given..., context); });
}

/// layer.linearize, or cell.linearize, at a point, likewise.
template <class L, class S, class... Given>
[[nodiscard]] auto linearize_with(const L& layer, std::span<const S, L::param_count> theta,
                                  const PreparedOf<L, S>* prepared, const Context& context, const Given&... given) {
  if constexpr (!std::is_same_v<PreparedOf<L, S>, Unprepared>) {
    if (prepared != nullptr) return layer.linearize(theta, given..., context, *prepared);
  }
  return layer.linearize(theta, given..., context);
}

}  // namespace detail

/// The report of a call, such as report_of([&] { return layer.apply(theta, x, y, context); }): what it returned, or
/// nothing to report if it returns void.
using detail::report_of;

/// What the solves inside a layer did when it was linearized: linear.report() if there is one, and else nothing.
template <class Linear>
[[nodiscard]] Report forward_report(const Linear& linear) {
  if constexpr (requires { linear.report(); }) {
    return linear.report();
  } else {
    return {};
  }
}

/// A reference to a layer's linearization type at scalar S.
template <class L, class S>
using LinearizationOf = decltype(std::declval<const L&>().linearize(
    std::declval<std::span<const S, L::param_count>>(), std::declval<View<const S>>(), std::declval<View<S>>(),
    std::declval<const Context&>()));

/// What leaf layers say of an x that they cannot take.
inline void check_features(std::string_view layer, Index given, int expected) {
  if (expected == any_features || given == expected) return;  // before the message takes memory: this is on hot paths
  check(false, std::string(layer) + ": number of features", given, expected);
}

/// Throws std::invalid_argument "<layer>: shape of <view> is <given>, expected <expected>" unless they are the same.
inline void check_shape(std::string_view layer, std::string_view view, const Shape& given, const Shape& expected) {
  if (given == expected) return;  // before the message takes memory: this is on hot paths
  check(false, std::string(layer) + ": shape of " + std::string(view), given, expected);
}

/// What apply and linearize of a layer begin with: it can take x, and y has the shape that it then gives.
template <class L, class S>
void check_output(std::string_view name, const L& layer, View<const S> x, View<S> y) {
  check_shape(name, "y", y.shape(), layer.out_shape(x.shape()));
}

/// What jvp(t, out) of a linearization begins with, for the shapes of x and y.
template <class S>
void check_jvp(std::string_view name, const Shape& x, const Shape& y, View<const S> t, View<S> out) {
  check_shape(name, "t of jvp", t.shape(), x);
  check_shape(name, "out of jvp", out.shape(), y);
}

/// What pullback(w, dx, dtheta) begins with; dx may be without memory.
template <class S>
void check_pullback(std::string_view name, const Shape& x, const Shape& y, View<const S> w, View<S> dx) {
  check_shape(name, "w", w.shape(), y);
  if (dx) check_shape(name, "dx", dx.shape(), x);
}

/// What vjp(w, dx) begins with; dx has memory, unless it has no numbers.
template <class S>
void check_vjp(std::string_view name, const Shape& x, const Shape& y, View<const S> w, View<S> dx) {
  if (!dx && x.size() > 0) check(false, std::string(name) + ": dx of vjp", "without memory", "a view with memory");
  check_shape(name, "w", w.shape(), y);
  check_shape(name, "dx", dx.shape(), x);
}

}  // namespace basin
