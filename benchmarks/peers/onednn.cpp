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
using Dims = dnnl::memory::dims;

/// A convolution of conv.cpp; along each axis the same.
struct Problem {
  std::string kind;
  dnnl::memory::dim features, batch;
  Dims extents;  // of x, the first axis (the fastest in memory) last
  dnnl::memory::dim kernel = 3, stride = 1, dilation = 1, groups = 1;
  bool transposed = false;

  [[nodiscard]] Dims along_axes(dnnl::memory::dim number) const { return Dims(extents.size(), number); }
  [[nodiscard]] dnnl::memory::dim before() const {
    return kernel % 2 == 1 ? dilation * (kernel - 1) / 2 : (kernel - stride) / 2;
  }
  [[nodiscard]] Dims out_extents() const {
    Dims out = extents;
    for (auto& extent : out) extent = transposed ? extent * stride : (extent + stride - 1) / stride;
    return out;
  }
  /// Cells after the grid that windows reach.
  [[nodiscard]] Dims after() const {
    Dims after;
    for (const auto extent : transposed ? out_extents() : extents) {
      after.push_back(((extent + stride - 1) / stride - 1) * stride + dilation * (kernel - 1) + 1 - before() - extent);
    }
    return after;
  }

  [[nodiscard]] Dims image(const Dims& space) const {
    Dims dims{batch, features};
    dims.insert(dims.end(), space.begin(), space.end());
    return dims;
  }
  /// As in basin: features contiguous, then the first axis, and so on.
  [[nodiscard]] dnnl::memory::desc plain_image(const Dims& space) const {
    const Dims dims = image(space);
    Dims strides(dims.size(), 1);
    dnnl::memory::dim numbers = features;
    for (std::size_t axis = dims.size() - 1; axis >= 2; --axis) {
      strides[axis] = numbers;
      numbers *= dims[axis];
    }
    strides[0] = numbers;
    return {dims, single, strides};
  }
  /// (groups,) outputs, inputs, kernel...
  [[nodiscard]] Dims weights() const {
    Dims dims;
    if (groups > 1) dims.push_back(groups);
    dims.insert(dims.end(), 2, features / groups);
    dims.insert(dims.end(), extents.size(), kernel);
    return dims;
  }
  /// As in basin: outputs contiguous, then inputs, along the axes, groups last; transposed, inputs first; where each
  /// feature is a group, groups first.
  [[nodiscard]] dnnl::memory::desc plain_weights() const {
    const Dims dims = weights();
    const std::size_t first = groups > 1 ? 1 : 0;
    const bool depthwise = groups == features;
    Dims strides(dims.size(), 1);
    dnnl::memory::dim numbers = depthwise ? groups : 1;
    const auto next = [&](std::size_t axis) {
      strides[axis] = numbers;
      numbers *= dims[axis];
    };
    next(transposed ? first + 1 : first);
    next(transposed ? first : first + 1);
    for (std::size_t axis = dims.size() - 1; axis >= first + 2; --axis) next(axis);
    if (first == 1) strides[0] = depthwise ? 1 : numbers;
    return {dims, single, strides};
  }

  /// Each weight meets each cell of the coarser grid.
  [[nodiscard]] double flops() const {
    double count = 2.0 * static_cast<double>(batch);
    for (const auto dim : weights()) count *= static_cast<double>(dim);
    for (const auto dim : transposed ? extents : out_extents()) count *= static_cast<double>(dim);
    return count;
  }
};

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

