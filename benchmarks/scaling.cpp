// How time and memory grow with the size of a problem, beside the power that theory gives. One thread.
//
//   scaling                measures, and prints two tables
//   scaling FOLDER         also writes scaling_time and scaling_memory, .png and .svg, into the folder
//   scaling FOLDER FILE    draws them from the tables in a file, as they were printed, instead of measuring

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "../examples/support/chart.hpp"
#include "basin/adjoint/implicit.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/fixed_point/anderson.hpp"
#include "basin/linear/gmres.hpp"
#include "basin/train/initial.hpp"
#include "basin/train/rollout_gradient.hpp"
#include "basin/train/state_loss.hpp"
#include "peers/deq_problem.hpp"
#include "support/growing.hpp"

namespace {

using namespace basin;
using namespace basin::benchmarks;

/// Measurements against a size.
struct Growth {
  std::string what, size;
  double power;  ///< that theory gives
  std::vector<std::pair<double, double>> points{};

  /// Of the straight line through the logarithms.
  [[nodiscard]] double slope() const {
    double x = 0, y = 0, xx = 0, xy = 0;
    for (const auto& [size_of, value] : points) {
      const double u = std::log(size_of), v = std::log(value);
      x += u;
      y += v;
      xx += u * u;
      xy += u * v;
    }
    const auto n = static_cast<double>(points.size());
    return (n * xy - x * y) / (n * xx - x * x);
  }
};

template <class Work>
double milliseconds(const Work& work) {
  return 1e3 * median_seconds(work, 7, 0.02);
}

/// Megabytes by which `work` lets a process grow, in a process of its own, since memory once taken may be kept.
template <class Work>
double megabytes(const Work& work) {
  int ends[2];
  if (pipe(ends) != 0) std::exit(1);
  const pid_t child = fork();
  if (child == 0) {
    const double before = benchmarks::memory_megabytes("VmRSS");
    work();
    const double grown = benchmarks::memory_megabytes("VmHWM") - before;
    std::exit(write(ends[1], &grown, sizeof grown) == sizeof grown ? 0 : 1);
  }
  double grown = 0;
  int status = 1;
  const bool read_all = read(ends[0], &grown, sizeof grown) == sizeof grown;
  waitpid(child, &status, 0);
  close(ends[0]);
  close(ends[1]);
  if (!read_all || status != 0) {
    std::fprintf(stderr, "scaling: the process that measures memory failed\n");
    std::exit(1);
  }
  return grown;
}

template <int C>
void add_convolution(Growth& growth) {
  const Conv<C, C, 3, 1, Zero, Bias::no> layer;
  State<float> x(Shape{C, {14, 14, 1}, 16}), y(x.shape);
  benchmarks::fill_uniform(x.values, 1, -1, 1);
  Parameters<Conv<C, C, 3, 1, Zero, Bias::no>, float> theta;
  benchmarks::fill_uniform(theta.vector(), 2, -1, 1);
  growth.points.emplace_back(C, milliseconds([&] { layer.apply(theta, std::as_const(x).view(), y.view()); }));
}

/// The equilibrium of the peers' comparison, with 16 features.
template <int window>
struct Problem {
  using Layer = Equilibrium<benchmarks::DeqCell<16>, Anderson<window>, Implicit<Gmres<20>>>;
  Layer layer;
  Parameters<Layer, float> theta;
  State<float> u;

