#pragma once

// The pictures that are goals: PNG files of a folder, or, where these are too few, drawn by the program.

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <numbers>
#include <string>
#include <vector>

#include "../nca_grow/pattern.hpp"
#include "../support/command_line.hpp"
#include "../support/inks.hpp"
#include "basin/io/file_error.hpp"
#include "basin/io/target_image.hpp"
#include "model.hpp"

namespace nca_goals {

using basin::examples::in_ellipse;
using basin::examples::Ink;
using basin::examples::on_stroke;

inline Ink heart(double x, double y) {
  const double u = 1.25 * x, v = -1.25 * y + 0.15, ball = u * u + v * v - 1;
  if (ball * ball * ball - u * u * v * v * v > 0) return {};
  return std::hypot(x + 0.4, y + 0.42) < 0.17 ? Ink{1, 0.72, 0.75, 1} : Ink{0.87, 0.1, 0.24, 1};
}

inline Ink star(double x, double y) {
  const double fifth = 2 * std::numbers::pi / 5, angle = std::atan2(x, -y);
  const double from_tip = std::abs(std::remainder(angle, fifth)), radius = std::hypot(x, y);
  // The edge from a tip at 0.97 to the corner between two tips at 0.42.
  const double tip = 0.97, corner = 0.42, half = fifth / 2;
  const double edge = tip * corner * std::sin(half) / (corner * std::sin(half - from_tip) + tip * std::sin(from_tip));
  if (radius > edge) return {};
  return radius < 0.62 * edge ? Ink{1, 0.86, 0.25, 1} : Ink{0.96, 0.66, 0.1, 1};
}

inline Ink moon(double x, double y) {
  if (!in_ellipse(x, y, -0.05, 0, 0.9, 0.9) || in_ellipse(x, y, 0.42, -0.14, 0.74, 0.74)) return {};
  for (const std::array<double, 3>& crater :
       {std::array{-0.6, 0.1, 0.13}, std::array{-0.35, 0.55, 0.1}, std::array{-0.45, -0.45, 0.09}}) {
    if (std::hypot(x - crater[0], y - crater[1]) < crater[2]) return {0.72, 0.66, 0.5, 1};
  }
  return {0.93, 0.87, 0.66, 1};
}

inline Ink flower(double x, double y) {
  const double radius = std::hypot(x, y), angle = std::atan2(y, x);
  if (radius < 0.28) return {0.98, 0.8, 0.15, 1};
  const double petal = 0.62 + 0.3 * std::cos(6 * angle);
  if (radius > petal) return {};
  return radius < 0.42 ? Ink{0.5, 0.2, 0.65, 1} : Ink{0.7, 0.42, 0.86, 1};
}

inline Ink fish(double x, double y) {
  if (std::hypot(x + 0.52, y + 0.12) < 0.1) return {0.06, 0.06, 0.1, 1};
  if (in_ellipse(x, y, -0.18, 0, 0.74, 0.5)) {
    const bool stripe = std::abs(x + 0.16) < 0.09 || std::abs(x - 0.24) < 0.08;
    return stripe ? Ink{0.97, 0.97, 0.95, 1} : Ink{0.97, 0.5, 0.08, 1};
  }
  if (x > 0.4 && x < 0.95 && std::abs(y) < 0.1 + 0.75 * (x - 0.4)) return {0.93, 0.4, 0.05, 1};
  return {};
}

inline Ink toadstool(double x, double y) {
  if (y < 0.14 && in_ellipse(x, y, 0, 0.14, 0.92, 0.95)) {
    for (const std::array<double, 3>& spot :
         {std::array{-0.45, -0.2, 0.16}, std::array{0.1, -0.5, 0.17}, std::array{0.52, -0.12, 0.13}}) {
      if (std::hypot(x - spot[0], y - spot[1]) < spot[2]) return {1, 0.97, 0.92, 1};
    }
    return {0.83, 0.13, 0.12, 1};
  }
  if (y < 0.94 && y > 0 && std::abs(x) < 0.2 + 0.12 * y) return {0.94, 0.88, 0.76, 1};
  return {};
}

inline Ink tree(double x, double y) {
  for (int level = 0; level < 3; ++level) {
    const double top = -0.96 + 0.46 * level, bottom = top + 0.66;
    if (y > top && y < bottom && std::abs(x) < (0.42 + 0.16 * level) * (y - top) / 0.66) {
      return y > bottom - 0.16 ? Ink{0.08, 0.36, 0.2, 1} : Ink{0.13, 0.52, 0.27, 1};
    }
  }
  if (y >= 0.6 && y < 0.96 && std::abs(x) < 0.13) return {0.45, 0.29, 0.15, 1};
  return {};
}

/// A picture, and what it is called.
struct Goal {
  std::string name;
  basin::Image picture;
};

/// `count` goals, pictures drawn with `pixels` along a side. Throws FileError for a folder or a picture that cannot be
/// read.
inline std::vector<Goal> load_goals(const std::string& folder, int count, Index pixels) {
  std::vector<Goal> goals;
  if (!folder.empty()) {
    std::vector<std::filesystem::path> files;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
      if (entry.path().extension() == ".png") files.push_back(entry.path());
    }
    if (error) throw basin::FileError(folder, "is no folder that can be read: " + error.message());
    if (files.empty()) throw basin::FileError(folder, "has no PNG file (*.png), expected 1 or more");
    std::sort(files.begin(), files.end());
    for (const auto& file : files) {
      if (static_cast<int>(goals.size()) < count)
        goals.push_back({file.stem().string(), basin::read_png(file.string())});
    }
  }
  struct Drawn {
    const char* name;
    Ink (*ink_at)(double, double);
  };
  constexpr std::array<Drawn, most_goals> drawings{{{"heart", heart},
                                                    {"star", star},
                                                    {"toadstool", toadstool},
                                                    {"fish", fish},
                                                    {"ladybird", nca_grow::ladybird},
                                                    {"moon", moon},
                                                    {"flower", flower},
                                                    {"tree", tree}}};
  for (const Drawn& one : drawings) {
    const auto is_there = [&](const Goal& goal) { return goal.name == one.name; };  // names tell goals apart
    if (static_cast<int>(goals.size()) < count && std::none_of(goals.begin(), goals.end(), is_there)) {
      goals.push_back({one.name, basin::examples::drawn(pixels, one.ink_at)});
    }
  }
  return goals;
}

/// The goals as states (4, X, Y, 1, count).
inline State<float> targets_of(const std::vector<Goal>& goals, const basin::TargetOptions& options) {
  State<float> all;
  for (std::size_t i = 0; i < goals.size(); ++i) {
    const State<float> one = basin::target_state<float>(goals[i].picture, options);
    if (i == 0) all = State<float>(one.shape.with_samples(static_cast<Index>(goals.size())));
    all.view().sample(static_cast<Index>(i)).vector() = one.values;
  }
  return all;
}

}  // namespace nca_goals
