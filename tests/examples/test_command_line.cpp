#include "../../examples/support/command_line.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <limits>
#include <new>
#include <sstream>
#include <string>
#include <vector>

#include "../io/hostile.hpp"
#include "basin/version.hpp"

using namespace basin;
using namespace basin::examples;

namespace {

struct Chosen {
  int iterations = 10, unset = 0;
  double rate = 0.5;
  std::uint64_t seed = 1;
  int threads = 0;
  std::string out = "out", tape = "kept";
  bool full = false;
};

/// Parses these words; what was chosen.
struct Parsed {
  Chosen chosen{};
  CommandLine line{"toy", "A toy.", "The end."};

  explicit Parsed(const std::vector<std::string>& words = {}) {
    line.add("iterations", chosen.iterations, "Of training", {0, 1000});
    line.add("epochs", chosen.unset, "Passes (default: it depends)", {1, 9});
    line.add("rate", chosen.rate, "Of Adam", {1e-9, 1});
    line.add("tape", chosen.tape, "What is kept", {"kept", "recomputed"});
    line.add_flag("full", chosen.full, "All of it");
    line.add_seed(chosen.seed);
    line.add_threads(chosen.threads);
    line.add_out(chosen.out);
    parse(words);
  }
  void parse(std::vector<std::string> words) {
    words.insert(words.begin(), "toy");
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    const bool taken = line.parse(static_cast<int>(arguments.size()), arguments.data());
    REQUIRE(taken);
  }
};

std::string refusal(const std::vector<std::string>& words) {
  try {
    const Parsed parsed(words);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "taken";
}

}  // namespace

TEST_CASE("numbers of a command line are decimal, whole, finite and in their range", "[unit]") {
  const std::string of_iterations = ", expected a whole number from 0 to 1000";
  for (const std::string text : {"010", "0x10", "1e2", "1.0", "", " 1", "1 ", "-1", "1001", "99999999999999999999999",
                                 "nan", "ten", "--", "1,000", "-0x1", "+-1"}) {
    INFO(text);
    CHECK(refusal({"--iterations", text}) == "--iterations is '" + text + "'" + of_iterations);
  }
  for (const std::string text :
       {"nan", "NaN", "-nan", "inf", "-inf", "1e400", "1e-10", "1.5", "0.1.2", "0x1p-1", ".", "e"}) {
    INFO(text);
    CHECK(refusal({"--rate", text}) == "--rate is '" + text + "', expected a number from 1e-09 to 1");
  }
  CHECK(refusal({"--seed", "-1"}) == "--seed is '-1', expected a whole number from 0 to 18446744073709551615");
  CHECK(refusal({"--seed", "18446744073709551616"}) ==
        "--seed is '18446744073709551616', expected a whole number from 0 to 18446744073709551615");

  CHECK_THAT(refusal({"--threads", "4096"}),
             Catch::StartsWith("--threads is '4096', expected a whole number from 0 to "));

  const Parsed parsed({"--iterations", "+7", "--rate", "1e-3", "--seed", "18446744073709551615", "--iterations", "8"});
  CHECK(parsed.chosen.iterations == 8);  // the last one counts
  CHECK(parsed.chosen.rate == 1e-3);
  CHECK(parsed.chosen.seed == std::numeric_limits<std::uint64_t>::max());
  CHECK(parsed.line.given("seed"));
  CHECK_FALSE(parsed.line.given("out"));
  CHECK(parsed.line.numbers_given() == " --iterations 8 --rate 1e-3 --seed 18446744073709551615");
}

TEST_CASE("a program says its version, and what is wrong under its own name", "[unit]") {
  std::string said;
  const auto status_of = [&](std::vector<std::string> words, const auto& run) {
    words.insert(words.begin(), "toy");
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    Parsed parsed;
    std::ostringstream out;
    std::streambuf* const before = std::cout.rdbuf(out.rdbuf());
    const int status = main_of(parsed.line, static_cast<int>(arguments.size()), arguments.data(), run,
                               [&](int number, const std::string& message) {
                                 out << message;
                                 return number;
                               });
    std::cout.rdbuf(before);
    said = out.str();
    return status;
  };
  const auto well = [] { return 0; };
  CHECK(status_of({}, well) == 0);
  CHECK(said.empty());
  CHECK(status_of({"--version"}, well) == 0);
  CHECK(said == "toy, basin " + std::string(version_text) + "\n");
  CHECK(status_of({"--help"}, well) == 0);
  CHECK_THAT(said, Catch::Contains("Of training (0 to 1000; default: 10)") && Catch::Contains("Of Adam (1e-09 to 1;"));
  CHECK(status_of({"--iterations", "010"}, well) == 2);
  CHECK(said == "--iterations is '010', expected a whole number from 0 to 1000; toy --help says what there is");
  CHECK(status_of({"--rate", "0.25", "--iterations", "8"}, [&]() -> int { throw std::bad_alloc(); }) == 1);
  CHECK(said == "the memory does not suffice for --iterations 8 --rate 0.25");
  CHECK(status_of({}, [&]() -> int { throw FileError("data", "is missing"); }) == 1);
  CHECK(said == "data: is missing");
  CHECK(status_of({}, [&] { return 143; }) == 143);
}

TEST_CASE("an option without its value does not take the next option for it", "[unit]") {
  CHECK(refusal({"--out", "--seed", "3"}) == "--out needs a value, and what follows is the option --seed");
  CHECK(refusal({"--out"}) != "taken");
  CHECK(refusal({"--sed", "3"}) != "taken");
  CHECK(refusal({"3"}) != "taken");
  const Parsed parsed({"--out", "--odd name"});
  CHECK(parsed.chosen.out == "--odd name");
}

TEST_CASE("a flag has no value, and others may follow it", "[unit]") {
  CHECK_FALSE(Parsed().chosen.full);
  const Parsed parsed({"--full", "--seed", "3"});
  CHECK(parsed.chosen.full);
  CHECK(parsed.chosen.seed == 3);
  Parsed again;
  again.line.take(Json({{"full", true}}), "checkpoint");
  CHECK(again.chosen.full);
  CHECK(refusal({"--full", "yes"}) != "taken");
  CHECK_THROWS_WITH(again.line.take(Json({{"full", 1}}), "file"),
                    "file: value of 'full' is number, expected true or false");
}

TEST_CASE("a word is one of those that there are", "[unit]") {
  CHECK(refusal({"--tape", "all"}) == "--tape is 'all', expected one of kept, recomputed");
  CHECK(refusal({"--tape", std::string(500, 'x')}).size() < 150);
  CHECK(refusal({"--tape", "a\x1b[2J\n"}) == "--tape is 'a\\x1b[2J\\n', expected one of kept, recomputed");
}

TEST_CASE("a flag is there or not, and has no value", "[unit]") {
  CHECK(Parsed({"--full"}).chosen.full);
  CHECK_FALSE(Parsed().chosen.full);
  for (const char* const given : {"--full=maybe", "--full=false", "--full=1"}) {
    INFO(given);
    CHECK(refusal({given}) == "full was given a disallowed flag override");
  }
  const test::TemporaryFolder folder;
  const std::string path = folder.file("settings.json");
  write_file(path, R"({"full": true})");
  CHECK(Parsed({"--settings", path}).chosen.full);
  write_file(path, R"({"full": false})");
  CHECK_FALSE(Parsed({"--settings", path}).chosen.full);
}

TEST_CASE("settings files are checked as the command line is, which wins", "[unit]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("settings.json");
  const auto with = [&](const std::string& json, std::vector<std::string> words = {}) {
    write_file(path, json);
    words.insert(words.end(), {"--settings", path});
    return Parsed(words).chosen;
  };
  const Chosen chosen = with(R"({"iterations": 20, "rate": 0.25, "seed": 18446744073709551615, "tape": "recomputed"})",
                             {"--iterations", "30"});
  CHECK(chosen.iterations == 30);
  CHECK(chosen.rate == 0.25);
  CHECK(chosen.seed == std::numeric_limits<std::uint64_t>::max());
  CHECK(chosen.tape == "recomputed");
  CHECK_THROWS_WITH(with(R"({"rate": 2})"), path + ": rate is '2', expected a number from 1e-09 to 1");
  CHECK_THROWS_WITH(with(R"({"iterations": -1})"),
                    path + ": iterations is '-1', expected a whole number from 0 to 1000");
  CHECK_THROWS_WITH(with(R"({"iterations": true})"),
                    path + ": value of 'iterations' is boolean, expected a number or a string");
  CHECK_THROWS_WITH(with(R"({"iteration": 3})"),
                    Catch::Contains("key in settings is 'iteration', expected one of: "
                                    "iterations, epochs, rate, tape, full, seed, threads, out"));
  CHECK_THROWS_WITH(with("[1]"), path + ": settings is array, expected an object");
}

TEST_CASE("a checkpoint keeps the options that say what is trained", "[unit]") {
  Parsed parsed({"--rate", "0.125", "--out", "elsewhere"});
  const Json settings = parsed.line.settings();
  CHECK(settings ==
        Json({{"iterations", 10}, {"epochs", 0}, {"rate", 0.125}, {"tape", "kept"}, {"full", false}, {"seed", 1}}));
  parsed.chosen.unset = 4;  // found out by the program
  Parsed again({"--tape", "recomputed"});
  again.line.take(parsed.line.settings(), "checkpoint");
  CHECK(again.chosen.rate == 0.125);
  CHECK(again.chosen.unset == 4);
  CHECK(again.chosen.tape == "recomputed");
  CHECK(again.chosen.out == "out");
}

TEST_CASE("numbers are written as people write them", "[unit]") {
  CHECK(in_words(100000000) == "100000000");
  CHECK(in_words(1e8) == "100000000");
  CHECK(in_words(0.1) == "0.1");
  CHECK(in_words(1e-9) == "1e-09");
  CHECK(in_words(-1.0) == "-1");
}
