#include <zlib.h>

#include <catch2/catch.hpp>
#include <cstring>

#include "basin/io/idx.hpp"
#include "hostile.hpp"

using namespace basin;
using test::Bytes;

namespace {

/// Packed by zlib's own gzip writer.
Bytes gzip(const Bytes& plain) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  Bytes packed(deflateBound(&stream, static_cast<uLong>(plain.size())) + 64);
  stream.next_in = const_cast<Bytef*>(plain.data());
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = packed.data();
  stream.avail_out = static_cast<uInt>(packed.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

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

  SECTION("the caller's limit holds even if the file is honest") {
    Bytes honest{0, 0, 8, 1, 0x04, 0, 0, 0};  // 64 MiB
    honest.resize(8 + (std::size_t{64} << 20));
    test::check_refused(gzip(honest), path, [](const std::string& p) { return read_idx(p, 1 << 20); },
                        {"(67108864)", "1048576"});
  }
}
