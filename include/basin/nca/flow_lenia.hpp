#pragma once

// Flow-Lenia: a Lenia that keeps mass (E. Plantec, G. Hamon, M. Etcheverry, P.-Y. Oudeyer, C. Moulin-Frier, B. W.-C.
// Chan, "Flow-Lenia", 2022, arXiv 2212.07906). The growth of an expanded Lenia (nca/expanded_lenia.hpp) is not added:
// it says where a cell's mass would rather be, and mass flows up its slope, and out of crowds:
//
//   U_c = sum over k with t_k = c of h_k G_k(K_k * z_(s_k)),   m = sum over c of z_c,
//   F_c = (1 - a) grad U_c - a grad m,   a = min(1, (m / m*)^n),
//   z'  = z moved by dt F, by reintegration tracking (nca/reintegration.hpp).
//
// Each channel keeps its mass to rounding, on a torus and between walls, and nothing becomes negative. The gradients
// are Sobel's. It is a cell f(z, u) without input, as automata are, and runs in a Rollout; each number of a step is
// made by one task in a fixed order, so that results do not depend on the number of threads. The derivative is that of
// one branch, where something has a kink: displacements that are held within their limit, edges of squares on edges of
// cells, m at 0 and m*.

#include <cmath>
#include <cstdint>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "basin/core/parallel.hpp"
#include "basin/nca/expanded_lenia.hpp"
#include "basin/nca/perceive.hpp"
#include "basin/nca/reintegration.hpp"
#include "basin/nca/tasks.hpp"

namespace basin {

/// The defaults are the paper's.
struct FlowOptions {
  double time_step = 0.2;     ///< dt
  double critical_mass = 2;   ///< m*, above which a cell's mass flows away from mass alone; positive
  double exponent = 2;        ///< n, 1 or more
  double half_side = 0.65;    ///< s of the square that is a cell's mass, in cells; above 0
  Index reach = 5;            ///< how many cells along an axis mass comes in a step at most; at least s
  double gradient_scale = 8;  ///< of gradients in units of the slope: Sobel's filter as published sums to 8
};

/// States are (C, X, Y, 1, N), numbers that are 0 or more. theta is that of the growths: "centre", "width", "weight".
template <int C, int K, Boundary Edge = Periodic>
class FlowLenia {
 public:
  /// U: the automaton whose next state is the growth.
  using Affinity = Automaton<PerceiveDiscs<C, K, Edge>, LeniaGrowths<K, C>, EveryCell, Everywhere, Replace>;
  static constexpr int state_features = C, input_features = 0;
  static constexpr std::size_t param_count = Affinity::param_count;

  FlowLenia() = default;

  /// Throws std::invalid_argument for options out of range and kernels that expanded_lenia refuses.
  explicit FlowLenia(const std::vector<LeniaKernel>& kernels, const FlowOptions& options = {}) : options_(options) {
    check(options.time_step > 0 && std::isfinite(options.time_step), "FlowLenia: time step", options.time_step,
          "above 0 and finite");
    check(std::isfinite(options.gradient_scale), "FlowLenia: scale of gradients", options.gradient_scale, "finite");
    check(options.critical_mass > 0, "FlowLenia: critical mass", options.critical_mass, "above 0");
    check(options.exponent >= 1, "FlowLenia: exponent", options.exponent, "1 or more");
    affinity_.rule.targets = lenia_targets<K>(kernels);
    affinity_.perception = lenia_discs<C, K, Edge>(kernels);
  }

  static void leaves(LeafList& list) { Affinity::leaves(list); }

  /// Those that it was made with.
  [[nodiscard]] const FlowOptions& options() const { return options_; }

  [[nodiscard]] Shape state_shape(const Shape& u) const {
    const Shape z = affinity_.state_shape(u);
    tracking().check_grid(z);
    return z;
  }

