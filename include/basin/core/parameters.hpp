#pragma once

// Parameters are data: one flat vector theta of a compile-time length; layers hold none. Optimizers, checkpoints,
// gradient checks and reductions then have one thing to handle, and a network's parameters can be the state of another
// network. Each leaf of theta keeps a name and a shape, so that a checkpoint reads like a state dict.

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "basin/core/exceptions.hpp"
#include "basin/core/state.hpp"

namespace basin {

/// theta as a layer takes it: N numbers to read. S is deduced from the layer's other arguments.
template <class S, std::size_t N>
using Theta = std::type_identity_t<std::span<const S, N>>;

/// Where a layer adds its part of a gradient: N numbers that accumulate.
template <class S, std::size_t N>
using ThetaGradient = std::type_identity_t<std::span<S, N>>;

/// What a leaf is for; initial values and weight decay follow from it.
enum class LeafKind {
  weight,  ///< multiplies features; drawn at random, decays
  bias,    ///< added; starts at zero
  scale,   ///< multiplies one feature; starts at one
};

/// What an axis of a leaf runs over. The order of axes in the files of PyTorch follows from it (io/tensor_layout.hpp).
enum class LeafAxis {
  out,     ///< features that come out
  in,      ///< features that go in
  kernel,  ///< cells under a kernel: along x, the next of them along y, then along z
};

/// One named array inside theta.
struct Leaf {
  std::string name{};                ///< path through the model, such as "2.cell.0.weight"
  std::vector<Index> shape{};        ///< column-major extents: the first index is contiguous
  std::size_t offset = 0;            ///< first element within theta
  std::size_t size = 0;              ///< how many numbers: the product of `shape`
  LeafKind kind = LeafKind::weight;  ///< initial values and weight decay follow from it
  Index fan_in = 0;                  ///< inputs of one output, for initial weights
  Index fan_out = 0;                 ///< outputs of one input
  std::vector<LeafAxis> axes{};      ///< of each extent of `shape`
  std::string torch_name{};          ///< its path in PyTorch, where a normalization has a "weight" and a "bias"
  /// Behind a Flatten<C, X, Y, Z> the in axis runs over c + C (x + X (y + Y z)), and over another order in PyTorch,
  /// x + X (y + Y (z + Z c)): then C, X, Y, Z; else nothing.
  std::vector<Index> flattened{};
  /// False where, behind such a Flatten, no order of the leaf's numbers makes it one of PyTorch's.
  bool in_torch = true;
};

/// Collects the leaves of a layer, in the order of theta. A layer with parameters has
/// `static void leaves(LeafList& list)` and calls these members.
class LeafList {
 public:
  /// Axes that are not given are (out, in, kernel, ...), or (out) for one extent; files follow them, while initial
  /// values and Muon take the first extent for the outputs. Throws std::invalid_argument unless there are as many axes
  /// as extents.
  void weight(std::string_view name, std::vector<Index> shape, Index fan_in, Index fan_out,
              std::vector<LeafAxis> axes = {}) {
    add(name, name, {.shape = std::move(shape), .fan_in = fan_in, .fan_out = fan_out, .axes = std::move(axes)});
  }
  /// torch_name: the last part of its path there, if it is another.
  void bias(std::string_view name, Index size, std::string_view torch_name = {}) {
    add(name, torch_name.empty() ? name : torch_name, {.shape = {size}, .kind = LeafKind::bias});
  }
  /// `size` numbers that multiply one feature each. torch_name: as for bias.
  void scale(std::string_view name, Index size, std::string_view torch_name = {}) {
    add(name, torch_name.empty() ? name : torch_name, {.shape = {size}, .kind = LeafKind::scale});
  }

  /// The leaves of a layer inside, under "name.".
  template <class Layer>
  void nested(std::string_view name) {
    if constexpr (Layer::param_count > 0) {
      reordered();  // how the layer inside gets its features, only the one around it knows
      under<Layer>(name);
    }
  }

