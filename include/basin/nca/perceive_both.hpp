#pragma once

// What a cell sees in two ways, one behind the other:
//
//   seen = [what A sees; what B sees],
//
// such as stencils and attention, or stencils and edges of any length:
//
//   PerceiveBoth<Perceive<16, Zero, Centre, SobelX, SobelY>, PerceiveGraph<16>>
//
// It is a perception as nca/perception.hpp describes them. theta are A's parameters, then B's, with leaves "0." and
// "1.". The boundary, for an alive mask, is A's, or B's if A has none. If one of them sees whole samples, so do both:
// then what comes for the other is kept until all cells have theirs, and handed on at the end.

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <tuple>
#include <type_traits>

#include "basin/nca/conditioned.hpp"
#include "basin/nca/kept_spread.hpp"
#include "basin/nca/perception.hpp"

namespace basin {

namespace detail {

/// Made(perception, theta, states..., scratch) of a perception P, with the context if it takes it: at once; or, if it
/// is shared by bands and P sees no whole samples, so that each band needs its own, for each call.
template <class P, class Made, bool shared, class S, class... States>
class OneOfBoth {
  using Params = std::span<const S, PerceptionOf<P>::param_count>;
  static constexpr bool later = shared && !PerceptionOf<P>::whole_samples;

 public:
  OneOfBoth(const P& perception, Params theta, States... states, const Context& context, Scratch& scratch)
      : perception_(perception), theta_(theta), states_(states...) {
    if constexpr (PerceptionOf<P>::takes_context) {
      made_.emplace(perception, theta, states..., context, scratch);
    } else if constexpr (!later) {
      made_.emplace(perception, theta, states..., scratch);
    }
  }

  void operator()(const Index* cells, Index count, S* seen) {
    if constexpr (later) {
      Scratch own;
      std::apply([&](auto... states) { Made(perception_, theta_, states..., own)(cells, count, seen); }, states_);
    } else {
      (*made_)(cells, count, seen);
    }
  }

 private:
  const P& perception_;
  Params theta_;
  std::tuple<States...> states_;
  std::optional<Made> made_;
};

}  // namespace detail

template <class A, class B>
struct PerceiveBoth {
  static_assert(detail::Told<A>::features == 0 && detail::Told<B>::features == 0,
                "PerceiveBoth: what cells are told is put around both of what they see, Conditioned<PerceiveBoth<A, "
                "B>, U>");
  static_assert(A::state_features == B::state_features,
                "PerceiveBoth: both perceptions must be of states with the same number of features");

 private:
  using OfA = detail::PerceptionOf<A>;
  using OfB = detail::PerceptionOf<B>;
  static constexpr int width_a = A::seen_features, width_b = B::seen_features;

 public:
  using Edge = std::conditional_t<OfA::has_edge, typename detail::EdgeOf<A>::type, typename detail::EdgeOf<B>::type>;
  static constexpr int state_features = A::state_features, seen_features = width_a + width_b;
  static constexpr std::size_t param_count = OfA::param_count + OfB::param_count;
  static constexpr bool whole_samples = OfA::whole_samples || OfB::whole_samples;
  static constexpr bool takes_context = OfA::takes_context || OfB::takes_context;  ///< if one of them does

  A first{};   ///< what is seen first
  B second{};  ///< what is seen behind it

  static void leaves(LeafList& list) {
    list.nested<OfA>("0");
    list.nested<OfB>("1");
  }

  void check_shape(const Shape& z) const {
    first.check_shape(z);
    second.check_shape(z);
  }
  [[nodiscard]] Index band_cells(const Shape& z, Index least) const {
    return std::max(OfA::band_cells(first, z, least), OfB::band_cells(second, z, least));
  }
  [[nodiscard]] std::array<Index, 3> reach() const requires(!whole_samples) {
    const std::array<Index, 3> a = OfA::reach(first), b = OfB::reach(second);
    return {std::max(a[0], b[0]), std::max(a[1], b[1]), std::max(a[2], b[2])};
  }

  /// seen, or its change, by way of those of A and B.
  template <class S, class OneA, class OneB, class... States>
  class Pair {
   public:
    /// Of the states that both are made of: z, and for a change t.
    Pair(const PerceiveBoth& perception, Theta<S, param_count> theta, States... states, const Context& context,
         Scratch& scratch)
        : a_(perception.first, of_a<S>(theta), states..., context, scratch),
          b_(perception.second, of_b<S>(theta), states..., context, scratch) {}
    /// Where neither takes a context.
    Pair(const PerceiveBoth& perception, Theta<S, param_count> theta, States... states, Scratch& scratch)
        : Pair(perception, theta, states..., Context{}, scratch) {}

    /// seen: count columns of seen_features.
    void operator()(const Index* cells, Index count, S* seen) {
      Scratch own;
      S *columns_a = own.take<S>(count * width_a), *columns_b = own.take<S>(count * width_b);
      a_(cells, count, columns_a);
      b_(cells, count, columns_b);
      for (Index i = 0; i < count; ++i, seen += seen_features) {
        std::copy_n(columns_a + i * width_a, width_a, seen);
        std::copy_n(columns_b + i * width_b, width_b, seen + width_a);
      }
    }

