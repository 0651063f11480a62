#include "basin/io/training.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <limits>
#include <string>
#include <tuple>
#include <vector>

#include "basin/core/random.hpp"
#include "basin/layers/dense.hpp"
#include "basin/train/optimizer.hpp"
#include "hostile.hpp"
#include "terminal.hpp"

using namespace basin;

namespace {

using Model = Dense<3, 2>;

/// Something to train: numbers that follow random ones, with Adam.
struct Walk {
  Parameters<Model, float> theta{};
  AdamState<Model, float> moments = Adam{}.init(theta);

  template <class File>
  void keep(File& file) {
    file("", theta);
    moments.each(file.under("optimizer"));
  }

  double step(std::int64_t i) {
    const Random random{5, static_cast<std::uint64_t>(i)};
    Parameters<Model, float> gradient;
    for (Index k = 0; k < gradient.vector().size(); ++k) {
      gradient.vector()[k] = theta.vector()[k] - static_cast<float>(random.normal(static_cast<std::uint64_t>(k)));
    }
    Adam{.rate = 0.1}.step(theta, gradient, moments);
    return static_cast<double>(gradient.vector().squaredNorm());
  }
};

TrainingOptions options(const std::string& path, std::int64_t iterations = 20) {
  return {.iterations = iterations,
          .checkpoint = path,
          .label = {.program = "test", .settings = {{"rate", 0.1}}, .data = "walk"},
          .progress = nullptr};
}

/// Runs it, and lets `also` see every iteration before it is made.
template <class Also>
TrainingEnd run(Training& training, Walk& walk, const Also& also) {
  return training.run([&](auto& file) { walk.keep(file); },
                      [&](std::int64_t i) {
                        also(i);
                        return walk.step(i);
                      });
}

void resume(Training& training, Walk& walk, const std::string& path) {
  training.resume(path, [&](auto& file) { walk.keep(file); });
}

const auto nothing = [](std::int64_t) {};

}  // namespace

TEST_CASE("a training that a signal stopped goes on to the same, to the last bit", "[io]") {
  const test::TemporaryFolder folder;
  Walk undisturbed;
  Training whole(options(folder.file("whole")));
  CHECK(run(whole, undisturbed, nothing) == TrainingEnd::finished);
  CHECK(whole.iteration() == 20);
  CHECK(whole.losses().size() == 20);
  CHECK(whole.share() == 1);

  const std::string path = folder.file("stopped");
  int sessions = 0;
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    Walk walk;
    Training training(options(path));
    if (sessions > 0) resume(training, walk, path);
    const std::int64_t at = 3 + 5 * sessions;
    CHECK(run(training, walk, [&](std::int64_t i) {
            if (i == at) std::raise(signal);
          }) == TrainingEnd::stopped);
    CHECK(training.iteration() == at + 1);  // the iteration at hand is made
    CHECK(training.signal() == signal);
    CHECK(training.sessions().back().end == signal_name(signal));
    ++sessions;
  }
  Walk walk;
  Training training(options(path));
  resume(training, walk, path);
  CHECK(training.iteration() == 14);
  CHECK(run(training, walk, nothing) == TrainingEnd::finished);
  CHECK(walk.theta.vector() == undisturbed.theta.vector());
  CHECK(training.losses() == whole.losses());
  const OrderedJson described = training.described();
  CHECK(described["iterations"] == 20);
  CHECK(described["sessions"].size() == 4);
  CHECK(described["sessions"][1]["from"] == 4);
  CHECK(described["sessions"][1]["to"] == 9);
  CHECK(described["sessions"][1]["end"] == "SIGINT");
  CHECK(described["sessions"][3]["end"] == "finished");

  // One that has nothing left to do adds no session.
  Training again(options(path));
  resume(again, walk, path);
  CHECK(run(again, walk, nothing) == TrainingEnd::finished);
  CHECK(again.sessions().size() == 4);
}

