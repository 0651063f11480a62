#pragma once

// What a cell sees through circuits of gates: itself, and what each of some kernels makes of its neighbourhood,
//
//   seen(c, p) = z(c, p),   seen(C + (c O + o) K + k, p) = output o of kernel k on the nine z(c, p + d),
//
// for C features, K kernels with O outputs each, and d the places of the 3 x 3 box around p, x first. A kernel is
// layers of gates with logits (logic/gate.hpp): eight, each of which reads the middle and a neighbour, then Sizes... as
// in a SoftCircuit. All features have the same kernels. After P. Miotti et al. 2025 (arXiv 2506.04912), but that there
// all kernels have the same wires, and here each has its own.
//
// It is a perception as nca/perception.hpp describes them. theta are 16 logits a gate, kernel after kernel.

#include "basin/kernels/transpose.hpp"
#include "basin/logic/gate_rows.hpp"
#include "basin/nca/perception.hpp"
#include "basin/stencil/lines.hpp"

namespace basin {

template <int C, Boundary OfEdge, int Kernels, int... Sizes>
struct PerceiveCircuits {
  static_assert(C > 0 && Kernels > 0, "PerceiveCircuits: there must be features, and kernels");
  static_assert(((Sizes > 0) && ...), "PerceiveCircuits: each layer must have a gate");

  using Edge = OfEdge;
  static constexpr std::array<int, 3> reach{1, 1, 0};
  static constexpr int box = 9, middle = 4;  ///< places that a kernel sees; which is the cell itself
  static constexpr std::array<int, sizeof...(Sizes) + 1> sizes{8, Sizes...};  ///< of the layers of a kernel
  static_assert(have_wires(sizes),
                "PerceiveCircuits: a layer needs half as many gates as the layer before it, or more, "
                "and at most one for each pair of its values");
  static constexpr int outputs = sizes.back();                                            ///< of a kernel
  static constexpr int kernel_gates = (8 + ... + Sizes), gates = Kernels * kernel_gates;  ///< of one kernel; of all
  static constexpr int state_features = C, seen_features = C + C * outputs * Kernels;
  static constexpr std::size_t param_count = std::size_t{gate_functions} * gates;

  /// What the gates of all kernels read, of a feature's nine values and then the gates; not to be exchanged for others.
  CircuitWires wires;

  /// The seed of the wires.
  explicit PerceiveCircuits(std::uint64_t seed = 0)
      : wires(std::make_shared<const std::vector<GateWires>>(make_wires(seed))) {}

  static void leaves(LeafList& list) { list.weight("kernels.logits", {gate_functions, gates}, 2, 1); }

  void check_shape(const Shape& z) const {
    check_features("PerceiveCircuits", z.features, C);
    check(z.space[2] == 1, "PerceiveCircuits: extent of the third axis", z.space[2], 1);
    for (const std::size_t axis : {0, 1}) {
      check(z.space[axis] > 0, "PerceiveCircuits: extent of an axis of space", z.space[axis], "at least 1");
      Edge::check_border(1, z.space[axis]);
    }
  }

  /// As of Perceive: whole lines, at least two.
  [[nodiscard]] static Index band_cells(const Shape& z, Index least) {
    const Index line = z.space[1] > 1 ? z.space[0] : 1;
    return line * std::max<Index>(2, (least + line - 1) / line);
  }

  /// Which of a circuit's values output o of kernel k is: the nine places, then the gates.
  [[nodiscard]] static constexpr int output_value(int k, int o) { return box + (k + 1) * kernel_gates - outputs + o; }

  template <class S>
  class Sight;
  template <class S>
  class Change;
  template <class S>
  class Spread;

 private:
  template <class S>
  using Rows = detail::GateRows<S>;
  template <class S>
  static constexpr Index width = detail::GateRows<S>::width;
  /// Rows of one feature's circuit; of what all features' kernels give.
  static constexpr Index values = box + gates, given = Index{C} * outputs * Kernels;

  static std::vector<GateWires> make_wires(std::uint64_t seed) {
    std::vector<GateWires> all;
    Random random{seed, detail::kernel_wire_streams};
    for (int k = 0; k < Kernels; ++k, random.stream += sizes.size()) {
      const int before = box + static_cast<int>(all.size());
      std::vector<GateWires> first;
      for (int place = 0; place < box; ++place) {
        if (place != middle) first.push_back({place, middle});
      }
      detail::shuffle(first, {random.seed, random.stream});
      all.insert(all.end(), first.begin(), first.end());
      for (const GateWires& one : layered_wires(sizes, {random.seed, random.stream + 1})) {
        all.push_back({before + one.first, before + one.second});
      }
    }
    return all;
  }

