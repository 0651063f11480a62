// What is written to a terminal for a picture, what a terminal sends for a key, and which part of a picture is seen.

#include "../../examples/support/half_blocks.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "../../examples/support/terminal_keys.hpp"
#include "../../examples/support/viewport.hpp"

using namespace basin;
using namespace basin::examples;

namespace {

constexpr Colour red{255, 0, 0}, blue{0, 0, 255}, grey_8{8, 8, 8};
const std::string upper = "\u2580", lower = "\u2584", begin = "\x1b[?2026h", end = "\x1b[0m\x1b[?2026l";

Image image_with(Index width, std::vector<Colour> pixels) {
  Image image{width, static_cast<Index>(pixels.size()) / width, 3, {}};
  for (const Colour& p : pixels) image.pixels.insert(image.pixels.end(), {p.red, p.green, p.blue});
  return image;
}

std::vector<Key> keys_in(KeyReader& reader) {
  std::vector<Key> keys;
  while (const auto key = reader.next()) keys.push_back(*key);
  return keys;
}

}  // namespace

TEST_CASE("a picture is half blocks, with colours only where they change", "[unit]") {
  const Screen none(0, 0, true);
  Screen screen(3, 2, true);
  // Two lines of pixels: red over blue twice, and blue over red, whose colours are there. The text below is plain.
  screen.picture(image_with(3, {red, red, blue, blue, blue, red}), 0, 0);
  screen.text(0, 1, "hi");
  const std::string picture = "\x1b[1;1H\x1b[38;2;255;0;0;48;2;0;0;255m" + upper + upper + lower;
  CHECK(screen.since(none) == begin + picture + "\x1b[2;1H\x1b[39;49mhi " + end);
  CHECK(screen.since(screen).empty());

  // One character is other: it alone is written, at its place; as one colour is above and below, as a space.
  Screen next = screen;
  next.picture(image_with(1, {blue, blue}), 1, 0);
  CHECK(next.since(screen) == begin + "\x1b[1;2H\x1b[48;2;0;0;255m " + end);

  // Pixels without a neighbour above or below leave that half as it is; what is outside is left out.
  Screen odd(2, 2, true);
  odd.picture(image_with(1, {red, red}), 1, 1);
  odd.picture(image_with(2, {red, red, red, red}), -1, 3);
  CHECK(odd.since(Screen(2, 2, true)) ==
        begin + "\x1b[1;2H\x1b[38;2;255;0;0m" + lower + "\x1b[2;1H" + lower + upper + end);

  Screen bold(4, 1, true);
  bold.text(0, 0, "q", {.bold = true});
  bold.text(2, 0, "quit");
  CHECK(bold.since(none) == begin + "\x1b[1;1H\x1b[1mq \x1b[22mqu" + end);

  Screen named(5, 1, true);
  named.text(0, 0, "\u00e4\x1b|\x7f");
  CHECK(named.since(none) == begin + "\x1b[1;1H???|?" + end);
}

TEST_CASE("without 24-bit colours the nearest of the 256 are taken, and equal ones are not written again", "[unit]") {
  // xterm's colours: a cube of levels 0, 95, 135, 175, 215, 255 from 16 on, and greys 8, 18, ..., 238 from 232 on.
  CHECK(number_in_256({0, 0, 0}) == 16);
  CHECK(number_in_256({255, 255, 255}) == 231);
  CHECK(number_in_256({255, 0, 0}) == 16 + 36 * 5);
  CHECK(number_in_256({90, 140, 170}) == 16 + 36 * 1 + 6 * 2 + 3);
  CHECK(number_in_256(grey_8) == 232);
  CHECK(number_in_256({239, 237, 238}) == 255);
  for (int n = 0; n < 4096; ++n) {
    const Colour colour{static_cast<std::uint8_t>(n / 256 * 17), static_cast<std::uint8_t>(n / 16 % 16 * 17),
                        static_cast<std::uint8_t>(n % 16 * 17)};
    const Colour near = nearest_in_256(colour);
    REQUIRE(number_in_256(near) == number_in_256(colour));
  }
  Screen one(1, 1, false), other(1, 1, false);
  one.picture(image_with(1, {red, blue}), 0, 0);
  other.picture(image_with(1, {{254, 1, 0}, {0, 2, 253}}), 0, 0);
  CHECK(one.since(Screen(0, 0, false)) == begin + "\x1b[1;1H\x1b[38;5;196;48;5;21m" + upper + end);
  CHECK(other.since(one).empty());
}

