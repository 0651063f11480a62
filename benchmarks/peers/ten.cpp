// basin on the ten problems of ten_problems.hpp: Anderson, Broyden and Newton-Krylov, with eight, four
// and eight settings. The peers are KINSOL (ten_kinsol.cpp) and SciPy (ten_scipy.py), with two methods each and eight
// settings of each of them.

#include "basin/fixed_point/anderson.hpp"
#include "basin/fixed_point/broyden.hpp"
#include "basin/fixed_point/broyden_bad.hpp"
#include "basin/fixed_point/newton_gmres.hpp"
#include "basin/fixed_point/solve.hpp"

#include "measuring.hpp"
#include "ten_problems.hpp"

namespace {

using namespace basin;
using namespace basin::benchmarks;

struct TenMap {
  const TenProblem& problem;

  void operator()(View<const double> z, View<double> out) const { problem.evaluate(z.data(), out.data()); }

  struct Linear {
    const TenProblem& problem;
    Vector<double> d;
    void jvp(View<const double> t, View<double> out) const {
      const FromVector at(d.data(), d.size()), along(t.data(), d.size());
      ToVector to(out.data(), d.size());
      problem.product(at, along, to);
    }
  };
  [[nodiscard]] Linear linearize(View<const double> z, std::span<const Index>) const {
    Linear linear{problem, Vector<double>(z.size())};
    ToVector d(linear.d.data(), z.size());
    problem.slopes(FromVector(z.data(), z.size()), d);
    return linear;
  }
};

struct Setting {
  std::string name;
  std::function<Solution<double>(const TenMap&, const Vector<double>& start, const Stop&)> solve;
};
using Settings = std::vector<Setting>;

template <class Method>
Setting setting_of(const std::string& name, const Method& method) {
  return {name, [method](const TenMap& map, const Vector<double>& start, const Stop& stop) {
            return solve(map, start, method, stop);
          }};
}

Settings anderson_settings() {
  Settings all;
  for (const int depth : {2, 5, 10, 20}) {
    for (const double damping : {1.0, 0.7}) {
      all.push_back(setting_of("depth " + std::to_string(depth) + (damping == 1 ? "" : ", damping 0.7"),
                               Anderson<20>{.damping = damping, .depth = depth}));
    }
  }
  return all;
}

Settings broyden_settings() {
  return {setting_of("good, memory 20", Broyden<20>{}), setting_of("good, memory 100", Broyden<100>{}),
          setting_of("bad, memory 20", BroydenBad<20>{}), setting_of("bad, memory 100", BroydenBad<100>{})};
}

Settings newton_settings() {
  Settings all;
  const auto add = [&]<int basis>(const std::string& name, NewtonGmres<basis> method) {
    method.max_products = basis;
    all.push_back(setting_of("basis " + std::to_string(basis) + ", " + name, method));
  };
  const auto add_both = [&](const std::string& name, double first_forcing, Globalization by, bool recycle) {
    add(name, NewtonGmres<20>{.first_forcing = first_forcing, .globalization = by, .recycle = recycle});
    add(name, NewtonGmres<80>{.first_forcing = first_forcing, .globalization = by, .recycle = recycle});
  };
  add_both("line search", 0.1, Globalization::line_search, false);
  add_both("trust region, recycling", 0.1, Globalization::trust_region, true);
  add_both("trust region, recycling, first forcing 1e-2", 1e-2, Globalization::trust_region, true);
  add_both("trust region, recycling, first forcing 1e-3", 1e-3, Globalization::trust_region, true);
  return all;
}

void measure(const Options& options, const TenProblem& problem, const std::string& solver, const Settings& settings) {
  const TenMap map{problem};
  // The others have no test that sees a solve stall or diverge.
  const Stop stop{.tolerance = 0,
                  .absolute_tolerance = problem.target(),
                  .norm = Norm::maximum,
                  .max_evaluations = ten_most,
                  .stall_window = 0,
                  .divergence_factor = std::numeric_limits<double>::infinity()};
  std::vector<std::string> names;
  for (const Setting& setting : settings) names.push_back(setting.name);
  report_ten(problem, solver, names, [&](std::size_t i) -> TenRun {
    auto solution = settings[i].solve(map, problem.start, stop);
    if (!solution.converged()) return {};
    return {solution.samples[0].evaluations,
            ten_seconds(options, [&] { static_cast<void>(settings[i].solve(map, problem.start, stop)); }),
            std::move(solution.value.values)};
  });
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = read_options(argc, argv);
  set_threads(options.threads);
  for (const TenProblem& problem : ten_problems()) {
    measure(options, problem, "Anderson", anderson_settings());
    measure(options, problem, "Broyden", broyden_settings());
    measure(options, problem, "Newton-Krylov", newton_settings());
  }
}
