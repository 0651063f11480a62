#pragma once

// How firmly a cell's map settles at an attractor (fixed_point/attractor.hpp). It linearizes there,
//
//   M = J_{p-1} ... J_1 J_0,    J_i = df/dz at phase z_i:
//
// the derivative of the p steps of a period. Of M: the spectral radius (the largest Floquet multiplier, below 1 if near
// states are drawn in). Of I - M: the smallest singular value (0 where a fixed point may vanish or be one of a
// continuum; its reciprocal bounds how far a small push moves the fixed point).
// S. H. Strogatz, "Nonlinear Dynamics and Chaos", 2nd edition, 2015, sections 8.7 and 10.1, for multipliers.

#include <cstdint>
#include <vector>

#include "basin/core/random.hpp"
#include "basin/fixed_point/attractor.hpp"
#include "basin/linear/arnoldi.hpp"
#include "basin/linear/smallest_singular_value.hpp"

namespace basin {

/// How closely stability measures.
struct StabilityOptions {
  ArnoldiOptions arnoldi{};         ///< for the spectral radius of M
  SingularValueOptions singular{};  ///< for the smallest singular value of I - M
  std::uint64_t seed = 0;           ///< of the vectors that both start from
};

/// Of M, the derivative of one period.
struct [[nodiscard]] Stability {
  SpectralRadius multiplier;       ///< the largest |eigenvalue| of M; its `period`-th root is the rate of a step
  SmallestSingularValue singular;  ///< of I - M
};

/// Linearizes a cell at an attractor: at all its phases, or at its one state, though that still moves, if no period was
/// found. In a basin where the map is not smooth (an alive mask) M is the derivative with the mask as a constant.
/// Memory: a linearization of the cell for each phase, and what linear/arnoldi.hpp and
/// linear/smallest_singular_value.hpp need. Throws std::invalid_argument if shapes do not fit or options make no sense.
template <class C, class S>
[[nodiscard]] Stability stability(const C& cell, Theta<S, C::param_count> theta, In<S> u, const Attractor<S>& attractor,
                                  const StabilityOptions& options = {}, const Context& context = {}) {
  check(!attractor.phases.empty(), "number of an attractor's phases", attractor.phases.size(), "1 or more");
  const Shape shape = attractor.state().shape;
  detail::check_one_sample(cell, u.shape(), shape);
  std::vector<State<S>> images;  // what the linearizations may refer to
  images.reserve(attractor.phases.size());
  using Linearization = decltype(cell.template linearize<S>(theta, images[0].view(), u, images[0].view(), context));
  std::vector<Linearization> phases;
  phases.reserve(attractor.phases.size());
  for (const State<S>& z : attractor.phases) {
    images.emplace_back(shape);
    phases.push_back(cell.template linearize<S>(theta, z.view(), u, images.back().view(), context));
  }

  const auto period = [&](View<const S> t, View<S> out) {
    Scratch scratch;
    const View<S> between = scratch.state<S>(shape);
    between.vector() = t.vector();
    for (const Linearization& phase : phases) {
      static_cast<void>(phase.jvp(View<const S>(between), out));
      between.vector() = out.vector();
    }
  };
  const auto transposed = [&](View<const S> w, View<S> out) {
    Scratch scratch;
    const View<S> between = scratch.state<S>(shape);
    between.vector() = w.vector();
    for (auto phase = phases.rbegin(); phase != phases.rend(); ++phase) {
      static_cast<void>(phase->vjp(View<const S>(between), out));
      between.vector() = out.vector();
    }
  };
  const auto from_identity = [](const auto& m) {
    return [&m](View<const S> v, View<S> out) {
      m(v, out);
      out.vector() = v.vector() - out.vector();
    };
  };
  State<S> start(shape);
  const Random random{options.seed, 0};
  for (Index i = 0; i < start.values.size(); ++i) {
    start.values[i] = static_cast<S>(random.normal(static_cast<std::uint64_t>(i)));
  }
  return {spectral_radius(period, start, options.arnoldi),
          smallest_singular_value(from_identity(period), from_identity(transposed), start, options.singular)};
}

}  // namespace basin
