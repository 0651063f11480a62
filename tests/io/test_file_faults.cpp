// What a writer leaves behind when the system fails it, for every call and every error that makes sense.

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <set>

#include "basin/io/atomic_file.hpp"
#include "faulty_system.hpp"
#include "hostile.hpp"

using namespace basin;
using test::Bytes;
using test::FaultySystem;

namespace {

const std::string old_text = "the old bytes", new_text = "the new bytes, which are more";

std::size_t open_files() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/dev/fd")) ++count;
  return count;
}

struct Outcome {
  bool thrown = false;
  std::string message;
};

/// Calls work() with the fault, and looks at what must hold whatever fails.
template <class Work>
Outcome with_fault(const test::Fault& fault, const std::string& path, const Work& work) {
  Outcome outcome;
  const std::size_t open_before = open_files();
  FaultySystem::expect(fault);
  try {
    work();
  } catch (const FileError& error) {
    outcome = {true, error.what()};
  }
  const std::vector<std::string> failed = FaultySystem::failed;
  FaultySystem::expect({});
  INFO("failed: " << (failed.empty() ? "nothing" : failed[0]) << ", error " << fault.code << ", call " << fault.first);
  CHECK(open_files() == open_before);
  if (outcome.thrown) CHECK_THAT(outcome.message, Catch::StartsWith(path + ": cannot "));
  return outcome;
}

bool is(const std::vector<std::string>& failed, const std::string& name) {
  return std::find(failed.begin(), failed.end(), name) != failed.end();
}

}  // namespace

TEST_CASE("whichever call fails, once or from then on, the old file or the new one is whole", "[io]") {
  const bool lasting = GENERATE(false, true);
  const bool is_there = GENERATE(false, true);
  const bool by_link = GENERATE(false, true);
  const int code = GENERATE(EIO, ENOSPC, EDQUOT, EINTR, EROFS, EACCES, EMFILE, ENOSYS);
  if (lasting && code == EINTR) return;  // a call that is always interrupted never ends

  const test::TemporaryFolder folder;
  const std::string file = folder.file("data"), link = folder.file("link");
  const std::string path = by_link ? link : file;
  const std::size_t links = by_link ? 1 : 0;
  std::set<std::string> failed_once;
  bool reached_end = false;
  for (int n = 0; n < 200 && !reached_end; ++n) {
    std::filesystem::remove(file);
    std::filesystem::remove(link);
    if (by_link) std::filesystem::create_symlink("data", link);
    if (is_there) write_file(file, old_text);
    std::vector<std::string> failed;
    const Outcome outcome = with_fault({.first = n, .code = code, .lasting = lasting}, path, [&] {
      try {
        write_file<FaultySystem>(path, new_text);
        failed = FaultySystem::failed;
      } catch (...) {
        failed = FaultySystem::failed;
        throw;
      }
    });
    INFO("call " << n << ", failed: " << (failed.empty() ? "nothing" : failed[0]) << ", " << outcome.message);
    reached_end = failed.empty();
    failed_once.insert(failed.begin(), failed.end());

    const bool there_now = std::filesystem::exists(file);
    const Bytes now = there_now ? read_file(file) : Bytes{};
    const Bytes before = is_there ? test::bytes_of(old_text) : Bytes{};
    CHECK((now == test::bytes_of(new_text) || (outcome.thrown && now == before)));
    if (!is(failed, "unlink")) CHECK(folder.entries() == links + (there_now ? 1 : 0));

    // Whatever was left behind, the next writer finds its way and removes it.
    write_file(path, new_text);
    CHECK(folder.entries() == links + 1);
    if (by_link) CHECK(std::filesystem::is_symlink(link));
  }
  CHECK(reached_end);
  for (const char* name : {"create", "open", "write", "sync", "rename", "close", "lock"}) {
    INFO(name);
    if (!lasting) CHECK(failed_once.contains(name));
  }
}

