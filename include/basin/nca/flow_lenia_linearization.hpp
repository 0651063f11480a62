#pragma once

// The derivative of a step of Flow-Lenia. With W the shares of the squares of mass, d their displacements, g the slopes
// of the affinity U and of the mass m, and J_U the derivative of U:
//
//   J t   = W t + (dW/dd) z d',   d' = dt ((1 - a) g_U' - a g_m' - a' (g_U + g_m)),   g' the slopes of (J_U t, sum of
//   t),
//
// and J^T w the same backward. It is included by nca/flow_lenia.hpp.

#include "basin/nca/flow_lenia.hpp"

namespace basin {

/// Refers to theta, z, and what was prepared; owns slopes, displacements, and the affinity's linearization.
template <int C, int K, Boundary Edge>
template <class S>
class FlowLenia<C, K, Edge>::Linearization {
 public:
  /// out may be without memory: not wanted.
  Linearization(const FlowLenia& flow, std::span<const S, param_count> theta, View<const S> z, View<S> out,
                const Context& context, IfPrepared<Prepared<S>> prepared)
      : flow_(flow),
        z_(z),
        affinity_(z.size()),
        slopes_(slopes_shape(z.shape()).size()),
        displacements_(displacements_shape(z.shape()).size()),
        linear_(flow_.affinity_.template linearize<S>(theta, z, input_of(z), View<S>(affinity_.data(), z.shape()),
                                                      context, prepared)) {
    flow_.template slopes_of<S>(View<const S>(affinity_.data(), z.shape()), z,
                                View<S>(slopes_.data(), slopes_shape(z.shape())));
    flow_.template displace<S>(z, slopes(), View<S>(displacements_.data(), displacements_shape(z.shape())));
    if (out) flow_.template move<S>(z, displacements(), out);
  }

  [[nodiscard]] Report report() const { return {}; }
  /// As an automaton's, for a Rollout; nothing is solved, so that there is nothing to log.
  void log_to(SolveLog*) {}

  Report jvp(View<const S> t, View<S> out, SolveLog* = nullptr) const {
    check_jvp<S>("FlowLenia", z_.shape(), z_.shape(), t, out);
    Scratch scratch;
    const View<S> affinity_t = scratch.state<S>(z_.shape()), slopes_t = scratch.state<S>(slopes_shape(z_.shape()));
    const View<S> far_t = scratch.state<S>(displacements_shape(z_.shape()));
    static_cast<void>(linear_.jvp(t, affinity_t));
    flow_.template slopes_of<S>(affinity_t, t, slopes_t);
    each_flow(
        [&](const S* slopes, Index of_all, S a, S a_slope, int axis, int c, S& far) {
          const S* along = slopes_t.data() + of_all * 2 * (C + 1) + axis * (C + 1);
          const S* g = slopes + axis * (C + 1);
          const S turned = a_slope * mass_of(t.data() + of_all * C);
          far = flow_.template unit<S>() * ((S(1) - a) * along[c] - a * along[C] - turned * (g[c] + g[C]));
        },
        far_t);
    const Index line_size = z_.shape().space[0] * C, plane = z_.shape().cells_per_sample() * C;
    each_line(z_.shape(), [&](Index n, Index line) {
      const S *from = z_.sample(n).data(), *from_t = t.sample(n).data(), *moved = far_t.sample(n).data();
      S* to = out.sample(n).data();
      std::fill_n(to + line * line_size, line_size, S(0));
      flow_.tracking().template each_share_to<C>(
          z_.shape().space, line, displacements().sample(n).data(), plane,
          [&](Index source, Index target, const detail::Share<S>& x, const detail::Share<S>& y) {
            to[target] +=
                from_t[source] * (x.share * y.share) +
                from[source] * (x.slope * moved[source] * y.share + x.share * y.slope * moved[plane + source]);
          });
    });
    return {};
  }

  Report jvp_input(View<const S> /*t*/, View<S> out) const {
    check_shape("FlowLenia", "out of jvp_input", out.shape(), z_.shape());
    out.vector().setZero();
    return {};
  }

  Report vjp(View<const S> w, View<S> dz, SolveLog* = nullptr) const {
    check_vjp<S>("FlowLenia", z_.shape(), z_.shape(), w, dz);
    pull(w, dz, [&](View<const S> daffinity, View<S> through) { static_cast<void>(linear_.vjp(daffinity, through)); });
    return {};
  }

  Report vjp_input(View<const S> w, View<S> /*du*/) const {
    check_shape("FlowLenia", "w", w.shape(), z_.shape());
    return {};
  }

  Report pullback(View<const S> w, View<S> dz, View<S> /*du*/, ThetaGradient<S, param_count> dtheta,
                  SolveLog* = nullptr) const {
    check_pullback<S>("FlowLenia", z_.shape(), z_.shape(), w, dz);
    pull(w, dz, [&](View<const S> daffinity, View<S> through) {
      static_cast<void>(linear_.pullback(daffinity, through, View<S>{}, dtheta));
    });
    return {};
  }

