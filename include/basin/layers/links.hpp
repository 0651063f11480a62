#pragma once

// Layers between the planes of packs (layers/planes.hpp): link k takes plane from_k of x to plane to_k of y,
//
//   y_l = sum over the links k with to_k = l of L_k(x of plane from_k),
//
// zeros where no link goes. x and y are packs Planes<...>, or one Plane that is a state of its own (C, W, H, D, N). So
//
//   Links<P, P, Link<0, 0, A>, Link<0, 1, Down>, Link<1, 0, Up>, Link<1, 1, B>>      fuses two scales
//   OnPlanes<P, A, B, ...>     a layer on each plane by itself
//   TakePlane<P, l>            plane l of a pack as a state of its own, for what reads it
//   PutPlane<P, l>             such a state as plane l of a pack, between zeros
//
// theta is that of the links one after another, with leaves "0.weight" of a link from a plane to the one of the same
// number, "0_to_1.weight" of others. With J_k the derivatives of the layers,
//
//   (J t)_l = sum over to_k = l of J_k t_from_k,     (J^T w)_j = sum over from_k = j of J_k^T w_to_k.
//
// One sample, as in each tile of a solve, is worked on where it lies; of several the planes are copied together, so
// that each layer sees a batch. What layers prepare and report, and the context, go through, as in Sequential.

#include <array>
#include <string>
#include <tuple>
#include <utility>

#include "basin/core/layer.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/join.hpp"
#include "basin/layers/planes.hpp"

namespace basin {

/// From plane `From` of one pack to plane `To` of another, through a layer.
template <std::size_t From, std::size_t To, class L>
struct Link {
  static constexpr std::size_t from = From;  ///< number of the plane of x, from 0
  static constexpr std::size_t to = To;      ///< number of the plane of y, from 0
  using Layer = L;                           ///< L_k: takes the one, and gives what is added to the other
};

template <class X, class Y, class... Each>
struct Links {
  using Taken = typename detail::End<X>::Pack;          ///< planes of x
  using Given = typename detail::End<Y>::Pack;          ///< planes of y
  static constexpr std::size_t size = sizeof...(Each);  ///< how many links
  static_assert(size > 0, "Links: there must be at least one link");
  static_assert((detail::Argument<typename Each::Layer>::fits && ...));
  static_assert(((Each::from < Taken::count && Each::to < Given::count) && ...),
                "Links: a link goes from or to a plane that is not there");

  static constexpr int in_features = detail::End<X>::features;
  static constexpr int out_features = detail::End<Y>::features;
  static constexpr std::size_t param_count = (std::size_t{0} + ... + Each::Layer::param_count);
  static constexpr bool changes_with_step = (basin::changes_with_step<typename Each::Layer> || ...);

  /// The k-th link, from 0.
  template <std::size_t k>
  using At = std::tuple_element_t<k, std::tuple<Each...>>;
  /// The type of its layer.
  template <std::size_t k>
  using LayerAt = typename At<k>::Layer;

 private:
  static constexpr std::array<std::size_t, size> from{Each::from...}, to{Each::to...};

  /// Whether no link before k has the same `end`.
  static constexpr bool is_first(const std::array<std::size_t, size>& end, std::size_t k) {
    for (std::size_t before = 0; before < k; ++before) {
      if (end[before] == end[k]) return false;
    }
    return true;
  }
  static constexpr bool no_two_alike() {
    for (std::size_t k = 0; k < size; ++k) {
      for (std::size_t other = 0; other < k; ++other) {
        if (from[k] == from[other] && to[k] == to[other]) return false;
      }
    }
    return true;
  }
  static_assert(no_two_alike(),
                "Links: two links between the same planes: make one of them, with a Sum of both layers");
  static_assert((detail::Join<Taken::template At<Each::from>::features, Each::Layer::in_features>::fits && ...));
  static_assert((detail::Join<detail::features_after<typename Each::Layer, Taken::template At<Each::from>::features>,
                              Given::template At<Each::to>::features>::fits &&
                 ...));