TEST_CASE("each error of the disk is told in a sentence that names the file", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("data");
  write_file(path, old_text);
  const auto message = [&](const std::string& call, int code, int number = 0) {
    return with_fault({.first = number, .code = code, .only = call}, path,
                      [&] { write_file<FaultySystem>(path, new_text); })
        .message;
  };
  CHECK(message("write", ENOSPC) == path + ": cannot write: No space left on device");
  CHECK(message("write", EDQUOT) == path + ": cannot write: Disk quota exceeded");
  CHECK(message("write", EFBIG) == path + ": cannot write: File too large");
  CHECK(message("sync", EIO) == path + ": cannot write: Input/output error");
  CHECK(message("rename", EROFS) == path + ": cannot replace: Read-only file system");
  CHECK(message("create", EDQUOT) ==
        path + ": cannot make a file in the folder '" + folder.file("") + "': Disk quota exceeded");
  CHECK(message("access", EROFS) == path + ": cannot write: Read-only file system");
  CHECK(message("open", EMFILE) == path + ": cannot open its folder: Too many open files");
  CHECK(read_file(path) == test::bytes_of(old_text));
  CHECK(message("sync", EIO, 1) == path + ": cannot flush its folder to the disk after writing it: Input/output error");
  CHECK(read_file(path) == test::bytes_of(new_text));
}

TEST_CASE("what a file system does not have is done without", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("data");
  write_file(path, old_text);
  for (const char* call : {"sync", "lock", "change_mode"}) {
    for (const int code : {EINVAL, ENOSYS, EOPNOTSUPP}) {
      const Outcome outcome = with_fault({.first = 0, .code = code, .lasting = true, .only = call}, path,
                                         [&] { write_file<FaultySystem>(path, new_text); });
      INFO(call << ": " << outcome.message);
      CHECK_FALSE(outcome.thrown);
      CHECK(read_file(path) == test::bytes_of(new_text));
      CHECK(folder.entries() == 1);
    }
  }
}

TEST_CASE("a file whose permissions cannot be set is for its owner alone", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("data");
  write_file(path, old_text);
  std::filesystem::permissions(path, std::filesystem::perms(0600));
  FaultySystem::expect({.first = 0, .code = EPERM, .only = "change_mode"});
  write_file<FaultySystem>(path, new_text);
  FaultySystem::expect({});
  CHECK(std::filesystem::status(path).permissions() == std::filesystem::perms(0600));
}

TEST_CASE("interrupted and short writes go on to the end", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("data");
  Bytes bytes(1000);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 31);
  for (const std::size_t most : {1, 7, 999}) {
    write_file(path, old_text);
    with_fault({.largest_write = most}, path, [&] { write_file<FaultySystem>(path, bytes); });
    CHECK(read_file(path) == bytes);
  }
  for (const char* call : {"write", "sync", "create", "open"}) {
    write_file(path, old_text);
    const Outcome outcome =
        with_fault({.first = 0, .code = EINTR, .only = call}, path, [&] { write_file<FaultySystem>(path, bytes); });
    CHECK_FALSE(outcome.thrown);
    CHECK(read_file(path) == bytes);
  }
  // A disk that takes nothing and reports no error would be waited for without end.
  const Outcome outcome = with_fault({.largest_write = 0}, path, [&] { write_file<FaultySystem>(path, old_text); });
  CHECK(outcome.message == path + ": cannot write: Input/output error");
  CHECK(read_file(path) == bytes);
}

TEST_CASE("a replacement whose answer was lost leaves the new file", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("data");
  write_file(path, old_text);
  const Outcome outcome = with_fault({.first = 0, .code = EIO, .only = "rename", .done_first = true}, path,
                                     [&] { write_file<FaultySystem>(path, new_text); });
  CHECK(outcome.message == path + ": cannot replace: Input/output error");
  CHECK(read_file(path) == test::bytes_of(new_text));
  CHECK(folder.entries() == 1);
}

