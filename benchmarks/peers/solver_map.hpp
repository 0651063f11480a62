#pragma once

// The problems of the solvers, z = tanh(W z + b) in double, as solver_problem.py writes them: W dense for n = 100 and
// 1000, and W = U V^T of rank 64 for n = 10000. basin and KINSOL evaluate the map by this one piece of code.

#include <fstream>

#include "basin/core/state.hpp"
#include "measuring.hpp"

namespace basin::benchmarks {

/// The relative residual |f(z) - z| / |f(z)| at which every solver ends.
inline constexpr double solver_tolerance = 1e-8;

class SolverMap {
 public:
  SolverMap(const std::string& folder, Index size) : size_(size) {
    const std::string ending = std::to_string(size) + ".bin";
    if (size < 10000) {
      read(folder + "/w" + ending, left_, size, size);
    } else {
      read(folder + "/u" + ending, left_, size, 64);
      read(folder + "/v" + ending, right_, 64, size);
    }
    Matrix<double> shift;
    read(folder + "/b" + ending, shift, size, 1);
    shift_ = shift;
  }

  [[nodiscard]] Index size() const { return size_; }

  void operator()(const double* z, double* out) const {
    using Map = Eigen::Map<Vector<double>>;
    const Eigen::Map<const Vector<double>> from(z, size_);
    Map to(out, size_);
    if (right_.size() == 0) {
      to.noalias() = left_ * from;
    } else {
      const Eigen::Matrix<double, 64, 1> middle = right_ * from;
      to.noalias() = left_ * middle;
    }
    to = (to + shift_).array().tanh();
  }

 private:
  /// A column-major matrix.
  static void read(const std::string& path, Matrix<double>& matrix, Index rows, Index columns) {
    matrix.resize(rows, columns);
    std::ifstream file(path, std::ios::binary);
    file.read(reinterpret_cast<char*>(matrix.data()), matrix.size() * static_cast<Index>(sizeof(double)));
    if (!file) {
      std::fprintf(stderr, "cannot read %td numbers from %s; --folder takes where solver_problem.py wrote\n",
                   matrix.size(), path.c_str());
      std::exit(2);
    }
  }

  Index size_;
  Matrix<double> left_, right_;
  Vector<double> shift_;
};

inline std::string solver_work(Index size) { return "fixed point of tanh(W z + b), n = " + std::to_string(size); }
inline std::string overhead_work(Index size) { return "solver overhead an evaluation, n = " + std::to_string(size); }

}  // namespace basin::benchmarks
