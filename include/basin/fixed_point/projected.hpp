#pragma once

// Bounds on the state: a method whose iterates stay in a box.
//
//   z <- P(what the method makes of z)        P(z)_i = min(max(z_i, lower_i), upper_i)
//
// What is solved is still z = f(z): a fixed point inside the box, or on its border. f is never evaluated outside, not
// at trial points within a step either, where it is f(P(z)), nor by differences: it may be undefined there. A method
// that takes for granted that z is where its step led (Broyden) begins anew where it was moved. A start outside is
// moved, too. Where the border stops a solve short of a fixed point, it ends as stalled, or by its evaluations.
//
// For a solution that the border is meant to hold (z = P(f(z))) put P into f. D. P. Bertsekas 1976, IEEE Trans. Autom.
// Control 21(2), for steps that are projected. Memory of a sample: that of the method, and a vector while it steps.

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "basin/core/scratch.hpp"
#include "basin/fixed_point/method.hpp"
#include "basin/fixed_point/sample_map.hpp"
#include "basin/linear/vector_passes.hpp"

namespace basin {

/// A Method within bounds. AnyMethod knows it as the method itself.
template <class Method>
struct Projected {
  static constexpr std::string_view name = [] {
    if constexpr (requires { Method::name; }) {
      return Method::name;
    } else {
      return std::string_view{};
    }
  }();

  Method method{};  ///< the method whose iterates are kept in the box, with its options
  double lower = -std::numeric_limits<double>::infinity();  ///< of every number
  double upper = std::numeric_limits<double>::infinity();   ///< of every number, at least `lower`
  /// Of each number of a sample, besides; the caller keeps them alive. Empty: none.
  std::span<const double> lower_of_each{}, upper_of_each{};

  template <class S>
  struct Memory {
    detail::MethodMemory<Method, S> inner, fresh;  ///< of the method: now, and as it began
    Extent size;                                   ///< of the sample
  };

  template <class S>
  [[nodiscard]] Memory<S> start(const Extent& size, Scratch& scratch) const {
    const auto as_long = [&](std::span<const double> bounds) {
      return bounds.empty() || static_cast<Index>(bounds.size()) == size;
    };
    check(as_long(lower_of_each), "number of lower_of_each of Projected", lower_of_each.size(), size);
    check(as_long(upper_of_each), "number of upper_of_each of Projected", upper_of_each.size(), size);
    for (std::size_t i = 0; i < static_cast<std::size_t>(size); ++i) {
      if (!(lowest(i) <= highest(i))) {  // no text is made where nothing is wrong
        check(false, "lower bound of Projected", lowest(i), "at most the upper one, " + std::to_string(highest(i)));
      }
    }
    const auto memory = method.template start<S>(size, scratch);
    return {memory, memory, size};
  }

  template <class S>
  void project(std::span<S> z) const {
    static_cast<void>(moved(z));
  }

  template <class Held, class S>
  ResidualNorms take_in(Held& memory, std::span<const S> z, std::type_identity_t<std::span<const S>> f) const {
    if constexpr (requires { method.take_in(memory.inner, z, f); }) {
      return method.take_in(memory.inner, z, f);
    } else {
      return detail::residual_norms(z.data(), f.data(), memory.size);
    }
  }

  template <class Held, class S, class Map>
  bool step(Held& memory, std::span<S> z, std::span<S> f, const SampleMap<S, Map>& map) const {
    Scratch scratch;
    const std::span<S> before(scratch.take<S>(static_cast<Index>(z.size())), z.size());
    std::copy(z.begin(), z.end(), before.begin());
    bool evaluated = false;
    if constexpr (detail::StepsWithMap<Method, S, Map>) {
      const Inside<S, Map> inside{*this, map.inner()};
      evaluated = method.step(memory.inner, z, f, map.through(inside));  // f is that of P(z)
    } else {
      method.step(memory.inner, z, std::span<const S>(f));
    }
    if (!memory.size.any(moved(z))) return evaluated;
    if constexpr (!requires { Method::may_be_moved; }) memory.inner = memory.fresh;
    if (!memory.size.any(!std::equal(z.begin(), z.end(),
                                     before.begin()))) {  // nothing was learnt, and the same step would come again
      memory.inner = memory.fresh;
      if (!evaluated) {
        std::copy(f.begin(), f.end(), z.begin());
        project(z);
      }
    }
    return evaluated;
  }

 private:
  /// The map, evaluated at P(z).
  template <class S, class Map>
  struct Inside {
    const Projected& box;
    const Map& f;

    void operator()(View<const S> z, View<S> out, std::span<const Index> samples) const {
      Scratch scratch;
      const View<S> within = scratch.state<S>(z.shape());
      within.vector() = z.vector();
      static_cast<void>(box.moved(std::span<S>(within.data(), static_cast<std::size_t>(z.size()))));
      detail::evaluate<S>(f, View<const S>(within), out, samples);
    }
    [[nodiscard]] Extent extent(const Shape& one) const requires detail::is_split<Map> { return f.extent(one); }
    auto linearize(View<const S> z, std::span<const Index> samples) const requires LinearizableMap<Map, S> {
      return f.linearize(z, samples);
    }
  };

  [[nodiscard]] double lowest(std::size_t i) const {
    return lower_of_each.empty() ? lower : std::max(lower, lower_of_each[i]);
  }
  [[nodiscard]] double highest(std::size_t i) const {
    return upper_of_each.empty() ? upper : std::min(upper, upper_of_each[i]);
  }

  /// Whether any number was outside.
  template <class S>
  [[nodiscard]] bool moved(std::span<S> z) const {
    bool any = false;
    for (std::size_t i = 0; i < z.size(); ++i) {
      const S low = static_cast<S>(lowest(i)), high = static_cast<S>(highest(i));
      any = any || z[i] < low || z[i] > high;
      z[i] = std::min(std::max(z[i], low), high);
    }
    return any;
  }
};

}  // namespace basin
