// The transforms of basin/kernels/winograd.hpp for every number of features that a vector can leave over, against the
// products of matrices in their definition. With whole numbers all are exact. This file is also built for processors
// with shorter vectors than this one's (tests/CMakeLists.txt).

#include "basin/kernels/winograd.hpp"

#include <Eigen/Core>
#include <catch2/catch.hpp>
#include <utility>
#include <vector>

#include "kernels/products.hpp"

using namespace basin;
using test::Guarded;
using test::whole_numbers;

namespace {

Eigen::Matrix4d input_matrix() {
  Eigen::Matrix4d b;
  b << 1, 0, -1, 0, 0, 1, 1, 0, 0, -1, 1, 0, 0, 1, 0, -1;
  return b;
}
Eigen::Matrix<double, 4, 3> weight_matrix() {
  Eigen::Matrix<double, 4, 3> g;
  g << 1, 0, 0, 0.5, 0.5, 0.5, 0.5, -0.5, 0.5, 0, 0, 1;
  return g;
}
Eigen::Matrix<double, 2, 4> output_matrix() {
  Eigen::Matrix<double, 2, 4> a;
  a << 1, 1, 1, 0, 0, 1, -1, -1;
  return a;
}

/// Number i of each of the 16 matrices, as the 4 x 4 matrix that they make.
template <class S>
Eigen::Matrix4d gathered(const S* numbers, Index matrix, Index i) {
  Eigen::Matrix4d out;
  for (int k = 0; k < 4; ++k) {
    for (int l = 0; l < 4; ++l) out(k, l) = static_cast<double>(numbers[(4 * k + l) * matrix + i]);
  }
  return out;
}

/// The transforms of one number of features. All else is the same for all numbers, so that it is compiled once.
template <class S>
struct Transforms {
  Index features;
  decltype(&kernels::winograd_input<1, S>) input;
  decltype(&kernels::winograd_output<1, S>) output;
  decltype(&kernels::winograd_output_back<1, S>) output_back;
};

template <class S>
bool input_is_right(const Transforms<S>& transforms, Index tiles) {
  const Index C = transforms.features;
  const Index cells = 2 * tiles + 2, matrix = tiles * C + 3;
  const auto lines = whole_numbers<S>(4 * cells * C, 1);
  const S* under[4];
  for (Index i = 0; i < 4; ++i) under[i] = lines.data() + i * cells * C;
  Guarded<S> v(16 * matrix);
  transforms.input(tiles, under, v.data(), matrix);
  bool right = v.intact();
  for (Index t = 0; t < tiles; ++t) {
    for (Index c = 0; c < C; ++c) {
      Eigen::Matrix4d d;
      for (Index k = 0; k < 4; ++k) {
        for (Index l = 0; l < 4; ++l) d(k, l) = static_cast<double>(under[k][(2 * t + l) * C + c]);
      }
      right = right && gathered(v.data(), matrix, t * C + c) == input_matrix() * d * input_matrix().transpose();
    }
  }
  return right;
}

/// `lower`: with a second line.
template <class S>
bool output_is_right(const Transforms<S>& transforms, Index cells, bool lower) {
  const Index C = transforms.features;
  const Index tiles = (cells + 1) / 2, matrix = tiles * C + 3;
  const auto m = whole_numbers<S>(16 * matrix, 1), start = whole_numbers<S>(C, 2),
             g = whole_numbers<S>(2 * cells * C, 3);
  Guarded<S> out(2 * cells * C), back(16 * matrix);
  transforms.output(tiles, cells, m.data(), matrix, start.data(), out.data(), lower ? out.data() + cells * C : nullptr);
  transforms.output_back(tiles, cells, g.data(), lower ? g.data() + cells * C : nullptr, back.data(), matrix);
  bool right = out.intact() && back.intact();
  for (Index t = 0; t < tiles; ++t) {
    for (Index c = 0; c < C; ++c) {
      const Eigen::Matrix2d y = output_matrix() * gathered(m.data(), matrix, t * C + c) * output_matrix().transpose();
      Eigen::Matrix2d e = Eigen::Matrix2d::Zero();
      for (Index k = 0; k < (lower ? 2 : 1); ++k) {
        for (Index l = 0; l < std::min<Index>(2, cells - 2 * t); ++l) {
          const Index at = (k * cells + 2 * t + l) * C + c;
          e(k, l) = static_cast<double>(g[static_cast<std::size_t>(at)]);
          right = right && static_cast<double>(out.data()[at]) ==
                               y(k, l) + static_cast<double>(start[static_cast<std::size_t>(c)]);
        }
      }
      right = right && gathered(back.data(), matrix, t * C + c) == output_matrix().transpose() * e * output_matrix();
    }
  }
  return right;
}

template <int From, int To, class S>
bool weights_are_right() {
  constexpr Index pairs = Index{From} * To;
  const auto w = whole_numbers<S>(9 * pairs, 1), du = whole_numbers<S>(16 * pairs, 2);
  Guarded<S> u(16 * pairs), dw(9 * pairs, S(5));
  kernels::winograd_weights<From, To>(w.data(), u.data());
  kernels::winograd_weights_back<From, To>(du.data(), dw.data());
  bool right = u.intact() && dw.intact();
  for (Index i = 0; i < pairs; ++i) {
    Eigen::Matrix3d g, back;
    for (int k = 0; k < 3; ++k) {
      for (int l = 0; l < 3; ++l) {
        g(k, l) = static_cast<double>(w[static_cast<std::size_t>((3 * k + l) * pairs + i)]);
        back(k, l) = static_cast<double>(dw.data()[(3 * k + l) * pairs + i]) - 5;
      }
    }
    right = right && gathered(u.data(), pairs, i) == weight_matrix() * g * weight_matrix().transpose() &&
            back == weight_matrix().transpose() * gathered(du.data(), pairs, i) * weight_matrix();
  }
  return right;
}

template <class S>
void check_features(const Transforms<S>& transforms) {
  CAPTURE(transforms.features);
  for (const Index tiles : {0, 1, 2, 7}) CHECK(input_is_right(transforms, tiles));
  for (const Index cells : {1, 2, 3, 14}) {
    for (const bool lower : {false, true}) CHECK(output_is_right(transforms, cells, lower));
  }
}

template <class S, int... I>
void check_all_features(std::integer_sequence<int, I...>) {
  (check_features<S>({I + 1, &kernels::winograd_input<I + 1, S>, &kernels::winograd_output<I + 1, S>,
                      &kernels::winograd_output_back<I + 1, S>}),
   ...);
}

}  // namespace

TEST_CASE("Winograd's transforms of 1 to 70 features", "[unit][kernels]") {
  check_all_features<float>(std::make_integer_sequence<int, 70>{});
}

TEST_CASE("Winograd's transforms in double", "[unit][kernels]") {
  check_all_features<double>(std::make_integer_sequence<int, 17>{});
}

TEST_CASE("Winograd's transforms of weights", "[unit][kernels]") {
  CHECK(weights_are_right<1, 1, float>());
  CHECK(weights_are_right<1, 3, float>());
  CHECK(weights_are_right<5, 7, float>());
  CHECK(weights_are_right<3, 16, float>());
  CHECK(weights_are_right<17, 33, float>());
  CHECK(weights_are_right<5, 7, double>());
}

TEST_CASE("matrices of Winograd's transforms fall into different sets of a cache", "[unit][kernels]") {
  for (const Index size : {1, 1000, 1024, 100000}) {
    const Index stride = kernels::winograd_stride<float>(size);
    CHECK(stride >= size);
    CHECK(stride * 4 % 4096 == 320);
    CHECK(kernels::winograd_stride<double>(size) * 8 % 4096 == 320);
  }
}
