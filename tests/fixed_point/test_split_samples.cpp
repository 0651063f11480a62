// A solve whose samples are split: each of several threads has a part of the numbers, as processes would, and takes the
// same steps as one that has all of them.

#include <Eigen/Dense>
#include <algorithm>
#include <barrier>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <thread>
#include <typeinfo>
#include <vector>

#include "basin/adjoint/implicit.hpp"
#include "basin/adjoint/phantom.hpp"
#include "basin/core/random.hpp"
#include "basin/fixed_point/anderson.hpp"
#include "basin/fixed_point/any_method.hpp"
#include "basin/fixed_point/broyden.hpp"
#include "basin/fixed_point/broyden_bad.hpp"
#include "basin/fixed_point/chord.hpp"
#include "basin/fixed_point/klement.hpp"
#include "basin/fixed_point/newton_gmres.hpp"
#include "basin/fixed_point/picard.hpp"
#include "basin/fixed_point/projected.hpp"
#include "basin/fixed_point/pseudo_transient.hpp"
#include "basin/fixed_point/solve.hpp"
#include "basin/linear/bicgstab.hpp"
#include "basin/linear/gmres.hpp"

using namespace basin;

namespace {

constexpr Index numbers = 24;
const std::vector<Index> bounds{0, 5, 6, 24};  // of the parts, which differ in size
using Square = Matrix<double>;
using Numbers = Vector<double>;

/// What the threads share.
class Parts {
 public:
  explicit Parts(int count) : barrier_(count), rows_(static_cast<std::size_t>(count)) {}

  /// All rows that the threads hand in, in their order.
  std::vector<std::vector<double>> gather(int part, std::span<const double> row) {
    rows_[static_cast<std::size_t>(part)].assign(row.begin(), row.end());
    barrier_.arrive_and_wait();
    auto all = rows_;
    barrier_.arrive_and_wait();
    return all;
  }

 private:
  std::barrier<> barrier_;
  std::vector<std::vector<double>> rows_;
};

class Threads : public Reduction {
 public:
  Threads(Parts& parts, int part) : parts_(parts), part_(part) {}
  void sum(std::span<double> of_part) const override {
    const auto all = parts_.gather(part_, of_part);
    for (std::size_t i = 0; i < of_part.size(); ++i) {
      of_part[i] = 0;
      for (const auto& row : all) of_part[i] += row[i];
    }
  }
  void maximum(std::span<double> of_part) const override {
    const auto all = parts_.gather(part_, of_part);
    for (std::size_t i = 0; i < of_part.size(); ++i) {
      for (const auto& row : all) of_part[i] = std::max(of_part[i], row[i]);
    }
  }
  [[nodiscard]] Numbers all_of(const Numbers& of_part) const {
    Numbers whole(numbers);
    Index at = 0;
    for (const auto& row : parts_.gather(part_, {of_part.data(), static_cast<std::size_t>(of_part.size())})) {
      for (const double number : row) whole[at++] = number;
    }
    return whole;
  }

 private:
  Parts& parts_;
  int part_;
};

/// z -> tanh(A z + b), of which a part makes rows first ... last - 1; `broken` where row 0 is not finite.
struct Rows {
  const Square& a;
  const Numbers& b;
  bool broken;
  Index first, last;
  const Threads* others;  // null: all rows are here

  [[nodiscard]] Index count() const { return last - first; }
  [[nodiscard]] Extent extent(const Shape&) const {
    return others == nullptr ? Extent(count()) : Extent(count(), numbers, *others);
  }
  [[nodiscard]] Numbers all_of(const Numbers& part) const { return others == nullptr ? part : others->all_of(part); }

  /// Row by row, so that a row has the same bits whichever others are there: methods may make much of rounding.
  [[nodiscard]] Numbers times(const Numbers& whole) const {
    Numbers out(count());
    for (Index i = 0; i < count(); ++i) out[i] = a.row(first + i).dot(whole);
    return out;
  }
  [[nodiscard]] Numbers value(const Numbers& whole) const {
    Numbers out = times(whole) + b.segment(first, count());
    for (double& number : out) number = std::tanh(number);
    return out;
  }

