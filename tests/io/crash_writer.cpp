// For tests/crash.sh: writes one checkpoint after another, each with numbers that belong together, until it is killed.
//
//   crash_writer write FILE    goes on from FILE, if it is there
//   crash_writer check FILE    fails unless FILE is whole

#include <cstdio>
#include <filesystem>
#include <string>

#include "basin/io/checkpoint.hpp"

namespace {

constexpr std::size_t length = 500'000;  // long enough for kills to come while it is written

/// The number that all of the file belongs to. Throws basin::FileError if it is not whole.
std::int64_t read_state(const std::string& path) {
  basin::CheckpointReader file(path, "crash_writer");
  std::int64_t iteration = 0;
  std::vector<std::int64_t> values;
  file("iteration", iteration);
  file("values", values, basin::Length{length}, basin::Within{iteration, iteration});
  file.finish();
  return iteration;
}

int run(const std::string& action, const std::string& path) {
  if (action == "check") {
    std::printf("%jd\n", static_cast<std::intmax_t>(read_state(path)));
    return 0;
  }
  std::int64_t iteration = std::filesystem::exists(path) ? read_state(path) : 0;
  while (true) {
    ++iteration;
    basin::CheckpointWriter file(basin::CheckpointLabel{.program = "crash_writer"});
    file("iteration", iteration);
    file("values", std::vector<std::int64_t>(length, iteration));
    file.write(path);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 || (std::string(argv[1]) != "write" && std::string(argv[1]) != "check")) {
    std::fprintf(stderr, "crash_writer: expected 'write FILE' or 'check FILE'\n");
    return 2;
  }
  try {
    return run(argv[1], argv[2]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "crash_writer: %s\n", error.what());
    return 1;
  }
}
