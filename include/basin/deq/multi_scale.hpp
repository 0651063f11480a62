#pragma once

// A cell over a state of several scales, each scale told of all others at every iteration:
//
//   f(z, u) = after(fusion(relu(scales(z) + u)))
//
//   S. Bai, V. Koltun, J. Z. Kolter, "Multiscale deep equilibrium models", NeurIPS 2020, section 3.
//
// z and u are packs of planes (layers/planes.hpp), so that all scales are one solve with one norm, and whatever solves,
// differentiates or watches an equilibrium does so with this one. `scales` is a layer on each plane, OnPlanes<P, ...>;
// `fusion` goes between them, FuseScales<P, Groups> or Links of your own; `After...`, such as OnPlanes<P,
// GroupNorm<...>...>, ends it. u is injected at every scale; an image at the finest alone is PutPlane<P, 0> of it, one
// at each scale is Links<Plane<...>, P, Link<0, 0, ...>, Link<0, 1, ...>, ...>. A head reads TakePlane<P, l>, or the
// whole pack.
//
// In the paper each scale is a residual block of two convolutions with the injection inside; here it is any layer, and
// the injection goes behind it, as in every Injected.

#include "basin/deq/injected.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/fuse_scales.hpp"
#include "basin/layers/links.hpp"
#include "basin/layers/planes.hpp"
#include "basin/layers/sequential.hpp"

namespace basin {

template <class Scales, class Fusion, class... After>
using MultiScale = Injected<Sequential<Scales, Relu, Fusion, After...>>;

}  // namespace basin