TEST_CASE("a training that was killed goes on from its last checkpoint, and says so", "[io]") {
  const test::TemporaryFolder folder;
  Walk undisturbed;
  Training whole(options(folder.file("whole")));
  CHECK(run(whole, undisturbed, nothing) == TrainingEnd::finished);

  const std::string path = folder.file("often"), kept = folder.file("kept");
  TrainingOptions often = options(path);
  often.checkpoint_minutes = 1e-12;
  Walk first;
  Training killed(often);
  CHECK(run(killed, first, [&](std::int64_t i) {
          if (i == 7) std::filesystem::copy_file(path, kept);  // as a kill would leave it
        }) == TrainingEnd::finished);
  Walk walk;
  Training training(options(kept));
  resume(training, walk, kept);
  CHECK(training.iteration() == 7);
  CHECK(training.sessions().back().end == "killed");
  CHECK(run(training, walk, nothing) == TrainingEnd::finished);
  CHECK(walk.theta.vector() == undisturbed.theta.vector());
}

TEST_CASE("checkpoints are written when they are asked for, and not more often than their time", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("checkpoint");
  Walk walk;
  Training training(options(path));
  std::vector<bool> there;
  CHECK(run(training, walk, [&](std::int64_t i) {
          there.push_back(std::filesystem::exists(path));
          std::filesystem::remove(path);
          if (i == 4 || i == 9) training.save_after_this();
        }) == TrainingEnd::finished);
  for (std::size_t i = 0; i < there.size(); ++i) CHECK(there[i] == (i == 5 || i == 10));
  CHECK(std::filesystem::exists(path));
}

TEST_CASE("a training ends early, or when its time is over", "[io]") {
  const test::TemporaryFolder folder;
  Walk walk;
  Training early(options(folder.file("early")));
  CHECK(run(early, walk, [&](std::int64_t i) {
          if (i == 6) early.stop_after_this();
        }) == TrainingEnd::early);
  CHECK(early.iteration() == 7);
  CHECK(early.sessions().back().end == "early");

  TrainingOptions short_of_time = options("", 1000000000);
  short_of_time.minutes = 1e-4;
  Training timed(short_of_time);
  CHECK(run(timed, walk, nothing) == TrainingEnd::out_of_time);
  CHECK(timed.seconds() >= 6e-3);
  CHECK(timed.iteration() > 0);
  CHECK(timed.iteration() < 1000000000);
  CHECK(timed.share() == 1);
}

TEST_CASE("what an iteration throws goes on, and what was there before it is kept", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("checkpoint");
  Walk walk;
  Training training(options(path));
  CHECK_THROWS_WITH(run(training, walk,
                        [&](std::int64_t i) {
                          if (i == 6) throw std::runtime_error("the gradient is not finite");
                        }),
                    "the gradient is not finite");
  Walk again;
  Training resumed(options(path));
  resume(resumed, again, path);
  CHECK(resumed.iteration() == 6);
  CHECK(resumed.sessions().back().end == "failed");
  CHECK(again.theta.vector() == walk.theta.vector());
}

TEST_CASE("parameters that are not finite replace no good ones", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("checkpoint");
  Walk walk;
  Training training(options(path));
  CHECK_THROWS_WITH(run(training, walk,
                        [&](std::int64_t i) {
                          if (i == 5) training.save_after_this();
                          if (i == 8) {
                            walk.theta.vector()[2] = std::numeric_limits<float>::quiet_NaN();
                            throw std::runtime_error("diverged");
                          }
                        }),
                    "diverged; and then: number in 'weight' is nan, expected a finite one");
  Walk again;
  Training resumed(options(path));
  resume(resumed, again, path);
  CHECK(resumed.iteration() == 6);
}