 public:
  std::tuple<typename Each::Layer...> layers;  ///< options of the layers; see layer<k>()

  /// The layer of the k-th link, to read or set its options.
  template <std::size_t k>
  [[nodiscard]] auto& layer() {
    return std::get<k>(layers);
  }
  template <std::size_t k>
  [[nodiscard]] const auto& layer() const {
    return std::get<k>(layers);
  }

  static void leaves(LeafList& list) {
    if (detail::End<X>::packed) list.flattened({1, 1, 1, 1});  // planes are taken out in their own order
    each([&]<std::size_t k>() { list.nested<LayerAt<k>>(name<k>()); });
    if (detail::End<Y>::packed) mark_order(list);
  }

  /// theta of the k-th link, out of theta of them all.
  template <std::size_t k, class S>
  [[nodiscard]] static auto part(std::span<S, param_count> theta) {
    return detail::part_of<k, typename Each::Layer...>(theta);
  }

  /// Throws std::invalid_argument if x is another pack, or a layer does not make of a plane what it is linked to.
  [[nodiscard]] Shape out_shape(const Shape& x) const {
    check_shape("Links", "x", x, detail::End<X>::shape(x.samples));
    each([&]<std::size_t k>() {
      const Shape y = std::get<k>(layers).out_shape(in_shape<k>(x.samples)), expected = shape_of<k>(x.samples);
      if (y != expected) {  // before the message takes memory: this is on hot paths
        check(false, "Links: shape that link " + name<k>() + " gives", y, expected);
      }
    });
    return detail::End<Y>::shape(x.samples);
  }

  /// What apply and linearizations at the same theta have in common (core/layer.hpp).
  template <class S>
  using Prepared = std::tuple<detail::PreparedOf<typename Each::Layer, S>...>;
  template <class S>
  [[nodiscard]] Prepared<S> prepare(std::span<const S, param_count> theta) const {
    return [&]<std::size_t... k>(std::index_sequence<k...>) {
      return Prepared<S>(detail::prepared_of<LayerAt<k>, S>(std::get<k>(layers), part<k>(theta))...);
    }
    (std::make_index_sequence<size>{});
  }

  template <class S>
  Report apply(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& context = {},
               IfPrepared<Prepared<S>> prepared = {}) const {
    check_output<Links, S>("Links", *this, x, y);
    Scratch scratch;
    using OfX = Sources<Taken, from, S>;
    const OfX sources(x, scratch.take<S>(OfX::memory(x)));
    return sum_up<Given, to>(y, [&]<std::size_t k>(View<S> result) {
      return detail::apply_with<LayerAt<k>, S>(std::get<k>(layers), part<k>(theta),
                                               prepared ? &std::get<k>(*prepared) : nullptr, context,
                                               sources.template of_link<k>(), result);
    });
  }

  template <class S>
  class Linearization;

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& context = {},
                             IfPrepared<Prepared<S>> prepared = {}) const {
    check_output<Links, S>("Links", *this, x, y);
    return Linearization<S>(*this, theta, x, y, context, prepared.get());
  }

 private:
  /// visit.operator()<k>() for each link.
  template <class Visit>
  static void each(const Visit& visit) {
    [&]<std::size_t... k>(std::index_sequence<k...>) { (visit.template operator()<k>(), ...); }
    (std::make_index_sequence<size>{});
  }

  template <std::size_t k>
  static std::string name() {
    return std::to_string(from[k]) + (from[k] == to[k] ? "" : "_to_" + std::to_string(to[k]));
  }

  /// Of what link k takes and gives.
  template <std::size_t k>
  static constexpr Shape in_shape(Index samples) {
    return Taken::template At<from[k]>::shape(samples);
  }
  template <std::size_t k>
  static constexpr Shape shape_of(Index samples) {
    return Given::template At<to[k]>::shape(samples);
  }

