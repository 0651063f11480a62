#include "../../examples/metanca_mnist/attention_rule.hpp"

#include <catch2/catch.hpp>
#include <string>

#include "support/layer_checks.hpp"

namespace {

using namespace basin;
using metanca_mnist::AttentionRule;

using Numbers = Parameters<AttentionRule, double>;

Numbers random_theta() {
  Numbers theta;
  const Random random{3, 0};
  for (std::size_t i = 0; i < AttentionRule::param_count; ++i) theta.span()[i] = 0.3 * random.normal(i);
  return theta;
}

/// A cell by its place: kernel (i, j) of layer l, or with i = -1 the bias of j.
struct Place {
  Index l, i, j;
};

/// One update of one cell by the definition: it looks at every other cell, and asks whether it is a neighbour.
class Naive {
 public:
  Naive(const Network& network, const Numbers& theta, const State<double>& z)
      : network_(network), theta_(theta), z_(z) {
    for (Index l = 0; l < std::ssize(network.layers()); ++l) {
      for (Index i = -1; i < network.layers()[static_cast<std::size_t>(l)].inputs; ++i) {
        for (Index j = 0; j < network.layers()[static_cast<std::size_t>(l)].outputs; ++j) all_.push_back({l, i, j});
      }
    }
  }

  [[nodiscard]] const std::vector<Place>& places() const { return all_; }

  [[nodiscard]] Index cell(const Place& p) const {
    const Network::Layer& layer = network_.layers()[static_cast<std::size_t>(p.l)];
    return layer.cell(p.i < 0 ? layer.inputs : p.i, p.j);
  }

  [[nodiscard]] Vector<double> change(const Place& p) const {
    Vector<double> read(93);
    read << state(p), attended("forward", p), attended("backward", p);
    for (const int layer : {0, 2, 4, 6, 8}) {
      const std::string name = "head." + std::to_string(layer);
      read = weights(name + ".weight") * read + bias(name + ".bias");
      if (layer < 8) {
        read = read.unaryExpr([](double x) { return x > 0 ? x : std::exp(x) - 1; });
      } else {
        read = read.array().tanh();
      }
    }
    return read;
  }

 private:
  [[nodiscard]] Vector<double> state(const Place& p) const { return z_.view().matrix().col(cell(p)); }

  [[nodiscard]] bool neighbour(bool forward, const Place& p, const Place& q) const {
    const bool same = p.l == q.l && p.i == q.i && p.j == q.j;
    const bool column = q.l == p.l && q.j == p.j;  // with its bias
    const bool next_row = q.l == p.l + 1 && q.i == p.j;
    const bool row = q.l == p.l && q.i == p.i && p.i >= 0;
    const bool previous_column = q.l == p.l - 1 && q.j == p.i;  // with its bias
    if (forward) return column || next_row;
    return p.i < 0 ? same : row || previous_column;
  }

  [[nodiscard]] Eigen::MatrixXd weights(const std::string& leaf) const {
    for (const Leaf& one : leaves_of<AttentionRule>()) {
      if (one.name == leaf) {
        return Eigen::Map<const Eigen::MatrixXd>(theta_.span().data() + one.offset, one.shape[0], one.shape[1]);
      }
    }
    throw std::logic_error(leaf);
  }
  [[nodiscard]] Vector<double> bias(const std::string& leaf) const {
    const auto values = theta_.leaf(leaf);
    return Eigen::Map<const Vector<double>>(values.data(), static_cast<Index>(values.size()));
  }

  /// elu + 1, turned by the codes of the place.
  [[nodiscard]] Vector<double> turned(Vector<double> x, const Place& p) const {
    const double widest = static_cast<double>(*std::max_element(network_.widths().begin(), network_.widths().end()));
    const std::array<double, 3> position{p.i < 0 ? widest : static_cast<double>(p.i), static_cast<double>(p.j),
                                         static_cast<double>(p.l)};
    x = x.unaryExpr([](double v) { return v > 0 ? v + 1 : std::exp(v); });
    Vector<double> y(30);
    for (int h = 0; h < 3; ++h) {
      for (int m = 0; m < 5; ++m) {
        const double angle = position[static_cast<std::size_t>(h)] * std::pow(10000.0, -m / 5.0);
        const int at = 10 * h + 2 * m;
        y[at] = x[at] * std::cos(angle) - x[at + 1] * std::sin(angle);
        y[at + 1] = x[at] * std::sin(angle) + x[at + 1] * std::cos(angle);
      }
    }
    return y;
  }

  [[nodiscard]] Vector<double> normed(const Vector<double>& x, const std::string& name) const {
    const Vector<double> centred = x.array() - x.mean();
    const double deviation = std::sqrt(centred.squaredNorm() / 31 + 1e-6);
    return (centred / deviation).cwiseProduct(bias(name + ".scale")) + bias(name + ".shift");
  }

  [[nodiscard]] Vector<double> attended(const std::string& name, const Place& p) const {
    const Vector<double> q = turned(weights(name + ".query") * state(p), p);
    Vector<double> answers(30);
    for (int h = 0; h < 3; ++h) {
      Vector<double> sum = Vector<double>::Zero(10);
      double total = 1e-6;
      for (const Place& other : all_) {
        if (!neighbour(name == "forward", p, other)) continue;
        const Vector<double> k = turned(weights(name + ".key") * state(other), other);
        const double share = q.segment(10 * h, 10).dot(k.segment(10 * h, 10));
        sum += share * (weights(name + ".value") * state(other)).segment(10 * h, 10);
        total += share;
      }
      answers.segment(10 * h, 10) = sum / total;
    }
    const Vector<double> y = normed(state(p) + weights(name + ".out") * answers, name + ".norm_1");
    const Vector<double> inner =
        (weights(name + ".feed_forward.0.weight") * y + bias(name + ".feed_forward.0.bias")).cwiseMax(0.0);
    return normed(y + weights(name + ".feed_forward.2.weight") * inner + bias(name + ".feed_forward.2.bias"),
                  name + ".norm_2");
  }

