#pragma once

// The way back from states to Eigen tensors. A header of its own, because Eigen's tensor module takes a second to
// compile and the library itself needs only Eigen/Core. (The way there is view(tensor), in core/state.hpp.)

#include <unsupported/Eigen/CXX11/Tensor>

#include "basin/core/state.hpp"

namespace basin {

/// A state as an Eigen::TensorMap of rank 2 to 5: (features, the first Rank - 2 axes of space, samples), no copy.
/// Throws std::invalid_argument if an axis that Rank leaves out has an extent other than 1.
template <int Rank, class S>
[[nodiscard]] auto as_tensor(View<S> state) {
  static_assert(Rank >= 2 && Rank <= 5, "a state is a tensor (features, up to three axes of space, samples)");
  const Shape& shape = state.shape();
  Eigen::array<Index, Rank> extents;
  extents[0] = shape.features;
  extents[Rank - 1] = shape.samples;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    if (axis + 2 < Rank) {
      extents[axis + 1] = shape.space[axis];
    } else {
      check(shape.space[axis] == 1, "extent of an axis of space that the tensor has no room for", shape.space[axis], 1);
    }
  }
  using Tensor = Eigen::Tensor<std::remove_const_t<S>, Rank>;
  return Eigen::TensorMap<std::conditional_t<std::is_const_v<S>, const Tensor, Tensor>>(state.data(), extents);
}

template <int Rank, class S>
[[nodiscard]] auto as_tensor(State<S>& state) {
  return as_tensor<Rank>(state.view());
}

template <int Rank, class S>
[[nodiscard]] auto as_tensor(const State<S>& state) {
  return as_tensor<Rank>(state.view());
}

}  // namespace basin
