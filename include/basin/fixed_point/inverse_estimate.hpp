#pragma once

// What a quasi-Newton method knows of the inverse of I - J, J = df/dz, when its solve of z = f(z) has ended: a product
// of factors, for one sample,
//
//   (I - J)^-1 ~ (I + c_m l_m r_m^T) ... (I + c_1 l_1 r_1^T)        l, r: vectors of the size of the sample
//
// A method hands it out by
//
//   method.each_factor(memory, visit)        visit(c, l, r) for the factors from the first, const S* l and r
//
// as Broyden does. Its arrays end with the solve, so that solve_keeping_inverses, which runs a solve, copies them.

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "basin/core/buffer.hpp"
#include "basin/fixed_point/method.hpp"
#include "basin/fixed_point/solve.hpp"

namespace basin {

/// A method that hands out what it has learned of the inverse, as Broyden's does.
template <class M, class S = float>
concept HandsOutInverse = FixedPointMethod<M, S> &&
    requires(const M& method, const detail::MethodMemory<M, S>& memory, void (*visit)(double, const S*, const S*)) {
  method.each_factor(memory, visit);
};

/// The factors of one sample; without any it is the identity.
template <class S>
class InverseEstimate {
 public:
  /// The identity.
  InverseEstimate() = default;

  /// Copies the factors that the method hands out, given its memory of a sample of `size` numbers.
  template <class Method>
  InverseEstimate(const Method& method, const detail::MethodMemory<Method, S>& memory, const Extent& size)
      : size_(size), vectors_(size) {
    const S* last_left = nullptr;
    method.each_factor(memory, [&](double c, const S* left, const S* right) {
      // One factor's left may be the next one's right: it is kept once.
      const std::size_t of_right = right == last_left ? factors_.back().left : keep(right);
      factors_.push_back({c, keep(left), of_right});
      last_left = left;
    });
  }

  /// How many factors it is made of.
  [[nodiscard]] std::size_t factors() const { return factors_.size(); }

  /// out = the estimate times v.
  void apply(View<const S> v, View<S> out) const {
    out.vector() = v.vector();
    for (const Factor& f : factors_) add(f.c, vectors_[f.right], vectors_[f.left], out);
  }
  /// out = its transpose times w.
  void apply_transposed(View<const S> w, View<S> out) const {
    out.vector() = w.vector();
    for (std::size_t i = factors_.size(); i-- > 0;) {
      add(factors_[i].c, vectors_[factors_[i].left], vectors_[factors_[i].right], out);
    }
  }

 private:
  struct Factor {
    double c;
    std::size_t left, right;  // of vectors_
  };

  std::size_t keep(const S* vector) {
    std::copy_n(vector, vectors_.length(), vectors_.append());
    return vectors_.size() - 1;
  }
  /// v += c (measured, v) along
  void add(double c, const S* measured, const S* along, View<S> v) const {
    const double factor = c * detail::dot(measured, v.data(), size_);
    v.vector() += static_cast<S>(factor) * detail::ConstVectorMap<S>(along, v.size());
  }

  Extent size_;
  ArrayList<S> vectors_;
  std::vector<Factor> factors_;
};

namespace detail {

/// A method whose memories were made before, and are left behind as they were after the last step of each sample.
template <class S, class Method>
struct LeavesMemory {
  const Method& method;
  MethodMemory<Method, S>* memories;  // of the samples of a tile
  Index* started;

  template <class T>
  struct Memory {
    MethodMemory<Method, S> inner;
    Index sample;
    Extent size;  ///< of the sample
  };

  template <class T>
  [[nodiscard]] Memory<T> start(const Extent& size, Scratch&) const {
    const Index sample = (*started)++;
    return {memories[sample], sample, size};
  }
  ResidualNorms take_in(Memory<S>& m, std::span<const S> z, std::span<const S> f) const {
    return detail::take_in<S>(method, m.inner, View<const S>(z.data(), Shape{static_cast<Index>(z.size())}),
                              View<const S>(f.data(), Shape{static_cast<Index>(f.size())}), m.size);
  }
  void step(Memory<S>& m, std::span<S> z, std::span<const S> f) const {
    method.step(m.inner, z, f);
    memories[m.sample] = m.inner;
  }
};

/// solve_tile that leaves an estimate for each sample.
template <class S, class Map, class Method>
void solve_keeping_inverses(const Map& f, View<S> z, const Method& method, const Stop& stop,
                            std::span<SampleResult> results, std::span<InverseEstimate<S>> inverses) {
  static_assert(HandsOutInverse<Method, S>);
  const Extent size = extent_of(f, z.shape().with_samples(1));
  Scratch scratch;
  auto* const memories = scratch.take<MethodMemory<Method, S>>(z.samples());
  for (Index n = 0; n < z.samples(); ++n) std::construct_at(memories + n, method.template start<S>(size, scratch));
  Index started = 0;
  solve_tile(f, z, LeavesMemory<S, Method>{method, memories, &started}, stop, results);
  for (Index n = 0; n < z.samples(); ++n) {
    inverses[static_cast<std::size_t>(n)] = InverseEstimate<S>(method, memories[n], size);
  }
}

}  // namespace detail

}  // namespace basin
