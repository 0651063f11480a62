#include "basin/meta/position_code.hpp"

#include <catch2/catch.hpp>
#include <limits>

#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

using Codes = Matrix<double>;

}  // namespace

TEST_CASE("the sinusoidal code", "[unit][position_code]") {
  Codes codes(5, 1);
  sinusoidal_code(3, codes.col(0), 100);
  for (Index k = 0; k < 5; ++k) {
    const double angle = 3 / std::pow(100.0, static_cast<double>(2 * (k / 2)) / 5);
    CHECK(codes(k, 0) == Approx(k % 2 == 0 ? std::sin(angle) : std::cos(angle)).epsilon(1e-14));
  }
  sinusoidal_code(0, codes.col(0));
  CHECK(codes.col(0) == (Vector<double>(5) << 0, 1, 0, 1, 0).finished());
  CHECK_THROWS_WITH(sinusoidal_code(0, codes.col(0), 0), "sinusoidal_code: base is 0, expected a positive number");
}

TEST_CASE("cosine codes of all frequencies are orthogonal", "[unit][position_code]") {
  const Index n = 7;
  Codes codes(n, n);
  for (Index i = 0; i < n; ++i) cosine_code(i, n, codes.col(i));
  const Codes gram = codes * codes.transpose();
  Vector<double> diagonal = Vector<double>::Constant(n, 3.5);
  diagonal[0] = 7;
  CHECK((gram - Codes(diagonal.asDiagonal())).cwiseAbs().maxCoeff() < 1e-14);
  CHECK(codes(2, 1) == Approx(std::cos(3.14159265358979 * 2 * 1.5 / 7)).epsilon(1e-13));
  CHECK_THROWS_WITH(cosine_code(7, 7, codes.col(0)), "position of a code is 7, expected 0 to 6");
}

TEST_CASE("the code of a pixel is a product of two", "[unit][position_code]") {
  const Index width = 5, height = 4, across = 3, down = 2;
  for (Index y = 0; y < height; ++y) {
    for (Index x = 0; x < width; ++x) {
      Matrix<float> code(across * down, 1);
      Codes of_x(across, 1), of_y(down, 1);
      image_code(x + width * y, width, height, across, code.col(0));
      cosine_code(x, width, of_x.col(0));
      cosine_code(y, height, of_y.col(0));
      for (Index k = 0; k < down; ++k) {
        for (Index m = 0; m < across; ++m) {
          CHECK(code(k * across + m, 0) == Approx(of_y(k, 0) * of_x(m, 0)).margin(1e-7));
        }
      }
    }
  }
  Codes wrong(5, 1);
  CHECK_THROWS_WITH(image_code(0, 4, 4, 3, wrong.col(0)),
                    "image_code: size of the column is 5, expected a multiple of 3");
  CHECK_THROWS_WITH(image_code(16, 4, 4, 5, wrong.col(0)), "position of a code is 16, expected 0 to 15");
}

TEST_CASE("flags", "[unit][position_code]") {
  Codes code = Codes::Constant(3, 1, 9);
  const auto is = [&](double a, double b, double c) { return code == (Vector<double>(3) << a, b, c).finished(); };
  one_hot_code(1, code.col(0));
  CHECK(is(0, 1, 0));
  CHECK_THROWS_WITH(one_hot_code(3, code.col(0)), "position of a code is 3, expected 0 to 2");
  CHECK_THROWS_WITH(one_hot_code(-1, code.col(0)), "position of a code is -1, expected 0 to 2");
  binary_code(6, code.col(0));
  CHECK(is(0, 1, 1));
  CHECK_THROWS_WITH(binary_code(8, code.col(0)), "position of a code is 8, expected 0 to 7");
  place_code(0, 3, code.col(0));
  CHECK(is(1, 0, 0));
  place_code(1, 3, code.col(0));
  CHECK(is(0, 1, 0));
  place_code(2, 3, code.col(0));
  CHECK(is(0, 0, 1));
  place_code(0, 1, code.col(0));
  CHECK(is(1, 0, 1));
  Codes short_code(2, 1);
  CHECK_THROWS_WITH(place_code(0, 1, short_code.col(0)), "place_code: size of the column is 2, expected 3");
}

TEST_CASE("a binary code may be longer than an Index", "[unit][position_code]") {
  constexpr Index most = std::numeric_limits<Index>::max(), bits = std::numeric_limits<Index>::digits;
  Codes code(bits + 3, 1), exact(bits, 1), short_by_one(bits - 1, 1);
  binary_code(most, code.col(0));
  CHECK(code.col(0).head(bits) == Vector<double>::Ones(bits));
  CHECK(code.col(0).tail(3) == Vector<double>::Zero(3));
  binary_code(5, code.col(0));
  CHECK(code.col(0).head(3) == Vector<double>{{1, 0, 1}});
  CHECK(code.col(0).tail(bits) == Vector<double>::Zero(bits));
  binary_code(most, exact.col(0));
  CHECK(exact.col(0) == Vector<double>::Ones(bits));
  binary_code(most / 2, short_by_one.col(0));
  CHECK(short_by_one.col(0) == Vector<double>::Ones(bits - 1));
  CHECK_THROWS_AS(binary_code(most / 2 + 1, short_by_one.col(0)), std::invalid_argument);
  CHECK_THROWS_WITH(binary_code(-1, code.col(0)), "position of a code is -1, expected 0 or more");
}

TEST_CASE("each layer of each depth has a role of its own", "[unit][position_code]") {
  Index next = 0;
  for (Index layers = 1; layers < 6; ++layers) {
    for (Index layer = 0; layer < layers; ++layer) CHECK(layer_role(layer, layers) == next++);
  }
  CHECK_THROWS_WITH(layer_role(2, 2), "position of a code is 2, expected 0 to 1");
}

TEST_CASE("codes in the state of the cells", "[unit][position_code]") {
  const Network network({3, 2, 2});
  const Network::Layer& layer = network.layers()[1];
  Matrix<float> rows(2, layer.rows), columns(3, layer.outputs);
  for (Index i = 0; i < layer.rows; ++i) sinusoidal_code(i, rows.col(i));
  for (Index j = 0; j < layer.outputs; ++j) one_hot_code(j, columns.col(j));
  const State<float> before = random_state<float>(network.shape(7, 2), 1);
  State<float> z = before;
  write_codes(layer, rows, columns, 1, z.view());
  State<float> expected = before;
  for (Index n = 0; n < 2; ++n) {
    for (Index i = 0; i < layer.rows; ++i) {
      for (Index j = 0; j < layer.outputs; ++j) {
        const Index at = (n * network.cells() + layer.cell(i, j)) * 7;
        for (Index k = 0; k < 2; ++k) expected.values[at + 1 + k] = rows(k, i);
        for (Index k = 0; k < 3; ++k) expected.values[at + 3 + k] = columns(k, j);
      }
    }
  }
  CHECK(z.values == expected.values);
  write_codes(layer, Matrix<float>(), columns, 3, z.view());  // the same again
  CHECK(z.values == expected.values);

  CHECK_THROWS_WITH(write_codes(layer, rows, columns, 3, z.view()),
                    "write_codes: features up to the last code is 8, expected at most 7");
  CHECK_THROWS_WITH(write_codes(network.layers()[0], rows, columns, 1, z.view()),
                    "write_codes: positions of rows is 3, expected 4");
}
