#include "basin/nca/particle_lenia.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "basin/nca/rollout.hpp"
#include "support/counting_allocator.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

/// Particles in a square of so many units.
template <class S, int D = 2>
State<S> particles(Index count, Index samples, double side, std::uint64_t seed) {
  State<S> z(Shape{D, {count, 1, 1}, samples});
  const Random random{seed, 9};
  for (Index i = 0; i < z.values.size(); ++i) {
    z.values[i] = static_cast<S>(side * random.uniform(static_cast<std::uint64_t>(i), -0.5, 0.5));
  }
  return z;
}

/// Of so few particles that a growth must be narrower and nearer for them to feel each other.
ParticleOptions few(bool total) {
  return {.kernel_weight = 0.1,
          .kernel_centre = 1.5,
          .kernel_width = 0.8,
          .growth_centre = 0.4,
          .growth_width = 0.3,
          .repulsion = 1.2,
          .total = total};
}

/// The energies before each of so many steps.
std::vector<double> descend(const ParticleOptions& options, double time_step, State<double> z, Index steps) {
  const Rollout<ParticleLenia<>> rollout{particle_lenia(options, time_step), steps};
  std::vector<double> energies;
  State<double> end(z.shape);
  static_cast<void>(rollout.run<double>({}, z.view(), end.view(), [&](Index, View<const double> now) {
    energies.push_back(particle_energy(options, now));
  }));
  return energies;
}

}  // namespace

TEST_CASE("particle lenia: what moves a particle is the slope of the energy, by differences", "[gradient]") {
  for (const bool total : {false, true}) {
    const ParticleOptions options = few(total);
    const auto z = particles<double>(9, 1, 3, 1);
    State<double> out(z.shape);
    static_cast<void>(
        particle_lenia(options, 1)
            .apply<double>({}, z.view(), View<const double>(nullptr, z.shape.with_features(0)), out.view()));
    double worst = 0;
    for (Index k = 0; k < z.values.size(); ++k) {
      State<double> near = z;
      const auto energy = [&](double off) {
        near.values[k] = z.values[k] + off;
        const View<const double> places = near.view();
        if (total) return particle_energy(options, places);
        // In the field of the others, which stay; its own part of it moves along, and has no slope.
        const double* place = near.values.data() + k / 2 * 2;
        return particle_fields(options, places, place, k / 2).energy();
      };
      const double slope = (energy(1e-5) - energy(-1e-5)) / 2e-5;
      worst = std::max(worst, std::abs(z.values[k] - out.values[k] - slope));
    }
    CHECK(worst < 1e-9);
  }
}

TEST_CASE("particle lenia: the energy of all falls with every step, and further than where each lowers its own",
          "[exam]") {
  const auto start = particles<double>(40, 1, 6, 2);
  ParticleOptions options{.kernel_weight = 0.1, .total = true};
  const std::vector<double> falls = descend(options, 0.04, start, 100);
  Index rises = 0;
  for (std::size_t t = 1; t < falls.size(); ++t) rises += falls[t] < falls[t - 1] ? 0 : 1;
  CHECK(rises == 0);
  CHECK(falls.back() < 0.02 * falls.front());
  options.total = false;
  const std::vector<double> own = descend(options, 0.04, start, 100);
  CHECK(own.back() < 0.05 * own.front());
  CHECK(falls.back() < own.back());
}

TEST_CASE("particle lenia: its derivative is right, and passes through rollouts", "[gradient]") {
  for (const bool total : {false, true}) {
    CAPTURE(total);
    auto automaton = particle_lenia(few(total), 0.3);
    check_cell(automaton, Shape{0, {6, 1, 1}, 2}, {.float_tolerance = 1e-4, .seed = 4});
    const Rollout<ParticleLenia<>> rollout{automaton, 3};
    const Parameters<Rollout<ParticleLenia<>>, double> no_theta;
    const auto z = particles<double>(7, 2, 3, 3);
    const GradientCheck gradients = check_gradients(rollout, no_theta, z, {.most = 20});
    INFO(gradients.to_string());
    CHECK(gradients.passed);
  }
}

