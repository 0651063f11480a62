#pragma once

// Group normalization (Wu & He 2018, equations 1, 2, 6 and 7). Within a sample, the C features fall into G groups of
// neighbours; a group S has n = C / G * cells numbers:
//
//   y_c = scale_c (x_c - m) r + shift_c,   m = mean_S x,   r = 1 / sqrt(mean_S (x - m)^2 + epsilon)
//
// x and y are (C, X, Y, Z, N); theta is scale (C), then shift (C). With xh = (x - m) r:
//
//   J t   = scale_c r (t - mean_S t - xh mean_S(xh t))
//   J^T w = r (g - mean_S g - xh mean_S(xh g)),   g = scale_c w
//   dscale_c = sum over cells of xh w,   dshift_c = sum over cells of w
//
// So everything is made of sums over the cells for each feature, and of y = a_c x + b_c. Both run over the sample as
// one line of numbers that repeats its features with a period of some registers, whatever C is.

#include "basin/core/layer.hpp"
#include "basin/kernels/per_feature.hpp"
#include "basin/layers/feature_scales.hpp"

namespace basin {

/// Normalizes each sample by itself, so a batch couples nothing. InstanceNorm is the case of one feature a group. Bias
/// layers before it are lost: Bias::no is enough.
template <int C, int G>
struct GroupNorm {
  static_assert(C > 0 && G > 0, "GroupNorm: the numbers of features and groups must be positive");
  static_assert(C % G == 0, "GroupNorm: the number of features must be a multiple of the number of groups");

  static constexpr int in_features = C, out_features = C;
  static constexpr std::size_t param_count = detail::FeatureScales<C>::param_count;

  double epsilon = 1e-5;  ///< added to the variance

  static void leaves(LeafList& list) { detail::FeatureScales<C>::leaves(list); }

  [[nodiscard]] Shape out_shape(const Shape& x) const {
    check_features("GroupNorm", x.features, C);
    return x;
  }

  /// x and y may be the same memory.
  template <class S>
  void apply(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& context = {}) const {
    apply_then(theta, x, y, context, detail::NoThen{});
  }

  /// As apply, and then(block, offset, count) for each finished block of a few kilobytes. x and y may be the same
  /// memory.
  template <class S, class Then>
  void apply_then(Theta<S, param_count> theta, In<S> x, View<S> y, const Context&, const Then& then) const {
    check_output<GroupNorm, S>("GroupNorm", *this, x, y);
    for (Index n = 0; n < x.samples(); ++n) {
      const Statistics statistics = statistics_of(x.sample(n));
      normalize(theta.data(), statistics, x.sample(n), y.sample(n),
                [&](S* block, Index offset, Index count) { then(block, offset + n * x.shape().sample_size(), count); });
    }
  }

  template <class S>
  class Linearization;

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& = {}) const {
    check_output<GroupNorm, S>("GroupNorm", *this, x, y);
    Linearization<S> j(theta.data(), x);
    for (Index n = 0; n < x.samples(); ++n) {
      const Statistics statistics = statistics_of(x.sample(n));
      normalize(theta.data(), statistics, x.sample(n), y.sample(n), detail::NoThen{});
      j.statistics_.push_back(statistics);
    }
    return j;
  }

 private:
  static constexpr int features_per_group = C / G;

  /// m and r of each group.
  struct Statistics {
    std::array<double, G> mean{}, inverse{};
  };

  /// The mean over a group's numbers, for each group, of which sums[c] are the sums over the cells.
  static std::array<double, G> group_means(const std::array<double, C>& sums, Index cells) {
    std::array<double, G> means{};
    for (std::size_t c = 0; c < C; ++c) means[c / features_per_group] += sums[c];
    for (double& mean : means) mean /= static_cast<double>(features_per_group * cells);
    return means;
  }

