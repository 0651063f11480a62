// The concepts, with an example and a counter-example each. That the library's own types satisfy them is asserted in
// their tests.

#include "basin/core/layer.hpp"

#include <catch2/catch.hpp>

using namespace basin;

namespace {

/// y = x, by hand: the least that a layer has.
template <class S>
struct SameLinear {
  void jvp(View<const S> t, View<S> out) const { out.vector() = t.vector(); }
  void vjp(View<const S> w, View<S> dx) const { dx.vector() = w.vector(); }
  void pullback(View<const S> w, View<S> dx, ThetaGradient<S, 0>) const {
    if (dx) vjp(w, dx);
  }
};

struct Same {
  static constexpr int in_features = any_features, out_features = any_features;
  static constexpr std::size_t param_count = 0;
  Shape out_shape(const Shape& x) const { return x; }
  template <class S>
  void apply(Theta<S, 0>, In<S> x, View<S> y, const Context& = {}) const {
    y.vector() = x.vector();
  }
  template <class S>
  SameLinear<S> linearize(Theta<S, 0> theta, In<S> x, View<S> y, const Context& = {}) const {
    apply(theta, x, y);
    return {};
  }
};

struct NoVjp {
  void jvp(View<const float>, View<float>) const {}
};
struct NotConst {
  void jvp(View<const float>, View<float>) {}
  void vjp(View<const float>, View<float>) {}
};

static_assert(LinearMap<SameLinear<float>, float> && LinearMap<SameLinear<double>, double>);
static_assert(!LinearMap<SameLinear<float>, double>);
static_assert(!LinearMap<NoVjp, float> && !LinearMap<NotConst, float> && !LinearMap<int, float>);

struct NoShape {
  static constexpr int in_features = any_features, out_features = any_features;
  static constexpr std::size_t param_count = 0;
  template <class S>
  void apply(Theta<S, 0>, In<S>, View<S>, const Context& = {}) const {}
  template <class S>
  SameLinear<S> linearize(Theta<S, 0>, In<S>, View<S>, const Context& = {}) const {
    return {};
  }
};
struct NoLinearize {
  static constexpr int in_features = any_features, out_features = any_features;
  static constexpr std::size_t param_count = 0;
  Shape out_shape(const Shape& x) const { return x; }
  template <class S>
  void apply(Theta<S, 0>, In<S>, View<S>, const Context& = {}) const {}
};
struct NoFeatures : NoLinearize {
  static void in_features() {}
};
struct NoPullback : NoLinearize {
  struct Linear {
    void jvp(View<const float>, View<float>) const {}
    void vjp(View<const float>, View<float>) const {}
  };
  Linear linearize(Theta<float, 0>, View<const float>, View<float>, const Context& = {}) const { return {}; }
};
/// Would lose the context of what it contains.
struct NoContext : NoLinearize {
  template <class S>
  SameLinear<S> linearize(Theta<S, 0>, In<S>, View<S>) const {
    return {};
  }
};
struct FloatOnly : NoLinearize {
  SameLinear<float> linearize(Theta<float, 0>, View<const float>, View<float>, const Context& = {}) const { return {}; }
};

static_assert(Layer<Same> && Layer<Same, double>);
static_assert(!Layer<NoShape> && !Layer<NoLinearize> && !Layer<NoFeatures> && !Layer<NoPullback>);
static_assert(!Layer<NoContext>);
static_assert(Layer<FloatOnly> && !Layer<FloatOnly, double>);
static_assert(!Layer<int> && !Layer<SameLinear<float>>);

struct Twice : Same {
  template <class A>
  auto map(const A& a) const {
    return 2 * a;
  }
  template <class A, class B>
  auto slope(const A& a, const B&) const {
    return 0 * a + 2;
  }
};
/// Knows its slope, but takes a fixed number of features, so it cannot work on each number by itself.
struct TwiceOfThree : Twice {
  static constexpr int in_features = 3;
};
struct MapAlone : Same {
  template <class A>
  auto map(const A& a) const {
    return 2 * a;
  }
};

static_assert(Pointwise<Twice>);
static_assert(!Pointwise<Same> && !Pointwise<TwiceOfThree> && !Pointwise<MapAlone> && !Pointwise<int>);

struct Blocks : Same {
  template <class S, class Then>
  void apply_then(Theta<S, 0> theta, In<S> x, View<S> y, const Context&, const Then& then) const {
    apply(theta, x, y);
    then(y.data(), Index{0}, y.size());
  }
};

static_assert(Fusible<Blocks>);
static_assert(!Fusible<Same>);

template <class S>
struct SumLinear : SameLinear<S> {
  void jvp_input(View<const S> t, View<S> out) const { out.vector() = t.vector(); }
  void vjp_input(View<const S> w, View<S> du) const { du.vector() = w.vector(); }
  void pullback(View<const S> w, View<S> dz, View<S> du, ThetaGradient<S, 0>) const {
    if (dz) dz.vector() = w.vector();
    if (du) du.vector() = w.vector();
  }
};

/// f(z, u) = z + u.
struct Sum {
  static constexpr int state_features = any_features, input_features = any_features;
  static constexpr std::size_t param_count = 0;
  Shape state_shape(const Shape& u) const { return u; }
  template <class S>
  void apply(Theta<S, 0>, In<S> z, In<S> u, View<S> out, const Context& = {}) const {
    out.vector() = z.vector() + u.vector();
  }
  template <class S>
  SumLinear<S> linearize(Theta<S, 0> theta, In<S> z, In<S> u, View<S> out, const Context& = {}) const {
    apply(theta, z, u, out);
    return {};
  }
};
struct NoStateShape : Sum {
  void state_shape(const Shape&) const {}
};
/// Its linearization knows nothing of u.
struct BlindToInput : Sum {
  template <class S>
  SameLinear<S> linearize(Theta<S, 0>, In<S>, In<S>, View<S>, const Context& = {}) const {
    return {};
  }
};

static_assert(Cell<Sum> && Cell<Sum, double>);
static_assert(!Cell<NoStateShape> && !Cell<BlindToInput> && !Cell<Same> && !Layer<Sum>);

static_assert(std::is_same_v<LinearizationOf<Same, double>, SameLinear<double>>);

}  // namespace

TEST_CASE("the number of features is checked where it is fixed", "[unit][layer]") {
  CHECK_NOTHROW(check_features("Thing", 3, 3));
  CHECK_NOTHROW(check_features("Thing", 7, any_features));
  CHECK_THROWS_AS(check_features("Thing", 7, 3), std::invalid_argument);
  CHECK_THROWS_WITH(check_features("Thing", 7, 3), "Thing: number of features is 7, expected 3");
}

TEST_CASE("a layer deduces its scalar from what it writes to", "[unit][layer]") {
  State<double> x(Shape{2, {1, 1, 1}, 2}), y(x.shape);
  x.values << 1, 2, 3, 4;
  Same().apply({}, x.view(), y.view());
  CHECK(y.values == x.values);
  const State<double>& constant = x;
  const auto j = Same().linearize({}, constant.view(), y.view());
  static_assert(std::is_same_v<decltype(j), const SameLinear<double>>);
  j.pullback(x.view(), View<double>(), {});
  CHECK(y.values == x.values);
}
