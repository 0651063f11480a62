#include "basin/train/optimizer.hpp"

#include <catch2/catch.hpp>
#include <limits>
#include <string>
#include <vector>

#include "basin/core/random.hpp"
#include "basin/layers/dense.hpp"

namespace {

using namespace basin;

/// Three leaves, one of each kind: weight (0 to 5), bias (6, 7), scale (8, 9).
struct Model {
  static constexpr std::size_t param_count = 10;
  static void leaves(LeafList& list) {
    list.weight("weight", {2, 3}, 3, 2);
    list.bias("bias", 2);
    list.scale("scale", 2);
  }
};

static_assert(Optimizer<Sgd, Model> && Optimizer<Adam, Model> && Optimizer<AdamW, Model, double>);

Vector<double> gradient_at(int step, const Vector<double>& theta) {
  Vector<double> g(theta.size());
  for (Index i = 0; i < g.size(); ++i) g[i] = 0.3 * theta[i] + std::sin(1.7 * static_cast<double>(i) + step);
  return g;
}

/// Steps of an optimizer, and of `rule(i, g, theta, t)`, which changes number i of theta as the formulas say.
template <class S, class O, class Rule>
double largest_difference(const O& optimizer, double tolerance_scale, const Rule& rule) {
  Parameters<Model, S> theta;
  theta.vector() = Vector<S>::LinSpaced(10, S(-1), S(2));
  Vector<double> expected = theta.vector().template cast<double>();
  auto state = optimizer.init(theta);
  double worst = 0;
  for (int step = 0; step < 25; ++step) {
    const double scale = 1.0 / (1 + step % 3);
    Parameters<Model, S> gradient;
    gradient.vector() = gradient_at(step, theta.vector().template cast<double>()).template cast<S>();
    const Vector<double> g = gradient_at(step, expected);
    for (Index i = 0; i < 10; ++i) rule(i, g[i], expected[i], step + 1, scale);
    optimizer.step(theta, gradient, state, scale);
    worst = std::max(worst, (theta.vector().template cast<double>() - expected).cwiseAbs().maxCoeff());
  }
  return worst / tolerance_scale;
}

template <class S>
void check_all(double tolerance) {
  CAPTURE(tolerance);
  for (const bool nesterov : {false, true}) {
    for (const double decay : {0.0, 0.1}) {
      std::vector<double> v(10, 0.0);
      const Sgd sgd{.rate = 0.05, .momentum = 0.8, .nesterov = nesterov, .weight_decay = decay};
      CHECK(largest_difference<S>(sgd, 1, [&](Index i, double g, double& theta, int, double scale) {
              double& velocity = v[static_cast<std::size_t>(i)];
              if (i < 6) g += decay * theta;
              velocity = 0.8 * velocity + g;
              theta -= 0.05 * scale * (nesterov ? g + 0.8 * velocity : velocity);
            }) <= tolerance);
    }
  }
  for (const double decay : {0.0, 0.1}) {
    std::vector<double> m(10, 0.0), s(10, 0.0);
    const auto rule = [&](Index i, double g, double& theta, int t, double scale) {
      double &first = m[static_cast<std::size_t>(i)], &second = s[static_cast<std::size_t>(i)];
      if (i < 6) theta -= 0.02 * scale * decay * theta;
      first = 0.7 * first + 0.3 * g;
      second = 0.95 * second + 0.05 * g * g;
      const double m_hat = first / (1 - std::pow(0.7, t)), s_hat = second / (1 - std::pow(0.95, t));
      theta -= 0.02 * scale * m_hat / (std::sqrt(s_hat) + 1e-3);
    };
    const Adam adam{.rate = 0.02, .beta1 = 0.7, .beta2 = 0.95, .epsilon = 1e-3};
    const AdamW adamw{.rate = 0.02, .beta1 = 0.7, .beta2 = 0.95, .epsilon = 1e-3, .weight_decay = decay};
    if (decay == 0.0) CHECK(largest_difference<S>(adam, 1, rule) <= tolerance);
    m.assign(10, 0.0);
    s.assign(10, 0.0);
    CHECK(largest_difference<S>(adamw, 1, rule) <= tolerance);
  }
}

}  // namespace

TEST_CASE("optimizers follow their formulas, number by number", "[unit]") {
  check_all<double>(1e-14);
  check_all<float>(2e-6);  // 25 steps, each rounded to 2^-24 of numbers up to 2
}

