#pragma once

// The statistics of BatchNorm (layers/batch_norm.hpp): estimated over batches, and folded away when a network is done.
//
// estimate_batch_norms goes from the first layer to the last. The statistics of one are those of what reaches it when
// those before it have theirs, so that each normalizes what it will see ("precise batch norm", Wu & Johnson 2021).
// Mean and variance are those of all cells of all samples of all batches, whatever the batches' sizes, and are merged
// by Chan, Golub & LeVeque 1979, equation 2.1: no large sums are subtracted.

#include <algorithm>
#include <array>
#include <utility>

#include "basin/core/layer.hpp"
#include "basin/kernels/per_feature.hpp"
#include "basin/layers/batch_norm.hpp"
#include "basin/layers/sequential.hpp"

namespace basin {

/// Mean and variance of each of C features over the cells of all states that were added.
template <int C>
class FeatureMoments {
 public:
  using Numbers = std::array<double, static_cast<std::size_t>(C)>;  ///< one for each feature

  /// Throws std::invalid_argument if x has another number of features.
  template <class S>
  void add(View<const S> x) {
    using namespace kernels;
    check_features("FeatureMoments", x.shape().features, C);
    if (x.size() == 0) return;
    const S* const from = x.data();
    const double cells = static_cast<double>(x.shape().cells()), together = cells_ + cells;
    Numbers mean = sums_over_cells<C, S>(x.size(), [=]<int lanes>(Index i, int) { return load<lanes>(from + i); });
    for (double& of_feature : mean) of_feature /= cells;
    const PerFeature<C, S> centre([&](int c) { return mean[static_cast<std::size_t>(c)]; });
    const auto difference = [=, m = centre.numbers.data()]<int lanes>(Index i, int j) {
      return Lanes<S, lanes>(load<lanes>(from + i) - load<lanes>(m + j));
    };
    const Numbers squares = sums_over_cells<C, S>(x.size(), [=]<int lanes>(Index i, int j) {
      const auto d = difference.template operator()<lanes>(i, j);
      return Lanes<S, lanes>(d * d);
    });
    for (std::size_t c = 0; c < mean.size(); ++c) {
      // The squares are about the mean as S rounds it.
      const double rounded = static_cast<double>(centre.numbers[c]) - mean[c], apart = mean[c] - mean_[c];
      squares_[c] += squares[c] - cells * rounded * rounded + apart * apart * cells_ * cells / together;
      mean_[c] += apart * cells / together;
    }
    cells_ = together;
  }

  /// How many cells were added.
  [[nodiscard]] double cells() const { return cells_; }
  /// Of each feature over all of them; 0 if there are none.
  [[nodiscard]] const Numbers& mean() const { return mean_; }
  /// The mean of squares about the mean; never negative.
  [[nodiscard]] Numbers variance() const {
    Numbers variance{};
    for (std::size_t c = 0; c < variance.size(); ++c) variance[c] = std::max(0.0, squares_[c] / std::max(1.0, cells_));
    return variance;
  }

