#pragma once

// The parameters of a model among the tensors of a file: by names, shapes and layout, whoever wrote the file. Needs the
// standard library and Eigen, and no exceptions; checkpoint.hpp reads whole checkpoints, with their checksum.

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "basin/core/parameters.hpp"
#include "basin/io/checkpoint_checks.hpp"
#include "basin/io/file_error.hpp"
#include "basin/io/tensor_file.hpp"
#include "basin/io/tensor_layout.hpp"
#include "basin/version.hpp"

namespace basin {

/// The newest format. It is written in the layout of PyTorch, and format 1 else. Formats from 1 to this one are read,
/// and files without a label, which are format 0.
inline constexpr int checkpoint_format = 2;

namespace detail {

inline constexpr std::string_view label_prefix = "basin.";
inline constexpr std::string_view format_key = "basin.format", format_version_key = "basin.format_version",
                                  version_key = "basin.version", program_key = "basin.program", data_key = "basin.data",
                                  checksum_key = "basin.checksum", settings_key = "settings", layout_key = "layout",
                                  format_name = "basin checkpoint";

/// "group.name", or the name alone outside of all groups.
[[nodiscard]] inline std::string name_in(std::string_view group, std::string_view name) {
  return group.empty() ? std::string(name) : std::string(group) + "." + std::string(name);
}

/// The text of a key, or "" where it is not there.
[[nodiscard]] inline std::string metadata_text(const TensorFile& file, std::string_view key) {
  const auto found = file.metadata.find(std::string(key));
  return found == file.metadata.end() ? "" : found->second;
}

/// The version of the file's format; 0 if it has no label. Throws FileError if the format is newer than this library.
[[nodiscard]] inline int said_format(const TensorFile& file, const std::string& path) {
  const auto first = file.metadata.lower_bound(std::string(label_prefix));
  if (first == file.metadata.end() || !first->first.starts_with(label_prefix)) return 0;
  const std::string format = metadata_text(file, format_key), text = metadata_text(file, format_version_key);
  check_file(format == format_name, path, "format", safe_text(format), "'" + std::string(format_name) + "'");
  int version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  const bool is_number = error == std::errc() && end == text.data() + text.size() && version >= 1;
  check_file(is_number, path, "version of the checkpoint's format", safe_text(text), "a whole number, 1 or more");
  check_file(version <= checkpoint_format, path, "version of the checkpoint's format",
             std::to_string(version) + " (basin " + safe_text(metadata_text(file, version_key)) + " wrote it)",
             "at most " + std::to_string(checkpoint_format) + ", which basin " + std::string(version_text) + " reads");
  return version;
}

/// The layout that the file says it has, by its mark or its label. Throws FileError for a mark that is not known.
[[nodiscard]] inline std::optional<TensorLayout> said_layout(const TensorFile& file, int format_version,
                                                             const std::string& path) {
  const std::string text = metadata_text(file, layout_key);
  for (const TensorLayout layout : {TensorLayout::basin, TensorLayout::torch}) {
    if (text == name(layout)) return layout;
  }
  check_file(!file.metadata.contains(std::string(layout_key)), path, "layout of the file", safe_text(text),
             "'basin' or 'torch'");
  return format_version > 0 ? std::optional(TensorLayout::basin) : std::nullopt;
}

/// Finds leaves among the tensors of a file. Each member throws FileError.
class LeafFinder {
 public:
  /// `said`: the layout that the file says it has.
  LeafFinder(const TensorFile& file, const std::string& path, std::optional<TensorLayout> said)
      : file_(file), path_(path), layout_(said) {}

  /// All leaves of a group, as CheckpointReader says; `taken` gets the names of their arrays.
  template <class Model, class S, class... Checks>
  [[nodiscard]] Parameters<Model, S> parameters(std::string_view group, std::set<std::string>& taken,
                                                const Checks&... checks) const {
    const std::vector<Leaf> leaves = leaves_of<Model>();
    const TensorLayout layout = layout_of(group, leaves, layout_among(checks...));
    std::vector<TensorPlan> plans;
    std::string missing;
    for (const Leaf& leaf : leaves) {
      TensorPlan& plan = plans.emplace_back(plan_of(leaf, layout));
      plan.name = name_in(group, plan.name);
      if (!file_.tensors.contains(plan.name)) missing += (missing.empty() ? "" : ", ") + plan.name;
    }
    if (!missing.empty()) throw_file_error(path_, "leaves that the model has and the checkpoint lacks: " + missing);
    Parameters<Model, S> read;
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      const TensorPlan& plan = plans[i];
      const TensorEntry& from = entry(plan.name, tensor_type_of<S>());
      if (from.shape != plan.shape) {
        check_file(false, path_, "shape of '" + plan.name + "'", shape_text(from.shape),
                   shapes_expected(leaves[i], layout));
      }
      const std::span<S> values(read.vector().data() + leaves[i].offset, leaves[i].size);
      if (plan.places.empty() && !values.empty()) std::memcpy(values.data(), from.bytes.data(), from.bytes.size());
      for (std::size_t k = 0; k < plan.places.size(); ++k) {
        std::memcpy(&values[plan.places[k]], from.bytes.data() + k * sizeof(S), sizeof(S));
      }
      if constexpr (!(std::same_as<Checks, AnyNumbers> || ...)) Finite().verify(path_, plan.name, values);
    }
    for (const TensorPlan& plan : plans) taken.insert(plan.name);
    return read;
  }

