// Settings of a program from a JSON file: refused with a message, or taken, and then taken again as the same.

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

std::optional<Settings> taken(const std::string& path) {
  Settings settings;
  examples::CommandLine command_line("fuzz", "", "");
  command_line.add("epochs", settings.epochs, "");
  command_line.add("rate", settings.rate, "");
  command_line.add("seed", settings.seed, "");
  command_line.add("out", settings.out, "");
  try {
    command_line.take(read_json(path), path);
  } catch (const FileError&) {
    return std::nullopt;
  } catch (const CLI::ParseError&) {
    return std::nullopt;
  } catch (const std::invalid_argument&) {
    return std::nullopt;
  }
  return settings;
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
  const std::string path = put(input.rest());
  const auto settings = taken(path);
  if (!settings || settings->rate != settings->rate) return;
  require(taken(path) == settings, "the same file gives the same settings");
}

}  // namespace basin::fuzz
