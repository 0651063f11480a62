#pragma once

// What a cell sees through a function of its own: a perception whose answer for each cell is
//
//   seen = F(linear),   linear = what a linear perception P without parameters sees there, such as Perceive.
//
// It is a perception as nca/perception.hpp describes them, with the change F'(linear) P t and the transpose
// P^T F'(linear)^T g. F is a type with
//
//   static constexpr int in_features, out_features;
//   template <class S> static void apply(const S* x, S* y);                 y = F(x)
//   template <class S> static void push(const S* x, const S* t, S* dy);     dy = F'(x) t
//   template <class S> static void pull(const S* x, const S* g, S* dx);     dx = F'(x)^T g
//
// of the numbers of one cell each, whose places do not overlap. nca/perceive_isotropic.hpp and
// nca/perceive_steerable.hpp are such perceptions.

#include <algorithm>

#include "basin/layers/join.hpp"
#include "basin/nca/perception.hpp"

namespace basin {

template <class P, class F>
struct PerceiveThrough {
  static_assert(detail::PerceptionOf<P>::param_count == 0, "PerceiveThrough: the perception must have no parameters");
  static_assert(!detail::PerceptionOf<P>::whole_samples, "PerceiveThrough: the perception must not see whole samples");
  static_assert(
      !requires { typename P::template Change<float>; }, "PerceiveThrough: the perception must be linear");
  static_assert(detail::Join<P::seen_features, F::in_features>::fits);

  using Edge = typename detail::EdgeOf<P>::type;
  static constexpr int state_features = P::state_features, seen_features = F::out_features;

  P linear{};  ///< what is seen before F

  void check_shape(const Shape& z) const { linear.check_shape(z); }
  [[nodiscard]] Index band_cells(const Shape& z, Index least) const {
    return detail::PerceptionOf<P>::band_cells(linear, z, least);
  }
  [[nodiscard]] std::array<Index, 3> reach() const { return detail::PerceptionOf<P>::reach(linear); }

 private:
  static constexpr int width = P::seen_features;
  static constexpr Index block = 16;  // cells whose linear numbers stay in the first cache

  /// Calls body(first, count) for a block of cells after another.
  template <class Body>
  static void blocks(Index count, const Body& body) {
    for (Index first = 0; first < count; first += block) body(first, std::min(block, count - first));
  }

 public:
  template <class S>
  class Sight {
   public:
    Sight(const PerceiveThrough& perception, Theta<S, 0> theta, View<const S> z, Scratch& scratch)
        : sight_(perception.linear, theta, z, scratch), x_(scratch.take<S>(block * width)) {}

    /// seen: count columns of seen_features.
    void operator()(const Index* cells, Index count, S* seen) {
      blocks(count, [&](Index first, Index size) {
        sight_(cells + first, size, x_);
        for (Index i = 0; i < size; ++i) F::apply(x_ + i * width, seen + (first + i) * seen_features);
      });
    }

   private:
    typename P::template Sight<S> sight_;
    S* x_;
  };

  /// The change of what is seen along a change t of the state.
  template <class S>
  class Change {
   public:
    Change(const PerceiveThrough& perception, Theta<S, 0> theta, View<const S> z, View<const S> t, Scratch& scratch)
        : sight_(perception.linear, theta, z, scratch),
          along_(perception.linear, theta, t, scratch),
          x_(scratch.take<S>(block * width)),
          t_(scratch.take<S>(block * width)) {}

    /// seen: count columns of seen_features, the change along t.
    void operator()(const Index* cells, Index count, S* seen) {
      blocks(count, [&](Index first, Index size) {
        sight_(cells + first, size, x_);
        along_(cells + first, size, t_);
        for (Index i = 0; i < size; ++i) F::push(x_ + i * width, t_ + i * width, seen + (first + i) * seen_features);
      });
    }

   private:
    typename P::template Sight<S> sight_, along_;
    S *x_, *t_;
  };

  template <class S>
  class Spread {
   public:
    Spread(const PerceiveThrough& perception, Theta<S, 0> theta, View<const S> z, View<S> dz, S* dtheta,
           Scratch& scratch)
        : sight_(perception.linear, theta, z, scratch),
          spread_(perception.linear, theta, z, dz, dtheta, scratch),
          x_(scratch.take<S>(block * width)),
          dx_(scratch.take<S>(block * width)) {}

    /// g: count columns of seen_features.
    void operator()(const Index* cells, Index count, const S* g) {
      blocks(count, [&](Index first, Index size) {
        sight_(cells + first, size, x_);
        for (Index i = 0; i < size; ++i) F::pull(x_ + i * width, g + (first + i) * seen_features, dx_ + i * width);
        spread_(cells + first, size, dx_);
      });
    }

   private:
    typename P::template Sight<S> sight_;
    typename P::template Spread<S> spread_;
    S *x_, *dx_;
  };
};

}  // namespace basin
