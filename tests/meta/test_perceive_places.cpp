#include "basin/meta/perceive_places.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

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
  codes->rows = test::random_matrix<float>(row_codes, network.rows(), 5);
  codes->columns = test::random_matrix<float>(column_codes, network.columns(), 6);
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
                          RandomFire, Everywhere, Increment>;
  using Whole =
      Automaton<PerceiveWeights<features, WithinMatrix, true>,
                Sequential<Dense<3 * features, out>, Relu, Dense<out, features>>, RandomFire, Everywhere, Increment>;
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

// What comes in parts is what comes at once, wherever the cells are cut.
TEST_CASE("parts of a network add up to its gradient", "[gradient]") {
  const Network network({4, 3, 2, 5});
  const Sees perception = sees(network);
  const auto theta = test::random_parameters<Placed<RandomFire>>(1);
  const State<double> z = test::random_state(network.shape(features), 2);
  const Index all = network.cells();
  const State<double> g = test::random_state(Shape{out, {all, 1, 1}, 1}, 3);
  const auto spread = [&](const std::vector<Index>& cuts) {
    Scratch scratch;
    State<double> dz(z.shape);
    Vector<double> dtheta = Vector<double>::Zero(Sees::param_count);
    Sees::Spread<double> whole(perception, theta.span().first<Sees::param_count>(), z.view(), dz.view(), scratch);
    for (std::size_t c = 0; c + 1 < cuts.size(); ++c) {
      auto part = whole.part(cuts[c], cuts[c + 1], dtheta.data(), scratch);
      for (Index cell = cuts[c]; cell < cuts[c + 1]; ++cell) part(&cell, 1, g.values.data() + cell * out);
      whole.add(part);
    }
    whole.finish(dtheta.data());
    Vector<double> both(dz.values.size() + dtheta.size());
    both << dz.values, dtheta;
    return both;
  };
  const Vector<double> at_once = spread({0, all});
  CHECK(at_once.norm() > 1);
  for (Index cut = 1; cut < all; ++cut) CHECK(test::relative_error(spread({0, cut, all}), at_once) < 1e-13);
  CHECK(test::relative_error(spread({0, 7, 8, 20, 31, all}), at_once) < 1e-13);
}

// Enough cells that a network is cut into bands, forward and backward.
TEST_CASE("a large network is the same for any number of threads, and has the gradient of its steps", "[repeatable]") {
  const Network network({90, 110, 60, 5});
  Rollout<Placed<RandomFire>> rollout;
  rollout.automaton = {.perception = sees(network), .rule = {}, .fire = {.rate = 0.7, .seed = 3}};
  rollout.automaton.update.rate = 0.5;
  rollout.steps = 2;
  const auto theta = test::random_parameters<Rollout<Placed<RandomFire>>>(1);
  const Shape shape = network.shape(features, 2);
  const State<double> z = test::random_state(shape, 2), w = test::random_state(shape, 4);
  const auto pulled = [&](int count) {
    set_threads(count);
    State<double> end(shape), dz(shape), jt(shape);
    Parameters<Rollout<Placed<RandomFire>>, double> gradient, without_dz;
    const auto linear = rollout.linearize(theta.span(), z.view(), end.view());
    (void)linear.pullback(w.view(), dz.view(), gradient.span());
    (void)linear.jvp(z.view(), jt.view());
    CHECK(std::abs(jt.values.dot(w.values) - z.values.dot(dz.values)) < 1e-12 * jt.values.norm() * w.values.norm());
    // One step alone, whose first state nobody asks the gradient of.
    State<double> next(shape);
    const auto step = rollout.automaton.linearize(theta.span(), z.view(), View<const double>{}, next.view());
    Parameters<Rollout<Placed<RandomFire>>, double> with_dz;
    (void)step.pullback(w.view(), dz.view(), View<double>{}, with_dz.span());
    (void)step.pullback(w.view(), View<double>{}, View<double>{}, without_dz.span());
    CHECK(with_dz.vector() == without_dz.vector());
    (void)linear.vjp(w.view(), dz.view());
    set_threads(0);
    Vector<double> all(end.values.size() + dz.values.size() + gradient.vector().size());
    all << end.values, dz.values, gradient.vector();
    return all;
  };
  const Vector<double> one = pulled(1);
  CHECK(one == pulled(2));
  CHECK(one == pulled(3));

  // Along one direction of theta and z: the derivative of <w, end>.
  const auto along = test::random_parameters<Rollout<Placed<RandomFire>>>(7);
  const State<double> along_z = test::random_state(shape, 8);
  const auto value = [&](double h) {
    auto moved = theta;
    moved.vector() += h * along.vector();
    State<double> from = z, end(shape);
    from.values += h * along_z.values;
    (void)rollout.apply(moved.span(), from.view(), end.view());
    return end.values.dot(w.values);
  };
  // A small step: kinks of the gates that lie within it count wrongly.
  const double h = 1e-7, difference = (value(h) - value(-h)) / (2 * h);
  const Index size = z.values.size();
  const double gradient =
      one.segment(size, size).dot(along_z.values) + one.tail(one.size() - 2 * size).dot(along.vector());
  CHECK(std::abs(gradient - difference) < 1e-6 * std::abs(difference));
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
