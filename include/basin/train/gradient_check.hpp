#pragma once

// Are the derivatives of a layer, a cell or a function right? For users' own layers as for the library's.
//
// With J = df/dx at one point, t and w drawn at random:
//
//   adjoint   <w, J t> = <J^T w, t>                                      exact up to rounding
//   jvp       J t against (f(x + h t) - f(x - h t)) / (2 h)              central differences
//   vjp, dx   J^T w against <w, f(x + h e_i) - f(x - h e_i)> / (2 h)     one number of x at a time
//   dtheta    (df/dtheta)^T w likewise, one number of theta at a time
//
// Errors are relative: the largest difference over the largest central difference of the same kind; in the adjoint
// identity, over |w| |J t|. The differences have an error of order h^2 by themselves, and are wrong next to a kink of
// f. Everything is in double. A check of every number takes about 2 (size of x + size of theta) evaluations.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <utility>

#include "basin/core/layer.hpp"
#include "basin/core/random.hpp"

namespace basin {

/// What check_gradients tries, and what passes.
struct GradientCheckOptions {
  double tolerance = 1e-7;  ///< largest relative error that passes
  double step = 1e-5;       ///< h is step * max(1, |a|) for a number a, and step along t
  std::uint64_t seed = 1;   ///< of t and w
  Index most = 0;           ///< try at most so many numbers of x and of theta, evenly spread; 0: all
};

/// The largest relative error, and where it is.
struct GradientError {
  double value = 0;     ///< infinity if a derivative or a difference is not finite
  std::string where{};  ///< such as "number 17" or "leaf '0.weight', number 3"
};

/// Relative errors, each the largest of its kind; infinity if a number was not finite.
struct GradientCheck {
  /// Of the identity <w, J t> = <J^T w, t>; of jvp; of vjp; of the dx of pullback; of its dtheta.
  double adjoint = 0, jvp = 0, vjp = 0, dx = 0, dtheta = 0;
  double worst = 0;                     ///< the largest of the five
  std::string where = "no derivative";  ///< of the largest, such as "dtheta, leaf '0.weight', number 17"
  bool passed = true;                   ///< worst <= tolerance

  /// One line for messages.
  [[nodiscard]] std::string to_string() const {
    std::array<char, 160> errors{};
    std::snprintf(errors.data(), errors.size(), "adjoint %.2g, jvp %.2g, vjp %.2g, dx %.2g, dtheta %.2g", adjoint, jvp,
                  vjp, dx, dtheta);
    return std::string(passed ? "passed" : "failed") + "; relative errors: " + errors.data() + "; largest: " + where;
  }
};

namespace detail {

inline double finite_or_infinity(double error) {
  return std::isfinite(error) ? error : std::numeric_limits<double>::infinity();
}

inline Vector<double> normal_vector(Index size, const Random& random) {
  Vector<double> out(size);
  for (Index i = 0; i < size; ++i) out[i] = random.normal(static_cast<std::uint64_t>(i));
  return out;
}

/// Central differences of <w, f> in each number of `point` that is tried; `evaluate()` gives f at `point` as it is.
struct Differences {
  Index stride = 1;  // one number in so many is tried
  Vector<double> values{};
  double largest = 0;

  template <class Evaluate>
  Differences(std::span<double> point, const Vector<double>& w, const GradientCheckOptions& options,
              const Evaluate& evaluate)
      : values(Vector<double>::Zero(static_cast<Index>(point.size()))) {
    if (options.most > 0) stride = std::max<Index>(1, (values.size() + options.most - 1) / options.most);
    for (Index i = 0; i < values.size(); i += stride) {
      double& number = point[static_cast<std::size_t>(i)];
      const double middle = number, h = options.step * std::max(1.0, std::abs(middle));
      const double high = middle + h, low = middle - h;
      number = high;
      const Vector<double> above = evaluate();
      number = low;
      values[i] = w.dot(above - evaluate()) / (high - low);  // not 2 h: what was added in fact
      number = middle;
      largest = std::max(largest, finite_or_infinity(std::abs(values[i])));
    }
  }