  template <class S>
  [[nodiscard]] Statistics statistics_of(View<const S> x) const {
    using namespace kernels;
    const S* const from = x.data();
    const Index cells = x.shape().cells();
    Statistics result;
    result.mean = group_means(
        kernels::sums_over_cells<C, S>(x.size(), [=]<int lanes>(Index i, int) { return load<lanes>(from + i); }),
        cells);
    const kernels::PerFeature<C, S> mean([&](int c) { return result.mean[group_of(c)]; });
    const std::array<double, G> variance =
        group_means(kernels::sums_over_cells<C, S>(x.size(),
                                                   [from, m = mean.numbers.data()]<int lanes>(Index i, int j) {
                                                     const auto d = load<lanes>(from + i) - load<lanes>(m + j);
                                                     return Lanes<S, lanes>(d * d);
                                                   }),
                    cells);
    for (std::size_t g = 0; g < G; ++g) result.inverse[g] = 1.0 / std::sqrt(variance[g] + epsilon);
    return result;
  }

  /// y of one sample, block by block.
  template <class S, class Then>
  static void normalize(const S* theta, const Statistics& statistics, View<const S> x, View<S> y, const Then& then) {
    using namespace kernels;
    using Row = kernels::PerFeature<C, S>;
    const auto factor = [&](int c) { return static_cast<double>(theta[c]) * statistics.inverse[group_of(c)]; };
    const Row a(factor);
    const Row b([&](int c) { return static_cast<double>(theta[C + c]) - factor(c) * statistics.mean[group_of(c)]; });
    constexpr Index block = std::max<Index>(1, 4096 / static_cast<Index>(sizeof(S)) / Row::period) * Row::period;
    for (Index first = 0; first < x.size(); first += block) {
      const Index count = std::min(block, x.size() - first);
      kernels::for_each_cell<C>(
          count, y.data() + first,
          [from = x.data() + first, a = a.numbers.data(), b = b.numbers.data()]<int lanes>(Index i, int j) {
            return Lanes<S, lanes>(load<lanes>(from + i) * load<lanes>(a + j) + load<lanes>(b + j));
          });
      then(y.data() + first, first, count);
    }
  }

  static constexpr std::size_t group_of(int c) { return static_cast<std::size_t>(c / features_per_group); }
};

/// J and its transposes. Refers to theta and x; owns m and r of every group.
template <int C, int G>
template <class S>
class GroupNorm<C, G>::Linearization {
 public:
  Linearization(const S* theta, View<const S> x) : scale_(theta), x_(x) {
    statistics_.reserve(static_cast<std::size_t>(x.samples()));
  }

  void jvp(View<const S> t, View<S> out) const {
    check_jvp("GroupNorm", x_.shape(), x_.shape(), t, out);
    for (Index n = 0; n < x_.samples(); ++n) {
      const Statistics& at = statistics_[static_cast<std::size_t>(n)];
      const Sums sums = sums_of(n, t);
      const auto mean = group_means(sums.plain, cells()), mean_with = group_means(sums.with_x, cells());
      combine(
          n, t, out, [&](int c) { return scale(c) * at.inverse[group_of(c)]; },
          [&](int c) { return scale(c) * at.inverse[group_of(c)] * mean_with[group_of(c)]; },
          [&](int c) { return scale(c) * at.inverse[group_of(c)] * mean[group_of(c)]; });
    }
  }

  void vjp(View<const S> w, View<S> dx) const {
    check_vjp("GroupNorm", x_.shape(), x_.shape(), w, dx);
    for (Index n = 0; n < x_.samples(); ++n) vjp_of_sample(n, sums_of(n, w), w, dx);
  }

  void pullback(View<const S> w, View<S> dx, ThetaGradient<S, param_count> dtheta) const {
    check_pullback("GroupNorm", x_.shape(), x_.shape(), w, dx);
    for (Index n = 0; n < x_.samples(); ++n) {
      const Sums sums = sums_of(n, w);
      for (std::size_t c = 0; c < C; ++c) {
        dtheta[c] += static_cast<S>(sums.with_x[c]);
        dtheta[C + c] += static_cast<S>(sums.plain[c]);
      }
      if (dx) vjp_of_sample(n, sums, w, dx);
    }
  }

