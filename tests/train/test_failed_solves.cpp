// What becomes of samples whose solves fail, on a layer whose solves end as the test wants; and the memory of a batch.

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <map>

#include "basin/core/parallel.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/train/loss.hpp"
#include "basin/train/value_and_gradient.hpp"
#include "support/counting_allocator.hpp"
#include "support/layer_checks.hpp"

namespace {

using namespace basin;

/// y = theta x, feature by feature. It says that it solved something, and how that ended for samples by their numbers;
/// where the adjoint failed, the gradient is `explosion` times too long, and where the map was not finite y is NaN.
struct Solving {
  static constexpr int in_features = 3, out_features = 3;
  static constexpr std::size_t param_count = 3;
  std::map<Index, Status> forward{}, adjoint{};
  double explosion = 1;
  std::map<Index, Status> again{};  ///< how the adjoints end where fewer than `whole` samples are together
  Index whole = 0;

  static void leaves(LeafList& list) { list.weight("weight", {3}, 1, 1); }
  [[nodiscard]] Shape out_shape(const Shape& x) const { return x; }

  [[nodiscard]] static Status at(const std::map<Index, Status>& statuses, Index sample) {
    const auto found = statuses.find(sample);
    return found == statuses.end() ? Status::converged : found->second;
  }

  static Report record(const std::map<Index, Status>& statuses, Pass pass, Index samples, const Context& context) {
    Report report;
    for (Index n = 0; n < samples; ++n) {
      const SolveRecord one{context.sample(n), pass, {.status = at(statuses, context.sample(n)), .evaluations = 1}};
      (pass == Pass::forward ? report.forward : report.adjoint).add(one.result);
      if (context.log != nullptr) context.log->append({&one, 1});
    }
    return report;
  }

  template <class S>
  Report apply(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& context = {}) const {
    for (Index n = 0; n < x.samples(); ++n) {
      const bool finite = at(forward, context.sample(n)) != Status::non_finite;
      for (Index i = 0; i < 3; ++i) {
        y.data()[3 * n + i] =
            finite ? theta[static_cast<std::size_t>(i)] * x.data()[3 * n + i] : std::numeric_limits<S>::quiet_NaN();
      }
    }
    return record(forward, Pass::forward, x.samples(), context);
  }

  template <class S>
  struct Linearization {
    const Solving* layer;
    std::span<const S, param_count> theta;
    View<const S> x, y;
    Context context;
    Report done;

    [[nodiscard]] Report report() const { return done; }
    void jvp(View<const S>, View<S>) const {}
    void vjp(View<const S>, View<S>) const {}
    /// As a batched product would, it meets every sample's state: a NaN times zero is a NaN.
    Report pullback(View<const S> w, View<S>, ThetaGradient<S, param_count> dtheta) const {
      for (Index n = 0; n < x.samples(); ++n) {
        const S factor =
            static_cast<S>(at(layer->adjoint, context.sample(n)) == Status::converged ? 1 : layer->explosion);
        for (std::size_t i = 0; i < 3; ++i) {
          const Index number = 3 * n + static_cast<Index>(i);
          dtheta[i] += factor * w.data()[number] * y.data()[number] / theta[i];
        }
      }
      const bool is_again = x.samples() < layer->whole;
      return record(is_again ? layer->again : layer->adjoint, Pass::adjoint, x.samples(), context);
    }
  };

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& context = {}) const {
    const Report report = apply<S>(theta, x, y, context);
    return {this, theta, x, y, context, report};
  }
};

struct Problem {
  Solving model{};
  Parameters<Solving, double> theta{};
  State<double> x;
  MeanSquaredError<double> loss{};

  explicit Problem(Index samples) : x(test::random_state({3, {1, 1, 1}, samples}, 1)) {
    theta.vector() << 0.5, -2, 3;
    loss.target = test::random_state(x.shape, 2);
  }

  /// The gradient of one sample's part of the mean over the batch, by its formula, as long as it should be.
  [[nodiscard]] Vector<double> gradient_of(Index n) const {
    Vector<double> out(3);
    for (Index i = 0; i < 3; ++i) {
      const double at = x.values[3 * n + i];
      out[i] = 2 * (theta.vector()[i] * at - loss.target.values[3 * n + i]) * at / static_cast<double>(x.values.size());
    }
    return out;
  }

