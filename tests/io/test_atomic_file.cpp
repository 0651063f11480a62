#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "basin/io/atomic_file.hpp"
#include "hostile.hpp"

using namespace basin;
using test::Bytes;

namespace {

namespace fs = std::filesystem;

mode_t mode_of(const std::string& path) {
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  return info.st_mode & 07777;
}

/// Work as a user without the rights of root, who may do everything.
class AsNobody {
 public:
  AsNobody() {
    if (::geteuid() != 0) return;
    REQUIRE(::setegid(nobody) == 0);
    REQUIRE(::seteuid(nobody) == 0);
    changed_ = true;
  }
  ~AsNobody() {
    if (changed_ && (::seteuid(0) != 0 || ::setegid(0) != 0)) std::abort();
  }
  static constexpr uid_t nobody = 65534;

 private:
  bool changed_ = false;
};

/// The exit status of work() in a process of its own; -1 if a signal ended it.
template <class Work>
int status_of(const Work& work) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(work());
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// What FileError says, or nothing.
template <class Work>
std::string message_of(const Work& work) {
  try {
    work();
  } catch (const FileError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

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
                      folder.file("none/data") + ": cannot write: there is no folder '" + folder.file("none/'"));
    CHECK(folder.entries() == 0);
  }
  SECTION("there is no room: the old file stays") {
    const std::string path = folder.file("data");
    write_file(path, std::string_view("old"));
    // A limit on the size of files stands for a full disk. Its signal would end the process.
    REQUIRE(std::signal(SIGXFSZ, SIG_DFL) != SIG_ERR);
    const int status = status_of([&] {
      rlimit limit{};
      ::getrlimit(RLIMIT_FSIZE, &limit);
      limit.rlim_cur = 1000;
      ::setrlimit(RLIMIT_FSIZE, &limit);
      for (int twice = 0; twice < 2; ++twice) {
        if (message_of([&] { write_file(path, Bytes(5000)); }) != path + ": cannot write: File too large") return 1;
      }
      sigset_t pending, blocked;
      ::sigpending(&pending);
      ::pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
      return sigismember(&pending, SIGXFSZ) == 0 && sigismember(&blocked, SIGXFSZ) == 0 ? 0 : 2;
    });
    CHECK(status == 0);
    CHECK(read_file(path) == test::bytes_of("old"));
    CHECK(folder.entries() == 1);
  }
}

TEST_CASE("a signal that waited before a file was written waits after it", "[io]") {
  const test::TemporaryFolder folder;
  const int status = status_of([&] {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGXFSZ);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    ::raise(SIGXFSZ);
    write_file(folder.file("data"), std::string_view("x"));
    sigset_t pending, blocked;
    ::sigpending(&pending);
    ::pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
    return sigismember(&pending, SIGXFSZ) == 1 && sigismember(&blocked, SIGXFSZ) == 1 ? 0 : 1;
  });
  CHECK(status == 0);
}

TEST_CASE("a leftover of a writer that died is replaced, whatever it is like", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("data"), other = folder.file("other");
  write_file(other, std::string_view("of somebody else"));
  for (const int number : {0, 1, 3, 7}) {
    std::ofstream(path + ".basin-" + std::to_string(number) + ".part") << "half of a fi";
  }
  write_file(path, std::string_view("whole"));
  CHECK(read_file(path) == test::bytes_of("whole"));
  CHECK(folder.entries() == 2);

  // One that is another name of a file: the name goes, the file stays.
  fs::create_hard_link(other, path + ".basin-0.part");
  write_file(path, std::string_view("again"));
  CHECK(read_file(other) == test::bytes_of("of somebody else"));
  CHECK(folder.entries() == 2);

  // What nobody of ours made is left alone, and in nobody's way.
  fs::create_symlink("other", path + ".basin-0.part");
  fs::create_directory(path + ".basin-1.part");
  REQUIRE(::mkfifo((path + ".basin-2.part").c_str(), 0600) == 0);
  write_file(path, std::string_view("third"));
  CHECK(read_file(path) == test::bytes_of("third"));
  CHECK(read_file(other) == test::bytes_of("of somebody else"));
  CHECK(folder.entries() == 5);
}

