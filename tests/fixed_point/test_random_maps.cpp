// Random maps, with and without fixed points, contractive and not, in float and double, by every method under random
// stop rules: whatever ends as converged is looked at again in long double.
//
// Promised of each of them, apart from what the scalar rounds: its residual is at most twice its tolerance, and
//   - a fixed point is near: Newton's method in long double finds it within a tenth of |z| and ten times what the
//     tolerance can tell, which is the tolerance over the least singular value of f' - I; or
//   - none is near, and the residual is at most twice what the start's scale allows, or a tenth of that of the start.
//     A translation, whose residual is the same everywhere, may pass at its start alone; z + b (1 + sin(z) / 2), whose
//     residual never falls below a third of itself, not by a fall.
// Not promised: that each has a fixed point near. A test of residuals cannot tell a small residual from a root. Two of
// a thousand maps may end as converged without one, and apart from these one of a hundred whose kind is flat_far_away,
// with a residual that falls to nothing at infinity.
//
// Ten thousand run with the other tests. A million, or any number, by hand, with a table of the counts:
//   test_fixed_point "a million random maps: what ends as converged is a fixed point, or its residual fell"

#include <Eigen/LU>
#include <Eigen/SVD>
#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "basin/fixed_point/picard.hpp"
#include "fixed_point/written_map.hpp"

using namespace basin;

namespace {

struct Draw {
  std::mt19937_64 bits;
  double uniform(double low, double high) {
    return low + (high - low) * static_cast<double>(bits() >> 11) / 9007199254740992.0;
  }
  double power(double low, double high) { return std::pow(10.0, uniform(low, high)); }  ///< 10^low to 10^high
  double sign() { return bits() % 2 == 0 ? 1.0 : -1.0; }
  int below(int n) { return static_cast<int>(bits() % static_cast<unsigned>(n)); }
};

enum Kind {
  affine,         // A z + b, norm of A from 0.1 to 3
  singular,       // the same with I - A singular or nearly so
  network,        // tanh(A z + b)
  translation,    // z + b: no fixed point
  drift,          // z + b (1 + sin(z) / 2): none
  arctangent,     // z - a atan(z - b)
  tangent,        // z - a tanh(z - b)
  nearly_still,   // (1 + a) z + b with a tiny
  square,         // z^2 + b
  exponential,    // exp(a z) + b
  root,           // sqrt(z + b) + a: not everywhere
  reciprocal,     // a / z + b
  logistic,       // a z (1 - z)
  flat_far_away,  // z + exp(-z) + b, b >= 0: none, and nearly one far away where b = 0
  kinds
};
constexpr std::array<std::string_view, kinds> kind_names{
    "affine",       "singular", "network",     "translation", "drift",      "arctangent", "tangent",
    "nearly_still", "square",   "exponential", "root",        "reciprocal", "logistic",   "flat_far_away"};

/// A map of a few numbers, in units of `unit`. Its constants are those that the solve saw, in whatever scalar it is
/// evaluated.
struct RandomMap {
  Kind kind;
  Index size;
  double unit;
  std::vector<double> matrix, a, b;

