// KINSOL on the ten problems of ten_problems.hpp: its fixed-point iteration with Anderson acceleration, and its
// Newton-Krylov method, with eight settings each.
//
// The fixed-point iteration ends by the largest number of a step, which is no residual. So it is run once with a look
// at the residual of every iterate, which are all that it evaluates, up to the first that is small enough, and timed
// with as many iterations and without the look. Newton-Krylov ends by the largest number of the residual of an iterate,
// as the others do. Its largest step, by default a thousand times the length of the start or 1, is set out of the way.

#include <kinsol/kinsol.h>
#include <nvector/nvector_serial.h>
#include <sundials/sundials_version.h>
#include <sunlinsol/sunlinsol_spgmr.h>

#include "measuring.hpp"
#include "ten_problems.hpp"

namespace {

using namespace basin;
using namespace basin::benchmarks;

struct Evaluation {
  const TenProblem& problem;
  int count = 0;
  double target = 0;       ///< of the look; 0: there is none
  Vector<double> found{};  ///< by the look
};

int fixed_point(N_Vector z, N_Vector out, void* data) {
  Evaluation& evaluation = *static_cast<Evaluation*>(data);
  const double* const from = N_VGetArrayPointer(z);
  double* const to = N_VGetArrayPointer(out);
  evaluation.problem.evaluate(from, to);
  ++evaluation.count;
  if (evaluation.target == 0) return 0;
  const Index size = evaluation.problem.size();
  const FromVector at(from, size);
  if (!((FromVector(to, size) - at).lpNorm<Eigen::Infinity>() <= evaluation.target)) return 0;
  evaluation.found = at;
  return -1;  // ends the solve
}

int residual(N_Vector z, N_Vector out, void* data) {
  Evaluation& evaluation = *static_cast<Evaluation*>(data);
  const Index size = evaluation.problem.size();
  evaluation.problem.evaluate(N_VGetArrayPointer(z), N_VGetArrayPointer(out));
  ToVector(N_VGetArrayPointer(out), size) -= FromVector(N_VGetArrayPointer(z), size);
  ++evaluation.count;
  return 0;
}

struct FixedPointSetting {
  int depth;
  double damping;
};
struct NewtonSetting {
  int basis, eta, strategy;
};

/// Of a problem's size, at its start.
class Vectors {
 public:
  Vectors(const TenProblem& problem, SUNContext context)
      : z(N_VNew_Serial(problem.size(), context)), ones(N_VNew_Serial(problem.size(), context)) {
    N_VConst(1, ones);
  }
  ~Vectors() {
    N_VDestroy(z);
    N_VDestroy(ones);
  }
  Vectors(const Vectors&) = delete;
  Vectors& operator=(const Vectors&) = delete;
  void start(const TenProblem& problem) { std::copy_n(problem.start.data(), problem.size(), N_VGetArrayPointer(z)); }

  N_Vector z, ones;
};

void by_fixed_point(Evaluation& evaluation, SUNContext context, Vectors& vectors, const FixedPointSetting& setting,
                    int iterations) {
  vectors.start(evaluation.problem);
  evaluation.count = 0;
  void* solver = KINCreate(context);
  KINSetUserData(solver, &evaluation);
  KINSetMAA(solver, std::min<long>(setting.depth, evaluation.problem.size()));
  KINInit(solver, fixed_point, vectors.z);
  if (setting.damping != 1) {
    KINSetDamping(solver, setting.damping);
    KINSetDampingAA(solver, setting.damping);
  }
  KINSetNumMaxIters(solver, iterations);
  KINSetFuncNormTol(solver, 1e-300);
  KINSetPrintLevel(solver, 0);
  KINSetErrFile(solver, nullptr);
  KINSol(solver, vectors.z, KIN_FP, vectors.ones, vectors.ones);
  KINFree(&solver);
}

int by_newton(Evaluation& evaluation, SUNContext context, Vectors& vectors, const NewtonSetting& setting) {
  vectors.start(evaluation.problem);
  evaluation.count = 0;
  void* solver = KINCreate(context);
  KINSetUserData(solver, &evaluation);
  KINInit(solver, residual, vectors.z);
  const SUNLinearSolver linear = SUNLinSol_SPGMR(vectors.z, SUN_PREC_NONE, setting.basis, context);
  KINSetLinearSolver(solver, linear, nullptr);
  KINSetEtaForm(solver, setting.eta);
  KINSetNumMaxIters(solver, 500);
  KINSetFuncNormTol(solver, evaluation.problem.target());
  KINSetScaledStepTol(solver, 1e-30);
  KINSetMaxNewtonStep(solver, 1e6);
  KINSetPrintLevel(solver, 0);
  KINSetErrFile(solver, nullptr);
  const int status = KINSol(solver, vectors.z, setting.strategy, vectors.ones, vectors.ones);
  KINFree(&solver);
  SUNLinSolFree(linear);
  return status;
}

void measure_fixed_point(const Options& options, SUNContext context, const TenProblem& problem, Vectors& vectors) {
  std::vector<FixedPointSetting> settings;
  std::vector<std::string> names;
  for (const int depth : {2, 5, 10, 20}) {
    for (const double damping : {1.0, 0.7}) {
      settings.push_back({depth, damping});
      names.push_back("depth " + std::to_string(depth) + (damping == 1 ? "" : ", damping 0.7"));
    }
  }
  report_ten(problem, "fixed point, Anderson", names, [&](std::size_t i) -> TenRun {
    Evaluation evaluation{problem};
    evaluation.target = problem.target();
    by_fixed_point(evaluation, context, vectors, settings[i], ten_most);
    if (evaluation.found.size() == 0) return {};
    const int count = evaluation.count;
    evaluation.target = 0;
    const double seconds =
        ten_seconds(options, [&] { by_fixed_point(evaluation, context, vectors, settings[i], count); });
    return {count, seconds, evaluation.found};
  });
}

void measure_newton(const Options& options, SUNContext context, const TenProblem& problem, Vectors& vectors) {
  std::vector<NewtonSetting> settings;
  std::vector<std::string> names;
  for (const int basis : {20, 80}) {
    for (const int eta : {KIN_ETACHOICE1, KIN_ETACHOICE2}) {
      for (const int strategy : {KIN_NONE, KIN_LINESEARCH}) {
        settings.push_back({basis, eta, strategy});
        names.push_back("basis " + std::to_string(basis) + ", Eisenstat-Walker " + (eta == KIN_ETACHOICE1 ? "1" : "2") +
                        (strategy == KIN_NONE ? "" : ", line search"));
      }
    }
  }
  report_ten(problem, "Newton-Krylov", names, [&](std::size_t i) -> TenRun {
    Evaluation evaluation{problem};
    if (by_newton(evaluation, context, vectors, settings[i]) < 0) return {};
    const int count = evaluation.count;
    const Vector<double> z = FromVector(N_VGetArrayPointer(vectors.z), problem.size());
    const double seconds =
        ten_seconds(options, [&] { static_cast<void>(by_newton(evaluation, context, vectors, settings[i])); });
    return {count, seconds, z};
  });
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = read_options(argc, argv);
  char version[32];
  SUNDIALSGetVersion(version, sizeof version);
  print_version("SUNDIALS", version);
  SUNContext context = nullptr;
  SUNContext_Create(nullptr, &context);
  for (const TenProblem& problem : ten_problems()) {
    Vectors vectors(problem, context);
    measure_fixed_point(options, context, problem, vectors);
    measure_newton(options, context, problem, vectors);
  }
  SUNContext_Free(&context);
}
