#pragma once

// Reads checkpoints; checkpoint.hpp says what they are.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "basin/core/parameters.hpp"
#include "basin/io/checkpoint_checks.hpp"
#include "basin/io/checkpoint_label.hpp"
#include "basin/io/json.hpp"
#include "basin/io/safetensors.hpp"

namespace basin {

/// A checkpoint that was read and is taken apart by name. Each member throws FileError and then has changed nothing.
class CheckpointReader {
 public:
  /// Throws FileError if the file is no safetensors file, was damaged, or has a newer format than this library. A
  /// safetensors file without a label, of another tool or of basin before it had labels, is read as it is.
  explicit CheckpointReader(const std::string& path) : path_(path) {
    detail::check_is_safetensors(path);
    file_ = read_safetensors(path);
    format_version_ = detail::checked_format(file_, path);
    layout_ = detail::said_layout(file_, format_version_, path);
  }

  /// For a program's own files: throws FileError as well if it was not `program` that wrote it, or if it has no label.
  CheckpointReader(const std::string& path, std::string_view program) : CheckpointReader(path) {
    check_file(format_version_ > 0, path, "label", "missing: another tool or an older basin wrote the file",
               "that of a checkpoint of " + std::string(program));
    expect_text("program that wrote the checkpoint", detail::program_key, program);
  }

  /// 0 if the file has no label.
  [[nodiscard]] int format_version() const { return format_version_; }
  /// Of the library that wrote it; empty if it has no label.
  [[nodiscard]] std::string library_version() const { return detail::metadata_text(file_, detail::version_key); }
  [[nodiscard]] CheckpointLabel label() const {
    return {detail::metadata_text(file_, detail::program_key),
            has_metadata(detail::settings_key) ? metadata(detail::settings_key) : Json(),
            detail::metadata_text(file_, detail::data_key), layout_.value_or(TensorLayout::basin)};
  }
  /// What the file says; nothing if it neither has a label nor the mark "layout".
  [[nodiscard]] std::optional<TensorLayout> layout() const { return layout_; }

  /// Throws FileError unless the label names this data set.
  void expect_data(std::string_view data) const { expect_text("data set of the checkpoint", detail::data_key, data); }

  /// Throws FileError unless this setting was the same then.
  void expect_setting(const std::string& key, const Json& value) const {
    const Json settings = label().settings;
    const bool is_there = settings.is_object() && settings.contains(key);
    check_file(is_there && settings[key] == value, path_, "setting '" + key + "' of the checkpoint",
               is_there ? detail::safe_text(settings[key].dump()) : "missing", detail::safe_text(value.dump()));
  }

  /// All leaves of a group, finite unless AnyNumbers is among the checks. Throws FileError, which names every leaf that
  /// is missing, or one whose shape or type differs.
  ///
  /// Where the file does not say its layout, a TensorLayout among the checks does, or else the names and shapes of the
  /// arrays, if all of them can be known by these; one that fits both layouts and would be another leaf in each, such
  /// as a square weight, is refused. A TensorLayout that is not what the file says is refused as well.
  template <class Model, class S, class... Checks>
  void operator()(std::string_view group, Parameters<Model, S>& parameters, const Checks&... checks) {
    const std::vector<Leaf> leaves = leaves_of<Model>();
    const TensorLayout layout = layout_of(group, leaves, detail::layout_among(checks...));
    std::vector<detail::TensorPlan> plans;
    std::string missing;
    for (const Leaf& leaf : leaves) {
      detail::TensorPlan& plan = plans.emplace_back(detail::plan_of(leaf, layout));
      plan.name = detail::name_in(group, plan.name);
      if (!file_.tensors.contains(plan.name)) missing += (missing.empty() ? "" : ", ") + plan.name;
    }
    if (!missing.empty()) throw FileError(path_, "leaves that the model has and the checkpoint lacks: " + missing);
    Parameters<Model, S> read;
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      const detail::TensorPlan& plan = plans[i];
      const TensorEntry& from = entry(plan.name, tensor_type_of<S>());
      if (from.shape != plan.shape) {
        check_file(false, path_, "shape of '" + plan.name + "'", detail::shape_text(from.shape),
                   shapes_expected(leaves[i], layout));
      }
      const std::span<S> values(read.vector().data() + leaves[i].offset, leaves[i].size);
      if (plan.places.empty() && !values.empty()) std::memcpy(values.data(), from.bytes.data(), from.bytes.size());
      for (std::size_t k = 0; k < plan.places.size(); ++k) {
        std::memcpy(&values[plan.places[k]], from.bytes.data() + k * sizeof(S), sizeof(S));
      }
      if constexpr (!(std::same_as<Checks, AnyNumbers> || ...)) Finite().verify(path_, plan.name, values);
    }
    std::set<std::string> taken = taken_;
    for (const detail::TensorPlan& plan : plans) taken.insert(plan.name);
    taken_.swap(taken);
    std::swap(parameters, read);
  }