  /// The same for a layer that gets what the one before it gave, and is alone in that: the next of a Sequential.
  template <class Layer>
  void next(std::string_view name) {
    under<Layer>(name);
    if (flattened_taken_) flattened_.clear();
    flattened_taken_ = false;
  }

  /// The features of the next layer are those of a state of extents C, X, Y, Z, one cell after another.
  void flattened(std::vector<Index> extents) {
    const bool same_order = extents[0] == 1 || extents[1] * extents[2] * extents[3] == 1;
    flattened_ = same_order ? std::vector<Index>() : std::move(extents);
    in_torch_ = true;
  }

  /// The next layer gets flattened features, if any, in an order that is not known here.
  void reordered() {
    if (!flattened_.empty() && !flattened_taken_) in_torch_ = false;
  }

  /// All leaves, in the order of theta. The list is used up: std::move(list).take().
  [[nodiscard]] std::vector<Leaf> take() && { return std::move(leaves_); }

 private:
  template <class Layer>
  void under(std::string_view name) {
    const std::size_t outside = path_.size();
    path_ += std::string(name) + ".";
    Layer::leaves(*this);
    path_.resize(outside);
  }

  void add(std::string_view name, std::string_view torch_name, Leaf leaf) {
    leaf.name = path_ + std::string(name);
    leaf.torch_name = path_ + std::string(torch_name);
    leaf.offset = leaves_.empty() ? 0 : leaves_.back().offset + leaves_.back().size;
    leaf.size = 1;
    for (const Index extent : leaf.shape) leaf.size *= static_cast<std::size_t>(extent);
    if (leaf.axes.empty()) {
      for (std::size_t i = 0; i < leaf.shape.size(); ++i) {
        leaf.axes.push_back(i == 0 ? LeafAxis::out : i == 1 ? LeafAxis::in : LeafAxis::kernel);
      }
    }
    check(leaf.axes.size() == leaf.shape.size(), "number of axes of leaf '" + leaf.name + "'", leaf.axes.size(),
          leaf.shape.size());
    take_flattened(leaf);
    leaves_.push_back(std::move(leaf));
  }

  /// Behind a Flatten: the leaf takes its features as its one in axis, or the order is lost.
  void take_flattened(Leaf& leaf) {
    if (!flattened_.empty()) {
      Index features = 1;
      for (const Index extent : flattened_) features *= extent;
      const auto in = std::find(leaf.axes.begin(), leaf.axes.end(), LeafAxis::in);
      if (std::count(in, leaf.axes.end(), LeafAxis::in) == 1 &&
          leaf.shape[static_cast<std::size_t>(in - leaf.axes.begin())] == features) {
        leaf.flattened = flattened_;
        flattened_taken_ = true;
      } else {
        reordered();
      }
    }
    leaf.in_torch = in_torch_;
  }

  std::string path_;
  std::vector<Leaf> leaves_;
  std::vector<Index> flattened_;  // how the features of the next layer are ordered
  bool flattened_taken_ = false;  // by a leaf of that layer
  bool in_torch_ = true;
};

/// The leaves of a model's theta, in order; together they cover it.
template <class Model>
[[nodiscard]] std::vector<Leaf> leaves_of() {
  LeafList list;
  if constexpr (Model::param_count > 0) Model::leaves(list);
  return std::move(list).take();
}

/// The theta of one model (or its gradient, or an optimizer's moment): Model::param_count numbers that own their
/// memory. The model is part of the type, so that the theta of another model does not compile.
template <class Model, class S>
class Parameters {
 public:
  static constexpr std::size_t count = Model::param_count;  ///< how many numbers theta has
  using Scalar = S;                                         ///< the type of each number

  /// Zeros.
  Parameters() : values_(Vector<S>::Zero(static_cast<Index>(count))) {}

