// basin_export: writes what a program has trained as C++ source, so that another program can run it with Eigen alone.
//
//   basin_export --help
//
// basin_export/models.hpp knows the models; basin/io/parameter_header.hpp and c_interface.hpp write. For a model of
// your own, call these: docs/into_a_program.md.

#include <cstdio>
#include <string>

#include "basin/io/c_interface.hpp"
#include "basin/io/parameter_header.hpp"
#include "basin_export/models.hpp"
#include "support/command_line.hpp"
#include "support/process.hpp"

namespace basin_export {

struct Settings {
  std::string checkpoint;
  std::string name = "model";
  std::string out = ".";
  std::string interface = "cpp";
  int steps = 1;
};

inline constexpr const char* description = R"(Writes a trained model as C++ source.

Takes a checkpoint of deq_digits, nca_grow or nca_digits and writes NAME.hpp: the parameters as an array of constants, the
type of the model, and the options that it was trained with. A program that includes it needs no file when it runs.
With --interface c also NAME.h and NAME.cpp, functions in C for other languages.)";

inline constexpr const char* footer = R"(
Examples:
  basin_export --checkpoint deq_digits_out --name digits
  basin_export --checkpoint nca_grow_out --name ladybird --steps 8 --interface c --out src)";

inline void describe(Settings& s, basin::examples::CommandLine& options) {
  options.add("checkpoint", s.checkpoint, "The checkpoint, or the folder with it");
  options.add("name", s.name, "Of the files and of the namespace: letters, digits and _");
  options.add_out(s.out);
  options.add("interface", s.interface, "cpp: NAME.hpp alone; c: also NAME.h and NAME.cpp", {"cpp", "c"});
  options.add("steps", s.steps, "Of an automaton, in one call", {1, 1000000});
}

inline int run(const Settings& settings, const basin::examples::CommandLine& command_line) {
  if (settings.checkpoint.empty()) {
    throw basin::examples::UsageError("--checkpoint is missing, expected the file, or the folder with it");
  }
  const std::string path = basin::examples::checkpoint_at(settings.checkpoint);
  basin::make_folder(settings.out);
  const std::string file = settings.out + "/" + settings.name + ".hpp";
  std::string written = file;
  visit_model(path, settings.steps,
              [&]<class Model>(const basin::Parameters<Model, float>& theta, const std::string& set_up) {
                const basin::ParameterHeader header{.name = settings.name, .from = path, .set_up = set_up};
                basin::write_parameter_header(file, theta, header);
                if (settings.interface == "c") {
                  basin::write_c_interface<Model>(settings.out, settings.name + ".hpp", header);
                  written += ", " + settings.name + ".h, " + settings.name + ".cpp";
                }
              });
  std::printf("%s: wrote %s\n", command_line.program().c_str(), written.c_str());
  return 0;
}

}  // namespace basin_export

int main(int argc, char** argv) {
  basin_export::Settings settings;
  basin::examples::CommandLine command_line("basin_export", basin_export::description, basin_export::footer);
  basin_export::describe(settings, command_line);
  return basin::examples::main_of(command_line, argc, argv, [&] { return basin_export::run(settings, command_line); });
}
