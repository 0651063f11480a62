#pragma once

// One type for the maps of many tests, so that a solve is compiled once for all of them; and the methods that are more
// than Picard, Anderson and Broyden's good one, as one type, too.

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "basin/fixed_point/anderson.hpp"
#include "basin/fixed_point/any_method.hpp"
#include "basin/fixed_point/broyden.hpp"
#include "basin/fixed_point/broyden_bad.hpp"
#include "basin/fixed_point/chord.hpp"
#include "basin/fixed_point/klement.hpp"
#include "basin/fixed_point/newton_gmres.hpp"
#include "basin/fixed_point/projected.hpp"
#include "basin/fixed_point/pseudo_transient.hpp"
#include "basin/fixed_point/solve.hpp"

namespace basin::test {

/// f, J t, and if there is one P v, of one sample each, from vectors to vectors. Counts what it is asked for.
struct WrittenMap {
  std::function<Vector<double>(const Vector<double>&)> f;
  std::function<Vector<double>(const Vector<double>& z, const Vector<double>& t)> jacobian;
  std::function<Vector<double>(const Vector<double>&)> inverse{};
  int* products = nullptr;

  void operator()(View<const double> z, View<double> out) const {
    for (Index n = 0; n < z.samples(); ++n) out.sample(n).vector() = f(z.sample(n).vector());
  }

  struct Linear {
    const WrittenMap& map;
    Vector<double> z;
    void jvp(View<const double> t, View<double> out) const {
      if (map.products != nullptr) ++*map.products;
      out.vector() = map.jacobian(z, t.vector());
    }
    void precondition(View<const double> v, View<double> out) const {
      out.vector() = map.inverse ? map.inverse(v.vector()) : Vector<double>(v.vector());
    }
  };
  [[nodiscard]] Linear linearize(View<const double> z, std::span<const Index>) const { return {*this, z.vector()}; }
};

/// The same method under a name of its own, so that one AnyMethod holds it beside others of its kind.
template <class Method, char mark>
struct Again : Method {
  static constexpr char text[] = {mark, '\0'};
  static constexpr std::string_view name = text;
};

/// Bases of 60 and 80, so that no problem here is too large for one basis.
using MoreMethods =
    AnyMethod<NewtonGmres<>, Chord<>, BroydenBad<4>, Klement, PseudoTransient<80>, Projected<Anderson<3>>>;

using Seen = std::function<void(const Iterate<double>&)>;

inline Solution<double> solved(
    const WrittenMap& map, const Vector<double>& start, const MoreMethods& method, const Stop& stop,
    const Seen& seen = [](const Iterate<double>&) {}) {
  return solve(map, start, method, stop, seen);
}

}  // namespace basin::test
