#include <algorithm>
#include <catch2/catch.hpp>
#include <sstream>

#include "basin/core/random.hpp"
#include "basin/io/life_rle.hpp"
#include "hostile.hpp"
#include "support/counting_allocator.hpp"

using namespace basin;

namespace {

/// A pattern of rows of . and O.
LifePattern drawn(const std::vector<std::string>& rows) {
  LifePattern pattern;
  pattern.width = static_cast<Index>(rows[0].size());
  pattern.height = static_cast<Index>(rows.size());
  for (const std::string& row : rows) {
    for (const char c : row) pattern.cells.push_back(c == 'O' ? 1 : 0);
  }
  return pattern;
}

LifePattern parsed(const std::string& text) { return parse_life_rle(text, "p.rle"); }

const std::vector<std::string> glider{".O.", "..O", "OOO"};

}  // namespace

TEST_CASE("an RLE pattern has its name, comments, rule and cells", "[unit][io]") {
  LifePattern expected = drawn(glider);
  expected.name = "Glider";
  expected.comments = {"C it moves", "O R. K. Guy", "C"};
  CHECK(parsed("#N Glider\n#C it moves\n#O R. K. Guy\n#C\nx = 3, y = 3, rule = B3/S23\nbob$2bo$3o!\n") == expected);
  CHECK(expected.alive(1, 0));
  CHECK_FALSE(expected.alive(0, 1));

  SECTION("other rules, with commas too") {
    CHECK(parsed("x = 0, y = 0, rule = B36/S23\n!").rule == "B36/S23");
    CHECK(parsed("x = 0, y = 0, rule = R5,C0,M1,S34..58,B34..45,NM  \r\n!").rule == "R5,C0,M1,S34..58,B34..45,NM");
  }
  SECTION("a second name is a comment") {
    const LifePattern twice = parsed("#N a\n#N b\nx=0,y=0\n!");
    CHECK(twice.name == "a");
    CHECK(twice.comments == std::vector<std::string>{"N b"});
  }
  SECTION("what only starts with N is no name") {
    const LifePattern nameless = parsed("#Nothing \n#  \n# x\nx=0,y=0\n#N\tlate\n!");
    CHECK(nameless.name == "late");
    CHECK(nameless.comments == std::vector<std::string>{"Nothing", "", " x"});
  }
}

TEST_CASE("RLE texts that differ only in form are the same pattern", "[unit][io]") {
  const LifePattern expected = drawn(glider);
  for (const std::string text : {
           "x = 3, y = 3, rule = B3/S23\nbob$2bo$3o!",
           "x=3,y=3\nbob$2bo$3o!",                            // the rule left out
           "\n  x =3 ,y= 3\r\n\r\nbob$\r\n2bo$\r\n3o!\r\n",   // other white space and line ends
           "x = 3, y = 3\n.A.$..A$3A!",                       // the tags for many states
           "x = 3, y = 3\n1b1o1b1$\n2\nb\to $ 3 \n o !",      // counts of 1, breaks between count and tag
           "x = 3, y = 3\nbob$bbo$ooo$!",                     // the last row ended too
           "x = 3, y = 3\nbo$2bo$3o!",                        // dead cells at the end of a row left out
           "x = 3, y = 3\nbob$2bo$3o! what follows is 7z #",  // not read
       }) {
    INFO(text);
    CHECK(parsed(text) == expected);
  }
  LifePattern commented = expected;
  commented.comments = {"C in the middle"};
  CHECK(parsed("x = 3, y = 3\nbob$\n #C in the middle\n2bo$3o!") == commented);
  CHECK(parsed("x = 2, y = 5\n2$bo2$!") == drawn({"..", "..", ".O", "..", ".."}));
  CHECK(parsed("x = 2, y = 2\n!") == drawn({"..", ".."}));
}

