// RLE: what is read can be written, and is then read as the same pattern.

#include "basin/io/life_rle.hpp"
#include "fuzz.hpp"

namespace basin::fuzz {

void seeds(const Keep& keep) {
  for (const std::string_view text :
       {"#N Glider\n#C it moves\nx = 3, y = 3, rule = B3/S23\nbob$2bo$3o!\n", "x=3,y=3\r\n.A.$..A$3A!",
        "#r 34/3\nx = 0, y = 0\n2$3bo2$5o", "x = 9, y = 2, rule = WireWorld\n.AXpApXqA2yO$A.C!",
        "x = 3, y = 3, rule = B3/S23:T5,4\nbob$2bo$3o!", "x = 1, y = 1, rule = 23/3:P9\n\n#C late\no!",
        "x = 3, y = 3, rule = R5,C0,M1,S34..58,B34..45,NM\n18446744073709551615b$o!"}) {
    keep(Bytes(text.begin(), text.end()));
  }
}

void target(Input input) {
  const Bytes bytes = input.rest();
  const std::string text(bytes.begin(), bytes.end());
  constexpr std::uint64_t most = 1 << 16;
  // A comment of no letters is a string.
  const auto pattern =
      read_or_refuse("input", most + 96 * text.size(), [&] { return parse_life_rle(text, "input", most); });
  if (!pattern) return;
  require(pattern->cells.size() <= most, "a pattern keeps to the limit");
  require(parse_life_rle(life_rle_text(*pattern), "again", most) == *pattern, "a pattern comes back as it was");
}

}  // namespace basin::fuzz
