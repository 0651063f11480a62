#include "basin/train/gradient_check.hpp"

#include <catch2/catch.hpp>
#include <span>
#include <vector>

#include "support/layer_checks.hpp"

namespace {

using namespace basin;

/// y = scale * x^2 + shift on one feature, with a fault of one's choice in each derivative.
struct Square {
  static constexpr int in_features = any_features, out_features = any_features;
  static constexpr std::size_t param_count = 2;
  static void leaves(LeafList& list) {
    list.scale("scale", 1);
    list.bias("shift", 1);
  }

  double jvp_fault = 0, vjp_fault = 0, dx_fault = 0, scale_fault = 0, shift_fault = 0;

  [[nodiscard]] Shape out_shape(const Shape& x) const { return x; }

  template <class S>
  void apply(Theta<S, 2> theta, In<S> x, View<S> y, const Context& = {}) const {
    check_output<Square, S>("Square", *this, x, y);
    y.array() = theta[0] * x.array().square() + theta[1];
  }

  template <class S>
  struct Linearization {
    const Square& faults;
    const S* theta;
    View<const S> x;

    void jvp(View<const S> t, View<S> out) const {
      check_jvp("Square", x.shape(), x.shape(), t, out);
      out.array() = 2 * theta[0] * x.array() * t.array();
      out.data()[0] += static_cast<S>(faults.jvp_fault);
    }
    void vjp(View<const S> w, View<S> dx) const {
      check_vjp("Square", x.shape(), x.shape(), w, dx);
      dx.array() = 2 * theta[0] * x.array() * w.array();
      dx.data()[1] += static_cast<S>(faults.vjp_fault);
    }
    void pullback(View<const S> w, View<S> dx, ThetaGradient<S, 2> dtheta) const {
      check_pullback("Square", x.shape(), x.shape(), w, dx);
      if (dx) {
        dx.array() = 2 * theta[0] * x.array() * w.array();
        dx.data()[2] += static_cast<S>(faults.dx_fault);
      }
      dtheta[0] += (x.array().square() * w.array()).sum() + static_cast<S>(faults.scale_fault);
      dtheta[1] += w.array().sum() + static_cast<S>(faults.shift_fault);
    }
  };

  template <class S>
  Linearization<S> linearize(Theta<S, 2> theta, In<S> x, View<S> y, const Context& = {}) const {
    apply(theta, x, y);
    return {*this, theta.data(), x};
  }
};

/// f(z, u) = a z u, with a fault in the derivative by u.
struct Product {
  static constexpr int state_features = any_features, input_features = any_features;
  static constexpr std::size_t param_count = 1;
  static void leaves(LeafList& list) { list.scale("a", 1); }

  double input_fault = 0;

  [[nodiscard]] Shape state_shape(const Shape& u) const { return u; }

  template <class S>
  void apply(Theta<S, 1> theta, In<S> z, In<S> u, View<S> out, const Context& = {}) const {
    check_shape("Product", "z", z.shape(), u.shape());
    check_shape("Product", "out", out.shape(), u.shape());
    out.array() = theta[0] * z.array() * u.array();
  }

  template <class S>
  struct Linearization {
    S a, fault;
    View<const S> z, u;

    void jvp(View<const S> t, View<S> out) const {
      check_jvp("Product", z.shape(), z.shape(), t, out);
      out.array() = a * u.array() * t.array();
    }
    void vjp(View<const S> w, View<S> dz) const {
      check_vjp("Product", z.shape(), z.shape(), w, dz);
      dz.array() = a * u.array() * w.array();
    }
    void jvp_input(View<const S> t, View<S> out) const {
      check_jvp("Product", z.shape(), z.shape(), t, out);
      out.array() = (a + fault) * z.array() * t.array();
    }
    void vjp_input(View<const S> w, View<S> du) const {
      check_vjp("Product", z.shape(), z.shape(), w, du);
      du.array() = a * z.array() * w.array();
    }
    void pullback(View<const S> w, View<S> dz, View<S> du, ThetaGradient<S, 1> dtheta) const {
      check_pullback("Product", z.shape(), z.shape(), w, dz);
      if (dz) vjp(w, dz);
      if (du) du.array() = a * z.array() * w.array();
      dtheta[0] += (z.array() * u.array() * w.array()).sum();
    }
  };

