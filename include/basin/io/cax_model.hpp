#pragma once

// Growing automata that were trained in CAX (M. Faldor, A. Cully, "CAX: Cellular Automata Accelerated in JAX", 2024;
// versions 0.3). CAX has no file format of its own; what is read are its parameters as a safetensors file, under the
// names that they have there (docs/nca_grow.md has the lines of Python that write it). Row-major, of float:
//
//   perceive.conv.kernel      (3, 3, 1, K C)   along y and x; output c K + k is kernel k on channel c
//   update.layers.L.kernel    (1, 1, in, out)  L = 0, 1, ...; the first takes the K C, and what cells are told behind
//   update.layers.L.bias      (out)
//
// Its conventions, and what they are here:
//
//   colours and alpha are the last four channels, and    AliveMask<C - 1>, with the features in the order that they
//   alpha is the last: a cell lives by that              have there; or AliveMask<3>, and what is read is reordered:
//                                                        the last four channels become the first four
//   cells drop out at a rate p, and the updates of the   RandomFire{.rate = 1 - p, .rescaled = true}
//   others are divided by 1 - p
//   beyond the edge are zeros                            Zero
//   the seed is a cell whose alpha is 1, all else 0      one_cell_seed with the feature of alpha, if that is the last
//
// A step_size other than 1 is no parameter there; it is a factor of the last layer's weights and bias.

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "basin/io/growing_model.hpp"
#include "basin/io/safetensors.hpp"
#include "basin/nca/automaton.hpp"
#include "basin/nca/perceive.hpp"

namespace basin {

namespace detail {

inline constexpr const char* cax_kernel_name = "perceive.conv.kernel";

/// The stencils with which cells of a plane see, as nine weights each, x fastest.
template <class P>
struct StencilsOfPlane;
template <int C, Boundary Edge, Stencil... Stencils>
struct StencilsOfPlane<Perceive<C, Edge, Stencils...>> {
  static_assert(Perceive<C, Edge, Stencils...>::reach[0] <= 1 && Perceive<C, Edge, Stencils...>::reach[1] <= 1 &&
                    Perceive<C, Edge, Stencils...>::reach[2] == 0,
                "read_cax_model: stencils have 3 x 3 cells");
  static constexpr int count = static_cast<int>(sizeof...(Stencils));

  template <Stencil T>
  static constexpr std::array<double, 9> nine() {
    std::array<double, 9> weights{};
    for (int tap = 0; tap < 9; ++tap) {
      weights[static_cast<std::size_t>(tap)] = weight_at<T>(tap % 3 - 1, tap / 3 - 1, 0);
    }
    return weights;
  }
  static constexpr std::array<std::array<double, 9>, sizeof...(Stencils)> all{nine<Stencils>()...};
};

/// Arrays of a file of CAX.
class CaxArrays {
 public:
  /// Of a file of at most so many bytes.
  CaxArrays(const std::string& path, std::uint64_t max_bytes) : path_(path), file_(read_safetensors(path, max_bytes)) {}

  /// The numbers of an array, row-major. Throws FileError if it is not there, or of another shape or type, or if one of
  /// them is not finite.
  [[nodiscard]] std::vector<float> take(const std::string& name, const std::vector<std::uint64_t>& shape) {
    const auto found = file_.tensors.find(name);
    if (found == file_.tensors.end()) throw FileError(path_, "array '" + name + "' of CAX is missing");
    const TensorEntry& entry = found->second;
    check_file(entry.type == TensorType::f32, path_, "type of '" + name + "'", basin::name(entry.type),
               basin::name(TensorType::f32));
    check_file(entry.shape == shape, path_, "shape of '" + name + "'", shape_text(entry.shape), shape_text(shape));
    std::vector<float> numbers(entry.bytes.size() / sizeof(float));
    std::memcpy(numbers.data(), entry.bytes.data(), entry.bytes.size());
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      check_file(std::isfinite(numbers[i]), path_, "number " + std::to_string(i) + " of '" + name + "'", numbers[i],
                 "a finite one");
    }
    file_.tensors.erase(found);
    return numbers;
  }

  /// Throws FileError if the file has more than was taken.
  void finish() const {
    if (file_.tensors.empty()) return;
    throw FileError(path_, "array " + safe_text(file_.tensors.begin()->first) + " is none of the model's");
  }

