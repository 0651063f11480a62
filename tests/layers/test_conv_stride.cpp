// Convolutions with a stride (basin/layers/conv.hpp), against the sums they stand for.

#include <catch2/catch.hpp>

#include "layers/naive_conv.hpp"

using namespace basin;
using namespace basin::test;

TEST_CASE("convolution with stride 2 is the sum that it stands for", "[unit][conv]") {
  check_conv_everywhere<float, 2, 5, 1, 2>();
  check_conv_everywhere<float, 3, 9, 3, 2>();
  check_conv_widths<float, 3, 9, 3, 2>();
  check_conv_widths<double, 2, 17, 3, 2>();
  check_conv_everywhere<float, 1, 4, 5, 2>();
}

TEST_CASE("convolution with stride 3 is the sum that it stands for", "[unit][conv]") {
  check_conv_everywhere<float, 4, 3, 1, 3>();
  check_conv_everywhere<double, 2, 6, 3, 3>();
  check_conv_everywhere<float, 3, 2, 5, 3>();
}