  template <class S>
  Report apply(Theta<S, param_count> theta, In<S> z, In<S> /*u*/, View<S> out, const Context& context = {}) const {
    check_shapes(z.shape(), out.shape());
    Scratch scratch;
    const View<S> affinity = scratch.state<S>(z.shape()), slopes = scratch.state<S>(slopes_shape(z.shape()));
    const View<S> displacements = scratch.state<S>(displacements_shape(z.shape()));
    const Report report = affinity_.template apply<S>(theta, z, input_of(z), affinity, context);
    slopes_of<S>(affinity, z, slopes);
    displace<S>(z, slopes, displacements);
    move<S>(z, displacements, out);
    return report;
  }

  /// As an automaton's, for a Rollout; nobody needs the marks.
  template <class S>
  Report step(Theta<S, param_count> theta, In<S> z, View<S> out, std::uint8_t* /*marks*/,
              const Context& context = {}) const {
    return apply<S>(theta, z, input_of(z), out, context);
  }

  template <class S>
  class Linearization;

  template <class S>
  using Prepared = typename Affinity::template Prepared<S>;
  template <class S>
  [[nodiscard]] Prepared<S> prepare(std::span<const S, param_count> theta) const {
    return affinity_.prepare(theta);
  }

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> z, In<S> /*u*/, View<S> out,
                             const Context& context = {}, IfPrepared<Prepared<S>> prepared = {}) const {
    check_shapes(z.shape(), out.shape());
    return Linearization<S>(*this, theta, z, out, context, prepared);
  }

  /// The derivative of a step that was made before.
  template <class S>
  Linearization<S> linearize_again(Theta<S, param_count> theta, In<S> z, const std::uint8_t* /*marks*/,
                                   const Context& context, const Prepared<S>& prepared) const {
    static_cast<void>(state_shape(z.shape().with_features(0)));
    return Linearization<S>(*this, theta, z, View<S>{}, context, prepared);
  }

 private:
  /// The slopes of U_0 ... U_(C-1) and m along x, then along y.
  using Slopes = Perceive<C + 1, Edge, SobelX, SobelY>;
  static constexpr Index block = 256;  // cells whose slopes are made together

  [[nodiscard]] detail::Reintegration<Edge> tracking() const { return {options_.half_side, options_.reach}; }
  static Shape slopes_shape(const Shape& z) { return z.with_features(2 * (C + 1)); }
  /// Along x of all numbers of a sample, then along y.
  static Shape displacements_shape(const Shape& z) { return z.with_features(2 * C); }
  template <class S>
  static View<const S> input_of(View<const S> z) {
    return View<const S>(nullptr, z.shape().with_features(0));
  }

  void check_shapes(const Shape& z, const Shape& out) const {
    check_shape("FlowLenia", "z", z, state_shape(z.with_features(0)));
    check_shape("FlowLenia", "out", out, z);
  }

  /// Bands of lines.
  static detail::Tasks tasks(const Shape& z) { return {z, 2048, z.space[0]}; }

  template <class S>
  static S mass_of(const S* cell) {
    return std::accumulate(cell, cell + C, S(0));
  }

  /// a, and its derivative in m.
  template <class S>
  [[nodiscard]] std::pair<S, S> crowding(S mass) const {
    const S share = mass / static_cast<S>(options_.critical_mass), n = static_cast<S>(options_.exponent);
    if (!(share > S(0))) return {share <= S(0) ? S(0) : share, S(0)};  // lets NaN through
    if (share >= S(1)) return {S(1), S(0)};
    const S a = std::pow(share, n);
    return {a, n * a / mass};
  }