TEST_CASE("keys and the mouse are read from bytes that come in any pieces", "[unit]") {
  using Kind = Key::Kind;
  // A letter, arrows (plain, in application mode, with shift), a press, a drag with control, the wheel, a release,
  // another button, a key that is none of ours, a letter with Alt, a letter of UTF-8.
  const std::string bytes =
      "q\x1b[A\x1bOB\x1b[1;2C\x1b[<0;12;7M\x1b[<48;300;1M\x1b[<64;1;1M\x1b[<65;1;1M\x1b[<0;12;7m\x1b[<2;5;5M\x1b[15~"
      "\x1bx\u00e9 ";
  const std::vector<Key> wanted{{.letter = 'q'},
                                {.kind = Kind::up},
                                {.kind = Kind::down},
                                {.kind = Kind::right, .far = true},
                                {.kind = Kind::press, .column = 11, .row = 6},
                                {.kind = Kind::press, .column = 299, .row = 0},
                                {.kind = Kind::wheel_up},
                                {.kind = Kind::wheel_down},
                                {.letter = ' '}};
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    INFO(cut);
    KeyReader reader;
    reader.put(bytes.substr(0, cut));
    std::vector<Key> keys = keys_in(reader);
    reader.put(bytes.substr(cut));
    for (const Key& key : keys_in(reader)) keys.push_back(key);
    CHECK(keys == wanted);
  }
  // Escape alone is no key, and takes none with it once nothing came for a while.
  KeyReader reader;
  reader.put("\x1b");
  CHECK(keys_in(reader).empty());
  reader.forget();
  reader.put("q");
  CHECK(keys_in(reader) == std::vector<Key>{{.letter = 'q'}});
  for (const char* odd : {"\x1b[<M", "\x1b[<0;0;1M", "\x1b[<0;99999999999999999999;1M", "\x1b[<;;M", "\x1b[<0M"}) {
    INFO(odd);
    reader.put(odd);
    CHECK(keys_in(reader).empty());
  }
}

TEST_CASE("a picture is enlarged, averaged or seen through a window", "[unit]") {
  const Image picture = image_with(2, {{10, 0, 0}, {30, 0, 0}, {50, 0, 0}, {70, 0, 0}});
  // A room of 7 x 5: twice as large, in the middle.
  const Viewport large(2, 2, 7, 5);
  CHECK(large.scale() == 2);
  CHECK(large.left() == 1);
  CHECK(large.top() == 0);
  const Image enlarged = large.of(picture);
  CHECK(enlarged.width == 4);
  CHECK(enlarged.height == 4);
  for (Index i = 0; i < 16; ++i) CHECK(*enlarged.at(i % 4, i / 4) == *picture.at(i % 4 / 2, i / 4 / 2));
  CHECK(large.cell_at(1 + 3, 1) == std::pair(1.5, 0.5));
  CHECK(large.pixel_of(1.5, 0.5) == std::pair(4.0, 1.0));

  // All cells in one pixel; and three in two, of which the second belongs to both.
  CHECK(*Viewport(2, 2, 1, 1).of(picture).at(0, 0) == 40);
  const Image line = Viewport(3, 1, 2, 1).of(image_with(3, {{30, 0, 0}, {90, 0, 0}, {0, 0, 0}}));
  CHECK(line.width == 2);
  CHECK(*line.at(0, 0) == 50);
  CHECK(*line.at(1, 0) == 30);

  // Closer: cells of one pixel, then two, and no farther than the edges.
  std::vector<Colour> hundred;
  for (int i = 0; i < 100; ++i) hundred.push_back({static_cast<std::uint8_t>(i), 0, 0});
  const Image grid = image_with(10, hundred);
  const Viewport window(10, 10, 4, 4, 1, 9, 5);
  CHECK(window.scale() == 1);
  CHECK(*window.of(grid).at(0, 0) == 36);
  CHECK(*window.of(grid).at(3, 3) == 69);
  const Viewport closer(10, 10, 4, 4, 2, 0, 0);
  CHECK(closer.scale() == 2);
  CHECK(*closer.of(grid).at(3, 3) == 11);
}
