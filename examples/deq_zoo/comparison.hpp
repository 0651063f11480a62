#pragma once

// The same network through every solver and every adjoint.
//
//   28 x 28 pixels -> Conv 5x5, stride 4 -> 7 x 7 cells of 16 channels -> z = relu(Conv 3x3 (z) + u) -> Dense
//
// Each row trains it from the same start on the same images; the weights into each channel of the cell are kept to a
// norm of 0.7, without which no solver would find every equilibrium. The gradient's error is measured at the parameters
// of the first row, against a solve in double to 1e-10, forward and back; the memory is that of one step of training
// on 50 images, in a process of its own. All rows are one training to basin/io/training.hpp, batch after batch, so that
// the comparison can be stopped anywhere and goes on to the same table.

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

  /// Measures the memory of a step of each row.
  Comparison(const Settings& settings, const LabelledImages& train, const LabelledImages& test)
      : settings_(settings),
        train_(train),
        test_(test),
        batches_(
            {.samples = train.images.shape.samples, .batch = settings.batch, .random = {settings.seed, order_stream}}),
        theta_(start()),
        common_(theta_),
        moments_(adam().init(theta_)) {
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
  }

  /// Batches of all rows.
  [[nodiscard]] std::int64_t iterations() const { return std::ssize(rows_) * a_row(); }
  /// Whole when the training has finished.
  [[nodiscard]] const std::vector<Row>& rows() const { return rows_; }

  /// Says of each row how it went.
  [[nodiscard]] basin::TrainingEnd run(basin::Training& training) {
    std::printf("%-18s %-24s %9s %7s %8s %8s %8s %10s %8s\n", "solver", "adjoint", "accuracy", "evals", "adjoint",
                "failed", "seconds", "grad error", "memory");
    for (std::size_t r = 0; r < done_; ++r) std::printf("%s\n", in_words(rows_[r]).c_str());
    return training.run([this](auto& file) { visit(file, *this); },
                        [&](std::int64_t i) { return iterate(i, training); });
  }

  /// Takes up what a training kept.
  void resume(basin::Training& training, const std::string& path) {
    training.resume(path, [this](auto& file) { visit(file, *this); });
    done_ = static_cast<std::size_t>(training.iteration() / a_row());
    if (done_ > 0) exact_ = exact_gradient();
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

 private:
  using Chosen = basin::Equilibrium<ZooCell, ZooSolver, ZooAdjoint>;
  struct Work {
    std::function<void()> step;                 // of training, on one batch
    std::function<double(std::int64_t)> train;  // on batch i; the loss
    std::function<void(Row&)> measure;          // what has been trained, at the end
  };

  /// Of training.
  [[nodiscard]] std::int64_t a_row() const { return settings_.epochs * batches_.an_epoch(); }
  [[nodiscard]] basin::Adam adam() const { return {.rate = settings_.rate}; }

  /// What a checkpoint keeps, for reading and writing alike.
  template <class File, class Self>
  static void visit(File& file, Self& self) {
    file("", self.theta_);
    file("common", self.common_);
    self.moments_.each(file.under("optimizer"));
    self.solves_.forward.each(file.under("solves.forward"));
    self.solves_.adjoint.each(file.under("solves.adjoint"));
    constexpr basin::Within amount{0.0, 1e300};
    file("seconds", self.seconds_, amount);
    for (std::size_t r = 0; r < self.rows_.size(); ++r) {
      auto& row = self.rows_[r];
      const auto of_row = file.under("row." + std::to_string(r));
      of_row("accuracy", row.accuracy, amount);
      of_row("evaluations", row.evaluations, amount);
      of_row("adjoint_evaluations", row.adjoint_evaluations, amount);
      of_row("failed", row.failed, amount);
      of_row("seconds", row.seconds, amount);
      of_row("gradient_error", row.gradient_error);
    }
  }

  [[nodiscard]] double iterate(std::int64_t i, basin::Training& training) {
    const auto r = static_cast<std::size_t>(i / a_row());
    const std::int64_t of_row = i % a_row();
    if (of_row == 0) {
      theta_ = start();
      moments_ = adam().init(theta_);
      solves_ = {};
      seconds_ = 0;
    }
    const basin::examples::Stopwatch watch;
    const double loss = works_[r].train(of_row);
    seconds_ += watch.seconds();
    if (of_row + 1 == a_row()) {
      if (r == 0) {
        common_ = theta_;
        exact_ = exact_gradient();
      }
      works_[r].measure(rows_[r]);
      training.say(in_words(rows_[r]));
      training.save_after_this();
    }
    training.detail(rows_[r].solver + ", " + rows_[r].adjoint);
    return loss;
  }

  [[nodiscard]] static std::string in_words(const Row& row) {
    std::array<char, 200> line{};
    std::snprintf(line.data(), line.size(), "%-18s %-24s %8.2f%% %7.1f %8.1f %7.2f%% %8.2f %10.2e %6.1fMB",
                  row.solver.c_str(), row.adjoint.c_str(), 100 * row.accuracy, row.evaluations, row.adjoint_evaluations,
                  100 * row.failed, row.seconds, row.gradient_error, row.megabytes);
    return line.data();
  }

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
    works_.push_back({[this, layer] { (void)gradient_of(layer, start(), 0); },
                      [this, layer](std::int64_t i) { return train(layer, i); },
                      [this, layer](Row& row) { measure(layer, row); }});
  }

  template <class Layer>
  [[nodiscard]] static ZooModel<Layer> model_of(const Layer& layer) {
    ZooModel<Layer> model;
    model.template layer<1>() = layer;
    return model;
  }

  [[nodiscard]] ZooTheta start() const { return basin::initial_parameters<float>(ZooModel<Chosen>{}, settings_.seed); }

  /// The gradient of the mean loss over batch i.
  template <class Layer>
  [[nodiscard]] auto gradient_of(const Layer& layer, const ZooTheta& theta, std::int64_t i) const {
    basin::Batches all = batches_;
    const auto of = all.of(i);
    const State<float> x = basin::samples_at(train_.images.view(), of);
    basin::CrossEntropy loss;
    for (const Index n : of) loss.labels.push_back(train_.labels[static_cast<std::size_t>(n)]);
    return basin::value_and_gradient(model_of(layer), theta.template as<ZooModel<Layer>>(), x, loss);
  }

  template <class Layer>
  [[nodiscard]] double train(const Layer& layer, std::int64_t i) {
    auto step = gradient_of(layer, theta_, i);
    basin::examples::check_gradient(basin::clip_by_global_norm(step.gradient, 1.0), i);
    adam().step(theta_, step.gradient.template as<ZooModel<Chosen>>(), moments_,
                basin::OneCycle{.total = a_row(), .warm_fraction = 0.1}(i));
    basin::limit_output_norms(theta_, "1.cell.0.weight", 0.7);
    solves_ += step.report;
    return step.value;
  }

  template <class Layer>
  void measure(const Layer& layer, Row& row) const {
    row.seconds = seconds_;
    row.evaluations = solves_.forward.mean_evaluations();
    row.adjoint_evaluations = solves_.adjoint.mean_evaluations();
    row.failed = solves_.forward.nonconverged_fraction();
    const auto read = basin::predict(model_of(layer), theta_.template as<ZooModel<Layer>>(), test_.images);
    row.accuracy = basin::accuracy(read.output.view(), std::vector<int>(test_.labels.begin(), test_.labels.end()));
    row.gradient_error = error_of(layer, nullptr);
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
    basin::Batches all = batches_;
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
  basin::Batches batches_;
  std::vector<Row> rows_;
  std::vector<Work> works_;
  std::size_t done_ = 0;  // rows, when it begins
  ZooTheta theta_;        // of the row at hand
  ZooTheta common_;       // of the first row
  basin::AdamState<ZooModel<Chosen>, float> moments_;
  basin::Report solves_;  // of the row at hand
  double seconds_ = 0;    // likewise
  basin::Vector<double> exact_;
};

}  // namespace deq_zoo
