#pragma once

// What each scale of a pack receives from all others, as in networks of several resolutions (J. Wang et al. 2019, "Deep
// high-resolution representation learning for visual recognition", section 3; S. Bai, V. Koltun, J. Z. Kolter,
// "Multiscale deep equilibrium models", NeurIPS 2020, section 3.2). Into plane i comes, added up, from plane j:
//
//   j = i         plane i itself
//   j finer       3 x 3 convolutions of stride 2, as many as halve it to the size of i; each with GroupNorm, and a ReLU
//                 between them
//   j coarser     a 1 x 1 convolution to the features of i, GroupNorm, and each cell repeated (UpsampleNearest)
//
// FuseScales<P, Groups>: planes of two axes whose extents are those of the finest over powers of two, from the finest
// to the coarsest; Groups is that of every GroupNorm. For links of your own write Links<P, P, Link<j, i, Layer>...>.

#include <type_traits>
#include <utility>

#include "basin/layers/activation.hpp"
#include "basin/layers/conv.hpp"
#include "basin/layers/group_norm.hpp"
#include "basin/layers/links.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/layers/upsample.hpp"

namespace basin {

namespace detail {

/// From C features to Out, with extents smaller by `factor`, a power of two.
template <int C, int Out, int factor, int Groups>
struct Down {
  using Step = Sequential<Conv<C, C, 3, 2, Zero, Bias::no>, GroupNorm<C, Groups>, Relu>;
  using type = Sequential<Step, typename Down<C, Out, factor / 2, Groups>::type>;
};
template <int C, int Out, int Groups>
struct Down<C, Out, 2, Groups> {
  using type = Sequential<Conv<C, Out, 3, 2, Zero, Bias::no>, GroupNorm<Out, Groups>>;
};

/// The layer from plane `from` to plane `to`.
template <class P, std::size_t from, std::size_t to, int Groups>
auto between_scales() {
  using A = typename P::template At<from>;
  using B = typename P::template At<to>;
  if constexpr (from == to) {
    return std::type_identity<Identity>{};
  } else {
    using Fine = std::conditional_t<(from < to), A, B>;
    using Coarse = std::conditional_t<(from < to), B, A>;
    constexpr int factor = Fine::space[0] / Coarse::space[0];
    static_assert(factor > 1 && (factor & (factor - 1)) == 0 && Fine::space[0] == factor * Coarse::space[0] &&
                      Fine::space[1] == factor * Coarse::space[1] && Fine::space[2] * Coarse::space[2] == 1,
                  "FuseScales: planes go from the finest to the coarsest, with both extents smaller by the same power "
                  "of two, and two axes of space");
    if constexpr (from < to) {
      return std::type_identity<typename Down<A::features, B::features, factor, Groups>::type>{};
    } else {
      return std::type_identity<Sequential<Conv<A::features, B::features, 1, 1, Zero, Bias::no>,
                                           GroupNorm<B::features, Groups>, UpsampleNearest<factor>>>{};
    }
  }
}

template <class P, int Groups, class Indices>
struct FuseScalesOf;
template <class P, int Groups, std::size_t... k>
struct FuseScalesOf<P, Groups, std::index_sequence<k...>> {
  template <std::size_t from, std::size_t to>
  using Between = Link<from, to, typename decltype(between_scales<P, from, to, Groups>())::type>;
  using type = Links<P, P, Between<k / P::count, k % P::count>...>;
};

}  // namespace detail

/// The links of all planes of P to all. Groups divides the features of each plane.
template <class P, int Groups>
using FuseScales = typename detail::FuseScalesOf<P, Groups, std::make_index_sequence<P::count * P::count>>::type;

}  // namespace basin
