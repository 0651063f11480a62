#pragma once

// A nonlinear equation as basin wants it, z = f(z), and one solve of it with all that is worth knowing afterwards.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "../support/chart.hpp"
#include "../support/process.hpp"
#include "basin/fixed_point/anderson.hpp"
#include "basin/fixed_point/any_method.hpp"
#include "basin/fixed_point/broyden.hpp"
#include "basin/fixed_point/newton_gmres.hpp"
#include "basin/fixed_point/picard.hpp"
#include "basin/fixed_point/solve.hpp"
#include "basin/io/json.hpp"

namespace solve_fixed_point {

using basin::Index;
using basin::View;
using Numbers = basin::Vector<double>;
using Grid = basin::Matrix<double>;

/// What a map has to be: called with (z, out), and, where its derivative is known, linearize(z), which gives products
/// J t with J = df/dz, and if there is one about (I - J)^-1 v. A method that needs no derivative asks for none; without
/// linearize, one that does takes differences of f. Here all is written on vectors.
struct Equation {
  std::function<Numbers(const Numbers& z)> f;
  std::function<Numbers(const Numbers& z, const Numbers& t)> derivative;  ///< J t at z
  std::function<Numbers(const Numbers& v)> preconditioner{};              ///< about (I - J)^-1 v, linear; empty: v

  void operator()(View<const double> z, View<double> out) const { out.vector() = f(z.vector()); }

  struct Linear {
    const Equation& equation;
    Numbers z;
    void jvp(View<const double> t, View<double> out) const { out.vector() = equation.derivative(z, t.vector()); }
    void precondition(View<const double> v, View<double> out) const {
      out.vector() = equation.preconditioner ? equation.preconditioner(v.vector()) : Numbers(v.vector());
    }
  };
  [[nodiscard]] Linear linearize(View<const double> z, std::span<const Index>) const { return {*this, z.vector()}; }

  [[nodiscard]] double residual(const Numbers& z) const { return (f(z) - z).norm(); }
};

/// The methods as one type: chosen when the program runs, compiled once.
using Method = basin::AnyMethod<basin::Picard, basin::Anderson<10>, basin::Broyden<60>, basin::NewtonGmres<>>;

[[nodiscard]] inline basin::NewtonGmres<> newton(bool recycle = true) { return {.recycle = recycle}; }

/// To |f(z) - z| <= tolerance.
[[nodiscard]] inline basin::Stop to(double tolerance, int max_evaluations) {
  return {.tolerance = 0, .absolute_tolerance = tolerance, .max_evaluations = max_evaluations};
}

struct Solved {
  Numbers value;
  basin::SampleResult result;
  double seconds = 0;
  std::vector<std::pair<int, double>> history;  ///< evaluations so far, |f(z) - z|

  [[nodiscard]] bool converged() const { return result.status == basin::Status::converged; }
};

[[nodiscard]] inline Solved solved(const Equation& equation, const Numbers& start, const Method& method,
                                   const basin::Stop& stop) {
  Solved out;
  const basin::examples::Stopwatch watch;
  auto solution = basin::solve(equation, start, method, stop, [&](const basin::Iterate<double>& iterate) {
    out.history.emplace_back(iterate.evaluations, iterate.residual);
  });
  out.seconds = watch.seconds();
  out.value = std::move(solution.value.values);
  out.result = solution.samples[0];
  return out;
}

/// What the methods made of a problem: printed as they come, kept for metrics.json, history.csv and a chart.
class Comparison {
 public:
  explicit Comparison(std::string problem) : problem_(std::move(problem)) {
    std::printf("%-13s %-34s %-15s %11s %10s %9s\n", problem_.c_str(), "method", "status", "evaluations", "residual",
                "seconds");
  }

  const Solved& add(const std::string& name, Solved solved) {
    const basin::SampleResult& result = solved.result;
    std::printf("%-13s %-34s %-15s %11d %10.2e %9.4f\n", "", name.c_str(), basin::name(result.status).data(),
                result.evaluations, result.residual, solved.seconds);
    json_[name] = {{"status", basin::name(result.status)},
                   {"evaluations", result.evaluations},
                   {"residual", result.residual},
                   {"seconds", solved.seconds}};
    basin::examples::Series series{name, {}, {}};
    for (const auto& [evaluations, residual] : solved.history) {
      csv_ += problem_ + "," + name + "," + std::to_string(evaluations) + "," + in_words(residual) + "\n";
      series.x.push_back(evaluations);
      series.y.push_back(residual);
    }
    series_.push_back(std::move(series));
    return solved_.emplace_back(std::move(solved));
  }

  [[nodiscard]] const basin::OrderedJson& json() const { return json_; }
  [[nodiscard]] const std::string& csv() const { return csv_; }

  /// Evaluations beyond `last` are left out: of a method that takes many times as long as the others.
  [[nodiscard]] basin::examples::Drawing chart(double last) const {
    std::vector<basin::examples::Series> shown = series_;
    for (basin::examples::Series& series : shown) {
      std::size_t count = 0;
      while (count < series.x.size() && series.x[count] <= last) ++count;
      series.x.resize(count);
      series.y.resize(count);
    }
    return basin::examples::line_chart(
        shown, {.title = problem_,
                .x = {.label = "evaluations", .whole = true},
                .y = {.label = "residual |f(z) \u2212 z|", .scale = basin::examples::Scale::logarithmic},
                .width = 520,
                .height = 320});
  }

 private:
  static std::string in_words(double number) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.6e", number);
    return text.data();
  }

  std::string problem_, csv_;
  basin::OrderedJson json_ = basin::OrderedJson::object();
  std::vector<basin::examples::Series> series_;
  std::vector<Solved> solved_;
};

/// All that a run leaves behind.
struct Results {
  std::string folder;
  basin::OrderedJson metrics = basin::OrderedJson::object();
  std::string history = "problem,method,evaluations,residual\n";

  /// Takes a comparison in and draws it, up to so many evaluations. What the problem says besides goes into the result.
  basin::OrderedJson& take(const std::string& problem, const Comparison& comparison, double last) {
    history += comparison.csv();
    basin::examples::write_png_and_svg(folder + "/" + problem + ".png", comparison.chart(last));
    basin::OrderedJson& json = metrics[problem];
    json["methods"] = comparison.json();
    return json;
  }
};

}  // namespace solve_fixed_point