TEST_CASE("Gosper's gun is read from its RLE text", "[unit][io]") {
  const LifePattern gun = parsed(
      "#N Gosper glider gun\nx = 36, y = 9, rule = B3/S23\n"
      "24bo11b$22bobo11b$12b2o6b2o12b2o$11bo3bo4b2o12b2o$2o8bo5bo3b2o14b$2o8b\n"
      "o3bob2o4bobo11b$10bo5bo7bo11b$11bo3bo20b$12b2o!\n");
  LifePattern expected = drawn({"........................O...........", "......................O.O...........",
                                "............OO......OO............OO", "...........O...O....OO............OO",
                                "OO........O.....O...OO..............", "OO........O...O.OO....O.O...........",
                                "..........O.....O.......O...........", "...........O...O....................",
                                "............OO......................"});
  expected.name = "Gosper glider gun";
  CHECK(gun == expected);
  CHECK(std::count(gun.cells.begin(), gun.cells.end(), 1) == 36);
}

TEST_CASE("patterns come back from RLE files as they were, in lines of at most 70 characters", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("p.rle");
  const Random random{.seed = 3};
  std::uint64_t index = 0;
  std::size_t longest = 0;
  for (const auto& [width, height] : std::vector<std::pair<Index, Index>>{
           {0, 0}, {0, 3}, {3, 0}, {1, 1}, {1, 50}, {50, 1}, {13, 7}, {64, 64}, {500, 9}}) {
    for (const double density : {0.0, 0.001, 0.02, 0.5, 0.98, 1.0}) {
      INFO(width << " x " << height << " at " << density);
      LifePattern pattern{"Noise", {"C one", "O two", ""}, "B36/S23", width, height, {}};
      for (Index i = 0; i < width * height; ++i) {
        pattern.cells.push_back(random.uniform(index++) < density ? 1 : 0);
      }
      write_life_rle(path, pattern);
      CHECK(read_life_rle(path) == pattern);
      std::istringstream lines(life_rle_text(pattern));
      for (std::string line; std::getline(lines, line);) longest = std::max(longest, line.size());
    }
  }
  CHECK(longest <= 70);
  CHECK(longest >= 67);  // lines are filled up to where the next item does not fit
  CHECK(folder.entries() == 1);
}

TEST_CASE("an RLE text is as short as it can be", "[unit][io]") {
  CHECK(life_rle_text(drawn(glider)) == "x = 3, y = 3, rule = B3/S23\nbo$2bo$3o!\n");
  CHECK(life_rle_text(drawn({"...", "...", "...", "OO.", "...", ".O.", "..."})) ==
        "x = 3, y = 7, rule = B3/S23\n3$2o2$bo!\n");
  CHECK(life_rle_text(drawn({"...", "..."})) == "x = 3, y = 2, rule = B3/S23\n!\n");
}

TEST_CASE("an RLE text may end without !", "[unit][io]") {
  for (const std::string text :
       {"x = 3, y = 3\nbob$2bo$3o", "x = 3, y = 3\nbob$2bo$3o\n\n", "x = 3, y = 3\rbob$2bo$\r3o\r"}) {
    INFO(text);
    CHECK(parsed(text) == drawn(glider));
  }
  CHECK(parsed("x = 2, y = 1") == drawn({".."}));
}

TEST_CASE("an RLE pattern grows by the living cells beyond x and y, and by no dead ones", "[unit][io]") {
  CHECK(parsed("x = 1, y = 1\nbob$2bo$3o!") == drawn(glider));
  CHECK(parsed("x = 3, y = 0\nbob$2bo$3o9b9$!") == drawn(glider));
  CHECK(parsed("x = 0, y = 0\n2$3bo!") == drawn({"....", "....", "...O"}));
  CHECK(parsed("x = 1, y = 2\n18446744073709551615b18446744073709551615$b!") == drawn({".", "."}));
}

