// Over processes: what one process gives, to the last bit. Started by mpirun.sh on 1 to 4 processes; each computes what
// is expected alone. With the argument "refusal" rank 1 throws, while the others wait for it.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "basin/basin.hpp"
#include "basin/io/training.hpp"
#include "basin/mpi/batch.hpp"
#include "basin/mpi/grid.hpp"
#include "over_processes.hpp"

namespace {

using namespace basin;
using namespace test;

bool same(const SampleResult& one, const SampleResult& other) {
  return one.status == other.status && one.evaluations == other.evaluations && one.residual == other.residual;
}

bool same(const std::vector<SampleOutcome>& one, const std::vector<SampleOutcome>& other) {
  bool equal = one.size() == other.size();
  for (std::size_t n = 0; equal && n < one.size(); ++n) {
    equal = one[n].share == other[n].share && one[n].forward.size() == other[n].forward.size() &&
            one[n].adjoint.size() == other[n].adjoint.size();
    for (std::size_t i = 0; equal && i < one[n].forward.size(); ++i) {
      equal = same(one[n].forward[i], other[n].forward[i]);
    }
    for (std::size_t i = 0; equal && i < one[n].adjoint.size(); ++i) {
      equal = same(one[n].adjoint[i], other[n].adjoint[i]);
    }
  }
  return equal;
}

template <class Result>
void expect_same_result(const Result& one, const Result& other, const std::string& what) {
  expect(one.value == other.value, "value, " + what);
  expect(std::memcmp(one.gradient.span().data(), other.gradient.span().data(),
                     one.gradient.span().size() * sizeof(float)) == 0,
         "gradient, " + what);
  expect(same_bits<float>(one.output.values, other.output.values), "output, " + what);
  expect(one.bounded == other.bounded && one.left_out == other.left_out && same(one.samples, other.samples) &&
             one.report.forward.evaluations == other.report.forward.evaluations &&
             one.report.forward.by_status == other.report.forward.by_status,
         "outcomes, " + what);
}

/// An equilibrium that some of the samples do not reach.
using Settles =
    Sequential<Dense<4, 6>, Equilibrium<Injected<Sequential<Dense<6, 6>, Tanh>>, Picard, Implicit<>>, Dense<6, 3>>;

void check_batches(mpi::Communicator& world) {
  Settles model;
  model.layer<1>().stop = {.tolerance = 1e-4, .max_evaluations = 14};
  Parameters<Settles, float> theta;
  Vector<float> numbers(theta.vector().size());
  fill(numbers, 1, 0.45);
  theta.vector() = numbers;
  Index failed = 0;
  for (const Index batch : {21, 5, 1}) {
    State<float> x(Shape{4, {1, 1, 1}, batch});
    fill(x.values, 2, 1);
    CrossEntropy loss;
    for (Index n = 0; n < batch; ++n) loss.labels.push_back(static_cast<int>(n % 3));
    for (const Index part : {1, 3}) {
      for (const FailedSolve bad : {FailedSolve::leave_out, FailedSolve::bound}) {
        const GradientOptions options{.samples_per_part = part, .failed = bad, .context = {.first_sample = 100}};
        const std::string what = std::to_string(batch) + " samples in parts of " + std::to_string(part);
        set_threads(1);
        const auto alone = value_and_gradient(model, theta, x, loss, options);
        failed += alone.bounded + alone.left_out;
        const mpi::Samples mine = mpi::samples_of(world, batch, part);
        const View<const float> here = View<const float>(x.view()).samples(mine.first, mine.count);
        for (const int threads : {1, 2 + world.rank()}) {
          set_threads(threads);
          SolveLog log;
          GradientOptions logged = options;
          logged.context.log = &log;
          expect_same_result(mpi::value_and_gradient(world, model, theta, here, loss, logged), alone, what);
          expect(log.records().size() == 2 * static_cast<std::size_t>(batch), "records, " + what);
        }
        const auto seen = mpi::predict(world, model, theta, here, {.samples_per_part = part});
        const auto expected = predict(model, theta, x, {.samples_per_part = part});
        expect(same_bits<float>(seen.output.values, expected.output.values) && same(seen.samples, expected.samples),
               "prediction, " + what);
      }
    }
  }
  expect(failed > 0, "some solves that fail");

  // What is not the same on all ranks is found by all of them.
  const State<float> x(Shape{4, {1, 1, 1}, 8});
  CrossEntropy loss{std::vector<int>(8)};
  const mpi::Samples mine = mpi::samples_of(world, 8, 1);
  const auto run = [&](Index count, Index part) {
    (void)mpi::value_and_gradient(world, model, theta, View<const float>(x.view()).samples(0, count), loss,
                                  {.samples_per_part = part});
  };
  const int last = world.size() - 1;
  if (last > 0) {
    expect_message(message_of([&] { run(mine.count, world.rank() == last ? 2 : 1); }),
                   "model or options of a batch of rank " + std::to_string(last) + " is another than that of rank 0");
    expect_message(message_of([&] { run(mine.count + (world.rank() == last ? 2 : 0), 1); }), "as samples_of says");
    if (world.rank() == last) theta.vector()[3] += 1;
    expect_message(message_of([&] { run(mine.count, 1); }), "theta of rank " + std::to_string(last));
  }
}

/// Of rollouts with a loss on the way.
void check_batches_along(mpi::Communicator& world) {
  using Nca = Automaton<Perceive<3, Zero, Centre, SobelX>, Sequential<Dense<6, 4>, Relu, Dense<4, 3>>, RandomFire>;
  const Rollout<Nca> rollout{.automaton = {.fire = {.rate = 0.5, .seed = 3}}, .steps = 6};
  Parameters<Rollout<Nca>, float> theta;
  Vector<float> numbers(theta.vector().size());
  fill(numbers, 12, 0.5);
  theta.vector() = numbers;
  const Index batch = 7;
  State<float> start(Shape{3, {5, 5, 1}, batch});
  fill(start.values, 13, 1);
  const LeadingFeaturesError loss{State<float>(Shape{2, {5, 5, 1}, 1})};
  const std::vector<LossStep> steps{{2, 0.5}, {6, 1}};
  const auto alone = value_and_gradient_along(rollout, theta, start.view(), loss, steps);
  const mpi::Samples mine = mpi::samples_of(world, batch, 1);
  const View<const float> here = View<const float>(start.view()).samples(mine.first, mine.count);
  expect_same_result(mpi::value_and_gradient_along(world, rollout, theta, here, loss, steps), alone, "rollouts");

  // The same of cells that are told something.
  using See = Conditioned<Perceive<3, Zero, Centre, SobelX>, 2>;
  using Told = Rollout<Automaton<See, Sequential<Dense<8, 4>, Relu, Dense<4, 3>>, RandomFire>>;
  const Told told{.steps = 6};
  Parameters<Told, float> weights;
  numbers.resize(weights.vector().size());
  fill(numbers, 16, 0.5);
  weights.vector() = numbers;
  State<float> u(Shape{2, {1, 1, 1}, batch}), each(Shape{2, {5, 5, 1}, mine.count});
  fill(u.values, 17, 1);
  const View<const float> u_here = View<const float>(u.view()).samples(mine.first, mine.count);
  expect_same_result(mpi::value_and_gradient_along(world, told, weights, here, u_here, loss, steps),
                     value_and_gradient_along(told, weights, start.view(), u.view(), loss, steps), "told rollouts");
  const int last = world.size() - 1;
  if (last == 0) return;
  const View<const float> other = world.rank() == last ? View<const float>(each.view()) : u_here;
  expect_message(
      message_of([&] { (void)mpi::value_and_gradient_along(world, told, weights, here, other, loss, steps); }),
      "model or options of a batch of rank " + std::to_string(last) + " is another than that of rank 0");
}

/// A training that stops on all ranks but the last, and goes on with that one too: the parameters of one that nobody
/// stopped, on one process.
void check_training(mpi::Communicator& world) {
  const Settles model;
  const Index batch = 12;
  State<float> x(Shape{4, {1, 1, 1}, batch});
  fill(x.values, 14, 1);
  CrossEntropy loss;
  for (Index n = 0; n < batch; ++n) loss.labels.push_back(static_cast<int>(n % 3));
  const Adam adam{.rate = 0.05};
  const auto begin = [&] {
    Parameters<Settles, float> theta;
    Vector<float> numbers(theta.vector().size());
    fill(numbers, 15, 0.4);
    theta.vector() = numbers;
    return theta;
  };
  const std::string path = "over_" + std::to_string(world.size()) + "_processes.safetensors";
  constexpr std::int64_t iterations = 8, stop_at = 3;
  // On so many ranks, the first; 0: this one alone, without a file.
  const auto train = [&](mpi::Communicator* ranks, bool resumes, bool stops) {
    auto theta = begin();
    auto moments = adam.init(theta);
    const auto keeps = [&](auto& file) {
      file("", theta);
      moments.each(file.under("optimizer"));
    };
    const bool writes = ranks != nullptr && ranks->rank() == 0;
    Training training({.iterations = iterations,
                       .checkpoint = writes ? path : "",
                       .label = {.program = "over_processes"},
                       .progress = nullptr,
                       .agree = [&](int reason) {
                         return ranks == nullptr ? reason : static_cast<int>(ranks->maximum(std::int64_t{reason}));
                       }});
    if (resumes) training.resume(path, keeps);
    const TrainingEnd end = training.run(keeps, [&](std::int64_t i) {
      const GradientOptions options{.samples_per_part = 1, .context = {.draw = static_cast<std::uint64_t>(i)}};
      const auto step = [&] {
        if (ranks == nullptr) return value_and_gradient(model, theta, x, loss, options);
        const mpi::Samples mine = mpi::samples_of(*ranks, batch, 1);
        return mpi::value_and_gradient(*ranks, model, theta,
                                       View<const float>(x.view()).samples(mine.first, mine.count), loss, options);
      }();
      adam.step(theta, step.gradient, moments);
      if (stops && i + 1 == stop_at) training.stop_after_this();
      return step.value;
    });
    expect(end == (stops ? TrainingEnd::early : TrainingEnd::finished), "the end of a training");
    return theta;
  };
  const auto undisturbed = train(nullptr, false, false);
  const int fewer = std::max(1, world.size() - 1);
  MPI_Comm some = MPI_COMM_NULL;
  MPI_Comm_split(world.handle(), world.rank() < fewer ? 0 : 1, world.rank(), &some);
  {
    mpi::Communicator ranks(some);
    if (world.rank() < fewer) static_cast<void>(train(&ranks, false, true));
  }
  MPI_Comm_free(&some);
  static_cast<void>(world.sum(std::int64_t{1}));  // until the file is there
  const auto resumed = train(&world, true, false);
  expect(same_bits<float>(resumed.vector(), undisturbed.vector()), "a training that was resumed on one process more");
  if (world.rank() == 0) std::remove(path.c_str());
}

/// A sum over parts sends a branch for each level at most across a border between ranks.
void check_traffic(mpi::Communicator& world) {
  using Model = Dense<30, 10>;
  const Parameters<Model, float> theta;
  const Index batch = 64;
  const State<float> x(Shape{30, {1, 1, 1}, batch});
  const mpi::Samples mine = mpi::samples_of(world, batch, 1);
  const std::int64_t before = world.traffic().bytes;
  (void)mpi::value_and_gradient(world, Model{}, theta, View<const float>(x.view()).samples(mine.first, mine.count),
                                CrossEntropy{std::vector<int>(64)}, {.samples_per_part = 1});
  const std::int64_t all = world.sum(world.traffic().bytes - before);
  const std::int64_t gradient = sizeof(float) * Model::param_count, borders = world.size() - 1;
  const std::int64_t said = batch * (40 + 400) + 1000 * world.size();  // outputs and reports, and what is compared
  expect(all <= (6 * borders + 1) * gradient + said, "bytes, " + std::to_string(all));
}

/// A rollout on a grid that is split gives each rank the bits of its part of the whole.
template <class A>
void check_grid(mpi::Communicator& world, const Shape& shape, const A& automaton, const std::string& what) {
  Vector<float> numbers(static_cast<Index>(A::param_count));
  fill(numbers, 3, 0.5);
  const std::span<const float, A::param_count> theta(numbers.data(), A::param_count);
  State<float> start(shape);
  fill(start.values, 4, 0.25);  // of the cells some live, with an alive mask
  const Context context{.step = 3, .draw = 5, .first_sample = 2};
  const Rollout<A> alone{automaton, 5};
  State<float> end(shape);
  std::vector<State<float>> states;
  (void)alone.template run<float>(
      theta, start.view(), end.view(), [&](Index, View<const float> z) { states.emplace_back(z); }, context);
  Index zeros = 0;
  for (Index i = 0; i < end.values.size(); ++i) zeros += end.values[i] == 0 ? 1 : 0;
  expect(zeros < end.values.size() && (!A::Alive::clears || zeros > 0), "living cells, and dead ones, " + what);

  const mpi::SplitGrid grid(world, shape);
  const State<float> here = grid.own(start.view());
  State<float> reached(here.shape);
  (void)mpi::rollout(
      grid, automaton, theta, here.view(), reached.view(), 5, context, [&](Index t, View<const float> z) {
        const State<float> expected = grid.own(states[static_cast<std::size_t>(t)].view());
        expect(std::memcmp(z.data(), expected.values.data(), expected.values.size() * sizeof(float)) == 0,
               what + " after step " + std::to_string(t));
      });
}

void check_grids(mpi::Communicator& world) {
  using Rule = Sequential<Dense<12, 8>, Relu, Dense<8, 4>>;
  const RandomFire fire{.rate = 0.5, .seed = 11};
  const auto check_edge = [&]<Boundary Edge>(Edge) {
    using Nca = Automaton<Perceive<4, Edge, Centre, SobelX, SobelY>, Rule, RandomFire, AliveMask<3>>;
    const Nca nca{.fire = fire, .alive = {.threshold = 0.22}};
    for (const Index lines : {9, 23}) {  // without an inside on four ranks, and with one
      check_grid(world, {4, {6, lines, 1}, 2}, nca, std::string(Edge::label) + ", " + std::to_string(lines) + " lines");
    }
  };
  check_edge(Zero{});
  check_edge(Periodic{});
  using Noisy =
      Automaton<Perceive<4, Reflect, Centre, Moore<3>, Laplacian<3>>, Rule, RandomFire, Everywhere, Increment>;
  Noisy noisy{.fire = fire};
  noisy.update.noise = 0.1;
  check_grid(world, {4, {3, 4, 9}, 1}, noisy, "three axes");

  const auto split = [&](Index lines) { (void)mpi::SplitGrid(world, {4, {6, lines, 1}, 1}); };
  if (world.size() > 1) {
    expect_message(message_of([&] { split(1); }), "slices of a grid to split is 1, expected at least the number of");
    expect_message(message_of([&] { split(world.rank() == 1 ? 9 : 8); }), "shape of a split grid of rank 1");
  }
}

}  // namespace

int main(int argc, char** argv) {
  const bool refusal = argc > 1 && std::string(argv[1]) == "refusal";
  return basin::mpi::run(argc, argv, [&](basin::mpi::Communicator& world) {
    if (refusal) {
      if (world.rank() == 1) check(false, "number of things", 3, "4 or more");
      (void)world.sum(std::int64_t{1});  // for ever, were it not for the rank that throws
      return 0;
    }
    check_batches(world);
    check_batches_along(world);
    check_training(world);
    check_traffic(world);
    check_grids(world);
    test::check_split_states(world);
    if (world.rank() == 0) std::printf("all as expected on %d processes\n", world.size());
    return 0;
  });
}