  void operator()(View<const double> z, View<double> out) const {
    const Numbers whole = all_of(z.vector());
    out.vector() = value(whole);
    if (broken && first == 0 && whole[0] > 0.2) out.vector()[0] = std::numeric_limits<double>::quiet_NaN();
  }

  struct Linear {
    const Rows& rows;
    Numbers slope;  // of its rows
    [[nodiscard]] Extent extent(const Shape& one) const { return rows.extent(one); }
    void jvp(View<const double> t, View<double> out) const {
      out.vector() = slope.cwiseProduct(rows.times(rows.all_of(t.vector())));
    }
    void vjp(View<const double> w, View<double> out) const {
      const Numbers all = rows.all_of(slope.cwiseProduct(w.vector()));
      for (Index i = 0; i < rows.count(); ++i) out.vector()[i] = rows.a.col(rows.first + i).dot(all);
    }
  };
  [[nodiscard]] Linear linearize(View<const double> z, std::span<const Index>) const {
    const Numbers f = value(all_of(z.vector()));
    return {*this, (1 - f.array().square()).matrix()};
  }
};

struct Problem {
  Square a{numbers, numbers};
  Numbers b{numbers};
  bool broken = false;

  explicit Problem(double size) {
    for (Index i = 0; i < a.size(); ++i) a.data()[i] = size * Random{3}.uniform(static_cast<std::uint64_t>(i), -1, 1);
    for (Index i = 0; i < numbers; ++i) b[i] = Random{4}.uniform(static_cast<std::uint64_t>(i), -1, 1);
  }
};

struct Answer {
  Numbers z{};
  SampleResult result{};
};

/// body(rows) -> Answer of a part, on a thread for each; the parts' numbers together, and the first one's result, which
/// is that of all.
template <class Body>
Answer in_parts(const Problem& problem, const Body& body) {
  const int count = static_cast<int>(bounds.size()) - 1;
  Parts parts(count);
  std::vector<Answer> answers(static_cast<std::size_t>(count));
  std::vector<std::thread> threads;
  for (int part = 0; part < count; ++part) {
    threads.emplace_back([&, part] {
      const Threads others(parts, part);
      const auto at = static_cast<std::size_t>(part);
      answers[at] = body(Rows{problem.a, problem.b, problem.broken, bounds[at], bounds[at + 1], &others});
    });
  }
  for (std::thread& thread : threads) thread.join();
  Answer all{Numbers(numbers), answers[0].result};
  for (std::size_t part = 0; part < answers.size(); ++part) {
    all.z.segment(bounds[part], bounds[part + 1] - bounds[part]) = answers[part].z;
    const SampleResult &one = answers[part].result, &first = all.result;
    REQUIRE(one.status == first.status);
    REQUIRE(one.evaluations == first.evaluations);
    REQUIRE(one.residual == first.residual);
  }
  return all;
}

Rows all_of(const Problem& problem) { return {problem.a, problem.b, problem.broken, 0, numbers, nullptr}; }

/// The same steps, and the same numbers but for the order of sums.
void check_same(const Answer& parts, const Answer& whole, double tolerance) {
  CHECK(parts.result.status == whole.result.status);
  CHECK(parts.result.evaluations == whole.result.evaluations);
  CHECK(parts.result.iterations == whole.result.iterations);
  CHECK(parts.result.retries == whole.result.retries);
  CHECK((parts.z - whole.z).norm() <= tolerance * whole.z.norm());
}

template <class Method>
void check_method(const Problem& problem, const Method& method, const Stop& stop, Status expected) {
  CAPTURE(typeid(Method).name());
  const auto answer = [&](const Rows& rows) {
    const State<double> start(Shape{rows.count()});
    const auto found = solve(rows, start, method, stop);
    return Answer{found.value.values, found.samples[0]};
  };
  const Answer whole = answer(all_of(problem));
  CHECK(whole.result.status == expected);
  check_same(in_parts(problem, answer), whole, 1e-10);
}

template <class Solver>
void check_adjoint(const Solver& solver, bool exact) {
  const Problem problem(0.2);
  const auto answer = [&](const Rows& rows) {
    const State<double> z(Shape{rows.count()});
    State<double> g(z.shape), w(z.shape);
    for (Index i = 0; i < rows.count(); ++i) g.values[i] = std::cos(static_cast<double>(rows.first + i));
    const auto linear = rows.linearize(z.view(), {});
    const auto transposed =
        detail::split_as(linear, z.shape, [&](View<const double> v, View<double> out) { linear.vjp(v, out); });
    SampleResult result;
    solver.solve_tile(transposed, View<const double>(g.view()), w.view(), std::span<SampleResult>(&result, 1));
    return Answer{w.values, result};
  };
  const Answer parts = in_parts(problem, answer), whole = answer(all_of(problem));
  check_same(parts, whole, 1e-10);
  CHECK(std::abs(parts.result.residual - whole.result.residual) <= 1e-10);
  if (!exact) return;
  const Square j = (1 - problem.b.array().tanh().square()).matrix().asDiagonal() * problem.a;
  Numbers g(numbers);
  for (Index i = 0; i < numbers; ++i) g[i] = std::cos(static_cast<double>(i));
  const Numbers w = (Square::Identity(numbers, numbers) - j).transpose().partialPivLu().solve(g);
  CHECK((parts.z - w).norm() <= 1e-7 * w.norm());
}

}  // namespace

