// What distributing over processes costs, measured beside the same work without it, and what a model makes of that for
// more processes than there are here. One thread each.
//
//   mpirun -n 2 build/release/benchmarks/mpi/ranks                     two tables
//   mpirun -n 2 build/release/benchmarks/mpi/ranks --picture FOLDER    also mpi_ranks.png and .svg
//   mpirun -n 2 build/release/benchmarks/mpi/ranks --latency 1.5 --bandwidth 12
//       the model's network, in microseconds for a message and GB/s, instead of what is measured between two ranks
//
// All ranks work at the same time. "alone" is what a rank needs for the share that it has, as a problem of its own:
// without messages, and without cells that two ranks compute. So "split / alone" is what distribution costs, wherever
// ranks share cores.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "../../examples/support/chart.hpp"
#include "basin/adjoint/implicit.hpp"
#include "basin/basin.hpp"
#include "basin/mpi/batch.hpp"
#include "basin/mpi/grid.hpp"
#include "peers/deq_problem.hpp"
#include "support/growing.hpp"

namespace {

using namespace basin;
using namespace basin::benchmarks;

/// Of one message: seconds, and seconds a byte.
struct Wire {
  double latency = 0, a_byte = 0;

  [[nodiscard]] double message(double bytes) const { return latency + bytes * a_byte; }
  /// To one rank and back to all, by a tree.
  [[nodiscard]] double reduction(double ranks, double bytes) const {
    return 2 * std::ceil(std::log2(ranks)) * message(bytes);
  }
};

/// A work, measured on these ranks, and the seconds that the model gives for any number of ranks.
struct Row {
  std::string what;
  double alone = 0, split = 0;     ///< seconds
  double model = 0;                ///< seconds, of split
  double messages = 0, bytes = 0;  ///< that a rank sends
};

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// Seconds of both works, which all ranks begin together and in turns: the medians of `rounds`, of the slowest rank.
template <class Alone, class Split>
Row measured(mpi::Communicator& world, const std::string& what, int rounds, const Alone& alone, const Split& split) {
  std::vector<double> of_alone, of_split;
  const auto timed = [&](const auto& work, std::vector<double>& times) {
    static_cast<void>(world.sum(std::int64_t{1}));
    const double start = now();
    work();
    double seconds = now() - start;
    world.maximum(std::span<double>(&seconds, 1));
    times.push_back(seconds);
  };
  alone();
  split();
  const mpi::Traffic before = world.traffic();
  split();
  const mpi::Traffic after = world.traffic();
  for (int i = 0; i < rounds; ++i) {
    timed(alone, of_alone);
    timed(split, of_split);
  }
  const auto median = [](std::vector<double>& times) {
    std::nth_element(times.begin(), times.begin() + std::ssize(times) / 2, times.end());
    return times[times.size() / 2];
  };
  return {what,
          median(of_alone),
          median(of_split),
          0,
          static_cast<double>(after.messages - before.messages),
          static_cast<double>(after.bytes - before.bytes)};
}

/// Between ranks 0 and 1: half of the time there and back, of 8 bytes and of a megabyte.
Wire measured_network(mpi::Communicator& world) {
  Wire network;
  if (world.size() == 1) return network;
  std::vector<char> message(1 << 20);
  const auto seconds = [&](std::size_t bytes, int times) {
    const std::span<char> all(message.data(), bytes);
    static_cast<void>(world.sum(std::int64_t{1}));
    const double start = now();
    for (int i = 0; i < times; ++i) {
      if (world.rank() == 0) world.send(std::span<const char>(all), 1);
      if (world.rank() < 2) (world.rank() == 0) ? world.receive(all, 1) : world.receive(all, 0);
      if (world.rank() == 1) world.send(std::span<const char>(all), 0);
    }
    double one = (now() - start) / (2 * times);
    world.broadcast(std::span<double>(&one, 1), 0);
    return one;
  };
  static_cast<void>(seconds(8, 100));
  network.latency = seconds(8, 1000);
  network.a_byte = std::max(0.0, seconds(message.size(), 50) - network.latency) / static_cast<double>(message.size());
  return network;
}

constexpr int steps = 10;

/// Steps of the growing automaton on `shape`, of which each rank has a share.
Row automaton_row(mpi::Communicator& world, const std::string& what, const Shape& shape) {
  using A = Grows<RandomFire>;
  const mpi::SplitGrid grid(world, shape);
  auto theta = initial_parameters<float>(Rollout<A>{}, 1);
  for (float& weight : theta.leaf("2.weight")) weight *= 0.01f;  // so that the pattern stays alive
  State<float> start(grid.shape()), end(start.shape);
  fill_uniform(start.values, 3, 0.2, 0.7);
  const Rollout<A> alone{.automaton = {}, .steps = steps};
  const std::span<const float, A::param_count> numbers = theta.span();
  Row row = measured(
      world, what, 9, [&] { static_cast<void>(alone.apply(numbers, start.view(), end.view())); },
      [&] { static_cast<void>(mpi::rollout(grid, A{}, numbers, start.view(), end.view(), steps)); });
  for (double* value : {&row.alone, &row.split, &row.messages, &row.bytes}) *value /= steps;
  return row;
}

constexpr int evaluations = 20;

/// Anderson's iteration for an equilibrium of 16 features, so many evaluations.
Row equilibrium_row(mpi::Communicator& world, const std::string& what, const Shape& shape) {
  using C = DeqCell<16>;
  const mpi::SplitGrid grid(world, shape);
  Equilibrium<C, Anderson<5>> alone;
  Equilibrium<mpi::SplitCell<C>, Anderson<5>> split;
  split.cell.grid = &grid;
  alone.stop =
      split.stop = {.tolerance = 0, .absolute_tolerance = 0, .max_evaluations = evaluations, .stall_window = 0};
  const auto weights = deq_weights<16>();
  State<float> u(grid.shape()), z(u.shape);
  fill_uniform(u.values, 4, -1, 1);
  const State<float> u_around = split.cell.with_neighbours(std::as_const(u).view());
  const std::span<const float, C::param_count> theta(weights.span());
  Row row = measured(
      world, what, 9, [&] { static_cast<void>(alone.apply(theta, u.view(), z.view())); },
      [&] { static_cast<void>(split.apply(theta, u_around.view(), z.view())); });
  for (double* value : {&row.alone, &row.split, &row.messages, &row.bytes}) *value /= evaluations;
  return row;
}

constexpr Index samples_of_rank = 64;

using Reader = Sequential<Conv<1, 16, 3, 2>, Equilibrium<DeqCell<16>, Anderson<5>, Implicit<>>, Flatten<16, 14, 14>,
                          Dense<16 * 14 * 14, 10>>;

/// A training step on a batch of which each rank has so many samples.
Row batch_row(mpi::Communicator& world, const std::string& what) {
  const Reader model;
  auto theta = initial_parameters<float>(model, 1);
  const auto weights = deq_weights<16>();
  theta.vector().segment(static_cast<Index>(Conv<1, 16, 3, 2>::param_count), weights.vector().size()) =
      0.5f * weights.vector();
  const Index batch = samples_of_rank * world.size();
  State<float> images(Shape{1, {28, 28, 1}, samples_of_rank});
  fill_uniform(images.values, 10, 0, 1);
  CrossEntropy of_rank, of_all;
  for (Index n = 0; n < batch; ++n) of_all.labels.push_back(static_cast<int>(n % 10));
  of_rank.labels.assign(of_all.labels.begin(), of_all.labels.begin() + samples_of_rank);
  const GradientOptions options{.samples_per_part = 8};
  const mpi::Samples mine = mpi::samples_of(world, batch, 8);
  check(mine.count == samples_of_rank, "samples of a rank", mine.count, samples_of_rank);
  return measured(
      world, what, 9, [&] { static_cast<void>(value_and_gradient(model, theta, images, of_rank, options)); },
      [&] { static_cast<void>(mpi::value_and_gradient(world, model, theta, images.view(), of_all, options)); });
}

/// Seconds of a step of a map on `lines` lines of `width` cells, of which a cell takes `cell` seconds and has `bytes`
/// bytes, sees `reach` lines, and is computed while messages travel.
double step_model(const Wire& network, double ranks, double lines, double width, double cell, double bytes,
                  double reach) {
  const double own = lines / ranks, line = width * cell;
  if (ranks <= 1) return own * line;
  const double exchange = 2 * network.message(reach * width * bytes);
  if (own <= 2 * reach) return exchange + (own + 2 * reach) * line;
  return std::max(own * line, exchange) + 6 * reach * line;
}

void show(const std::vector<Row>& rows, int ranks) {
  std::printf("| work, %d ranks | alone | split | split / alone | by the model | messages, kB that a rank sends |\n",
              ranks);
  std::printf("|---|---|---|---|---|---|\n");
  for (const Row& row : rows) {
    std::printf("| %s | %.2f ms | %.2f ms | %.3f | %.3f | %.1f, %.0f |\n", row.what.c_str(), 1e3 * row.alone,
                1e3 * row.split, row.split / row.alone, row.model / row.alone, row.messages, row.bytes * 1e-3);
  }
}

}  // namespace

