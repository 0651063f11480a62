#pragma once

// A penalty on what is left of an equilibrium's residual,
//
//   P = |f(z, u) - z|^2 / size(z)
//
// for each sample, where z is what the solver has reached. A gradient through a number of steps (adjoint/unrolled.hpp)
// asks that what is read is right after so many of them, and is content with a state that goes on turning in a circle
// where nobody reads it; this asks that it has settled. Where a solve has converged P is its tolerance's square, and
// nothing is left to ask for.

#include <span>

#include "basin/deq/equilibrium.hpp"
#include "basin/deq/penalized.hpp"

namespace basin {

/// P is the mean square of what is left of the residual.
struct ResidualSize {
  static constexpr const char* name = "ResidualPenalty";  ///< in messages

  /// dP = 2 / size <r, (J - I) dz + (df/du) du + (df/dtheta) dtheta>,    r = f(z, u) - z.
  template <class S, class C>
  void add(double weight, const C& cell, std::span<const S, C::param_count> theta, View<const S> u, View<const S> z,
           const Context& context, std::span<double> per_sample, View<S> dz, View<S> du,
           std::span<S, C::param_count> dtheta) const {
    Scratch scratch;
    const View<S> value = scratch.state<S>(z.shape()), left = scratch.state<S>(z.shape());
    const View<S> back = scratch.state<S>(z.shape()), of_u = scratch.state<S>(u.shape());
    const auto at_z = cell.linearize(theta, z, u, value, context.with_log(nullptr));
    left.vector() = value.vector() - z.vector();
    const auto size = static_cast<double>(z.shape().sample_size());
    for (Index n = 0; n < z.samples(); ++n) {
      per_sample[static_cast<std::size_t>(n)] = left.sample(n).vector().template cast<double>().squaredNorm() / size;
    }
    left.vector() *= static_cast<S>(2 * weight / size);
    static_cast<void>(report_of([&] { return at_z.pullback(View<const S>(left), back, of_u, dtheta); }));
    dz.vector() += back.vector() - left.vector();
    du.vector() += of_u.vector();
  }
};

/// As in
///
///   Sequential<Dense<3, 16>, ResidualPenalty<Equilibrium<Cell, Picard, Unrolled>>, ...>
template <class E>
using ResidualPenalty = Penalized<E, ResidualSize>;

}  // namespace basin
