#include <catch2/catch.hpp>
#include <cstring>

#include "basin/io/idx.hpp"
#include "gzip.hpp"
#include "hostile.hpp"
#include "support/counting_allocator.hpp"

using namespace basin;
using test::Bytes;
using test::gzip;

namespace {

// 2 x 3 unsigned bytes, written out by hand from the format's description.
const Bytes small{0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 10, 20, 30, 40, 50, 60};

const auto read_one = [](const std::string& path) { return read_idx(path); };

}  // namespace

TEST_CASE("an IDX file written by hand is read, plain and packed", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a");
  for (const Bytes& bytes : {small, gzip(small)}) {
    write_file(path, bytes);
    const IdxArray array = read_idx(path);
    CHECK(array.type == IdxType::u8);
    CHECK(array.extents == std::vector<std::size_t>{2, 3});
    CHECK(array.bytes == Bytes{10, 20, 30, 40, 50, 60});
  }
}

TEST_CASE("IDX numbers are big-endian in the file and the machine's own in memory", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a");
  write_file(path, Bytes{0, 0, 0x0D, 1, 0, 0, 0, 2, 0x3f, 0x80, 0, 0, 0xc0, 0x20, 0, 0});
  const IdxArray array = read_idx(path);
  REQUIRE(array.bytes.size() == 8);
  float values[2];
  std::memcpy(values, array.bytes.data(), 8);
  CHECK(values[0] == 1.0f);
  CHECK(values[1] == -2.5f);
  write_idx(folder.file("b"), array);
  CHECK(read_file(folder.file("b")) == read_file(path));
}

TEST_CASE("IDX round trips keep type, extents and bytes", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a");
  for (const IdxType type : {IdxType::u8, IdxType::i8, IdxType::i16, IdxType::i32, IdxType::f32, IdxType::f64}) {
    IdxArray array{type, {3, 1, 5}, Bytes(15 * item_bytes(type))};
    for (std::size_t i = 0; i < array.bytes.size(); ++i) array.bytes[i] = static_cast<std::uint8_t>(i + 1);
    write_idx(path, array);
    const IdxArray back = read_idx(path);
    CHECK(back.type == array.type);
    CHECK(back.extents == array.extents);
    CHECK(back.bytes == array.bytes);
  }
  write_idx(path, {IdxType::u8, {0, 28, 28}, {}});
  CHECK(read_idx(path).extents == std::vector<std::size_t>{0, 28, 28});
  CHECK_THROWS_WITH(write_idx(path, {IdxType::f32, {2}, Bytes(7)}), "number of bytes of an IDX array is 7, expected 8");
}

TEST_CASE("an IDX set of no numbers is a set, plain and packed", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a");
  const Bytes none{0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 0, 28, 0, 0, 0, 28};
  for (const Bytes& bytes : {none, gzip(none)}) {
    write_file(path, bytes);
    const IdxArray array = read_idx(path);
    CHECK(array.extents == std::vector<std::size_t>{0, 28, 28});
    CHECK(array.bytes.empty());
  }
}

TEST_CASE("a packed IDX file may have several members, cut anywhere", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.gz");
  for (std::size_t cut = 0; cut <= small.size(); ++cut) {
    const auto middle = small.begin() + static_cast<std::ptrdiff_t>(cut);
    Bytes file = gzip(Bytes(small.begin(), middle));
    for (const Bytes& member : {gzip(Bytes(middle, small.end())), gzip({})}) {
      file.insert(file.end(), member.begin(), member.end());
    }
    INFO("cut after " << cut);
    write_file(path, file);
    CHECK(read_idx(path).bytes == Bytes{10, 20, 30, 40, 50, 60});
  }

  SECTION("what follows the last member is counted") {
    Bytes file = gzip(small);
    file.insert(file.end(), {0, 0, 0});
    test::check_refused(file, path, read_one,
                        {"bytes after the compressed data, which are no further member of gzip is 3"});
    file.resize(file.size() - 2);
    file.back() = 0x1f;
    test::check_refused(file, path, read_one, {"no further member of gzip is 1, expected 0"});
    file.push_back(0x8b);
    test::check_refused(file, path, read_one, {"the compressed data end too early"});
  }
  SECTION("a further member is counted too") {
    Bytes file = gzip(small);
    const Bytes more = gzip({1});
    file.insert(file.end(), more.begin(), more.end());
    test::check_refused(file, path, read_one, {"number of bytes in the compressed data is more than 18, expected 18"});
  }
}

