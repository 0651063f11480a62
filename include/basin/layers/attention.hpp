#pragma once

// Attention of the cells of a sample to one another (Vaswani et al. 2017, "Attention is all you need", equation 1 and
// section 3.2.2, without its linear maps). Of each cell j, x holds queries q, keys k and values v for all heads, and a
// head of D features gives
//
//   y_j = sum_i p_ij v_i,   p_ij = exp(s k_i . q_j) / sum over i of the same,   s = 1 / sqrt(D),
//
// where i runs over the cells that j sees: all of them, those up to j, or those with which it shares a set. (The others
// count 0 times, so that an infinity or a NaN there shows in y_j all the same.) A block of a transformer is then
//
//   Sequential<Dense<C, 3 * C>, Rotary<3 * C, 2 * Heads, C / Heads>, Attention<C, Heads>, Dense<C, C>>
//
// x is (3 C, X, Y, Z, N): q (C), k (C), v (C), each head by head; y is (C, X, Y, Z, N). Cells are counted in memory
// order, x fastest. Any number of cells. With w at y, and for the columns of one head,
//
//   dP = V^T w,   dS = P (dP - sum_i P dP),   dQ = s K dS,   dK = s Q dS^T,   dV = w P^T.
//
// The linearization keeps P: cells^2 numbers a head and sample. apply keeps a block of queries.

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include "basin/core/layer.hpp"
#include "basin/kernels/elementwise.hpp"
#include "basin/kernels/matrix_product.hpp"
#include "basin/layers/attention_sight.hpp"

namespace basin {

namespace detail {

/// f over all numbers, register by register and then one by one: in an order that does not depend on where they lie.
template <class S, class F>
S fold(const S* numbers, Index count, S first, const F& f) {
  constexpr int lanes = kernels::register_bytes / static_cast<int>(sizeof(S));
  S all = first;
  Index i = 0;
  if (count >= lanes) {
    std::array<S, lanes> sums;
    std::copy_n(numbers, lanes, sums.begin());
    for (i = lanes; i + lanes <= count; i += lanes) {
      for (int l = 0; l < lanes; ++l)
        sums[static_cast<std::size_t>(l)] = f(sums[static_cast<std::size_t>(l)], numbers[i + l]);
    }
    for (const S sum : sums) all = f(all, sum);
  }
  for (; i < count; ++i) all = f(all, numbers[i]);
  return all;
}

/// Numbers become exp(x - max) / sum.
template <class S>
void softmax(S* numbers, Index count) {
  const S most = fold(numbers, count, numbers[0], [](S a, S b) { return a < b ? b : a; });
  kernels::elementwise(
      count, numbers, [most](const auto& x) { return (x - most).exp(); }, static_cast<const S*>(numbers));
  const S share = S(1) / fold(numbers, count, S(0), [](S a, S b) { return a + b; });
  for (Index i = 0; i < count; ++i) numbers[i] *= share;
}

}  // namespace detail

template <int C, int Heads = 1, class Sees = FullAttention>
struct Attention {
  static_assert(C > 0 && Heads > 0, "Attention: the numbers of features and of heads must be positive");
  static_assert(C % Heads == 0, "Attention: the number of features must be a multiple of the number of heads");

  static constexpr int in_features = 3 * C;
  static constexpr int out_features = C;
  static constexpr int head_features = C / Heads;  ///< D: numbers of one q, k or v
  static constexpr std::size_t param_count = 0;

  Sees sees{};  ///< which cells i a cell j attends to (layers/attention_sight.hpp)
  /// Of k . q.
  double scale = 1 / std::sqrt(static_cast<double>(head_features));

  [[nodiscard]] Shape out_shape(const Shape& x) const {
    check_features("Attention", x.features, in_features);
    sees.check_cells(x.cells_per_sample());
    return x.with_features(C);
  }

  template <class S>
  void apply(Theta<S, 0>, In<S> x, View<S> y, const Context& = {}) const {
    check_output<Attention, S>("Attention", *this, x, y);
    const Index cells = x.shape().cells_per_sample();
    Scratch scratch;
    S* p = scratch.take<S>(cells * std::min(queries, cells));
    each_block<S>(x, [&](const Block<S>& b) {
      probabilities(b, p);
      values(b, p, b.in(x) + 2 * C, b.out(y));
    });
  }

