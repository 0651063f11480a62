#include "basin/kernels/elementwise.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

using basin::kernels::elementwise;

namespace {

const auto softplus = [](const auto& x) { return x.max(0) + (-x.abs()).exp().log1p(); };
const auto line = [](const auto& a, const auto& b, const auto& c) { return a * b + c; };

template <class S>
S number(Eigen::Index i) {
  return static_cast<S>(std::sin(static_cast<double>(i) * 1.7) * 5);
}

}  // namespace

TEMPLATE_TEST_CASE("each number gets the same function, whatever its place", "[unit]", float, double) {
  using S = TestType;
  constexpr Eigen::Index most = 70, room = 100;
  std::vector<S> in(room), out(room), alone(room);
  for (Eigen::Index i = 0; i < room; ++i) {
    const S x = number<S>(i);
    elementwise(1, &alone[static_cast<std::size_t>(i)], softplus, &x);
  }
  for (Eigen::Index shift = 0; shift < 16; ++shift) {
    for (Eigen::Index count = 0; count <= most; ++count) {
      for (Eigen::Index i = 0; i < room; ++i) in[static_cast<std::size_t>(i)] = number<S>(i - shift);
      std::fill(out.begin(), out.end(), S(-1));
      elementwise(count, out.data() + shift, softplus, std::as_const(in).data() + shift);
      elementwise(count, in.data() + shift, softplus, std::as_const(in).data() + shift);  // in place
      Eigen::Index wrong = 0;
      for (Eigen::Index i = 0; i < room; ++i) {
        const auto at = static_cast<std::size_t>(i);
        const bool inside = i >= shift && i < shift + count;
        wrong += out[at] != (inside ? alone[static_cast<std::size_t>(i - shift)] : S(-1));
        wrong += in[at] != (inside ? alone[static_cast<std::size_t>(i - shift)] : number<S>(i - shift));
      }
      CAPTURE(shift, count);
      CHECK(wrong == 0);
    }
  }
}

TEMPLATE_TEST_CASE("a function of several numbers, and of numbers beside a NaN", "[unit]", float, double) {
  using S = TestType;
  for (const Eigen::Index count : {1, 3, 16, 21}) {
    std::vector<S> a, b, c, sum(static_cast<std::size_t>(count));
    for (Eigen::Index i = 0; i < count; ++i) {
      a.push_back(static_cast<S>(i));
      b.push_back(static_cast<S>(i + 1));
      c.push_back(S(0.5));
    }
    a[0] = std::numeric_limits<S>::quiet_NaN();
    elementwise(count, sum.data(), line, std::as_const(a).data(), std::as_const(b).data(), std::as_const(c).data());
    CHECK(std::isnan(sum[0]));
    for (Eigen::Index i = 1; i < count; ++i) {
      CHECK(sum[static_cast<std::size_t>(i)] == static_cast<S>(i * (i + 1)) + S(0.5));
    }
  }
}