TEST_CASE("a writer whose new file was taken for a leftover makes another", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("data");
  write_file(path, old_text);
  // Between the making of the file and its lock, somebody who found it removes it.
  FaultySystem::before = "lock";
  FaultySystem::meanwhile = [&] { REQUIRE(std::filesystem::remove(path + ".basin-0.part")); };
  write_file<FaultySystem>(path, new_text);
  CHECK_FALSE(FaultySystem::meanwhile);
  CHECK(read_file(path) == test::bytes_of(new_text));
  CHECK(folder.entries() == 1);

  // And a third writer has the name by then: it keeps its file.
  FaultySystem::meanwhile = [&] {
    std::filesystem::remove(path + ".basin-0.part");
    std::ofstream(path + ".basin-0.part") << "of the third";
  };
  FaultySystem::before = "lock";
  FaultySystem::expect({.first = 1, .code = EWOULDBLOCK, .lasting = true, .only = "lock"});
  CHECK_THROWS_WITH(write_file<FaultySystem>(path, old_text), Catch::Contains("too many others write it"));
  FaultySystem::expect({});
  CHECK(read_file(path + ".basin-0.part") == test::bytes_of("of the third"));
  CHECK(read_file(path) == test::bytes_of(new_text));
}

TEST_CASE("a file that somebody removes at that moment is written anew", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("data");
  write_file(path, old_text);
  FaultySystem::before = "status_of_link";
  FaultySystem::meanwhile = [&] { std::filesystem::remove(path); };
  write_file<FaultySystem>(path, new_text);
  CHECK_FALSE(FaultySystem::meanwhile);
  CHECK(read_file(path) == test::bytes_of(new_text));
}

TEST_CASE("a writer takes the name of the leftover that it removes, so that names do not climb", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("data");
  std::ofstream(path + ".basin-0.part") << "half of a fi";
  FaultySystem::before = "write";
  FaultySystem::meanwhile = [&] {
    CHECK(folder.entries() == 1);
    CHECK(std::filesystem::file_size(path + ".basin-0.part") == 0);
  };
  write_file<FaultySystem>(path, new_text);
  CHECK_FALSE(FaultySystem::meanwhile);
  CHECK(folder.entries() == 1);
}

TEST_CASE("a lock that somebody has for a moment is no reason to fail", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("data");
  for (int n = 0; n < 3; ++n) {
    const Outcome outcome = with_fault({.first = n, .code = EWOULDBLOCK, .only = "lock"}, path,
                                       [&] { write_file<FaultySystem>(path, new_text); });
    CHECK_FALSE(outcome.thrown);
    CHECK(read_file(path) == test::bytes_of(new_text));
    CHECK(folder.entries() == 1);
  }
}

TEST_CASE("a file that cannot be read to its end is an error that names it", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("data");
  write_file(path, old_text);
  Bytes back;
  const auto read = [&] { back = read_file<FaultySystem>(path); };
  for (int n = 0; n < 3; ++n) {
    const Outcome outcome = with_fault({.first = n, .code = EIO}, path, read);
    CHECK_THAT(outcome.message, Catch::EndsWith(": Input/output error"));
  }
  for (const char* call : {"open", "read"}) {
    CHECK_FALSE(with_fault({.first = 0, .code = EINTR, .only = call}, path, read).thrown);
    CHECK(back == test::bytes_of(old_text));
  }
}

TEST_CASE("a check whether a file can be written tells each failure and leaves nothing", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("data");
  const bool is_there = GENERATE(false, true);
  if (is_there) write_file(path, old_text);
  const std::size_t before = folder.entries();
  int thrown = 0;
  for (int n = 0; n < 100; ++n) {
    const Outcome outcome = with_fault({.first = n, .code = ENOSPC}, path, [&] { check_writable<FaultySystem>(path); });
    thrown += outcome.thrown ? 1 : 0;
    check_writable(path);
    CHECK(folder.entries() == before);
    if (is_there) CHECK(read_file(path) == test::bytes_of(old_text));
  }
  CHECK(thrown >= 3);
}

TEST_CASE("a folder that cannot be made is an error that names it", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a/b");
  int thrown = 0;
  for (int n = 0; n < 20; ++n) {
    std::filesystem::remove_all(folder.file("a"));
    FaultySystem::expect({.first = n, .code = EIO});
    try {
      make_folder<FaultySystem>(path);
      CHECK(std::filesystem::is_directory(path));
    } catch (const FileError& error) {
      ++thrown;
      CHECK_THAT(error.what(), Catch::EndsWith("Input/output error") && Catch::StartsWith("/"));
    }
    FaultySystem::expect({});
  }
  CHECK(thrown >= 6);
}
