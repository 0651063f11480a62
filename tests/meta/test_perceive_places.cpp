#include "basin/meta/perceive_places.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/reglu.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/meta/perceive_weights.hpp"
#include "basin/nca/automaton.hpp"
#include "basin/nca/rollout.hpp"
#include "support/layer_checks.hpp"

namespace {

using namespace basin;

constexpr int features = 3, row_codes = 4, column_codes = 2, out = 10;
using Sees = PerceivePlaces<features, row_codes, column_codes, out>;
using Rule = Sequential<Reglu<5>, Dense<5, features, Bias::no>>;
template <class Fire>
using Placed = Automaton<Sees, Rule, Fire, Everywhere, Relax>;

std::shared_ptr<const PlaceCodes> codes_of(const Network& network) {
  auto codes = std::make_shared<PlaceCodes>();
  codes->rows = test::random_state<float>(Shape{row_codes, {network.rows(), 1, 1}, 1}, 5).view().matrix();
  codes->columns = test::random_state<float>(Shape{column_codes, {network.columns(), 1, 1}, 1}, 6).view().matrix();
  return codes;
}

Sees sees(const Network& network, bool neighbours = true) { return {network, codes_of(network), neighbours}; }

const Network& small() {
  static const Network network({4, 3, 2, 5});
  return network;
}

/// u of one cell from the equation, by loops over the whole layer.
Vector<double> naive(const Sees& perception, const Parameters<Placed<RandomFire>, double>& theta,
                     const State<double>& z, std::size_t l, Index i, Index j) {
  const Network& network = perception.network;
  const auto layers = network.layers();
  const Network::Layer& layer = layers[l];
  const auto p = [&](std::size_t of, Index row, Index column) {
    return Vector<double>(2 * (z.view().matrix().col(layers[of].cell(row, column)).array() / 2).tanh());
  };
  const auto row_mean = [&](std::size_t of, Index row) {
    Vector<double> sum = Vector<double>::Zero(features);
    for (Index c = 0; c < layers[of].outputs; ++c) sum += p(of, row, c);
    return Vector<double>(sum / layers[of].outputs);
  };
  const auto column_mean = [&](std::size_t of, Index column) {
    Vector<double> sum = Vector<double>::Zero(features);
    for (Index r = 0; r < layers[of].rows; ++r) sum += p(of, r, column);
    return Vector<double>(sum / layers[of].rows);
  };
  Vector<double> row(row_codes + 2 * features), column(column_codes + 2 * features);
  row.setZero();
  column.setZero();
  row.head(row_codes) = perception.codes->rows.col(layer.first_row + i).cast<double>();
  column.head(column_codes) = perception.codes->columns.col(layer.first_column + j).cast<double>();
  if (perception.neighbours) {
    row.segment(row_codes, features) = row_mean(l, i);
    if (l > 0 && i < layer.inputs) row.tail(features) = column_mean(l - 1, i);
    column.segment(column_codes, features) = column_mean(l, j);
    if (l + 1 < layers.size()) column.tail(features) = row_mean(l + 1, j);
  }
  const auto weights = [&](const char* name, Index inputs) {
    return Eigen::Map<const Matrix<double>>(theta.leaf(name).data(), out, inputs);
  };
  return weights("row", row.size()) * row + weights("column", column.size()) * column +
         weights("cell", features) * p(l, i, j) + Eigen::Map<const Vector<double>>(theta.leaf("bias").data(), out);
}

}  // namespace

TEST_CASE("places are seen as the equation says", "[unit]") {
  for (const Network& network : {small(), Network({1, 1}), Network({3, 4}, Bias::no), Network({2, 1, 3}, Bias::no)}) {
    for (const bool neighbours : {true, false}) {
      CAPTURE(network.to_string(), neighbours);
      const Sees perception = sees(network, neighbours);
      const auto theta = test::random_parameters<Placed<RandomFire>>(1);
      const State<double> z = test::random_state(network.shape(features), 2);
      Scratch scratch;
      Sees::Sight<double> sight(perception, theta.span().first<Sees::param_count>(), z.view(), scratch);
      for (std::size_t l = 0; l < network.layers().size(); ++l) {
        const Network::Layer& layer = network.layers()[l];
        for (Index i = 0; i < layer.rows; ++i) {
          for (Index j = 0; j < layer.outputs; ++j) {
            const Index cell = layer.cell(i, j);
            Vector<double> seen(out);
            sight(&cell, 1, seen.data());
            CHECK(test::relative_error(seen, naive(perception, theta, z, l, i, j)) < 1e-12);
          }
        }
      }
    }
  }
}

