#pragma once

// The same network through every solver and every adjoint.
//
//   28 x 28 pixels -> Conv 5x5, stride 4 -> 7 x 7 cells of 16 channels -> z = relu(Conv 3x3 (z) + u) -> Dense
//
// Each row trains it from the same start on the same images; the weights into each channel of the cell are kept to a
// norm of 0.7, without which no solver would find every equilibrium. The gradient's error is measured at parameters
// that all rows share, against a solve in double to 1e-10, forward and back; the memory is that of one step of training
// on 50 images, in a process of its own.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "../support/chart.hpp"
#include "../support/process.hpp"
#include "basin/adjoint/neumann.hpp"
#include "basin/adjoint/phantom.hpp"
#include "basin/adjoint/shine.hpp"
#include "basin/deq/reversible_equilibrium.hpp"
#include "basin/fixed_point/any_method.hpp"
#include "basin/fixed_point/broyden.hpp"
#include "basin/fixed_point/broyden_bad.hpp"
#include "basin/fixed_point/chord.hpp"
#include "basin/fixed_point/klement.hpp"
#include "basin/fixed_point/newton_gmres.hpp"
#include "basin/fixed_point/observers.hpp"
#include "basin/fixed_point/pseudo_transient.hpp"
#include "basin/linear/bicgstab.hpp"
#include "trainer.hpp"

namespace deq_zoo {

using ZooSolver = basin::AnyMethod<basin::Anderson<5>, basin::Picard, basin::Broyden<20>, basin::BroydenBad<20>,
                                   basin::Klement, basin::NewtonGmres<>, basin::Chord<>, basin::PseudoTransient<>>;
using ZooAdjoint =
    basin::AnyAdjoint<basin::Implicit<>, basin::Implicit<basin::BiCgStab>, basin::Implicit<basin::Picard>,
                      basin::Implicit<basin::Anderson<5>>, basin::Neumann, basin::Phantom, basin::JacobianFree>;
using ZooCell =
    basin::Injected<basin::Sequential<basin::Conv<16, 16, 3, 1, basin::Zero, basin::Bias::no>, basin::Relu>>;

template <class Settling>
using ZooModel =
    basin::Sequential<basin::Conv<1, 16, 5, 4>, Settling, basin::Flatten<16, 7, 7>, basin::Dense<16 * 49, 10>>;
using ZooTheta = Parameters<ZooModel<basin::Equilibrium<ZooCell, ZooSolver, ZooAdjoint>>, float>;

struct Row {
  std::string solver, adjoint;
  double accuracy = 0, evaluations = 0, adjoint_evaluations = 0, failed = 0;
  double seconds = 0;         // of training
  double gradient_error = 0;  // |g - exact| / |exact|
  double megabytes = 0;       // of a step of training
};

class Comparison {
 public:
  static constexpr std::size_t parameters = ZooModel<basin::Equilibrium<ZooCell, ZooSolver, ZooAdjoint>>::param_count;

  Comparison(const Settings& given, const LabelledImages& train, const LabelledImages& test)
      : settings_(given), train_(train), test_(test) {
    if (settings_.epochs == 0) settings_.epochs = 1;
    if (settings_.batch == 0) settings_.batch = 50;
    if (settings_.rate == 0) settings_.rate = 3e-3;
    if (settings_.tolerance == 0) settings_.tolerance = 1e-3;
    if (settings_.adjoint_tolerance == 0) settings_.adjoint_tolerance = 1e-2;
  }

