#pragma once

// The automata of nca_grow: features of a cell, RGB and alpha first; a cell sees itself and its slopes, and a small
// network answers. The published one has 16 features, 128 hidden ones and 8,336 parameters. It and some others are
// compiled, and the files of models say which they are of.

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <tuple>
#include <utility>

#include "basin/io/cax_model.hpp"
#include "basin/io/checkpoint.hpp"
#include "basin/io/growing_model.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/nca/perceive.hpp"
#include "basin/nca/rollout.hpp"
#include "basin/train/initial.hpp"

namespace nca_grow {

using basin::Index;
using basin::Shape;
using basin::State;
using basin::View;

/// What a cell sees of each feature: the value and its slopes.
struct Sobel {
  static constexpr const char* name = "sobel";
  template <int C, class Edge>
  using Sees = basin::Perceive<C, Edge, basin::Centre, basin::SobelX, basin::SobelY>;
};
/// The sum of the second differences along both axes, over 8 as in CAX, where it is called grad2: as with Sobel's
/// filters, the magnitudes of the weights add up to 1.
struct SecondDifferences {
  static constexpr std::array<basin::Tap, 5> taps{
      {{0, -1, 0, 0.125}, {-1, 0, 0, 0.125}, {0, 0, 0, -0.5}, {1, 0, 0, 0.125}, {0, 1, 0, 0.125}}};
};
/// The value, its slopes and that.
struct SobelLaplacian {
  static constexpr const char* name = "sobel_laplacian";
  template <int C, class Edge>
  using Sees = basin::Perceive<C, Edge, basin::Centre, basin::SobelX, basin::SobelY, SecondDifferences>;
};

/// An automaton of so many features and hidden features.
template <int Channels, int Hidden, class Filters = Sobel>
struct Kind {
  static constexpr int features = Channels, hidden = Hidden;
  template <class Edge>
  using Sees = typename Filters::template Sees<Channels, Edge>;
  using Rule = basin::Sequential<basin::Dense<Sees<basin::Zero>::seen_features, Hidden>, basin::Relu,
                                 basin::Dense<Hidden, Channels>>;
  template <class Edge>
  using Growing = basin::Automaton<Sees<Edge>, Rule, basin::RandomFire, basin::AliveMask<3>>;
  template <class Edge, class Tape = basin::Recomputed>
  using Grown = basin::Rollout<Growing<Edge>, Tape>;
  using Theta = basin::Parameters<Rule, float>;

  static bool is(int channels, int hidden_features, const std::string& filters) {
    return channels == Channels && hidden_features == Hidden && filters == Filters::name;
  }
  static std::string text() { return std::to_string(Channels) + " " + std::to_string(Hidden) + " " + Filters::name; }
};

using Published = Kind<16, 128>;
/// Those that are compiled.
using Kinds = std::tuple<Kind<12, 64>, Published, Kind<16, 128, SobelLaplacian>>;

/// Calls visit(Kind) for the kind of these settings; returns whether there is one.
template <class Visit>
bool visit_kind(int channels, int hidden, const std::string& filters, const Visit& visit) {
  const auto one = [&](const auto& kind) {
    const bool is = kind.is(channels, hidden, filters);
    if (is) visit(kind);
    return is;
  };
  return std::apply([&](const auto&... kinds) { return (one(kinds) || ...); }, Kinds{});
}

/// The kinds in words: channels, hidden features and filters of each.
inline std::string kinds_text() {
  const auto join = [](const auto& first, const auto&... rest) { return (first.text() + ... + (", " + rest.text())); };
  return std::apply(join, Kinds{});
}

/// Glorot's for the first layer and zeros for the last, so that at first nothing changes.
template <class K>
typename K::Theta initial_theta(std::uint64_t seed) {
  auto theta = basin::initial_parameters<float>(typename K::Rule{}, seed);
  const std::span<float> last = theta.leaf("2.weight");
  std::fill(last.begin(), last.end(), 0.0f);
  return theta;
}

/// Whether a file has the arrays of CAX.
inline bool is_of_cax(const std::string& path) {
  basin::detail::check_is_safetensors(path);
  return basin::read_safetensors(path).tensors.contains("update.layers.0.kernel");
}

/// The options that say which automaton it is.
inline constexpr std::array automaton_settings{"channels", "hidden", "filters", "fire-rate", "conventions"};

/// The settings of a model: what its file says of them, and for the others those of the published automaton.
inline basin::Json settings_of_model(const std::string& path) {
  basin::Json settings{{"channels", Published::features},
                       {"hidden", Published::hidden},
                       {"filters", Sobel::name},
                       {"fire-rate", 0.5},
                       {"conventions", "distill"}};
  if (path.ends_with(".json")) return settings;
  if (is_of_cax(path)) {
    settings["conventions"] = "cax";
    const auto tensors = basin::read_safetensors(path).tensors;
    const auto first = tensors.find("update.layers.0.kernel"), last = tensors.find("update.layers.1.kernel");
    if (last == tensors.end() || first->second.shape.size() != 4 || last->second.shape.size() != 4) return settings;
    const std::uint64_t inputs = first->second.shape[2], channels = last->second.shape[3];
    settings["channels"] = channels;
    settings["hidden"] = first->second.shape[3];
    settings["filters"] = inputs == 4 * channels ? SobelLaplacian::name : Sobel::name;
    return settings;
  }
  const basin::CheckpointLabel label = basin::CheckpointReader(path).label();
  if (label.program != "nca_grow" || !label.settings.is_object()) return settings;
  for (const char* key : automaton_settings) {
    if (label.settings.contains(key)) settings[key] = label.settings[key];
  }
  return settings;
}

/// Throws FileError if the file is none of a model of this kind.
template <class K>
typename K::Theta load_model(const std::string& path) {
  using Rule = typename K::Rule;
  if (path.ends_with(".json")) return basin::read_growing_model<Rule>(path);
  if (!is_of_cax(path)) return basin::load_parameters<Rule, float>(path);
  return basin::read_cax_model<typename K::template Growing<basin::Zero>>(path).template as<Rule>();
}

/// A model that has to be of the published kind. Throws FileError if it says that it fires in another way.
inline Published::Theta load_published(const std::string& path) {
  const basin::Json settings = settings_of_model(path);
  for (const auto& [key, expected] :
       {std::pair{"fire-rate", basin::Json(0.5)}, std::pair{"conventions", basin::Json("distill")}}) {
    basin::check_file(settings[key] == expected, path, std::string(key) + " of the model", settings[key].dump(),
                      expected.dump());
  }
  return load_model<Published>(path);
}

}  // namespace nca_grow