TEST_CASE("the first step of Adam has the size of the rate, whatever the gradient's", "[unit]") {
  Parameters<Model, double> theta, gradient;
  gradient.vector() << 1e-3, -1e-3, 1, -1, 1e3, -1e3, 2, 3, 4, 5;
  const Adam adam{.rate = 0.01, .epsilon = 1e-30};
  auto state = adam.init(theta);
  adam.step(theta, gradient, state);
  CHECK((theta.vector().array() + 0.01 * gradient.vector().array().sign()).abs().maxCoeff() <= 1e-16);
  CHECK(state.steps == 1);
}

// 0.8 and 0.9 of the least subnormal number are rounded to itself: sums would stay there for ever.
TEST_CASE("what optimizers accumulate comes to zero where gradients stay away", "[unit]") {
  const auto states_after = [](const auto& optimizer, float first) {
    Parameters<Model, float> theta, gradient;
    auto state = optimizer.init(theta);
    gradient.vector().setConstant(first);
    optimizer.step(theta, gradient, state);
    gradient.vector().setZero();
    for (int step = 0; step < 1200; ++step) optimizer.step(theta, gradient, state);
    return state;
  };
  CHECK(states_after(Sgd{.momentum = 0.8}, 1.0f).velocity.vector().isZero(0));
  CHECK(states_after(Adam{}, 1.0f).first_moment.vector().isZero(0));
  CHECK_FALSE(states_after(Adam{}, 1.0f).second_moment.vector().isZero(0));  // 0.999^1200 of it
  CHECK(states_after(Adam{}, 1e-18f).second_moment.vector().isZero(0));
}

namespace {

/// A step throws std::invalid_argument with `message`, and neither theta nor the state is another.
template <class S, class O>
void check_refused(const O& optimizer, const std::string& message, S number = S(1), double rate_scale = 1) {
  Parameters<Model, S> theta, gradient;
  theta.vector().setLinSpaced(10, S(-1), S(2));
  gradient.vector().setOnes();
  auto state = optimizer.init(theta);
  O{}.step(theta, gradient, state);  // by the defaults, so that the state is not empty
  const auto theta_before = theta;
  const auto state_before = state;
  gradient.vector()[7] = number;
  CHECK_THROWS_AS(optimizer.step(theta, gradient, state, rate_scale), std::invalid_argument);
  CHECK_THROWS_WITH(optimizer.step(theta, gradient, state, rate_scale), message);
  CHECK(theta.vector() == theta_before.vector());
  std::vector<Vector<double>> before, after;
  const auto all = [](std::vector<Vector<double>>& into) {
    return [&into](std::string_view, const auto& value) {
      if constexpr (std::is_same_v<std::remove_cvref_t<decltype(value)>, std::int64_t>) {
        into.push_back(Vector<double>::Constant(1, static_cast<double>(value)));
      } else {
        into.push_back(value.vector().template cast<double>());
      }
    };
  };
  std::as_const(state).each(all(after));
  state_before.each(all(before));
  CHECK(before == after);
}

}  // namespace

TEST_CASE("optimizers refuse options out of their range, and leave theta and the state as they were", "[unit]") {
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  const std::string more = ", expected 0 or more, and finite", fraction = ", expected 0 to below 1";
  const std::string least = ", expected at least 1.0842e-19, and finite";
  check_refused<float>(Adam{.epsilon = 1e-50}, "epsilon of Adam is 1e-50" + least);
  check_refused<float>(Adam{.epsilon = 0}, "epsilon of Adam is 0" + least);
  check_refused<float>(AdamW{.epsilon = -1e-8}, "epsilon of AdamW is -1e-08" + least);
  check_refused<float>(Adam{.epsilon = infinity}, "epsilon of Adam is inf" + least);
  check_refused<double>(Adam{.epsilon = 0}, "epsilon of Adam is 0, expected at least 1.49167e-154, and finite");
  check_refused<float>(Adam{.beta1 = 1}, "beta1 of Adam is 1" + fraction);
  check_refused<float>(Adam{.beta1 = 1 - 1e-9}, "beta1 of Adam is 1" + fraction);
  check_refused<float>(Adam{.beta2 = -0.1}, "beta2 of Adam is -0.1" + fraction);
  check_refused<float>(AdamW{.beta2 = nan}, "beta2 of AdamW is nan" + fraction);
  check_refused<float>(Adam{.rate = nan}, "rate of Adam is nan" + more);
  check_refused<float>(Adam{.rate = 1e39}, "rate of Adam is 1e+39" + more);
  check_refused<float>(Adam{.rate = 1e38}, "rate times its scale of Adam is 1e+38, expected at most 1.84467e+19");
  check_refused<float>(Sgd{.rate = -1}, "rate of Sgd is -1" + more);
  check_refused<double>(Sgd{.rate = infinity}, "rate of Sgd is inf" + more);
  check_refused<float>(Sgd{}, "scale of the rate of Sgd is nan" + more, 1.0f, nan);
  check_refused<float>(Adam{}, "scale of the rate of Adam is -1" + more, 1.0f, -1.0);
  check_refused<float>(Sgd{.rate = 1e30}, "rate times its scale of Sgd is 1e+40" + more, 1.0f, 1e10);
  check_refused<float>(Sgd{.momentum = 1}, "momentum of Sgd is 1" + fraction);
  check_refused<float>(Sgd{.momentum = nan}, "momentum of Sgd is nan" + fraction);
  check_refused<float>(Sgd{.weight_decay = -1}, "weight_decay of Sgd is -1" + more);
  check_refused<float>(AdamW{.weight_decay = nan}, "weight_decay of AdamW is nan" + more);
  check_refused<float>(AdamW{.rate = 1, .weight_decay = 3},
                       "rate times weight_decay of AdamW is 3, expected at most 1");
}