 private:
  friend GroupNorm;

  /// Over the cells of a sample, for each feature: the sums of w and of xh w.
  struct Sums {
    std::array<double, C> plain{}, with_x{};
  };

  [[nodiscard]] Index cells() const { return x_.shape().cells_per_sample(); }
  [[nodiscard]] double scale(int c) const { return static_cast<double>(scale_[c]); }

  [[nodiscard]] Sums sums_of(Index n, View<const S> w) const {
    using namespace kernels;
    const Statistics& at = statistics_[static_cast<std::size_t>(n)];
    const kernels::PerFeature<C, S> mean([&](int c) { return at.mean[group_of(c)]; });
    const S *const x = x_.sample(n).data(), *const from = w.sample(n).data(), *const m = mean.numbers.data();
    const Index count = x_.shape().sample_size();
    Sums sums;
    sums.plain = kernels::sums_over_cells<C, S>(count, [=]<int lanes>(Index i, int) { return load<lanes>(from + i); });
    sums.with_x = kernels::sums_over_cells<C, S>(count, [=]<int lanes>(Index i, int j) {
      return Lanes<S, lanes>((load<lanes>(x + i) - load<lanes>(m + j)) * load<lanes>(from + i));
    });
    for (int c = 0; c < C; ++c) sums.with_x[static_cast<std::size_t>(c)] *= at.inverse[group_of(c)];
    return sums;
  }

  void vjp_of_sample(Index n, Sums sums, View<const S> w, View<S> dx) const {
    const Statistics& at = statistics_[static_cast<std::size_t>(n)];
    for (int c = 0; c < C; ++c) {
      sums.plain[static_cast<std::size_t>(c)] *= scale(c);
      sums.with_x[static_cast<std::size_t>(c)] *= scale(c);
    }
    const auto mean = group_means(sums.plain, cells()), mean_with = group_means(sums.with_x, cells());
    combine(
        n, w, dx, [&](int c) { return scale(c) * at.inverse[group_of(c)]; },
        [&](int c) { return at.inverse[group_of(c)] * mean_with[group_of(c)]; },
        [&](int c) { return at.inverse[group_of(c)] * mean[group_of(c)]; });
  }

  /// out = p_c v - q_c xh - s_c on sample n.
  template <class P, class Q, class R>
  void combine(Index n, View<const S> v, View<S> out, const P& p, const Q& q, const R& s) const {
    using namespace kernels;
    using Row = kernels::PerFeature<C, S>;
    const Statistics& at = statistics_[static_cast<std::size_t>(n)];
    const Row on_v(p);
    const Row on_x([&](int c) { return -q(c) * at.inverse[group_of(c)]; });
    const Row rest([&](int c) { return q(c) * at.inverse[group_of(c)] * at.mean[group_of(c)] - s(c); });
    kernels::for_each_cell<C>(x_.shape().sample_size(), out.sample(n).data(),
                              [x = x_.sample(n).data(), from = v.sample(n).data(), a = on_v.numbers.data(),
                               b = on_x.numbers.data(), d = rest.numbers.data()]<int lanes>(Index i, int j) {
                                return Lanes<S, lanes>(load<lanes>(from + i) * load<lanes>(a + j) +
                                                       (load<lanes>(x + i) * load<lanes>(b + j) + load<lanes>(d + j)));
                              });
  }

  const S* scale_;
  View<const S> x_;
  std::vector<Statistics> statistics_;  // of each sample
};

/// Instance normalization, over the cells of a sample for each of C features (Ulyanov, Vedaldi & Lempitsky 2016,
/// equation 3, with a scale and a shift).
template <int C>
using InstanceNorm = GroupNorm<C, C>;

}  // namespace basin
