// A program compiled with -fno-exceptions -fno-rtti: the core works, and what would throw ends the program, with its
// message on standard error or, with an argument, in a handler of the program's. tests/CMakeLists.txt looks for the
// lines that this prints.

#include <csignal>
#include <cstdlib>
#include <iostream>

#include "basin/basin.hpp"

namespace {

void handle(const char* message) { std::cerr << "handled: " << message << '\n'; }

void aborted(int) {
  std::cerr << "aborted\n";
  std::_Exit(0);
}

}  // namespace

int main(int argc, char**) {
  using namespace basin;
  std::signal(SIGABRT, aborted);

  // z = z / 2 + 1 has its fixed point at 2.
  const auto half_plus_one = [](View<const double> z, View<double> out) { out.array() = z.array() / 2 + 1; };
  const auto solution = solve(half_plus_one, Matrix<double>::Zero(3, 2).eval(), Anderson<2>{}, {.tolerance = 1e-12});
  if (!((solution.value.values.array() - 2).abs() < 1e-9).all()) return 1;

  // A step of training, on several threads where those are to be had.
  const Sequential<Dense<2, 4>, Tanh, Dense<4, 1>> model;
  const auto theta = initial_parameters<float>(model, 1);
  const Matrix<float> x = Matrix<float>::Ones(2, 8), wanted = Matrix<float>::Ones(1, 8);
  const MeanSquaredError loss{State<float>(view(wanted))};
  if (!(value_and_gradient(model, theta, view(x), loss).value > 0)) return 1;

  std::cerr << "the core works\n";
  if (set_error_handler(handle) != nullptr) return 1;
  if (argc == 1 && set_error_handler(nullptr) != handle) return 1;
  check(false, "number of things", 3, "4 or more");
  return 1;
}
