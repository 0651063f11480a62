// metanca_mnist: trains one rule by which the weights of networks of any widths arrange themselves into networks that
// read digits, and repair themselves.
//
//   metanca_mnist --help
//
// metanca_mnist/settings.hpp has the options, model.hpp the rule and the codes of places, trainer.hpp the training,
// showing.hpp what is measured and drawn, published.hpp the run of a rule with attention that others trained.

#include <charconv>
#include <cstdio>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "metanca_mnist/published.hpp"
#include "metanca_mnist/settings.hpp"
#include "metanca_mnist/showing.hpp"
#include "metanca_mnist/trainer.hpp"

namespace metanca_mnist {

/// "784,50,50,10"
inline std::vector<Index> parsed_widths(const std::string& text) {
  std::vector<Index> widths;
  const char *at = text.data(), *end = at + text.size();
  while (at < end) {
    Index width = 0;
    const auto [next, error] = std::from_chars(at, end, width);
    if (error != std::errc{} || (next < end && *next != ',')) {
      throw std::invalid_argument("--architecture is " + text + ", expected numbers and commas, such as 784,50,50,10");
    }
    basin::check(width >= 1 && width <= 100000, "width of --architecture", width, "1 to 100000");
    widths.push_back(width);
    at = next < end ? next + 1 : end;
  }
  return widths;
}

/// One network of the rule's.
inline void sample_network(const Settings& settings, const Theta& theta, const Digits& test) {
  const Architecture of = architecture_of(parsed_widths(settings.architecture), settings.without != "codes");
  Settings one = settings;
  one.seed = static_cast<std::uint64_t>(settings.sample);
  Judge judge(one, theta, test);
  State<float> z = judge.fresh(of, 1);
  judge.update(of, z, settings.updates);
  save_network(settings, loss_of(of, test.images.view(), test.labels), z, judge.accuracy(of, z));
}

inline int run(Settings& settings, basin::examples::CommandLine& command_line) {
  const std::string& from = settings.resume.empty() ? settings.evaluate : settings.resume;
  if (!settings.resume.empty() && !settings.evaluate.empty()) {
    throw std::invalid_argument("--resume and --evaluate are both given, expected one of them");
  }
  if (!settings.rule.empty() && !from.empty()) {
    throw std::invalid_argument("--rule and a checkpoint are both given, expected one of them");
  }
  if (!settings.rule.empty() && settings.held_back > 0) {
    throw std::invalid_argument("--held-back is " + std::to_string(settings.held_back) + ", expected 0 with --rule");
  }
  if (!settings.architecture.empty() && settings.evaluate.empty() && settings.rule.empty()) {
    throw std::invalid_argument("--architecture needs --evaluate or --rule");
  }
  Settings trained;  // what the checkpoint was made with, whatever the command line asks of its evaluation
  if (!from.empty()) {
    const basin::Json made_with = basin::CheckpointReader(from).metadata("settings");
    basin::examples::CommandLine of_checkpoint("metanca_mnist", description, footer);
    describe(trained, of_checkpoint);
    of_checkpoint.take(made_with, from);
    command_line.take(made_with, from);
  }
  basin::set_threads(settings.threads);
  std::filesystem::create_directories(settings.out);
  const basin::examples::DigitSets data = basin::examples::load_digits(settings.data);
  if (!settings.rule.empty()) {
    run_published(settings, parsed_widths(settings.architecture), data);
    return 0;
  }
  const Index all = data.train.images.shape.samples, kept = all - settings.held_back;
  basin::check(kept > 0, "--held-back", settings.held_back, "below " + std::to_string(all));
  const Digits train(data.train, 0, kept);
  const Digits test = settings.held_back > 0 ? Digits(data.train, kept, settings.held_back) : Digits(data.test);
  Trainer trainer(settings.evaluate.empty() ? settings : trained, train);
  if (!from.empty()) trainer.load(from);
  if (!settings.architecture.empty()) {
    sample_network(settings, trainer.parameters(), test);
    return 0;
  }
  if (settings.evaluate.empty()) {
    std::printf("%s: %td training and %td other images; a rule of %zu parameters; %zu architectures; %d threads\n",
                data.name.c_str(), train.images.shape.samples, test.images.shape.samples, Rule::Updates::param_count,
                trainer.architectures().size(), basin::threads());
    if (!basin::examples::train_and_save(trainer, settings.out)) return basin::examples::interrupted_status;
    basin::write_png(
        settings.out + "/loss.png",
        basin::examples::line_chart({basin::examples::log_means("loss", trainer.losses())},
                                    {.title = "Training", .x_label = "iteration", .y_label = "log10 loss"}));
  }
  basin::OrderedJson metrics;
  metrics["dataset"] = data.name;
  metrics["evaluated_on"] = settings.held_back > 0 ? "training images that were held back" : "test images";
  metrics["parameters"] = Rule::Updates::param_count;
  metrics["iterations"] = settings.iterations;
  metrics["pool_iterations"] = settings.pool_iterations;
  metrics["seed"] = settings.seed;
  metrics["threads"] = basin::threads();
  metrics["updates"] = settings.updates;
  metrics["samples"] = settings.samples;
  show(settings, trainer.parameters(), trainer.architectures(), test, metrics);
  metrics["roll_backs"] = trainer.roll_backs();
  // Of this run, and null if it did not train.
  metrics["train_seconds"] =
      settings.evaluate.empty() ? basin::OrderedJson(trainer.train_seconds()) : basin::OrderedJson();
  metrics["peak_rss_bytes"] = basin::examples::peak_rss_bytes();
  basin::write_json(settings.out + "/metrics.json", metrics);
  std::printf("wrote %s\n", settings.out.c_str());
  return 0;
}

}  // namespace metanca_mnist

int main(int argc, char** argv) {
  metanca_mnist::Settings settings;
  basin::examples::CommandLine command_line("metanca_mnist", metanca_mnist::description, metanca_mnist::footer);
  metanca_mnist::describe(settings, command_line);
  return basin::examples::main_of("metanca_mnist", command_line, argc, argv,
                                  [&] { return metanca_mnist::run(settings, command_line); });
}
