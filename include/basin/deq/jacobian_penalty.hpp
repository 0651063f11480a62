#pragma once

// A penalty on the size of a cell's Jacobian, which keeps the cell contracting: S. Bai, V. Koltun, J. Z. Kolter,
// "Stabilizing equilibrium models by Jacobian regularization", ICML 2021 (arXiv 2106.14342). What the penalty is, and
// how its exact gradient is found, is in deq/hutchinson.hpp.

#include <cstdint>
#include <span>

#include "basin/deq/equilibrium.hpp"
#include "basin/deq/hutchinson.hpp"
#include "basin/deq/penalized.hpp"

namespace basin {

/// P estimates the squared Frobenius norm of df/dz at the equilibrium, divided by the size of the state
/// (deq/hutchinson.hpp).
struct JacobianSize {
  static constexpr const char* name = "JacobianPenalty";  ///< in messages

  std::uint64_t seed = 0;  ///< of the directions that estimate it

  /// per_sample[n] = P of sample n; dz, du and dtheta += weight times the gradient of the sum of them, where z, u and
  /// theta count as independent: Penalized takes dz back through the equilibrium. A dz or du without memory is not
  /// wanted. The directions also depend on context.draw and the number of the sample. Throws std::invalid_argument if z
  /// and u do not fit the cell, or per_sample has not one number for each sample.
  template <class S, class C>
  void add(double weight, const C& cell, std::span<const S, C::param_count> theta, View<const S> u, View<const S> z,
           const Context& context, std::span<double> per_sample, View<S> dz, View<S> du,
           std::span<S, C::param_count> dtheta) const {
    jacobian_penalty<C, S>(cell, theta, z, u, per_sample, weight, dz, du, dtheta, context, seed);
  }
};

/// As in
///
///   Sequential<Conv<1, 16, 3>, JacobianPenalty<Equilibrium<Cell>>, ...>
template <class E>
using JacobianPenalty = Penalized<E, JacobianSize>;

}  // namespace basin
