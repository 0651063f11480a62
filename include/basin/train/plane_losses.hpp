#pragma once

// The loss of a model that gives several answers as a pack of planes (layers/planes.hpp), such as the classes of an
// image and of each of its pixels: a weighted sum of a loss of each plane,
//
//   sum over planes l of weight_l L_l(plane l of y).

#include <array>
#include <tuple>
#include <utility>

#include "basin/layers/planes.hpp"
#include "basin/train/loss.hpp"

namespace basin {

/// One loss for each plane of the Pack, in their order.
template <class Pack, class... Losses>
struct PlaneLosses {
  static_assert(Pack::count == sizeof...(Losses), "PlaneLosses: there must be one loss for each plane");

  std::tuple<Losses...> losses{};  ///< number l is that of plane l
  /// What the loss of each plane is multiplied by, in the same order; all 1 if not said otherwise.
  std::array<double, sizeof...(Losses)> weights = [] {
    std::array<double, sizeof...(Losses)> ones{};
    ones.fill(1);
    return ones;
  }();

  /// y is a slice of a batch of packs. Throws std::invalid_argument if it is another shape, and as the losses do.
  template <class S>
  double value_and_gradient(std::type_identity_t<View<const S>> y, Index first_sample, Index batch_size,
                            View<S> dy) const {
    detail::check_slice<S>(y, first_sample, batch_size, dy);
    return [&]<std::size_t... l>(std::index_sequence<l...>) {
      return (0.0 + ... + on_plane<l, S>(y, first_sample, batch_size, dy));
    }
    (std::make_index_sequence<Pack::count>{});
  }

 private:
  template <std::size_t l, class S>
  double on_plane(View<const S> y, Index first_sample, Index batch_size, View<S> dy) const {
    double sum = 0;
    for (Index n = 0; n < y.samples(); ++n) {
      const View<S> gradient = dy ? Pack::template plane<l>(dy.sample(n)) : View<S>{};
      sum += std::get<l>(losses).template value_and_gradient<S>(Pack::template plane<l>(y.sample(n)), first_sample + n,
                                                                batch_size, gradient);
      if (gradient) gradient.vector() *= static_cast<S>(weights[l]);
    }
    return weights[l] * sum;
  }
};

}  // namespace basin