  /// One number, of exactly this type.
  template <class Number, class... Checks>
  requires std::is_arithmetic_v<Number>
  void operator()(std::string_view name, Number& value, const Checks&... checks) {
    const TensorEntry& from = entry(std::string(name), tensor_type_of<Number>(), {});
    Number read{};
    if constexpr (std::is_same_v<Number, bool>) {
      read = from.bytes[0] != 0;  // a bool of another byte than 0 or 1 must not exist
    } else {
      std::memcpy(&read, from.bytes.data(), sizeof(Number));
    }
    (checks.verify(path_, std::string(name), read), ...);
    taken_.insert(std::string(name));
    value = read;
  }

  /// A list of numbers of exactly this type, of any length if no check says otherwise.
  template <class Number, class... Checks>
  requires(std::is_arithmetic_v<Number> && !std::is_same_v<Number, bool>) void operator()(std::string_view name,
                                                                                          std::vector<Number>& values,
                                                                                          const Checks&... checks) {
    const TensorEntry& from = entry(std::string(name), tensor_type_of<Number>());
    check_file(from.shape.size() == 1, path_, "shape of '" + std::string(name) + "'", detail::shape_text(from.shape),
               "one extent");
    std::vector<Number> read(static_cast<std::size_t>(from.shape[0]));
    if (!read.empty()) std::memcpy(read.data(), from.bytes.data(), from.bytes.size());
    (checks.verify(path_, std::string(name), read), ...);
    taken_.insert(std::string(name));
    values.swap(read);
  }

  /// For visits inside a group: under("optimizer")("m", value) is (*this)("optimizer.m", value).
  [[nodiscard]] auto under(std::string group) {
    return [this, group = std::move(group)](std::string_view name, auto& value, const auto&... checks) {
      (*this)(detail::name_in(group, name), value, checks...);
    };
  }

  /// What CheckpointWriter::metadata put under the key.
  [[nodiscard]] Json metadata(std::string_view key) const {
    const auto found = file_.metadata.find(std::string(key));
    if (found == file_.metadata.end()) throw FileError(path_, "metadata '" + std::string(key) + "' is missing");
    return parse_json(found->second, path_ + " (metadata '" + std::string(key) + "')");
  }

  [[nodiscard]] bool has_metadata(std::string_view key) const { return file_.metadata.contains(std::string(key)); }

  /// Leaves everything under the prefix aside: who only evaluates does not need "optimizer.".
  void skip(std::string_view prefix) {
    for (const auto& item : file_.tensors) {
      if (item.first.starts_with(prefix)) taken_.insert(item.first);
    }
  }