  /// The places around cells of a sample, as rows: place d of feature c is row 9 c + d.
  template <class S>
  class Places {
   public:
    Places(View<const S> z, Scratch& scratch)
        : lines_(z.data(), z.shape().space, zeros(z, scratch)),
          patches_(scratch.take<S>(width<S> * box * C)),
          rows_(scratch.take<S>(width<S> * box * C)) {}

    /// The rows; those of a feature lie together. Copies the cells themselves, too, if `middles` is not null.
    const S* look(const Index* cells, Index count, S* middles, Index stride) {
      for (Index i = 0; i < count; ++i) {
        lines_.go_to(cells[i]);
        S* to = patches_ + i * box * C;
        for (int y = -1; y <= 1; ++y) {
          for (int x = -1; x <= 1; ++x, to += C) {
            std::copy_n(lines_.inside() ? lines_.template at<true>(x, y, 0) : lines_.template at<false>(x, y, 0), C,
                        to);
          }
        }
        if (middles != nullptr) std::copy_n(patches_ + (i * box + middle) * C, C, middles + i * stride);
      }
      if (count < width<S>) std::fill_n(rows_, width<S> * box * C, S(0));
      for (int d = 0; d < box; ++d) {
        kernels::transpose(patches_ + d * C, Index{box} * C, count, C, rows_ + d * width<S>, box * width<S>);
      }
      return rows_;
    }

   private:
    static const S* zeros(View<const S> z, Scratch& scratch) {
      S* line = scratch.take<S>(z.shape().space[0] * C);
      std::fill_n(line, z.shape().space[0] * C, S(0));
      return line;
    }

    Lines<const S, Edge, C, 1, 1, 0> lines_;
    S *patches_, *rows_;
  };

  /// Kernels at some theta, with the memory for one feature's circuit.
  template <class S>
  struct Circuit {
    std::span<const GateWires> wires;
    S *weights, *coefficients, *values;

    Circuit(const PerceiveCircuits& perception, Theta<S, param_count> theta, Scratch& scratch)
        : wires(*perception.wires),
          weights(scratch.take<S>(gate_functions * gates)),
          coefficients(scratch.take<S>(4 * gates)),
          values(scratch.take<S>(PerceiveCircuits::values * width<S>)) {
      detail::SoftGates<S>::prepare(theta.data(), gates, weights, coefficients);
    }

    /// All gates on the nine rows of a feature.
    void run(const S* places) const {
      std::copy_n(places, box * width<S>, values);
      Rows<S>::forward(wires, coefficients, box, values);
    }
  };

  /// Calls body(row of a circuit's values, row of all that is given) for the outputs of feature c.
  template <class S, class Body>
  static void each_output(int c, const Body& body) {
    for (int o = 0; o < outputs; ++o) {
      for (int k = 0; k < Kernels; ++k)
        body(output_value(k, o) * width<S>, ((c * outputs + o) * Kernels + k) * width<S>);
    }
  }
  /// The outputs of feature c among what is given.
  template <class S>
  static void give(const S* of_circuit, int c, S* all) {
    each_output<S>(c, [&](Index from, Index to) { std::copy_n(of_circuit + from, width<S>, all + to); });
  }
  /// Calls body(first, count) for as many cells at a time as a row has.
  template <class S, class Body>
  static void blocks(Index count, const Body& body) {
    for (Index i = 0; i < count; i += width<S>) body(i, std::min(width<S>, count - i));
  }
};

template <int C, Boundary OfEdge, int Kernels, int... Sizes>
template <class S>
class PerceiveCircuits<C, OfEdge, Kernels, Sizes...>::Sight {
 public:
  Sight(const PerceiveCircuits& perception, Theta<S, param_count> theta, View<const S> z, Scratch& scratch)
      : circuit_(perception, theta, scratch), places_(z, scratch), given_(scratch.take<S>(given * width<S>)) {}

  /// seen: count columns of seen_features.
  void operator()(const Index* cells, Index count, S* seen) {
    blocks<S>(count, [&](Index first, Index size) {
      S* to = seen + first * seen_features;
      const S* rows = places_.look(cells + first, size, to, seen_features);
      for (int c = 0; c < C; ++c) {
        circuit_.run(rows + c * box * width<S>);
        give<S>(circuit_.values, c, given_);
      }
      kernels::transpose(given_, width<S>, given, size, to + C, Index{seen_features});
    });
  }