  template <class S>
  Linearization<S> linearize(Theta<S, 1> theta, In<S> z, In<S> u, View<S> out, const Context& = {}) const {
    apply(theta, z, u, out);
    return {theta[0], static_cast<S>(input_fault), z, u};
  }
};

const Shape shape{3, {2, 1, 1}, 2};

GradientCheck checked(const Square& layer, const GradientCheckOptions& options = {}) {
  Parameters<Square, double> theta;
  theta.vector() << 0.7, -0.2;
  const State<double> x = test::random_state(shape, 1);
  return check_gradients(layer, theta, x, options);
}

}  // namespace

TEST_CASE("the gradient check passes right derivatives", "[gradient]") {
  const GradientCheck result = checked(Square{});
  CHECK(result.passed);
  CHECK(result.worst <= 1e-9);
  CHECK(result.to_string().find("passed; relative errors: adjoint ") == 0);
  test::check_linearization(Square{}, shape, {.tolerance = 1e-9});
}

TEST_CASE("the gradient check finds each wrong derivative and says where", "[gradient]") {
  const auto failed_at = [](const Square& layer) {
    const GradientCheck result = checked(layer);
    CHECK_FALSE(result.passed);
    CHECK(result.worst > 1e-7);
    return result.where;
  };
  // A wrong jvp or vjp breaks the adjoint identity too, but by less than by itself.
  CHECK(failed_at({.jvp_fault = 1e-3}) == "jvp, number 0");
  CHECK(failed_at({.vjp_fault = 1e-3}) == "vjp, number 1");
  CHECK(failed_at({.dx_fault = 1e-3}) == "dx, number 2");
  CHECK(failed_at({.scale_fault = 1e-3}) == "dtheta, leaf 'scale', number 0");
  CHECK(failed_at({.shift_fault = 1e-3}) == "dtheta, leaf 'shift', number 0");
  CHECK(checked({.jvp_fault = 1e-3}).adjoint > 1e-7);
  CHECK(checked({.jvp_fault = 1e-3}).to_string().find("failed; relative errors: adjoint ") == 0);
  // A number that no leaf has is told by its place in theta.
  const std::vector<Leaf> scale_alone{leaves_of<Square>().front()};
  const std::vector<double> theta{0.7, -0.2};
  const State<double> x = test::random_state(shape, 1);
  CHECK(detail::check_layer(Square{.shift_fault = 1e-3}, scale_alone, std::span<const double, 2>(theta.data(), 2),
                            x.view(), {})
            .where == "dtheta, number 1");
}

TEST_CASE("the gradient check does not pass a NaN", "[gradient]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK_FALSE(checked({.jvp_fault = nan}).passed);
  CHECK_FALSE(checked({.scale_fault = nan}).passed);
  CHECK_FALSE(checked({.dx_fault = nan}).passed);
}

TEST_CASE("the gradient check can try fewer numbers", "[gradient]") {
  CHECK(checked({.dx_fault = 1e-3}, {.most = 4}).passed);  // of 12 numbers it tries 0, 3, 6 and 9
  CHECK_FALSE(checked({.vjp_fault = 1e-3, .scale_fault = 1e-3}, {.most = 4}).passed);
}

TEST_CASE("the gradient check takes cells", "[gradient]") {
  static_assert(Cell<Product, double>);
  Parameters<Product, double> theta;
  theta.vector() << 0.8;
  const auto z = test::random_state(shape, 1), u = test::random_state(shape, 2);
  CHECK(check_gradients(Product{}, theta, z, u).passed);
  const GradientCheck wrong = check_gradients(Product{.input_fault = 1e-3}, theta, z, u);
  CHECK_FALSE(wrong.passed);
  CHECK(wrong.where.find("in u: jvp, number ") == 0);
  test::check_cell(Product{}, shape, {.tolerance = 1e-9});
}

TEST_CASE("the gradient check takes functions", "[gradient]") {
  const auto value = [](const Vector<double>& x) { return x[0] * x[0] * x[1] + std::sin(x[2]); };
  const Vector<double> x = Eigen::Vector3d(0.3, -1.2, 0.5);
  Vector<double> gradient = Eigen::Vector3d(2 * 0.3 * -1.2, 0.09, std::cos(0.5));
  CHECK(gradient_error(value, x, gradient).value <= 1e-9);
  gradient[1] += 1e-4;
  const GradientError wrong = gradient_error(value, x, gradient);
  CHECK(wrong.value == Approx(1e-4 / std::cos(0.5)).epsilon(1e-4));
  CHECK(wrong.where == "number 1");
  CHECK_THROWS_WITH(gradient_error(value, x, Vector<double>(2)), "length of the gradient is 2, expected 3");
}
