// KINSOL's fixed-point iteration with Anderson acceleration over 5 differences, on the problems of solver.cpp.
//
// KINSOL ends by the largest entry of f(z) - z, the others by a relative length: its tolerance is lowered by quarters,
// outside of what is timed, until the relative residual is what the others reach.

#include <kinsol/kinsol.h>
#include <nvector/nvector_serial.h>
#include <sundials/sundials_version.h>

#include <stdexcept>

#include "measuring.hpp"
#include "solver_map.hpp"

namespace {

using namespace basin;
using namespace basin::benchmarks;

struct Problem {
  const SolverMap& map;
  int evaluations = 0;
};

int evaluate(N_Vector z, N_Vector out, void* data) {
  Problem& problem = *static_cast<Problem*>(data);
  problem.map(N_VGetArrayPointer(z), N_VGetArrayPointer(out));
  ++problem.evaluations;
  return 0;
}

/// A vector of KINSOL's, given back at the end.
class SerialVector {
 public:
  SerialVector(Index size, SUNContext context) : vector_(N_VNew_Serial(size, context)) {}
  ~SerialVector() { N_VDestroy(vector_); }
  SerialVector(const SerialVector&) = delete;
  SerialVector& operator=(const SerialVector&) = delete;
  operator N_Vector() const { return vector_; }

 private:
  N_Vector vector_;
};

void solve_once(Problem& problem, SUNContext context, N_Vector z, N_Vector ones, double tolerance) {
  N_VConst(0, z);
  problem.evaluations = 0;
  void* solver = KINCreate(context);
  KINSetUserData(solver, &problem);
  KINSetMAA(solver, 5);
  KINInit(solver, evaluate, z);
  KINSetNumMaxIters(solver, 500);
  KINSetFuncNormTol(solver, tolerance);
  KINSetPrintLevel(solver, 0);
  KINSetErrFile(solver, nullptr);
  const int status = KINSol(solver, z, KIN_FP, ones, ones);
  KINFree(&solver);
  if (status < 0) throw std::runtime_error("KINSol returned " + std::to_string(status));
}

void measure(const Options& options, SUNContext context, Index size) {
  const SolverMap map(options.folder, size);
  Problem problem{map};
  const SerialVector z(size, context);
  const SerialVector ones(size, context);
  N_VConst(1, ones);
  Vector<double> value(size);
  const Eigen::Map<const Vector<double>> found(N_VGetArrayPointer(z), size);
  double tolerance = 1e-4;
  double residual = 1;
  while (true) {
    solve_once(problem, context, z, ones, tolerance);
    map(found.data(), value.data());
    residual = (value - found).norm() / value.norm();
    if (residual <= solver_tolerance) break;
    tolerance *= 0.75;
    if (tolerance < 1e-14) throw std::runtime_error("KINSOL does not reach the residual");
  }
  const double evaluations = problem.evaluations;
  const double check = length_of(found);
  const auto rounds = pairs_of(
      options, [&] { solve_once(problem, context, z, ones, tolerance); }, [&] { map(found.data(), value.data()); });
  const double solve_seconds = median_of(rounds, [](const Pair& pair) { return pair.seconds; });
  const double overhead =
      median_of(rounds, [&](const Pair& pair) { return pair.seconds / evaluations - pair.other_seconds; });
  print_result(solver_work(size), "Anderson(5)", "us", solve_seconds * 1e6,
               {{"evaluations", evaluations}, {"residual", residual}, {"check", check}});
  print_result(overhead_work(size), "Anderson(5)", "us", overhead * 1e6);
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = read_options(argc, argv);
  char version[32];
  SUNDIALSGetVersion(version, sizeof version);
  print_version("SUNDIALS", version);
  SUNContext context = nullptr;
  SUNContext_Create(nullptr, &context);
  try {
    for (const Index size : {100, 1000, 10000}) measure(options, context, size);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "kinsol: %s\n", error.what());
    return 1;
  }
  SUNContext_Free(&context);
}