 private:
  double cells_ = 0;
  Numbers mean_{}, squares_{};
};

namespace detail {

template <class L>
inline constexpr bool is_batch_norm = false;
template <int C>
inline constexpr bool is_batch_norm<BatchNorm<C>> = true;

/// A layer after its BatchNorms are folded, with the same leaves: its type, itself, and its theta, folded where it
/// lies.
template <class L>
struct FoldedLayer {
  using type = L;
  static L of(const L& layer) { return layer; }
  template <class S>
  static void numbers(const L&, std::span<S, L::param_count>) {}
};
template <int C>
struct FoldedLayer<BatchNorm<C>> {
  using type = Scale<C>;
  static type of(const BatchNorm<C>&) { return {}; }
  template <class S>
  static void numbers(const BatchNorm<C>& norm, std::span<S, type::param_count> theta) {
    const auto r = norm.inverse();
    for (std::size_t c = 0; c < r.size(); ++c) {
      const double factor = static_cast<double>(theta[c]) * r[c];
      theta[C + c] = static_cast<S>(static_cast<double>(theta[C + c]) - factor * norm.mean[c]);
      theta[c] = static_cast<S>(factor);
    }
  }
};
template <class... Layers>
struct FoldedLayer<Sequential<Layers...>> {
  using type = Sequential<typename FoldedLayer<Layers>::type...>;
  static type of(const Sequential<Layers...>& model) {
    return std::apply([](const auto&... layers) { return type{{FoldedLayer<Layers>::of(layers)...}}; }, model.layers);
  }
  template <class S>
  static void numbers(const Sequential<Layers...>& model, std::span<S, type::param_count> theta) {
    [&]<std::size_t... i>(std::index_sequence<i...>) {
      (FoldedLayer<Layers>::template numbers<S>(model.template layer<i>(), model.template part<i>(theta)), ...);
    }
    (std::index_sequence_for<Layers...>{});
  }
};

/// Calls visit(state) with what the layers From ... To - 1 of a model make of x.
template <std::size_t From, std::size_t To, class S, class... Layers, class Visit>
void visit_between(const Sequential<Layers...>& model, std::span<const S, Sequential<Layers...>::param_count> theta,
                   View<const S> x, const Context& context, const Visit& visit) {
  if constexpr (From == To) {
    visit(x);
  } else {
    using L = std::tuple_element_t<From, std::tuple<Layers...>>;
    const L& layer = model.template layer<From>();
    Scratch scratch;
    const View<S> y = scratch.state<S>(layer.out_shape(x.shape()));
    static_cast<void>(apply_with<L, S>(layer, model.template part<From>(theta), nullptr, context, x, y));
    visit_between<From + 1, To, S>(model, theta, View<const S>(y), context, visit);
  }
}

/// The same for every BatchNorm of `model`, one after another. each_input(visit) calls visit(x, context) for each batch
/// as it reaches the model.
template <class S, class... Layers, class EachInput>
void estimate_in(Sequential<Layers...>& model, std::span<const S, Sequential<Layers...>::param_count> theta,
                 const EachInput& each_input);

template <std::size_t I, class S, class... Layers, class EachInput>
void estimate_layer(Sequential<Layers...>& model, std::span<const S, Sequential<Layers...>::param_count> theta,
                    const EachInput& each_input) {
  using L = std::tuple_element_t<I, std::tuple<Layers...>>;
  const auto each_here = [&](const auto& visit) {
    each_input([&](View<const S> x, const Context& context) {
      visit_between<0, I, S>(model, theta, x, context, [&](View<const S> here) { visit(here, context); });
    });
  };
  if constexpr (is_batch_norm<L>) {
    FeatureMoments<L::in_features> moments;
    each_here([&](View<const S> here, const Context&) { moments.add(here); });
    check(moments.cells() > 0, "estimate_batch_norms: number of cells", moments.cells(), "at least 1");
    model.template layer<I>().mean = moments.mean();
    model.template layer<I>().variance = moments.variance();
  } else if constexpr (requires {
                         estimate_in<S>(model.template layer<I>(), model.template part<I>(theta), each_here);
                       }) {
    estimate_in<S>(model.template layer<I>(), model.template part<I>(theta), each_here);
  }
}

template <class S, class... Layers, class EachInput>
void estimate_in(Sequential<Layers...>& model, std::span<const S, Sequential<Layers...>::param_count> theta,
                 const EachInput& each_input) {
  [&]<std::size_t... i>(std::index_sequence<i...>) { (estimate_layer<i, S>(model, theta, each_input), ...); }
  (std::index_sequence_for<Layers...>{});
}

}  // namespace detail

/// Sets mean and variance of every BatchNorm that stands in a Sequential, or in Sequentials inside it, to those of what
/// reaches it from `batches`: a range of states, or of views. For each of them the batches go once through the layers
/// before. Throws std::invalid_argument if there are no cells.
template <class S, class... Layers, class Batches>
void estimate_batch_norms(Sequential<Layers...>& model, const Parameters<Sequential<Layers...>, S>& theta,
                          const Batches& batches) {
  detail::estimate_in<S>(model, theta.span(), [&](const auto& visit) {
    Context context;
    for (const auto& batch : batches) {
      const View<const S> x = view(batch);
      visit(x, context);
      context.first_sample += x.samples();
    }
  });
}

/// The model with a Scale for each of those BatchNorms, and its parameters: the same map, to rounding, and the same
/// names and shapes of leaves.
template <class S, class... Layers>
[[nodiscard]] auto fold_batch_norms(const Sequential<Layers...>& model,
                                    const Parameters<Sequential<Layers...>, S>& theta) {
  using Fold = detail::FoldedLayer<Sequential<Layers...>>;
  using Folded = typename Fold::type;
  auto folded = theta.template as<Folded>();
  Fold::template numbers<S>(model, folded.span());
  return std::pair<Folded, Parameters<Folded, S>>(Fold::of(model), std::move(folded));
}

}  // namespace basin