TEST_CASE("a packed IDX file of 1032 times its size gets the limit, and memory for what there is", "[io]") {
  if (!basin_test::counts_allocations()) return;
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.gz");
  // Claims 16 MiB, which a file of this size might unpack to, and has so many bytes.
  const auto peak_of = [&](std::size_t bytes) {
    Bytes plain{0, 0, 8, 1, 1, 0, 0, 0};
    plain.resize(8 + bytes);
    Bytes file = gzip(plain);
    Bytes padding(20'000);  // in the packed data there is room for a comment
    for (std::size_t i = 0; i < padding.size(); ++i) padding[i] = static_cast<std::uint8_t>(1 + i % 255);
    file[3] = 0x10;
    padding.push_back(0);
    file.insert(file.begin() + 10, padding.begin(), padding.end());
    write_file(path, file);
    plain = {};
    file = {};
    padding = {};
    const std::size_t before = basin_test::live_bytes();
    basin_test::reset_peak();
    std::string message;
    try {
      static_cast<void>(read_idx(path));
    } catch (const FileError& error) {
      message = error.what();
    }
    CHECK((message.empty() || message == path + ": number of bytes in the compressed data is " +
                                             std::to_string(bytes + 8) + ", expected 16777224"));
    CHECK(message.empty() == (bytes == std::size_t{1} << 24));
    return basin_test::peak_bytes() - before;
  };
  constexpr std::size_t mib = std::size_t{1} << 20;
  CHECK(peak_of(10) < mib / 2);
  CHECK(peak_of(mib) < 4 * mib);
  CHECK(peak_of(16 * mib) >= 16 * mib);
  CHECK(peak_of(16 * mib) < 25 * mib);
}

TEST_CASE("an IDX file of any other length is refused", "[io]") {
  const test::TemporaryFolder folder;
  test::check_every_length(small, folder.file("a"), read_one);
  test::check_every_length(gzip(small), folder.file("a.gz"), read_one);
}

TEST_CASE("an IDX file with any byte changed is refused or read", "[io]") {
  const test::TemporaryFolder folder;
  test::check_every_byte(small, folder.file("a"), read_one);
  test::check_every_byte(gzip(small), folder.file("a.gz"), read_one);
}

TEST_CASE("damage inside a packed IDX file is noticed by its checksum", "[io]") {
  const test::TemporaryFolder folder;
  Bytes packed = gzip(small);
  packed[packed.size() - 8] ^= 1;  // of the CRC-32
  test::check_refused(packed, folder.file("a"), read_one, {"damaged", "incorrect data check"});
}

TEST_CASE("IDX headers that claim more than the file can hold are refused before memory is taken", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a");
  // 3 GiB, and a product that is 0 in 64 bits.
  const Bytes large{0, 0, 8, 2, 0, 0, 0xc0, 0, 0, 1, 0, 0};
  const Bytes wrapped{0, 0, 0x0E, 3, 0x80, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 8};
  for (const Bytes& header : {large, wrapped}) {
    test::check_refused(header, path, read_one, {"shape in the header", "bytes that the file can hold"});
    test::check_refused(gzip(header), path, read_one, {"shape in the header", "bytes that the file can hold"});
  }
  test::check_refused(Bytes{0, 0, 7, 1, 0, 0, 0, 0}, path, read_one, {"type of an IDX file is 7"});
  test::check_refused(Bytes{0, 0, 8, 0}, path, read_one, {"rank of an IDX file is 0"});
  test::check_refused(Bytes{1, 0, 8, 1}, path, read_one, {"(1, 0, 8, 1)"});
  test::check_refused(test::bytes_of("hello, world"), path, read_one, {"start of an IDX file"});
}

TEST_CASE("a packed IDX file that unpacks to more than it says is refused without unpacking it", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("bomb");
  Bytes plain = small;
  plain.resize(std::size_t{100} << 20);
  const Bytes bomb = gzip(plain);
  plain = {};
  CHECK(bomb.size() < 200'000);
  test::check_refused(bomb, path, read_one, {"number of bytes in the compressed data is more than 18, expected 18"});

  SECTION("the limit holds even if the file is honest: 64 MiB, or what the caller says") {
    Bytes honest{0, 0, 8, 1, 0x04, 0, 0, 1};  // 64 MiB and a byte
    honest.resize(8 + (std::size_t{64} << 20) + 1);
    test::check_refused(gzip(honest), path, read_one, {"(67108865)", "67108864"});
    test::check_refused(gzip(honest), path, [](const std::string& p) { return read_idx(p, 1 << 20); },
                        {"(67108865)", "1048576"});
    test::check_refused(honest, path, [](const std::string& p) { return read_idx(p, 1 << 20); }, {"size in bytes"});
    CHECK(read_idx(path, (std::uint64_t{64} << 20) + 1).bytes.size() == honest.size() - 8);
  }
}