  /// The array of this name. Throws FileError if it is not there, or of another type.
  [[nodiscard]] const TensorEntry& entry(const std::string& name, TensorType type) const {
    const auto found = file_.tensors.find(name);
    if (found == file_.tensors.end()) throw_file_error(path_, "array '" + name + "' is missing");
    const TensorEntry& entry = found->second;
    check_file(entry.type == type, path_, "type of '" + name + "'", basin::name(entry.type), basin::name(type));
    return entry;
  }

 private:
  /// The layout of a group's leaves: what the file says, or else what was asked for, or what the arrays show.
  [[nodiscard]] TensorLayout layout_of(std::string_view group, const std::vector<Leaf>& leaves,
                                       std::optional<TensorLayout> asked) const {
    if (layout_ && asked) {
      check_file(*layout_ == *asked, path_, "layout of the file", name(*layout_),
                 "TensorLayout::" + std::string(name(*asked)));
    }
    const TensorLayout layout = layout_ ? *layout_ : asked ? *asked : layout_by_arrays(group, leaves);
    for (const Leaf& leaf : leaves) {
      check_file(layout == TensorLayout::basin || leaf.in_torch, path_, "layout of '" + name_in(group, leaf.name) + "'",
                 name(layout), not_in_torch);
    }
    return layout;
  }

  /// Not from one leaf for another that fits both: who transposed by hand what did not load may have left that one.
  [[nodiscard]] TensorLayout layout_by_arrays(std::string_view group, const std::vector<Leaf>& leaves) const {
    std::optional<TensorLayout> layout;
    std::string by;  // which leaf it is known
    for (const Leaf& leaf : leaves) {
      const std::string who = name_in(group, leaf.name);
      const bool as_ours = has(group, leaf, TensorLayout::basin), as_torch = has(group, leaf, TensorLayout::torch);
      if (as_ours && as_torch && differs_by_layout(leaf)) {
        check_file(false, path_, "layout of '" + who + "'",
                   "not said, and its shape " + shape_in(leaf, TensorLayout::torch) + " is the same in both",
                   "TensorLayout::torch or TensorLayout::basin behind the parameters, or the file's metadata "
                   "\"layout\"");
      }
      if (as_ours == as_torch) continue;
      const TensorLayout now = as_torch ? TensorLayout::torch : TensorLayout::basin;
      check_file(!layout || *layout == now, path_, "layout of '" + who + "' by its shape and name", name(now),
                 std::string(name(layout.value_or(now))) + ", that of '" + by + "'");
      layout = now;
      by = who;
    }
    return layout.value_or(TensorLayout::basin);
  }

  /// Whether the file has the leaf under the name and with the shape that it has in a layout.
  [[nodiscard]] bool has(std::string_view group, const Leaf& leaf, TensorLayout layout) const {
    const TensorPlan plan = plan_of(leaf, layout);
    const auto found = file_.tensors.find(name_in(group, plan.name));
    return found != file_.tensors.end() && found->second.shape == plan.shape;
  }

  static std::string shape_in(const Leaf& leaf, TensorLayout layout) { return shape_text(plan_of(leaf, layout).shape); }

  /// The shape of a leaf in this layout, and the other where nobody said which it is.
  [[nodiscard]] std::string shapes_expected(const Leaf& leaf, TensorLayout layout) const {
    const std::string ours = shape_in(leaf, TensorLayout::basin), theirs = shape_in(leaf, TensorLayout::torch);
    if (layout == TensorLayout::torch) return theirs + " in torch's layout";
    return layout_ || ours == theirs ? ours : ours + ", or " + theirs + " in torch's layout";
  }

  const TensorFile& file_;
  const std::string& path_;
  std::optional<TensorLayout> layout_;
};

}  // namespace detail

/// The parameters of one model among the tensors of a file, such as those of parse_safetensors; `path` names it in
/// messages. Leaves have their names, "0.weight", behind "group." where a group is named. Other tensors are left alone.
/// Throws FileError, and settles the layout, as CheckpointReader does for parameters, but for damage that only the
/// checksum of a checkpoint would show. Without exceptions, see set_error_handler().
template <class Model, class S, class... Checks>
[[nodiscard]] Parameters<Model, S> parameters_of(const TensorFile& file, const std::string& path,
                                                 std::string_view group = "", const Checks&... checks) {
  std::set<std::string> taken;
  const int format = detail::said_format(file, path);
  return detail::LeafFinder(file, path, detail::said_layout(file, format, path))
      .parameters<Model, S>(group, taken, checks...);
}

}  // namespace basin
