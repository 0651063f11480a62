#include "basin/linear/vector_passes.hpp"

#include <catch2/catch.hpp>
#include <cmath>

using namespace basin;

TEMPLATE_TEST_CASE("norms agree with Eigen's, over more than one chunk", "[unit]", float, double) {
  using S = TestType;
  const double epsilon = static_cast<double>(std::numeric_limits<S>::epsilon());
  for (const Index size : {0, 1, 7, 1023, 1024, 1025, 5000}) {
    const Vector<S> z = Vector<S>::LinSpaced(size, S(-1), S(2)), f = Vector<S>::LinSpaced(size, S(3), S(-2));
    const auto norms = detail::residual_norms(z.data(), f.data(), size);
    const Vector<double> wide_z = z.template cast<double>(), wide_f = f.template cast<double>();
    CHECK(norms.residual == Approx((wide_f - wide_z).norm()).epsilon(10 * epsilon));
    CHECK(norms.value == Approx(wide_f.norm()).epsilon(10 * epsilon));
    CHECK(detail::norm(f.data(), size) == Approx(wide_f.norm()).epsilon(10 * epsilon));
    CHECK(detail::dot(z.data(), f.data(), size) == Approx(wide_z.dot(wide_f)).epsilon(20 * epsilon).margin(1e-12));
    CHECK(norms.finite());
  }
}

TEST_CASE("norms of numbers whose squares leave the range of their type", "[unit]") {
  for (const float scale : {1e-30f, 1e30f}) {
    const Vector<float> a = Vector<float>::Constant(100, scale), zero = Vector<float>::Zero(100);
    CHECK(detail::norm(a.data(), 100) == Approx(10.0 * static_cast<double>(scale)));
    const auto norms = detail::residual_norms(zero.data(), a.data(), 100);
    CHECK(norms.residual == Approx(10.0 * static_cast<double>(scale)));
    CHECK(norms.finite());
  }
  for (const double scale : {1e-300, 1e-170, 1e170, 1e300}) {
    const Vector<double> a = Vector<double>::Constant(100, scale), zero = Vector<double>::Zero(100);
    CHECK(detail::norm(a.data(), 100) / scale == Approx(10));
    const auto norms = detail::residual_norms(a.data(), zero.data(), 100);
    CHECK(norms.residual / scale == Approx(10));
    CHECK(norms.value == 0);
    CHECK(norms.finite());
  }
  Vector<float> a = Vector<float>::Ones(100), zero = Vector<float>::Zero(100);
  a[99] = std::numeric_limits<float>::infinity();
  CHECK_FALSE(detail::residual_norms(zero.data(), a.data(), 100).finite());
  a[99] = std::nanf("");
  CHECK_FALSE(detail::residual_norms(zero.data(), a.data(), 100).finite());
}

TEST_CASE("norms of doubles whose squares leave the range of double", "[unit]") {
  for (const double scale : {1e-310, 1e-170, 1e170, 1e306}) {
    const Vector<double> a = Vector<double>::Constant(100, scale), zero = Vector<double>::Zero(100);
    CHECK(detail::norm(a.data(), 100) / scale == Approx(10.0));
    const auto norms = detail::residual_norms(a.data(), zero.data(), 100);
    CHECK(norms.residual / scale == Approx(10.0));
    CHECK(norms.value == 0);
  }
}

TEMPLATE_TEST_CASE("a vector of any length is made a unit", "[unit]", float, double) {
  using S = TestType;
  for (const double exponent : {-1.0, -0.5, 0.0, 0.5, 0.9}) {
    // From the smallest normal number on; the reciprocal of less is beyond the range.
    const double length = std::pow(static_cast<double>(std::numeric_limits<S>::max()), exponent) / 16;
    Vector<S> a{{static_cast<S>(0.6 * length), static_cast<S>(-0.8 * length)}};
    detail::divide(a.data(), length, 2);
    CHECK(a[0] == Approx(0.6).epsilon(1e-5));
    CHECK(a[1] == Approx(-0.8).epsilon(1e-5));
  }
}

TEMPLATE_TEST_CASE("several sums in one pass, in the scalar or in double", "[unit]", float, double) {
  using S = TestType;
  for (const Index size : {0, 1, 5, 16, 31, 64, 77, 300, 1024}) {
    Vector<S> q(size), a(size), b(size);
    for (Index i = 0; i < size; ++i) {
      q[i] = static_cast<S>(i % 13 - 6);
      a[i] = static_cast<S>(i % 7 - 3);
      b[i] = static_cast<S>(i % 11 - 5) * S(1e6) + S(1);  // exact in float, its products are not
    }
    const Index half = size / 2;
    const auto sums = [&]<class A>(A) {
      std::array<double, 2> out{};
      for (const auto& part : {std::pair{Index{0}, half}, std::pair{half, size - half}}) {
        const Index first = part.first, count = part.second;  // clang 14 captures no structured bindings
        detail::add_sums<A>(out, count, [&]<int L>(Index i) {
          const auto x = detail::load_as<A, L>(q.data() + first + i);
          return std::array{x * detail::load_as<A, L>(a.data() + first + i),
                            x * detail::load_as<A, L>(b.data() + first + i)};
        });
      }
      return out;
    };
    const double with_a = q.template cast<double>().dot(a.template cast<double>());
    const double with_b = q.template cast<double>().dot(b.template cast<double>());
    CHECK(sums(S{})[0] == with_a);
    CHECK(sums(double{})[0] == with_a);
    CHECK(sums(double{})[1] == with_b);
    CHECK(std::abs(sums(S{})[1] - with_b) <=
          10 * static_cast<double>(std::numeric_limits<S>::epsilon() * q.norm() * b.norm()));
  }
}

TEST_CASE("columns of a history are aligned and never a page apart", "[unit]") {
  for (const Index size : {1, 16, 17, 1000, 1024, 4096}) {
    const Index stride = detail::column_stride<float>(size);
    CHECK(stride >= size);
    CHECK(stride % 16 == 0);
    CHECK(stride * 4 % 4096 != 0);
    CHECK(stride <= size + 31);
  }
}

TEST_CASE("columns are subtracted, whatever their number", "[unit]") {
  Matrix<double> columns(10, 7);
  for (Index i = 0; i < 70; ++i) columns.data()[i] = std::sin(static_cast<double>(i));
  const std::array<double, 7> c{1, -2, 0.5, 3, -1, 0.25, 2};
  for (int count = 0; count <= 7; ++count) {
    Vector<double> a = Vector<double>::Ones(10), expected = a;
    for (int j = 0; j < count; ++j) expected -= c[static_cast<std::size_t>(j)] * columns.col(j);
    detail::subtract_columns<double>(
        detail::VectorMap<double>(a.data(), 10), [&](int j) { return columns.col(j).data(); }, c, count);
    CHECK((a - expected).norm() < 1e-14);
  }
}
