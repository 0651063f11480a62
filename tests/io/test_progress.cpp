#include "basin/io/progress.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdio>
#include <string>

#include "terminal.hpp"

using namespace basin;

TEST_CASE("on a terminal the line of progress rewrites itself, and what is said stays", "[io]") {
  const test::Terminal terminal;
  Progress progress(terminal.file());
  progress.end();  // nothing is open
  progress.show("1 of 3");
  progress.show("2 of 3");
  progress.say("half way");
  progress.say("and on");
  progress.show("3 of 3");
  progress.end();
  progress.end();
  CHECK(terminal.shown() == "\r1 of 3\x1b[K\r2 of 3\x1b[K\rhalf way\x1b[K\nand on\n\r3 of 3\x1b[K\n");
  CHECK_FALSE(progress.closed());
}

TEST_CASE("lines of progress are due five times a second at most on a terminal, and the last one always", "[io]") {
  const test::Terminal terminal;
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  const auto passed = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
  Progress progress(terminal.file());
  int lines = 0;
  while (passed() < 0.5) lines += progress.due(false) ? 1 : 0;
  lines += progress.due(false) ? 1 : 0;
  CHECK(lines >= 1);
  CHECK(lines <= passed() / 0.2);
  CHECK(progress.due(true));
  CHECK(progress.due(true));
}

TEST_CASE("where there is no terminal, lines of progress are seldom and stay", "[io]") {
  std::FILE* file = std::tmpfile();
  REQUIRE(file != nullptr);
  Progress progress(file);
  CHECK_FALSE(progress.due(true));  // in the first twenty seconds
  progress.show("1 of 3");
  progress.say("half way");
  progress.end();
  std::rewind(file);
  std::array<char, 100> text{};
  const std::size_t length = std::fread(text.data(), 1, text.size(), file);
  CHECK(std::string(text.data(), length) == "1 of 3\nhalf way\n");
  std::fclose(file);

  Progress nowhere(nullptr);
  CHECK_FALSE(nowhere.due(true));
  nowhere.show("1 of 3");
  nowhere.end();
  CHECK_FALSE(nowhere.closed());
}