  /// All numbers, in the order of the leaves. Refers to this object's memory.
  [[nodiscard]] std::span<S, count> span() & { return std::span<S, count>(values_.data(), count); }
  [[nodiscard]] std::span<const S, count> span() const& { return std::span<const S, count>(values_.data(), count); }
  /// span(), so that Parameters may be given where a ThetaGradient is expected.
  operator std::span<S, count>() & { return span(); }
  /// span(), so that Parameters may be given where a Theta is expected.
  operator std::span<const S, count>() const& { return span(); }

  /// The span of a temporary, or one of another scalar, does not compile, and the message says why.
  template <class T = S>
  std::span<const T, count> span() const&& {
    static_assert(detail::never<T>,
                  "the theta of Parameters that are a temporary, and end before its use: give them a "
                  "name first");
    return std::span<const T, count>(values_.data(), count);
  }
  /// Of a temporary: does not compile, as its memory would end before its use.
  template <class T>
  requires(std::is_same_v<std::remove_const_t<T>, S>) operator std::span<T, count>() const&& {
    return std::move(*this).span();
  }
  template <detail::AnotherScalar<S> T>
  operator std::span<T, count>() const& = delete;  // theta and all states have the same scalar: take theta.cast<...>()

  /// For arithmetic on all of theta.
  [[nodiscard]] Vector<S>& vector() { return values_; }
  [[nodiscard]] const Vector<S>& vector() const { return values_; }

  /// The numbers of one leaf. Throws std::invalid_argument if there is no leaf of that name.
  [[nodiscard]] std::span<S> leaf(std::string_view name) {
    const Leaf leaf = find(name);
    return std::span<S>(values_.data() + leaf.offset, leaf.size);
  }
  [[nodiscard]] std::span<const S> leaf(std::string_view name) const {
    const Leaf leaf = find(name);
    return std::span<const S>(values_.data() + leaf.offset, leaf.size);
  }

  /// The same numbers in another scalar: train in float, check in double.
  template <class T>
  [[nodiscard]] Parameters<Model, T> cast() const {
    Parameters<Model, T> out;
    // Not by an assignment of vectors, which gcc 12 warns of: it takes their resize for a use after free.
    std::transform(values_.begin(), values_.end(), out.vector().begin(), [](S a) { return static_cast<T>(a); });
    return out;
  }

  /// The same numbers as theta of a model with the same leaves, such as the same cell under another solver or adjoint.
  /// Throws std::invalid_argument if a leaf differs in name or shape.
  template <class Other>
  [[nodiscard]] Parameters<Other, S> as() const {
    static_assert(Other::param_count == count, "the other model has another number of parameters");
    const auto mine = leaves_of<Model>(), theirs = leaves_of<Other>();
    for (std::size_t i = 0; i < std::max(mine.size(), theirs.size()); ++i) {
      const std::string other = i < theirs.size() ? theirs[i].name : "nothing",
                        own = i < mine.size() ? mine[i].name : "nothing";
      check(own == other && mine[i].shape == theirs[i].shape, "leaf of the other model", other,
            own + " of the same shape");
    }
    Parameters<Other, S> out;
    std::copy(values_.begin(), values_.end(), out.vector().begin());
    return out;
  }

 private:
  [[nodiscard]] static Leaf find(std::string_view name) {
    std::string all;
    for (const Leaf& leaf : leaves_of<Model>()) {
      if (leaf.name == name) return leaf;
      all += (all.empty() ? "" : ", ") + leaf.name;
    }
    detail::throw_invalid_argument("leaf of theta is '" + std::string(name) + "', expected one of: " + all);
  }

  Vector<S> values_;
};

/// theta as `Model` takes it. Compiles only if it is the theta of that model.
template <class Model, class Other, class S>
[[nodiscard]] std::span<const S, Model::param_count> theta_of(const Parameters<Other, S>& theta) {
  static_assert(std::is_same_v<Model, Other>, "theta belongs to another model than the one that it is given to");
  if constexpr (std::is_same_v<Model, Other>) {
    return theta.span();
  } else {
    return std::span<const S, Model::param_count>(theta.vector().data(), Model::param_count);
  }
}

}  // namespace basin