TEMPLATE_TEST_CASE_SIG("particle lenia: on a line and in space too, downhill by differences", "[gradient]",
                       ((int D), D), 1, 3) {
  const ParticleOptions options = few(true);
  const auto z = particles<double, D>(8, 1, 2.5, 11);
  State<double> out(z.shape);
  const View<const double> none(nullptr, z.shape.with_features(0));
  static_cast<void>(particle_lenia<D>(options, 1).template apply<double>({}, z.view(), none, out.view()));
  double worst = 0;
  for (Index k = 0; k < z.values.size(); ++k) {
    State<double> up = z, down = z;
    up.values[k] += 1e-5;
    down.values[k] -= 1e-5;
    const View<const double> above = up.view(), below = down.view();
    const double slope = (particle_energy(options, above) - particle_energy(options, below)) / 2e-5;
    worst = std::max(worst, std::abs(out.values[k] - z.values[k] + slope));
  }
  CHECK(worst < 1e-8);
}

TEST_CASE("particle lenia: the same bits on one thread and two, and a sample gets what it gets alone", "[repeatable]") {
  auto automaton = particle_lenia({.total = true}, 0.1);
  const auto three = particles<float>(50, 3, 6, 5);
  const auto made = [&](int threads_now, View<const float> of) {
    State<float> out(of.shape());
    set_threads(threads_now);
    static_cast<void>(
        automaton.apply<float>({}, of, View<const float>(nullptr, of.shape().with_features(0)), out.view()));
    return out.values;
  };
  const int before = threads();
  const Vector<float> one = made(1, three.view());
  CHECK(one == made(2, three.view()));
  CHECK(one.segment(100, 100) == made(1, three.view().sample(1)));
  set_threads(before);
}

TEST_CASE("particle lenia: bands of a sample see and spread as the whole does", "[gradient]") {
  const auto z = particles<double>(30, 1, 4, 6), w = particles<double>(30, 1, 4, 7);
  const PerceiveParticles<2> sees{few(true)};
  using Spread = PerceiveParticles<2>::Spread<double>;
  std::vector<Index> cells(30);
  for (Index i = 0; i < 30; ++i) cells[static_cast<std::size_t>(i)] = i;
  const auto spread = [&](const std::vector<Index>& cuts) {
    State<double> dz(z.shape);
    Scratch scratch;
    Spread whole(sees, {}, z.view(), dz.view(), scratch);
    for (std::size_t b = 0; b + 1 < cuts.size(); ++b) {
      auto part = whole.part(cuts[b], cuts[b + 1], nullptr, scratch);
      part(cells.data() + cuts[b], cuts[b + 1] - cuts[b], w.values.data() + 2 * cuts[b]);
      whole.add(part);
    }
    whole.finish(nullptr);
    return dz.values;
  };
  CHECK(relative_error(spread({0, 11, 30}), spread({0, 30})) < 1e-13);
  Scratch scratch;
  const PerceiveParticles<2>::Sight<double> sight(sees, {}, z.view(), scratch), copy = sight;
  Vector<double> whole(60), bands(60);
  sight(cells.data(), 30, whole.data());
  sight(cells.data(), 11, bands.data());
  copy(cells.data() + 11, 19, bands.data() + 22);
  CHECK(bands == whole);
}

TEST_CASE("particle lenia: what is wrong is refused, and two at one place do not push each other", "[unit]") {
  CHECK_THROWS_WITH(particle_lenia({.kernel_width = 0}), "ParticleLenia: width of the kernel is 0, expected above 0");
  CHECK_THROWS_WITH(particle_lenia({.growth_width = -1}), "ParticleLenia: width of the growth is -1, expected above 0");
  CHECK_THROWS_WITH(particle_lenia({}, 0), "ParticleLenia: time step is 0, expected above 0");
  const auto automaton = particle_lenia();
  CHECK_THROWS_WITH(automaton.state_shape({0, {3, 2, 1}, 1}),
                    "PerceiveParticles: extents of a sample beyond its one line is 2, expected 1");
  State<double> z(Shape{2, {2, 1, 1}, 1}), out(z.shape);
  z.values.setOnes();
  static_cast<void>(
      automaton.apply<double>({}, z.view(), View<const double>(nullptr, z.shape.with_features(0)), out.view()));
  CHECK(out.values == z.values);
}

TEST_CASE("particle lenia: a step allocates nothing after the first", "[allocation]") {
  if (!basin_test::counts_allocations()) return;
  const auto automaton = particle_lenia({.total = true});
  const auto z = particles<float>(50, 1, 6, 1);
  State<float> out(z.shape);
  std::vector<std::uint8_t> marks(50);
  static_cast<void>(automaton.step<float>({}, z.view(), out.view(), marks.data()));
  const basin_test::AllocationCount later;
  static_cast<void>(automaton.step<float>({}, z.view(), out.view(), marks.data()));
  CHECK(later.allocations() == 0);
}
