#pragma once

// Checkpoints as safetensors: parameters leaf by leaf under their names, so that the file reads as a state dict; the
// optimizer's moments and counters under a prefix of their own; settings as JSON texts in the metadata.
//
//   leaf of theta, column-major (in, out)   ->   array of the file, row-major (out, in), the same bytes
//
// Numbers are kept bit for bit, so a run that is resumed gives what the run would have given without the break.
// CheckpointWriter and CheckpointReader are called alike, so one function that visits what a program keeps can both
// save and load it; for the state of an optimizer:
//
//   writer("", theta);  state.each(writer.under("optimizer"));      // "0.weight", "optimizer.first_moment.0.weight"
//   reader("", theta);  state.each(reader.under("optimizer"));  reader.finish();

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "basin/core/parameters.hpp"
#include "basin/io/json.hpp"
#include "basin/io/safetensors.hpp"

namespace basin {

namespace detail {

/// "group.name", or the name alone outside of all groups.
[[nodiscard]] inline std::string name_in(std::string_view group, std::string_view name) {
  return group.empty() ? std::string(name) : std::string(group) + "." + std::string(name);
}

[[nodiscard]] inline std::vector<std::uint64_t> reversed_leaf_shape(const Leaf& leaf) {
  std::vector<std::uint64_t> shape;
  for (auto extent = leaf.shape.rbegin(); extent != leaf.shape.rend(); ++extent) {
    shape.push_back(static_cast<std::uint64_t>(*extent));
  }
  return shape;
}

template <class S>
[[nodiscard]] std::vector<std::uint8_t> bytes_of(std::span<const S> values) {
  const auto* begin = reinterpret_cast<const std::uint8_t*>(values.data());
  return std::vector<std::uint8_t>(begin, begin + values.size_bytes());
}

}  // namespace detail

/// Collects what a checkpoint keeps and writes it in one step. A name that comes twice is std::invalid_argument.
class CheckpointWriter {
 public:
  /// All leaves, each as "group.leaf"; with an empty group, as the model itself has it, under their plain names.
  template <class Model, class S>
  void operator()(std::string_view group, const Parameters<Model, S>& parameters) {
    for (const Leaf& leaf : leaves_of<Model>()) {
      const std::span<const S> values(parameters.vector().data() + leaf.offset, leaf.size);
      add(detail::name_in(group, leaf.name),
          {tensor_type_of<S>(), detail::reversed_leaf_shape(leaf), detail::bytes_of(values)});
    }
  }

  /// One number, such as a step counter or a seed.
  template <class Number>
  requires std::is_arithmetic_v<Number>
  void operator()(std::string_view name, const Number& value) {
    add(std::string(name), {tensor_type_of<Number>(), {}, detail::bytes_of(std::span(&value, 1))});
  }

  /// A list of numbers.
  template <class Number>
  requires std::is_arithmetic_v<Number>
  void operator()(std::string_view name, const std::vector<Number>& values) {
    add(std::string(name), {tensor_type_of<Number>(),
                            {static_cast<std::uint64_t>(values.size())},
                            detail::bytes_of(std::span<const Number>(values))});
  }

  /// For visits inside a group: under("optimizer")("m", value) is (*this)("optimizer.m", value).
  [[nodiscard]] auto under(std::string group) {
    return [this, group = std::move(group)](std::string_view name, const auto& value) {
      (*this)(detail::name_in(group, name), value);
    };
  }

  /// Settings, history and the like.
  void metadata(std::string_view key, const Json& value) { file_.metadata[std::string(key)] = value.dump(); }

  /// Replaces the file at `path`. Throws FileError.
  void write(const std::string& path) const { write_safetensors(path, file_); }

 private:
  void add(std::string name, TensorEntry entry) {
    const auto [place, fresh] = file_.tensors.try_emplace(std::move(name), std::move(entry));
    check(fresh, "name in a checkpoint", place->first, "one that is not yet taken");
  }

