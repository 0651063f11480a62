#include "basin/kernels/product.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "kernels/products.hpp"

using namespace basin;
using test::check_product;

TEST_CASE("products take every run and step", "[unit][kernels]") {
  check_product<1, 1, 5, float>();
  check_product<6, 6, 10, float>();
  check_product<13, 13, 16, float>();
  check_product<12, 4, 10, float>();  // a kernel of 3 cells over 4 features
  check_product<12, 8, 16, float>();  // the same with a stride of 2
  check_product<5, 15, 3, float>();   // a stride beyond the run: numbers between are skipped
  check_product<12, 6, 2, double>();  // a kernel of 4 cells over 3 features with a stride of 2
  check_product<7, 1, 9, double>();
}

TEST_CASE("products leave what lies between the cells of their result", "[unit][kernels]") {
  constexpr int run = 6, outputs = 5, apart = 13, cells = 9;
  const auto in = test::whole_numbers<float>(cells * run, 1), w = test::whole_numbers<float>(run * outputs, 2);
  const float* line = in.data();
  std::vector<float> dense(cells * outputs), spread(cells * apart, -7.0f), expected = spread;
  kernels::gather<run, run, outputs>(cells, 1, &line, w.data(), static_cast<const float*>(nullptr), dense.data());
  kernels::gather<run, run, outputs, apart>(cells, 1, &line, w.data(), static_cast<const float*>(nullptr),
                                            spread.data());
  for (std::size_t p = 0; p < cells; ++p) {
    std::copy_n(dense.data() + p * outputs, outputs, expected.data() + p * apart);
  }
  CHECK(spread == expected);
}

TEST_CASE("a vector is as wide as the registers and the numbers allow", "[unit][kernels]") {
  constexpr int widest = kernels::register_bytes / static_cast<int>(sizeof(float));
  CHECK(kernels::lanes_for<float>(1000) == widest);
  CHECK(kernels::lanes_for<double>(1000) == widest / 2);
  for (int count = 1; count < 40; ++count) {
    const int lanes = kernels::lanes_for<float>(count);
    CHECK(lanes <= count);
    CHECK((lanes & (lanes - 1)) == 0);
    CHECK((lanes == widest || 2 * lanes > count));
  }
  static_assert(sizeof(kernels::Lanes<double, 4>) == 32);

  // Loads and stores at addresses that suit no vector; broadcast keeps even a negative zero.
  const std::vector<float> from{0, 1, 2, 3, 4, 5, 6, 7, 8};
  std::vector<float> to(9, -1.0f);
  kernels::store<4>(to.data() + 3,
                    kernels::Lanes<float, 4>(kernels::load<4>(from.data() + 1) + kernels::broadcast<4>(10.0f)));
  CHECK(to == std::vector<float>{-1, -1, -1, 11, 12, 13, 14, -1, -1});
  CHECK(std::signbit(kernels::broadcast<4>(-0.0f)[3]));
}

TEST_CASE("lanes change places", "[unit][kernels]") {
  const std::vector<float> numbers{1, 2, 3, 4, 5, 6, 7, 8, 9};
  const auto of = [](const auto& vector, int lanes) {
    std::vector<double> values;
    for (int i = 0; i < lanes; ++i) values.push_back(static_cast<double>(vector[i]));
    return values;
  };
  const auto first = kernels::load<4>(numbers.data() + 1), second = kernels::load<4>(numbers.data() + 5);
  CHECK(of(kernels::interleave<4, float>(first), 4) == std::vector<double>{2, 4, 3, 5});
  CHECK(of(kernels::twice<2, float>(kernels::load<2>(numbers.data() + 1)), 4) == std::vector<double>{2, 2, 3, 3});
  CHECK(of(kernels::sum_pairs<4, float>(first, second), 4) == std::vector<double>{5, 9, 13, 17});
  CHECK(of(kernels::broadcast_pair<4>(numbers.data() + 1), 4) == std::vector<double>{2, 3, 2, 3});
  CHECK(of(kernels::widen<2, float>(kernels::load<2>(numbers.data() + 1)), 2) == std::vector<double>{2, 3});
}
