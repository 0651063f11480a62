#pragma once

// Writes checkpoints; checkpoint.hpp says what they are.

#include <cmath>
#include <concepts>
#include <cstdint>
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

namespace detail {

template <class S>
[[nodiscard]] std::vector<std::uint8_t> bytes_of(std::span<const S> values) {
  const auto* begin = reinterpret_cast<const std::uint8_t*>(values.data());
  return std::vector<std::uint8_t>(begin, begin + values.size_bytes());
}

}  // namespace detail

/// Collects what a checkpoint keeps and writes it in one step. A name that comes twice is std::invalid_argument. Checks
/// behind a value are for the reader, but for parameters: those that are not finite are std::invalid_argument, so that
/// they replace no good ones, unless AnyNumbers says otherwise.
class CheckpointWriter {
 public:
  /// The label is kept with the rest, and its layout is that of all parameters. Nothing is written before write().
  explicit CheckpointWriter(const CheckpointLabel& label = {}) : layout_(label.layout) {
    detail::put_label(file_, label);
  }

  /// All leaves, each as "group.leaf"; with an empty group, as the model itself has it, under their plain names; in the
  /// layout that the label says. Throws std::invalid_argument for a leaf that has no place in it, and for a
  /// TensorLayout behind the parameters that is another.
  template <class Model, class S, class... Checks>
  void operator()(std::string_view group, const Parameters<Model, S>& parameters, const Checks&... checks) {
    const TensorLayout wanted = detail::layout_among(checks...).value_or(layout_);
    check(wanted == layout_, "layout behind parameters", name(wanted),
          "that of the label, " + std::string(name(layout_)));
    for (const Leaf& leaf : leaves_of<Model>()) {
      const std::span<const S> values(parameters.vector().data() + leaf.offset, leaf.size);
      if constexpr (!(std::same_as<Checks, AnyNumbers> || ...)) {
        for (const S value : values) {
          check(std::isfinite(value), "number in '" + detail::name_in(group, leaf.name) + "'", value, "a finite one");
        }
      }
      check(leaf.in_torch || layout_ == TensorLayout::basin, "layout of leaf '" + leaf.name + "'", name(layout_),
            detail::not_in_torch);
      detail::TensorPlan plan = detail::plan_of(leaf, layout_);
      std::vector<S> ordered;
      ordered.reserve(plan.places.size());
      for (const std::size_t place : plan.places) ordered.push_back(values[place]);
      const std::span<const S> as_in_file = plan.places.empty() ? values : std::span<const S>(ordered);
      add(detail::name_in(group, plan.name),
          {tensor_type_of<S>(), std::move(plan.shape), detail::bytes_of(as_in_file)});
    }
  }

  /// One number, such as a step counter or a seed.
  template <class Number, class... Checks>
  requires std::is_arithmetic_v<Number>
  void operator()(std::string_view name, const Number& value, const Checks&...) {
    add(std::string(name), {tensor_type_of<Number>(), {}, detail::bytes_of(std::span(&value, 1))});
  }

  /// A list of numbers.
  template <class Number, class... Checks>
  requires std::is_arithmetic_v<Number>
  void operator()(std::string_view name, const std::vector<Number>& values, const Checks&...) {
    add(std::string(name), {tensor_type_of<Number>(),
                            {static_cast<std::uint64_t>(values.size())},
                            detail::bytes_of(std::span<const Number>(values))});
  }

  /// For visits inside a group: under("optimizer")("m", value) is (*this)("optimizer.m", value).
  [[nodiscard]] auto under(std::string group) {
    return [this, group = std::move(group)](std::string_view name, const auto& value, const auto&... checks) {
      (*this)(detail::name_in(group, name), value, checks...);
    };
  }

  /// Whatever else is to be kept as JSON. Keys that begin with "basin.", and "layout", are std::invalid_argument;
  /// "settings" replaces those of the label.
  void metadata(std::string_view key, const Json& value) {
    check(!key.starts_with(detail::label_prefix), "key of a checkpoint's metadata", key, "one without 'basin.'");
    check(key != detail::layout_key, "key of a checkpoint's metadata", key, "another: the label says the layout");
    file_.metadata[std::string(key)] = value.dump();
  }

  /// Replaces the file at `path`. Throws FileError; then what was there is as it was.
  void write(const std::string& path) {
    file_.metadata[std::string(detail::checksum_key)] = detail::checksum_of(file_);
    write_safetensors(path, file_);
  }

 private:
  void add(std::string name, TensorEntry entry) {
    const auto [place, fresh] = file_.tensors.try_emplace(std::move(name), std::move(entry));
    check(fresh, "name in a checkpoint", place->first, "one that is not yet taken");
  }

  TensorFile file_;
  TensorLayout layout_;
};

}  // namespace basin