  explicit Problem(Index samples) : u(Shape{16, {14, 14, 1}, samples}) {
    theta.vector() = benchmarks::deq_weights<16>().vector();
    benchmarks::fill_uniform(u.values, 11, -1, 1);
    layer.stop = {.tolerance = 1e-3, .max_evaluations = 100};
  }
  void solve(State<float>& z) const { static_cast<void>(layer.apply(theta, u.view(), z.view())); }
};

template <int window>
void add_window(Growth& growth) {
  Problem<window> problem(8);
  problem.layer.stop = {.tolerance = 0, .max_evaluations = 40};  // as many evaluations for every window
  State<float> z(problem.u.shape), out(problem.u.shape);
  const double solve = milliseconds([&] { problem.solve(z); });
  const double evaluations =
      40 * milliseconds([&] {
        for (Index n = 0; n < z.shape.samples; ++n) {
          static_cast<void>(problem.layer.cell.apply(problem.theta.span(), std::as_const(z).view().sample(n),
                                                     std::as_const(problem.u).view().sample(n), out.view().sample(n)));
        }
      });
  growth.points.emplace_back(window, solve - evaluations);
}

State<float> living(Index size) {
  State<float> z(Shape{16, {size, size, 1}, 1});
  benchmarks::fill_uniform(z.values, 3, 0.2, 0.7);
  return z;
}

template <class Tape>
auto rollout(Index steps) {
  Rollout<Grows<>, Tape> model;
  model.steps = steps;
  return model;
}

template <class Model>
Parameters<Model, float> small_theta() {
  auto theta = initial_parameters<float>(Model{}, 1);
  for (float& weight : theta.leaf("2.weight")) weight *= 0.01f;  // so that the pattern stays alive
  return theta;
}

template <class Tape>
void make_gradient(Index steps, Index size) {
  const auto model = rollout<Tape>(steps);
  const auto theta = small_theta<Rollout<Grows<>, Tape>>();
  const State<float> start = living(size);
  const LeadingFeaturesError loss{State<float>(Shape{4, {size, size, 1}, 1})};
  static_cast<void>(value_and_gradient_along(model, theta, start.view(), loss, {{steps, 1}}));
}

std::vector<Growth> times() {
  Growth channels{"3x3 convolution, 16 x 14 x 14", "features", 2};
  add_convolution<8>(channels);
  add_convolution<16>(channels);
  add_convolution<32>(channels);
  add_convolution<64>(channels);

  Growth cells{"automaton, 8 steps", "cells", 1};
  const auto eight = rollout<Recomputed>(8);
  const auto theta = small_theta<Rollout<Grows<>, Recomputed>>();
  for (const Index size : {16, 32, 64, 128, 256, 512}) {
    const State<float> start = living(size);
    State<float> end(start.shape);
    cells.points.emplace_back(
        size * size, milliseconds([&] { static_cast<void>(eight.apply(theta.span(), start.view(), end.view())); }));
  }

  Growth batch{"equilibrium, 16 features, 14 x 14", "samples", 1};
  for (const Index samples : {1, 2, 4, 8, 16, 32, 64}) {
    const Problem<5> problem(samples);
    State<float> z(problem.u.shape);
    batch.points.emplace_back(samples, milliseconds([&] { problem.solve(z); }));
  }

  Growth steps{"gradient of an automaton, 32 x 32", "steps", 1};
  for (const Index count : {4, 8, 16, 32, 64}) {
    steps.points.emplace_back(count, milliseconds([&] { make_gradient<Recomputed>(count, 32); }));
  }

  Growth window{"Anderson, its own work in 40 evaluations", "window", 1};
  add_window<1>(window);
  add_window<2>(window);
  add_window<4>(window);
  add_window<8>(window);
  add_window<16>(window);
  return {channels, cells, batch, steps, window};
}

std::vector<Growth> memories() {
  Growth kept{"automaton of 72 x 72, all kept", "steps", 1};
  Growth recomputed{"automaton of 72 x 72, states kept", "steps", 1};
  Growth checkpointed{"automaton of 72 x 72, checkpoints", "steps", 0.5};
  for (const Index steps : {16, 32, 64, 128}) {
    kept.points.emplace_back(steps, megabytes([&] { make_gradient<Kept>(steps, 72); }));
    recomputed.points.emplace_back(steps, megabytes([&] { make_gradient<Recomputed>(steps, 72); }));
    checkpointed.points.emplace_back(steps, megabytes([&] { make_gradient<Checkpointed>(steps, 72); }));
  }
  Growth implicit{"equilibrium, 64 samples", "evaluations", 0};
  for (const int evaluations : {5, 10, 20, 40}) {
    implicit.points.emplace_back(
        evaluations, megabytes([&] {
          Problem<5> problem(64);
          problem.layer.stop = {.tolerance = 0, .max_evaluations = evaluations};
          State<float> z(problem.u.shape), w(problem.u.shape), du(problem.u.shape);
          Parameters<Problem<5>::Layer, float> dtheta;
          benchmarks::fill_uniform(w.values, 4, -1, 1);
          const auto linear = problem.layer.linearize(problem.theta, std::as_const(problem.u).view(), z.view());
          static_cast<void>(linear.pullback(std::as_const(w).view(), du.view(), dtheta.span()));
        }));
  }
  return {kept, recomputed, checkpointed, implicit};
}

/// Measured points, and from the last of them the straight line of theory's power.
examples::Drawing chart_of(const Growth& growth, const char* unit) {
  char power[32] = "theory: constant";
  if (growth.power != 0) std::snprintf(power, sizeof power, "theory: size^{%.2g}", growth.power);
  examples::Series measured{"measured", {}, {}}, theory{power, {}, {}};
  theory.dashed = true;
  const auto& [last_size, last] = growth.points.back();
  for (const auto& [size, value] : growth.points) {
    measured.x.push_back(size);
    measured.y.push_back(value);
  }
  for (const double size : {growth.points.front().first, last_size}) {
    theory.x.push_back(size);
    theory.y.push_back(last * std::pow(size / last_size, growth.power));
  }
  return examples::line_chart({measured, theory},
                              {.title = growth.what,
                               .x = {.label = growth.size, .scale = examples::Scale::logarithmic, .whole = true},
                               .y = {.label = unit, .scale = examples::Scale::logarithmic},
                               .width = 220,
                               .height = 170});
}

void draw(const std::vector<Growth>& growths, const char* unit, const std::string& picture) {
  std::vector<examples::Drawing> rows;
  for (std::size_t i = 0; i < growths.size(); i += 2) {
    rows.push_back(chart_of(growths[i], unit));
    if (i + 1 < growths.size()) rows.back() = examples::beside({rows.back(), chart_of(growths[i + 1], unit)});
  }
  examples::write_png_and_svg(picture, examples::above(std::move(rows), 24));
}

/// The table of a unit in a file, which show() has printed. Ends the program if there is none, or it cannot be read.
std::vector<Growth> table_of(const std::string& path, const std::string& unit) {
  std::ifstream file(path);
  std::vector<Growth> growths;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("| ")) {
      inside = inside && line.starts_with("|-");
      continue;
    }
    if (line.ends_with("| measured | " + unit + " |")) {
      inside = true;
      continue;
    }
    if (!inside) continue;
    std::vector<std::string> cells;
    std::istringstream row(line.substr(1));
    for (std::string cell; std::getline(row, cell, '|');) {
      cells.push_back(cell.size() < 2 ? "" : cell.substr(1, cell.size() - 2));
    }
    Growth growth{cells[0], cells.size() > 1 ? cells[1] : "", cells.size() > 2 ? std::atof(cells[2].c_str()) : 0};
    std::istringstream points(cells.size() == 5 ? cells[4] : "");
    double size = 0, value = 0;
    for (char colon = 0, comma = 0; points >> size >> colon >> value; points >> comma) {
      growth.points.emplace_back(size, value);
    }
    if (growth.points.size() >= 2) growths.push_back(std::move(growth));
  }
  if (growths.empty()) {
    std::fprintf(stderr, "scaling: '%s' has no table of %s as this program prints it\n", path.c_str(), unit.c_str());
    std::exit(2);
  }
  return growths;
}

