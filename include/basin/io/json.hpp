#pragma once

// JSON files (RFC 8259), read strictly: one value, no key twice, no deep nesting, valid UTF-8.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "basin/io/atomic_file.hpp"

namespace basin {

/// How long a JSON file may be, unless told otherwise: 1 MiB. What is read of it takes up to 40 times that.
inline constexpr std::uint64_t default_max_json_bytes = std::uint64_t{1} << 20;

using Json = nlohmann::json;
/// Keeps the order in which its keys were put in, for files that people read.
using OrderedJson = nlohmann::ordered_json;

namespace detail {

/// What is asked of a text before a value is made of it, told by the library's parser piece by piece: how deep it is,
/// and whether a key comes twice. The library's own way to look on while it makes the value (parser_callback_t) takes
/// time that grows with the square of a list of objects.
class JsonCheck : public nlohmann::json_sax<Json> {
 public:
  JsonCheck(const std::string& path, int max_depth) : path_(path), max_depth_(max_depth) {}

  bool null() override { return value(); }
  bool boolean(bool) override { return value(); }
  bool number_integer(number_integer_t) override { return value(); }
  bool number_unsigned(number_unsigned_t) override { return value(); }
  bool number_float(number_float_t, const string_t&) override { return value(); }
  bool string(string_t&) override { return value(); }
  bool binary(binary_t&) override { return value(); }
  bool start_object(std::size_t) override { return open(); }
  bool start_array(std::size_t) override { return open(); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& key) override {
    const bool fresh = keys_.back().insert(key).second;
    check_file(fresh, path_, "key " + safe_text(key), "there twice", "once in an object");
    return true;
  }

  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& error) override {
    // What the library says after its own label: the line, the column, what was found and what was expected.
    const std::string_view what = error.what();
    const std::size_t label = what.find("] ");
    throw FileError(path_,
                    "not valid JSON: " + printable(label == what.npos ? what : what.substr(label + 2), longest_quote));
  }

 private:
  /// A value that is `depth` inside of others.
  bool value() const {
    check_file(keys_.size() <= static_cast<std::size_t>(max_depth_), path_, "depth of the JSON", keys_.size(),
               "at most " + std::to_string(max_depth_));
    return true;
  }
  bool open() {
    (void)value();
    keys_.emplace_back();
    return true;
  }
  bool close() {
    keys_.pop_back();
    return true;
  }

  const std::string& path_;
  int max_depth_;
  std::vector<std::set<std::string>> keys_;  // of the objects that are open; none for an array
};

}  // namespace detail

/// Parses one JSON value. Throws FileError, which names `path` and the line and column of a syntax error, a key that
/// comes twice in one object, and nesting deeper than max_depth.
[[nodiscard]] inline Json parse_json(std::string_view text, const std::string& path, int max_depth = 64) {
  // The library takes a zero byte for the end of the text and would not look at what follows.
  const std::size_t zero = text.find('\0');
  check_file(zero == text.npos, path, "byte " + std::to_string(zero) + " of the JSON", "zero", "text");

  detail::JsonCheck watch(path, max_depth);
  Json::sax_parse(text.begin(), text.end(), &watch);
  return Json::parse(text.begin(), text.end());
}

/// Reads a JSON file of at most max_bytes. Throws FileError as parse_json does, and if the file cannot be read. Memory:
/// the file, and up to 40 times its length (lists of many empty objects take the most).
[[nodiscard]] inline Json read_json(const std::string& path, std::uint64_t max_bytes = default_max_json_bytes) {
  const std::vector<std::uint8_t> file = read_file(path, max_bytes);
  return parse_json({reinterpret_cast<const char*>(file.data()), file.size()}, path);
}

/// Replaces the file at `path` by `value` as indented text. Numbers read back as they were; NaN and infinities, which
/// JSON does not have, become null. Throws FileError if the file cannot be written or a string is not UTF-8.
template <class JsonValue>
void write_json(const std::string& path, const JsonValue& value) {
  std::string text;
  try {
    text = value.dump(2) + "\n";
  } catch (const Json::exception& error) {
    throw FileError(path, std::string("cannot be written as JSON: ") + error.what());
  }
  write_file(path, text);
}

/// For settings: throws FileError unless `value` is an object with no keys but the `known` ones; `where` names it in
/// the message, such as "settings".
inline void check_keys(const Json& value, std::initializer_list<std::string_view> known, const std::string& path,
                       std::string_view where) {
  check_file(value.is_object(), path, where, value.type_name(), "an object");
  for (const auto& item : value.items()) {
    if (std::find(known.begin(), known.end(), item.key()) != known.end()) continue;
    std::string all;
    for (const std::string_view key : known) all += (all.empty() ? "" : ", ") + std::string(key);
    check_file(false, path, "key in " + std::string(where), detail::safe_text(item.key()), "one of: " + all);
  }
}

}  // namespace basin
