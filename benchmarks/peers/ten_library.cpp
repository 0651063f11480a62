// The ten problems of ten_problems.hpp as a shared library with an interface in C, for ten_scipy.py.

#include <algorithm>

#include "ten_problems.hpp"

namespace {

const basin::benchmarks::TenProblem& problem_of(int number) {
  static const std::vector<basin::benchmarks::TenProblem> all = basin::benchmarks::ten_problems();
  return all[static_cast<std::size_t>(number)];
}

}  // namespace

extern "C" {
int ten_count() { return 10; }
int ten_most() { return basin::benchmarks::ten_most; }
const char* ten_name(int number) { return problem_of(number).name.c_str(); }
int ten_size(int number) { return static_cast<int>(problem_of(number).size()); }
int ten_is_solution(int number, double length) { return problem_of(number).is_solution(length) ? 1 : 0; }
double ten_target(int number) { return problem_of(number).target(); }
void ten_start(int number, double* z) { std::copy_n(problem_of(number).start.data(), problem_of(number).size(), z); }
/// out = f(z) - z.
void ten_residual(int number, const double* z, double* out) {
  const auto& problem = problem_of(number);
  problem.evaluate(z, out);
  basin::benchmarks::ToVector(out, problem.size()) -= basin::benchmarks::FromVector(z, problem.size());
}
}
