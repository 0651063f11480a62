#pragma once

// The models of this folder's programs, by the program that a checkpoint says it is of.

#include <cstdio>
#include <string>

#include "../deq_digits/model.hpp"
#include "../nca_digits/model.hpp"
#include "../nca_grow/model.hpp"
#include "basin/adjoint/jacobian_free.hpp"
#include "basin/io/checkpoint.hpp"
#include "basin/train/average.hpp"
#include "basin/train/best.hpp"

namespace basin_export {

using Adjoint = basin::JacobianFree;  // what only answers needs no other

/// Calls body(parameters, set_up) for deq_digits with the solver that the settings name.
template <class Body>
void visit_digits(basin::CheckpointReader& reader, const basin::Json& settings, const Body& body) {
  using Saved = deq_digits::Settled;
  // What the program evaluates: the average over the last steps, or that of the best epoch.
  const basin::Parameters<Saved, float> zeros;
  basin::WeightAverage<Saved, float> average(zeros);
  basin::Best<Saved, float> best(zeros, basin::Better::higher);
  average.each(reader.under("average"));
  const bool held_back = settings.at("held-back").get<int>() > 0;
  if (held_back) best.each(reader.under("best"));
  const auto& theta = held_back && best.value() == best.value() ? best.parameters() : average.parameters();
  const std::string stop = "made.layer<" + std::to_string(deq_digits::equilibrium) +
                           ">().stop = {.tolerance = " + settings.at("tolerance").dump() +
                           ", .max_evaluations = " + settings.at("max-evaluations").dump() + "};";
  const auto as = [&]<class Solver>(Solver) { body(theta.template as<deq_digits::Model<Solver, Adjoint>>(), stop); };
  const auto solver = settings.at("solver").get<std::string>();
  if (solver == "picard") return as(basin::Picard{});
  if (solver == "broyden") return as(basin::Broyden<20>{});
  if (solver == "newton_gmres") return as(basin::NewtonGmres<>{});
  as(basin::Anderson<5>{});
}

/// body(parameters, set_up) for a rollout of so many steps whose rule is what the checkpoint has; set_up begins with
/// `options`.
template <class Rollout, class Rule, class Body>
void visit_rollout(basin::CheckpointReader& reader, int steps, const Body& body, const std::string& options = "") {
  basin::Parameters<Rule, float> theta;
  reader("", theta);
  body(theta.template as<Rollout>(), options + "made.steps = " + std::to_string(steps) + ";");
}

/// The same for nca_grow, with the kind of automaton, the fire rate and the conventions that the settings say. Those of
/// an older checkpoint do not say them: it is of the published automaton.
template <class Body>
void visit_grown(basin::CheckpointReader& reader, const std::string& path, const basin::Json& settings, int steps,
                 const Body& body) {
  const int channels = settings.value("channels", 16), hidden = settings.value("hidden", 128);
  const auto filters = settings.value("filters", std::string(nca_grow::Sobel::name));
  const double rate = settings.value("fire-rate", 0.5);
  std::string options;
  if (rate != 0.5) options += "made.automaton.fire.rate = " + settings.at("fire-rate").dump() + "; ";
  if (settings.value("conventions", std::string("distill")) == "cax")
    options += "made.automaton.fire.rescaled = true; ";
  const bool is = nca_grow::visit_kind(channels, hidden, filters, [&]<class K>(const K&) {
    visit_rollout<typename K::template Grown<basin::Zero>, typename K::Rule>(reader, steps, body, options);
  });
  basin::check_file(is, path, "channels, hidden and filters of the checkpoint",
                    std::to_string(channels) + " " + std::to_string(hidden) + " " + filters, nca_grow::kinds_text());
}

/// Calls body(parameters, statements that give `made`, a model of that type, its options). Throws FileError for what is
/// no checkpoint of one of these programs.
template <class Body>
void visit_model(const std::string& path, int steps, const Body& body) {
  basin::CheckpointReader reader(path);
  const basin::CheckpointLabel label = reader.label();
  if (label.program == "deq_digits") {
    visit_digits(reader, label.settings, body);
  } else if (label.program == "nca_grow") {
    visit_grown(reader, path, label.settings, steps, body);
  } else if (label.program == "nca_digits") {
    visit_rollout<nca_digits::Model, nca_digits::Rule>(reader, steps, body);
  } else {
    basin::check_file(false, path, "program that wrote the checkpoint",
                      label.program.empty() ? "not said" : basin::detail::safe_text(label.program),
                      "deq_digits, nca_grow or nca_digits");
  }
}

}  // namespace basin_export
