// Writers and readers whose n-th allocation fails, for every n, as SQLite's tests do it (sqlite.org/testing.html,
// section 3.1, "Out-Of-Memory Testing"). A program of its own, because it replaces operator new.

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <new>
#include <string>
#include <string_view>

#include "basin/core/buffer.hpp"
#include "basin/io/checkpoint.hpp"
#include "basin/io/gif.hpp"
#include "basin/io/png.hpp"
#include "hostile.hpp"

namespace {

long allocations_left = -1;  // until one fails; below 0: none does
bool failed = false;
bool goes_on = false;  // whether all that follow fail as well
std::size_t live = 0;

void* allocate(std::size_t bytes, std::size_t alignment = 0) {
  if (allocations_left == 0) {
    if (!goes_on) allocations_left = -1;
    failed = true;
    return nullptr;
  }
  if (allocations_left > 0) --allocations_left;
  void* const memory = alignment == 0 ? std::malloc(bytes == 0 ? 1 : bytes)
                                      : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (memory != nullptr) ++live;
  return memory;
}

void release(void* memory) {
  if (memory != nullptr) --live;
  std::free(memory);
}

}  // namespace

void* operator new(std::size_t bytes) {
  void* const memory = allocate(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return allocate(bytes); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  void* const memory = allocate(bytes, static_cast<std::size_t>(alignment));
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void* operator new(std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }

using namespace basin;

namespace {

struct Toy {
  static constexpr std::size_t param_count = 2 * 3 + 2;
  static void leaves(LeafList& list) {
    list.weight("weight with a name that is too long for the string itself", {2, 3}, 3, 2);
    list.bias("bias", 2);
  }
};

/// work() with each of its allocations failing in turn, until none does: what was thrown is std::bad_alloc, or a
/// FileError that ends in `or_error`; nothing is lost, and after(whether it came to its end) holds. Returns how many
/// there were. (std::stable_sort does without the memory that it would have liked, and comes to its end.)
template <class Work, class After>
long fail_each(const Work& work, const After& after, const std::string& or_error = "no such error") {
  for (long n = 0; n < 100'000; ++n) {
    const std::size_t before = live;
    bool ended = false;
    failed = false;
    allocations_left = n;
    try {
      work();
      ended = true;
    } catch (const std::bad_alloc&) {
    } catch (const std::exception& error) {
      allocations_left = -1;
      const bool expected = std::string_view(error.what()).ends_with(or_error);
      if (!expected) FAIL("allocation " << n << ": not std::bad_alloc: " << error.what());
    }
    allocations_left = -1;
    const std::size_t now = live;
    INFO("allocation " << n);
    if (!ended) CHECK(now == before);  // what came to its end may have changed what lives on
    CHECK((ended || failed));
    after(ended);
    if (!failed) return n;
  }
  FAIL("no end");
  return 0;
}

}  // namespace

TEST_CASE("a writer that runs out of memory leaves the old file or the new one, and nothing else", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a name that is too long to be kept within the string itself");
  const std::string old_text = "old", new_text = "new and longer";
  goes_on = GENERATE(false, true);
  const bool by_link = GENERATE(false, true);
  const std::string name = by_link ? folder.file("link") : path;
  if (by_link) std::filesystem::create_symlink(path, name);
  write_file(path, old_text);
  const long count = fail_each([&] { write_file(name, new_text); },
                               [&](bool ended) {
                                 CHECK(read_file(path) == test::bytes_of(ended ? new_text : old_text));
                                 CHECK(folder.entries() == (by_link ? 2 : 1));
                               });
  CHECK(count >= 10);
  CHECK(fail_each([&] { check_writable(name); }, [&](bool) { CHECK(folder.entries() == (by_link ? 2 : 1)); }) >= 10);
  CHECK(fail_each([&] { make_folder(folder.file("folders/that/are/new")); }, [](bool) {}) >= 4);
}

TEST_CASE("a checkpoint that runs out of memory leaves the old one or the new one", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a name that is too long to be kept within the string itself");
  goes_on = GENERATE(false, true);
  Parameters<Toy, float> old_theta, theta;
  theta.vector().setLinSpaced(1, 8);
  const auto check_whole = [&](bool is_new) {
    const auto back = load_parameters<Toy, float>(path);
    CHECK(back.vector() == (is_new ? theta : old_theta).vector());
    CHECK(folder.entries() == 1);
  };
  save_parameters(path, old_theta);
  bool saved = false;
  CHECK(fail_each([&] { save_parameters(path, theta); }, [&](bool ended) { check_whole(saved = saved || ended); }) >=
        50);

  save_parameters(path, old_theta);
  CheckpointWriter writer(CheckpointLabel{.program = "a program whose name is long enough to be allocated"});
  writer("", theta);
  writer.write(path);  // takes what it keeps of the checksum
  save_parameters(path, old_theta);
  bool written = false;
  CHECK(fail_each([&] { writer.write(path); }, [&](bool ended) { check_whole(written = written || ended); }) >= 50);
}

TEST_CASE("an image that runs out of memory, in a library in C or not, leaves the old file or the new one", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a name that is too long to be kept within the string itself");
  goes_on = GENERATE(false, true);
  Image image{40, 30, 3, {}};
  for (int i = 0; i < 3600; ++i) image.pixels.push_back(static_cast<std::uint8_t>(i * i / 7));
  write_png(path, image);
  const test::Bytes png = read_file(path);
  const std::array frames{image, image, image};
  write_gif(path, frames);
  const test::Bytes gif = read_file(path);

  const test::Bytes* whole = nullptr;
  bool written = false;
  const auto is_old_or_whole = [&](bool ended) {
    written = written || ended;
    const bool is_right = read_file(path) == (written ? *whole : test::bytes_of("old"));
    CHECK(is_right);
    CHECK(folder.entries() == 1);
  };
  write_file(path, std::string_view("old"));
  whole = &png;
  CHECK(fail_each([&] { write_png(path, image); }, is_old_or_whole,
                  "cannot be written as PNG: no memory for the file") >= 10);
  write_file(path, std::string_view("old"));
  whole = &gif;
  written = false;
  CHECK(fail_each([&] { write_gif(path, frames); }, is_old_or_whole) >= 20);
}

TEST_CASE("a frame that runs out of memory is not there, or the whole animation is given up", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("animation");
  Image noise{16, 16, 1, test::Bytes(256)};
  for (std::size_t i = 0; i < 256; ++i) noise.pixels[i] = static_cast<std::uint8_t>(i * 91);
  write_gif(path, std::array{noise});
  const test::Bytes one = read_file(path);
  goes_on = false;
  int whole = 0, given_up = 0;
  for (long n = 0;; ++n) {
    GifWriter gif(path);
    gif.add(noise);
    write_file(path, std::string_view("old"));
    failed = false;
    allocations_left = n;
    try {
      gif.add(noise);
    } catch (const std::bad_alloc&) {
    }
    allocations_left = -1;
    if (!failed) break;
    if (gif.frames() == 1) {
      gif.finish();
      CHECK(read_file(path) == one);
      ++whole;
    } else {
      CHECK_THROWS_WITH(gif.finish(), "animation is given up, expected one whose frames could all be added");
      CHECK_THROWS_WITH(gif.add(noise), "animation is given up, expected one that is not, to add a frame");
      CHECK(read_file(path) == test::bytes_of("old"));
      ++given_up;
    }
  }
  CHECK(whole >= 3);
  CHECK(given_up >= 1);
}

TEST_CASE("where there is no memory for a buffer, what idle ones keep is given back first", "[io]") {
  release_idle_buffers();
  goes_on = false;
  const std::size_t before = live;
  { const Buffer<double> idle(10'000); }
  CHECK(live == before + 2);  // its memory, and the note of it
  failed = false;
  allocations_left = 0;
  {
    const Buffer<double> buffer(100'000);
    CHECK(failed);
    CHECK(live == before + 1);
    CHECK(buffer.vector().size() == 100'000);
  }
  release_idle_buffers();
  CHECK(live == before);

  goes_on = true;
  CHECK(fail_each([] { const Buffer<double> buffer(100'000); }, [](bool) { release_idle_buffers(); }) >= 1);
}

TEST_CASE("a reader that runs out of memory loses nothing and has changed nothing", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a name that is too long to be kept within the string itself");
  const std::string list = "a list whose name is too long for the string itself";
  goes_on = GENERATE(false, true);
  Parameters<Toy, float> theta;
  theta.vector().setLinSpaced(1, 8);
  CheckpointWriter writer(CheckpointLabel{.program = "a program whose name is long enough to be allocated",
                                          .settings = {{"a setting whose name is long", {1, 2, 3}}},
                                          .layout = GENERATE(TensorLayout::basin, TensorLayout::torch)});
  writer("", theta);
  writer(list, std::vector<double>{1, 2, 3});
  writer.write(path);

  CheckpointReader reader(path);
  Parameters<Toy, float> back;
  std::vector<double> values;
  bool read = false;
  CHECK(fail_each([&] { reader("", back); },
                  [&](bool ended) {
                    read = read || ended;
                    CHECK(back.vector() == (read ? theta : Parameters<Toy, float>()).vector());
                  }) >= 10);
  CHECK(fail_each([&] { reader(list, values, Length{3}, Finite{}); },
                  [&](bool ended) { CHECK(values.size() == (ended ? 3 : 0)); }) >= 3);
  CHECK_NOTHROW(reader.finish());
}

TEST_CASE("opening a checkpoint without memory is std::bad_alloc, or ends the program, and the file stays", "[io]") {
  // The destructors of the JSON library allocate memory, and where there is none call std::terminate.
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a name that is too long to be kept within the string itself");
  save_parameters(path, Parameters<Toy, float>(), {.settings = {{"a setting whose name is long", {1, 2, 3}}}});
  const test::Bytes bytes = read_file(path);
  goes_on = false;
  int thrown = 0, terminated = 0;
  for (long n = 0, status = 1; status != 0; ++n) {
    const pid_t child = ::fork();
    if (child == 0) {
      std::set_terminate([] { std::_Exit(2); });
      allocations_left = n;
      try {
        (void)CheckpointReader(path).label();
      } catch (const std::bad_alloc&) {
        std::_Exit(1);
      } catch (...) {
        std::_Exit(3);
      }
      std::_Exit(failed ? 1 : 0);
    }
    int result = 0;
    REQUIRE(::waitpid(child, &result, 0) == child);
    REQUIRE(WIFEXITED(result));
    status = WEXITSTATUS(result);
    INFO("allocation " << n);
    REQUIRE(status <= 2);
    (status == 1 ? thrown : terminated) += status > 0 ? 1 : 0;
  }
  CHECK(thrown > 10 * terminated);
  CHECK(thrown >= 100);
  CHECK(read_file(path) == bytes);
}
