// What depends on theta alone is prepared once, and reaches every evaluation (core/layer.hpp).

#include <catch2/catch.hpp>
#include <utility>

#include "basin/adjoint/unrolled.hpp"
#include "basin/core/random.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/deq/normalized_weights.hpp"
#include "basin/deq/positive_concave.hpp"
#include "basin/deq/residual_penalty.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/conv.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/grouped.hpp"
#include "basin/layers/parallel.hpp"
#include "basin/layers/residual.hpp"
#include "basin/layers/set_messages.hpp"
#include "basin/layers/transposed_conv.hpp"
#include "support/layer_checks.hpp"

namespace {

using namespace basin;

struct Counts {
  int prepared = 0, with = 0, without = 0;
};

/// y = a x, which counts how it is called.
struct Counted {
  static constexpr int in_features = any_features, out_features = any_features;
  static constexpr std::size_t param_count = 1;
  struct Prepared {
    int mark = 7;
  };
  static inline Counts counts{};

  static void leaves(LeafList& list) { list.weight("a", {1, 1}, 1, 1); }
  [[nodiscard]] Shape out_shape(const Shape& x) const { return x; }

  template <class S>
  [[nodiscard]] Prepared prepare(std::span<const S, 1>) const {
    ++counts.prepared;
    return {};
  }
  template <class S>
  void apply(Theta<S, 1> theta, In<S> x, View<S> y, const Context& = {}) const {
    ++counts.without;
    y.vector() = theta[0] * x.vector();
  }
  template <class S>
  void apply(Theta<S, 1> theta, In<S> x, View<S> y, const Context&, const Prepared& prepared) const {
    counts.with += prepared.mark == 7 ? 1 : 0;
    y.vector() = theta[0] * x.vector();
  }

  template <class S>
  struct Linearization {
    S a;
    View<const S> x;
    void jvp(View<const S> t, View<S> out) const { out.vector() = a * t.vector(); }
    void vjp(View<const S> w, View<S> dx) const { dx.vector() = a * w.vector(); }
    void pullback(View<const S> w, View<S> dx, std::span<S, 1> dtheta) const {
      if (dx) vjp(w, dx);
      dtheta[0] += w.vector().dot(x.vector());
    }
  };
  template <class S>
  Linearization<S> linearize(Theta<S, 1> theta, In<S> x, View<S> y, const Context& = {}) const {
    apply(theta, x, y);
    return {theta[0], x};
  }
  template <class S>
  Linearization<S> linearize(Theta<S, 1> theta, In<S> x, View<S> y, const Context& context,
                             const Prepared& prepared) const {
    apply(theta, x, y, context, prepared);
    return {theta[0], x};
  }
};

/// The same layer without prepare.
template <class L>
struct Direct : L {
  template <class S>
  void prepare(std::span<const S, L::param_count>) const = delete;
  template <class S>
  void apply(Theta<S, L::param_count> theta, In<S> x, View<S> y, const Context& = {}) const {
    L::apply(theta, x, y);
  }
  template <class S>
  auto linearize(Theta<S, L::param_count> theta, In<S> x, View<S> y, const Context& = {}) const {
    return L::linearize(theta, x, y);
  }
  template <class S, class Then>
  void apply_then(Theta<S, L::param_count> theta, In<S> x, View<S> y, const Context& context, const Then& then) const {
    L::apply_then(theta, x, y, context, then);
  }
};

template <class Model>
void check_counts() {
  Model model;
  model.stop = {.tolerance = 1e-6, .max_evaluations = 50};
  Vector<double> theta = Vector<double>::Constant(static_cast<Index>(Model::param_count), 0.2);
  const std::span<const double, Model::param_count> parameters(theta.data(), Model::param_count);
  State<double> u(Shape{3, {2, 2, 1}, 2}), z(u.shape), du(u.shape);
  u.values.setLinSpaced(0.1, 1.0);
  const auto expect = [&](int at_least) {
    CHECK(Counted::counts.prepared > 0);
    CHECK(Counted::counts.with >= at_least);
    CHECK(Counted::counts.without == 0);
    Counted::counts = {};
  };
  Counted::counts = {};
  static_cast<void>(model.apply(parameters, u.view(), z.view()));
  expect(3);
  const auto linear = model.linearize(parameters, u.view(), z.view());
  expect(3);
  Vector<double> dtheta = Vector<double>::Zero(theta.size());
  static_cast<void>(
      linear.pullback(u.view(), du.view(), std::span<double, Model::param_count>(dtheta.data(), Model::param_count)));
  static_cast<void>(linear.jvp(u.view(), du.view()));
  CHECK(Counted::counts.prepared == 0);
  Counted::counts.prepared = 1;
  expect(2);
  z.values.setZero();
  static_cast<void>(model.solve(parameters, std::as_const(u).view(), z.view()));
  expect(2);
}

/// The same numbers from both models, as far as float rounding goes, and not the very same: they went different ways.
template <class Model, class Other>
void check_same() {
  Model model;
  Other other;
  model.stop = other.stop = {.tolerance = 1e-6, .max_evaluations = 100};
  const Random random{1, 0};
  Vector<float> theta(static_cast<Index>(Model::param_count));
  for (Index i = 0; i < theta.size(); ++i) {
    theta[i] = 0.03f * static_cast<float>(random.uniform(static_cast<std::uint64_t>(i), -1, 1));
  }
  State<float> u(Shape{Model::in_features, {5, 6, 1}, 3}), w(u.shape);
  for (Index i = 0; i < u.values.size(); ++i) {
    u.values[i] = static_cast<float>(random.uniform(static_cast<std::uint64_t>(i) + (1u << 20), -1, 1));
    w.values[i] = static_cast<float>(random.uniform(static_cast<std::uint64_t>(i) + (1u << 21), -1, 1));
  }
  const auto all_of = [&](const auto& of) {
    constexpr std::size_t count = Model::param_count;
    const std::span<const float, count> parameters(theta.data(), count);
    State<float> z(u.shape), again(u.shape), du(u.shape), jt(u.shape);
    Vector<float> dtheta = Vector<float>::Zero(theta.size());
    const Report report = of.apply(parameters, u.view(), z.view());
    CHECK(report.forward.converged() == 3);
    const auto linear = of.linearize(parameters, u.view(), again.view());
    static_cast<void>(linear.pullback(w.view(), du.view(), std::span<float, count>(dtheta.data(), count)));
    static_cast<void>(linear.jvp(w.view(), jt.view()));
    Vector<float> all(z.values.size() * 4 + dtheta.size());
    all << z.values, again.values, du.values, jt.values, dtheta;
    return all;
  };
  const Vector<float> mine = all_of(model), others = all_of(other);
  CHECK((mine - others).norm() < 1e-4f * others.norm());
  CHECK((mine - others).norm() > 0);
}

template <class L>
using One = Injected<Sequential<L, Tanh>>;
template <class L>
using Two = Injected<Sequential<L, Tanh, L>>;
template <class L>
using Nested = Injected<Sequential<Identity, Residual<L>, Sequential<Tanh, L>>>;

/// Values and derivatives by what was prepared are those without it.
template <class L>
void check_prepared(const L& layer, const Shape& shape) {
  const auto theta = test::random_parameters<L>(1, 0.3);
  const State<double> x = test::random_state(shape, 2), t = test::random_state(shape, 3),
                      w = test::random_state(layer.out_shape(shape), 4);
  const auto made = layer.template prepare<double>(theta.span());
  State<double> y(w.shape), applied(w.shape), y_made(w.shape), jt(w.shape), jt_made(w.shape), dx(shape), dx_made(shape);
  Parameters<L, double> dtheta, dtheta_made;
  const auto linear = layer.template linearize<double>(theta.span(), x.view(), y.view());
  const auto by_made = layer.template linearize<double>(theta.span(), x.view(), y_made.view(), Context{}, made);
  (void)detail::apply_with<L, double>(layer, theta.span(), &made, Context{}, x.view(), applied.view());
  static_cast<void>(linear.jvp(t.view(), jt.view()));
  static_cast<void>(by_made.jvp(t.view(), jt_made.view()));
  static_cast<void>(linear.pullback(w.view(), dx.view(), dtheta.span()));
  static_cast<void>(by_made.pullback(w.view(), dx_made.view(), dtheta_made.span()));
  CHECK(forward_report(linear).forward.solves() == forward_report(by_made).forward.solves());
  CHECK(test::relative_error(applied.values, y.values) < 1e-12);
  CHECK(test::relative_error(y_made.values, y.values) < 1e-12);
  CHECK(test::relative_error(jt_made.values, jt.values) < 1e-9);
  CHECK(test::relative_error(dx_made.values, dx.values) < 1e-9);
  CHECK(test::relative_error(dtheta_made.vector(), dtheta.vector()) < 1e-9);
}

}  // namespace

