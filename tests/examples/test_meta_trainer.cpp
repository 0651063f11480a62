#include "../../examples/support/meta_trainer.hpp"

#include <catch2/catch.hpp>
#include <csignal>
#include <cstring>
#include <iterator>
#include <limits>
#include <map>
#include <string>

#include "../../examples/metanca_names/rule.hpp"
#include "basin/train/network_loss.hpp"
#include "io/hostile.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::examples;

namespace {

constexpr int row_codes = 3, column_codes = 2;
using Rule = PlacedRule<2, 4, row_codes, column_codes>;

Architecture architecture(std::vector<Index> widths) {
  Architecture of{Network(std::move(widths)), nullptr, {}};
  auto codes = std::make_shared<PlaceCodes>();
  codes->rows = test::random_matrix<float>(row_codes, of.network.rows(), 5);
  codes->columns = test::random_matrix<float>(column_codes, of.network.columns(), 6);
  even_out(of.network, *codes);
  of.codes = codes;
  return of;
}

constexpr int iterations = 6, pool_iterations = 9, total = iterations + pool_iterations;

MetaTrainer<Rule> trainer(double explosion = 10) {
  return {{.iterations = iterations,
           .pool_iterations = pool_iterations,
           .networks = 2,
           .pooled_architectures = 2,
           .networks_in_pool = 2,
           .explosion = explosion,
           .seed = 3},
          {architecture({3, 4, 2}), architecture({3, 2, 2}), architecture({3, 5, 2})}};
}

Training training(const std::string& checkpoint) {
  return Training({.iterations = total, .checkpoint = checkpoint, .checkpoint_minutes = 0, .progress = nullptr});
}

/// Trains to recognize the sign of a number, until the end or until a signal comes in iteration `stop`.
TrainingEnd train(Training& of, MetaTrainer<Rule>& trained, int stop = -1) {
  const State<float> inputs = test::random_state<float>(Shape{3, {1, 1, 1}, 32}, 8);
  std::vector<int> labels;
  for (Index n = 0; n < 32; ++n) labels.push_back(inputs.view().sample(n).vector()[0] > 0 ? 1 : 0);
  return trained.run(of, [&](std::uint64_t number, const Architecture& architecture, const auto& body) {
    if (static_cast<int>(number) == 2 * stop) std::raise(SIGTERM);
    body(NetworkLoss<float>{architecture.network, inputs.view(), labels});
  });
}

/// All arrays, by name.
std::map<std::string, std::vector<std::uint8_t>> arrays(const std::string& path) {
  std::map<std::string, std::vector<std::uint8_t>> all;
  for (const auto& [name, entry] : read_safetensors(path).tensors) all[name] = entry.bytes;
  return all;
}

/// Input and bias rows, and columns of the last layer, have no names.
struct Places {
  static constexpr std::array<int, 1> last_columns{0};
  static constexpr std::array<int, 1> nameless_rows{0};
};
constexpr int names = 4;
using Naming = metanca_names::NamingRule<names, 2, 1, 1, Places>;

}  // namespace

TEST_CASE("a training that is stopped in any iteration goes on to the same end", "[repeatable]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("whole.safetensors"), stopped = folder.file("stopped.safetensors");
  MetaTrainer<Rule> whole = trainer();
  CHECK(whole.iterations() == total);
  Training undisturbed = training(path);
  REQUIRE(train(undisturbed, whole) == TrainingEnd::finished);
  CHECK(undisturbed.losses().size() == total);
  CHECK(undisturbed.losses().back() < 0.9 * undisturbed.losses().front());
  const auto end = arrays(path);
  for (int stop = 0; stop + 1 < total; ++stop) {
    CAPTURE(stop);
    MetaTrainer<Rule> first = trainer(), second = trainer();
    Training before = training(stopped);
    REQUIRE(train(before, first, stop) == TrainingEnd::stopped);
    CHECK(before.losses().size() == static_cast<std::size_t>(stop + 1));
    Training after = training(stopped);
    second.resume(after, stopped);
    REQUIRE(train(after, second) == TrainingEnd::finished);
    CHECK(arrays(stopped) == end);
  }
}

