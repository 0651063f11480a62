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

/// Parses one JSON value. Throws FileError, which names `path` and the line and column of a syntax error, a key that
/// comes twice in one object, and nesting deeper than max_depth.
[[nodiscard]] inline Json parse_json(std::string_view text, const std::string& path, int max_depth = 64) {
  // The library takes a zero byte for the end of the text and would not look at what follows.
  const std::size_t zero = text.find('\0');
  check_file(zero == text.npos, path, "byte " + std::to_string(zero) + " of the JSON", "zero", "text");

  std::vector<std::set<std::string>> keys;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& value) {
    check_file(depth <= max_depth, path, "depth of the JSON", depth, "at most " + std::to_string(max_depth));
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key) {
      const auto& key = value.get_ref<const std::string&>();
      const bool fresh = keys.back().insert(key).second;
      check_file(fresh, path, "key " + detail::safe_text(key), "there twice", "once in an object");
    }
    return true;
  };
  try {
    return Json::parse(text.begin(), text.end(), watch);
  } catch (const Json::exception& error) {
    // What the library says after its own label: the line, the column, what was found and what was expected.
    const std::string_view what = error.what();
    const std::size_t label = what.find("] ");
    const std::string_view said = label == what.npos ? what : what.substr(label + 2);
    throw FileError(path, "not valid JSON: " + detail::printable(said, detail::longest_quote));
  }
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
