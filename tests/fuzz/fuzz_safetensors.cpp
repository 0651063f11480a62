// safetensors: what is read can be written, and is then read as the same. Its headers are JSON where the JSON library
// says so, and mean the same.

#include <array>
#include <cstring>

#include "basin/io/json.hpp"
#include "basin/io/safetensors.hpp"
#include "fuzz.hpp"

namespace basin::fuzz {

namespace {

Bytes file_of(std::string_view header, std::span<const std::uint8_t> data) {
  Bytes out(8);
  const std::uint64_t length = header.size();
  std::memcpy(out.data(), &length, 8);
  append(out, header);
  append(out, data);
  return out;
}

/// Some tensors, one after another, each in its place but where the input says otherwise.
Bytes with_header(Input& input) {
  constexpr std::array<std::string_view, 12> types{"F32",     "F64", "U8",      "BOOL", "BF16", "F4",
                                                   "F6_E2M3", "C64", "F8_E8M0", "NEW",  "",     "I64"};
  std::string header = "{";
  std::uint64_t at = 0;
  for (std::size_t tensors = input.below(5); tensors > 0; --tensors) {
    const std::uint64_t begin = at + (input.byte() == 255 ? 1u : 0u), end = begin + input.below(40);
    header += "\"t" + std::to_string(input.below(8)) + "\":{\"dtype\":\"" +
              std::string(types[input.below(types.size())]) + "\",\"shape\":[";
    const std::size_t rank = input.below(4);
    for (std::size_t i = 0; i < rank; ++i) header += (i > 0 ? "," : "") + std::to_string(input.below(10));
    header += "],\"data_offsets\":[" + std::to_string(begin) + "," + std::to_string(end) + "]},";
    at = end;
  }
  header += "\"__metadata__\":{\"k\":\"v\"}}";
  return file_of(header, input.filled(static_cast<std::size_t>(at) + input.below(2)));
}

/// What the JSON library makes of a text. It takes a mark of the order of bytes for nothing, and refuses numbers that a
/// double cannot hold: of such texts nothing is said.
struct Judged {
  bool known = true;
  std::optional<Json> value{};
};

Judged judged(const std::string& text, const std::string& path) {
  if (text.starts_with("\xef\xbb\xbf")) return {false};
  try {
    return {true, parse_json(text, path, 4)};
  } catch (const FileError& error) {
    return {std::string_view(error.what()).find("number overflow") == std::string_view::npos};
  }
}

/// The scanner and the JSON library agree on a text, and on what stands in its strings.
void compare(const std::string& text) {
  const std::string path = "text";
  bool accepted = true;
  try {
    detail::JsonScanner::check(text, path, 4);
  } catch (const FileError&) {
    accepted = false;
  }
  const Judged json = judged(text, path);
  if (!json.known) return;
  require(accepted == json.value.has_value(), "the scanner takes what the JSON library takes");
  if (!accepted || !json.value->is_object()) return;
  detail::JsonScanner scan(text, path);
  scan.object([&](const std::string& key) {
    require(json.value->contains(key), "a key is that of the JSON library");
    const Json& same = (*json.value)[key];
    require(scan.type_name() == same.type_name(), "a type is that of the JSON library");
    if (same.is_string()) {
      const std::string words = scan.string();
      require(words == same.get<std::string>(), "a string is that of the JSON library");
      require(detail::json_string(words, path) == same.dump(), "a string is written as by the JSON library");
    } else {
      (void)scan.raw();
    }
  });
}

}  // namespace

void seeds(const Keep& keep) {
  TensorFile some;
  some.tensors["weight"] = {TensorType::f32, {2, 3}, Bytes(24, 1)};
  some.tensors["step"] = {TensorType::u64, {}, Bytes(8, 2)};
  some.tensors["half"] = {TensorType::other, {3, 2}, Bytes(3, 3), "F4"};
  some.metadata["note"] = "two \"words\"";
  write_safetensors(file("seed"), some);
  const Bytes bytes = read_file(file("seed"));
  keep(as_it_is(bytes));
  Bytes framed{1};
  append(framed, std::span(bytes).subspan(8, bytes.size() - 8 - 35));
  keep(framed);
  Bytes words{1};
  append(words, std::string_view(R"({"a":"\u00e9\ud83d\ude00\n","b":[-1.5e3,true,null,{"c":{}}]})"));
  keep(words);
  keep({2, 2, 0, 24, 1, 0, 2, 2, 3, 0, 8, 2, 11, 1, 1, 0});
  keep({2, 1, 0, 3, 1, 5, 2, 3, 2, 0});
}

void target(Input input) {
  const std::size_t way = input.below(3);
  Bytes bytes;
  if (way == 1) {  // JSON of a right length, and no data
    const Bytes header = input.rest();
    const std::string text(header.begin(), header.end());
    compare(text);
    bytes = file_of(text, {});
  } else {
    bytes = way == 0 ? input.rest() : with_header(input);
  }
  const std::string path = put(bytes);
  const auto contents = read_or_refuse(path, 20 * bytes.size(), [&] { return read_safetensors(path); });
  if (!contents) return;
  write_safetensors(file("again"), *contents);
  const TensorFile again = read_safetensors(file("again"));
  require(again.metadata == contents->metadata && again.tensors.size() == contents->tensors.size(), "all comes back");
  for (const auto& [name, entry] : contents->tensors) {
    const TensorEntry& other = again.tensors.at(name);
    require(other.type == entry.type && other.other_type == entry.other_type && other.shape == entry.shape &&
                other.bytes == entry.bytes,
            "a tensor comes back as it was");
  }
}

}  // namespace basin::fuzz
