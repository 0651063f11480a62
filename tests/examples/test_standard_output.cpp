#include <fcntl.h>
#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <csignal>

#include "../../examples/support/standard_output.hpp"

using basin::examples::finish_standard_output;

namespace {

/// What finish_standard_output() says in a process whose standard output is `file` and that has done `print`.
template <class Print>
std::string said(int file, const Print& print) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGPIPE, SIG_IGN);
    file >= 0 ? ::dup2(file, STDOUT_FILENO) : ::close(STDOUT_FILENO);
    print();
    std::string message = "nothing";
    try {
      finish_standard_output();
    } catch (const std::exception& error) {
      message = error.what();
    }
    ::_exit(::write(ends[1], message.data(), message.size()) < 0 ? 1 : 0);
  }
  ::close(ends[1]);
  std::string text(200, '\0');
  const ssize_t length = ::read(ends[0], text.data(), text.size());
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  if (file >= 0) ::close(file);
  return text;
}

void print_little() { std::printf("one line\n"); }
void print_much() {
  for (int i = 0; i < 10'000; ++i) std::printf("a line of some length, number %d\n", i);
}
void print_nothing() {}

}  // namespace

TEST_CASE("a program that could not print all of its report says so", "[io]") {
  CHECK(said(::open("/dev/null", O_WRONLY), print_much) == "nothing");
  CHECK(said(::open("/dev/full", O_WRONLY), print_little) == "standard output: cannot write: No space left on device");
  CHECK_THAT(said(::open("/dev/full", O_WRONLY), print_much), Catch::StartsWith("standard output: cannot write: "));
  CHECK(said(::open("/dev/full", O_WRONLY), print_nothing) == "nothing");
  CHECK(said(-1, print_nothing) == "nothing");  // a program may be started without one
  CHECK(said(-1, print_little) == "standard output: cannot write: Bad file descriptor");

  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  ::close(ends[0]);
  CHECK(said(ends[1], print_little) == "standard output: cannot write: Broken pipe");
}

TEST_CASE("a failed print is not forgotten because the next one worked", "[io]") {
  const auto print_and_recover = [] {
    print_little();
    std::fflush(stdout);
    ::dup2(::open("/dev/null", O_WRONLY), STDOUT_FILENO);
    print_little();
  };
  CHECK(said(::open("/dev/full", O_WRONLY), print_and_recover) == "standard output: cannot write: Input/output error");
}
