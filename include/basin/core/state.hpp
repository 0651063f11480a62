#pragma once

// What a basin computes on: features first, then up to three axes of space, then samples.
//
// A state has extents (C, X, Y, Z, N), column-major. The features of one cell lie together in memory, so the same
// memory is a C x cells matrix for matrix products; a sample is one contiguous slice; and NumPy or xtensor, which
// count row-major, see (N, Z, Y, X, C) without a copy. A batch of plain vectors is (C, 1, 1, 1, N).

#include <Eigen/Core>
#include <array>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>

#include "basin/core/check.hpp"
#include "basin/core/exceptions.hpp"

namespace basin {

/// Numbers of features, cells and samples: Eigen's, 64 bits unless EIGEN_DEFAULT_DENSE_INDEX_TYPE says otherwise.
using Index = Eigen::Index;

/// A column of numbers, of a length known at run time.
template <class S>
using Vector = Eigen::Matrix<S, Eigen::Dynamic, 1>;

/// A column-major matrix of sizes known at run time.
template <class S>
using Matrix = Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic>;

/// Extents of a state. Axes of space that are not used have extent 1. Counts are exact for a shape that fits(); states,
/// views and scratch memory are made of no other.
struct Shape {
  Index features = 0;                   ///< C: numbers of one cell
  std::array<Index, 3> space{1, 1, 1};  ///< X, Y, Z
  Index samples = 1;                    ///< N

  /// Cells of one sample: X Y Z.
  [[nodiscard]] constexpr Index cells_per_sample() const { return space[0] * space[1] * space[2]; }
  /// Cells of all samples.
  [[nodiscard]] constexpr Index cells() const { return cells_per_sample() * samples; }
  /// Numbers of one sample.
  [[nodiscard]] constexpr Index sample_size() const { return features * cells_per_sample(); }
  /// Numbers of all samples.
  [[nodiscard]] constexpr Index size() const { return sample_size() * samples; }

  /// Whether no extent is negative, and an Index holds the bytes of a state whose numbers take so many. Extents of 0 do
  /// not excuse the others: each count above is exact.
  [[nodiscard]] constexpr bool fits(Index bytes_of_a_number = 1) const {
    // Most are told by one comparison: five extents of at most 11 bits (5 where an Index has 32) fit, whatever they
    // are.
    constexpr Index few = Index{1} << (std::numeric_limits<Index>::digits - 4) / 5;
    const Index all = features | space[0] | space[1] | space[2] | samples;
    if (0 <= all && all < few && bytes_of_a_number <= 16) [[likely]]
      return true;
    Index bytes = bytes_of_a_number;
    bool fits = all >= 0;
    for (const Index extent : {features, space[0], space[1], space[2], samples}) {
      fits = fits && !__builtin_mul_overflow(bytes, extent + (extent == 0), &bytes);
    }
    return fits;
  }

  /// The same space and samples, with `count` features.
  [[nodiscard]] constexpr Shape with_features(Index count) const { return {count, space, samples}; }
  /// The same features and space, with `count` samples.
  [[nodiscard]] constexpr Shape with_samples(Index count) const { return {features, space, count}; }

  /// "(C, X, Y, Z, N)", for messages.
  [[nodiscard]] std::string to_string() const {
    return std::string("(") + std::to_string(features) + ", " + std::to_string(space[0]) + ", " +
           std::to_string(space[1]) + ", " + std::to_string(space[2]) + ", " + std::to_string(samples) + ")";
  }

  /// Whether all extents are equal.
  friend constexpr bool operator==(const Shape&, const Shape&) = default;
};

namespace detail {

/// By value, so that a view whose shape is looked at may stay in registers.
[[noreturn, gnu::noinline, gnu::cold]] inline void refuse(Shape shape) {
  throw_invalid_argument("shape of a state is " + shape.to_string() +
                         ", expected extents of 0 or more, whose product fits into memory");
}

/// The shape itself. Throws std::invalid_argument if a state of S cannot have it.
template <class S>
const Shape& fitting(const Shape& shape) {
  if (!shape.fits(sizeof(S))) [[unlikely]]
    refuse(shape);
  return shape;
}

/// A scalar, or a const one, that is not S.
template <class T, class S>
concept AnotherScalar = !std::is_same_v<std::remove_const_t<T>, std::remove_const_t<S>>;

/// Says that a shape has been looked at, or is a part of one that has.
struct Fitting {};

}  // namespace detail

/// A state somewhere in memory: a pointer and a shape, no ownership. View<const S> only reads.
/// A view without memory (the default) stands for "not wanted" where a result is optional.
template <class S>
class View {
 public:
  using Value = std::remove_const_t<S>;  ///< the scalar, without const
  /// Numbers of the state as a column of Eigen's, which does not own them; const ones if S is const.
  using VectorMap = Eigen::Map<std::conditional_t<std::is_const_v<S>, const Vector<Value>, Vector<Value>>>;
  /// Numbers of the state as a column-major matrix, likewise.
  using MatrixMap = Eigen::Map<std::conditional_t<std::is_const_v<S>, const Matrix<Value>, Matrix<Value>>>;

