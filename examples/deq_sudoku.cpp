// deq_sudoku, as an experiment
#include <cstdio>
#include <ctime>

#include "deq_sudoku/settings.hpp"
#include "support/process.hpp"
#include "deq_sudoku/trainer.hpp"

namespace deq_sudoku {

inline void measure(const Settings& settings, const Theta& theta, const std::vector<Puzzle>& puzzles, const char* name) {
  const std::size_t count = std::min<std::size_t>(puzzles.size(), static_cast<std::size_t>(settings.count));
  State<float> x(candidates(inputs, static_cast<Index>(count)));
  for (std::size_t n = 0; n < count; ++n) describe(puzzles[n], x.view().sample(static_cast<Index>(n)));
  basin::examples::Solved solved;
  const State<float> start = basin::examples::random_start(candidates(features, static_cast<Index>(count)),
                                                           settings.start_noise, {settings.test_seed, test_start_stream});
  Settled model = settled_model(settings.max_evaluations);
  model.layer<equilibrium>().start = start.view();
  const std::clock_t before = std::clock();
  const auto prediction = basin::predict(model, theta, x.view(), {.samples_per_part = 1});
  double by[5] = {};
  for (std::size_t n = 0; n < count; ++n) {
    const bool right = answer(prediction.output.view().sample(static_cast<Index>(n))) == puzzles[n].solution;
    const auto& r = prediction.samples[n].forward.front();
    solved.add(right, r);
    int b = 0;
    for (const int limit : {16, 32, 64, 128, 256}) by[b++] += right && r.evaluations <= limit ? 1 : 0;
  }
  const double seconds = static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
  std::printf("%s: %zu puzzles, solved %.2f%%, wrong and converged %lld, not converged %.2f%%, evaluations %.1f; within 16..256:",
              name, count, 100 * solved.share(), static_cast<long long>(solved.converged - solved.solved_and_converged),
              100 * solved.nonconverged_fraction(), solved.evaluations_mean());
  for (const double b : by) std::printf(" %.1f", 100 * b / static_cast<double>(count));
  std::printf("; %.3f ms an evaluation\n", 1e3 * seconds / static_cast<double>(solved.evaluations));
}

inline int run(Settings& settings, basin::examples::CommandLine& command_line) {
  const bool trains = settings.evaluate.empty();
  const std::string from = basin::examples::take_checkpoint(command_line, trains ? settings.resume : settings.evaluate);
  basin::set_threads(settings.threads);
  basin::examples::prepare_outputs(settings.out, {"metrics.json"});
  std::vector<Puzzle> puzzles, test;
  if (!settings.data.empty()) puzzles = read_puzzles(settings.data);
  if (puzzles.size() > 5000) {
    test.assign(puzzles.end() - 500, puzzles.end());
    puzzles.resize(puzzles.size() - 500);
  } else {
    test = puzzles;
  }
  if (test.empty()) {
    const std::clock_t before = std::clock();
    for (int n = 0; n < settings.count; ++n) test.push_back(random_puzzle({static_cast<std::uint64_t>(n) + 12345, 99}));
    double g = 0;
    for (auto& p : test) g += p.givens();
    std::printf("%.3f ms a puzzle, givens %.1f\n", 1e3 * static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC / settings.count, g / settings.count);
  }
  Trainer trainer(settings, puzzles);
  basin::Training training({.iterations = settings.iterations,
                            .checkpoint = trains ? settings.out + "/checkpoint.safetensors" : "",
                            .checkpoint_minutes = settings.checkpoint_minutes,
                            .label = {.program = command_line.program(), .settings = command_line.settings()}});
  if (!from.empty()) trainer.resume(training, from);
  if (trains) {
    std::printf("%zu parameters; %d threads\n", Settled::param_count, basin::threads());
    const std::clock_t before = std::clock();
    (void)trainer.run(training);
    std::printf("\n%.0f s of processor time\n", static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC);
  }
  measure(settings, trainer.parameters(), test, "test");
  return 0;
}

}  // namespace deq_sudoku

int main(int argc, char** argv) {
  deq_sudoku::Settings settings;
  basin::examples::CommandLine command_line("deq_sudoku", deq_sudoku::description, deq_sudoku::footer);
  deq_sudoku::describe(settings, command_line);
  return basin::examples::main_of(command_line, argc, argv, [&] { return deq_sudoku::run(settings, command_line); });
}
