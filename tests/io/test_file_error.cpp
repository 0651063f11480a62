#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "basin/io/file_error.hpp"

using namespace basin;

TEST_CASE("text from a file is printable UTF-8, and cut where it is long", "[unit][io]") {
  const auto shown = [](const std::string& text, std::size_t longest = 300) {
    return detail::printable(text, longest);
  };
  CHECK(shown("plain, \"quoted\" \\ and ~") == "plain, \"quoted\" \\ and ~");
  CHECK(shown("a\nb\r\tc") == "a\\nb\\r\\tc");
  CHECK(shown(std::string("\0\x01\x1b\x7f", 4)) == "\\x00\\x01\\x1b\\x7f");
  CHECK(shown("\u00e4 \u20ac \U0001F9EC") == "\u00e4 \u20ac \U0001F9EC");
  CHECK(shown("\u00a0") == "\u00a0");
  CHECK(shown("\u0080\u009f") == "\\xc2\\x80\\xc2\\x9f");
  // No UTF-8: alone, cut off, overlong, a surrogate, beyond the last code point (RFC 3629).
  CHECK(shown("\x80z") == "\\x80z");
  CHECK(shown("\xff\xfe") == "\\xff\\xfe");
  CHECK(shown("\xc3") == "\\xc3");
  CHECK(shown("\xe2\x82z") == "\\xe2\\x82z");
  CHECK(shown("\xc0\xaf") == "\\xc0\\xaf");
  CHECK(shown("\xe0\x80\xaf") == "\\xe0\\x80\\xaf");
  CHECK(shown("\xed\xa0\x80") == "\\xed\\xa0\\x80");
  CHECK(shown("\xf0\x80\x80\x80") == "\\xf0\\x80\\x80\\x80");
  CHECK(shown("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");
  CHECK(shown("\xf4\x8f\xbf\xbf\xed\x9f\xbf") == "\xf4\x8f\xbf\xbf\xed\x9f\xbf");

  CHECK(shown("12345", 5) == "12345");
  CHECK(shown("123456", 5) == "12345...");
  CHECK(shown("1234\u00e4", 5) == "1234...");  // not half a letter
  CHECK(detail::safe_text(std::string(61, 'x')) == "'" + std::string(60, 'x') + "...'");
}

TEST_CASE("the message of a FileError is short and printable, whatever it is about", "[unit][io]") {
  const std::string much(200'000, 'x');
  const auto message = [&](const auto& throws) {
    try {
      throws();
    } catch (const FileError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(message([&] { throw FileError("path", much); }) == "path: " + std::string(1000, 'x') + "...");
  CHECK(message([&] { throw FileError("path", "a\nb\xff"); }) == "path: a\\nb\\xff");
  CHECK(message([&] { check_file(false, "path", "thing", much, "less"); }) ==
        "path: thing is " + std::string(300, 'x') + "..., expected less");
  CHECK(message([&] { check_file(false, "path", "thing", std::string(5000, '\xff'), "less"); }).size() < 1300);
  CHECK(message([&] { check_file(false, "path", "thing", 3, 4); }) == "path: thing is 3, expected 4");
  CHECK(detail::shape_text(std::vector<int>{3, 4}) == "(3, 4)");
  CHECK(detail::shape_text(std::vector<int>(100'000, 1)).size() < 100);
}
