// The systems of More, Garbow and Hillstrom as fixed-point maps, by every method: what ends as converged is a solution,
// recomputed in long double, and what the tests for stall and divergence end would not have converged without them.

#include <algorithm>
#include <catch2/catch.hpp>

#include "exam/elimination.hpp"
#include "exam/methods.hpp"
#include "exam/more_garbow_hillstrom.hpp"

using namespace basin;
using exam::mgh::Form;
using exam::mgh::Numbers;
using exam::mgh::System;

namespace {

using exam::Method;

const std::vector<std::pair<std::string, Method>>& methods() {
  static const std::vector<std::pair<std::string, Method>> all{
      {"picard", Picard{}},
      {"anderson, window 2", exam::anderson(2)},
      {"anderson", exam::anderson(5)},
      {"anderson, window 10", exam::anderson(10)},
      {"broyden", Broyden<20>{}},
      {"newton_gmres, line search", exam::newton_by_line_search()},
      {"newton_gmres", NewtonGmres<>{}},
      {"broyden_bad", BroydenBad<20>{}},
      {"klement", Klement{}},
      {"chord", Chord<>{}},
      {"pseudo_transient", PseudoTransient<>{}},
      {"anderson, delayed", exam::delayed_anderson(5)},
      {"picard, damped", Picard{.damping = 0.5}},
      {"anderson, damped", exam::anderson(5, 0.5)}};
  return all;
}

Solution<double> solved(const System& system, const Form& form, const Method& method, const Stop& stop) {
  const exam::Map map = [&](View<const double> z, View<double> out) {
    const Numbers<double> x = z.vector();
    out.vector() = form.apply(x, system.in_double(x));
  };
  return exam::solved(map, system.start, method, stop);
}

/// Distance to a root of F near x, by Newton's method in long double, or to the published one if that finds none;
/// infinity if there is none of either.
long double distance_to_root(const System& system, const Numbers<long double>& x) {
  Numbers<long double> root = x;
  for (int i = 0; i < 100; ++i) {
    const Numbers<long double> f = system.in_long_double(root);
    if (f.isZero(0)) return (root - x).norm();  // where the Jacobian may be singular
    const Numbers<long double> step = exam::eliminated<long double>(exam::mgh::jacobian(system, root), f);
    root -= step;
    if (!root.allFinite()) break;
    if (step.norm() <= 1e-9L * (1 + root.norm())) return (root - x).norm();
  }
  if (system.published.size() > 0) return (system.published.cast<long double>() - x).norm();
  return std::numeric_limits<long double>::infinity();
}

}  // namespace

TEST_CASE("no problem of More, Garbow and Hillstrom ends as converged where there is no solution", "[exam]") {
  int converged = 0, solves = 0;
  for (const System& system : exam::mgh::systems()) {
    for (const Form& form : exam::mgh::forms(system)) {
      for (const auto& [method_name, method] : methods()) {
        for (const Stop& stop : {Stop{.max_evaluations = 300}, Stop{.tolerance = 1e-9, .max_evaluations = 500},
                                 Stop{.tolerance = 0, .absolute_tolerance = 1e-10, .max_evaluations = 300},
                                 Stop{.tolerance = 1e-9,
                                 .max_evaluations = 300,
                                 .stall_window = 0,
                                 .divergence_factor = std::numeric_limits<double>::infinity()}}) {
          const auto solution = solved(system, form, method, stop);
          const SampleResult& result = solution.samples[0];
          ++solves;
          CHECK(result.evaluations <= stop.max_evaluations);
          if (result.status != Status::converged) continue;
          ++converged;
          const Numbers<long double> z = solution.value.values.cast<long double>();
          const Numbers<long double> value = form.apply(z, system.in_long_double(z));
          const double residual = static_cast<double>((value - z).norm()), scale = static_cast<double>(value.norm());
          INFO(system.name << " as " << form.name << " by " << method_name << ", tolerance " << stop.tolerance << ": z "
                           << solution.value.values.transpose() << ", residual " << residual << ", evaluations "
                           << result.evaluations);
          const double tolerance = stop.absolute() + stop.tolerance * scale;
          CHECK(residual <= 2 * tolerance);
          // A root is near, or as near as the tolerance can tell where F is all but singular.
          const Matrix<long double> j = form.factor.cast<long double>() * exam::mgh::jacobian(system, z);
          const Matrix<long double> inverse = exam::eliminated<long double>(j, j.Identity(j.rows(), j.rows()));
          // At most |J^-1|.
          const double told = tolerance * static_cast<double>(inverse.norm() / std::sqrt(j.rows()));
          CHECK(distance_to_root(system, z) <= std::max(0.1L * (1 + z.norm()), 10.0L * told));
        }
      }
    }
  }
  CHECK(converged > solves / 2);
}

TEST_CASE("the tests for stall and divergence end hardly a solve that would have converged", "[exam]") {
  std::vector<std::string> lost, lost_by_wanderers;
  int compared = 0;
  for (const System& system : exam::mgh::systems()) {
    for (const Form& form : exam::mgh::forms(system)) {
      for (const auto& [method_name, method] : methods()) {
        Stop stop{.tolerance = 1e-9, .max_evaluations = 500};
        const auto with = solved(system, form, method, stop);
        stop.stall_window = 0;
        stop.divergence_factor = std::numeric_limits<double>::infinity();
        const auto without = solved(system, form, method, stop);
        if (without.samples[0].status != Status::converged) continue;
        ++compared;
        if (with.samples[0].status == Status::converged) continue;
        // What neither searches nor mixes from the first step on comes back from farther away.
        const bool wanders = method_name == "klement" || method_name == "chord" || method_name == "anderson, delayed";
        (wanders ? lost_by_wanderers : lost).push_back(system.name + " as " + form.name + " by " + method_name);
      }
    }
  }
  CHECK(compared > 200);
  // Beyond the divergence factor for a hundred evaluations, by luck back: which ones depends on the last bits, and so
  // on the compiler (one with clang, three with gcc, of about three hundred).
  INFO(compared);
  CAPTURE(lost);
  CHECK(lost.size() <= 3);
  CAPTURE(lost_by_wanderers);
  CHECK(lost_by_wanderers.size() <= 7);
}

TEST_CASE("a solve of the generalised Rosenbrock function that comes back from far is left alone", "[exam]") {
  const std::vector<System> systems = exam::mgh::systems();
  const auto named = [](const System& system) { return system.name == "chained Rosenbrock"; };
  const auto system = std::find_if(systems.begin(), systems.end(), named);
  REQUIRE(system != systems.end());
  const Form form = exam::mgh::forms(*system).back();
  REQUIRE(form.name == "x - J^-1 F");
  // Over forty evaluations nothing is better than the first points, and the residual grows ten-thousandfold.
  for (const double tolerance : {1e-3, 1e-9}) {
    Stop stop{.tolerance = tolerance, .max_evaluations = 500};
    const auto with = solved(*system, form, exam::anderson(10), stop);
    stop.stall_window = 0;
    stop.divergence_factor = std::numeric_limits<double>::infinity();
    const auto without = solved(*system, form, exam::anderson(10), stop);
    CHECK(with.samples[0].status == Status::converged);
    CHECK(with.samples[0].evaluations > 40);
    CHECK(with.samples[0].evaluations == without.samples[0].evaluations);
    CHECK((with.value.values - Numbers<double>::Ones(10)).norm() < 1000 * tolerance);
  }
}