  /// All rows; says of each how it went.
  [[nodiscard]] const std::vector<Row>& run() {
    std::vector<std::pair<std::string, std::string>> pairs;
    for (const std::string_view solver : ZooSolver::names()) pairs.emplace_back(solver, "implicit");
    for (const std::string_view adjoint : ZooAdjoint::names()) {
      if (adjoint != "implicit") pairs.emplace_back("anderson", adjoint);
    }
    for (const auto& [solver, adjoint] : pairs) plan(solver, adjoint, chosen(solver, adjoint));
    {
      basin::Equilibrium<ZooCell, basin::Broyden<20>, basin::Shine> layer;
      layer.stop = stop();
      plan("broyden", "shine", layer);
    }
    for (const auto& [name, adjoint] :
         {std::pair<const char*, basin::Unrolled>{"unrolled, kept", {.tape = basin::Kept{}}},
          {"unrolled, recomputed", {.tape = basin::Recomputed{}}},
          {"unrolled, checkpointed", {.tape = basin::Checkpointed{}}},
          {"unrolled, last 5", {.tape = basin::Recomputed{}, .last_steps = 5}}}) {
      basin::Equilibrium<ZooCell, basin::Picard, basin::Unrolled> layer;
      layer.stop = stop();
      layer.adjoint = adjoint;
      plan("picard", name, layer);
    }
    {
      basin::ReversibleEquilibrium<ZooCell> layer;
      layer.steps = 40;
      layer.anchors = 4;  // or rounding would lose the way back
      layer.tolerance = settings_.tolerance;
      plan("reversible", "reversible", layer);
    }
    // Memory first: what is resident once is not seen again.
    const std::int64_t none = basin::examples::peak_rss_of([] {});
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const std::int64_t bytes = basin::examples::peak_rss_of(works_[i].step);
      rows_[i].megabytes = static_cast<double>(bytes - none) / (1 << 20);
    }
    common_ = start();
    train_model(chosen("anderson", "implicit"), common_, nullptr);
    exact_ = exact_gradient();
    std::printf("%-18s %-24s %9s %7s %8s %8s %8s %10s %8s\n", "solver", "adjoint", "accuracy", "evals", "adjoint",
                "failed", "seconds", "grad error", "memory");
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      works_[i].measure(rows_[i]);
      const Row& row = rows_[i];
      std::printf("%-18s %-24s %8.2f%% %7.1f %8.1f %7.2f%% %8.2f %10.2e %6.1fMB\n", row.solver.c_str(),
                  row.adjoint.c_str(), 100 * row.accuracy, row.evaluations, row.adjoint_evaluations, 100 * row.failed,
                  row.seconds, row.gradient_error, row.megabytes);
      std::fflush(stdout);
    }
    return rows_;
  }

  /// The geometric mean of the residuals of some images after each evaluation, for six solvers.
  void draw_convergence(const std::string& path) const {
    std::vector<basin::examples::Series> curves;
    const State<float> u = injections(8);
    // As many as there are colours: broyden_bad goes as broyden does, klement nowhere.
    for (const char* const name : {"anderson", "picard", "broyden", "newton_gmres", "chord", "pseudo_transient"}) {
      auto layer = chosen(name, "implicit");
      layer.stop = {.tolerance = 1e-6, .max_evaluations = 60};
      std::vector<double> sums(61), counts(61);
      const State<float> start(u.shape);
      (void)layer.solve<float>(ZooModel<Chosen>::part<1>(common_.span()), u.view(), start.view(),
                               [&](const basin::Iterate<float>& iterate) {
                                 const auto at = static_cast<std::size_t>(iterate.evaluations);
                                 sums[at] += std::log10(std::max(iterate.residual, 1e-12));
                                 counts[at] += 1;
                               });
      basin::examples::Series curve{name, {}, {}};
      for (std::size_t k = 0; k < sums.size(); ++k) {
        if (counts[k] == 0) continue;
        curve.x.push_back(static_cast<double>(k));
        curve.y.push_back(std::pow(10.0, sums[k] / counts[k]));
      }
      curves.push_back(std::move(curve));
    }
    basin::examples::write_png_and_svg(
        path, basin::examples::line_chart(curves, {.title = "Solvers on the way to the same equilibria",
                                                   .x = {.label = "evaluations of the cell", .whole = true},
                                                   .y = {.label = "relative residual (geometric mean over 8 images)",
                                                         .scale = basin::examples::Scale::logarithmic}}));
  }

  /// The gradient's error against what the adjoint method spends, as its number of steps or its tolerance
  /// goes.
  void draw_gradients(const std::string& path) const {
    std::vector<basin::examples::Series> curves;
    const auto curve = [&](const char* name, const std::vector<ZooAdjoint>& ways) {
      basin::examples::Series series{name, {}, {}};
      for (const ZooAdjoint& way : ways) {
        auto layer = chosen("anderson", "implicit");
        layer.stop = {.tolerance = 1e-6, .max_evaluations = 200};
        layer.adjoint = way;
        basin::Report report;
        series.y.push_back(error_of(layer, &report));
        series.x.push_back(report.adjoint.mean_evaluations());
      }
      curves.push_back(std::move(series));
    };
    std::vector<ZooAdjoint> neumann, damped, gmres, picard;
    for (const int k : {0, 1, 2, 4, 8, 12, 16, 24}) neumann.emplace_back(basin::Neumann{.k = k});
    for (const int k : {1, 2, 4, 8, 12, 16, 24}) damped.emplace_back(basin::Phantom{.k = k, .tau = 0.5});
    for (const double tolerance : {0.3, 0.1, 3e-2, 1e-2, 1e-3, 1e-4, 1e-5}) {
      gmres.emplace_back(basin::Implicit<>{.tolerance = tolerance, .max_evaluations = 300});
      picard.emplace_back(basin::Implicit<basin::Picard>{.tolerance = tolerance, .max_evaluations = 300});
    }
    curve("neumann", neumann);
    curve("phantom, damped by half", damped);
    curve("implicit, gmres", gmres);
    curve("implicit, picard", picard);
    basin::examples::write_png_and_svg(
        path,
        basin::examples::line_chart(
            curves, {.title = "What a better gradient costs",
                     .x = {.label = "products with the transposed Jacobian", .whole = true},
                     .y = {.label = "relative error of the gradient", .scale = basin::examples::Scale::logarithmic}}));
  }

  [[nodiscard]] const Settings& settings() const { return settings_; }

 private:
  using Chosen = basin::Equilibrium<ZooCell, ZooSolver, ZooAdjoint>;
  struct Work {
    std::function<void()> step;         // of training, on one batch
    std::function<void(Row&)> measure;  // all but the memory
  };

  [[nodiscard]] basin::Stop stop() const { return {.tolerance = settings_.tolerance, .max_evaluations = 100}; }

  [[nodiscard]] Chosen chosen(const std::string& solver, const std::string& adjoint) const {
    Chosen layer;
    layer.solver = ZooSolver(solver);
    layer.stop = stop();
    layer.adjoint = ZooAdjoint(adjoint);
    const auto set = [&](auto* exact) {
      if (exact != nullptr) exact->tolerance = settings_.adjoint_tolerance;
    };
    set(layer.adjoint.get<basin::Implicit<>>());
    set(layer.adjoint.get<basin::Implicit<basin::BiCgStab>>());
    set(layer.adjoint.get<basin::Implicit<basin::Picard>>());
    set(layer.adjoint.get<basin::Implicit<basin::Anderson<5>>>());
    return layer;
  }

  template <class Layer>
  void plan(std::string solver, std::string adjoint, const Layer& layer) {
    rows_.push_back({.solver = std::move(solver), .adjoint = std::move(adjoint)});
    works_.push_back({[this, layer] {
                        ZooTheta theta = start();
                        (void)gradient_of(layer, theta, 0);
                      },
                      [this, layer](Row& row) {
                        ZooTheta theta = start();
                        train_model(layer, theta, &row);
                        row.gradient_error = error_of(layer, nullptr);
                      }});
  }

  template <class Layer>
  [[nodiscard]] static ZooModel<Layer> model_of(const Layer& layer) {
    ZooModel<Layer> model;
    model.template layer<1>() = layer;
    return model;
  }

  [[nodiscard]] ZooTheta start() const { return basin::initial_parameters<float>(ZooModel<Chosen>{}, settings_.seed); }

  [[nodiscard]] basin::Batches batches() const {
    return basin::Batches(
        {.samples = train_.images.shape.samples, .batch = settings_.batch, .random = {settings_.seed, order_stream}});
  }

  /// The gradient of the mean loss over batch i.
  template <class Layer>
  [[nodiscard]] auto gradient_of(const Layer& layer, const ZooTheta& theta, std::int64_t i) const {
    basin::Batches all = batches();
    const auto of = all.of(i);
    const State<float> x = basin::samples_at(train_.images.view(), of);
    basin::CrossEntropy loss;
    for (const Index n : of) loss.labels.push_back(train_.labels[static_cast<std::size_t>(n)]);
    return basin::value_and_gradient(model_of(layer), theta.template as<ZooModel<Layer>>(), x, loss);
  }

  template <class Layer>
  void train_model(const Layer& layer, ZooTheta& theta, Row* row) const {
    const basin::Adam adam{.rate = settings_.rate};
    auto moments = adam.init(theta);
    basin::Report report;
    const basin::examples::Stopwatch watch;
    const std::int64_t iterations = settings_.epochs * batches().an_epoch();
    for (std::int64_t i = 0; i < iterations; ++i) {
      auto step = gradient_of(layer, theta, i);
      report += step.report;
      basin::examples::check_gradient(basin::clip_by_global_norm(step.gradient, 1.0), i);
      adam.step(theta, step.gradient.template as<ZooModel<Chosen>>(), moments,
                basin::OneCycle{.total = iterations, .warm_fraction = 0.1}(i));
      basin::limit_output_norms(theta, "1.cell.0.weight", 0.7);
    }
    if (row == nullptr) return;
    row->seconds = watch.seconds();
    row->evaluations = report.forward.mean_evaluations();
    row->adjoint_evaluations = report.adjoint.mean_evaluations();
    row->failed = report.forward.nonconverged_fraction();
    const auto read = basin::predict(model_of(layer), theta.template as<ZooModel<Layer>>(), test_.images);
    row->accuracy = basin::accuracy(read.output.view(), std::vector<int>(test_.labels.begin(), test_.labels.end()));
  }

  /// |g - exact| / |exact| of the first batch at the common parameters.
  template <class Layer>
  [[nodiscard]] double error_of(const Layer& layer, basin::Report* report) const {
    const auto found = gradient_of(layer, common_, 0);
    if (report != nullptr) *report = found.report;
    return (found.gradient.vector().template cast<double>() - exact_).norm() / exact_.norm();
  }

  /// In double, both solves to 1e-10.
  [[nodiscard]] basin::Vector<double> exact_gradient() const {
    using Exact = basin::Equilibrium<ZooCell, basin::Picard, basin::Implicit<basin::Picard>>;
    Exact layer;
    layer.stop = {.tolerance = 1e-10, .max_evaluations = 2000};
    layer.adjoint = {.tolerance = 1e-10, .max_evaluations = 2000};
    Parameters<ZooModel<Exact>, double> theta;
    theta.vector() = common_.vector().cast<double>();
    basin::Batches all = batches();
    const auto of = all.of(0);
    State<double> x(train_.images.shape.with_samples(std::ssize(of)));
    basin::CrossEntropy loss;
    for (Index n = 0; n < x.shape.samples; ++n) {
      const Index from = of[static_cast<std::size_t>(n)];
      x.view().sample(n).vector() = train_.images.view().sample(from).vector().cast<double>();
      loss.labels.push_back(train_.labels[static_cast<std::size_t>(from)]);
    }
    return basin::value_and_gradient(model_of(layer), theta, x, loss).gradient.vector();
  }

  /// What the cell is injected with, for the first test images.
  [[nodiscard]] State<float> injections(Index count) const {
    const basin::Conv<1, 16, 5, 4> first;
    const auto x = test_.images.view().samples(0, std::min(count, test_.images.shape.samples));
    State<float> u(first.out_shape(x.shape()));
    first.apply<float>(ZooModel<Chosen>::part<0>(common_.span()), x, u.view());
    return u;
  }

  Settings settings_;
  const LabelledImages &train_, &test_;
  std::vector<Row> rows_;
  std::vector<Work> works_;
  ZooTheta common_;
  basin::Vector<double> exact_;
};

}  // namespace deq_zoo
