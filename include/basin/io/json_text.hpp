#pragma once

// JSON (RFC 8259) by the standard library alone, as far as a format needs it whose header is a little of it: a scanner
// that reads a text from its front and makes no values, and strings in quotes. basin/io/json.hpp has values.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "basin/io/file_error.hpp"

namespace basin::detail {

/// Reads a JSON text from its front. Everything throws FileError, which names `path` and the byte, for what is no JSON.
class JsonScanner {
 public:
  JsonScanner(std::string_view text, const std::string& path) : text_(text), path_(path) {}

  /// Throws FileError unless the text is one value, without a key twice in one object, and no value in it is inside of
  /// more than max_depth others. What was checked can be read by the other members.
  static void check(std::string_view text, const std::string& path, std::size_t max_depth) {
    JsonScanner scan(text, path);
    scan.value(0, max_depth);
    scan.skip_space();
    if (scan.at_ < text.size()) scan.refuse("the end");
  }

  /// What the next value is: "object", "array", "string", "number", "boolean" or "null".
  [[nodiscard]] std::string_view type_name() {
    skip_space();
    const char first = peek();
    switch (first) {
      case '{':
        return "object";
      case '[':
        return "array";
      case '"':
        return "string";
      case 't':
      case 'f':
        return "boolean";
      case 'n':
        return "null";
      default:
        if (first != '-' && !is_digit(first)) refuse("a value");
        return "number";
    }
  }

  /// Calls visit(key) for each member, which has to read its value.
  template <class Visit>
  void object(const Visit& visit) {
    list('{', '}', [&] {
      const std::string key = string();
      skip_space();
      take(':');
      visit(key);
    });
  }

  /// Calls visit() for each element, which has to read it.
  template <class Visit>
  void array(const Visit& visit) {
    list('[', ']', visit);
  }

  /// The text of a string, with its escapes replaced.
  [[nodiscard]] std::string string() {
    skip_space();
    take('"');
    std::string out;
    while (peek() != '"') {
      if (peek() == '\\') {
        ++at_;
        escape(out);
      } else {
        const std::size_t length = utf8_length(text_.substr(at_));
        if (length == 0 || static_cast<unsigned char>(peek()) < 0x20) refuse("a character of a string, in UTF-8");
        out += text_.substr(at_, length);
        at_ += length;
      }
    }
    ++at_;
    return out;
  }

  /// Any value, as it stands in the text.
  [[nodiscard]] std::string_view raw() {
    skip_space();
    const std::size_t begin = at_;
    value(0, text_.size());
    return text_.substr(begin, at_ - begin);
  }

 private:
  static bool is_digit(char c) { return c >= '0' && c <= '9'; }

  /// The next character; 0 at the end, which no rule below takes.
  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  [[noreturn]] void refuse(std::string_view expected) const {
    const std::size_t length = std::max<std::size_t>(utf8_length(text_.substr(std::min(at_, text_.size()))), 1);
    throw_file_error(path_, "not valid JSON: byte " + std::to_string(at_) + " is " +
                                (at_ < text_.size() ? safe_text(text_.substr(at_, length)) : "after the end") +
                                ", expected " + std::string(expected));
  }

  void take(char wanted) {
    if (at_ >= text_.size() || text_[at_] != wanted) refuse(std::string("'") + wanted + "'");
    ++at_;
  }

  void take(std::string_view word) {
    for (const char wanted : word) take(wanted);
  }

  void skip_space() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') ++at_;
  }

  /// What stands between two brackets, with commas between.
  template <class Element>
  void list(char open, char close, const Element& element) {
    skip_space();
    take(open);
    skip_space();
    if (peek() == close) {
      ++at_;
      return;
    }
    while (true) {
      element();
      skip_space();
      if (peek() == close) break;
      take(',');
    }
    ++at_;
  }

  /// A value that is inside of `depth` others.
  void value(std::size_t depth, std::size_t max_depth) {
    check_file(depth <= max_depth, path_, "depth of the JSON", depth, "at most " + std::to_string(max_depth));
    const std::string_view type = type_name();
    if (type == "object") {
      std::set<std::string> keys;
      object([&](const std::string& key) {
        check_file(keys.insert(key).second, path_, "key " + safe_text(key), "there twice", "once in an object");
        value(depth + 1, max_depth);
      });
    } else if (type == "array") {
      array([&] { value(depth + 1, max_depth); });
    } else if (type == "string") {
      (void)string();
    } else if (type == "number") {
      number();
    } else {
      take(std::string_view(peek() == 't' ? "true" : peek() == 'f' ? "false" : "null"));
    }
  }

  void digits() {
    if (!is_digit(peek())) refuse("a digit");
    while (is_digit(peek())) ++at_;
  }

  void number() {
    if (peek() == '-') ++at_;
    if (peek() == '0') {
      ++at_;
    } else {
      digits();
    }
    if (peek() == '.') {
      ++at_;
      digits();
    }
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      digits();
    }
  }

  [[nodiscard]] std::uint32_t four_digits() {
    std::uint32_t out = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const char c = peek();
      const bool lower = c >= 'a' && c <= 'f', upper = c >= 'A' && c <= 'F';
      if (!is_digit(c) && !lower && !upper) refuse("a hexadecimal digit");
      out = out << 4 | static_cast<std::uint32_t>(c - (lower ? 'a' - 10 : upper ? 'A' - 10 : '0'));
    }
    return out;
  }

  /// What stands behind a backslash.
  void escape(std::string& out) {
    constexpr std::string_view letters = "\"\\/bfnrt", meant = "\"\\/\b\f\n\r\t";
    const std::size_t letter = at_ < text_.size() ? letters.find(peek()) : letters.npos;
    if (letter != letters.npos) {
      out += meant[letter];
      ++at_;
      return;
    }
    take('u');
    std::uint32_t code = four_digits();
    if (code >= 0xdc00 && code < 0xe000) refuse("a first half of a surrogate pair before the second");
    if (code >= 0xd800 && code < 0xdc00) {
      take("\\u");
      const std::uint32_t low = four_digits();
      if (low < 0xdc00 || low >= 0xe000) refuse("the second half of a surrogate pair before this");
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    const auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
    if (code < 0x80) {
      put(code);
    } else if (code < 0x800) {
      put(0xc0 | code >> 6);
      put(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
      put(0xe0 | code >> 12);
      put(0x80 | (code >> 6 & 0x3f));
      put(0x80 | (code & 0x3f));
    } else {
      put(0xf0 | code >> 18);
      put(0x80 | (code >> 12 & 0x3f));
      put(0x80 | (code >> 6 & 0x3f));
      put(0x80 | (code & 0x3f));
    }
  }

  std::string_view text_;
  const std::string& path_;
  std::size_t at_ = 0;
};

/// A string of JSON. Throws FileError if the text is not UTF-8.
[[nodiscard]] inline std::string json_string(std::string_view text, const std::string& path) {
  constexpr std::string_view plain = "\"\\\b\f\n\r\t", letters = "\"\\bfnrt", digits = "0123456789abcdef";
  std::string out = "\"";
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text.substr(at));
    if (length == 0) throw_file_error(path, "cannot be written as JSON: not UTF-8: " + safe_text(text));
    const auto code = static_cast<unsigned char>(text[at]);
    const std::size_t letter = plain.find(text[at]);
    if (letter != plain.npos) {
      out += '\\';
      out += letters[letter];
    } else if (code < 0x20) {
      out += "\\u00";
      out += digits[code >> 4];
      out += digits[code & 15];
    } else {
      out += text.substr(at, length);
    }
    at += length;
  }
  return out + "\"";
}

}  // namespace basin::detail