TEMPLATE_TEST_CASE("optimizers refuse gradients that are not finite, and leave theta and the state as they were",
                   "[unit]", float, double) {
  using S = TestType;
  const std::string which = "number 1 of the gradient of 'bias' is ",
                    wanted = ", expected a number whose square is finite";
  const auto check = [&](const auto& optimizer) {
    check_refused<S>(optimizer, which + "nan" + wanted, std::numeric_limits<S>::quiet_NaN());
    check_refused<S>(optimizer, which + "inf" + wanted, std::numeric_limits<S>::infinity());
    check_refused<S>(optimizer, which + "-inf" + wanted, -std::numeric_limits<S>::infinity());
    const S large = std::sqrt(std::numeric_limits<S>::max()) * S(2);
    check_refused<S>(optimizer, which + basin::detail::printed(large) + wanted, large);
  };
  check(Sgd{.momentum = 0.9});
  check(Adam{});
  check(AdamW{});
}

TEST_CASE("a step along the longest gradient that is taken is finite", "[unit]") {
  const auto check = [](const auto& optimizer) {
    Parameters<Model, float> theta, gradient;
    gradient.vector().setConstant(std::sqrt(std::numeric_limits<float>::max()));
    auto state = optimizer.init(theta);
    for (int step = 0; step < 20; ++step) optimizer.step(theta, gradient, state);
    CHECK(theta.vector().allFinite());
  };
  check(Sgd{.momentum = 0.9});
  check(Adam{});
  check(AdamW{});
}

TEST_CASE("an optimizer's state can be saved and set again", "[repeatable]") {
  const Adam adam;
  Parameters<Model, float> theta, gradient;
  gradient.vector().setLinSpaced(10, -1.0f, 2.0f);
  auto state = adam.init(theta);
  for (int i = 0; i < 3; ++i) adam.step(theta, gradient, state);

  // What a checkpoint would do: numbers out by name, numbers in by name.
  std::vector<std::string> names;
  std::int64_t steps = 0;
  std::vector<Vector<float>> moments;
  std::as_const(state).each([&](std::string_view name, const auto& value) {
    names.emplace_back(name);
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(value)>, std::int64_t>) {
      steps = value;
    } else {
      moments.push_back(value.vector());
    }
  });
  CHECK(names == std::vector<std::string>{"steps", "first_moment", "second_moment"});

  auto resumed = adam.init(theta);
  std::size_t next = 0;
  resumed.each([&](std::string_view, auto& value) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(value)>, std::int64_t>) {
      value = steps;
    } else {
      value.vector() = moments[next++];
    }
  });
  Parameters<Model, float> again = theta;
  adam.step(theta, gradient, state);
  adam.step(again, gradient, resumed);
  CHECK(theta.vector() == again.vector());

  const Sgd sgd;
  auto velocity = sgd.init(theta);
  velocity.each([](std::string_view name, auto& value) {
    CHECK(name == "velocity");
    CHECK(value.vector().isZero(0));
  });
}

TEMPLATE_TEST_CASE("a number of theta takes the same step at every place", "[unit]", float, double) {
  using S = TestType;
  using Model = Dense<37, 1, Bias::no>;
  const Random random{1, 2};
  Index differ = 0;
  for (std::uint64_t i = 0; i < 300; ++i) {
    Parameters<Model, S> theta, gradient;
    theta.vector().setConstant(static_cast<S>(random.normal(i)));
    auto state = Adam{}.init(theta);
    for (std::uint64_t step = 0; step < 5; ++step) {
      gradient.vector().setConstant(static_cast<S>(random.normal(1000 + 5 * i + step)));
      Adam{}.step(theta, gradient, state);
    }
    differ += (theta.vector().array() != theta.vector()[0]).count();
  }
  CHECK(differ == 0);
}