  template <class S>
  class Linearization;

  template <class S>
  Linearization<S> linearize(Theta<S, 0>, In<S> x, View<S> y, const Context& = {}) const {
    check_output<Attention, S>("Attention", *this, x, y);
    Linearization<S> j(x, static_cast<S>(scale), sees);
    each_block<S>(x, [&](const Block<S>& b) {
      probabilities(b, j.p_of(b));
      values(b, static_cast<const S*>(j.p_of(b)), b.in(x) + 2 * C, b.out(y));
    });
    return j;
  }

 private:
  static constexpr int D = head_features;
  static constexpr Index queries = 64;  // of a block: what its products take stays in cache

  /// Some queries of one head of one sample, and the cells that one of them or more may see: the first `keys`.
  template <class S>
  struct Block {
    const S* x;  // of this sample and head: its first q
    Index sample, head, cells, first, count, keys;

    /// Of the same sample and head in a state as wide as x, or as y.
    template <class T>
    T* in(View<T> state) const {
      return state.data() + sample * cells * in_features + head * D;
    }
    template <class T>
    T* out(View<T> state) const {
      return state.data() + sample * cells * C + head * D;
    }
  };

  template <class S, class F>
  void each_block(View<const S> x, const F& f) const {
    const Index cells = x.shape().cells_per_sample();
    for (Index sample = 0; sample < x.samples(); ++sample) {
      for (Index head = 0; head < Heads; ++head) {
        const S* first_query = x.data() + sample * cells * in_features + head * D;
        for (Index first = 0; first < cells; first += queries) {
          const Index count = std::min(queries, cells - first);
          f(Block<S>{first_query, sample, head, cells, first, count, keys_of(sees, first + count - 1, cells)});
        }
      }
    }
  }

  static Index keys_of(const Sees& sees, Index last_query, Index cells) {
    if constexpr (requires { sees.seen(last_query, cells); }) return sees.seen(last_query, cells);
    return cells;
  }

  /// D numbers of each cell, as a factor D x cells, and transposed.
  template <class S>
  static kernels::Factor<S> columns(const S* data, Index step) {
    return {data, 1, step};
  }
  template <class S>
  static kernels::Factor<S> rows(const S* data, Index step) {
    return {data, step, 1};
  }

  /// p = s K^T Q of a block, or p +=: keys x count, from pointers to k of the first cell and q of the first query.
  template <bool add, class S>
  static void scores(const Block<S>& b, const S* k, const S* q, S* p) {
    kernels::matrix_product<add>(b.keys, b.count, D, rows(k, in_features), columns(q, in_features), p, b.keys);
  }

  /// p of a block, keys x count; 0 for what a query does not see.
  template <class S>
  void probabilities(const Block<S>& b, S* p) const {
    scores<false>(b, b.x + C, b.x + b.first * in_features, p);
    const auto s = static_cast<S>(scale);
    for (Index j = 0; j < b.count; ++j) {
      S* column = p + j * b.keys;
      for (Index i = 0; i < b.keys; ++i) column[i] *= s;
      if constexpr (requires { sees.seen(j, b.cells); }) {
        const Index seen = sees.seen(b.first + j, b.cells);
        detail::softmax(column, seen);
        std::fill(column + seen, column + b.keys, S(0));
      } else {
        const std::span<const Index> list = sees.list(b.first + j);
        Scratch scratch;
        S* some = scratch.take<S>(static_cast<Index>(list.size()));
        for (std::size_t i = 0; i < list.size(); ++i) some[i] = column[list[i]];
        detail::softmax(some, static_cast<Index>(list.size()));
        std::fill_n(column, b.keys, S(0));
        for (std::size_t i = 0; i < list.size(); ++i) column[list[i]] = some[i];
      }
    }
  }