  /// The largest error of a gradient against the differences; `name(i)` says where number i is.
  template <class Name>
  [[nodiscard]] GradientError error_of(const Vector<double>& gradient, const Name& name) const {
    const double scale = largest > 0 && std::isfinite(largest) ? largest : 1.0;
    GradientError worst{0, "every number"};
    for (Index i = 0; i < values.size(); i += stride) {
      const double error = finite_or_infinity(std::abs(gradient[i] - values[i]) / scale);
      if (error > worst.value) worst = {error, name(i)};
    }
    return worst;
  }
};

inline std::string number_name(Index i) { return std::string("number ") + std::to_string(i); }

/// A cell f(z, u) as a layer in z, at a fixed u.
template <class C>
struct InState {
  static constexpr std::size_t param_count = C::param_count;
  const C& cell;
  View<const double> u;

  [[nodiscard]] Shape out_shape(const Shape& z) const { return z; }
  void apply(std::span<const double, param_count> theta, View<const double> z, View<double> y) const {
    static_cast<void>(cell.apply(theta, z, u, y));
  }
  [[nodiscard]] auto linearize(std::span<const double, param_count> theta, View<const double> z, View<double> y) const {
    struct Linearization {
      decltype(cell.linearize(theta, z, u, y)) inner;
      void jvp(View<const double> t, View<double> out) const { static_cast<void>(inner.jvp(t, out)); }
      void vjp(View<const double> w, View<double> dz) const { static_cast<void>(inner.vjp(w, dz)); }
      void pullback(View<const double> w, View<double> dz, std::span<double, param_count> dtheta) const {
        static_cast<void>(inner.pullback(w, dz, View<double>(), dtheta));
      }
    };
    return Linearization{cell.linearize(theta, z, u, y)};
  }
};

/// A cell f(z, u) as a layer in u, at a fixed z.
template <class C>
struct InInput {
  static constexpr std::size_t param_count = C::param_count;
  const C& cell;
  View<const double> z;

