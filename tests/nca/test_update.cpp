#include "basin/nca/update.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

constexpr int C = 5;

/// push against central differences of next, and pull against push.
template <class Update>
void check_derivatives(const Update& update, double factor, double spread) {
  constexpr int R = Update::template answers<C>;
  const auto z = random_state({C}, 1, spread), tz = random_state({C}, 2), w = random_state({C}, 3);
  const auto r = random_state({R}, 4, spread), tr = random_state({R}, 5);
  const auto next = [&](double h) {
    const Vector<double> at_z = z.values + h * tz.values, at_r = r.values + h * tr.values;
    Vector<double> out(C);
    update.template next<C>(at_z.data(), at_r.data(), factor, out.data());
    return out;
  };
  Vector<double> pushed(C), wz(C), wr(R);
  update.template push<C>(z.values.data(), r.values.data(), tz.values.data(), tr.values.data(), factor, pushed.data());
  update.template pull<C>(z.values.data(), r.values.data(), w.values.data(), factor, wz.data(), wr.data());
  const double h = 1e-5;
  // All are linear piece by piece, so the differences are exact up to rounding, about 1e-16 / h.
  CHECK(relative_error(pushed, Vector<double>((next(h) - next(-h)) / (2 * h))) < 1e-9);
  CHECK(wz.dot(tz.values) + wr.dot(tr.values) == Approx(w.values.dot(pushed)).epsilon(1e-13).margin(1e-14));
}

}  // namespace

TEST_CASE("an increment adds to all features", "[unit][update]") {
  const std::array<double, C> z{1, 2, 3, 4, 5};
  std::array<double, C> out{};
  const std::array<double, C> r{10, 20, 30, 40, 50};
  Increment{}.next<C>(z.data(), r.data(), 0.5, out.data());
  CHECK(out == std::array<double, C>{6, 12, 18, 24, 30});
  static_assert(Increment::answers<C> == C);
}

TEST_CASE("an update may keep features of any place and number", "[unit][update]") {
  const std::array<double, C> z{1, 2, 3, 4, 5};
  std::array<double, C> out{};
  const std::array<double, C> r{10, 20, 30, 40, 50};
  static_assert(Keeping<FeatureRange<0, 2>>::answers<C> == 3 && Keeping<Features<>>::answers<C> == C);
  Keeping<FeatureRange<0, 2>>{}.next<C>(z.data(), r.data(), 1.0, out.data());
  CHECK(out == std::array<double, C>{1, 2, 13, 24, 35});
  Keeping<Features<4, 1>, Relax>{.update = {.rate = 0.5}}.next<C>(z.data(), r.data(), 1.0, out.data());
  CHECK(out == std::array<double, C>{5.5, 2, 11.5, 17, 5});
  Keeping<FeatureRange<0, C>, Replace>{}.next<C>(z.data(), r.data(), 1.0, out.data());
  CHECK(out == z);
  Keeping<Features<>, Replace>{}.next<C>(z.data(), r.data(), 1.0, out.data());
  CHECK(out == r);
}

TEST_CASE("replacing, clipping and relaxing", "[unit][update]") {
  const std::array<double, C> z{0.5, 0.5, 0.25, -1, 2}, r{1, -10, 10, 2, -4};
  std::array<double, C> out{};
  Replace{}.next<C>(z.data(), r.data(), 1.0, out.data());
  CHECK(out == r);
  ClippedIncrement{.rate = 0.5}.next<C>(z.data(), r.data(), 0.5, out.data());
  CHECK(out == std::array<double, C>{0.75, 0, 1, 0, 1});
  Relax{}.next<C>(z.data(), r.data(), 0.5, out.data());
  CHECK(out == std::array<double, C>{0.75, -4.75, 5.125, 0.5, -1});
  Relax{}.next<C>(z.data(), r.data(), 1.0, out.data());
  CHECK(out == r);
  Relax{.rate = 0.5}.next<C>(z.data(), r.data(), 0.5, out.data());  // a quarter of the way
  CHECK(out == std::array<double, C>{0.625, -2.125, 2.6875, -0.25, 0.5});
}

TEST_CASE("clipping lets a number that is none through", "[unit][update]") {
  const std::array<double, 1> z{0.5}, r{std::numeric_limits<double>::quiet_NaN()};
  std::array<double, 1> out{};
  ClippedIncrement{}.next<1>(z.data(), r.data(), 1.0, out.data());
  CHECK(std::isnan(out[0]));
}

TEST_CASE("updates have the derivatives that they say", "[gradient][update]") {
  for (const double factor : {1.0, 0.3}) {
    CAPTURE(factor);
    check_derivatives(Increment{}, factor, 1);
    check_derivatives(Keeping<Features<3, 0>>{.update = {.noise = 0.5}}, factor, 1);
    check_derivatives(Keeping<Features<1>, ClippedIncrement>{.update = {.rate = 0.4}}, factor, 1);
    check_derivatives(Keeping<FeatureRange<2, 3>, Relax>{}, factor, 1);
    check_derivatives(Replace{}, factor, 1);
    check_derivatives(ClippedIncrement{.rate = 0.4}, factor, 1);
    check_derivatives(Relax{}, factor, 1);
    check_derivatives(Relax{.rate = 0.4}, factor, 1);
  }
}

