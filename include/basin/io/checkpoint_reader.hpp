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
#include "basin/io/tensor_parameters.hpp"

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
  /// What the file says of itself; what it does not say is as in a CheckpointLabel{}. Throws FileError if its settings
  /// are no JSON.
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
    std::set<std::string> taken = taken_;
    Parameters<Model, S> read = finder().template parameters<Model, S>(group, taken, checks...);
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

  /// Whether the file has metadata under the key, be it of CheckpointWriter::metadata, of the label or of another tool.
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

  [[nodiscard]] detail::LeafFinder finder() const { return {file_, path_, layout_}; }

  const TensorEntry& entry(const std::string& name, TensorType type) const { return finder().entry(name, type); }

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