  [[nodiscard]] Shape out_shape(const Shape&) const { return z.shape(); }
  void apply(std::span<const double, param_count> theta, View<const double> u, View<double> y) const {
    static_cast<void>(cell.apply(theta, z, u, y));
  }
  [[nodiscard]] auto linearize(std::span<const double, param_count> theta, View<const double> u, View<double> y) const {
    struct Linearization {
      decltype(cell.linearize(theta, u, u, y)) inner;
      void jvp(View<const double> t, View<double> out) const { static_cast<void>(inner.jvp_input(t, out)); }
      void vjp(View<const double> w, View<double> du) const { static_cast<void>(inner.vjp_input(w, du)); }
      void pullback(View<const double> w, View<double> du, std::span<double, param_count> dtheta) const {
        static_cast<void>(inner.pullback(w, View<double>(), du, dtheta));
      }
    };
    return Linearization{cell.linearize(theta, z, u, y)};
  }
};

/// `layer` is a layer or a cell seen as one; `leaves` are those of its theta.
template <class L>
GradientCheck check_layer(const L& layer, const std::vector<Leaf>& leaves,
                          std::span<const double, L::param_count> theta_given, View<const double> x_given,
                          const GradientCheckOptions& options) {
  constexpr std::size_t count = L::param_count;
  State<double> x(x_given), y(layer.out_shape(x_given.shape()));
  Vector<double> theta_values = Eigen::Map<const Vector<double>>(theta_given.data(), static_cast<Index>(count));
  const std::span<double, count> theta(theta_values.data(), count);
  const auto evaluate = [&]() -> const Vector<double>& {
    static_cast<void>(layer.apply(std::span<const double, count>(theta), x.view(), y.view()));
    return y.values;
  };

  // The derivatives at the point. It stays as it is while the linearization lives.
  State<double> t(x.shape), w(y.shape), jt(y.shape), jw(x.shape), dx(x.shape);
  t.values = normal_vector(t.values.size(), {options.seed, 0});
  w.values = normal_vector(w.values.size(), {options.seed, 1});
  Vector<double> dtheta = Vector<double>::Zero(static_cast<Index>(count));
  {
    const auto j = layer.linearize(std::span<const double, count>(theta), x.view(), y.view());
    static_cast<void>(j.jvp(t.view(), jt.view()));
    static_cast<void>(j.vjp(w.view(), jw.view()));
    static_cast<void>(j.pullback(w.view(), dx.view(), std::span<double, count>(dtheta.data(), count)));
  }

  GradientCheck result;
  const auto note = [&](double& kind, const std::string& name, const GradientError& error) {
    kind = error.value;
    if (error.value > result.worst) {
      result.worst = error.value;
      result.where = name + ", " + error.where;
    }
  };

  const double size = w.values.norm() * jt.values.norm();
  note(result.adjoint, "adjoint identity",
       {finite_or_infinity(std::abs(w.values.dot(jt.values) - jw.values.dot(t.values)) / (size > 0 ? size : 1.0)),
        "the whole"});

  const Vector<double> middle = x.values;
  x.values = middle + options.step * t.values;
  Vector<double> along = evaluate();
  x.values = middle - options.step * t.values;
  along = (along - evaluate()) / (2 * options.step);
  x.values = middle;
  const double longest = along.size() > 0 ? along.cwiseAbs().maxCoeff() : 0.0;
  GradientError worst_jvp{0, "every number"};
  for (Index i = 0; i < along.size(); ++i) {
    const double error = finite_or_infinity(std::abs(jt.values[i] - along[i]) / (longest > 0 ? longest : 1.0));
    if (error > worst_jvp.value) worst_jvp = {error, number_name(i)};
  }
  note(result.jvp, "jvp", worst_jvp);

  const std::span<double> numbers_of_x(x.values.data(), static_cast<std::size_t>(x.values.size()));
  const Differences in_x(numbers_of_x, w.values, options, evaluate);
  note(result.vjp, "vjp", in_x.error_of(jw.values, number_name));
  note(result.dx, "dx", in_x.error_of(dx.values, number_name));

  const Differences in_theta(theta, w.values, options, evaluate);
  note(result.dtheta, "dtheta", in_theta.error_of(dtheta, [&](Index i) {
    for (const Leaf& leaf : leaves) {
      const Index inside = i - static_cast<Index>(leaf.offset);
      if (inside >= 0 && inside < static_cast<Index>(leaf.size)) {
        return "leaf '" + leaf.name + "', " + number_name(inside);
      }
    }
    return number_name(i);
  }));

  result.passed = result.worst <= options.tolerance;
  return result;
}

}  // namespace detail

/// Checks jvp, vjp and pullback of a layer at theta and x.
template <class L>
[[nodiscard]] GradientCheck check_gradients(const L& layer, Theta<double, L::param_count> theta, View<const double> x,
                                            const GradientCheckOptions& options = {}) {
  return detail::check_layer(layer, leaves_of<L>(), theta, x, options);
}

/// Checks all derivatives of a cell f(z, u): in z with theta, then in u (jvp_input and the du of pullback). The errors
/// are the larger ones of the two; "in z: " or "in u: " opens `where`.
template <class C>
[[nodiscard]] GradientCheck check_gradients(const C& cell, Theta<double, C::param_count> theta, View<const double> z,
                                            View<const double> u, const GradientCheckOptions& options = {}) {
  GradientCheck result = detail::check_layer(detail::InState<C>{cell, u}, leaves_of<C>(), theta, z, options);
  const GradientCheck other = detail::check_layer(detail::InInput<C>{cell, z}, leaves_of<C>(), theta, u, options);
  result.where = other.worst > result.worst ? "in u: " + other.where : "in z: " + result.where;
  for (double GradientCheck::*kind : {&GradientCheck::adjoint, &GradientCheck::jvp, &GradientCheck::vjp,
                                      &GradientCheck::dx, &GradientCheck::dtheta, &GradientCheck::worst}) {
    result.*kind = std::max(result.*kind, other.*kind);
  }
  result.passed = result.passed && other.passed;
  return result;
}

/// The error of a gradient at x of a function from vectors to numbers, such as a loss: `value(x)` takes a
/// const Vector<double>& and returns a double. Compare it with a tolerance of your own.
template <class Function>
requires std::invocable < const Function&, const Vector<double>
& > [[nodiscard]] GradientError gradient_error(const Function& value, const Vector<double>& x,
                                               const Vector<double>& gradient,
                                               const GradientCheckOptions& options = {}) {
  check(gradient.size() == x.size(), "length of the gradient", gradient.size(), x.size());
  Vector<double> point = x;
  const detail::Differences differences(
      std::span<double>(point.data(), static_cast<std::size_t>(point.size())), Vector<double>::Ones(1), options,
      [&] { return Vector<double>(Vector<double>::Constant(1, static_cast<double>(value(std::as_const(point))))); });
  return differences.error_of(gradient, detail::number_name);
}

}  // namespace basin
