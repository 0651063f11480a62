#pragma once

// An interface in C to a model whose parameters are source (parameter_header.hpp), so that other languages can run it:
// <name>.h, with the functions <name>_create, <name>_run, <name>_destroy and <name>_out_sizes, and <name>.cpp, which is
// compiled with the headers of basin and Eigen.

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "basin/io/atomic_file.hpp"
#include "basin/io/parameter_header.hpp"
#include "basin/version.hpp"

namespace basin {

namespace detail {

inline constexpr std::string_view c_declarations = R"(#ifndef {name}_H
#define {name}_H

/* A model{from}.
   Written by basin {version}: to change it, write it again.

   A state has its features first: feature c of the cell (i, j, k) of sample n is number
   c + features * (i + sizes[0] * (j + sizes[1] * (k + sizes[2] * n))). Sizes that a model has no use for are 1. */

#ifdef __cplusplus
extern "C" {
#endif

enum { {name}_in_features = {in}, {name}_out_features = {out} };

typedef struct {name}_model {name}_model;

/* Null if there is no memory for it. Several threads may run one model at once. */
{name}_model* {name}_create(void);
void {name}_destroy({name}_model* model);

/* The sizes of what comes out for the sizes of what goes in. 0, or -1 if the model cannot take those. */
int {name}_out_sizes(const {name}_model* model, const long in_sizes[3], long out_sizes[3]);

/* Runs the model on so many samples, from in to out. `step` is the number of the first step where an automaton has
   random masks, and else of no account.
   Returns how many solves did not converge, in which case out has the best states that they found: 0 if all did, or
   if the model solves nothing. Or -1: the arguments make no sense or memory is short, and `why`, if it is not null,
   has a sentence about it, cut to why_size bytes. */
int {name}_run(const {name}_model* model, const float* in, const long in_sizes[3], long samples, long step, float* out,
               char* why, unsigned long why_size);

#ifdef __cplusplus
}
#endif

#endif
)";

inline constexpr std::string_view c_definitions = R"(// Written by basin {version}: to change it, write it again.

#include "{name}.h"

#include <cstddef>
#include <cstdio>
#include <exception>
#include <new>

#include "{header}"

struct {name}_model {
  {name}::Model model = {name}::model();
};

namespace {

basin::Shape shape_of(const long* sizes, long samples) {
  return {{name}_in_features, {sizes[0], sizes[1], sizes[2]}, samples};
}

}  // namespace

extern "C" {

{name}_model* {name}_create(void) { return new (std::nothrow) {name}_model; }

void {name}_destroy({name}_model* model) { delete model; }

int {name}_out_sizes(const {name}_model* model, const long* in_sizes, long* out_sizes) {
  try {
    const basin::Shape out = model->model.out_shape(shape_of(in_sizes, 1));
    for (std::size_t i = 0; i < 3; ++i) out_sizes[i] = static_cast<long>(out.space[i]);
    return 0;
  } catch (const std::exception&) {
    return -1;
  }
}

int {name}_run(const {name}_model* model, const float* in, const long* in_sizes, long samples, long step, float* out,
               char* why, unsigned long why_size) {
  try {
    const basin::Shape shape = shape_of(in_sizes, samples);
    const basin::View<const float> x(in, shape);
    const basin::View<float> y(out, model->model.out_shape(shape));
    const basin::Report report =
        basin::report_of([&] { return model->model.apply({name}::theta, x, y, basin::Context{.step = step}); });
    return static_cast<int>(report.forward.solves() - report.forward.converged());
  } catch (const std::exception& error) {
    if (why != nullptr) std::snprintf(why, why_size, "%s", error.what());
    return -1;
  }
}

}  // extern "C"
)";

/// The text with each {key} replaced.
[[nodiscard]] inline std::string filled(std::string_view text,
                                        std::initializer_list<std::pair<std::string_view, std::string>> values) {
  std::string out(text);
  for (const auto& [key, value] : values) {
    const std::string place = "{" + std::string(key) + "}";
    for (std::size_t at = out.find(place); at != std::string::npos; at = out.find(place, at + value.size())) {
      out.replace(at, place.size(), value);
    }
  }
  return out;
}

}  // namespace detail

/// Writes <name>.h and <name>.cpp into a folder, for the parameter header `header_file` (as it stands behind #include),
/// written with the same name, of a model in float. Throws std::invalid_argument for a name that is no identifier, and
/// FileError if a file cannot be written.
template <class Model>
void write_c_interface(const std::string& folder, const std::string& header_file, const ParameterHeader& header) {
  static_assert(Model::in_features > 0 && Model::out_features > 0,
                "a C interface: the numbers of features have to be part of the model's type");
  detail::check_header_name(header.name);
  for (const auto& [text, ending] :
       {std::pair(detail::c_declarations, ".h"), std::pair(detail::c_definitions, ".cpp")}) {
    write_file(folder + "/" + header.name + ending, detail::filled(text, {{"name", header.name},
                                                                          {"header", header_file},
                                                                          {"in", std::to_string(Model::in_features)},
                                                                          {"out", std::to_string(Model::out_features)},
                                                                          {"version", std::string(version_text)},
                                                                          {"from", detail::origin_text(header.from)}}));
  }
}

}  // namespace basin