  View() = default;  ///< no memory, and a shape of no features
  /// Throws std::invalid_argument if an extent is negative or the product of all does not fit into memory.
  View(S* data, const Shape& shape) : data_(data), shape_(detail::fitting<Value>(shape)) {}
  /// Without that check, for a shape that has passed it.
  View(S* data, const Shape& shape, detail::Fitting) : data_(data), shape_(shape) {}

  /// Reading is always allowed.
  operator View<const Value>() const requires(!std::is_const_v<S>) { return {data_, shape_, detail::Fitting{}}; }
  template <detail::AnotherScalar<Value> T>
  operator View<T>() const = delete;  // theta and all states have the same scalar: cast what has another

  [[nodiscard]] explicit operator bool() const { return data_ != nullptr; }  ///< whether it has memory
  [[nodiscard]] S* data() const { return data_; }
  [[nodiscard]] const Shape& shape() const { return shape_; }  ///< extents
  /// Numbers of all samples.
  [[nodiscard]] Index size() const { return shape_.size(); }
  [[nodiscard]] Index samples() const { return shape_.samples; }  ///< how many

  /// All values in memory order.
  [[nodiscard]] VectorMap vector() const { return VectorMap(data_, shape_.size()); }
  /// vector() as an array of Eigen's, for arithmetic number by number.
  [[nodiscard]] auto array() const { return vector().array(); }
  /// features x cells: a column is a cell, of whatever sample.
  [[nodiscard]] MatrixMap matrix() const { return MatrixMap(data_, shape_.features, shape_.cells()); }
  /// sample_size x samples: a column is a sample.
  [[nodiscard]] MatrixMap columns() const { return MatrixMap(data_, shape_.sample_size(), shape_.samples); }

  /// The part that is sample n, counted from 0; n is not checked.
  [[nodiscard]] View sample(Index n) const { return samples(n, 1); }
  /// The part that is `count` samples from number `first` on; they are not checked.
  [[nodiscard]] View samples(Index first, Index count) const {
    return {data_ + first * shape_.sample_size(), shape_.with_samples(count), detail::Fitting{}};
  }

 private:
  S* data_ = nullptr;
  Shape shape_{};
};

/// An Eigen vector with a shape: a state that owns its memory.
template <class S>
struct State {
  Shape shape{};       ///< extents
  Vector<S> values{};  ///< shape.size() numbers, column-major: features first, then space, then samples

  State() = default;  ///< no numbers
  /// Zeros of a shape. Throws std::invalid_argument if an extent is negative or the product of all does not fit into
  /// memory.
  explicit State(const Shape& extents) : shape(detail::fitting<S>(extents)), values(Vector<S>::Zero(extents.size())) {}
  /// A copy of what a view shows.
  explicit State(View<const S> from) : shape(from.shape()), values(from.vector()) {}

  /// The whole state. The view refers to this one's memory.
  [[nodiscard]] View<S> view() & { return {values.data(), shape}; }
  [[nodiscard]] View<const S> view() const& { return {values.data(), shape}; }
  /// view(), so that a State may be given where a View is expected.
  operator View<S>() & { return view(); }
  operator View<const S>() const& { return view(); }  ///< view(), to read

