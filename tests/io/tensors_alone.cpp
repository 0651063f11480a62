// A program compiled with -fno-exceptions -fno-rtti, basin's headers and Eigen alone: the bytes of a safetensors file
// become the parameters of a model, and one that is cut off ends the program with its message. tests/CMakeLists.txt
// looks for the lines that this prints.

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>
#include <vector>

#include "basin/io/tensor_parameters.hpp"
#include "basin/layers/dense.hpp"

namespace {

void aborted(int) {
  std::cerr << "aborted\n";
  std::_Exit(0);
}

}  // namespace

int main() {
  using namespace basin;
  std::signal(SIGABRT, aborted);

  // As PyTorch writes Linear(2, 1): y = 3 a + 5 b + 7.
  const std::string header =
      R"({"weight":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"bias":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})";
  std::vector<std::uint8_t> file(8 + header.size() + 12);
  file[0] = static_cast<std::uint8_t>(header.size());
  std::memcpy(file.data() + 8, header.data(), header.size());
  const std::uint8_t numbers[] = {0, 0, 0x40, 0x40, 0, 0, 0xa0, 0x40, 0, 0, 0xe0, 0x40};  // little-endian
  std::memcpy(file.data() + 8 + header.size(), numbers, sizeof numbers);

  const TensorFile tensors = parse_safetensors(file, "linear");
  const auto theta = parameters_of<Dense<2, 1>, float>(tensors, "linear");
  const Matrix<float> x{{10}, {100}};
  Matrix<float> y(1, 1);
  Dense<2, 1>().apply(theta, view(x), view(y));
  std::cerr << "3 * 10 + 5 * 100 + 7 = " << y(0, 0) << '\n';

  file.pop_back();
  (void)parse_safetensors(file, "linear");
  return 1;
}
