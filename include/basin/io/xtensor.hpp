#pragma once

// States as xtensor expressions and back, without a copy. A state (C, X, Y, Z, N), column-major, is in the same memory
// the row-major array (N, Z, Y, X, C).

#include <array>
#include <cstddef>
#include <type_traits>

// xtensor 0.26 moved its headers into folders.
#if __has_include(<xtensor/containers/xadapt.hpp>)
#include <xtensor/containers/xadapt.hpp>
#include <xtensor/containers/xtensor.hpp>
#else
#include <xtensor/xadapt.hpp>
#include <xtensor/xtensor.hpp>
#endif

#include "basin/core/state.hpp"

namespace basin {

namespace detail {

/// The extents of a state as a row-major array counts them: (N, the first rank - 2 axes of space backwards, C).
/// Throws std::invalid_argument if an axis that is left out has an extent other than 1.
template <class Extents>
void reversed_extents(const Shape& shape, Extents& out) {
  const std::size_t rank = out.size();
  out[0] = static_cast<std::size_t>(shape.samples);
  out[rank - 1] = static_cast<std::size_t>(shape.features);
  for (std::size_t axis = 0; axis < 3; ++axis) {
    if (axis + 2 < rank) {
      out[rank - 2 - axis] = static_cast<std::size_t>(shape.space[axis]);
    } else {
      check(shape.space[axis] == 1, "extent of an axis of space that the array has no room for", shape.space[axis], 1);
    }
  }
}

/// The state whose memory is a row-major array of 2 to 5 such extents.
template <class Extents>
[[nodiscard]] Shape reversed_shape(const Extents& extents) {
  const std::size_t rank = extents.size();
  check(rank >= 2 && rank <= 5, "rank of an array that is to be a state", rank, "2 to 5");
  Shape shape{static_cast<Index>(extents[rank - 1]), {1, 1, 1}, static_cast<Index>(extents[0])};
  for (std::size_t axis = 0; axis + 2 < rank; ++axis) {
    shape.space[axis] = static_cast<Index>(extents[rank - 2 - axis]);
  }
  return shape;
}

/// An xtensor container or adaptor that is known to be row-major and contiguous.
template <class T>
concept RowMajorXtensor = requires(T& t) {
  t.data();
  t.shape();
  t.strides();
}
&&std::remove_cvref_t<T>::static_layout == xt::layout_type::row_major;

}  // namespace detail

/// A state as an xtensor adaptor of rank 2 to 5, row-major: (N, the first Rank - 2 axes of space backwards, C); a batch
/// of images is as_xtensor<4>(images)(n, y, x, c). It refers to the state's memory and owns nothing.
/// Throws std::invalid_argument if an axis that Rank leaves out has an extent other than 1.
template <std::size_t Rank, class S>
[[nodiscard]] auto as_xtensor(View<S> state) {
  static_assert(Rank >= 2 && Rank <= 5, "a state is an array (samples, up to three axes of space, features)");
  std::array<std::size_t, Rank> extents{};
  detail::reversed_extents(state.shape(), extents);
  return xt::adapt<xt::layout_type::row_major>(state.data(), static_cast<std::size_t>(state.size()), xt::no_ownership(),
                                               extents);
}

template <std::size_t Rank, class S>
[[nodiscard]] auto as_xtensor(State<S>& state) {
  return as_xtensor<Rank>(state.view());
}

template <std::size_t Rank, class S>
[[nodiscard]] auto as_xtensor(const State<S>& state) {
  return as_xtensor<Rank>(state.view());
}

/// A row-major xtensor array of rank 2 to 5, (samples, space..., features), as a state's view. Nothing is copied.
/// Call it as basin::view, because xtensor has a view of its own. Throws std::invalid_argument for another rank.
template <detail::RowMajorXtensor T>
[[nodiscard]] auto view(T& array) {
  using S = std::remove_pointer_t<decltype(array.data())>;
  return View<S>(array.data(), detail::reversed_shape(array.shape()));
}

}  // namespace basin