 private:
  Circuit<S> circuit_;
  Places<S> places_;
  S* given_;
};

/// The change of what is seen along a change t of the state.
template <int C, Boundary OfEdge, int Kernels, int... Sizes>
template <class S>
class PerceiveCircuits<C, OfEdge, Kernels, Sizes...>::Change {
 public:
  Change(const PerceiveCircuits& perception, Theta<S, param_count> theta, View<const S> z, View<const S> t,
         Scratch& scratch)
      : circuit_(perception, theta, scratch),
        places_(z, scratch),
        along_(t, scratch),
        changes_(scratch.take<S>(values * width<S>)),
        given_(scratch.take<S>(given * width<S>)) {}

  /// seen: count columns of seen_features, the change along t.
  void operator()(const Index* cells, Index count, S* seen) {
    blocks<S>(count, [&](Index first, Index size) {
      S* to = seen + first * seen_features;
      const S* rows = places_.look(cells + first, size, nullptr, 0);
      const S* rows_t = along_.look(cells + first, size, to, seen_features);
      for (int c = 0; c < C; ++c) {
        circuit_.run(rows + c * box * width<S>);
        std::copy_n(rows_t + c * box * width<S>, box * width<S>, changes_);
        Rows<S>::push(circuit_.wires, circuit_.coefficients, box, circuit_.values, changes_);
        give<S>(changes_, c, given_);
      }
      kernels::transpose(given_, width<S>, given, size, to + C, Index{seen_features});
    });
  }

 private:
  Circuit<S> circuit_;
  Places<S> places_, along_;
  S *changes_, *given_;
};

template <int C, Boundary OfEdge, int Kernels, int... Sizes>
template <class S>
class PerceiveCircuits<C, OfEdge, Kernels, Sizes...>::Spread {
 public:
  Spread(const PerceiveCircuits& perception, Theta<S, param_count> theta, View<const S> z, View<S> dz, S* dtheta,
         Scratch& scratch)
      : circuit_(perception, theta, scratch),
        places_(z, scratch),
        lines_(dz.data(), z.shape().space, scratch.take<S>(z.shape().space[0] * C)),
        dz_(dz.data()),
        dtheta_(dtheta),
        dcoefficients_(scratch.take<S>(4 * gates)),
        gradients_(scratch.take<S>(values * width<S>)),
        given_(scratch.take<S>(given * width<S>)),
        dplaces_(scratch.take<S>(width<S> * box * C)),
        dpatches_(scratch.take<S>(width<S> * box * C)) {}

  /// g: count columns of seen_features.
  void operator()(const Index* cells, Index count, const S* g) {
    std::fill_n(dcoefficients_, 4 * gates, S(0));
    blocks<S>(count, [&](Index first, Index size) { spread(cells + first, size, g + first * seen_features); });
    if (dtheta_ != nullptr) detail::SoftGates<S>::pull(circuit_.weights, gates, dcoefficients_, dtheta_);
  }

 private:
  void spread(const Index* cells, Index count, const S* g) {
    const S* rows = places_.look(cells, count, nullptr, 0);
    if (count < width<S>) std::fill_n(given_, given * width<S>, S(0));
    kernels::transpose(g + C, Index{seen_features}, count, given, given_, width<S>);
    for (int c = 0; c < C; ++c) {
      circuit_.run(rows + c * box * width<S>);
      std::fill_n(gradients_, values * width<S>, S(0));
      each_output<S>(c, [&](Index to, Index from) { std::copy_n(given_ + from, width<S>, gradients_ + to); });
      Rows<S>::pull(circuit_.wires, circuit_.coefficients, box, circuit_.values, gradients_, dcoefficients_);
      std::copy_n(gradients_, box * width<S>, dplaces_ + c * box * width<S>);
    }
    if (dz_ == nullptr) return;
    for (int d = 0; d < box; ++d) {
      kernels::transpose(dplaces_ + d * width<S>, box * width<S>, C, count, dpatches_ + d * C, Index{box} * C);
    }
    for (Index i = 0; i < count; ++i) {
      lines_.go_to(cells[i]);
      const S* from = dpatches_ + i * box * C;
      for (int y = -1; y <= 1; ++y) {
        for (int x = -1; x <= 1; ++x, from += C) {
          S* to = lines_.inside() ? lines_.template at<true>(x, y, 0) : lines_.template at<false>(x, y, 0);
          for (int c = 0; c < C; ++c) to[c] += from[c];
        }
      }
      S* itself = dz_ + cells[i] * C;
      for (int c = 0; c < C; ++c) itself[c] += g[i * seen_features + c];
    }
  }

  Circuit<S> circuit_;
  Places<S> places_;
  Lines<S, Edge, C, 1, 1, 0> lines_;
  S *dz_, *dtheta_, *dcoefficients_, *gradients_, *given_, *dplaces_, *dpatches_;
};

}  // namespace basin
