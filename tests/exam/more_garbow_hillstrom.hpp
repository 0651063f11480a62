#pragma once

// The systems F(x) = 0 of More, Garbow and Hillstrom 1981 (ACM TOMS 7(1)), as in the tests of MINPACK's hybrd, and the
// function of Freudenstein and Roth and two generalisations of Rosenbrock's; in any scalar, so that what was solved in
// double can be looked at in long double. Each can be made a fixed-point map in the ways that users write one.

#include <Eigen/Dense>
#include <cmath>
#include <functional>
#include <numbers>
#include <string>
#include <vector>

#include "basin/core/state.hpp"

namespace exam::mgh {

template <class T>
using Numbers = basin::Vector<T>;
using basin::Index;

struct System {
  std::string name;
  Numbers<double> start;
  std::function<Numbers<double>(const Numbers<double>&)> in_double;
  std::function<Numbers<long double>(const Numbers<long double>&)> in_long_double;
  Numbers<double> published{};  ///< a root, where Newton's method does not find it from afar
};

template <class F>
System system(std::string name, Numbers<double> start, F f) {
  return {std::move(name),
          std::move(start),
          [f](const Numbers<double>& x) { return f(x); },
          [f](const Numbers<long double>& x) { return f(x); },
          {}};
}

/// x - damping F(x), or with the inverse of F's Jacobian at the start: F has its own sign and size, so all are tried.
struct Form {
  std::string name;
  basin::Matrix<double> factor;

