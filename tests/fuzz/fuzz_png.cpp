// PNG: what is read can be written, and is then read as the same image. So that inputs come past the checksums, their
// first byte says what is done to the others: nothing; they are chunks whose CRCs are set right; or they are what an
// image of a form that the first of them choose has as its rows, which are packed, and its palette.

#include <zlib.h>

#include <array>

#include "basin/io/png.hpp"
#include "fuzz.hpp"

namespace basin::fuzz {

namespace {

constexpr std::array<std::uint8_t, 8> signature{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

std::uint32_t big_endian(std::span<const std::uint8_t> bytes) {
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 |
         std::uint32_t{bytes[3]};
}

void append_32(Bytes& to, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) to.push_back(static_cast<std::uint8_t>(value >> shift));
}

void append_chunk(Bytes& file, std::string_view type, std::span<const std::uint8_t> data) {
  append_32(file, static_cast<std::uint32_t>(data.size()));
  const std::size_t start = file.size();
  append(file, type);
  append(file, data);
  append_32(file, static_cast<std::uint32_t>(crc32_z(0, file.data() + start, file.size() - start)));
}

/// The same chunks with right checksums; a length that is beyond the end becomes that of what is there.
Bytes with_right_checksums(std::span<const std::uint8_t> chunks) {
  Bytes file(signature.begin(), signature.end());
  while (chunks.size() >= 8) {
    const std::size_t length = std::min<std::size_t>(big_endian(chunks), chunks.size() - 8);
    append_chunk(file, std::string_view(reinterpret_cast<const char*>(chunks.data()) + 4, 4),
                 chunks.subspan(8, length));
    chunks = chunks.subspan(std::min(chunks.size(), length + 12));
  }
  return file;
}

/// Rows, palette and transparency of an image whose header is right.
Bytes image_of(Input& input) {
  constexpr std::array<std::array<std::uint8_t, 2>, 16> forms{{{1, 0},
                                                               {2, 0},
                                                               {4, 0},
                                                               {8, 0},
                                                               {16, 0},
                                                               {8, 2},
                                                               {16, 2},
                                                               {1, 3},
                                                               {2, 3},
                                                               {4, 3},
                                                               {8, 3},
                                                               {8, 4},
                                                               {16, 4},
                                                               {8, 6},
                                                               {16, 6},
                                                               {8, 1}}};
  Bytes header;
  append_32(header, static_cast<std::uint32_t>(1 + input.below(20)));
  append_32(header, static_cast<std::uint32_t>(1 + input.below(20)));
  append(header, forms[input.below(forms.size())]);
  append(header, Bytes{0, 0, static_cast<std::uint8_t>(input.below(2))});
  Bytes file(signature.begin(), signature.end());
  append_chunk(file, "IHDR", header);
  const std::size_t colours = input.below(20), transparent = input.below(10);
  if (colours > 0) append_chunk(file, "PLTE", input.filled(3 * colours));
  if (transparent > 0) append_chunk(file, "tRNS", input.filled(transparent));
  const Bytes rows = input.rest();
  uLongf size = compressBound(static_cast<uLong>(rows.size()));
  Bytes packed(size);
  require(compress(packed.data(), &size, rows.data(), static_cast<uLong>(rows.size())) == Z_OK, "zlib packs");
  packed.resize(size);
  append_chunk(file, "IDAT", packed);
  append_chunk(file, "IEND", {});
  return file;
}

}  // namespace

void seeds(const Keep& keep) {
  for (Index channels = 1; channels <= 4; ++channels) {
    Image image{5, 4, channels, Bytes(static_cast<std::size_t>(20 * channels))};
    for (std::size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<std::uint8_t>(7 * i);
    write_png(file("seed"), image);
    const Bytes bytes = read_file(file("seed"));
    keep(as_it_is(bytes));
    Bytes chunks{1};
    append(chunks, std::span(bytes).subspan(signature.size()));
    keep(chunks);
  }
  for (std::uint8_t form = 0; form < 16; ++form) {
    for (std::uint8_t interlaced = 0; interlaced < 2; ++interlaced) {
      const bool palette = form >= 7 && form <= 10;
      Bytes seed{2, 7, 7, form, interlaced, static_cast<std::uint8_t>(palette ? 2 : 0), 0};
      seed.resize(seed.size() + (palette ? 6 : 0), 9);
      seed.resize(seed.size() + 600, 0);
      keep(seed);
    }
  }
}

void target(Input input) {
  const std::size_t way = input.below(3);
  const Bytes bytes = way == 0 ? input.rest() : way == 1 ? with_right_checksums(input.rest()) : image_of(input);
  const std::string path = put(bytes);
  constexpr std::uint64_t most = 1 << 18;
  // The pixels, an index for each with a palette, and what libpng needs: rows of up to 2048 pixels and zlib's window.
  const auto image = read_or_refuse(path, bytes.size() + most + most / 4 + (1 << 18),
                                    [&] { return read_png(path, {.bytes = most, .side = 2048}); });
  if (!image) return;
  require(image->pixels.size() <= most, "an image keeps to the limit");
  write_png(file("again"), *image);
  const Image again = read_png(file("again"));
  require(again.width == image->width && again.height == image->height && again.channels == image->channels &&
              again.pixels == image->pixels,
          "an image comes back as it was");
}

}  // namespace basin::fuzz