  template <class Wanted>
  [[nodiscard]] Vector<double> gradient(const Wanted& wanted) const {
    Vector<double> sum = Vector<double>::Zero(3);
    for (Index n = 0; n < x.shape.samples; ++n) {
      if (wanted(n)) sum += gradient_of(n);
    }
    return sum;
  }

  [[nodiscard]] auto run(const GradientOptions& options = {}) const {
    return value_and_gradient(model, theta, x, loss, options);
  }
};

struct Threads {
  explicit Threads(int count) { set_threads(count); }
  ~Threads() { set_threads(0); }
};

}  // namespace

TEST_CASE("a batch says for each sample how its solves ended", "[unit]") {
  Problem problem(21);
  problem.model.forward = {{3, Status::stalled}, {20, Status::max_iterations}};
  problem.model.adjoint = {{9, Status::diverged}, {12, Status::approximated}, {20, Status::stalled}};
  for (const FailedSolve failed : {FailedSolve::keep, FailedSolve::leave_out, FailedSolve::bound}) {
    const auto result = problem.run({.failed = failed});
    REQUIRE(result.samples.size() == 21);
    for (Index n = 0; n < 21; ++n) {
      const SampleOutcome& one = result.samples[static_cast<std::size_t>(n)];
      CAPTURE(n);
      REQUIRE((one.forward.size() == 1 && one.adjoint.size() == 1));
      CHECK(one.forward[0].status == Solving::at(problem.model.forward, n));
      CHECK(one.adjoint[0].status == Solving::at(problem.model.adjoint, n));
      CHECK(one.failed() == (n == 3 || n == 9 || n == 20));
    }
    CHECK(result.report.forward.converged() == 19);
    CHECK(result.report.adjoint.by_status[static_cast<std::size_t>(Status::approximated)] == 1);
    CHECK(result.report.forward.evaluations == 21);
    CHECK(result.report.adjoint.evaluations == 21);
  }
  const auto prediction = predict(problem.model, problem.theta, problem.x);
  CHECK(prediction.samples[3].forward.at(0).status == Status::stalled);
  CHECK(prediction.samples[4].forward.at(0).status == Status::converged);
  CHECK(prediction.samples[3].adjoint.empty());
}

TEST_CASE("samples whose solves failed are kept or left out as one likes", "[gradient]") {
  Problem problem(21);
  problem.model.forward = {{0, Status::stalled}, {3, Status::non_finite}, {20, Status::max_iterations}};
  problem.model.adjoint = {{9, Status::diverged}};
  const auto fails = [](Index n) { return n == 0 || n == 3 || n == 9 || n == 20; };
  const Vector<double> others = problem.gradient([&](Index n) { return !fails(n); });
  for (const Index part : {1, 2, 8, 30}) {
    const auto result = problem.run({.samples_per_part = part, .failed = FailedSolve::leave_out});
    CHECK(test::relative_error(result.gradient.vector(), others) < 1e-14);
    CHECK(result.left_out == 4);
    CHECK(result.bounded == 0);
    CHECK(std::isnan(result.value));  // the loss counts sample 3, whose state is not finite
    for (Index n = 0; n < 21; ++n) CHECK(result.samples[static_cast<std::size_t>(n)].share == (fails(n) ? 0 : 1));
  }
  problem.model.forward.erase(3);
  const auto kept = problem.run({.failed = FailedSolve::keep});
  CHECK(test::relative_error(kept.gradient.vector(), problem.gradient([](Index) { return true; })) < 1e-14);
  CHECK(kept.left_out == 0);
  CHECK(std::isfinite(kept.value));
}

