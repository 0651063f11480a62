// metanca_iris: trains one rule by which the weights of small networks of several architectures learn Fisher's irises,
// with a pool and without, and measures how long what they have learnt lasts.
//
//   metanca_iris --help
//
// metanca_iris/settings.hpp has the options, model.hpp the rule and the codes of places, measuring.hpp what is
// measured; support/meta_trainer.hpp trains.

#include <cstdio>
#include <string>
#include <vector>

#include "basin/io/json.hpp"
#include "metanca_iris/measuring.hpp"
#include "metanca_iris/model.hpp"
#include "metanca_iris/settings.hpp"
#include "support/chart.hpp"
#include "support/meta_trainer.hpp"
#include "support/trainings.hpp"

namespace metanca_iris {

using Trainer = basin::examples::MetaTrainer<Rule>;

inline Trainer trainer_of(const Settings& settings, std::uint64_t seed, bool pool) {
  return {{.iterations = settings.iterations,
           .pool_iterations = settings.pool_iterations,
           .networks = settings.networks,
           .rate = settings.rate,
           .pool_rate = settings.pool_rate,
           .pool_step = pool_step,
           .most_updates = 10,
           .networks_in_pool = 16,
           .pool = pool,
           .explosion = 100,  // the mean comes close to 0
           .seed = seed},
          trained_architectures()};
}

inline std::string training_name(std::uint64_t seed, bool pool) {
  return "seed" + std::to_string(seed) + (pool ? "_with_pool" : "_without_pool");
}

/// What a rule of the kind, such as "with pool", is worth on each architecture. If it is the `first` of its kind, the
/// ways of two architectures go to `curves`.
inline basin::OrderedJson measured(const Settings& settings, const Theta& theta,
                                   const basin::examples::IrisSplit& split, std::uint64_t seed, const std::string& kind,
                                   bool first, std::vector<basin::examples::Series>& curves) {
  basin::OrderedJson json;
  const auto held_out = held_out_architectures();
  std::vector<Architecture> all = trained_architectures();
  all.insert(all.end(), held_out.begin(), held_out.end());
  for (std::size_t a = 0; a < all.size(); ++a) {
    const std::vector<Way> each = ways<Rule>(settings, theta, all[a], split, seed, pool_step);
    double accuracy = 0, later = 1;
    std::vector<Index> least_at, within;
    for (const Way& way : each) {
      accuracy += way.accuracy / static_cast<double>(each.size());
      least_at.push_back(way.least_at);
      within.push_back(way.within);
      later = std::min(later, way.later);
    }
    const std::string name = all[a].network.to_string();
    const bool trained = a < all.size() - held_out.size();
    json[name] = {{"trained", trained},
                  {"test_accuracy", accuracy},
                  {"updates_to_least_median", quantile(least_at, 0.5)},
                  {"within_a_tenth_median", quantile(within, 0.5)},
                  {"within_a_tenth_lower_quartile", quantile(within, 0.25)},
                  {"least_of_all_the_way_as_a_share_of_the_least", later}};
    std::printf(
        "seed %s, %s, %s%s: test accuracy %.3f, least after %td updates, within a tenth for %td (lower quartile %td)\n",
        std::to_string(seed).c_str(), kind.c_str(), name.c_str(), trained ? "" : " (held out)", accuracy,
        quantile(least_at, 0.5), quantile(within, 0.5), quantile(within, 0.25));
    if (first && (a == 2 || a == all.size() - 2)) {
      basin::examples::Series curve{name + ", " + kind, {}, {}};
      for (std::size_t t = 0; t < each[0].losses.size(); ++t) {
        curve.x.push_back(static_cast<double>(t));
        curve.y.push_back(each[0].losses[t]);
      }
      curves.push_back(curve);
    }
  }
  return json;
}

inline int run(Settings& settings, basin::examples::CommandLine& command_line) {
  basin::examples::take_checkpoints(command_line, settings.resume);
  check_horizon(settings);
  basin::set_threads(settings.threads);
  basin::examples::prepare_outputs(settings.out, {"metrics.json", "updates.png", "updates.svg", "loss.png", "loss.svg",
                                                  "with_pool.safetensors", "without_pool.safetensors"});
  const auto seed_of = [&](int s) { return settings.seed + static_cast<std::uint64_t>(s); };
  for (int s = 0; s < settings.seeds; ++s) {
    for (const bool pool : {true, false}) {
      basin::check_writable(settings.out + "/" + basin::examples::checkpoint_name(training_name(seed_of(s), pool)));
    }
  }
  basin::examples::Trainings trainings(command_line, settings.out, settings.resume, settings.checkpoint_minutes);
  basin::OrderedJson metrics;
  metrics["parameters"] = Rule::Updates::param_count;
  metrics["iterations"] = settings.iterations;
  metrics["pool_iterations"] = settings.pool_iterations;
  metrics["samples"] = settings.samples;
  metrics["updates"] = settings.updates;
  std::vector<basin::examples::Series> curves;
  for (int s = 0; s < settings.seeds; ++s) {
    const std::uint64_t seed = seed_of(s);
    const basin::examples::IrisSplit split = basin::examples::split_iris(seed);
    for (const bool pool : {true, false}) {
      const std::string name = training_name(seed, pool), kind = pool ? "with pool" : "without pool";
      Trainer trainer = trainer_of(settings, seed, pool);
      basin::Training training =
          trainings.take_up(name, basin::examples::fingerprint("irises", split.train.features), trainer);
      std::printf("seed %s, %s: %zu parameters, %d threads\n", std::to_string(seed).c_str(), kind.c_str(),
                  Rule::Updates::param_count, basin::threads());
      const int status =
          trainings.run(training, name, trainer, [&](std::uint64_t number, const Architecture& of, const auto& body) {
            const basin::examples::IrisSet set = noisy(split.train, settings.noise, seed, number);
            body(loss_of(of, set));
          });
      if (status != 0) return status;
      if (s == 0) {
        basin::save_parameters(settings.out + (pool ? "/with_pool" : "/without_pool") + ".safetensors",
                               trainer.parameters());
      }
      basin::OrderedJson& json = metrics["seed " + std::to_string(seed)][kind];
      json = measured(settings, trainer.parameters(), split, seed, kind, s == 0, curves);
      json["train_seconds"] = training.seconds();
      json["training"] = training.described();
    }
  }
  metrics["peak_rss_bytes"] = basin::examples::peak_rss_bytes();
  basin::examples::write_png_and_svg(
      settings.out + "/updates.png",
      basin::examples::line_chart(
          curves, {.title = "Networks while they are updated, with and without a pool in training",
                   .x = {.label = "updates of the network", .scale = basin::examples::Scale::from_zero, .whole = true},
                   .y = {.label = "loss on the training irises", .scale = basin::examples::Scale::logarithmic}}));
  basin::write_json(settings.out + "/metrics.json", metrics);
  std::printf("wrote %s\n", settings.out.c_str());
  return 0;
}

}  // namespace metanca_iris

int main(int argc, char** argv) {
  metanca_iris::Settings settings;
  basin::examples::CommandLine command_line("metanca_iris", metanca_iris::description, metanca_iris::footer);
  metanca_iris::describe(settings, command_line);
  return basin::examples::main_of(command_line, argc, argv, [&] { return metanca_iris::run(settings, command_line); });
}
