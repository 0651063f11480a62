// What 8 bits cost: reads the test images of MNIST by the digit reader in float and with 8 bits, on this machine.
//
//   measure <folder with MNIST's four files>
//
// docs/device.md says how it is compiled. It also prints the ranges that were seen, by which those in
// digit_numbers.hpp were chosen.

#include <algorithm>
#include <cstdio>
#include <exception>
#include <span>
#include <string>
#include <vector>

#include "basin/core/parallel.hpp"
#include "basin/io/mnist.hpp"
#include "digit_numbers.hpp"

namespace {

using basin::Index;
using basin::View;

void print(const char* name, const basin::Range& range) {
  std::printf("%s_range{%g, %g}\n", name, static_cast<double>(range.low), static_cast<double>(range.high));
}

/// What the three products of the reader in float see of the first images.
void calibrate(const basin::LabelledImages& data, Index images) {
  const device::FloatReader reader;
  basin::Range image, settling, pooled;
  const basin::Shape cells{device::channels, {14, 14, 1}, 1};
  basin::State<float> z(cells), means(basin::AveragePool<5, 3>{}.out_shape(cells));
  for (Index n = 0; n < images; ++n) {
    const View<const float> one = data.images.view().sample(n);
    image.include(one);
    static_cast<void>(
        reader.settle(device::digits_theta, one, z.view(), [&](View<const float> seen) { settling.include(seen); }));
    basin::AveragePool<5, 3>{}.apply(std::span<const float, 0>(), z.view(), means.view());
    pooled.include(means.view());
  }
  print("image", image);
  print("settling", settling);
  print("pooled", pooled);
}

template <class Reader>
void measure(const char* name, const Reader& reader, std::span<const float, Reader::param_count> theta,
             const basin::LabelledImages& data) {
  const Index images = data.images.shape.samples;
  basin::State<float> scores(basin::Shape{device::classes, {1, 1, 1}, images});
  std::vector<basin::SampleResult> results(static_cast<std::size_t>(images));
  basin::parallel_for(images, [&](Index n) {
    results[static_cast<std::size_t>(n)] = reader.read(theta, data.images.view().sample(n), scores.view().sample(n));
  });
  Index right = 0;
  basin::SolveCounts counts;
  for (Index n = 0; n < images; ++n) {
    Index best = 0;
    scores.view().sample(n).vector().maxCoeff(&best);
    right += best == data.labels[static_cast<std::size_t>(n)] ? 1 : 0;
    counts.add(results[static_cast<std::size_t>(n)]);
  }
  std::printf("%s: %td of %td are read right; %.1f evaluations, %.2f%% did not settle in %d\n", name, right, images,
              counts.mean_evaluations(), 100 * counts.nonconverged_fraction(), reader.stop.max_evaluations);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    basin::check(argc == 2, "number of arguments", argc - 1, "1, the folder with MNIST");
    const std::string folder = argv[1];
    calibrate(basin::read_mnist(folder, basin::MnistSplit::train), 1000);
    const basin::LabelledImages test = basin::read_mnist(folder, basin::MnistSplit::test);
    measure("float", device::FloatReader{}, device::digits_theta, test);
    measure("8 bits", device::quantized_reader(), device::quantized_theta, test);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "measure: %s\n", error.what());
    return 1;
  }
}