  /// Throws FileError, which names them, if the checkpoint has arrays that were neither taken nor skipped.
  void finish() const {
    constexpr int most = 10;  // to be named
    std::string extra;
    int count = 0;
    for (const auto& item : file_.tensors) {
      if (taken_.contains(item.first) || count++ >= most) continue;
      const std::string quoted = detail::safe_text(item.first);
      extra += (extra.empty() ? "" : ", ") + quoted.substr(1, quoted.size() - 2);
    }
    if (count > most) extra += " and " + std::to_string(count - most) + " more";
    if (!extra.empty()) throw FileError(path_, "arrays that the checkpoint has and nobody asked for: " + extra);
  }

 private:
  void expect_text(std::string_view thing, std::string_view key, std::string_view expected) const {
    const std::string text = detail::metadata_text(file_, key);
    check_file(text == expected, path_, thing, text.empty() ? "not said" : detail::safe_text(text),
               detail::safe_text(expected));
  }

  /// The layout of a group's leaves: what the file says, or else what was asked for, or what the arrays show.
  [[nodiscard]] TensorLayout layout_of(std::string_view group, const std::vector<Leaf>& leaves,
                                       std::optional<TensorLayout> asked) const {
    if (layout_ && asked) {
      check_file(*layout_ == *asked, path_, "layout of the file", name(*layout_),
                 "TensorLayout::" + std::string(name(*asked)));
    }
    const TensorLayout layout = layout_ ? *layout_ : asked ? *asked : layout_by_arrays(group, leaves);
    for (const Leaf& leaf : leaves) {
      check_file(layout == TensorLayout::basin || leaf.in_torch, path_,
                 "layout of '" + detail::name_in(group, leaf.name) + "'", name(layout), detail::not_in_torch);
    }
    return layout;
  }

  /// Not from one leaf for another that fits both: who transposed by hand what did not load may have left that one.
  [[nodiscard]] TensorLayout layout_by_arrays(std::string_view group, const std::vector<Leaf>& leaves) const {
    std::optional<TensorLayout> layout;
    std::string by;  // which leaf it is known
    for (const Leaf& leaf : leaves) {
      const std::string who = detail::name_in(group, leaf.name);
      const bool as_ours = has(group, leaf, TensorLayout::basin), as_torch = has(group, leaf, TensorLayout::torch);
      if (as_ours && as_torch && detail::differs_by_layout(leaf)) {
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
    const detail::TensorPlan plan = detail::plan_of(leaf, layout);
    const auto found = file_.tensors.find(detail::name_in(group, plan.name));
    return found != file_.tensors.end() && found->second.shape == plan.shape;
  }

  static std::string shape_in(const Leaf& leaf, TensorLayout layout) {
    return detail::shape_text(detail::plan_of(leaf, layout).shape);
  }

  /// The shape of a leaf in this layout, and the other where nobody said which it is.
  [[nodiscard]] std::string shapes_expected(const Leaf& leaf, TensorLayout layout) const {
    const std::string ours = shape_in(leaf, TensorLayout::basin), theirs = shape_in(leaf, TensorLayout::torch);
    if (layout == TensorLayout::torch) return theirs + " in torch's layout";
    return layout_ || ours == theirs ? ours : ours + ", or " + theirs + " in torch's layout";
  }

  const TensorEntry& entry(const std::string& name, TensorType type) const {
    const auto found = file_.tensors.find(name);
    if (found == file_.tensors.end()) throw FileError(path_, "array '" + name + "' is missing");
    const TensorEntry& entry = found->second;
    check_file(entry.type == type, path_, "type of '" + name + "'", basin::name(entry.type), basin::name(type));
    return entry;
  }

  const TensorEntry& entry(const std::string& name, TensorType type, const std::vector<std::uint64_t>& shape) const {
    const TensorEntry& entry = this->entry(name, type);
    check_file(entry.shape == shape, path_, "shape of '" + name + "'", detail::shape_text(entry.shape),
               detail::shape_text(shape));
    return entry;
  }

  std::string path_;
  TensorFile file_;
  int format_version_ = 0;
  std::optional<TensorLayout> layout_;
  std::set<std::string> taken_;
};

}  // namespace basin