 private:
  [[nodiscard]] View<const S> slopes() const { return {slopes_.data(), slopes_shape(z_.shape())}; }
  [[nodiscard]] View<const S> displacements() const { return {displacements_.data(), displacements_shape(z_.shape())}; }

  /// flow(slopes of the cell, cell, a, da/dm, axis, c, far) for each number that is moved; far is where `numbers` has
  /// its place. What is held is set to 0 first, and left out.
  template <class Flow>
  void each_flow(const Flow& flow, View<S> numbers) const {
    const Index cells = z_.shape().cells_per_sample(), width = z_.shape().space[0];
    const auto along = flow_.tracking();
    each_cell(z_.shape(), [&](const detail::Band& band, Index of_all, Index i) {
      const auto [a, a_slope] = flow_.crowding(mass_of(z_.data() + of_all * C));
      const S* cell_slopes = slopes_.data() + of_all * 2 * (C + 1);
      S* to = numbers.sample(band.sample).data();
      for (int axis = 0; axis < 2; ++axis) {
        for (int c = 0; c < C; ++c) {
          S& far = to[displaced(cells, i, axis, c)];
          bool moved = false;
          static_cast<void>(along.held(flow_.wanted(cell_slopes, axis, c, a), axis == 0 ? i % width : i / width,
                                       z_.shape().space[static_cast<std::size_t>(axis)], moved));
          if (moved) {
            flow(cell_slopes, of_all, a, a_slope, axis, c, far);
          } else {
            far = S(0);
          }
        }
      }
    });
  }

  template <class Affine>
  void pull(View<const S> w, View<S> dz, const Affine& affine) const {
    const Shape& shape = z_.shape();
    const Index plane = shape.cells_per_sample() * C;
    Scratch scratch;
    const View<S> mass = scratch.state<S>(shape), far = scratch.state<S>(displacements_shape(shape)),
                  dslopes = scratch.state<S>(slopes_shape(shape)),
                  dstacked = scratch.state<S>(shape.with_features(C + 1));
    mass.vector().setZero();
    far.vector().setZero();
    dslopes.vector().setZero();
    dstacked.vector().setZero();
    each_line(shape, [&](Index n, Index line) {
      const S *to = w.sample(n).data(), *from = z_.sample(n).data();
      S *dmass = mass.sample(n).data(), *dfar = far.sample(n).data();
      flow_.tracking().template each_share_from<C>(
          shape.space, line, displacements().sample(n).data(), plane,
          [&](Index source, Index target, const detail::Share<S>& x, const detail::Share<S>& y) {
            dmass[source] += to[target] * (x.share * y.share);
            dfar[source] += to[target] * from[source] * (x.slope * y.share);
            dfar[plane + source] += to[target] * from[source] * (x.share * y.slope);
          });
    });
    each_flow(
        [&](const S* slopes, Index of_all, S a, S a_slope, int axis, int c, S& dfar) {
          S* along = dslopes.data() + of_all * 2 * (C + 1) + axis * (C + 1);
          const S* g = slopes + axis * (C + 1);
          const S come = flow_.template unit<S>() * dfar;
          along[c] += (S(1) - a) * come;
          along[C] -= a * come;
          dstacked.data()[of_all * (C + 1) + C] -= a_slope * come * (g[c] + g[C]);
        },
        far);
    spread(View<const S>(dslopes), dstacked);
    const View<S> daffinity = scratch.state<S>(shape), through = scratch.state<S>(shape);
    for (Index i = 0; i < shape.cells(); ++i) {
      std::copy_n(dstacked.data() + i * (C + 1), C, daffinity.data() + i * C);
    }
    affine(View<const S>(daffinity), through);
    if (!dz) return;
    for (Index i = 0; i < shape.cells(); ++i) {
      for (int c = 0; c < C; ++c) {
        const Index at = i * C + c;
        dz.data()[at] = mass.data()[at] + through.data()[at] + dstacked.data()[i * (C + 1) + C];
      }
    }
  }

  /// dstacked += what comes for the slopes, through them.
  void spread(View<const S> dslopes, View<S> dstacked) const {
    const Shape stacked = dstacked.shape();
    const detail::Tasks bands(stacked, 2048, Slopes{}.band_cells(stacked, 1));
    bands.each_apart([&](Index, const detail::Band& band) {
      Scratch own;
      typename Slopes::template Spread<S> hand_out({}, {}, View<const S>(), dstacked.sample(band.sample), nullptr, own);
      each_block(band, [&](const Index* cells, Index count) {
        hand_out(cells, count, dslopes.sample(band.sample).data() + cells[0] * 2 * (C + 1));
      });
    });
  }

  FlowLenia flow_;
  View<const S> z_;
  Buffer<S> affinity_, slopes_, displacements_;
  typename Affinity::template Linearization<S> linear_;
};

}  // namespace basin