TEST_CASE("a writer that lives keeps its temporary file, and another goes past it", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("data"), first = path + ".basin-0.part";
  const int file = ::open(first.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
  REQUIRE(file >= 0);
  REQUIRE(::flock(file, LOCK_EX) == 0);
  write_file(path, std::string_view("mine"));
  CHECK(fs::exists(first));
  CHECK(folder.entries() == 2);
  ::close(file);  // as when that process dies
  write_file(path, std::string_view("next"));
  CHECK(folder.entries() == 1);
}

TEST_CASE("a process that is killed while it writes leaves the old file, and the next writer cleans up", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("data");
  write_file(path, std::string_view("old"));
  CHECK(status_of([&] {
          const auto target = detail::find_target<detail::PosixSystem>(path);
          detail::PartFile<detail::PosixSystem> part(path, target);
          part.write(path, Bytes(1000));
          ::kill(::getpid(), SIGKILL);
          return 0;
        }) == -1);
  CHECK(folder.entries() == 2);
  CHECK(read_file(path) == test::bytes_of("old"));
  write_file(path, std::string_view("new"));
  CHECK(read_file(path) == test::bytes_of("new"));
  CHECK(folder.entries() == 1);
}

TEST_CASE("many writers of one file all succeed, and a reader sees whole files only", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("data");
  const auto content = [](int writer) {
    return Bytes(static_cast<std::size_t>(1000 + 500 * writer), static_cast<std::uint8_t>(writer));
  };
  write_file(path, content(0));
  std::atomic<int> failed{0}, torn{0}, writing{4};
  std::vector<std::thread> threads;
  for (int writer = 0; writer < 4; ++writer) {
    threads.emplace_back([&, writer] {
      for (int i = 0; i < 50; ++i) failed += message_of([&] { write_file(path, content(writer)); }).empty() ? 0 : 1;
      --writing;
    });
  }
  while (writing > 0) {
    const Bytes now = read_file(path);
    torn += now == content(now.empty() ? 0 : now[0]) ? 0 : 1;
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(failed == 0);
  CHECK(torn == 0);
  CHECK(folder.entries() == 1);

  // And as processes, which share nothing but the folder.
  CHECK(status_of([&] {
          const bool child = ::fork() == 0;
          for (int i = 0; i < 50; ++i) write_file(path, content(child ? 1 : 2));
          if (child) ::_exit(0);
          int status = 1;
          return ::wait(&status) > 0 && status == 0 ? 0 : 1;
        }) == 0);
  CHECK(folder.entries() == 1);
}

TEST_CASE("what is no regular file is refused before anything is done", "[io]") {
  const test::TemporaryFolder folder;
  const auto refused = [&](const std::string& path, const std::string& what) {
    const std::size_t before = folder.entries();
    const std::string expected = path + ": cannot write: it is " + what + ", expected a regular file or a new name";
    CHECK(message_of([&] { write_file(path, std::string_view("x")); }) == expected);
    CHECK(message_of([&] { check_writable(path); }) == expected);
    CHECK(folder.entries() == before);
  };
  refused("/dev/null", "a device");
  refused(folder.file("."), "a folder");

  const std::string pipe = folder.file("pipe"), socket = folder.file("socket"), inside = folder.file("inside");
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  refused(pipe, "a pipe");
  struct stat info {};
  CHECK((::lstat(pipe.c_str(), &info) == 0 && S_ISFIFO(info.st_mode)));

  const int listening = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket.copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(::bind(listening, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  refused(socket, "a socket");
  ::close(listening);

  fs::create_directory(inside);
  refused(inside, "a folder");
  fs::create_symlink("pipe", folder.file("link"));
  refused(folder.file("link"), "a pipe");

  // As /dev/stdout is: a link of the system to what has no name in any folder.
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  if (fs::exists("/proc/self/fd")) refused("/proc/self/fd/" + std::to_string(ends[1]), "a pipe");
  ::close(ends[0]);
  ::close(ends[1]);

  CHECK(message_of([] { write_file("", std::string_view("x")); }) == "'': cannot write: a file needs a name");
  CHECK(message_of([&] { write_file(folder.file("new/"), std::string_view("x")); }) ==
        folder.file("new/") + ": cannot write: it is the name of a folder");
  CHECK(message_of([&] { write_file(pipe + "/x", std::string_view("x")); }) ==
        pipe + "/x: cannot write: Not a directory");
}

TEST_CASE("symbolic links stay, and what they name is replaced", "[io]") {
  const test::TemporaryFolder folder;
  fs::create_directories(folder.file("far/deep"));
  const std::string file = folder.file("far/deep/data"), link = folder.file("link");
  const auto check_link = [&](const std::string& path) {
    write_file(path, std::string_view("through the link"));
    CHECK(fs::is_symlink(path));
    CHECK_FALSE(fs::is_symlink(file));
    CHECK(read_file(file) == test::bytes_of("through the link"));
    for (const auto& entry : fs::directory_iterator(folder.file("far/deep"))) {
      CHECK(entry.path().extension() != ".part");
    }
  };
  SECTION("to a file") {
    write_file(file, std::string_view("old"));
    fs::create_symlink("far/deep/data", link);
    check_link(link);
  }
  SECTION("to a file that is not there yet") {
    fs::create_symlink("far/deep/data", link);
    check_link(link);
  }
  SECTION("by an absolute name, and from a folder that is itself reached by one") {
    fs::create_symlink(file, folder.file("far/up"));
    fs::create_directory_symlink("far", folder.file("near"));
    check_link(folder.file("near/up"));
  }
  SECTION("by several, relative to where each lies") {
    fs::create_symlink("../deep/data", folder.file("far/deep/one"));
    fs::create_symlink("far/deep/one", link);
    write_file(link, std::string_view("x"));
    CHECK(fs::is_symlink(folder.file("far/deep/one")));
    CHECK(read_file(file) == test::bytes_of("x"));
  }
  SECTION("in the working folder") {
    const fs::path before = fs::current_path();
    fs::current_path(folder.file("far/deep"));
    fs::create_symlink("data", "here");
    check_link("here");
    fs::current_path(before);
  }
  SECTION("in a circle") {
    fs::create_symlink("other", link);
    fs::create_symlink("link", folder.file("other"));
    CHECK(message_of([&] { write_file(link, std::string_view("x")); }) ==
          link + ": cannot write: Too many levels of symbolic links");
    CHECK(folder.entries() == 3);
  }
  SECTION("to a folder that is not there") {
    fs::create_symlink("none/data", link);
    CHECK(message_of([&] { write_file(link, std::string_view("x")); }) ==
          link + ": cannot write: there is no folder '" + folder.file("none/'"));
  }
}

TEST_CASE("permissions stay, and a new file gets those of the umask", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("data");
  const mode_t before = ::umask(027);
  write_file(path, std::string_view("new"));
  CHECK(mode_of(path) == 0640);
  for (const mode_t mode : {0600, 0644, 0666, 0755}) {
    REQUIRE(::chmod(path.c_str(), mode) == 0);
    write_file(path, std::string_view("again"));
    CHECK(mode_of(path) == mode);
  }
  ::umask(before);

  if (::geteuid() != 0) return;  // only root can give files away
  struct stat info {};
  REQUIRE(::chown(path.c_str(), 1234, 4321) == 0);
  write_file(path, std::string_view("of another"));
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK(info.st_uid == 1234);
  CHECK(info.st_gid == 4321);

  // The right to run with the rights of the owner goes with the owner.
  const std::string program = folder.file("program");
  write_file(program, std::string_view("old"));
  REQUIRE(::chmod(program.c_str(), 04666) == 0);
  write_file(program, std::string_view("same owner"));
  CHECK(mode_of(program) == 04666);

  // Who cannot keep the group does not hand its rights to another group.
  REQUIRE(::chown(path.c_str(), AsNobody::nobody, 4321) == 0);
  REQUIRE(::chmod(path.c_str(), 0664) == 0);
  REQUIRE(::chmod(folder.file(".").c_str(), 0777) == 0);
  const AsNobody nobody;
  write_file(path, std::string_view("of nobody"));
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK(info.st_gid != 4321);
  CHECK(mode_of(path) == 0644);
  write_file(program, std::string_view("of nobody"));
  CHECK(mode_of(program) == 0666);
}

TEST_CASE("a file or a folder that may not be written is refused with a sentence", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("data"), closed = folder.file("closed");
  write_file(path, std::string_view("old"));
  REQUIRE(::chmod(path.c_str(), 0444) == 0);
  REQUIRE(::chmod(folder.file(".").c_str(), 0777) == 0);
  REQUIRE(::mkdir(closed.c_str(), 0555) == 0);
  REQUIRE(::mkdir(folder.file("blind").c_str(), 0777) == 0);
  REQUIRE(::chmod(folder.file("blind").c_str(), 0333) == 0);
  const AsNobody nobody;
  for (const bool only_checked : {false, true}) {
    const auto message = [&](const std::string& file) {
      return message_of([&] { only_checked ? check_writable(file) : write_file(file, std::string_view("new")); });
    };
    CHECK(message(path) == path + ": cannot write: Permission denied");
    CHECK(message(closed + "/new") ==
          closed + "/new: cannot make a file in the folder '" + closed + "/': Permission denied");
    CHECK(message(folder.file("blind/new")) == "");  // may be written to, but not read
  }
  CHECK(read_file(path) == test::bytes_of("old"));
  CHECK(fs::is_empty(closed));
  CHECK(folder.entries() == 3);
  CHECK(message_of([&] { make_folder(closed); }) == closed + ": cannot make files in this folder: Permission denied");
  CHECK(message_of([&] { make_folder(closed + "/a"); }) == closed + "/a: cannot make this folder: Permission denied");
}

TEST_CASE("whether a file can be written is known before there is anything to write", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("data");
  check_writable(path);
  CHECK(folder.entries() == 0);
  write_file(path, std::string_view("old"));
  const auto before = fs::last_write_time(path);
  struct stat info {
  }, later{};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  check_writable(path);
  REQUIRE(::stat(path.c_str(), &later) == 0);
  CHECK(later.st_ino == info.st_ino);
  CHECK(fs::last_write_time(path) == before);
  CHECK(folder.entries() == 1);
  CHECK(message_of([&] { check_writable(folder.file("none/data")); }) ==
        folder.file("none/data") + ": cannot write: there is no folder '" + folder.file("none/'"));
  if (fs::exists("/proc/version")) {
    CHECK_THAT(message_of([] { check_writable("/proc/basin"); }), Catch::StartsWith("/proc/basin: cannot "));
  }
}

TEST_CASE("a folder is made with those above it, or the one in the way is named", "[io]") {
  const test::TemporaryFolder folder;
  make_folder(folder.file("a/b//c/"));
  CHECK(fs::is_directory(folder.file("a/b/c")));
  make_folder(folder.file("a/b/c"));
  const fs::path before = fs::current_path();
  fs::current_path(folder.file("a"));
  make_folder("x/y");
  make_folder(".");
  fs::current_path(before);
  CHECK(fs::is_directory(folder.file("a/x/y")));

  write_file(folder.file("file"), std::string_view("x"));
  CHECK(message_of([&] { make_folder(folder.file("file/inside")); }) ==
        folder.file("file") + ": cannot make a folder of this name: a file is there");
  fs::create_symlink("nowhere", folder.file("link"));
  CHECK(message_of([&] { make_folder(folder.file("link")); }) ==
        folder.file("link") + ": cannot make this folder: File exists");
  CHECK(message_of([] { make_folder(""); }) == "'': cannot be made: a folder needs a name");
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