/// Forward, Backward and Weights are the primitives of a convolution or of a deconvolution.
template <class Forward, class Backward, class Weights>
void measure(const Options& options, const Problem& problem, dnnl::algorithm direct) {
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  const Dims strides = problem.along_axes(problem.stride), dilations = problem.along_axes(problem.dilation - 1);
  const Dims before = problem.along_axes(problem.before()), after = problem.after();
  const dnnl::memory::desc any_x(problem.image(problem.extents), single, Tag::any);
  const dnnl::memory::desc any_y(problem.image(problem.out_extents()), single, Tag::any);
  const dnnl::memory::desc any_weights(problem.weights(), single, Tag::any);
  const dnnl::memory::desc plain_x = problem.plain_image(problem.extents);
  const dnnl::memory::desc plain_y = problem.plain_image(problem.out_extents());

  const typename Forward::primitive_desc forward(
      {dnnl::prop_kind::forward_training, direct, any_x, any_weights, any_y, strides, dilations, before, after},
      engine);
  const typename Backward::primitive_desc input_gradient(
      {direct, any_x, any_weights, any_y, strides, dilations, before, after}, engine, forward);
  const typename Weights::primitive_desc weight_gradient(
      {direct, any_x, any_weights, any_y, strides, dilations, before, after}, engine, forward);

  const double flops = problem.flops();
  const auto report = [&](const char* name, const dnnl::primitive& primitive, const Memories& arguments,
                          const dnnl::memory& result) {
    const double seconds = seconds_of(options, [&] {
      primitive.execute(stream, arguments);
      stream.wait();
    });
    print_result(problem.kind + " " + name + ", C = " + std::to_string(problem.features), "blocked", "ms",
                 seconds * 1e3, {{"gflops", flops / seconds * 1e-9}, {"check", length_of_memory(result)}});
  };
  {
    const dnnl::memory x = ordered(engine, stream, forward.src_desc(), plain_x, 1, 1);
    const dnnl::memory theta = ordered(engine, stream, forward.weights_desc(), problem.plain_weights(), 2, 0.1);
    const dnnl::memory y(forward.dst_desc(), engine);
    report("forward", Forward(forward), {{DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, theta}, {DNNL_ARG_DST, y}}, y);
  }
  {
    const dnnl::memory w = ordered(engine, stream, input_gradient.diff_dst_desc(), plain_y, 3, 1);
    const dnnl::memory theta = ordered(engine, stream, input_gradient.weights_desc(), problem.plain_weights(), 2, 0.1);
    const dnnl::memory dx(input_gradient.diff_src_desc(), engine);
    report("input gradient", Backward(input_gradient),
           {{DNNL_ARG_DIFF_DST, w}, {DNNL_ARG_WEIGHTS, theta}, {DNNL_ARG_DIFF_SRC, dx}}, dx);
  }
  {
    const dnnl::memory x = ordered(engine, stream, weight_gradient.src_desc(), plain_x, 1, 1);
    const dnnl::memory w = ordered(engine, stream, weight_gradient.diff_dst_desc(), plain_y, 3, 1);
    const dnnl::memory gradient(weight_gradient.diff_weights_desc(), engine);
    report("weight gradient", Weights(weight_gradient),
           {{DNNL_ARG_SRC, x}, {DNNL_ARG_DIFF_DST, w}, {DNNL_ARG_DIFF_WEIGHTS, gradient}}, gradient);
  }
}

void measure(const Options& options, const Problem& problem) {
  if (problem.transposed) {
    measure<dnnl::deconvolution_forward, dnnl::deconvolution_backward_data, dnnl::deconvolution_backward_weights>(
        options, problem, dnnl::algorithm::deconvolution_direct);
  } else {
    measure<dnnl::convolution_forward, dnnl::convolution_backward_data, dnnl::convolution_backward_weights>(
        options, problem, dnnl::algorithm::convolution_direct);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = read_options(argc, argv);
  omp_set_num_threads(options.threads);
  const dnnl_version_t* version = dnnl_version();
  print_version("oneDNN", std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
                              std::to_string(version->patch));
  for (const dnnl::memory::dim features : {8, 16, 32, 48, 64}) measure(options, {"conv", features, 32, {28, 28}});
  measure(options, {.kind = "conv over 1 axis", .features = 32, .batch = 32, .extents = {784}, .kernel = 5});
  measure(options, {.kind = "conv over 3 axes", .features = 16, .batch = 8, .extents = {16, 16, 16}});
  measure(options, {.kind = "dilated conv", .features = 32, .batch = 32, .extents = {28, 28}, .dilation = 2});
  measure(options, {.kind = "depthwise conv", .features = 32, .batch = 32, .extents = {28, 28}, .groups = 32});
  measure(options, {.kind = "grouped conv", .features = 64, .batch = 32, .extents = {28, 28}, .groups = 4});
  measure(options, {.kind = "transposed conv",
                    .features = 32,
                    .batch = 32,
                    .extents = {14, 14},
                    .kernel = 4,
                    .stride = 2,
                    .transposed = true});
}
