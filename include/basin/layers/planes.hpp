#pragma once

// States of several shapes as one: a pack of planes. A sample of Planes<Plane<8, 16, 16>, Plane<16, 8, 8>> is the 8 x
// 16 x 16 numbers of the first plane and behind them the 16 x 8 x 8 of the second, so a pack is a state of
//
//   (sum of C_l W_l H_l D_l, 1, 1, 1, N)
//
// and what solves, measures or cuts states does so with packs as with any other: a sample is one vector with one norm.
// What takes planes out, puts them in, and works on each or between them, is Links (layers/links.hpp).

#include <array>
#include <tuple>

#include "basin/core/scratch.hpp"
#include "basin/core/state.hpp"

namespace basin {

/// The shape of a sample: features, and the extents of up to three axes of space. Where a layer names a Plane for what
/// it takes or gives, that is a state (C, W, H, D, N).
template <int C, int W, int H = 1, int D = 1>
struct Plane {
  static_assert(C > 0 && W > 0 && H > 0 && D > 0, "Plane: the extents must be positive");

  static constexpr int features = C;                   ///< numbers of a cell
  static constexpr std::array<int, 3> space{W, H, D};  ///< cells along each axis
  static constexpr int size = C * W * H * D;           ///< numbers of a sample

  /// As a state of its own: (C, W, H, D, samples).
  [[nodiscard]] static constexpr Shape shape(Index samples) { return {C, {W, H, D}, samples}; }
};

/// A pack of planes: what lies where in a sample.
template <class... P>
struct Planes {
  static_assert(sizeof...(P) > 0, "Planes: there must be at least one plane");

  static constexpr std::size_t count = sizeof...(P);  ///< how many planes
  static constexpr int size = (0 + ... + P::size);    ///< numbers of a sample
  /// The i-th Plane, from 0.
  template <std::size_t i>
  using At = std::tuple_element_t<i, std::tuple<P...>>;

  /// Where plane i begins in a sample.
  template <std::size_t i>
  static constexpr int offset = [] {
    constexpr std::array<int, count> sizes{P::size...};
    int sum = 0;
    for (std::size_t k = 0; k < i; ++k) sum += sizes[k];
    return sum;
  }();

  /// Of a state of such packs: (size, 1, 1, 1, samples).
  [[nodiscard]] static constexpr Shape shape(Index samples) { return {size, {1, 1, 1}, samples}; }

  /// Plane i of one sample, where it lies. Throws std::invalid_argument if `sample` is not one of this pack.
  template <std::size_t i, class S>
  [[nodiscard]] static View<S> plane(View<S> sample) {
    if (sample.shape() != shape(1)) check(false, "Planes: shape of a sample", sample.shape(), shape(1));
    return {sample.data() + offset<i>, At<i>::shape(1)};
  }
};

namespace detail {

/// What a layer takes or gives: a Plane is a state of its own, Planes are a pack.
template <class T>
struct End;

template <int C, int W, int H, int D>
struct End<Plane<C, W, H, D>> {
  using Pack = Planes<Plane<C, W, H, D>>;
  static constexpr bool packed = false;
  static constexpr int features = C;
  static constexpr Shape shape(Index samples) { return Plane<C, W, H, D>::shape(samples); }
};

template <class... P>
struct End<Planes<P...>> {
  using Pack = Planes<P...>;
  static constexpr bool packed = true;
  static constexpr int features = Pack::size;
  static constexpr Shape shape(Index samples) { return Pack::shape(samples); }
};

/// A pack whose planes hold all samples, one plane after the other. Of one sample, or with one plane, it is the pack
/// itself.
template <class Pack>
struct PlaneByPlane {
  static constexpr bool same_as_pack(Index samples) { return samples == 1 || Pack::count == 1; }

  template <std::size_t i, class S>
  static View<S> plane(S* planes, Index samples) {
    return {planes + Pack::template offset<i> * samples, Pack::template At<i>::shape(samples), Fitting{}};
  }

  /// Numbers of a pack of some samples so ordered, where they are or in `to`.
  template <class S>
  static const S* gather(const S* pack, Index samples, S* to) {
    if (same_as_pack(samples)) return pack;
    each_piece(samples, [=](Index in_pack, Index here, Index size) { std::copy_n(pack + in_pack, size, to + here); });
    return to;
  }
  /// The way back, unless they are the same memory.
  template <class S>
  static void scatter(const S* planes, Index samples, S* pack) {
    if (planes == pack) return;
    each_piece(samples,
               [=](Index in_pack, Index here, Index size) { std::copy_n(planes + here, size, pack + in_pack); });
  }

 private:
  template <class Move>
  static void each_piece(Index samples, const Move& move) {
    const auto move_plane = [&](Index offset, Index size) {
      for (Index n = 0; n < samples; ++n) move(n * Pack::size + offset, offset * samples + n * size, size);
    };
    [&]<std::size_t... i>(std::index_sequence<i...>) {
      (move_plane(Pack::template offset<i>, Pack::template At<i>::size), ...);
    }
    (std::make_index_sequence<Pack::count>{});
  }
};

}  // namespace detail

}  // namespace basin
