#pragma once

// What the programs ask of the process they run in: memory, time, a folder for their files, and how it ends.

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <initializer_list>
#include <stdexcept>
#include <string>

#include "basin/core/parallel.hpp"
#include "basin/core/state.hpp"
#include "basin/io/training.hpp"
#include "command_line.hpp"

namespace basin::examples {

/// The largest memory that the process has had, in bytes.
[[nodiscard]] inline std::int64_t peak_rss_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return std::int64_t{usage.ru_maxrss} * 1024;
}

/// Time of processors that all threads of the process have taken.
[[nodiscard]] inline double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// The largest memory of a copy of this process that runs `work` on one thread and ends, in bytes.
template <class Work>
[[nodiscard]] std::int64_t peak_rss_of(const Work& work) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("cannot make a process to measure its memory");
  if (child == 0) {
    set_threads(1);  // the copy has no other thread, whatever the runtime believes
    int status = 0;
    try {
      work();
    } catch (...) {
      status = 1;
    }
    _exit(status);
  }
  int status = 0;
  rusage usage{};
  if (wait4(child, &status, 0, &usage) != child || status != 0) {
    throw std::runtime_error("the process whose memory was to be measured failed");
  }
  return std::int64_t{usage.ru_maxrss} * 1024;
}

class Stopwatch {
 public:
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// Makes the folder, and throws basin::FileError for one of the files in it that could not be written: before hours of
/// training, and not after them.
inline void prepare_outputs(const std::string& folder, std::initializer_list<const char*> files) {
  make_folder(folder);
  for (const char* file : files) check_writable(folder + "/" + file);
}

/// Throws UsageError if `what` takes more bytes than the machine has memory: sooner than the system would find out.
inline void check_memory(const std::string& what, double bytes) {
  const double there = static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  if (bytes <= there) return;
  std::array<char, 80> text{};
  std::snprintf(text.data(), text.size(), "%.3g GB, expected at most the %.3g GB of this machine", 1e-9 * bytes,
                1e-9 * there);
  throw UsageError("memory for " + what + " is " + text.data());
}

/// The checkpoint that a user names: a file, or the folder that a run has written.
[[nodiscard]] inline std::string checkpoint_at(const std::string& path) {
  return std::filesystem::is_directory(path) ? path + "/checkpoint.safetensors" : path;
}

/// The file that --resume or --evaluate names. Takes the settings that it was made with. Empty, if `path` is.
[[nodiscard]] inline std::string take_checkpoint(CommandLine& command_line, const std::string& path) {
  if (path.empty()) return path;
  const std::string file = checkpoint_at(path);
  command_line.take(CheckpointReader(file, command_line.program()).label().settings, file);
  return file;
}

/// For the label of a checkpoint: a name, and what tells the numbers from others.
[[nodiscard]] inline std::string fingerprint(const std::string& name, const State<float>& data) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(data.values.data());
  return name + ", " + std::to_string(data.shape.samples) + " samples, " +
         basin::fingerprint({bytes, static_cast<std::size_t>(data.values.size()) * sizeof(float)});
}

/// After a training that was stopped: says how to go on, and returns the exit status, as a shell reports of a program
/// that a signal ended.
[[nodiscard]] inline int stopped(const Training& training, const std::string& resume) {
  if (training.signal() != SIGPIPE) {
    std::printf("stopped by %s after iteration %jd; go on with --resume %s\n", signal_name(training.signal()).c_str(),
                static_cast<std::intmax_t>(training.iteration()), resume.c_str());
  }
  return 128 + training.signal();
}

}  // namespace basin::examples
