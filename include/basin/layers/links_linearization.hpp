#pragma once

// The derivative of links between planes. layers/links.hpp includes this.

#include <array>
#include <span>
#include <tuple>
#include <utility>

#include "basin/layers/links.hpp"

namespace basin {

/// J and its transposes. Owns what each link gave, and the planes of x where they had to be put together.
template <class X, class Y, class... Each>
template <class S>
class Links<X, Y, Each...>::Linearization {
 public:
  Linearization(const Links& links, std::span<const S, param_count> theta, View<const S> x, View<S> y,
                const Context& context, const Prepared<S>* prepared)
      : samples_(x.samples()),
        inputs_(OfX::memory(x)),
        values_{Buffer<S>(Given::template At<Each::to>::size * samples_)...},
        linear_(
            linearize_all(links, theta, OfX(x, inputs_.data()), context, prepared, std::make_index_sequence<size>{})) {
    static_cast<void>(sum_up<Given, to>(y, [&]<std::size_t k>(View<S> sum) {
      sum.vector() = values_[k].vector();
      return Report{};
    }));
  }

  /// Moves, but does not copy: what the layers gave refers to the memory of their values.
  Linearization(Linearization&&) = default;
  Linearization& operator=(Linearization&&) = default;

  [[nodiscard]] Report report() const {
    Report all;
    each([&]<std::size_t k>() { all += forward_report(std::get<k>(linear_)); });
    return all;
  }

  Report jvp(View<const S> t, View<S> out) const {
    check_jvp("Links", x_shape(), y_shape(), t, out);
    Scratch scratch;
    const OfX sources(t, scratch.take<S>(OfX::memory(t)));
    return sum_up<Given, to>(out, [&]<std::size_t k>(View<S> result) {
      return detail::report_of([&] { return std::get<k>(linear_).jvp(sources.template of_link<k>(), result); });
    });
  }

  Report vjp(View<const S> w, View<S> dx) const {
    check_vjp("Links", x_shape(), y_shape(), w, dx);
    return pull(w, dx, []<std::size_t k>(const auto& linear, View<const S> of_link, View<S> result) {
      return linear.vjp(of_link, result);
    });
  }

  Report pullback(View<const S> w, View<S> dx, ThetaGradient<S, param_count> dtheta) const {
    check_pullback("Links", x_shape(), y_shape(), w, dx);
    return pull(w, dx, [&]<std::size_t k>(const auto& linear, View<const S> of_link, View<S> result) {
      return linear.pullback(of_link, result, part<k>(std::span<S, param_count>(dtheta)));
    });
  }

 private:
  using OfX = Sources<Taken, from, S>;
  using OfY = Sources<Given, to, S>;

  [[nodiscard]] Shape x_shape() const { return detail::End<X>::shape(samples_); }
  [[nodiscard]] Shape y_shape() const { return detail::End<Y>::shape(samples_); }

  template <std::size_t... k>
  auto linearize_all(const Links& links, std::span<const S, param_count> theta, const OfX& sources,
                     const Context& context, const Prepared<S>* prepared, std::index_sequence<k...>) {
    return std::tuple<LinearizationOf<LayerAt<k>, S>...>{detail::linearize_with<LayerAt<k>, S>(
        std::get<k>(links.layers), part<k>(theta), prepared == nullptr ? nullptr : &std::get<k>(*prepared), context,
        sources.template of_link<k>(), View<S>(values_[k].data(), shape_of<k>(samples_)))...};
  }

  /// dx = the sums of call.operator()<k>(linearization, what link k gets of w, to); dx may be not wanted.
  template <class Call>
  Report pull(View<const S> w, View<S> dx, const Call& call) const {
    Scratch scratch;
    const OfY sources(w, scratch.take<S>(OfY::memory(w)));
    return sum_up<Taken, from>(dx, [&]<std::size_t k>(View<S> result) {
      return detail::report_of(
          [&] { return call.template operator()<k>(std::get<k>(linear_), sources.template of_link<k>(), result); });
    });
  }

  Index samples_;
  Buffer<S> inputs_;                    // planes of x together; empty where x has them so
  std::array<Buffer<S>, size> values_;  // of each link
  std::tuple<LinearizationOf<typename Each::Layer, S>...> linear_;
};

}  // namespace basin
