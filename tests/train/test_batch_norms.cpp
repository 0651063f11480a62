// Statistics of BatchNorm (basin/train/batch_norms.hpp): estimated over batches, and folded.

#include "basin/train/batch_norms.hpp"

#include <catch2/catch.hpp>
#include <vector>

#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using test::random_parameters;
using test::random_state;
using test::relative_error;

namespace {

using Model = Sequential<Dense<4, 3>, BatchNorm<3>, Tanh, Sequential<Dense<3, 5>, BatchNorm<5>>>;

/// Batches of different sizes, of numbers with a mean that is far from zero.
std::vector<State<double>> some_batches() {
  std::vector<State<double>> batches;
  for (const Index samples : {7, 1, 12}) {
    batches.push_back(random_state(Shape{4, {1, 1, 1}, samples}, 20 + static_cast<std::uint64_t>(samples)));
    batches.back().values.array() += 100.0;
  }
  return batches;
}

/// Mean and variance of one feature over all of them.
std::pair<double, double> moments(const std::vector<State<double>>& states, Index feature) {
  double count = 0, mean = 0, variance = 0;
  for (const auto& state : states) count += static_cast<double>(state.shape.cells());
  for (const auto& state : states) mean += state.view().matrix().row(feature).sum() / count;
  for (const auto& state : states) {
    variance += (state.view().matrix().row(feature).array() - mean).square().sum() / count;
  }
  return {mean, variance};
}

}  // namespace

TEST_CASE("moments are those of all cells, however the batches are cut", "[unit][batch_norm]") {
  const auto batches = some_batches();
  FeatureMoments<4> moments_of_all;
  for (const auto& batch : batches) moments_of_all.add<double>(batch);
  const State<double> nothing_more(Shape{4, {1, 1, 1}, 0}), other(Shape{3});
  moments_of_all.add<double>(nothing_more);
  CHECK(moments_of_all.cells() == 20);
  for (Index c = 0; c < 4; ++c) {
    const auto [mean, variance] = moments(batches, c);
    CHECK(moments_of_all.mean()[static_cast<std::size_t>(c)] == Approx(mean).epsilon(1e-14));
    CHECK(moments_of_all.variance()[static_cast<std::size_t>(c)] == Approx(variance).epsilon(1e-12));
  }
  CHECK_THROWS_WITH(moments_of_all.add<double>(other), "FeatureMoments: number of features is 3, expected 4");
}

TEST_CASE("every batch norm normalizes what reaches it once it is estimated", "[unit][batch_norm]") {
  Model model;
  auto theta = random_parameters<Model>(1);
  for (const char* scale : {"1.scale", "3.1.scale"}) std::ranges::fill(theta.leaf(scale), 1.0);
  for (const char* shift : {"1.shift", "3.1.shift"}) std::ranges::fill(theta.leaf(shift), 0.0);
  model.layer<1>().epsilon = 0;
  model.layer<3>().layer<1>().epsilon = 0;
  const auto batches = some_batches();
  estimate_batch_norms(model, theta, batches);

  std::vector<State<double>> outputs, inside;
  for (const auto& batch : batches) {
    outputs.emplace_back(model.out_shape(batch.shape));
    static_cast<void>(model.apply(theta, batch.view(), outputs.back().view()));
    const State<double> middle = [&] {
      State<double> before(Shape{3, {1, 1, 1}, batch.shape.samples}), after(before.shape);
      model.layer<0>().apply(model.part<0>(std::as_const(theta).span()), batch.view(), before.view());
      model.layer<1>().apply(model.part<1>(std::as_const(theta).span()), before.view(), after.view());
      return after;
    }();
    inside.push_back(middle);
  }
  for (const auto* states : {&inside, &outputs}) {
    for (Index c = 0; c < states->front().shape.features; ++c) {
      const auto [mean, variance] = moments(*states, c);
      CHECK(std::abs(mean) <= 1e-9);
      CHECK(std::abs(variance - 1) <= 1e-9);
    }
  }
  CHECK_THROWS_WITH(estimate_batch_norms(model, theta, std::vector<State<double>>{}),
                    "estimate_batch_norms: number of cells is 0, expected at least 1");
}

TEST_CASE("a model with its batch norms folded is the same map with the same leaves", "[unit][batch_norm]") {
  Model model;
  const auto theta = random_parameters<Model>(1);
  const auto batches = some_batches();
  estimate_batch_norms(model, theta, batches);
  const auto [folded, folded_theta] = fold_batch_norms(model, theta);
  static_assert(std::is_same_v<std::remove_cvref_t<decltype(folded)>,
                               Sequential<Dense<4, 3>, Scale<3>, Tanh, Sequential<Dense<3, 5>, Scale<5>>>>);
  State<double> y(model.out_shape(batches[0].shape)), y_folded(y.shape);
  static_cast<void>(model.apply(theta, batches[0].view(), y.view()));
  static_cast<void>(folded.apply(folded_theta, batches[0].view(), y_folded.view()));
  CHECK(relative_error(y_folded.values, y.values) <= 1e-12);
  CHECK(leaves_of<std::remove_cvref_t<decltype(folded)>>()[6].name == "3.1.scale");
}