  template <class T>
  void operator()(const T* z, T* out) const {
    for (Index i = 0; i < size; ++i) {
      const auto s = static_cast<std::size_t>(i);
      const T u = static_cast<T>(unit), x = z[i] / u, p = static_cast<T>(a[s]), q = static_cast<T>(b[s]);
      T y = 0;
      if (kind == affine || kind == singular || kind == network) {
        for (Index j = 0; j < size; ++j)
          y += static_cast<T>(matrix[s * static_cast<std::size_t>(size) + static_cast<std::size_t>(j)]) * (z[j] / u);
        y += q;
      }
      switch (kind) {
        case network:
          y = std::tanh(y);
          break;
        case translation:
          y = x + q;
          break;
        case drift:
          y = x + q * (1 + std::sin(x) / 2);
          break;
        case arctangent:
          y = x - p * std::atan(x - q);
          break;
        case tangent:
          y = x - p * std::tanh(x - q);
          break;
        case nearly_still:
          y = (1 + p) * x + q;
          break;
        case square:
          y = x * x + q;
          break;
        case exponential:
          y = std::exp(p * x) + q;
          break;
        case root:
          y = std::sqrt(x + q) + p;
          break;
        case reciprocal:
          y = p / x + q;
          break;
        case logistic:
          y = p * x * (1 - x);
          break;
        case flat_far_away:
          y = x + std::exp(-x) + std::abs(q);
          break;
        default:
          break;
      }
      out[i] = y * u;
    }
  }
};

template <class S>
RandomMap random_map(Draw& draw) {
  const Kind kind = static_cast<Kind>(draw.below(kinds));
  const Index size = 1 + draw.below(6);
  RandomMap map{kind, size, draw.below(3) == 0 ? draw.power(-6, 6) : 1.0, {}, {}, {}};
  const auto seen = [](double value) { return static_cast<double>(static_cast<S>(value)); };
  map.unit = seen(map.unit);
  const double amplitude = kind == nearly_still ? draw.power(-7, -1) : kind == logistic ? 4.0 : draw.power(-1, 0.7);
  for (Index i = 0; i < size; ++i) {
    map.a.push_back(
        seen(kind == logistic ? draw.uniform(0.5, amplitude) : draw.sign() * amplitude * draw.uniform(0.5, 1)));
    map.b.push_back(seen(draw.sign() * draw.power(-2, 1)));
  }
  Matrix<double> m(size, size);
  for (double& entry : m.reshaped()) entry = draw.uniform(-1, 1);
  m *= draw.power(-1, 0.5) / m.norm();
  if (kind == singular) {  // one direction in which the map stands still, but for a trifle
    Vector<double> v(size);
    for (double& entry : v) entry = draw.uniform(-1, 1);
    v.normalize();
    m += v * (v - m.transpose() * v).transpose() * (1 + draw.sign() * (draw.below(2) == 0 ? 0.0 : draw.power(-12, -2)));
  }
  for (Index i = 0; i < size; ++i) {
    for (Index j = 0; j < size; ++j) map.matrix.push_back(seen(m(i, j)));
  }
  return map;
}

using Wide = long double;

Vector<Wide> at(const RandomMap& map, const Vector<Wide>& z) {
  Vector<Wide> out(z.size());
  map(z.data(), out.data());
  return out;
}

Wide length(const Vector<Wide>& v, Norm norm) {
  if (norm == Norm::maximum) return v.cwiseAbs().maxCoeff();
  return norm == Norm::euclidean ? v.norm() : v.norm() / std::sqrt(static_cast<Wide>(v.size()));
}

Matrix<Wide> slope(const RandomMap& map, const Vector<Wide>& z) {  // of f(z) - z
  Matrix<Wide> j(z.size(), z.size());
  for (Index i = 0; i < z.size(); ++i) {
    const Wide h = 1e-7L * (std::abs(z[i]) + static_cast<Wide>(map.unit) * 1e-3L);
    Vector<Wide> up = z, down = z;
    up[i] += h;
    down[i] -= h;
    j.col(i) = ((at(map, up) - up) - (at(map, down) - down)) / (up[i] - down[i]);
  }
  return j;
}

/// Whether a fixed point is near z, as far as the tolerance can tell it: by Newton's method in long double.
bool fixed_point_near(const RandomMap& map, const Vector<Wide>& z, Wide tolerance) {
  const Matrix<Wide> j = slope(map, z);
  if (!j.allFinite()) return false;
  const Wide least = j.jacobiSvd().singularValues().minCoeff();
  const Wide bound = 10 * tolerance / least + 0.1L * z.norm();
  if (std::isinf(bound)) return false;
  Vector<Wide> root = z;
  for (int i = 0; i < 60; ++i) {
    const Vector<Wide> step = slope(map, root).fullPivLu().solve(at(map, root) - root);
    root -= step;
    if (!root.allFinite() || (root - z).norm() > bound) return false;
    if (step.norm() <= 1e-10L * (root.norm() + static_cast<Wide>(map.unit) * 1e-3L)) return true;
  }
  return false;
}

using Method = AnyMethod<Picard, Anderson<5>, Broyden<20>, test::Again<Broyden<2>, 'a'>, BroydenBad<>, Klement,
                         NewtonGmres<>, Chord<>, PseudoTransient<>>;

Method random_method(Draw& draw) {
  Method method{Method::names()[static_cast<std::size_t>(draw.below(static_cast<int>(Method::names().size())))]};
  const int variant = draw.below(5);
  if (auto* const picard = method.get<Picard>(); picard != nullptr && variant < 2) picard->damping = 0.5;
  if (auto* const newton = method.get<NewtonGmres<>>(); newton != nullptr && variant < 2) {
    if (variant == 1) newton->globalization = Globalization::line_search;
    newton->recycle = false;
  }
  if (auto* const anderson = method.get<Anderson<5>>()) {
    if (variant == 0) anderson->damping = 0.5;
    if (variant == 1 || variant == 2) anderson->depth = variant;
    if (variant == 3) *anderson = {.delay = 3, .max_rise = 1, .choose_damping = damping_by_gain};
  }
  return method;
}

using ByKind = std::array<int, kinds>;

struct Count {
  int maps = 0, converged = 0, wrong = 0;
  // What converged, by the evidence there is:
  ByKind near{};     ///< a fixed point is near
  ByKind at_once{};  ///< none is near, and the start itself was taken: its residual is within the tolerance
  ByKind within{};   ///< none is near, and the residual is within the tolerance that the start asked for
  ByKind fell{};     ///< none is near, and the residual is a tenth of that of the start, or less
};

bool has_no_fixed_point(Kind kind) { return kind == translation || kind == drift || kind == flat_far_away; }

/// One map and one solve.
template <class S>
void try_one(std::uint64_t number, Count& count) {
  Draw draw{std::mt19937_64(number)};
  const RandomMap map = random_map<S>(draw);
  constexpr bool single = std::is_same_v<S, float>;
  Stop stop{.tolerance = draw.power(single ? -5 : -11, -2), .norm = static_cast<Norm>(draw.below(3))};
  stop.max_evaluations = 20 + draw.below(200);
  switch (draw.below(4)) {
    case 0:
      stop.absolute_tolerance = 0;
      break;
    case 1:
      stop.absolute_tolerance = stop.tolerance * map.unit;
      stop.tolerance = 0;
      break;
    case 2:
      stop.absolute_tolerance = stop.tolerance * map.unit;
      break;
    default:
      break;
  }
  if (draw.below(3) == 0) {
    stop.stall_window = 0;
    stop.divergence_factor = std::numeric_limits<double>::infinity();
  }
  const Method method = random_method(draw);
  Matrix<S> start(map.size, 1);
  const double far = draw.below(4) == 0 ? 0.0 : map.unit * draw.power(-2, 2);
  for (S& entry : start.reshaped()) entry = static_cast<S>(far * draw.uniform(-1, 1));

  const auto f = [&](View<const S> z, View<S> out) { map(z.data(), out.data()); };
  const Solution<S> solution = solve(f, start, method, stop);
  const SampleResult& result = solution.samples[0];
  ++count.maps;
  if (result.evaluations > stop.max_evaluations) ++count.wrong;
  // A line search tries as often as it likes.
  if (result.retries > stop.max_retries && method.name() != NewtonGmres<>::name) ++count.wrong;
  if (result.status != Status::converged) return;
  ++count.converged;

  const Vector<Wide> z = solution.value.values.template cast<Wide>(), value = at(map, z);
  const Vector<Wide> z0 = start.col(0).template cast<Wide>(), value0 = at(map, z0);
  const Wide absolute = static_cast<Wide>(stop.absolute()), relative = static_cast<Wide>(stop.tolerance);
  const Wide residual = length(value - z, stop.norm);
  const Wide start_scale = std::max(length(value0, stop.norm), length(value0 - z0, stop.norm));
  // What the scalar cannot resolve, at the scale of the start and of the map's constants.
  const Wide rounding =
      16 * static_cast<Wide>(std::numeric_limits<S>::epsilon()) *
      std::min(length(z, stop.norm) + static_cast<Wide>(map.unit), 10 * (start_scale + static_cast<Wide>(map.unit)));
  const Wide tolerance = absolute + relative * length(value, stop.norm);
  const bool small = residual <= 2 * tolerance + rounding;
  if (small) {
    const Wide all = std::sqrt(static_cast<Wide>(map.size));
    if (!has_no_fixed_point(map.kind) && fixed_point_near(map, z, (tolerance + rounding) * all)) {
      ++count.near[map.kind];
      return;
    }
    // The residual of a translation is the same everywhere: only its start may be taken.
    const bool taken_at_once = result.evaluations == 1;
    if (residual <= 2 * (absolute + relative * start_scale) + rounding && (taken_at_once || map.kind != translation)) {
      ++(taken_at_once ? count.at_once : count.within)[map.kind];
      return;
    }
    if (residual <= 0.11L * length(value0 - z0, stop.norm) + rounding && map.kind != translation && map.kind != drift) {
      ++count.fell[map.kind];
      return;
    }
  }
  ++count.wrong;
  std::ostringstream text;
  text << "map " << number << ", kind " << map.kind << ", " << (single ? "float" : "double") << ", " << method.name()
       << ": residual " << residual << ", tolerance " << tolerance << " (" << absolute << " + " << relative
       << " |f|), scale of the start " << start_scale << ", norm " << static_cast<int>(stop.norm) << ", unit "
       << map.unit << ", evaluations " << result.evaluations << ", z " << z.transpose() << ", from " << z0.transpose();
  UNSCOPED_INFO(text.str());
}

Count try_maps(std::uint64_t maps) {
  Count count;
  for (std::uint64_t i = 0; i < maps && count.wrong < 5; ++i) {
    if (i % 2 == 0) {
      try_one<float>(i, count);
    } else {
      try_one<double>(i, count);
    }
  }
  return count;
}

int sum(const ByKind& counts) { return std::accumulate(counts.begin(), counts.end(), 0); }

/// What converged with no fixed point near.
int without(const Count& count, std::size_t kind) {
  return count.at_once[kind] + count.within[kind] + count.fell[kind];
}

/// The same of all kinds but the one whose residual falls to nothing at infinity.
int without_fixed_point(const Count& count) {
  int all = 0;
  for (std::size_t kind = 0; kind < kinds; ++kind) all += kind == flat_far_away ? 0 : without(count, kind);
  return all;
}

std::string table(const Count& count) {
  std::ostringstream text;
  text << count.converged << " of " << count.maps << " converged, " << sum(count.near)
       << " of them near a fixed point. Near none:\n";
  for (std::size_t kind = 0; kind < kinds; ++kind) {
    if (without(count, kind) == 0) continue;
    text << kind_names[kind] << ": the start itself " << count.at_once[kind] << ", within its tolerance "
         << count.within[kind] << ", fell to a tenth " << count.fell[kind] << "\n";
  }
  text << "all kinds but flat_far_away: " << without_fixed_point(count) << ", which is "
       << 1000.0 * without_fixed_point(count) / count.maps << " of a thousand maps";
  return text.str();
}

void check_evidence(const Count& count) {
  INFO(table(count));
  const int apart = without(count, flat_far_away), rest = without_fixed_point(count);
  CHECK(sum(count.near) + apart + rest == count.converged);
  CHECK(1000 * rest <= 2 * count.maps);
  CHECK(100 * apart <= count.maps);
}

}  // namespace

TEST_CASE("random maps: what ends as converged is a fixed point, or its residual fell", "[unit]") {
  const Count count = try_maps(10000);
  CHECK(count.wrong == 0);
  CHECK(count.maps == 10000);
  CHECK(sum(count.near) > 3000);
  check_evidence(count);
}

TEST_CASE("a million random maps: what ends as converged is a fixed point, or its residual fell", "[.long]") {
  const Count count = try_maps(1000000);
  CHECK(count.wrong == 0);
  CHECK(count.maps == 1000000);
  CHECK(sum(count.near) > 300000);
  WARN(table(count));
  check_evidence(count);
}
