// The convolutions of conv.cpp by oneDNN's own interface: it chooses the layout of images and weights (blocked), and
// putting them into that layout is not counted.

#include <omp.h>

#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>

#include "measuring.hpp"

namespace {

using namespace basin::benchmarks;
using Memories = std::unordered_map<int, dnnl::memory>;
using Tag = dnnl::memory::format_tag;

constexpr auto single = dnnl::memory::data_type::f32;
constexpr dnnl::memory::dim batch = 32;
constexpr dnnl::memory::dim extent = 28;

/// Memory in a layout of oneDNN's choice, from the numbers of a channels-last array.
dnnl::memory ordered(const dnnl::engine& engine, dnnl::stream& stream, const dnnl::memory::desc& wanted,
                     const dnnl::memory::desc& plain, std::uint32_t seed, double high) {
  dnnl::memory from(plain, engine);
  float* numbers = static_cast<float*>(from.get_data_handle());
  const std::size_t count = plain.get_size() / sizeof(float);
  for (std::size_t i = 0; i < count; ++i) {
    numbers[i] = static_cast<float>(uniform_number(seed, static_cast<std::uint32_t>(i), -high, high));
  }
  dnnl::memory to(wanted, engine);
  dnnl::reorder(from, to).execute(stream, from, to);
  stream.wait();
  return to;
}

double length_of_memory(const dnnl::memory& memory) {
  const float* numbers = static_cast<const float*>(memory.get_data_handle());
  const std::size_t count = memory.get_desc().get_size() / sizeof(float);
  double squares = 0;
  for (std::size_t i = 0; i < count; ++i) squares += static_cast<double>(numbers[i]) * static_cast<double>(numbers[i]);
  return std::sqrt(squares);
}

void measure(const Options& options, dnnl::memory::dim features) {
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  const dnnl::memory::dims image{batch, features, extent, extent};
  const dnnl::memory::dims kernel{features, features, 3, 3};
  const dnnl::memory::dims one{1, 1};
  const dnnl::memory::desc any_image(image, single, Tag::any);
  const dnnl::memory::desc any_kernel(kernel, single, Tag::any);
  const dnnl::memory::desc plain_image(image, single, Tag::nhwc);
  // conv.cpp's weights: outputs contiguous, then inputs, then along a line, then over lines.
  const dnnl::memory::desc plain_kernel(kernel, single, Tag::hwio);
  const auto direct = dnnl::algorithm::convolution_direct;

  const dnnl::convolution_forward::primitive_desc forward(
      {dnnl::prop_kind::forward_training, direct, any_image, any_kernel, any_image, one, one, one}, engine);
  const dnnl::convolution_backward_data::primitive_desc input_gradient(
      {direct, any_image, any_kernel, any_image, one, one, one}, engine, forward);
  const dnnl::convolution_backward_weights::primitive_desc weight_gradient(
      {direct, any_image, any_kernel, any_image, one, one, one}, engine, forward);

  const double flops = 2.0 * static_cast<double>(batch * extent * extent * 9 * features * features);
  const auto report = [&](const char* name, const dnnl::primitive& primitive, const Memories& arguments,
                          const dnnl::memory& result) {
    const double seconds = seconds_of(options, [&] {
      primitive.execute(stream, arguments);
      stream.wait();
    });
    print_result(std::string(name) + ", C = " + std::to_string(features), "blocked", "ms", seconds * 1e3,
                 {{"gflops", flops / seconds * 1e-9}, {"check", length_of_memory(result)}});
  };
  {
    const dnnl::memory x = ordered(engine, stream, forward.src_desc(), plain_image, 1, 1);
    const dnnl::memory theta = ordered(engine, stream, forward.weights_desc(), plain_kernel, 2, 0.1);
    const dnnl::memory y(forward.dst_desc(), engine);
    report("conv forward", dnnl::convolution_forward(forward),
           {{DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, theta}, {DNNL_ARG_DST, y}}, y);
  }
  {
    const dnnl::memory w = ordered(engine, stream, input_gradient.diff_dst_desc(), plain_image, 3, 1);
    const dnnl::memory theta = ordered(engine, stream, input_gradient.weights_desc(), plain_kernel, 2, 0.1);
    const dnnl::memory dx(input_gradient.diff_src_desc(), engine);
    report("conv input gradient", dnnl::convolution_backward_data(input_gradient),
           {{DNNL_ARG_DIFF_DST, w}, {DNNL_ARG_WEIGHTS, theta}, {DNNL_ARG_DIFF_SRC, dx}}, dx);
  }
  {
    const dnnl::memory x = ordered(engine, stream, weight_gradient.src_desc(), plain_image, 1, 1);
    const dnnl::memory w = ordered(engine, stream, weight_gradient.diff_dst_desc(), plain_image, 3, 1);
    const dnnl::memory gradient(weight_gradient.diff_weights_desc(), engine);
    report("conv weight gradient", dnnl::convolution_backward_weights(weight_gradient),
           {{DNNL_ARG_SRC, x}, {DNNL_ARG_DIFF_DST, w}, {DNNL_ARG_DIFF_WEIGHTS, gradient}}, gradient);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = read_options(argc, argv);
  omp_set_num_threads(options.threads);
  const dnnl_version_t* version = dnnl_version();
  print_version("oneDNN", std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
                              std::to_string(version->patch));
  for (const dnnl::memory::dim features : {8, 16, 32, 48, 64}) measure(options, features);
}