TEST_CASE("an RLE rule may be in a line #r", "[unit][io]") {
  // LifeWiki: survival first.
  LifePattern expected = drawn(glider);
  expected.rule = "34/3";
  CHECK(parsed("#r 34/3\nx = 3, y = 3\nbob$2bo$3o!") == expected);
  CHECK(parsed("x = 3, y = 3\n#r 34/3\nbob$2bo$3o!") == expected);
  CHECK(parsed("#r\nx = 1, y = 1\n!").rule == "B3/S23");
  CHECK(parsed("#rough\nx = 1, y = 1\n!").comments == std::vector<std::string>{"rough"});
  CHECK(parsed("#r 34/3:T4,2\nx = 1, y = 1\no!").world == LifeWorld::torus);

  SECTION("the header's rule comes first") {
    const LifePattern both = parsed("#C one\n#r 34/3\n#C two\n#r 1/1\nx = 3, y = 3, rule = B36/S23\nbob$2bo$3o!");
    CHECK(both.rule == "B36/S23");
    CHECK(both.comments == std::vector<std::string>{"C one", "r 34/3", "C two", "r 1/1"});
    CHECK(parsed(life_rle_text(both)) == both);
  }
}

TEST_CASE("an RLE pattern may have up to 256 states", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("p.rle");
  // Golly's help, "File Formats": . and A to X are 0 to 24, pA to pX 25 to 48, qA 49, yO 255.
  const LifePattern pattern = parsed("x = 9, y = 2, rule = WireWorld\n.AXpApXqA2yO$A.C!");
  CHECK(pattern.cells == test::Bytes{0, 1, 24, 25, 48, 49, 255, 255, 0, 1, 0, 3, 0, 0, 0, 0, 0, 0});
  CHECK(pattern.states() == 256);
  CHECK(drawn(glider).states() == 2);
  CHECK(LifePattern{}.states() == 2);
  CHECK(parsed("x = 0, y = 0\nA.C!").states() == 4);
  // Two states are written as b and o, which every program knows, and three already by letters.
  CHECK(life_rle_text(parsed("x = 3, y = 1\n.A.!")).ends_with("\nbo!\n"));
  CHECK(life_rle_text(parsed("x = 3, y = 1\n.AB!")).ends_with("\n.AB!\n"));

  LifePattern all;
  all.width = 256;
  all.height = 2;
  for (int state = 0; state < 256; ++state) all.cells.push_back(static_cast<std::uint8_t>(state));
  all.cells.resize(512, 7);
  write_life_rle(path, all);
  CHECK(read_life_rle(path) == all);
  std::istringstream lines(life_rle_text(all));
  for (std::string line; std::getline(lines, line);) CHECK(line.size() <= 70);
}