  TensorFile file_;
};

/// A checkpoint that was read and is taken apart by name. Each member throws FileError and then has changed nothing.
class CheckpointReader {
 public:
  explicit CheckpointReader(const std::string& path) : path_(path), file_(read_safetensors(path)) {}

  /// All leaves of a group. Throws FileError, which names every leaf that is missing, or one whose shape or type
  /// differs.
  template <class Model, class S>
  void operator()(std::string_view group, Parameters<Model, S>& parameters) {
    const std::vector<Leaf> leaves = leaves_of<Model>();
    std::string missing;
    for (const Leaf& leaf : leaves) {
      const std::string name = detail::name_in(group, leaf.name);
      if (!file_.tensors.contains(name)) missing += (missing.empty() ? "" : ", ") + name;
    }
    if (!missing.empty()) throw FileError(path_, "leaves that the model has and the checkpoint lacks: " + missing);
    for (const Leaf& leaf : leaves) {
      entry(detail::name_in(group, leaf.name), tensor_type_of<S>(), detail::reversed_leaf_shape(leaf));
    }
    for (const Leaf& leaf : leaves) {
      const std::string name = detail::name_in(group, leaf.name);
      const TensorEntry& from = file_.tensors.at(name);
      if (!from.bytes.empty())
        std::memcpy(parameters.vector().data() + leaf.offset, from.bytes.data(), from.bytes.size());
      taken_.insert(name);
    }
  }

  /// One number, of exactly this type.
  template <class Number>
  requires std::is_arithmetic_v<Number>
  void operator()(std::string_view name, Number& value) {
    const TensorEntry& from = entry(std::string(name), tensor_type_of<Number>(), {});
    if constexpr (std::is_same_v<Number, bool>) {
      value = from.bytes[0] != 0;  // a bool of another byte than 0 or 1 must not exist
    } else {
      std::memcpy(&value, from.bytes.data(), sizeof(Number));
    }
    taken_.insert(std::string(name));
  }

  /// A list of numbers of exactly this type, of any length.
  template <class Number>
  requires(std::is_arithmetic_v<Number> && !std::is_same_v<Number, bool>) void operator()(std::string_view name,
                                                                                          std::vector<Number>& values) {
    const TensorEntry& from = entry(std::string(name), tensor_type_of<Number>());
    check_file(from.shape.size() == 1, path_, "shape of '" + std::string(name) + "'", detail::shape_text(from.shape),
               "one extent");
    values.resize(static_cast<std::size_t>(from.shape[0]));
    if (!from.bytes.empty()) std::memcpy(values.data(), from.bytes.data(), from.bytes.size());
    taken_.insert(std::string(name));
  }

  /// For visits inside a group: under("optimizer")("m", value) is (*this)("optimizer.m", value).
  [[nodiscard]] auto under(std::string group) {
    return [this, group = std::move(group)](std::string_view name, auto& value) {
      (*this)(detail::name_in(group, name), value);
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
    std::string extra;
    for (const auto& item : file_.tensors) {
      if (!taken_.contains(item.first)) extra += (extra.empty() ? "" : ", ") + item.first;
    }
    if (!extra.empty()) throw FileError(path_, "arrays that the checkpoint has and nobody asked for: " + extra);
  }

 private:
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
  std::set<std::string> taken_;
};

/// The parameters of one model and nothing else. Throws FileError.
template <class Model, class S>
void save_parameters(const std::string& path, const Parameters<Model, S>& parameters) {
  CheckpointWriter writer;
  writer("", parameters);
  writer.write(path);
}

/// Reads what save_parameters wrote. Throws FileError if a leaf is missing, extra, or of another shape or type.
template <class Model, class S>
[[nodiscard]] Parameters<Model, S> load_parameters(const std::string& path) {
  CheckpointReader reader(path);
  Parameters<Model, S> parameters;
  reader("", parameters);
  reader.finish();
  return parameters;
}

}  // namespace basin