  /// y = V p of a block, or y +=.
  template <bool add = false, class S>
  static void values(const Block<S>& b, const S* p, const S* v, S* y) {
    kernels::matrix_product<add>(D, b.count, b.keys, columns(v, in_features), columns(p, b.keys), y + b.first * C, C);
  }
};

/// J and its transposes. Refers to x; owns p.
template <int C, int Heads, class Sees>
template <class S>
class Attention<C, Heads, Sees>::Linearization {
 public:
  Linearization(View<const S> x, S scale, const Sees& sees)
      : layer_{sees, static_cast<double>(scale)}, x_(x), p_(x.shape().cells_per_sample() * x.shape().cells() * Heads) {}

  void jvp(View<const S> t, View<S> out) const {
    check_jvp("Attention", x_.shape(), y(), t, out);
    Scratch scratch;
    S* dp = scratch.take<S>(block_size());
    layer_.template each_block<S>(x_, [&](const Block<S>& b) {
      const S *p = p_of(b), *of_t = b.in(t);
      scores<false>(b, of_t + C, b.x + b.first * in_features, dp);
      scores<true>(b, b.x + C, of_t + b.first * in_features, dp);
      through_softmax(b, p, dp);
      values(b, p, of_t + 2 * C, b.out(out));
      values<true>(b, static_cast<const S*>(dp), b.x + 2 * C, b.out(out));
    });
  }

  void vjp(View<const S> w, View<S> dx) const {
    check_vjp("Attention", x_.shape(), y(), w, dx);
    Scratch scratch;
    S* dp = scratch.take<S>(block_size());
    layer_.template each_block<S>(x_, [&](const Block<S>& b) {
      const S *p = p_of(b), *of_w = b.out(w) + b.first * C;
      S *to_q = b.in(dx), *to_k = to_q + C, *to_v = to_q + 2 * C;
      if (b.first == 0) {  // the first block of a head: what blocks add to begins at 0
        for (Index cell = 0; cell < b.cells; ++cell) {
          std::fill_n(to_k + cell * in_features, D, S(0));
          std::fill_n(to_v + cell * in_features, D, S(0));
        }
      }
      kernels::matrix_product<true>(D, b.keys, b.count, columns(of_w, C), rows(p, b.keys), to_v, in_features);
      kernels::matrix_product(b.keys, b.count, D, rows(b.x + 2 * C, in_features), columns(of_w, C), dp, b.keys);
      through_softmax(b, p, dp);
      const S* ds = dp;
      kernels::matrix_product(D, b.count, b.keys, columns(b.x + C, in_features), columns(ds, b.keys),
                              to_q + b.first * in_features, in_features);
      kernels::matrix_product<true>(D, b.keys, b.count, columns(b.x + b.first * in_features, in_features),
                                    rows(ds, b.keys), to_k, in_features);
    });
  }

  void pullback(View<const S> w, View<S> dx, ThetaGradient<S, 0>) const {
    if (dx) vjp(w, dx);
  }

 private:
  friend Attention;

  [[nodiscard]] Shape y() const { return x_.shape().with_features(C); }
  [[nodiscard]] Index block_size() const {
    const Index cells = x_.shape().cells_per_sample();
    return cells * std::min(queries, cells);
  }

  /// p of a block, keys x count.
  S* p_of(const Block<S>& b) { return p_.data() + place(b); }
  const S* p_of(const Block<S>& b) const { return p_.data() + place(b); }
  static Index place(const Block<S>& b) { return ((b.sample * Heads + b.head) * b.cells + b.first) * b.cells; }

  /// The derivative of the softmax, and the scale: d becomes s p (d - sum_i p d), column by column. J is its own
  /// transpose.
  void through_softmax(const Block<S>& b, const S* p, S* d) const {
    const auto s = static_cast<S>(layer_.scale);
    Scratch scratch;
    S* both = scratch.take<S>(b.keys);
    for (Index j = 0; j < b.count; ++j, p += b.keys, d += b.keys) {
      for (Index i = 0; i < b.keys; ++i) both[i] = p[i] * d[i];
      const S mean = detail::fold(both, b.keys, S(0), [](S one, S other) { return one + other; });
      for (Index i = 0; i < b.keys; ++i) d[i] = s * p[i] * (d[i] - mean);
    }
  }

  Attention layer_;
  View<const S> x_;
  Buffer<S> p_;  // of each sample, head and query, what it takes of each cell
};

}  // namespace basin