   private:
    detail::OneOfBoth<A, OneA, whole_samples, S, States...> a_;
    detail::OneOfBoth<B, OneB, whole_samples, S, States...> b_;
  };

  template <class S>
  using Sight = Pair<S, typename OfA::template Sight<S>, typename OfB::template Sight<S>, View<const S>>;
  template <class S>
  using Change =
      Pair<S, typename OfA::template Change<S>, typename OfB::template Change<S>, View<const S>, View<const S>>;

 private:
  template <class S>
  static auto of_a(std::span<const S, param_count> theta) {
    return theta.template first<OfA::param_count>();
  }
  template <class S>
  static auto of_b(std::span<const S, param_count> theta) {
    return theta.template subspan<OfA::param_count>();
  }
  template <class S>
  static S* of_b(S* dtheta) {
    return dtheta == nullptr ? nullptr : dtheta + OfA::param_count;
  }

  /// What comes for A, and for B, of some columns.
  template <class S>
  class Halves {
   public:
    Halves(Index count, const S* g) : a(own_.take<S>(count * width_a)), b(own_.take<S>(count * width_b)) {
      for (Index i = 0; i < count; ++i, g += seen_features) {
        std::copy_n(g, width_a, a + i * width_a);
        std::copy_n(g + width_a, width_b, b + i * width_b);
      }
    }

   private:
    Scratch own_;

   public:
    S *a, *b;
  };

  template <class S>
  class BandSpread {
   public:
    BandSpread(const PerceiveBoth& perception, Theta<S, param_count> theta, View<const S> z, View<S> dz, S* dtheta,
               Scratch& scratch) {
      if (dz || OfA::param_count > 0) a_.emplace(perception.first, of_a<S>(theta), z, dz, dtheta, scratch);
      if (dz || OfB::param_count > 0) b_.emplace(perception.second, of_b<S>(theta), z, dz, of_b(dtheta), scratch);
    }

    /// g: count columns of seen_features.
    void operator()(const Index* cells, Index count, const S* g) {
      const Halves<S> of(count, g);
      if (a_) (*a_)(cells, count, of.a);
      if (b_) (*b_)(cells, count, of.b);
    }

   private:
    std::optional<typename A::template Spread<S>> a_;
    std::optional<typename B::template Spread<S>> b_;
  };

  /// dz and dtheta have everything only after finish().
  template <class S>
  class WholeSpread {
    using OneA = typename detail::WholeSpreadOf<A, S>::type;
    using OneB = typename detail::WholeSpreadOf<B, S>::type;

   public:
    WholeSpread(const PerceiveBoth& perception, Theta<S, param_count> theta, View<const S> z, View<S> dz,
                const Context& context, Scratch& scratch) {
      const auto make = [&]<class P>(auto& one, const P& of, const auto& params) {
        if constexpr (detail::PerceptionOf<P>::takes_context) {
          one.emplace(of, params, z, dz, context, scratch);
        } else {
          one.emplace(of, params, z, dz, scratch);
        }
      };
      if (dz || OfA::param_count > 0) make(a_, perception.first, of_a<S>(theta));
      if (dz || OfB::param_count > 0) make(b_, perception.second, of_b<S>(theta));
    }
    /// Where neither takes a context.
    WholeSpread(const PerceiveBoth& perception, Theta<S, param_count> theta, View<const S> z, View<S> dz,
                Scratch& scratch)
        : WholeSpread(perception, theta, z, dz, Context{}, scratch) {}

    class Part {
     public:
      /// g: count columns of seen_features.
      void operator()(const Index* cells, Index count, const S* g) {
        const Halves<S> of(count, g);
        if (a_) (*a_)(cells, count, of.a);
        if (b_) (*b_)(cells, count, of.b);
      }

     private:
      friend WholeSpread;
      std::optional<typename OneA::Part> a_;
      std::optional<typename OneB::Part> b_;
    };

    Part part(Index begin, Index end, S* dtheta, Scratch& scratch) const {
      Part of;
      if (a_) of.a_.emplace(a_->part(begin, end, dtheta, scratch));
      if (b_) of.b_.emplace(b_->part(begin, end, of_b(dtheta), scratch));
      return of;
    }
    void add(const Part& part) {
      if (a_) a_->add(*part.a_);
      if (b_) b_->add(*part.b_);
    }
    void finish(S* dtheta) {
      if (a_) a_->finish(dtheta);
      if (b_) b_->finish(of_b(dtheta));
    }

   private:
    std::optional<OneA> a_;
    std::optional<OneB> b_;
  };

 public:
  template <class S>
  using Spread = std::conditional_t<whole_samples, WholeSpread<S>, BandSpread<S>>;
};

}  // namespace basin
