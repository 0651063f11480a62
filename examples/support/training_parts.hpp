#pragma once

// What the trainings of several programs have in common, beside the loop (basin/io/training.hpp).

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "basin/core/state.hpp"
#include "basin/io/png.hpp"
#include "basin/train/schedule.hpp"
#include "chart.hpp"
#include "command_line.hpp"

namespace basin::examples {

/// Throws UsageError if two options are given of which only one makes sense.
inline void check_one_of(const std::string& one, const std::string& value, const std::string& other,
                         const std::string& other_value) {
  if (!value.empty() && !other_value.empty()) {
    throw UsageError("--" + one + " and --" + other + " are both given, expected one of them");
  }
}

/// Throws UsageError unless a batch can be drawn from a pool.
inline void check_batch(int batch, int pool) {
  check_option(batch <= pool, "--batch", batch, "at most --pool, " + std::to_string(pool));
}

/// Throws UsageError unless a rollout can have a number of steps from `least` to below `most`.
inline void check_steps(int least, int most) {
  check_option(least < most, "--min-steps", least, "less than --max-steps, " + std::to_string(most));
}

/// A step on a gradient that is not finite would spoil the parameters: throws std::runtime_error unless the norm of the
/// gradient of iteration i, counted from 0, is finite. The run then ends with what it has.
inline void check_gradient(double norm, std::int64_t i) {
  if (std::isfinite(norm)) return;
  throw std::runtime_error("the gradient is not finite in iteration " + std::to_string(i + 1) + ": try a lower --rate");
}

/// The scale of the rate when a share of a training, from 0 to 1, is over: along half a cosine from 1 to
/// final_rate / rate.
[[nodiscard]] inline double rate_scale(double share, double rate, double final_rate) {
  constexpr Index fine = 1 << 20;
  return Cosine{.total = fine, .final = final_rate / rate}(static_cast<Index>(share * static_cast<double>(fine)));
}

/// rate_scale() for the step of iteration i, counted from 0, where the rate rises first: the first `warm_up` iterations
/// have 1 / warm_up, 2 / warm_up, ... of it, as an optimizer that has seen few gradients should make no long steps.
[[nodiscard]] inline double warm_rate_scale(std::int64_t i, int warm_up, double share, double rate, double final_rate) {
  return std::min(1.0, static_cast<double>(i + 1) / warm_up) * rate_scale(share, rate, final_rate);
}

/// The curve of the losses, `name` says which, as loss.png and loss.svg in the folder; none if nothing was trained.
inline void draw_loss(const std::string& folder, const std::vector<double>& losses, const std::string& name) {
  if (losses.empty()) return;
  write_png_and_svg(folder + "/loss.png",
                    line_chart({means_of("", losses)}, {.title = "Training",
                                                        .x = {.label = "iteration", .whole = true},
                                                        .y = {.label = name, .scale = Scale::logarithmic}}));
}

}  // namespace basin::examples
