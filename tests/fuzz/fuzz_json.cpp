// JSON: what is read can be written, and is then read as the same.

#include "basin/io/json.hpp"
#include "fuzz.hpp"

namespace basin::fuzz {

void seeds(const Keep& keep) {
  for (const std::string_view text :
       {R"({"rate": 0.1, "tiny": 5e-324, "epochs": 10, "names": ["a", "\u00e4"], "none": null})", "[[[]], {}, -1, 1E9]",
        R"("\ud83e\uddec \\ \" \n")", "[true, false, 18446744073709551615, -9223372036854775808]",
        R"({"a":1,"a":2})"}) {
    keep(Bytes(text.begin(), text.end()));
  }
}

void target(Input input) {
  const Bytes bytes = input.rest();
  const std::string path = put(bytes);
  const auto value = read_or_refuse(path, 45 * bytes.size(), [&] { return read_json(path); });
  if (!value) return;
  write_json(file("again"), *value);
  require(read_json(file("again"), 1 << 24) == *value, "JSON comes back as it was");
}

}  // namespace basin::fuzz