TEST_CASE("a disk that is full for a while does not end a training", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("checkpoint");
  Walk walk;
  Training training(options(path));
  CHECK(run(training, walk, [&](std::int64_t i) {
          if (i == 3) std::filesystem::create_directory(path);
          if (i == 4) training.save_after_this();  // cannot be written
          if (i == 6) std::filesystem::remove(path);
        }) == TrainingEnd::finished);
  CHECK(std::filesystem::is_regular_file(path));

  Training to_the_end(options(path));
  CHECK_THROWS_AS(run(to_the_end, walk,
                      [&](std::int64_t i) {
                        if (i == 3) {
                          std::filesystem::remove(path);
                          std::filesystem::create_directory(path);
                        }
                      }),
                  FileError);
  CHECK_THROWS_AS(Training(options(path)), FileError);  // said before the first iteration
  CHECK_THROWS_AS(Training(options(folder.file("no folder/checkpoint"))), FileError);
}

TEST_CASE("a training whose output nobody reads ends with a checkpoint", "[io]") {
  const test::TemporaryFolder folder;
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  ::close(ends[0]);
  TrainingOptions piped = options(folder.file("checkpoint"));
  piped.progress = ::fdopen(ends[1], "w");
  Walk walk;
  Training training(piped);
  CHECK(run(training, walk, [&](std::int64_t i) {
          if (i == 5) training.say("half way");
        }) == TrainingEnd::stopped);
  CHECK(training.signal() == SIGPIPE);
  CHECK(training.iteration() == 6);
  CHECK(training.sessions().back().end == "SIGPIPE");
  CHECK(std::filesystem::exists(folder.file("checkpoint")));
  std::fclose(piped.progress);
}

TEST_CASE("a training shows how far it is: losses, pace, what is left, and the last checkpoint", "[io]") {
  const test::TemporaryFolder folder;
  const test::Terminal terminal;
  TrainingOptions shown = options(folder.file("checkpoint"), 150);
  shown.minutes = 10;
  shown.progress = terminal.file();
  Training training(shown);
  CHECK(training.options().iterations == 150);
  // The last hundred losses are 51 to 150.
  CHECK(training.run([](auto&) {},
                     [&](std::int64_t i) {
                       if (i == 5) training.save_after_this();
                       if (i == 7) training.detail("well");
                       return static_cast<double>(i + 1);
                     }) == TrainingEnd::finished);
  const std::string text = terminal.shown();
  const std::size_t last = text.rfind("\riteration ");
  REQUIRE(last != text.npos);
  CHECK_THAT(
      text.substr(last),
      Catch::Matches("\riteration 150/150  loss 100  [0-9.]+ iterations/s  0:00 left  well  saved at 6\x1b\\[K\n"));
}

TEST_CASE("the time that is left is what the pace or the minutes leave", "[io]") {
  const test::Terminal terminal;
  // Ten minutes, of which sessions before took none, are less than what 10^12 iterations take.
  TrainingOptions shown = options("", 1'000'000'000'000);
  shown.minutes = 10;
  shown.progress = terminal.file();
  Training training(shown);
  CHECK(training.run([](auto&) {},
                     [&](std::int64_t) {
                       if (training.seconds() > 0.25) training.stop_after_this();
                       return 0.5;
                     }) == TrainingEnd::early);
  CHECK_THAT(terminal.shown(), Catch::Matches("(\riteration [0-9]+/1000000000000  loss 0.5  [0-9.]+ iterations/s  "
                                              "9:[0-5][0-9] left\x1b\\[K)+\n"));
  CHECK(Training({.iterations = 0}).share() == 1);
}

TEST_CASE("what is kept may refuse what a checkpoint holds, and the error names the file", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("checkpoint");
  Walk walk;
  TrainingOptions of_any_program = options(path);
  of_any_program.label = {};
  Training training(of_any_program);
  CHECK(run(training, walk, nothing) == TrainingEnd::finished);
  Training again(of_any_program);
  CHECK_THROWS_WITH(again.resume(path, [](auto&) { check(false, "number of places", 3, 4); }),
                    path + ": number of places is 3, expected 4");
  CHECK(again.iteration() == 0);
  resume(again, walk, path);
  CHECK(again.iteration() == 20);
}