TEST_CASE("a solve that fails only when the others run again takes no gradient but its own along", "[gradient]") {
  for (const Index late : {2, 6, 7}) {
    Problem problem(8);
    problem.model.adjoint = {{1, Status::stalled}, {4, Status::stalled}};
    problem.model.whole = 8;
    problem.model.again = {{late, Status::stalled}};
    const auto result = problem.run({.samples_per_part = 8, .failed = FailedSolve::leave_out});
    const auto good = [&](Index n) { return n != 1 && n != 4 && n != late; };
    CHECK(test::relative_error(result.gradient.vector(), problem.gradient(good)) < 1e-14);
    CHECK(result.left_out == 3);
    CHECK(result.samples[static_cast<std::size_t>(late)].share == 0);
  }
}

TEST_CASE("a number of unrolled steps that was asked for is no failure", "[gradient]") {
  using Model = Equilibrium<Injected<Sequential<Dense<2, 2>, Tanh>>, Picard, Unrolled>;
  const Model model{.stop = {.tolerance = 0, .max_evaluations = 4, .stall_window = 0}};
  const auto theta = test::random_parameters<Model>(1);
  const State<double> x = test::random_state({2, {1, 1, 1}, 9}, 2);
  const MeanSquaredError<double> loss{State<double>(x.shape)};
  const auto result = value_and_gradient(model, theta, x, loss);
  CHECK(result.left_out + result.bounded == 0);
  CHECK(result.report.forward.approximated() == 9);
  CHECK(result.report.adjoint.approximated() == 9);
  for (const SampleOutcome& one : result.samples) CHECK_FALSE(one.failed());
  CHECK(predict(model, theta, x).report.forward.approximated() == 9);
}

TEST_CASE("one solve that fails does not own the gradient of a batch", "[gradient]") {
  Problem problem(500);
  problem.model.forward = {{123, Status::max_iterations}, {300, Status::stalled}};
  problem.model.adjoint = {{123, Status::max_iterations}};
  problem.model.explosion = 1e6;
  const Vector<double> others = problem.gradient([](Index n) { return n != 123 && n != 300; });
  const double longest = others.norm() / std::sqrt(498);
  const Vector<double> one = problem.gradient_of(123), short_one = problem.gradient_of(300);
  CHECK(1e6 * one.norm() > 1000 * others.norm());
  REQUIRE(short_one.norm() < longest);
  const auto result = problem.run();
  CHECK(test::relative_error(result.gradient.vector(), others + short_one + longest / one.norm() * one) < 1e-12);
  CHECK(result.samples[123].share == Approx(longest / (1e6 * one.norm())));
  CHECK(result.samples[300].share == 1);
  CHECK(result.bounded == 1);
  CHECK(result.left_out == 0);

  problem.model.forward[123] = Status::non_finite;  // nothing of it can be made shorter
  const auto without = problem.run();
  CHECK(test::relative_error(without.gradient.vector(), others + short_one) < 1e-12);
  CHECK(without.left_out == 1);
  CHECK(without.samples[123].share == 0);
}

TEST_CASE("where every solve fails, only who wants it gets a gradient of zeros", "[gradient]") {
  Problem problem(5);
  for (Index n = 0; n < 5; ++n) problem.model.forward[n] = Status::max_iterations;
  const auto bounded = problem.run();
  CHECK(test::relative_error(bounded.gradient.vector(), problem.gradient([](Index) { return true; })) < 1e-14);
  CHECK(bounded.left_out + bounded.bounded == 0);
  const auto without = problem.run({.failed = FailedSolve::leave_out});
  CHECK(without.gradient.vector().isZero(0));
  CHECK(without.left_out == 5);
  problem.model.forward[3] = Status::non_finite;  // left out by who bounds too
  const auto finite = problem.run();
  CHECK(test::relative_error(finite.gradient.vector(), problem.gradient([](Index n) { return n != 3; })) < 1e-14);
  CHECK(finite.left_out == 1);
}

TEST_CASE("a gradient with failed solves in it has the same bits on any number of threads", "[repeatable]") {
  Problem problem(203);
  for (Index n = 0; n < 203; n += 11) problem.model.adjoint[n] = Status::stalled;
  problem.model.explosion = 50;
  for (const FailedSolve failed : {FailedSolve::keep, FailedSolve::leave_out, FailedSolve::bound}) {
    const Threads one(1);
    const auto first = problem.run({.failed = failed});
    for (const int count : {2, 3, 8}) {
      set_threads(count);
      const auto other = problem.run({.failed = failed});
      CHECK(other.gradient.vector() == first.gradient.vector());
      CHECK(other.value == first.value);
    }
  }
}

