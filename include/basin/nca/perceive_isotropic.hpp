#pragma once

// What a cell sees that does not know directions: itself, a Laplacian, and the length of the gradient, of each feature,
//
//   seen = [z; L z; |G z|],   |G z|_c = sqrt(sum over the stencils k of (G_k z)_c^2 + 1e-8),
//
// 3 C numbers for C features: first z, then the Laplacians, then the lengths. An automaton that sees nothing else does
// the same to a state that is turned by 90 degrees or mirrored (in three axes, about any of them; among hexagons, by 60
// degrees), if what else it has, fire, life and boundary, does not break that; among hexagons an alive mask does. After
// A. Mordvintsev, E. Randazzo, C. Fouts, "Growing isotropic neural cellular automata", 2022 (arXiv 2205.01681), and the
// variant with lengths of their code. Their rule without lengths sees Perceive<C, Edge, Centre, Laplacian<2>>; their
// filters are Times<Laplacian<2>, 4> and Times<SobelX, 8>.
//
// It is a perception as nca/perception.hpp describes them, without parameters.

#include "basin/kernels/elementwise.hpp"
#include "basin/nca/perceive.hpp"
#include "basin/nca/perceive_through.hpp"
#include "basin/stencil/hexagonal.hpp"

namespace basin {

namespace detail {

/// [z; L z; G_1 z; ... G_K z] to [z; L z; |G z|], for C features each.
template <int C, int K>
struct GradientLengths {
  static constexpr int in_features = (2 + K) * C, out_features = 3 * C;

  template <class S>
  static void lengths(const S* x, S* y) {
    S squares[C];
    for (int c = 0; c < C; ++c) {
      S sum = static_cast<S>(1e-8);  // so that there is a derivative at 0, as in the published code
      for (int k = 2; k < 2 + K; ++k) sum += x[k * C + c] * x[k * C + c];
      squares[c] = sum;
    }
    kernels::elementwise(
        C, y, [](const auto& square) { return square.sqrt(); }, static_cast<const S*>(squares));
  }

  template <class S>
  static void apply(const S* x, S* y) {
    for (int c = 0; c < 2 * C; ++c) y[c] = x[c];
    lengths(x, y + 2 * C);
  }

  template <class S>
  static void push(const S* x, const S* t, S* dy) {
    S length[C];
    lengths(x, length);
    for (int c = 0; c < 2 * C; ++c) dy[c] = t[c];
    for (int c = 0; c < C; ++c) {
      S sum = S(0);
      for (int k = 2; k < 2 + K; ++k) sum += x[k * C + c] * t[k * C + c];
      dy[2 * C + c] = sum / length[c];
    }
  }

  template <class S>
  static void pull(const S* x, const S* g, S* dx) {
    S length[C];
    lengths(x, length);
    for (int c = 0; c < 2 * C; ++c) dx[c] = g[c];
    for (int c = 0; c < C; ++c) {
      const S share = g[2 * C + c] / length[c];
      for (int k = 2; k < 2 + K; ++k) dx[k * C + c] = share * x[k * C + c];
    }
  }
};

}  // namespace detail

/// With stencils of the user's own: L a Laplacian, G the slopes along as many axes as the grid has.
template <int C, Boundary Edge, Stencil L, Stencil... G>
using PerceiveGradientLengths =
    PerceiveThrough<Perceive<C, Edge, Centre, L, G...>, detail::GradientLengths<C, static_cast<int>(sizeof...(G))>>;

/// In the plane; in space; on hexagons (stencil/hexagonal.hpp).
template <int C, Boundary Edge>
using PerceiveIsotropic = PerceiveGradientLengths<C, Edge, Laplacian<2>, SobelX, SobelY>;
template <int C, Boundary Edge>
using PerceiveIsotropic3 = PerceiveGradientLengths<C, Edge, Laplacian<3>, Gradient<0>, Gradient<1>, Gradient<2>>;
template <int C, Boundary Edge>
using PerceiveIsotropicHex = PerceiveGradientLengths<C, Edge, HexLaplacian, HexGradientX, HexGradientY>;

}  // namespace basin
