// A block of a transformer, 128 features wide with four heads, on texts of 64 and of 256 characters, 2,048 in all:
//
//   block(x) = h + W4 SwiGLU(W3 norm(h)),    h = x + W2 attention(W1 norm(x)),    norm = RmsNorm,
//
// forward, and with the gradient of its parameters for a mean squared error; a training step of a model of characters
// with one such block, an embedding and logits; and RmsNorm alone. The peer is torch (torch_attention.py).

#include <cmath>
#include <string>

#include "basin/layers/attention.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/embedded.hpp"
#include "basin/layers/layer_norm.hpp"
#include "basin/layers/residual.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/layers/swiglu.hpp"
#include "basin/train/loss.hpp"
#include "basin/train/value_and_gradient.hpp"
#include "measuring.hpp"

namespace {

using namespace basin;
using namespace basin::benchmarks;

constexpr int width = 128, heads = 4, gated = 256, alphabet = 96;
constexpr Index characters = 2048;

template <int In, int Out>
using Linear = Dense<In, Out, Bias::no>;
using Block =
    Sequential<Residual<Sequential<RmsNorm<width>, Linear<width, 3 * width>, Attention<width, heads, CausalAttention>,
                                   Linear<width, width>>>,
               Residual<Sequential<RmsNorm<width>, Linear<width, 2 * gated>, SwiGlu<gated>, Linear<gated, width>>>>;
using TextModel = Embedded<alphabet, Sequential<Block, Linear<width, alphabet>>>;

/// The block's parameters, whose leaves begin with `prefix`.
template <class P>
void fill_block(P& theta, const std::string& prefix) {
  const auto matrix = [&](const std::string& leaf, std::uint32_t seed, int inputs) {
    const double bound = 1 / std::sqrt(static_cast<double>(inputs));
    fill_uniform(theta.leaf(prefix + leaf), seed, -bound, bound);
  };
  fill_uniform(theta.leaf(prefix + "0.inner.0.scale"), 1, 0.5, 1.5);
  matrix("0.inner.1.weight", 2, width);
  matrix("0.inner.3.weight", 3, width);
  fill_uniform(theta.leaf(prefix + "1.inner.0.scale"), 4, 0.5, 1.5);
  matrix("1.inner.1.weight", 5, width);
  matrix("1.inner.3.weight", 6, gated);
}

Shape texts(Index length, int features) { return {features, {length, 1, 1}, characters / length}; }

std::string of_length(const std::string& work, Index length) { return work + ", length " + std::to_string(length); }

void measure_block(const Options& options, Index length) {
  const Block block;
  Parameters<Block, float> theta;
  fill_block(theta, "");
  State<float> x(texts(length, width));
  fill_uniform(x.values, 7, -1, 1);
  MeanSquaredError<float> loss{State<float>(x.shape)};
  fill_uniform(loss.target.values, 8, -1, 1);

  const auto forward = [&] { return predict(block, theta, x.view()).output; };
  print_result(of_length("attention block forward", length), "", "ms",
               seconds_of(options, [&] { (void)forward(); }) * 1e3, {{"check", length_of(forward().values)}});
  const auto gradient = [&] { return value_and_gradient(block, theta, x.view(), loss).gradient; };
  print_result(of_length("attention block gradient", length), "", "ms",
               seconds_of(options, [&] { (void)gradient(); }) * 1e3,
               {{"check", length_of(gradient().leaf("0.inner.1.weight"))}});
}

void measure_text(const Options& options, Index length) {
  const TextModel model;
  Parameters<TextModel, float> theta;
  fill_uniform(theta.leaf("embedding"), 9, -1, 1);
  fill_block(theta, "body.0.");
  const double bound = 1 / std::sqrt(static_cast<double>(width));
  fill_uniform(theta.leaf("body.1.weight"), 10, -bound, bound);
  State<Token> tokens(texts(length, 1));
  CrossEntropy loss;
  for (Index i = 0; i < characters; ++i) {
    const auto character = [](std::uint32_t seed, Index at) {
      return static_cast<int>(uniform_number(seed, static_cast<std::uint32_t>(at), 0, alphabet));
    };
    tokens.values[i] = static_cast<Token>(character(11, i));
    loss.labels.push_back(character(12, i));
  }
  const auto step = [&] { return value_and_gradient(model, theta, tokens.view(), loss).gradient; };
  print_result(of_length("training step of a model of characters", length), "", "ms",
               seconds_of(options, [&] { (void)step(); }) * 1e3, {{"check", length_of(step().leaf("embedding"))}});
}

void measure_norm(const Options& options) {
  const RmsNorm<width> norm;
  Parameters<RmsNorm<width>, float> theta;
  fill_uniform(theta.leaf("scale"), 1, 0.5, 1.5);
  State<float> x(texts(64, width));
  fill_uniform(x.values, 7, -1, 1);
  const auto forward = [&] { return predict(norm, theta, x.view()).output; };
  print_result("RmsNorm forward, width 128", "", "ms", seconds_of(options, [&] { (void)forward(); }) * 1e3,
               {{"check", length_of(forward().values)}});
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = read_options(argc, argv);
  set_threads(options.threads);
  for (const Index length : {64, 256}) {
    measure_block(options, length);
    measure_text(options, length);
  }
  measure_norm(options);
}