TEST_CASE("noise has mean 0, variance 1, and a bound", "[unit][update]") {
  const int cells = 20000, features = 7;
  const Increment increment{.noise = 2, .seed = 9};
  Vector<double> all(cells * features);
  all.setOnes();
  for (Index i = 0; i < cells; ++i) increment.add_noise<features>({.step = 3}, 1, i, all.data() + i * features);
  all.array() -= 1;  // it adds to what was there
  all /= 2;
  const double count = static_cast<double>(all.size());
  // Five standard deviations of the estimates; the variance of e^2 is 1.7, its fourth moment being 2.7.
  CHECK(std::abs(all.mean()) < 5 / std::sqrt(count));
  CHECK(std::abs(all.squaredNorm() / count - 1) < 5 * std::sqrt(1.7 / count));
  CHECK(std::abs(all.array().pow(4).mean() - 2.7) < 0.1);
  CHECK(all.cwiseAbs().maxCoeff() < 3.47);
  // Neighbouring cells and features have nothing in common.
  for (const Index away : {1, 2, features, 2 * features}) {
    const Index pairs = all.size() - away;
    CAPTURE(away);
    CHECK(std::abs(all.head(pairs).dot(all.tail(pairs)) / static_cast<double>(pairs)) < 5 / std::sqrt(count));
  }
}

TEST_CASE("noise is a function of seed, draw, step, sample and cell", "[unit][update]") {
  const auto noise = [](std::uint64_t seed, const Context& context, Index sample, Index cell) {
    Vector<double> r = Vector<double>::Zero(3);
    Increment{.noise = 1, .seed = seed}.add_noise<3>(context, sample, cell, r.data());
    return r;
  };
  const auto draw = [&](std::uint64_t seed, std::int64_t step, Index sample, Index cell) {
    return noise(seed, {.step = step, .first_sample = sample}, 0, cell);
  };
  const Vector<double> one = draw(1, 2, 3, 4);
  CHECK(draw(1, 2, 3, 4) == one);
  CHECK(draw(2, 2, 3, 4) != one);
  CHECK(draw(1, 3, 3, 4) != one);
  CHECK(draw(1, 2, 4, 4) != one);
  CHECK(draw(1, 2, 3, 5) != one);
  CHECK(noise(1, {.step = 2, .draw = 1, .first_sample = 3}, 0, 4) != one);
  CHECK(noise(1, {.step = 2, .first_sample = 1}, 2, 4) == one);
  CHECK(noise(1, {.step = 2, .first_sample = 3, .first_cell = 3}, 0, 1) == one);
}

TEST_CASE("no two cells share noise, however many features they have", "[unit][update]") {
  constexpr int features = 100;
  Vector<double> here = Vector<double>::Zero(features), next = here;
  Increment{.noise = 1}.add_noise<features>({}, 0, 0, here.data());
  Increment{.noise = 1}.add_noise<features>({}, 0, 1, next.data());
  int shared = 0;
  for (const double a : here) shared += (next.array() == a).any() ? 1 : 0;
  CHECK(shared == 0);
}

TEST_CASE("noise of samples with large numbers is noise of their own", "[unit][update]") {
  if (sizeof(Index) < 8) return;
  // Of 4000 cells of a sample, to be compared number by number with others'.
  const auto noise_of = [](std::int64_t sample, std::uint64_t draw) {
    Vector<double> noise = Vector<double>::Zero(8000);
    const Context context{.draw = draw, .first_sample = static_cast<Index>(sample)};
    for (Index cell = 0; cell < 4000; ++cell) {
      Increment{.noise = 1, .seed = 3}.add_noise<2>(context, 0, cell, noise.data() + 2 * cell);
    }
    return noise;
  };
  const std::int64_t at[] = {0, 1, 1 << 18, (1 << 18) + 1, 1 << 24, (std::int64_t{1} << 40) + 1, std::int64_t{1} << 62};
  for (const std::int64_t a : at) {
    const Vector<double> one = noise_of(a, 2);
    CHECK(one.squaredNorm() / 8000 == Approx(1).margin(5 * std::sqrt(2.0 / 8000)));
    for (const std::int64_t b : at) {
      CAPTURE(a, b);
      if (a != b) CHECK(std::abs(one.dot(noise_of(b, 2))) / 8000 < 5 / std::sqrt(8000.0));
      CHECK(std::abs(one.dot(noise_of(b, 3))) / 8000 < 5 / std::sqrt(8000.0));
    }
  }
}
