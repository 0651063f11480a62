#pragma once

// How far a weight that learns moves (an update as nca/update.hpp describes them; the rule's answer r has C + 1
// numbers, of which the last, g, sets the size of the step over several orders of magnitude, as learned optimisers do:
// L. Metz, N. Maheswaranathan, J. Nixon, C. D. Freeman, J. Sohl-Dickstein, "Understanding and correcting pathologies in
// the training of learned optimizers", 2019):
//
//   v~   = v + factor rate tanh(r_0) exp(range tanh(g / range))           the weight, feature 0
//   h~_c = h_c + factor hidden_rate r_c                                   what else a cell keeps, c = 1 ... C - 1
//
// So a step is at most rate e^range long.

#include <cmath>

namespace basin {

struct Stride {
  template <int C>
  static constexpr int answers = C + 1;

  double rate = 0.1;         ///< of the weight, above 0
  double range = 3;          ///< of the logarithm of its size, above 0
  double hidden_rate = 0.3;  ///< of the other features

  template <int C, class S>
  void next(const S* z, const S* r, S factor, S* out) const {
    out[0] = z[0] + factor * static_cast<S>(rate) * std::tanh(r[0]) * size(r[C]);
    for (int c = 1; c < C; ++c) out[c] = z[c] + factor * static_cast<S>(hidden_rate) * r[c];
  }
  template <int C, class S>
  void push(const S*, const S* r, const S* tz, const S* tr, S factor, S* out) const {
    const Slopes<S> along = slopes<C>(r, factor);
    out[0] = tz[0] + along.direction * tr[0] + along.size * tr[C];
    for (int c = 1; c < C; ++c) out[c] = tz[c] + factor * static_cast<S>(hidden_rate) * tr[c];
  }
  template <int C, class S>
  void pull(const S*, const S* r, const S* w, S factor, S* wz, S* wr) const {
    const Slopes<S> along = slopes<C>(r, factor);
    for (int c = 0; c < C; ++c) wz[c] = w[c];
    wr[0] = along.direction * w[0];
    wr[C] = along.size * w[0];
    for (int c = 1; c < C; ++c) wr[c] = factor * static_cast<S>(hidden_rate) * w[c];
  }

 private:
  /// Of v~ in r_0 and in g.
  template <class S>
  struct Slopes {
    S direction, size;
  };

  template <class S>
  [[nodiscard]] S size(S g) const {
    const S most = static_cast<S>(range);
    return std::exp(most * std::tanh(g / most));
  }
  template <int C, class S>
  [[nodiscard]] Slopes<S> slopes(const S* r, S factor) const {
    const S most = static_cast<S>(range), direction = std::tanh(r[0]), part = std::tanh(r[C] / most),
            scale = factor * static_cast<S>(rate) * std::exp(most * part);
    return {scale * (S(1) - direction * direction), scale * direction * (S(1) - part * part)};
  }
};

}  // namespace basin
