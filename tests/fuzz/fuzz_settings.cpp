// Settings of a program from a JSON file: refused with a message, or taken, each within its range, and as a checkpoint
// would keep them they are taken again as the same.

#include <array>

#include "../../examples/support/command_line.hpp"
#include "fuzz.hpp"

namespace basin::fuzz {

namespace {

/// What a program might have.
struct Settings {
  int epochs = 3;
  double rate = 0.5;
  std::uint64_t seed = 0;
  std::string out = "out";

  friend bool operator==(const Settings&, const Settings&) = default;
};

/// The settings of a file, and what would be kept of them.
std::optional<std::pair<Settings, Json>> taken(const std::string& path, std::uint64_t memory) {
  return read_or_refuse(path, memory, [&] {
    Settings settings;
    examples::CommandLine command_line("fuzz", "", "");
    command_line.add("epochs", settings.epochs, "", {1, 100000});
    command_line.add("rate", settings.rate, "", {0, 1});
    command_line.add("seed", settings.seed, "", {0, std::numeric_limits<std::uint64_t>::max()});
    command_line.add("out", settings.out, "");
    try {
      command_line.take(read_json(path), path);
    } catch (const examples::UsageError& error) {
      throw FileError(path, std::string_view(error.what()));
    }
    return std::pair(settings, command_line.settings());
  });
}

}  // namespace

void seeds(const Keep& keep) {
  for (const std::string_view text :
       {R"({"epochs": 10, "rate": 0.25, "seed": 18446744073709551615, "out": "a b"})", R"({"rate": "nan"})",
        R"({"rate": "1e-3", "epochs": "7"})", R"({"epochs": 1.5})", R"({"epochs": -1})", R"({"eposch": 1})",
        R"({"out": "--rate"})", R"({"out": "", "settings": "a"})", R"({"seed": "-1"})", R"({"epochs": "010"})",
        "[1]"}) {
    keep(Bytes(text.begin(), text.end()));
  }
}

void target(Input input) {
  const Bytes bytes = input.rest();
  const std::string path = put(bytes);
  constexpr std::uint64_t options = 1 << 16;  // what CLI11 has for them
  const auto settings = taken(path, options + 45 * bytes.size());
  if (!settings) return;
  require(settings->first.epochs >= 1 && settings->first.epochs <= 100000, "epochs are in their range");
  require(settings->first.rate >= 0 && settings->first.rate <= 1, "the rate is in its range, and no NaN");
  const std::string kept = settings->second.dump();
  const auto again = taken(put(kept, "kept"), options + 45 * kept.size());
  require(again && again->first == settings->first, "what is kept gives the same settings");
}

}  // namespace basin::fuzz
