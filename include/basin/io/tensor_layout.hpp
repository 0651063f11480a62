#pragma once

// The two layouts in which files keep the leaves of a model: names, and the order of axes of each array.
//
//   leaf (column-major)              basin: the same bytes   PyTorch: the same model as torch.nn has it
//   Dense "weight"  (out, in)        (in, out)               (out, in)               Linear
//   Conv "weight"   (out, in, k, l)  (l, k, in, out)         (out, in, l, k)         Conv2d: rows are the height
//   norm "scale"    (C)              "scale" (C)             "weight" (C)            GroupNorm, LayerNorm
//   norm "shift"    (C)              "shift" (C)             "bias" (C)
//
// In general PyTorch's array has the out axes of a leaf, then its in axes, then those of the kernel backwards (depth,
// height, width), and is row-major. The features that a Flatten makes are counted c + C (x + X (y + Y z)) here and
// x + X (y + Y (z + Z c)) there, so that the in axis of a dense layer behind it has another order.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "basin/core/parameters.hpp"
#include "basin/io/file_error.hpp"

namespace basin {

enum class TensorLayout {
  basin,  ///< leaves as they are in memory
  torch,  ///< names and arrays of PyTorch's state dicts
};

/// As the metadata of a file says it under "layout".
[[nodiscard]] constexpr std::string_view name(TensorLayout layout) {
  return layout == TensorLayout::torch ? "torch" : "basin";
}

namespace detail {

/// A leaf as an array of a file: element i of the file is element places[i] of the leaf. No places: all are their own.
struct TensorPlan {
  std::string name{};
  std::vector<std::uint64_t> shape{};
  std::vector<std::size_t> places{};
};

/// Adds an axis, faster than those before, to the places of an array's elements.
inline void add_axis(std::vector<std::size_t>& places, Index extent, std::size_t step) {
  std::vector<std::size_t> all;
  all.reserve(places.size() * static_cast<std::size_t>(extent));
  for (const std::size_t place : places) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(extent); ++i) all.push_back(place + i * step);
  }
  places.swap(all);
}

[[nodiscard]] inline TensorPlan torch_plan(const Leaf& leaf) {
  TensorPlan plan{.name = leaf.torch_name, .places = {0}};
  for (const LeafAxis role : {LeafAxis::out, LeafAxis::in, LeafAxis::kernel}) {
    for (std::size_t axis = leaf.shape.size(); axis-- > 0;) {
      if (leaf.axes[axis] != role) continue;
      std::size_t step = 1;
      for (std::size_t before = 0; before < axis; ++before) step *= static_cast<std::size_t>(leaf.shape[before]);
      plan.shape.push_back(static_cast<std::uint64_t>(leaf.shape[axis]));
      if (role == LeafAxis::in && !leaf.flattened.empty()) {  // (C, X, Y, Z) as C, Z, Y, X
        std::array<std::size_t, 4> steps{step};
        for (std::size_t i = 1; i < 4; ++i) steps[i] = steps[i - 1] * static_cast<std::size_t>(leaf.flattened[i - 1]);
        for (const std::size_t i : {0u, 3u, 2u, 1u}) add_axis(plan.places, leaf.flattened[i], steps[i]);
      } else {
        add_axis(plan.places, leaf.shape[axis], step);
      }
    }
  }
  return plan;
}

[[nodiscard]] inline TensorPlan plan_of(const Leaf& leaf, TensorLayout layout) {
  if (layout == TensorLayout::torch) return torch_plan(leaf);
  TensorPlan plan{.name = leaf.name};
  for (auto extent = leaf.shape.rbegin(); extent != leaf.shape.rend(); ++extent) {
    plan.shape.push_back(static_cast<std::uint64_t>(*extent));
  }
  return plan;
}

/// Whether the same array of a file is another leaf in the other layout.
[[nodiscard]] inline bool differs_by_layout(const Leaf& leaf) {
  const TensorPlan plan = torch_plan(leaf);
  for (std::size_t i = 0; i < plan.places.size(); ++i) {
    if (plan.places[i] != i) return true;
  }
  return !leaf.in_torch;
}

/// What is said of a leaf that PyTorch cannot have.
inline constexpr std::string_view not_in_torch =
    "TensorLayout::basin: behind a Flatten of several features and cells, whose order differs in PyTorch, only a dense "
    "layer can be in torch's layout";

/// The layout among what stands behind parameters, if one does.
[[nodiscard]] inline std::optional<TensorLayout> layout_among() { return std::nullopt; }
template <class First, class... Rest>
[[nodiscard]] std::optional<TensorLayout> layout_among(const First& first, const Rest&... rest) {
  if constexpr (std::is_same_v<First, TensorLayout>) {
    return first;
  } else {
    return layout_among(rest...);
  }
}

}  // namespace detail

}  // namespace basin