  template <class S>
  void slopes_of(View<const S> affinity, View<const S> z, View<S> slopes) const {
    Scratch scratch;
    const View<S> stacked = scratch.state<S>(z.shape().with_features(C + 1));
    const auto cells_of = tasks(z.shape());
    cells_of.each([&](Index, const detail::Band& band) {
      for (Index i = band.begin(cells_of.cells); i < band.begin(cells_of.cells) + band.size(); ++i) {
        std::copy_n(affinity.data() + i * C, C, stacked.data() + i * (C + 1));
        stacked.data()[i * (C + 1) + C] = mass_of(z.data() + i * C);
      }
    });
    cells_of.each([&](Index, const detail::Band& band) {
      Scratch own;
      typename Slopes::template Sight<S> sight({}, {}, View<const S>(stacked.sample(band.sample)), own);
      each_block(band, [&](const Index* cells, Index count) {
        sight(cells, count, slopes.sample(band.sample).data() + cells[0] * 2 * (C + 1));
      });
    });
  }

  /// body(numbers of cells, how many) for the cells of a band, in order.
  template <class Body>
  static void each_block(const detail::Band& band, const Body& body) {
    Index cells[block];
    for (Index first = band.first; first < band.last; first += block) {
      const Index count = std::min(block, band.last - first);
      std::iota(cells, cells + count, first);
      body(cells, count);
    }
  }

  /// body(band, cell of all, its number within the sample)
  template <class Body>
  static void each_cell(const Shape& z, const Body& body) {
    const auto cells_of = tasks(z);
    cells_of.each([&](Index, const detail::Band& band) {
      for (Index i = band.first; i < band.last; ++i) body(band, band.begin(cells_of.cells) + i - band.first, i);
    });
  }

  /// How far dt F would move channel c along an axis.
  template <class S>
  [[nodiscard]] S wanted(const S* slopes, int axis, int c, S a) const {
    const S* along = slopes + axis * (C + 1);
    return unit<S>() * ((S(1) - a) * along[c] - a * along[C]);
  }
  template <class S>
  [[nodiscard]] S unit() const {
    return static_cast<S>(options_.time_step * options_.gradient_scale);
  }

  /// Where number c of cell i of a sample has its displacement.
  static Index displaced(Index cells, Index i, int axis, int c) { return (axis * cells + i) * C + c; }

  template <class S>
  void displace(View<const S> z, View<const S> slopes, View<S> displacements) const {
    const auto along = tracking();
    const Index cells = z.shape().cells_per_sample(), width = z.shape().space[0];
    each_cell(z.shape(), [&](const detail::Band& band, Index of_all, Index i) {
      const S a = crowding(mass_of(z.data() + of_all * C)).first;
      S* to = displacements.sample(band.sample).data();
      bool moved = false;
      for (int axis = 0; axis < 2; ++axis) {
        for (int c = 0; c < C; ++c) {
          const S far = wanted(slopes.data() + of_all * 2 * (C + 1), axis, c, a);
          to[displaced(cells, i, axis, c)] = along.held(far, axis == 0 ? i % width : i / width,
                                                        z.shape().space[static_cast<std::size_t>(axis)], moved);
        }
      }
    });
  }

  /// body(sample, line) for all lines.
  template <class Body>
  static void each_line(const Shape& z, const Body& body) {
    tasks(z).each([&](Index, const detail::Band& band) {
      for (Index line = band.first / z.space[0]; line < band.last / z.space[0]; ++line) body(band.sample, line);
    });
  }

  template <class S>
  void move(View<const S> z, View<const S> displacements, View<S> out) const {
    const Index line_size = z.shape().space[0] * C, plane = z.shape().cells_per_sample() * C;
    each_line(z.shape(), [&](Index n, Index line) {
      const S* from = z.sample(n).data();
      S* to = out.sample(n).data();
      std::fill_n(to + line * line_size, line_size, S(0));
      tracking().template each_share_to<C>(
          z.shape().space, line, displacements.sample(n).data(), plane,
          [&](Index source, Index target, const detail::Share<S>& x, const detail::Share<S>& y) {
            to[target] += from[source] * (x.share * y.share);
          });
    });
  }

  Affinity affinity_{};
  FlowOptions options_{};
};

}  // namespace basin

#include "basin/nca/flow_lenia_linearization.hpp"
