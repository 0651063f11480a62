// metanca_mnist: trains one rule by which the weights of networks of any widths arrange themselves into networks that
// read digits, and repair themselves.
//
//   metanca_mnist --help
//
// metanca_mnist/settings.hpp has the options, model.hpp the rule and the codes of places, trainer.hpp the training,
// showing.hpp what is measured and drawn, published.hpp the run of a rule with attention that others trained.

#include <charconv>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

#include "metanca_mnist/published.hpp"
#include "metanca_mnist/settings.hpp"
#include "metanca_mnist/showing.hpp"
#include "metanca_mnist/trainer.hpp"
#include "support/process.hpp"
#include "support/trainings.hpp"

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
inline void sample_network(const Settings& settings, const std::vector<Index>& widths, const Theta& theta,
                           const Digits& test) {
  const Architecture of = architecture_of(widths, settings.without != "codes");
  Settings one = settings;
  one.seed = settings.sample;
  Judge judge(one, theta, test);
  State<float> z = judge.fresh(of, 1);
  judge.update(of, z, settings.updates);
  save_network(settings, loss_of(of, test.images.view(), test.labels), z, judge.accuracy(of, z));
}

/// What is asked for has to fit together.
inline void check_options(const Settings& settings) {
  if (!settings.resume.empty() && !settings.evaluate.empty()) {
    throw std::invalid_argument("--resume and --evaluate are both given, expected one of them");
  }
  if (!settings.rule.empty() && !(settings.resume.empty() && settings.evaluate.empty())) {
    throw std::invalid_argument("--rule and a checkpoint are both given, expected one of them");
  }
  if (!settings.rule.empty() && settings.held_back > 0) {
    throw std::invalid_argument("--held-back is " + std::to_string(settings.held_back) + ", expected 0 with --rule");
  }
  if (!settings.architecture.empty() && settings.evaluate.empty() && settings.rule.empty()) {
    throw std::invalid_argument("--architecture needs --evaluate or --rule");
  }
}

/// Before networks and images are made. `widths`: of --architecture.
inline void check_sizes(const Settings& settings, const std::vector<Index>& widths) {
  const int numbers = settings.rule.empty() ? features : AttentionRule::state_features;
  if (!widths.empty()) {
    basin::examples::check_memory("--architecture " + settings.architecture, 2 * bytes_of_networks(widths, 1, numbers));
    return;
  }
  // Of the largest architecture of the heatmap, before an update and behind it.
  basin::examples::check_memory("--samples " + std::to_string(settings.samples),
                                2 * bytes_of_networks(widths_of(90, 100), settings.samples, numbers));
  check_training_memory(settings.architectures, settings.networks, settings.images);
}

inline void check_outputs(const Settings& settings) {
  if (!settings.architecture.empty()) {
    basin::examples::prepare_outputs(settings.out, {"network.safetensors"});
  } else if (!settings.rule.empty()) {
    basin::examples::prepare_outputs(settings.out, {"metrics.json", "updates.png", "updates.svg"});
  } else {
    basin::examples::prepare_outputs(
        settings.out, {"metrics.json", "heatmap.png", "heatmap.svg", "heatmap.json", "updates.png", "updates.svg",
                       "zero_out.png", "zero_out.svg", "loss.png", "loss.svg"});
  }
}

inline void write_results(const Settings& settings, const Trainer& trainer, const basin::Training& training,
                          const std::string& dataset, const Digits& test) {
  basin::OrderedJson metrics;
  metrics["dataset"] = dataset;
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
  metrics["train_seconds"] = training.seconds();
  metrics["training"] = training.described();
  metrics["peak_rss_bytes"] = basin::examples::peak_rss_bytes();
  basin::write_json(settings.out + "/metrics.json", metrics);
  std::printf("wrote %s\n", settings.out.c_str());
}

inline int run(Settings& settings, basin::examples::CommandLine& command_line) {
  check_options(settings);
  const bool trains = settings.evaluate.empty();
  const std::string from = basin::examples::take_checkpoint(command_line, trains ? settings.resume : settings.evaluate);
  const std::vector<Index> widths = parsed_widths(settings.architecture);
  check_sizes(settings, widths);
  basin::set_threads(settings.threads);
  check_outputs(settings);
  const basin::examples::DigitSets data = basin::examples::load_digits(settings.data);
  if (!settings.rule.empty()) {
    run_published(settings, widths, data);
    return 0;
  }
  const Index all = data.train.images.shape.samples, kept = all - settings.held_back;
  basin::examples::check_option(kept > 0, "--held-back", settings.held_back, "below " + std::to_string(all));
  const Digits train(data.train, 0, kept);
  const Digits test = settings.held_back > 0 ? Digits(data.train, kept, settings.held_back) : Digits(data.test);
  if (trains) {
    basin::examples::Trainings trainings(command_line, settings.out, from, settings.checkpoint_minutes);
    Trainer trainer(settings, train);
    basin::Training training = trainings.take_up("", basin::examples::fingerprint(data.name, train.images), trainer);
    std::printf("%s: %td training and %td other images; a rule of %zu parameters; %zu architectures; %d threads\n",
                data.name.c_str(), train.images.shape.samples, test.images.shape.samples, Rule::Updates::param_count,
                trainer.architectures().size(), basin::threads());
    const int status = trainings.run(training, "", trainer);
    if (status == 0) write_results(settings, trainer, training, data.name, test);
    return status;
  }
  Settings trained;  // what the checkpoint was made with, whatever the command line asks of its evaluation
  basin::examples::CommandLine of_checkpoint(command_line.program(), description, footer);
  describe(trained, of_checkpoint);
  of_checkpoint.take(basin::CheckpointReader(from, command_line.program()).label().settings, from);
  Trainer trainer(trained, train);
  basin::Training training({.label = {.program = command_line.program()}});  // on whatever it was
  trainer.resume(training, from);
  if (!widths.empty()) {
    sample_network(settings, widths, trainer.parameters(), test);
  } else {
    write_results(settings, trainer, training, data.name, test);
  }
  return 0;
}

}  // namespace metanca_mnist

int main(int argc, char** argv) {
  metanca_mnist::Settings settings;
  basin::examples::CommandLine command_line("metanca_mnist", metanca_mnist::description, metanca_mnist::footer);
  metanca_mnist::describe(settings, command_line);
  return basin::examples::main_of(command_line, argc, argv, [&] { return metanca_mnist::run(settings, command_line); });
}