 private:
  std::string path_;
  TensorFile file_;
};

/// Which kernel of the file each stencil is. Throws FileError if one of them is none.
template <class Stencils>
[[nodiscard]] std::vector<Index> cax_kernels(const std::vector<float>& kernel, Index channels,
                                             const std::string& path) {
  const Index count = Stencils::count, outputs = count * channels;
  std::vector<Index> places;
  for (const auto& weights : Stencils::all) {
    Index place = 0;
    const auto same = [&] {
      for (Index tap = 0; tap < 9; ++tap) {
        for (Index c = 0; c < channels; ++c) {
          const double there = kernel[static_cast<std::size_t>(tap * outputs + c * count + place)];
          if (!(std::abs(there - weights[static_cast<std::size_t>(tap)]) <= 1e-6)) return false;
        }
      }
      return true;
    };
    while (place < count && !same()) ++place;
    check_file(place < count, path, "stencil " + std::to_string(places.size()) + " of the model",
               std::string("no kernel of '") + cax_kernel_name + "'", "one of them on every channel, to 1e-6");
    places.push_back(place);
  }
  return places;
}

}  // namespace detail

/// The parameters of a growing automaton A of CAX, A = Automaton<Perceive<C, Edge, Stencils...>, Sequential<Dense<...>,
/// Relu, Dense<...>>, Fire, AliveMask<C - 1> or AliveMask<3>>, with any number of dense layers with biases. The
/// stencils may stand in any order, but have to be those of the file: CAX's identity and gradients are Centre, SobelY
/// and SobelX. Of a Conditioned perception, what cells are told stands behind what they see, as in CAX. Throws
/// FileError if the file is no safetensors file, has other arrays, shapes, types or stencils than A, or numbers that
/// are not finite, and if it is longer than its numbers and 64 KiB. Memory: as read_safetensors.
template <class A>
[[nodiscard]] Parameters<A, float> read_cax_model(const std::string& path) {
  using Rule = typename A::Rule;
  using Stencils = detail::StencilsOfPlane<typename detail::Told<typename A::Perception>::Grid>;
  constexpr Index C = A::state_features, K = Stencils::count;
  constexpr bool alpha_last = A::Alive::feature == C - 1;
  static_assert(alpha_last || A::Alive::feature == 3, "read_cax_model: cells live by AliveMask<C - 1> or AliveMask<3>");
  static_assert(std::is_same_v<typename A::Update, Increment>, "read_cax_model: the update has to be Increment");
  const auto channel_of = [](Index feature) {
    return alpha_last ? feature : feature < 4 ? C - 4 + feature : feature - 4;
  };

  const std::vector<DenseSize> sizes = detail::dense_sizes<Rule>();
  std::size_t numbers = static_cast<std::size_t>(9 * K * C);
  for (const DenseSize& size : sizes) numbers += size.params();
  detail::CaxArrays arrays(path, numbers * sizeof(float) + (1 << 16));
  const std::vector<float> kernel = arrays.take(detail::cax_kernel_name, {3, 3, 1, static_cast<std::uint64_t>(K * C)});
  const std::vector<Index> places = detail::cax_kernels<Stencils>(kernel, C, path);
  const auto row_of = [&](Index seen) {
    return seen < K * C ? channel_of(seen % C) * K + places[static_cast<std::size_t>(seen / C)] : seen;
  };

  Parameters<A, float> theta;
  std::size_t to = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const auto [inputs, outputs] = sizes[i];
    const bool first = i == 0, last = i + 1 == sizes.size();
    const std::string name = "update.layers." + std::to_string(i);
    const auto in = static_cast<std::uint64_t>(inputs), out = static_cast<std::uint64_t>(outputs);
    const std::vector<float> weights = arrays.take(name + ".kernel", {1, 1, in, out});
    const std::vector<float> bias = arrays.take(name + ".bias", {out});
    for (Index row = 0; row <= inputs; ++row) {  // the bias is the last
      const float* const from = row == inputs ? bias.data() : weights.data() + (first ? row_of(row) : row) * outputs;
      for (Index column = 0; column < outputs; ++column) {
        theta.span()[to++] = from[last ? channel_of(column) : column];
      }
    }
  }
  arrays.finish();
  return theta;
}

}  // namespace basin
