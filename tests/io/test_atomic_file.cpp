#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>

#include "basin/io/atomic_file.hpp"
#include "hostile.hpp"

using namespace basin;
using test::Bytes;

TEST_CASE("a file comes back as it was written", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("data");
  Bytes bytes(100'000);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 7);
  write_file(path, bytes);
  CHECK(read_file(path) == bytes);
  write_file(path, std::string_view("short"));
  CHECK(read_file(path) == test::bytes_of("short"));
  write_file(path, Bytes{});
  CHECK(read_file(path).empty());
  CHECK(folder.entries() == 1);  // no temporary file stays behind
}

TEST_CASE("a relative path in the working folder can be written", "[io]") {
  const test::TemporaryFolder folder;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder.file("."));
  write_file("data", std::string_view("here"));
  const Bytes back = read_file("data");
  std::filesystem::current_path(before);
  CHECK(back == test::bytes_of("here"));
}

TEST_CASE("writing that fails leaves what was there, and no temporary file", "[io]") {
  const test::TemporaryFolder folder;

  SECTION("the folder does not exist") {
    CHECK_THROWS_WITH(write_file(folder.file("none/data"), std::string_view("x")),
                      folder.file("none/data") + ": cannot write: No such file or directory");
    CHECK(folder.entries() == 0);
  }
  SECTION("the path is a folder: everything is written, and only the last step fails") {
    const std::string path = folder.file("taken");
    std::filesystem::create_directory(path);
    write_file(path + "/inside", std::string_view("old"));
    CHECK_THROWS_AS(write_file(path, std::string_view("new")), FileError);
    CHECK(read_file(path + "/inside") == test::bytes_of("old"));
    CHECK(folder.entries() == 1);
  }
  SECTION("there is no room: the old file stays") {
    const std::string path = folder.file("data");
    write_file(path, std::string_view("old"));
    // A limit on the size of files stands for a full disk; its signal must not end the process.
    const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
    rlimit old_limit{}, limit{};
    ::getrlimit(RLIMIT_FSIZE, &old_limit);
    limit = old_limit;
    limit.rlim_cur = 1000;
    ::setrlimit(RLIMIT_FSIZE, &limit);
    std::string message;
    try {
      write_file(path, Bytes(5000));
    } catch (const FileError& error) {
      message = error.what();
    }
    ::setrlimit(RLIMIT_FSIZE, &old_limit);
    std::signal(SIGXFSZ, old_handler);
    CHECK(message == path + ": cannot write: File too large");
    CHECK(read_file(path) == test::bytes_of("old"));
    CHECK(folder.entries() == 1);
  }
}

TEST_CASE("what is no regular file of fitting size is not read", "[io]") {
  const test::TemporaryFolder folder;
  CHECK_THROWS_WITH(read_file(folder.file("none")),
                    folder.file("none") + ": cannot open for reading: No such file or directory");
  CHECK_THROWS_WITH(read_file(folder.file(".")), folder.file(".") + ": not a regular file");
  CHECK_THROWS_WITH(read_file("/dev/zero"), "/dev/zero: not a regular file");

  const std::string pipe = folder.file("pipe");
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK_THROWS_WITH(read_file(pipe), pipe + ": not a regular file");  // and does not wait for a writer

  const std::string path = folder.file("data");
  write_file(path, Bytes(100));
  CHECK(read_file(path, 100).size() == 100);
  CHECK_THROWS_WITH(read_file(path, 99), path + ": size in bytes is 100, expected at most 99");
}

TEST_CASE("products of extents do not overflow", "[unit][io]") {
  const auto count = [](std::vector<std::uint64_t> extents) {
    return detail::byte_count(std::span<const std::uint64_t>(extents), 4);
  };
  constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  CHECK(count({}) == 4);
  CHECK(count({2, 3}) == 24);
  CHECK(count({std::uint64_t{1} << 32, std::uint64_t{1} << 32}) == most);  // wraps to 0 in 64 bits
  CHECK(count({most, most, most}) == most);
  CHECK(count({most, 0, most}) == 0);
}