TEST_CASE("an automaton with places has the gradients of its equation", "[gradient]") {
  for (const bool neighbours : {true, false}) {
    Placed<RandomFire> cell{.perception = sees(small(), neighbours), .rule = {}, .fire = {.rate = 0.7, .seed = 3}};
    cell.update.rate = 0.5;
    test::check_cell(cell, small().shape(0));  // one sample: masks depend on its number
    Placed<MeanField> mean = mean_field(cell);
    test::check_cell(mean, small().shape(0, 3));
  }
}

// Without codes, squashing and other layers, it is the first dense layer of a rule that sees [q, q_f, q_b], split up.
TEST_CASE("plain places are a dense layer over the perception of the abstract", "[gradient]") {
  using Plain = Automaton<PerceivePlaces<features, 0, 0, out, Shown::plain>, Sequential<Relu, Dense<out, features>>,
                          RandomFire, Everywhere, Increment<>>;
  using Whole =
      Automaton<PerceiveWeights<features, WithinMatrix, true>,
                Sequential<Dense<3 * features, out>, Relu, Dense<out, features>>, RandomFire, Everywhere, Increment<>>;
  for (const Network& network : {small(), Network({3, 4}, Bias::no)}) {
    CAPTURE(network.to_string());
    auto codes = std::make_shared<PlaceCodes>();
    codes->rows.resize(0, network.rows());
    codes->columns.resize(0, network.columns());
    const Plain plain{.perception = {network, codes}, .rule = {}, .fire = {.rate = 0.7, .seed = 3}};
    const Whole whole{.perception = {network}, .rule = {}, .fire = {.rate = 0.7, .seed = 3}};
    const auto theta = test::random_parameters<Whole>(1);
    Parameters<Plain, double> split;
    constexpr std::size_t part = std::size_t{features} * out;
    std::copy_n(theta.leaf("0.weight").begin(), part, split.leaf("cell").begin());
    std::copy_n(theta.leaf("0.weight").begin() + part, part, split.leaf("column").begin());
    std::copy_n(theta.leaf("0.weight").begin() + 2 * part, part, split.leaf("row").begin());
    std::ranges::copy(theta.leaf("0.bias"), split.leaf("bias").begin());
    std::ranges::copy(theta.leaf("2.weight"), split.leaf("1.weight").begin());
    std::ranges::copy(theta.leaf("2.bias"), split.leaf("1.bias").begin());
    const State<double> z = test::random_state(network.shape(features), 2);
    State<double> of_plain(z.shape), of_whole(z.shape);
    (void)plain.apply(split.span(), z.view(), View<const double>{}, of_plain.view());
    (void)whole.apply(theta.span(), z.view(), View<const double>{}, of_whole.view());
    CHECK(test::relative_error(of_plain.values, of_whole.values) < 1e-13);
    test::check_cell(plain, network.shape(0));
  }
}

TEMPLATE_TEST_CASE("a rollout with places has the gradients of its steps", "[gradient]", Kept, Recomputed,
                   Checkpointed) {
  Rollout<Placed<RandomFire>, TestType> rollout;
  rollout.automaton = {.perception = sees(small()), .rule = {}, .fire = {.rate = 0.7, .seed = 3}};
  rollout.automaton.update.rate = 0.5;
  rollout.steps = 4;
  test::check_linearization(rollout, small().shape(features));
}

TEST_CASE("places need codes that fit the network", "[unit]") {
  Placed<RandomFire> cell;
  cell.perception.network = small();
  CHECK_THROWS_WITH(cell.state_shape(small().shape(0)), Catch::Contains("codes is null"));
  cell.perception = sees(Network({4, 3}));
  cell.perception.network = small();
  CHECK_THROWS_WITH(cell.state_shape(small().shape(0)), Catch::Contains("codes of rows is 4 x 5, expected 4 x 12"));
  CHECK_THROWS_WITH(cell.state_shape(Shape{0, {7, 1, 1}, 1}), Catch::Contains("is 7, expected 38"));
}
