// deq_segment: an equilibrium of several scales that says of each pixel what it belongs to, and of the image what it
// shows.
//
//   deq_segment --help
//
// deq_segment/settings.hpp has the options, scenes.hpp the images, model.hpp the models, trainer.hpp the training,
// measuring.hpp and pictures.hpp what is measured and drawn.

#include <cstdio>
#include <string>

#include "basin/io/checkpoint.hpp"
#include "basin/io/json.hpp"
#include "basin/io/training.hpp"
#include "deq_segment/measuring.hpp"
#include "deq_segment/pictures.hpp"
#include "deq_segment/settings.hpp"
#include "deq_segment/trainer.hpp"
#include "support/process.hpp"
#include "support/training_parts.hpp"

namespace deq_segment {

template <class Network>
void write_results(const Settings& settings, const Source& source, const Trainer<Network>& trainer,
                   const basin::Training& training) {
  const Scenes scenes = test_scenes(settings, source);
  const Model<Network> model = model_of<Network>(settings);
  const auto prediction = basin::predict(model, trainer.parameters(), scenes.images);
  const Agreement agrees = agreement(prediction.output.view(), scenes, source.pixel_classes);
  const basin::Report &trained = trainer.solves(), &tested = prediction.report;
  basin::OrderedJson metrics;
  metrics["dataset"] = source.name;
  metrics["scales"] = Network::scales;
  metrics["parameters"] = Model<Network>::param_count;
  metrics["iterations"] = training.iteration();
  metrics["seed"] = settings.seed;
  metrics["threads"] = basin::threads();
  metrics["test_images"] = settings.test_images;
  metrics["mean_iou"] = agrees.mean_intersection_over_union;
  metrics["iou"] = agrees.intersection_over_union;
  metrics["pixel_accuracy"] = agrees.pixel_accuracy;
  metrics["image_accuracy"] = agrees.image_accuracy;
  metrics["test_evaluations_mean"] = tested.forward.mean_evaluations();
  metrics["test_nonconverged_fraction"] = tested.forward.nonconverged_fraction();
  metrics["forward_evaluations_mean"] = trained.forward.mean_evaluations();
  metrics["adjoint_evaluations_mean"] = trained.adjoint.mean_evaluations();
  metrics["nonconverged_fraction"] = trained.forward.nonconverged_fraction();
  metrics["adjoint_nonconverged_fraction"] = trained.adjoint.nonconverged_fraction();
  metrics["train_seconds"] = training.seconds();
  metrics["training"] = training.described();
  metrics["peak_rss_bytes"] = basin::examples::peak_rss_bytes();
  basin::write_json(settings.out + "/metrics.json", metrics);
  draw_scenes(settings.out + "/scenes.png", scenes, prediction.output.view(), settings.scenes);
  draw_settling<Network>(settings.out + "/settling.png", model, trainer.parameters(), scenes, settings.scenes);
  basin::examples::draw_loss(settings.out, training.losses(), "loss");
  std::printf(
      "mean IoU %.2f%%, pixels %.2f%%, images %.2f%%; %zu parameters; %.1f evaluations forward, %.1f adjoint; not "
      "converged %.2f%%, of test images %.2f%%\nwrote %s\n",
      100 * agrees.mean_intersection_over_union, 100 * agrees.pixel_accuracy, 100 * agrees.image_accuracy,
      Model<Network>::param_count, trained.forward.mean_evaluations(), trained.adjoint.mean_evaluations(),
      100 * trained.forward.nonconverged_fraction(), 100 * tested.forward.nonconverged_fraction(),
      settings.out.c_str());
}

template <class Network>
int run(const Settings& settings, const basin::examples::CommandLine& command_line, const std::string& from,
        const Source& source) {
  const bool trains = settings.evaluate.empty();
  Trainer<Network> trainer(settings, source);
  basin::Training training(
      {.iterations = trainer.iterations(),
       .checkpoint = trains ? settings.out + "/checkpoint.safetensors" : "",
       .checkpoint_minutes = settings.checkpoint_minutes,
       .label = {.program = command_line.program(),
                 .settings = command_line.settings(),
                 .data = trains ? basin::examples::fingerprint(source.name, source.train.images) : ""}});
  if (!from.empty()) trainer.resume(training, from);
  if (trains) {
    std::printf("%s, %d scale%s; %zu parameters; %d threads\n", source.name.c_str(), Network::scales,
                Network::scales == 1 ? "" : "s", Model<Network>::param_count, basin::threads());
    if (trainer.run(training) == basin::TrainingEnd::stopped) {
      return basin::examples::stopped(training, training.options().checkpoint);
    }
  }
  write_results(settings, source, trainer, training);
  return 0;
}

inline int run(Settings& settings, basin::examples::CommandLine& command_line) {
  basin::examples::check_one_of("evaluate", settings.evaluate, "resume", settings.resume);
  const bool trains = settings.evaluate.empty();
  const std::string from = basin::examples::take_checkpoint(command_line, trains ? settings.resume : settings.evaluate);
  if (!from.empty()) {
    basin::CheckpointReader(from, command_line.program()).expect_setting("scales", settings.scales);
  }
  if (!settings.data.empty() && settings.scenes != "digits") {
    throw basin::examples::UsageError("--data is given with --scenes " + settings.scenes +
                                      ", expected --scenes digits");
  }
  basin::set_threads(settings.threads);
  constexpr double scene = pixels * (sizeof(float) + sizeof(int) + 2 * pixel_classes * sizeof(float));
  basin::examples::check_memory("--batch " + std::to_string(settings.batch), scene * settings.batch);
  basin::examples::check_memory("--test-images " + std::to_string(settings.test_images), scene * settings.test_images);
  basin::examples::prepare_outputs(settings.out,
                                   {"metrics.json", "scenes.png", "settling.png", "loss.png", "loss.svg"});
  const Source source = source_of(settings.scenes, settings.data);
  if (settings.scales == "1") return run<OneScale>(settings, command_line, from, source);
  return run<ThreeScales>(settings, command_line, from, source);
}

}  // namespace deq_segment

int main(int argc, char** argv) {
  deq_segment::Settings settings;
  basin::examples::CommandLine command_line("deq_segment", deq_segment::description, deq_segment::footer);
  deq_segment::describe(settings, command_line);
  return basin::examples::main_of(command_line, argc, argv, [&] { return deq_segment::run(settings, command_line); });
}