TEST_CASE("every method takes the same steps on a sample that is split as on a whole one") {
  const Stop stop{.tolerance = 1e-9, .max_evaluations = 400};
  const Problem easy(0.2);
  const Problem hard(0.42);  // Picard's iteration does not settle
  check_method(easy, Picard{}, stop, Status::converged);
  check_method(easy, Klement{}, stop, Status::converged);
  for (const Problem* problem : {&easy, &hard}) {
    check_method(*problem, Anderson<5>{}, stop, Status::converged);
    check_method(*problem, Broyden<20>{}, stop, Status::converged);
    check_method(*problem, BroydenBad<20>{}, stop, Status::converged);
    check_method(*problem, NewtonGmres<8>{}, stop, Status::converged);
    check_method(*problem, NewtonGmres<8>{.globalization = Globalization::line_search}, stop, Status::converged);
    check_method(*problem, PseudoTransient<8>{}, stop, Status::converged);
  }
  check_method(easy, Chord<6>{}, stop, Status::converged);
  check_method(easy, AnyMethod<Picard, Broyden<20>>("broyden"), stop, Status::converged);
  check_method(easy, Projected<NewtonGmres<8>>{.lower = -3, .upper = 3}, stop, Status::converged);
  check_method(easy, Projected<Broyden<20>>{.lower = -0.3, .upper = 2}, stop, Status::stalled);
}

TEST_CASE("norms, weights and points that are not finite are the same for a split sample") {
  Problem problem(0.2);
  for (const Norm norm : {Norm::root_mean_square, Norm::maximum}) {
    check_method(problem, Anderson<5>{}, {.tolerance = 1e-9, .norm = norm, .max_evaluations = 100}, Status::converged);
  }
  problem.broken = true;  // on one part alone
  const Stop stop{.tolerance = 1e-9, .max_evaluations = 100};
  check_method(problem, Anderson<5>{}, stop, Status::non_finite);
  check_method(problem, NewtonGmres<8>{}, stop, Status::max_iterations);
}

TEST_CASE("adjoint equations of a split sample have the solution of the whole one") {
  check_adjoint(Implicit<Gmres<24>>{.tolerance = 1e-9, .max_evaluations = 100}, true);
  check_adjoint(Implicit<BiCgStab>{.tolerance = 1e-9, .max_evaluations = 100}, true);
  check_adjoint(Implicit<Anderson<5>>{.tolerance = 1e-9, .max_evaluations = 100}, true);
  check_adjoint(Phantom{.k = 4}, false);
}