TEST_CASE("a training takes up no networks of another size, no numbers that are not finite, no counts below 0",
          "[unit]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("state.safetensors"), changed = folder.file("changed.safetensors");
  MetaTrainer<Rule> trained = trainer();
  Training whole = training(path);
  REQUIRE(train(whole, trained) == TrainingEnd::finished);
  const auto refused = [&](const std::string& name, const auto& change, const std::string& message) {
    TensorFile file = read_safetensors(path);
    for (auto at = file.metadata.begin(); at != file.metadata.end();) {  // without a label, and so without a checksum
      at = at->first.starts_with("basin.") ? file.metadata.erase(at) : std::next(at);
    }
    change(file.tensors.at(name));
    write_safetensors(changed, file);
    MetaTrainer<Rule> other = trainer();
    Training again = training(folder.file("again.safetensors"));
    CHECK_THROWS_WITH(other.resume(again, changed), Catch::Contains("changed.safetensors: " + message));
  };
  const auto set = [](const auto& value) {
    return [value](TensorEntry& entry) { std::memcpy(entry.bytes.data(), &value, sizeof value); };
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  refused("row", set(nan), "'row'[0] is nan, expected a finite number");
  refused("pool.1.0", set(nan), "'pool.1.0'[0] is nan, expected a finite number");
  refused("optimizer.momentum.row", set(nan), "'optimizer.momentum.row'[0] is nan, expected a finite number");
  refused("optimizer.steps", set(std::int64_t{-1}), "'optimizer.steps' is -1, expected 0 to");
  refused("roll_back.mean", set(std::numeric_limits<double>::infinity()),
          "'roll_back.mean' is inf, expected a finite number");
  refused("roll_back.since", set(std::numeric_limits<std::int64_t>::max()), "'roll_back.since' is 9223372036854775807");
  refused(
      "pool.0.1",
      [](TensorEntry& entry) {
        entry.shape[0] -= 1;
        entry.bytes.resize(entry.bytes.size() - sizeof(float));
      },
      "length of 'pool.0.1' is 51, expected 52");
}

TEST_CASE("a training whose loss is not finite goes back, and says so", "[unit]") {
  MetaTrainer<Rule> trained = trainer();
  State<float> bad(Shape{3, {1, 1, 1}, 1});
  bad.values.setConstant(std::numeric_limits<float>::quiet_NaN());
  const std::vector<int> labels{0};
  const auto before = trained.parameters().vector();
  Training of_bad = training("");
  CHECK_THROWS_WITH((void)trained.run(of_bad,
                                      [&](std::uint64_t, const Architecture& of, const auto& body) {
                                        body(NetworkLoss<float>{of.network, bad.view(), labels});
                                      }),
                    Catch::Contains("the loss exploded again and again, last in iteration 11: try a lower rate"));
  CHECK(trained.roll_backs() == 11);
  CHECK(trained.parameters().vector() == before);
}

TEST_CASE("damage takes a layer whole and three of ten of the rest", "[unit]") {
  const Network network({60, 30, 20, 5});
  for (const bool all : {false, true}) {
    State<float> z(network.shape(3));
    z.values.setOnes();
    zero_out(z.view(), network, 1, all, {7, 0});
    const Network::Layer& lost = network.layers()[1];
    Index others = 0, gone = 0, kept = 0;
    for (Index cell = 0; cell < network.cells(); ++cell) {
      const auto one = z.view().matrix().col(cell);
      const bool inside = cell >= lost.first && cell < lost.first + lost.cells(), zero = one[0] == 0;
      if (inside) CHECK(zero);
      others += inside ? 0 : 1;
      gone += !inside && zero ? 1 : 0;
      kept += one[1] == 1 && one[2] == 1 ? 1 : 0;
      CHECK((one[1] == 0) == (zero && all));
    }
    // Four standard deviations.
    const double count = static_cast<double>(others);
    CHECK(static_cast<double>(gone) == Approx(0.3 * count).margin(4 * std::sqrt(0.21 * count)));
    CHECK(kept == (all ? others - gone : network.cells()));
  }
}

TEST_CASE("cells agree on names, and what damage erases in one layer comes back from the next", "[unit]") {
  Architecture of{Network({6, 12, 9, 3}), nullptr, {}};
  const auto layers = of.network.layers();
  auto codes = std::make_shared<PlaceCodes>();
  codes->rows = Matrix<float>::Zero(1, of.network.rows());
  codes->columns = Matrix<float>::Zero(1, of.network.columns());
  for (std::size_t l = 0; l < layers.size(); ++l) {
    if (l == 0) codes->rows.middleCols(layers[l].first_row, layers[l].inputs).setOnes();
    codes->rows(0, layers[l].first_row + layers[l].inputs) = 1;
  }
  codes->columns.middleCols(layers.back().first_column, layers.back().outputs).setOnes();
  of.codes = codes;
  const auto theta = Naming::initial(1);
  State<float> z = Naming::random_networks(of.network, 1, 2, 0);
  const auto update = [&](Index count, std::uint64_t seed) {
    State<float> next(z.shape);
    (void)Naming::updates(of, count, 0.5, seed, true).apply<float>(theta.span(), z.view(), next.view());
    std::swap(z, next);
  };
  // The names of the neurons between layers l and l + 1 as the cells before them have it, and those behind.
  const auto agreed = [&](std::size_t l) {
    Matrix<float> name(names, layers[l].outputs);
    bool same = true;
    const auto cells = z.view().sample(0).matrix();
    for (Index j = 0; j < layers[l].outputs; ++j) {
      name.col(j) = cells.col(layers[l].cell(0, j)).segment(1, names);
      for (Index i = 0; i < layers[l].rows; ++i) {
        const auto seen = cells.col(layers[l].cell(i, j)).segment(1, names);
        same = same && (seen - name.col(j)).cwiseAbs().maxCoeff() < 0.1f;
      }
      for (Index k = 0; k < layers[l + 1].outputs; ++k) {
        const auto seen = cells.col(layers[l + 1].cell(j, k)).segment(1 + names, names);
        same = same && (seen - name.col(j)).cwiseAbs().maxCoeff() < 0.1f;
      }
    }
    CHECK(same);
    CHECK(name.cwiseAbs().minCoeff() > 11.9f);  // gain times 2 tanh(6)
    return name;
  };
  update(30, 4);
  const Matrix<float> first = agreed(0), second = agreed(1);
  CHECK((first.array() > 0).count() > 0);
  CHECK((first.array() < 0).count() > 0);
  // Inputs and classes have none.
  CHECK(z.view().sample(0).matrix().col(layers[0].cell(2, 3)).segment(1 + names, names).cwiseAbs().maxCoeff() < 0.01f);
  CHECK(z.view().sample(0).matrix().col(layers[2].cell(2, 1)).segment(1, names).cwiseAbs().maxCoeff() < 0.01f);

  for (std::size_t lost = 0; lost < layers.size(); ++lost) {
    CAPTURE(lost);
    zero_out(z.view(), of.network, lost, true, {9, lost});
    update(30, 5 + lost);
    CHECK((agreed(0) - first).cwiseAbs().maxCoeff() < 0.2f);
    CHECK((agreed(1) - second).cwiseAbs().maxCoeff() < 0.2f);
  }
}