TEST_CASE("a training refuses the checkpoint of another", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("checkpoint");
  Walk walk;
  Training training(options(path));
  CHECK(run(training, walk, nothing) == TrainingEnd::finished);

  TrainingOptions other = options(path);
  other.label.program = "other";
  Training of_other_program(other);
  CHECK_THROWS_WITH(resume(of_other_program, walk, path), Catch::Contains("program") && Catch::Contains("'test'"));
  other = options(path);
  other.label.data = "run";
  Training of_other_data(other);
  CHECK_THROWS_WITH(resume(of_other_data, walk, path), Catch::Contains("data set") && Catch::Contains("'walk'"));

  // Numbers that do not belong together, under a checksum that is right.
  for (const auto& [iteration, losses, sessions] : {std::tuple<std::int64_t, std::size_t, std::string>{-1, 0, "[]"},
                                                    {5, 4, "[]"},
                                                    {0, 0, "{}"},
                                                    {0, 0, "[{\"from\": 1}]"}}) {
    CheckpointWriter file(options(path).label);
    file("iteration", iteration);
    file("losses", std::vector<double>(losses, 1.0));
    walk.keep(file);
    file.metadata("sessions", Json::parse(sessions));
    file.write(folder.file("forged"));
    Training resumed(options(path));
    CHECK_THROWS_AS(resume(resumed, walk, folder.file("forged")), FileError);
    CHECK(resumed.iteration() == 0);
  }
  CHECK_THROWS_WITH(Training({.iterations = -1}), "iterations of a training is -1, expected 0 or more");
  CHECK_THROWS_WITH(Training({.minutes = -1}), "minutes of a training is -1, expected 0 or more");
  CHECK_THROWS_AS(Training({.checkpoint_minutes = std::numeric_limits<double>::quiet_NaN()}), std::invalid_argument);
}

TEST_CASE("signals are noted while StopSignals is there, and afterwards do what they did", "[io]") {
  static volatile std::sig_atomic_t own = 0;
  struct sigaction action {
  }, before{};
  action.sa_handler = [](int) { own = own + 1; };
  sigaction(SIGTERM, &action, &before);
  struct sigaction ignored {
  }, hangup{};
  ignored.sa_handler = SIG_IGN;
  sigaction(SIGHUP, &ignored, &hangup);
  {
    const StopSignals signals;
    CHECK(signals.received() == 0);
    std::raise(SIGHUP);  // as under nohup
    CHECK(signals.received() == 0);
    std::raise(SIGPIPE);
    CHECK(signals.received() == 0);
    std::raise(SIGTERM);
    CHECK(signals.received() == SIGTERM);
    std::raise(SIGTERM);  // as timeout(1) sends it, to the process and to its group
    CHECK(signals.received() == SIGTERM);
    CHECK(own == 0);
    CHECK_THROWS_AS(StopSignals(), std::logic_error);
  }
  std::raise(SIGTERM);
  CHECK(own == 1);
  {
    const StopSignals again;
    CHECK(again.received() == 0);
  }
  sigaction(SIGTERM, &before, nullptr);
  sigaction(SIGHUP, &hangup, nullptr);
}

TEST_CASE("a signal that comes again after a while ends a process that does not stop", "[io]") {
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGTERM, SIG_DFL);
    const StopSignals signals;
    std::raise(SIGTERM);
    std::raise(SIGTERM);
    sleep(2);
    std::raise(SIGTERM);
    _exit(0);
  }
  REQUIRE(child > 0);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGTERM);
}

TEST_CASE("signals have their names", "[io]") {
  CHECK(signal_name(SIGINT) == "SIGINT");
  CHECK(signal_name(SIGTERM) == "SIGTERM");
  CHECK(signal_name(SIGHUP) == "SIGHUP");
  CHECK(signal_name(SIGPIPE) == "SIGPIPE");
  CHECK(signal_name(SIGXFSZ) == "SIGXFSZ");
  CHECK(signal_name(12345) == "signal 12345");
}
