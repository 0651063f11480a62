#pragma once

// The derivative of SetMessages, whose formulas are in layers/set_messages.hpp, which includes it.

#include <algorithm>
#include <array>

#include "basin/layers/set_messages.hpp"

namespace basin {

/// J and its transposes. Refers to theta and x; owns m of each set and where its maxima are, and the transposed
/// matrices, or refers to those that were prepared.
template <int Inputs, int Pooled, int Outputs, int Kinds>
template <class S>
class SetMessages<Inputs, Pooled, Outputs, Kinds>::Linearization {
 public:
  Linearization(const SetMessages& layer, const S* theta, View<const S> x, const S* prepared)
      : layer_(layer),
        theta_(theta),
        x_(x),
        prepared_(prepared),
        pooled_(x.samples() * layer.pooled_numbers()),
        largest_(x.samples() * Pooled * layer.sets.count()) {
    if (prepared == nullptr) turned_ = layer.prepare(std::span<const S, param_count>(theta, param_count));
  }

  void jvp(View<const S> t, View<S> out) const {
    check_jvp("SetMessages", x_.shape(), y(), t, out);
    const CellSets& lists = layer_.sets;
    Scratch scratch;
    S* const shown = scratch.take<S>(Pooled * lists.cells());
    S* const pooled = scratch.take<S>(layer_.pooled_numbers());
    S* const messages = scratch.take<S>(Outputs * lists.count());
    for (Index n = 0; n < t.samples(); ++n) {
      kernels::gather<Inputs, Pooled>(lists.cells(), t.sample(n).data(), theta_ + pooled_at,
                                      static_cast<const S*>(nullptr), shown);
      for (Index s = 0; s < lists.count(); ++s) {
        S* const of_set = pooled + 2 * Pooled * s;
        pool<S>(lists.members(s), shown, of_set, nullptr);
        for (Index c = 0; c < Pooled; ++c) {
          of_set[Pooled + c] = shown[static_cast<Index>(largest(n, s)[c]) * Pooled + c];
        }
      }
      layer_.tell(theta_, pooled, messages);
      layer_.add_own(theta_, t.sample(n).data(), static_cast<const S*>(nullptr), messages, out.sample(n).data(),
                     detail::NoThen{});
    }
  }

  void vjp(View<const S> w, View<S> dx) const {
    check_vjp("SetMessages", x_.shape(), y(), w, dx);
    back(w, dx, nullptr);
  }

  void pullback(View<const S> w, View<S> dx, ThetaGradient<S, param_count> dtheta) const { back(w, dx, dtheta.data()); }

 private:
  friend SetMessages;

  [[nodiscard]] Shape y() const { return x_.shape().with_features(Outputs); }
  [[nodiscard]] const Place<S>* largest(Index n, Index set) const {
    return largest_.data() + Pooled * (n * layer_.sets.count() + set);
  }

  void back(View<const S> w, View<S> dx, S* dtheta) const {
    check_pullback("SetMessages", x_.shape(), y(), w, dx);
    const CellSets& lists = layer_.sets;
    const S* const turned = prepared_ == nullptr ? turned_.data() : prepared_;
    const S* const messages_turned = turned + weight_count + pooled_count;
    Scratch scratch;
    S* const told = scratch.take<S>(Outputs * lists.count());     // g
    S* const dpooled = scratch.take<S>(layer_.pooled_numbers());  // V^T g
    S* const dshown = scratch.take<S>(Pooled * lists.cells());    // dp
    for (Index n = 0; n < w.samples(); ++n) {
      const S *const wn = w.sample(n).data(), *const xn = x_.sample(n).data();
      for (Index s = 0; s < lists.count(); ++s) {
        std::fill_n(told + s * Outputs, Outputs, S(0));
        add_all(lists.members(s), wn, told + s * Outputs);
      }
      for (Index k = 0; k < Kinds; ++k) {
        const Index first = lists.first(k), count = lists.first(k + 1) - first;
        const S* const g = told + first * Outputs;
        kernels::gather<Outputs, 2 * Pooled>(count, g, messages_turned + static_cast<std::size_t>(k) * message_count,
                                             static_cast<const S*>(nullptr), dpooled + first * 2 * Pooled);
        if (dtheta == nullptr) continue;
        kernels::outer<2 * Pooled, Outputs>(count, pooled_.data() + n * layer_.pooled_numbers() + first * 2 * Pooled, g,
                                            dtheta + messages_at + static_cast<std::size_t>(k) * message_count);
      }
      spread(n, dpooled, dshown);
      if (dtheta != nullptr) {
        kernels::outer<Inputs, Outputs>(lists.cells(), xn, wn, dtheta);
        kernels::add_columns<Outputs>(lists.cells(), wn, dtheta + weight_count);
        kernels::outer<Inputs, Pooled>(lists.cells(), xn, dshown, dtheta + pooled_at);
      }
      if (dx) add_up(turned, wn, dshown, dx.sample(n).data());
    }
  }

  /// dp of each cell of sample n from the derivatives of its sets.
  void spread(Index n, const S* dpooled, S* dshown) const {
    const CellSets& lists = layer_.sets;
    std::fill_n(dshown, Pooled * lists.cells(), S(0));
    for (Index s = 0; s < lists.count(); ++s) {
      const S* const of_set = dpooled + 2 * Pooled * s;
      const S part = S(1) / static_cast<S>(lists.members(s).size());
      std::array<S, Pooled> mean;
      for (std::size_t c = 0; c < Pooled; ++c) mean[c] = of_set[c] * part;
      for (const Index cell : lists.members(s)) {
        S* const to = dshown + cell * Pooled;
        for (std::size_t c = 0; c < Pooled; ++c) to[c] += mean[c];
      }
      for (Index c = 0; c < Pooled; ++c)
        dshown[static_cast<Index>(largest(n, s)[c]) * Pooled + c] += of_set[Pooled + c];
    }
  }

  /// dx = W^T w + P^T dp
  void add_up(const S* turned, const S* w, const S* dshown, S* dx) const {
    Scratch scratch;
    S* const more = scratch.take<S>(block_cells * Inputs);
    for (Index first = 0; first < layer_.sets.cells(); first += block_cells) {
      const Index count = std::min(block_cells, layer_.sets.cells() - first);
      S* const block = dx + first * Inputs;
      kernels::gather<Outputs, Inputs>(count, w + first * Outputs, turned, static_cast<const S*>(nullptr), block);
      kernels::gather<Pooled, Inputs>(count, dshown + first * Pooled, turned + weight_count,
                                      static_cast<const S*>(nullptr), more);
      for (Index i = 0; i < count * Inputs; ++i) block[i] += more[i];
    }
  }

  SetMessages layer_;  // a copy shares its sets
  const S* theta_;
  View<const S> x_;
  const S* prepared_;  // of the caller's; or null, and then it is in turned_
  Buffer<S> turned_;
  Buffer<S> pooled_;          // m, of each set of each sample
  Buffer<Place<S>> largest_;  // the cells of its maxima
};

}  // namespace basin
