#pragma once

// How far the layers of this library see, for a grid that is cut (mpi/split_cell.hpp).

#include <algorithm>
#include <type_traits>

#include "basin/deq/injected.hpp"
#include "basin/layers/conv.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/layer_norm.hpp"
#include "basin/layers/residual.hpp"
#include "basin/layers/scale.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/layers/window_conv.hpp"

namespace basin::mpi {

/// What a cell of a grid depends on.
struct Reach {
  static constexpr Index by_options = -1;  ///< for `cells`: how far it sees depends on its options

  Index cells = 0;        ///< neighbours to each side along an axis, at most
  bool periodic = false;  ///< whether those of the first cell are the last ones
  bool ends = false;      ///< whether there is something else beyond an edge
  bool known = true;      ///< false: all cells of the sample, perhaps

  /// Of one layer after another.
  [[nodiscard]] constexpr Reach operator+(const Reach& other) const {
    return {cells + other.cells, periodic || other.periodic, ends || other.ends, known && other.known};
  }
};

namespace detail {

template <class L>
struct ReachOf {
  static constexpr Reach value{.known = Pointwise<L>};
};
template <int Inputs, int Outputs, Bias WithBias>
struct ReachOf<Dense<Inputs, Outputs, WithBias>> {
  static constexpr Reach value{};
};
template <int C, Bias WithBias>
struct ReachOf<Scale<C, WithBias>> {
  static constexpr Reach value{};
};
template <int C, bool centred>
struct ReachOf<basin::detail::CellNorm<C, centred>> {
  static constexpr Reach value{};
};

/// With a stride it is another grid that comes out.
template <class Edge>
constexpr Reach reach_of_window(Index cells, int stride) {
  constexpr bool torus = std::is_same_v<Edge, Periodic>;
  return {cells, torus && cells > 0, !torus && cells > 0, stride == 1};
}
template <int Inputs, int Outputs, int Kernel, int Stride, Boundary Edge, Bias WithBias>
struct ReachOf<Conv<Inputs, Outputs, Kernel, Stride, Edge, WithBias>> {
  static constexpr Reach value = reach_of_window<Edge>((Kernel - 1) / 2, Stride);
};
template <class Taps, Window W, Boundary Edge, Bias WithBias>
struct ReachOf<basin::detail::WindowConv<Taps, W, Edge, WithBias>> {
  static constexpr Reach value = reach_of_window<Edge>(std::max(W.before(), W.after()), W.stride);
};

template <class... Layers>
struct ReachOf<Sequential<Layers...>> {
  static constexpr Reach value = (Reach{} + ... + ReachOf<Layers>::value);
};
template <class F>
struct ReachOf<Residual<F>> : ReachOf<F> {};
template <class F>
struct ReachOf<Injected<F>> : ReachOf<F> {};

}  // namespace detail

/// Of a layer or a cell: known for those on single cells (Dense, activations, Scale, LayerNorm, RmsNorm), convolutions
/// without stride, and Sequential, Residual and Injected of these. What others see is for their user to say.
template <class L>
inline constexpr Reach reach_of = detail::ReachOf<L>::value;

}  // namespace basin::mpi
