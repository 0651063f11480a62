#pragma once

// What a basin computes on: features first, then up to three axes of space, then samples.
//
// A state has extents (C, X, Y, Z, N), column-major. The features of one cell lie together in memory, so the same
// memory is a C x cells matrix for matrix products; a sample is one contiguous slice; and NumPy or xtensor, which
// count row-major, see (N, Z, Y, X, C) without a copy. A batch of plain vectors is (C, 1, 1, 1, N).

#include <Eigen/Core>
#include <array>
#include <string>
#include <type_traits>
#include <utility>

#include "basin/core/check.hpp"

namespace basin {

using Index = Eigen::Index;

template <class S>
using Vector = Eigen::Matrix<S, Eigen::Dynamic, 1>;

template <class S>
using Matrix = Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic>;

/// Extents of a state. Axes of space that are not used have extent 1.
struct Shape {
  Index features = 0;
  std::array<Index, 3> space{1, 1, 1};  ///< X, Y, Z
  Index samples = 1;

  [[nodiscard]] constexpr Index cells_per_sample() const { return space[0] * space[1] * space[2]; }
  [[nodiscard]] constexpr Index cells() const { return cells_per_sample() * samples; }
  [[nodiscard]] constexpr Index sample_size() const { return features * cells_per_sample(); }
  [[nodiscard]] constexpr Index size() const { return sample_size() * samples; }

  [[nodiscard]] constexpr Shape with_features(Index count) const { return {count, space, samples}; }
  [[nodiscard]] constexpr Shape with_samples(Index count) const { return {features, space, count}; }

  /// "(C, X, Y, Z, N)", for messages.
  [[nodiscard]] std::string to_string() const {
    return std::string("(") + std::to_string(features) + ", " + std::to_string(space[0]) + ", " +
           std::to_string(space[1]) + ", " + std::to_string(space[2]) + ", " + std::to_string(samples) + ")";
  }

  friend constexpr bool operator==(const Shape&, const Shape&) = default;
};

/// A state somewhere in memory: a pointer and a shape, no ownership. View<const S> only reads.
/// A view without memory (the default) stands for "not wanted" where a result is optional.
template <class S>
class View {
 public:
  using Value = std::remove_const_t<S>;
  using VectorMap = Eigen::Map<std::conditional_t<std::is_const_v<S>, const Vector<Value>, Vector<Value>>>;
  using MatrixMap = Eigen::Map<std::conditional_t<std::is_const_v<S>, const Matrix<Value>, Matrix<Value>>>;

  View() = default;
  View(S* data, const Shape& shape) : data_(data), shape_(shape) {}

  /// Reading is always allowed.
  operator View<const Value>() const requires(!std::is_const_v<S>) { return {data_, shape_}; }

  [[nodiscard]] explicit operator bool() const { return data_ != nullptr; }
  [[nodiscard]] S* data() const { return data_; }
  [[nodiscard]] const Shape& shape() const { return shape_; }
  [[nodiscard]] Index size() const { return shape_.size(); }
  [[nodiscard]] Index samples() const { return shape_.samples; }

  /// All values in memory order.
  [[nodiscard]] VectorMap vector() const { return VectorMap(data_, shape_.size()); }
  [[nodiscard]] auto array() const { return vector().array(); }
  /// features x cells: a column is a cell, of whatever sample.
  [[nodiscard]] MatrixMap matrix() const { return MatrixMap(data_, shape_.features, shape_.cells()); }
  /// sample_size x samples: a column is a sample.
  [[nodiscard]] MatrixMap columns() const { return MatrixMap(data_, shape_.sample_size(), shape_.samples); }

  [[nodiscard]] View sample(Index n) const { return samples(n, 1); }
  [[nodiscard]] View samples(Index first, Index count) const {
    return {data_ + first * shape_.sample_size(), shape_.with_samples(count)};
  }

 private:
  S* data_ = nullptr;
  Shape shape_{};
};

/// An Eigen vector with a shape: a state that owns its memory.
template <class S>
struct State {
  Shape shape{};
  Vector<S> values{};

  State() = default;
  /// Zeros of a shape.
  explicit State(const Shape& extents) : shape(extents), values(Vector<S>::Zero(extents.size())) {}
  /// A copy of what a view shows.
  explicit State(View<const S> from) : shape(from.shape()), values(from.vector()) {}

  [[nodiscard]] View<S> view() { return {values.data(), shape}; }
  [[nodiscard]] View<const S> view() const { return {values.data(), shape}; }
  operator View<S>() { return view(); }
  operator View<const S>() const { return view(); }
};

/// Views of what users hold. Nothing is copied.
/// A matrix is (features, samples); an Eigen tensor of rank 2 to 5 is (features, space..., samples).
template <class S>
[[nodiscard]] View<S> view(State<S>& state) {
  return state.view();
}
template <class S>
[[nodiscard]] View<const S> view(const State<S>& state) {
  return state.view();
}
template <class S>
[[nodiscard]] View<S> view(View<S> same) {
  return same;
}

namespace detail {

/// A column-major Eigen matrix or map with its own memory.
template <class T>
concept DenseMatrix = (!std::remove_cvref_t<T>::IsRowMajor) && requires(T& m) {
  m.data();
  m.rows();
  m.cols();
  m.outerStride();
};

/// An Eigen::Tensor or Eigen::TensorMap, recognised by its shape so that its heavy header is not needed here.
template <class T>
concept EigenTensor = requires(T& t) {
  t.data();
  t.dimension(0);
  std::remove_cvref_t<T>::NumDimensions;
};

}  // namespace detail

template <detail::DenseMatrix M>
[[nodiscard]] auto view(M& matrix) {
  check(matrix.innerStride() == 1 && matrix.outerStride() == matrix.rows(), "stride of a matrix's columns",
        matrix.outerStride(), matrix.rows());
  using S = std::remove_pointer_t<decltype(matrix.data())>;
  return View<S>(matrix.data(), Shape{matrix.rows(), {1, 1, 1}, matrix.cols()});
}

template <detail::EigenTensor T>
[[nodiscard]] auto view(T& tensor) {
  constexpr int rank = std::remove_cvref_t<T>::NumDimensions;
  static_assert(rank >= 2 && rank <= 5, "a state is a tensor (features, up to three axes of space, samples)");
  static_assert(static_cast<int>(std::remove_cvref_t<T>::Layout) == static_cast<int>(Eigen::ColMajor),
                "a state is column-major: features first");
  Shape shape{tensor.dimension(0), {1, 1, 1}, tensor.dimension(static_cast<std::size_t>(rank - 1))};
  for (int axis = 1; axis + 1 < rank; ++axis)
    shape.space[static_cast<std::size_t>(axis - 1)] = tensor.dimension(static_cast<std::size_t>(axis));
  using S = std::remove_pointer_t<decltype(tensor.data())>;
  return View<S>(tensor.data(), shape);
}

}  // namespace basin