TEST_CASE("the numbers of samples and the log of the caller's context go through a batch", "[unit]") {
  Problem problem(10);
  problem.model.forward = {{104, Status::stalled}};
  SolveLog log;
  const auto result = problem.run({.samples_per_part = 3, .context = {.first_sample = 100, .log = &log}});
  CHECK(result.samples[4].failed());
  REQUIRE(log.records().size() == 20);
  Index sample = 99;
  for (const SolveRecord& record : log.records()) {
    if (record.pass == Pass::forward) CHECK(record.sample == ++sample);
  }
  log.clear();
  (void)predict(problem.model, problem.theta, problem.x, {.context = {.first_sample = 100, .log = &log}});
  CHECK(log.records().size() == 10);
  CHECK(log.records()[4].result.status == Status::stalled);

  const std::vector<Index> numbers(10);
  CHECK_THROWS_WITH(problem.run({.context = {.samples = numbers.data()}}),
                    "numbers of the samples of a batch is a list, expected the first one's (Context::first_sample)");
}

TEST_CASE("a loss shows a NaN in an input, however deep", "[unit]") {
  using Model = Equilibrium<Injected<Sequential<Dense<3, 3>, Tanh>>>;
  const Model model;
  const auto theta = test::random_parameters<Model>(1, 0.2);
  State<double> x = test::random_state({3, {1, 1, 1}, 9}, 2);
  x.values[7] = std::numeric_limits<double>::quiet_NaN();
  const MeanSquaredError<double> loss{State<double>(x.shape)};
  const auto result = value_and_gradient(model, theta, x, loss);
  CHECK(std::isnan(result.value));
  CHECK(result.gradient.vector().allFinite());  // the other eight samples'
  CHECK(result.left_out == 1);
  CHECK(result.samples[2].forward.at(0).status == Status::non_finite);
  CHECK(result.samples[3].forward.at(0).status == Status::converged);
}

namespace {

/// Many parameters, little work.
struct Heavy {
  static constexpr int in_features = 1, out_features = 1;
  static constexpr std::size_t param_count = 200000;
  static void leaves(LeafList& list) { list.weight("weight", {200000}, 1, 1); }
  [[nodiscard]] Shape out_shape(const Shape& x) const { return x; }

  template <class S>
  void apply(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& = {}) const {
    y.vector() = theta[0] * x.vector();
  }

  template <class S>
  struct Linearization {
    std::span<const S, param_count> theta;
    View<const S> x;
    void jvp(View<const S> t, View<S> out) const { out.vector() = theta[0] * t.vector(); }
    void vjp(View<const S> w, View<S> dx) const { dx.vector() = theta[0] * w.vector(); }
    void pullback(View<const S> w, View<S>, ThetaGradient<S, param_count> dtheta) const {
      dtheta[0] += x.vector().dot(w.vector());
      dtheta[param_count - 1] += w.vector().sum();
    }
  };

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& = {}) const {
    apply<S>(theta, x, y);
    return {theta, x};
  }
};

}  // namespace

TEST_CASE("the gradient of 10,000 samples in .8 MB of parameters takes less than 40 MB", "[allocation]") {
  if (!basin_test::counts_allocations()) return;
  const Threads threads(2);
  Parameters<Heavy, float> theta;
  theta.vector()[0] = 0.5f;
  const State<float> x = test::random_state<float>({1, {1, 1, 1}, 10000}, 1);
  const MeanSquaredError<float> loss{State<float>(x.shape)};
  const std::size_t before = basin_test::live_bytes();
  basin_test::reset_peak();
  const auto result = value_and_gradient(Heavy{}, theta, x, loss);
  const double megabytes = static_cast<double>(basin_test::peak_bytes() - before) / 1e6;
  INFO("MB: " << megabytes);
  CHECK(megabytes < 40);
  CHECK(megabytes > 0.8);
  CHECK(result.gradient.vector()[0] == Approx(x.values.squaredNorm() / 10000).epsilon(1e-4));
}