  const Network& network_;
  const Numbers& theta_;
  const State<double>& z_;
  std::vector<Place> all_;
};

State<double> begun(const AttentionRule& rule, Index samples) {
  State<double> z = test::random_state<double>(rule.network.shape(AttentionRule::state_features, samples), 4);
  rule.write_codes(z.view());
  return z;
}

}  // namespace

TEST_CASE("the attention rule has the published number of parameters", "[unit]") {
  CHECK(AttentionRule::param_count == 81923);
}

TEST_CASE("an update is what the definition says, cell by cell", "[unit]") {
  for (const std::vector<Index>& widths : std::vector<std::vector<Index>>{{5, 3}, {4, 3, 2}, {3, 6, 2, 4}}) {
    const Network network(widths);
    AttentionRule rule{network};
    rule.fire.rate = 1;
    const Numbers theta = random_theta();
    State<double> z = begun(rule, 1), once(z.shape), twice(z.shape);
    rule.apply<double>(theta.span(), z.view(), once.view());
    rule.apply<double>(theta.span(), once.view(),
                       twice.view());  // the codes in the state have moved; those of R have not
    for (const auto& [from, to] : {std::pair(&z, &once), std::pair(&once, &twice)}) {
      const Naive naive(network, theta, *from);
      double worst = 0;
      for (const Place& p : naive.places()) {
        const Index cell = naive.cell(p);
        const Vector<double> expected = from->view().matrix().col(cell) + naive.change(p);
        worst = std::max(worst, (to->view().matrix().col(cell) - expected).cwiseAbs().maxCoeff());
      }
      CAPTURE(network.to_string());
      CHECK(worst <= 1e-12);
    }
    CHECK((once.values - z.values).cwiseAbs().maxCoeff() > 0.1);
  }
}

TEST_CASE("cells begin with the codes of their places", "[unit]") {
  const AttentionRule rule{Network({3, 5, 2})};
  const State<double> z = begun(rule, 2);
  const auto& first = rule.network.layers()[0];
  const auto weight = z.view().sample(1).matrix().col(first.cell(2, 4));
  CHECK(weight[1] == Approx(std::sin(2.0)));
  CHECK(weight[2] == Approx(std::cos(2.0)));
  CHECK(weight[11] == Approx(std::sin(4.0)));
  CHECK(weight[21] == 0);
  CHECK(weight[22] == 1);
  const auto bias = z.view().sample(0).matrix().col(rule.network.layers()[1].cell(5, 1));
  CHECK(bias[1] == Approx(std::sin(5.0)));
  CHECK(bias[13] == Approx(std::sin(std::pow(10000.0, -0.2))));
  CHECK(bias[21] == Approx(std::sin(1.0)));
}

TEST_CASE("only cells that fire change, each network by itself, on any number of threads", "[unit][repeatable]") {
  AttentionRule rule{Network({40, 11, 3})};
  rule.fire = {.rate = 0.5, .seed = 9};
  const Context context{.step = 3, .first_sample = 2};
  const Numbers theta = random_theta();
  const State<double> z = begun(rule, 2);
  State<double> out(z.shape), again(z.shape), every(z.shape), one(z.shape.with_samples(1));
  rule.apply<double>(theta.span(), z.view(), out.view(), context);
  for (const int count : {1, 2}) {
    set_threads(count);
    rule.apply<double>(theta.span(), z.view(), again.view(), context);
    set_threads(0);
    CHECK(out.values == again.values);
  }
  rule.apply<double>(theta.span(), z.view().sample(1), one.view(), context.from_sample(1));
  CHECK(one.values == out.view().sample(1).vector());
  rule.fire.rate = 1;
  rule.apply<double>(theta.span(), z.view(), every.view(), context);
  Index idle = 0;
  bool right = true;
  for (Index cell = 0; cell < z.shape.cells(); ++cell) {
    const bool same = out.view().matrix().col(cell) == z.view().matrix().col(cell);
    idle += same ? 1 : 0;
    right = right && (same || out.view().matrix().col(cell) == every.view().matrix().col(cell));
  }
  CHECK(right);
  CHECK(idle > z.shape.cells() / 3);
  CHECK(idle < 2 * z.shape.cells() / 3);
}

TEST_CASE("the attention rule refuses what does not fit", "[unit]") {
  const AttentionRule rule{Network({3, 2})};
  const Numbers theta = random_theta();
  State<double> z(rule.network.shape(30)), other(Shape{31, {5, 1, 1}, 1}), right(rule.network.shape(31));
  CHECK_THROWS_WITH(rule.apply<double>(theta.span(), z.view(), z.view()), Catch::Contains("AttentionRule"));
  CHECK_THROWS_WITH(rule.apply<double>(theta.span(), other.view(), other.view()),
                    Catch::Contains("AttentionRule: shape of the networks"));
  CHECK_THROWS_WITH(rule.apply<double>(theta.span(), right.view(), other.view()),
                    Catch::Contains("AttentionRule: shape of the result"));
  const AttentionRule without{Network({3, 2}, Bias::no)};
  CHECK_THROWS_WITH(without.write_codes(View<double>(right.view())), Catch::Contains("biases"));
}
