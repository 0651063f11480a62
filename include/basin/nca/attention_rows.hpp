#pragma once

// One head of cells that attend to the cells around them (nca/perceive_attention.hpp), on many cells at once: a number
// of the formulas is a row of `width`, one for each cell, and rows lie one behind the other. z has C rows for each
// place around the cells. Cells that fill no row are zeros.

#include <algorithm>

#include "basin/core/state.hpp"
#include "basin/kernels/elementwise.hpp"
#include "basin/kernels/vector.hpp"

namespace basin::detail {

template <class S, int C, int places>
struct AttentionRows {
  static constexpr int width = 16;  // z and what comes for it stay in the nearest cache

  /// w(d), places rows, and m, C rows, from a, C rows.
  static void look(const S* a, const S* z, const S* bias, S scale, S* w, S* m) {
    for (int i = 0; i < width; i += lanes) {
      V most{};
      for (int d = 0; d < places; ++d) {
        const V score = all(scale) * dot(a + i, z + d * C * width + i) + all(bias[d]);
        most = d == 0 || score > most ? score : most;
        put(w + d * width + i, score);
      }
      for (int d = 0; d < places; ++d) put(w + d * width + i, at(w + d * width + i) - most);
    }
    kernels::elementwise(
        Index{places} * width, w, [](const auto& x) { return x.exp(); }, static_cast<const S*>(w));
    for (int i = 0; i < width; i += lanes) {
      V sum{};
      for (int d = 0; d < places; ++d) sum += at(w + d * width + i);
      const V share = all(S(1)) / sum;
      for (int d = 0; d < places; ++d) put(w + d * width + i, at(w + d * width + i) * share);
      for (int c = 0; c < C; ++c) put(m + c * width + i, mean(w + i, z + c * width + i));
    }
  }

  /// dm, C rows, along a change t of z and da of a.
  static void push(const S* a, const S* da, const S* z, const S* t, const S* w, S scale, S* dm) {
    for (int i = 0; i < width; i += lanes) {
      V change[places], sum{};
      for (int d = 0; d < places; ++d) {
        change[d] = all(scale) * (dot(da + i, z + d * C * width + i) + dot(a + i, t + d * C * width + i));
        sum += at(w + d * width + i) * change[d];
      }
      for (int d = 0; d < places; ++d) change[d] = at(w + d * width + i) * (change[d] - sum);
      for (int c = 0; c < C; ++c) {
        V along = mean(w + i, t + c * width + i);
        for (int d = 0; d < places; ++d) along += change[d] * at(z + (d * C + c) * width + i);
        put(dm + c * width + i, along);
      }
    }
  }

  /// da, C rows, from dm. What comes for z is added to dz, if it is not null; what comes for the biases, summed over
  /// the cells, to dbias, if it is not null.
  static void pull(const S* a, const S* z, const S* w, S scale, const S* dm, S* da, S* dz, S* dbias) {
    V biases[places] = {};
    for (int i = 0; i < width; i += lanes) {
      V change[places], sum{};
      for (int d = 0; d < places; ++d) {
        change[d] = dot(dm + i, z + d * C * width + i);
        sum += at(w + d * width + i) * change[d];
      }
      for (int d = 0; d < places; ++d) {
        const V score = at(w + d * width + i) * (change[d] - sum);
        biases[d] += score;
        change[d] = score * all(scale);
      }
      for (int c = 0; c < C; ++c) {
        V of_a{};
        for (int d = 0; d < places; ++d) of_a += change[d] * at(z + (d * C + c) * width + i);
        put(da + c * width + i, of_a);
      }
      if (dz == nullptr) continue;
      for (int d = 0; d < places; ++d) {
        const V share = at(w + d * width + i), score = change[d];
        for (int c = 0; c < C; ++c) {
          S* to = dz + (d * C + c) * width + i;
          put(to, at(to) + (share * at(dm + c * width + i) + score * at(a + c * width + i)));
        }
      }
    }
    if (dbias == nullptr) return;
    for (int d = 0; d < places; ++d) {
      S total = S(0);
      for (int l = 0; l < lanes; ++l) total += biases[d][l];
      dbias[d] += total;
    }
  }

 private:
  static constexpr int lanes = kernels::lanes_for<S>(width);
  using V = kernels::Lanes<S, lanes>;

  [[gnu::always_inline]] static V at(const S* from) { return kernels::load<lanes>(from); }
  [[gnu::always_inline]] static void put(S* to, const V& value) { kernels::store<lanes>(to, value); }
  [[gnu::always_inline]] static V all(S number) { return kernels::broadcast<lanes>(number); }

  /// The sum over C rows of both.
  [[gnu::always_inline]] static V dot(const S* x, const S* y) {
    V sum{};
    for (int c = 0; c < C; ++c) sum += at(x + c * width) * at(y + c * width);
    return sum;
  }
  /// Of a row of each place, by their shares.
  [[gnu::always_inline]] static V mean(const S* w, const S* z) {
    V sum{};
    for (int d = 0; d < places; ++d) sum += at(w + d * width) * at(z + d * C * width);
    return sum;
  }
};

}  // namespace basin::detail