void show(const std::vector<Growth>& growths, const char* unit, const std::string& picture) {
  std::printf("| what | with | power, theory | measured | %s |\n|---|---|---|---|---|\n", unit);
  for (const Growth& growth : growths) {
    std::printf("| %s | %s | %.1f | %.2f |", growth.what.c_str(), growth.size.c_str(), growth.power, growth.slope());
    for (const auto& [size, value] : growth.points) {
      std::printf(" %.0f: %.3g%s", size, value, &value == &growth.points.back().second ? " |\n" : ",");
    }
  }
  std::printf("\n");
  if (!picture.empty()) draw(growths, unit, picture);
}

}  // namespace

int main(int argc, char** argv) {
  set_threads(1);
  if (argc > 3 || (argc > 1 && !std::filesystem::is_directory(argv[1]))) {
    std::fprintf(stderr,
                 "scaling: the first argument is '%s', expected a folder that exists, and at most a file more\n",
                 argv[1]);
    return 2;
  }
  const std::string folder = argc > 1 ? std::string(argv[1]) + "/" : "";
  try {
    if (argc > 2) {
      draw(table_of(argv[2], "megabytes"), "megabytes", folder + "scaling_memory.png");
      draw(table_of(argv[2], "milliseconds"), "milliseconds", folder + "scaling_time.png");
      return 0;
    }
    show(memories(), "megabytes", folder.empty() ? "" : folder + "scaling_memory.png");
    show(times(), "milliseconds", folder.empty() ? "" : folder + "scaling_time.png");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "scaling: %s\n", error.what());
    return 1;
  }
}
