#pragma once

// How long a vector is whose numbers may lie on several processes, and how sums over it are completed.
//
// Solvers see the numbers of one sample that this process has, and work on them as if they were all; only sums and
// maxima need the others. So a map, or an operator, whose samples are split has a member
//
//   f.extent(const Shape& one) -> Extent        of one sample; one: the shape of the part that is here
//
// and whoever adds up numbers of a sample hands its sums to Extent::complete. All processes then take the same
// decisions, as these follow from the same bits. A map without that member has all of a sample.

#include <array>
#include <cmath>
#include <concepts>
#include <limits>
#include <span>

#include "basin/core/state.hpp"

namespace basin {

/// Puts together what the processes found that share a sample. Each calls the same functions in the same order, and
/// all get the same bits.
class Reduction {
 public:
  virtual ~Reduction() = default;
  /// Each number becomes its sum over all of them.
  virtual void sum(std::span<double> numbers) const = 0;
  /// Each number, none of them NaN, becomes the largest.
  virtual void maximum(std::span<double> numbers) const = 0;
};

/// The numbers of one sample: those that are here, which is what it is taken for where a count is wanted, and all.
class Extent {
 public:
  /// All of them are here.
  Extent(Index count = 0) : here_(count), whole_(count) {}
  /// `here` of `whole`; what `others` refers to has to live as long as this is used.
  Extent(Index here, Index whole, const Reduction& others) : here_(here), whole_(whole), others_(&others) {}

  /// Numbers that are here.
  operator Index() const { return here_; }
  [[nodiscard]] Index here() const { return here_; }    ///< numbers that are here
  [[nodiscard]] Index whole() const { return whole_; }  ///< of all

  /// Sums over the numbers that are here become sums over all.
  void complete(std::span<double> sums) const {
    if (others_ != nullptr) others_->sum(sums);
  }
  /// The same for one.
  [[nodiscard]] double complete(double sum) const {
    complete(std::span<double>(&sum, 1));
    return sum;
  }
  /// The same for maxima, none of them NaN.
  void complete_maxima(std::span<double> maxima) const {
    if (others_ != nullptr) others_->maximum(maxima);
  }
  /// The Euclidean length of all the numbers, of that of those that are here.
  [[nodiscard]] double complete_length(double length) const {
    if (others_ == nullptr) return length;
    std::array<double, 2> most{std::isnan(length) ? 0 : length, std::isnan(length) ? 1.0 : 0.0};
    complete_maxima(most);
    if (most[1] > 0) return std::numeric_limits<double>::quiet_NaN();
    const double largest = most[0];
    if (largest == 0 || std::isinf(largest)) return largest;
    return largest * std::sqrt(complete(length / largest * (length / largest)));
  }
  /// Whether it is so anywhere.
  [[nodiscard]] bool any(bool here) const {
    double found = here ? 1 : 0;
    complete_maxima(std::span<double>(&found, 1));
    return found > 0;
  }

 private:
  Index here_, whole_;
  const Reduction* others_ = nullptr;
};

namespace detail {

/// Whether samples of a map or an operator are split.
template <class F>
inline constexpr bool is_split = requires(const F& f, const Shape& one) {
  f.extent(one);
};

/// Of a sample of this shape, as f says, which is a map or an operator.
template <class F>
[[nodiscard]] Extent extent_of([[maybe_unused]] const F& f, const Shape& one) {
  if constexpr (is_split<F>) {
    return f.extent(one);
  } else {
    return one.sample_size();
  }
}

/// A body that is called where samples are split.
template <class Body>
struct SplitBody {
  Extent of_sample;
  Body body;

  [[nodiscard]] Extent extent(const Shape& /*one*/) const { return of_sample; }
  template <class... Arguments>
  requires std::invocable<const Body&, const Arguments&...>
  auto operator()(const Arguments&... arguments) const { return body(arguments...); }
};

/// The body, as a map or an operator whose samples are split as those of f, a sample of this shape.
template <class F, class Body>
[[nodiscard]] auto split_as([[maybe_unused]] const F& f, [[maybe_unused]] const Shape& one, const Body& body) {
  if constexpr (is_split<F>) {
    return SplitBody<Body>{f.extent(one), body};
  } else {
    return body;
  }
}

}  // namespace detail

}  // namespace basin