  template <class T>
  [[nodiscard]] Numbers<T> apply(const Numbers<T>& x, const Numbers<T>& f) const {
    return x - factor.cast<T>() * f;
  }
};

/// By central differences, in long double: right to the last digits of double.
inline basin::Matrix<long double> jacobian(const System& system, const Numbers<long double>& x) {
  basin::Matrix<long double> j(x.size(), x.size());
  for (Index i = 0; i < x.size(); ++i) {
    const long double h = 1e-6L * (1 + std::abs(x[i]));
    Numbers<long double> up = x, down = x;
    up[i] += h;
    down[i] -= h;
    j.col(i) = (system.in_long_double(up) - system.in_long_double(down)) / (up[i] - down[i]);
  }
  return j;
}

/// Those of the forms that are finite: not all Jacobians have an inverse at the start.
inline std::vector<Form> forms(const System& system) {
  const Index n = system.start.size();
  const basin::Matrix<double> j = jacobian(system, system.start.cast<long double>()).cast<double>();
  const basin::Matrix<double> identity = basin::Matrix<double>::Identity(n, n), inverse = j.inverse();
  std::vector<Form> all{{"x - F", identity}, {"x + F", -identity}, {"x - F / |J|", identity / j.norm()}};
  if (inverse.allFinite()) all.push_back({"x - J^-1 F", inverse});
  return all;
}

inline std::vector<System> systems() {
  std::vector<System> all;
  const auto add = [&](const char* name, Numbers<double> start, auto f) {
    all.push_back(system(name, std::move(start), f));
  };
  const auto pairs = [](Index n) {
    Numbers<double> x(n);
    for (Index i = 0; i < n; ++i) x[i] = i % 2 == 0 ? -1.2 : 1.0;
    return x;
  };
  add("Rosenbrock", pairs(2), []<class T>(const Numbers<T>& x) {
    return Numbers<T>{{1 - x[0], 10 * (x[1] - x[0] * x[0])}};
  });
  add("Powell singular", Numbers<double>{{3, -1, 0, 1}}, []<class T>(const Numbers<T>& x) {
    const T a = x[1] - 2 * x[2], b = x[0] - x[3];
    return Numbers<T>{{x[0] + 10 * x[1], std::sqrt(T(5)) * (x[2] - x[3]), a * a, std::sqrt(T(10)) * b * b}};
  });
  add("Powell badly scaled", Numbers<double>{{0, 1}}, []<class T>(const Numbers<T>& x) {
    return Numbers<T>{{10000 * x[0] * x[1] - 1, std::exp(-x[0]) + std::exp(-x[1]) - T(1.0001L)}};
  });
  all.back().published = Numbers<double>{{1.098159e-5, 9.106146}};
  add("Wood", Numbers<double>{{-3, -1, -3, -1}}, []<class T>(const Numbers<T>& x) {
    const T a = x[1] - x[0] * x[0], b = x[3] - x[2] * x[2];
    const T c = T(20.2L), d = T(19.8L);
    return Numbers<T>{{-200 * x[0] * a - (1 - x[0]), 200 * a + c * (x[1] - 1) + d * (x[3] - 1),
                       -180 * x[2] * b - (1 - x[2]), 180 * b + c * (x[3] - 1) + d * (x[1] - 1)}};
  });
  add("helical valley", Numbers<double>{{-1, 0, 0}}, []<class T>(const Numbers<T>& x) {
    const T angle = std::atan(x[1] / x[0]) / (2 * std::numbers::pi_v<T>)+(x[0] < 0 ? T(0.5) : T(0));
    return Numbers<T>{{10 * (x[2] - 10 * angle), 10 * (std::sqrt(x[0] * x[0] + x[1] * x[1]) - 1), x[2]}};
  });
  add("Watson", Numbers<double>::Zero(6), []<class T>(const Numbers<T>& x) {
    const Index n = x.size();
    Numbers<T> f = Numbers<T>::Zero(n);
    for (int i = 1; i <= 29; ++i) {
      const T t = T(i) / 29;
      T slope = 0, value = 0, power = 1;
      for (Index j = 0; j < n; ++j) {
        if (j > 0) slope += T(j) * power / t * x[j];
        value += power * x[j];
        power *= t;
      }
      const T wrong = slope - value * value - 1;
      power = 1 / t;
      for (Index k = 0; k < n; ++k) {
        f[k] += power * (T(k) - 2 * t * value) * wrong;
        power *= t;
      }
    }
    const T last = x[1] - x[0] * x[0] - 1;
    f[0] += x[0] * (1 - 2 * last);
    f[1] += last;
    return f;
  });
  add("Chebyquad", Numbers<double>::LinSpaced(6, 1.0 / 7, 6.0 / 7), []<class T>(const Numbers<T>& x) {
    const Index n = x.size();
    Numbers<T> f = Numbers<T>::Zero(n);
    for (Index j = 0; j < n; ++j) {
      T before = 1, now = 2 * x[j] - 1;
      const T twice = 2 * now;
      for (Index k = 0; k < n; ++k) {
        f[k] += now / T(n);
        const T next = twice * now - before;
        before = now;
        now = next;
      }
    }
    for (Index k = 1; k < n; k += 2) f[k] += 1 / T((k + 1) * (k + 1) - 1);
    return f;
  });
  add("Brown almost linear", Numbers<double>::Constant(10, 0.5), []<class T>(const Numbers<T>& x) {
    Numbers<T> f = x.array() + (x.sum() - T(x.size() + 1));
    f[x.size() - 1] = x.prod() - 1;
    return f;
  });
  const Numbers<double> grid = Numbers<double>::LinSpaced(10, 1.0 / 11, 10.0 / 11);
  const Numbers<double> arch = (grid.array() * (grid.array() - 1)).matrix();
  add("boundary value", arch, []<class T>(const Numbers<T>& x) {
    const Index n = x.size();
    Numbers<T> f(n);
    for (Index i = 0; i < n; ++i) {
      const T left = i > 0 ? x[i - 1] : T(0), right = i + 1 < n ? x[i + 1] : T(0), t = T(i + 1) / T(n + 1);
      const T v = x[i] + t + 1;
      f[i] = 2 * x[i] - left - right + v * v * v / (2 * T(n + 1) * T(n + 1));
    }
    return f;
  });
  add("integral equation", arch, []<class T>(const Numbers<T>& x) {
    const Index n = x.size();
    Numbers<T> f = x;
    for (Index i = 0; i < n; ++i) {
      const T ti = T(i + 1) / T(n + 1);
      for (Index j = 0; j < n; ++j) {
        const T tj = T(j + 1) / T(n + 1), v = x[j] + tj + 1;
        f[i] += (j <= i ? (1 - ti) * tj : ti * (1 - tj)) * v * v * v / (2 * T(n + 1));
      }
    }
    return f;
  });
  add("trigonometric", Numbers<double>::Constant(10, 0.1), []<class T>(const Numbers<T>& x) {
    const Index n = x.size();
    const T sum = x.array().cos().sum();
    Numbers<T> f(n);
    for (Index i = 0; i < n; ++i) f[i] = T(n) - sum + T(i + 1) * (1 - std::cos(x[i])) - std::sin(x[i]);
    return f;
  });
  add("variably dimensioned", Numbers<double>::LinSpaced(10, 0.9, 0.0), []<class T>(const Numbers<T>& x) {
    T sum = 0;
    for (Index j = 0; j < x.size(); ++j) sum += T(j + 1) * (x[j] - 1);
    Numbers<T> f(x.size());
    for (Index k = 0; k < x.size(); ++k) f[k] = x[k] - 1 + T(k + 1) * sum * (1 + 2 * sum * sum);
    return f;
  });
  add("Broyden tridiagonal", Numbers<double>::Constant(10, -1), []<class T>(const Numbers<T>& x) {
    Numbers<T> f(x.size());
    for (Index i = 0; i < x.size(); ++i) {
      const T left = i > 0 ? x[i - 1] : T(0), right = i + 1 < x.size() ? x[i + 1] : T(0);
      f[i] = (3 - 2 * x[i]) * x[i] - left - 2 * right + 1;
    }
    return f;
  });
  add("Broyden banded", Numbers<double>::Constant(10, -1), []<class T>(const Numbers<T>& x) {
    Numbers<T> f(x.size());
    for (Index i = 0; i < x.size(); ++i) {
      f[i] = x[i] * (2 + 5 * x[i] * x[i]) + 1;
      for (Index j = std::max<Index>(0, i - 5); j <= std::min(x.size() - 1, i + 1); ++j) {
        if (j != i) f[i] -= x[j] * (1 + x[j]);
      }
    }
    return f;
  });
  add("Freudenstein and Roth", Numbers<double>{{0.5, -2}}, []<class T>(const Numbers<T>& v) {
    const T x = v[0], y = v[1];
    return Numbers<T>{{x - y * y * y + 5 * y * y - 2 * y - 13, x + y * y * y + y * y - 14 * y - 29}};
  });
  add("extended Rosenbrock", pairs(10), []<class T>(const Numbers<T>& x) {
    Numbers<T> f(x.size());
    for (Index i = 0; i + 1 < x.size(); i += 2) {
      f[i] = 10 * (x[i + 1] - x[i] * x[i]);
      f[i + 1] = 1 - x[i];
    }
    return f;
  });
  add("chained Rosenbrock", pairs(10), []<class T>(const Numbers<T>& x) {
    Numbers<T> f(x.size());
    f[0] = 1 - x[0];
    for (Index i = 1; i < x.size(); ++i) f[i] = 10 * (x[i] - x[i - 1] * x[i - 1]);
    return f;
  });
  return all;
}

}  // namespace exam::mgh