TEST_CASE("an RLE rule's torus or bounded plane is the pattern's box, and other worlds are refused by name", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("p.rle");
  const LifePattern torus = parsed("x = 3, y = 3, rule = B3/S23:T5,4\nbob$2bo$3o!");
  LifePattern expected = drawn({".O...", "..O..", "OOO..", "....."});
  expected.world = LifeWorld::torus;
  CHECK(torus == expected);
  CHECK_THAT(life_rle_text(torus), Catch::StartsWith("x = 5, y = 4, rule = B3/S23:T5,4\n"));
  write_life_rle(path, torus);
  CHECK(read_life_rle(path) == torus);
  const LifePattern plane = parsed("x = 3, y = 3, rule = 23/3 :p4\nbob$2bo$3o!");
  CHECK(plane.world == LifeWorld::bounded);
  CHECK(plane.rule == "23/3");
  CHECK(plane.width == 4);
  CHECK(plane.height == 4);
  CHECK(parsed(life_rle_text(plane)) == plane);
  CHECK(parsed("x = 1, y = 1, rule = B3/S23:T100,100\no!").cells.size() == 10'000);

  const auto refused = [&](const std::string& world, const std::string& words) {
    test::check_refused(test::bytes_of("#C\nx = 3, y = 3, rule = B3/S23" + world + "\nbob$2bo$3o!"), path,
                        [](const std::string& p) { return read_life_rle(p); }, {"line 2: " + words});
  };
  for (const std::string world : {":K30*,20", ":C30,20", ":S30", ":T30+5,20", ":T0,20", ":P30,0", ":", ":T", ":T5,",
                                  ":T-5,5", ":T5,5,5", ":X5,5", ":T99999999999999999999,5"}) {
    refused(world, "world of the rule is '" + world + "', expected :T<width>,<height>, a torus, or :P<width>,<height>");
  }
  refused(":T2,3", "size of the pattern is 3x3, expected at most that of its world, ':T2,3'");
  refused(":T3000,3000", "world is 3000x3000, expected at most 8388608 cells");
  test::check_refused(test::bytes_of("x = 3, y = 3, rule = :T5,5\n!"), path,
                      [](const std::string& p) { return read_life_rle(p); }, {"line 1: rule is empty"});
}

TEST_CASE("an RLE file of a few bytes takes 8 MiB of cells at most, and comments have a limit too", "[io]") {
  if (!basin_test::counts_allocations()) return;
  const auto peak_of = [](const std::string& text) {
    const std::size_t before = basin_test::live_bytes();
    basin_test::reset_peak();
    try {
      static_cast<void>(parsed(text));
    } catch (const FileError&) {
    }
    return basin_test::peak_bytes() - before;
  };
  constexpr std::size_t most = (std::size_t{8} << 20) + 4096;
  CHECK(peak_of("x = 8388608, y = 1\n!") > most / 2);
  CHECK(peak_of("x = 8388608, y = 1\n!") < most);
  CHECK(peak_of("x = 8388609, y = 1\n!") < 4096);
  CHECK(peak_of("x = 8192, y = 8191\n!") < 4096);
  CHECK(peak_of("x = 1, y = 1\n99999999o!") < 4096);
  CHECK(peak_of("x = 1, y = 1\n99999999$o!") < 4096);
  CHECK(peak_of("x = 1, y = 1, rule = B3/S23:T9999,9999\no!") < 4096);
  std::string comments;
  for (int i = 0; i < 1'000'000; ++i) comments += "#\n";
  CHECK(peak_of(comments) < std::size_t{1} << 20);
  CHECK_THROWS_WITH(parsed(comments), Catch::Contains("line 10001: number of comments is more, expected 10000"));
}

TEST_CASE("what is no RLE pattern is refused with its line", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("p.rle");
  const auto read_one = [](const std::string& p) { return read_life_rle(p); };
  const auto refused = [&](const std::string& text, const std::string& words) {
    INFO(text);
    test::check_refused(test::bytes_of(text), path, read_one, {words});
  };
  refused("", "line 1: header is missing, expected x = <width>, y = <height>, and perhaps rule = <rule>");
  refused("#C nothing else\n", "line 2: header is missing");
  refused("bob$2bo$3o!\n", "line 1: header is 'bob$2bo$3o!', expected x = <width>");
  for (const std::string header : {"x = 3", "x = 3, y", "x = 3, y =", "x = 3, y = b", "y = 3, x = 3", "x = -3, y = 3",
                                   "x = 3, y = 3 rule = B3/S23", "x = 3, y = 3,", "x = 3, y = 3, rule =",
                                   "x = 3, y = 3, rules = B3/S23", "x = 3, y = 99999999999999999999", "x : 3, y : 3"}) {
    refused("#C\n" + header + "\n!", "line 2: header is '" + header + "', expected x = <width>");
  }
  refused("x = 3, y = 3\nbob$2bo$3\n", "line 3: tag after a count is missing, expected b, o, a state or $");
  refused("x = 3, y = 3\nbob$\n2bYo$3o!",
          "line 3: tag is 'Y', expected b, o, . or a state, A to X or pA to yO, $ or !");
  refused("x = 3, y = 3\nyP!", "line 2: tag is 'yP', expected b, o, . or a state");
  refused("x = 3, y = 3\npo!", "line 2: tag is 'po', expected b, o, . or a state");
  refused("x = 3, y = 3\np", "line 2: tag is 'p', expected b, o, . or a state");
  refused("x = 3, y = 3\nb?!", "line 2: tag is '?', expected b, o, . or a state");
  refused("x = 3, y = 3\nb3?!",
          "line 2: tag after a count is '?', expected b, o, . or a state, A to X or pA to yO, or $");
  refused("x = 3, y = 3\nb1 2o!", "line 2: tag after a count is '2', expected");
  refused("x = 3, y = 3\nbo3!", "line 2: tag after a count is '!', expected");
  refused("x = 3, y = 3\nb#o!", "line 2: tag is '#', expected");
  refused("x = 3, y = 3\nb0o!", "line 2: count is '0', expected 1 to 2^64 - 1");
  refused("x = 3, y = 3\n99999999999999999999o!", "line 2: count is '99999999999999999999', expected 1 to 2^64 - 1");
  refused("x = 3, y = 3\no\n18446744073709551615o!",
          "line 3: cells is 18446744073709551615x3, expected at most 8388608");
  refused("x = 3, y = 3\n18446744073709551615$18446744073709551615b99o!",
          "line 2: cells is 18446744073709551615x18446");
  refused("x = 100000, y = 100000\n!", "line 1: size is 100000x100000, expected at most 8388608 cells");
  refused("x = 0, y = 10000000000000000000\n!", "line 1: size is 0x10000000000000000000, expected at most");
  CHECK_THROWS_WITH(parse_life_rle("x = 3, y = 3\n!", "p.rle", 8),
                    "p.rle: line 1: size is 3x3, expected at most 8 cells either way and in all");
  CHECK_THROWS_AS(read_life_rle(folder.file("none")), FileError);

  // A beginning is refused in the header and after a count; elsewhere it is a pattern with fewer cells.
  const std::string good = life_rle_text(drawn(glider));
  for (std::size_t length = 0; length < good.size(); ++length) {
    const std::string beginning = good.substr(0, length);
    INFO(beginning);
    if (beginning.find("y = 3") == beginning.npos ||
        (length > 0 && (beginning.back() == '2' || beginning.back() == '3') &&
         beginning.find('\n') != beginning.npos)) {
      CHECK_THROWS_AS(parsed(beginning), FileError);
    }
  }
  test::check_every_byte(test::bytes_of(good), path, read_one);
}

TEST_CASE("what cannot be an RLE pattern is not written", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("p.rle");
  LifePattern pattern = drawn(glider);
  const auto refused = [&](const std::string& message) { CHECK_THROWS_WITH(write_life_rle(path, pattern), message); };
  SECTION("cells that do not fit") {
    pattern.cells.pop_back();
    refused("number of cells of a pattern is 8, expected 3 * 3");
  }
  SECTION("a world in the rule") {
    pattern.rule = "B3/S23:T3,3";
    refused("rule of a pattern is 'B3/S23:T3,3', expected one without a world, which is told by `world`");
  }
  SECTION("a torus of no cells") {
    pattern = {};
    pattern.world = LifeWorld::torus;
    refused("size of a bounded world is none, expected one cell or more");
  }
  SECTION("a name of two lines") {
    pattern.name = "a\nx = 1";
    refused("text of a pattern is 'a\\nx = 1', expected one line");
  }
  SECTION("a comment of two lines") {
    pattern.comments = {"C", "a\r"};
    refused("text of a pattern is 'a\\r', expected one line");
  }
  SECTION("no rule") {
    pattern.rule = " ";
    refused("rule of a pattern is empty, expected such as B3/S23");
  }
  CHECK(folder.entries() == 0);
}
