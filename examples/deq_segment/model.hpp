#pragma once

// The models of deq_segment: one equilibrium of three scales, or of one, with as many parameters; two heads read it.

#include <string>

#include "basin/deq/equilibrium.hpp"
#include "basin/deq/multi_scale.hpp"
#include "basin/fixed_point/anderson.hpp"
#include "basin/layers/conv.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/flatten.hpp"
#include "basin/layers/group_norm.hpp"
#include "basin/layers/pool.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/layers/transposed_conv.hpp"
#include "basin/layers/upsample.hpp"
#include "scenes.hpp"

namespace deq_segment {

using basin::Bias;
using basin::Link;
using basin::Links;
using basin::Plane;
using basin::Planes;
using basin::Zero;

template <int In, int Out, int Kernel, int Stride = 1>
using Convolution = basin::Conv<In, Out, Kernel, Stride, Zero, Bias::no>;
template <int C>
using Norm = basin::GroupNorm<C, 4>;

/// Pixels from half of their resolution.
template <int C>
using PixelHead = basin::TransposedConv<C, pixel_classes, basin::Window{.kernel = 4, .stride = 2}>;

/// What a coarser scale has to say of them.
template <int C, int Factor>
using CoarseHead = basin::Sequential<basin::Dense<C, pixel_classes>, basin::UpsampleLinear<Factor>>;

/// To half of the resolution.
template <int C>
using Halve = basin::Sequential<Convolution<C, C, 3, 2>, Norm<C>>;

struct ThreeScales {
  static constexpr int scales = 3;
  static constexpr int finest = 16;  // features
  using Pack = Planes<Plane<16, 16, 16>, Plane<16, 8, 8>, Plane<16, 4, 4>>;
  using Injection = Links<Plane<16, 16, 16>, Pack, Link<0, 0, basin::Identity>, Link<0, 1, Halve<16>>,
                          Link<0, 2, basin::Sequential<Halve<16>, basin::Relu, Halve<16>>>>;
  using Layer = Convolution<16, 16, 3>;
  using Cell = basin::MultiScale<basin::OnPlanes<Pack, Layer, Layer, Layer>, basin::FuseScales<Pack, 4>>;
  using KindHead = basin::Sequential<basin::Flatten<16, 4, 4>, basin::Dense<256, image_classes>>;
  using Heads = Links<Pack, Answers, Link<0, 0, PixelHead<16>>, Link<1, 0, CoarseHead<16, 4>>,
                      Link<2, 0, CoarseHead<16, 8>>, Link<2, 1, KindHead>>;
};

struct OneScale {
  static constexpr int scales = 1;
  static constexpr int finest = 28;
  using Pack = Planes<Plane<28, 16, 16>>;
  using Injection = basin::PutPlane<Pack, 0>;
  using Layer = Convolution<28, 28, 3>;
  using Cell = basin::MultiScale<basin::OnPlanes<Pack, Layer>,
                                 basin::OnPlanes<Pack, basin::Sequential<Convolution<28, 28, 3>, Norm<28>>>>;
  using KindHead = basin::Sequential<basin::AveragePool<4>, basin::Flatten<28, 4, 4>, basin::Dense<448, image_classes>>;
  using Heads = Links<Pack, Answers, Link<0, 0, PixelHead<28>>, Link<0, 1, KindHead>>;
};

/// The image is looked at once, by two convolutions that halve its resolution, and injected at every scale.
template <class Network>
using Stem = basin::Sequential<Convolution<1, Network::finest, 3>, Norm<Network::finest>, basin::Relu,
                               Convolution<Network::finest, Network::finest, 3, 2>, Norm<Network::finest>>;
template <class Network>
using Encoder = basin::Sequential<Stem<Network>, typename Network::Injection>;
template <class Network>
using Model = basin::Sequential<Encoder<Network>, basin::Equilibrium<typename Network::Cell>, typename Network::Heads>;
inline constexpr std::size_t equilibrium = 1;  // its place in the Sequential

}  // namespace deq_segment