  /// A dense layer behind a pack of one plane takes what Flatten gives; behind several, an order that PyTorch has not.
  static void mark_order(LeafList& list) {
    using First = typename Given::template At<0>;
    list.flattened({First::features, First::space[0], First::space[1], First::space[2]});
  }

  /// A pack with the planes of all samples together, for links to take theirs. Refers to it, or to `memory`.
  template <class Pack, const std::array<std::size_t, size>& ends, class S>
  class Sources {
    using Ordered = detail::PlaneByPlane<Pack>;

   public:
    Sources(View<const S> pack, S* memory)
        : planes_(Ordered::gather(pack.data(), pack.samples(), memory)), samples_(pack.samples()) {}

    /// Numbers of memory that are needed for a pack.
    static Index memory(View<const S> pack) { return Ordered::same_as_pack(pack.samples()) ? 0 : pack.size(); }

    template <std::size_t k>
    [[nodiscard]] View<const S> of_link() const {
      return Ordered::template plane<ends[k]>(planes_, samples_);
    }

   private:
    const S* planes_;
    Index samples_;
  };

  /// sums = for each of its planes the sum over the links that end there, by `ends`; call.operator()<k>(to) puts what
  /// link k gives into `to`. Planes without a link are zeros. Sums that are not wanted are not made.
  template <class Pack, const std::array<std::size_t, size>& ends, class S, class Call>
  static Report sum_up(View<S> sums, const Call& call) {
    using Ordered = detail::PlaneByPlane<Pack>;
    Report report;
    if (!sums && sums.shape() == Shape{}) {  // an empty batch has no memory either
      each([&]<std::size_t k>() { report += call.template operator()<k>(View<S>{}); });
      return report;
    }
    const Index samples = sums.samples();
    Scratch scratch;
    S* const planes = Ordered::same_as_pack(samples) ? sums.data() : scratch.take<S>(sums.size());
    if constexpr (!reaches_all<Pack>(ends)) std::fill_n(planes, sums.size(), S(0));
    each([&]<std::size_t k>() {
      const View<S> sum = Ordered::template plane<ends[k]>(planes, samples);
      if constexpr (is_first(ends, k)) {
        report += call.template operator()<k>(sum);
      } else {
        Scratch of_link;
        const View<S> summand = of_link.state<S>(sum.shape());
        report += call.template operator()<k>(summand);
        sum.vector() += summand.vector();
      }
    });
    Ordered::scatter(static_cast<const S*>(planes), samples, sums.data());
    return report;
  }
  template <class Pack>
  static constexpr bool reaches_all(const std::array<std::size_t, size>& ends) {
    std::size_t reached = 0;
    for (std::size_t k = 0; k < size; ++k) reached += is_first(ends, k) ? 1 : 0;
    return reached == Pack::count;
  }
};

namespace detail {

template <class P, class Indices, class... Layers>
struct OnPlanesOf;
template <class P, std::size_t... i, class... Layers>
struct OnPlanesOf<P, std::index_sequence<i...>, Layers...> {
  static_assert(P::count == sizeof...(Layers), "OnPlanes: there must be one layer for each plane");
  using type = Links<P, P, Link<i, i, Layers>...>;
};

}  // namespace detail

/// A layer on each plane of a pack by itself, in their order; Identity where there is nothing to do.
template <class P, class... Layers>
using OnPlanes = typename detail::OnPlanesOf<P, std::index_sequence_for<Layers...>, Layers...>::type;

/// Plane l of a pack, as a state of its own: a head reads an equilibrium of several scales behind it.
template <class P, std::size_t l>
using TakePlane = Links<P, typename P::template At<l>, Link<l, 0, Identity>>;

/// A state of plane l's shape as a pack that has zeros in its other planes: an injection at one scale.
template <class P, std::size_t l>
using PutPlane = Links<typename P::template At<l>, P, Link<0, l, Identity>>;

}  // namespace basin

#include "basin/layers/links_linearization.hpp"