int main(int argc, char** argv) {
  return mpi::run(argc, argv, [&](mpi::Communicator& world) {
    set_threads(1);
    std::string folder;
    double latency = 0, bandwidth = 0;
    for (int i = 1; i < argc; i += 2) {
      const std::string option = argv[i], value = i + 1 < argc ? argv[i + 1] : "";
      const auto number = [&] {
        const double read = std::atof(value.c_str());
        check(read > 0, option, "'" + value + "'", "a number above 0");
        return read;
      };
      if (option == "--picture") {
        check(std::filesystem::is_directory(value), option, "'" + value + "'", "a folder that exists");
        folder = value;
      } else if (option == "--latency") {
        latency = number() * 1e-6;
      } else if (option == "--bandwidth") {
        bandwidth = number() * 1e9;
      } else {
        check(false, "an option", "'" + option + "'", "--picture, --latency or --bandwidth");
      }
    }

    const int ranks = world.size();
    const Wire here = measured_network(world);
    const Index width = 1024, lines = 1024;
    std::vector<Row> rows{
        automaton_row(world, "automaton, 1024 x 1024 in all, a step", {16, {width, lines, 1}, 1}),
        automaton_row(world, "automaton, 1024 x 512 a rank, a step", {16, {width, 512 * ranks, 1}, 1}),
        equilibrium_row(world, "equilibrium, 512 x 512 in all, an evaluation", {16, {512, 512, 1}, 1}),
        equilibrium_row(world, "equilibrium, 512 x 256 a rank, an evaluation", {16, {512, 256 * ranks, 1}, 1}),
        batch_row(world, "training step, 64 samples a rank")};
    if (world.rank() != 0) return 0;
    Wire network = here;
    if (latency > 0) network.latency = latency;
    if (bandwidth > 0) network.a_byte = 1 / bandwidth;
    const double cell = rows[1].alone / (width * 512), of_map = rows[3].alone / (512 * 256);
    const double sample = rows[4].alone / samples_of_rank, gradient = 4.0 * Reader::param_count;
    const double of_sums = 112;  // bytes that Anderson<5> sums up for each evaluation
    const auto reduced_here = [&](double bytes) { return ranks > 1 ? here.reduction(ranks, bytes) : 0; };
    rows[0].model = step_model(here, ranks, 1024, 1024, rows[0].alone * ranks / (1024 * 1024), 64, 2);
    rows[1].model = step_model(here, ranks, 512 * ranks, 1024, cell, 64, 2);
    rows[2].model =
        step_model(here, ranks, 512, 512, rows[2].alone * ranks / (512 * 512), 64, 1) + reduced_here(of_sums);
    rows[3].model = step_model(here, ranks, 256 * ranks, 512, of_map, 64, 1) + reduced_here(of_sums);
    rows[4].model = rows[4].alone + reduced_here(gradient);
    show(rows, ranks);
    std::printf("\nA message between two ranks here: %.1f us and %.1f GB/s. The model: %.1f us and %.1f GB/s.\n\n",
                1e6 * here.latency, here.a_byte > 0 ? 1e-9 / here.a_byte : 0, 1e6 * network.latency,
                network.a_byte > 0 ? 1e-9 / network.a_byte : 0);
    struct Prediction {
      std::string what;
      std::vector<double> efficiency{};
    };
    std::vector<Prediction> predictions{{"automaton, 16384 x 16384 in all"},
                                        {"automaton, 1024 x 512 a rank"},
                                        {"equilibrium, 16384 x 16384 in all"},
                                        {"training, 65536 samples in all"},
                                        {"training, 64 samples a rank"}};
    const std::vector<double> counts{1, 2, 4, 16, 64, 256, 1024, 4096};
    for (const double count : counts) {
      const auto reduced = [&](double bytes) { return count > 1 ? network.reduction(count, bytes) : 0; };
      const double large = 16384;
      const double all = step_model(network, 1, large, large, cell, 64, 2);
      predictions[0].efficiency.push_back(all / (count * step_model(network, count, large, large, cell, 64, 2)));
      predictions[1].efficiency.push_back(512 * 1024 * cell /
                                          step_model(network, count, 512 * count, 1024, cell, 64, 2));
      const double map = step_model(network, count, large, large, of_map, 64, 1) + reduced(of_sums);
      predictions[2].efficiency.push_back(step_model(network, 1, large, large, of_map, 64, 1) / (count * map));
      predictions[3].efficiency.push_back(65536 * sample / (65536 * sample + count * reduced(gradient)));
      predictions[4].efficiency.push_back(64 * sample / (64 * sample + reduced(gradient)));
    }
    std::printf("| efficiency by the model |");
    for (const double count : counts) std::printf(" %.0f |", count);
    std::printf("\n|---|");
    for (std::size_t i = 0; i < counts.size(); ++i) std::printf("---|");
    for (const Prediction& one : predictions) {
      std::printf("\n| %s |", one.what.c_str());
      for (const double value : one.efficiency) std::printf(" %.2f |", value);
    }
    std::printf("\n");
    if (folder.empty()) return 0;
    std::vector<examples::Series> series;
    for (const Prediction& one : predictions) series.push_back({one.what, counts, one.efficiency});
    examples::write_png_and_svg(
        folder + "/mpi_ranks.png",
        examples::line_chart(series, {.title = "efficiency, by the model",
                                      .x = {.label = "ranks", .scale = examples::Scale::logarithmic, .whole = true},
                                      .y = {.label = "of the time of one rank, over ranks x time", .low = 0, .high = 1},
                                      .width = 420,
                                      .height = 260}));
    return 0;
  });
}