TEST_CASE("what was prepared changes no value and no derivative", "[unit]") {
  using Larger = TransposedConv<2, 3>;
  const Shape plane{4, {3, 4, 1}, 2};
  check_prepared(Larger{}, plane.with_features(2));
  check_prepared(Grouped<2, Larger>{}, plane);
  check_prepared(Sum<SpectrallyNormalized<Dense<4, 3>>, Sequential<Dense<4, 3>, Tanh>>{}, plane);
  SetMessages<4, 3, 4, 1> messages;
  messages.sets = {12, {{{0, 1, 2, 3}, {4, 7, 11}}}};
  check_prepared(messages, plane);

  using Cell = PositiveConcave<4>;
  ResidualPenalty<Equilibrium<Cell>> layer{.weight = 0.5};
  layer.equilibrium.stop = {.tolerance = 1e-13, .max_evaluations = 500};
  layer.equilibrium.adjoint.tolerance = 1e-12;
  check_prepared(layer, {4, {1, 1, 1}, 3});
}

TEST_CASE("what a layer prepares reaches every evaluation of a solve", "[unit]") {
  check_counts<Equilibrium<One<Counted>>>();
  check_counts<Equilibrium<Two<Counted>>>();
  check_counts<Equilibrium<Nested<Counted>>>();
  check_counts<Equilibrium<Injected<Counted>, Picard>>();
  check_counts<Equilibrium<One<Counted>, Picard, Unrolled>>();
}

TEST_CASE("equilibria by Winograd's filtering are those of the direct sum", "[unit]") {
  using L = Conv<32, 32, 3>;
  check_same<Equilibrium<One<L>>, Equilibrium<One<Direct<L>>>>();
  check_same<Equilibrium<Two<L>>, Equilibrium<Two<Direct<L>>>>();
  check_same<Equilibrium<One<L>, Picard, Unrolled>, Equilibrium<One<Direct<L>>, Picard, Unrolled>>();
}
