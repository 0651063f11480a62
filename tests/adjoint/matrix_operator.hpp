#pragma once

// For adjoint methods by themselves: operators that are small matrices, and the equation (I - A) w = g.

#include <Eigen/Dense>
#include <span>
#include <vector>

#include "basin/adjoint/adjoint_method.hpp"

namespace basin::test {

using Square = Matrix<double>;

struct Outcome {
  Square w;  // a column a sample
  std::vector<SampleResult> results;
};

/// The same matrix for every sample.
template <class Method>
Outcome solve(const Method& method, const Square& a, const Square& g) {
  Outcome out{Square::Zero(g.rows(), g.cols()), std::vector<SampleResult>(static_cast<std::size_t>(g.cols()))};
  const auto apply_a = [&](View<const double> v, View<double> a_v) { a_v.matrix() = a * v.matrix(); };
  method.solve_tile(apply_a, View<const double>(view(g)), view(out.w), std::span<SampleResult>(out.results));
  return out;
}

inline Square contraction(Index n) {
  std::srand(7);
  const Square a = Square::Random(n, n);
  return a * (0.6 / a.operatorNorm());
}

inline double residual(const Square& a, const Square& g, const Square& w, Index n) {
  return (g - w + a * w).col(n).norm() / g.col(n).norm();
}

}  // namespace basin::test