  /// A view of a temporary, or of another scalar, does not compile, and the message says why.
  template <class T = S>
  [[nodiscard]] View<const T> view() const&& {
    static_assert(detail::never<T>, "a view of a State that is a temporary, and ends before it: give it a name first");
    return {};
  }
  /// Of a temporary: does not compile, as its memory would end before its use.
  template <class T>
  requires(std::is_same_v<std::remove_const_t<T>, S>) operator View<T>() const&& { return std::move(*this).view(); }
  template <detail::AnotherScalar<S> T>
  operator View<T>() const& = delete;  // theta and all states have the same scalar: cast what has another
};

namespace detail {

template <class Derived>
void takes_dense(const Eigen::DenseBase<Derived>&);
template <class Derived>
void takes_plain(const Eigen::PlainObjectBase<Derived>&);
template <class T, int options, class Stride>
void takes_plain(const Eigen::Ref<const T, options, Stride>&);

/// Anything of Eigen that has rows and columns.
template <class T>
concept EigenMatrix = requires(const T& t) {
  takes_dense(t);
};

/// One with numbers in memory: a matrix, a map, or a block of one of them; no sum or product.
template <class T>
concept InMemory = requires(T& m) {
  m.data();
  m.innerStride();
  m.outerStride();
};

/// One whose numbers end with it, as those of a matrix do, and those of a Ref to const may.
template <class T>
concept OwnsNumbers = requires(const T& t) {
  takes_plain(t);
};

/// An Eigen::Tensor or Eigen::TensorMap, recognised by its shape so that its heavy header is not needed here.
template <class T>
concept EigenTensor = requires(T& t) {
  t.data();
  t.dimension(0);
  std::remove_cvref_t<T>::NumDimensions;
};

template <class T>
requires(InMemory<T> || EigenTensor<T>) auto number_in(T& object)
    -> std::type_identity<std::remove_pointer_t<decltype(object.data())>>;
template <EigenMatrix T>
requires(!InMemory<T>) auto number_in(T& expression) -> std::type_identity<const typename T::Scalar>;

/// The scalar of a view of T, const if T is.
template <class T>
using NumberIn = typename decltype(number_in(std::declval<std::remove_reference_t<T>&>()))::type;

}  // namespace detail

/// Views of what users hold. Nothing is copied, so that a view of a temporary that owns its numbers does not compile.
template <class S>
[[nodiscard]] View<S> view(State<S>& state) {
  return state.view();
}
template <class S>
[[nodiscard]] View<const S> view(const State<S>& state) {
  return state.view();
}
template <class S>
[[nodiscard]] View<const S> view(const State<S>&& state) {
  return std::move(state);
}
template <class S>
[[nodiscard]] View<S> view(View<S> same) {
  return same;
}

/// An Eigen matrix as (features, samples): one with its own memory, or a map, or a block of whole columns or of one.
/// Throws std::invalid_argument if its columns do not lie together.
template <detail::EigenMatrix M>
[[nodiscard]] View<detail::NumberIn<M>> view(M&& matrix) {
  using Given = std::remove_cvref_t<M>;
  if constexpr (!detail::InMemory<Given>) {
    static_assert(detail::never<M>, "a view of an expression, which has no memory: put its values into a matrix first");
    return {};
  } else if constexpr (!std::is_lvalue_reference_v<M> && detail::OwnsNumbers<Given>) {
    static_assert(detail::never<M>, "a view of a matrix that is a temporary, and ends before it: give it a name first");
    return {};
  } else if constexpr (Given::IsRowMajor) {
    static_assert(detail::never<M>, "a view of a row or a row-major matrix: a state is column-major, features first");
    return {};
  } else {
    check(matrix.innerStride() == 1, "stride of a matrix's rows", matrix.innerStride(), 1);
    check(matrix.cols() <= 1 || matrix.outerStride() == matrix.rows(), "stride of a matrix's columns",
          matrix.outerStride(), matrix.rows());
    return {matrix.data(), Shape{matrix.rows(), {1, 1, 1}, matrix.cols()}};
  }
}

/// An Eigen tensor of rank 2 to 5 as (features, space..., samples).
template <detail::EigenTensor T>
[[nodiscard]] View<detail::NumberIn<T>> view(T&& tensor) {
  static_assert(std::is_lvalue_reference_v<T>, "a view of a tensor that is a temporary: give it a name first");
  using Given = std::remove_cvref_t<T>;
  constexpr int rank = Given::NumDimensions;
  static_assert(rank >= 2 && rank <= 5, "a state is a tensor (features, up to three axes of space, samples)");
  static_assert(static_cast<int>(Given::Layout) == static_cast<int>(Eigen::ColMajor),
                "a state is column-major: features first");
  Shape shape{tensor.dimension(0), {1, 1, 1}, tensor.dimension(static_cast<std::size_t>(rank - 1))};
  for (int axis = 1; axis + 1 < rank; ++axis)
    shape.space[static_cast<std::size_t>(axis - 1)] = tensor.dimension(static_cast<std::size_t>(axis));
  return {tensor.data(), shape};
}

/// The scalar of whatever view() takes, without const: of a State, a View, a matrix or a tensor.
template <class T>
using ScalarOf = typename decltype(view(std::declval<std::remove_reference_t<T>&>()))::Value;

}  // namespace basin
