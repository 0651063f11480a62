// Growing automata of CAX: what is read, run for 128 steps, against a loop that follows CAX's own order and formulas.

#include "basin/io/cax_model.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/nca/damage.hpp"
#include "hostile.hpp"
#include "nca/naive_automaton.hpp"
#include "support/layer_checks.hpp"

using namespace basin;

namespace {

constexpr int C = 6, K = 3, H = 24, U = 2, width = 14, height = 11, steps = 128;

template <int Inputs>
using Rule = Sequential<Dense<Inputs, H>, Relu, Dense<H, C>>;
/// As in CAX: alpha is the last feature.
using AsThere = Automaton<Perceive<C, Zero, Centre, SobelY, SobelX>, Rule<K * C>, RandomFire, AliveMask<C - 1>>;
/// As here: red, green, blue, alpha, the others; and another order of the stencils.
using AsHere = Automaton<Perceive<C, Zero, Centre, SobelX, SobelY>, Rule<K * C>, RandomFire, AliveMask<3>>;
using Told =
    Automaton<Conditioned<Perceive<C, Zero, Centre, SobelX, SobelY>, U>, Rule<K * C + U>, RandomFire, AliveMask<3>>;

/// The parameters as CAX has them, each row-major with the shape that the file says.
struct Cax {
  std::vector<double> kernel = std::vector<double>(3 * 3 * K * C);  // (3, 3, 1, K C)
  std::vector<double> weight0, bias0, weight1, bias1;               // (1, 1, in, H), (H), (1, 1, H, C), (C)
  Index inputs;

  explicit Cax(Index told = 0) : inputs(K * C + told) {
    const std::array<double, 3> slope{-1, 0, 1}, smooth{1, 2, 1};
    for (std::size_t y = 0; y < 3; ++y) {
      for (std::size_t x = 0; x < 3; ++x) {
        for (std::size_t c = 0; c < C; ++c) {  // the identity, and gradients along the first and the second axis
          double* const of_channel = kernel.data() + ((3 * y + x) * C + c) * K;
          of_channel[0] = y == 1 && x == 1 ? 1 : 0;
          of_channel[1] = slope[y] * smooth[x] / 8;
          of_channel[2] = smooth[y] * slope[x] / 8;
        }
      }
    }
    const Random random{.seed = 1};
    std::uint64_t next = 0;
    const auto fill = [&](std::vector<double>& values, Index count, double spread) {
      for (Index i = 0; i < count; ++i) values.push_back(static_cast<float>(spread * random.normal(next++)));
    };
    fill(weight0, inputs * H, 0.5);
    fill(bias0, H, 0.2);
    fill(weight1, H * C, 0.1);
    fill(bias1, C, 0.05);
    bias1[C - 1] = 0.0625;  // alpha grows, and cells die and rise where the others pull it down
    // Two hidden features a channel pull it back, so that 128 steps stay bounded.
    for (Index c = 0; c < C; ++c) {
      for (Index i = 0; i < inputs; ++i) weight0[at(i * H + 2 * c)] = weight0[at(i * H + 2 * c + 1)] = 0;
      weight0[at(K * c * H + 2 * c)] = 1;
      weight0[at(K * c * H + 2 * c + 1)] = -1;
      bias0[at(2 * c)] = bias0[at(2 * c + 1)] = 0;
      for (Index o = 0; o < C; ++o) weight1[at(2 * c * C + o)] = weight1[at((2 * c + 1) * C + o)] = 0;
      weight1[at(2 * c * C + c)] = -0.3125;
      weight1[at((2 * c + 1) * C + c)] = 0.3125;
    }
  }

  static std::size_t at(Index i) { return static_cast<std::size_t>(i); }

  [[nodiscard]] TensorFile file() const {
    TensorFile file;
    const auto put = [&](const char* name, const std::vector<double>& values, std::vector<std::uint64_t> shape) {
      TensorEntry& entry = file.tensors[name];
      entry.shape = std::move(shape);
      for (const double value : values) {
        const auto number = static_cast<float>(value);
        const auto* const bytes = reinterpret_cast<const std::uint8_t*>(&number);
        entry.bytes.insert(entry.bytes.end(), bytes, bytes + sizeof number);
      }
    };
    put("perceive.conv.kernel", kernel, {3, 3, 1, K * C});
    put("update.layers.0.kernel", weight0, {1, 1, static_cast<std::uint64_t>(inputs), H});
    put("update.layers.0.bias", bias0, {H});
    put("update.layers.1.kernel", weight1, {1, 1, H, C});
    put("update.layers.1.bias", bias1, {C});
    return file;
  }

  /// One step of CAX on a state (height, width, C), row-major: of cells that `kept` says, the update over 1 - p.
  [[nodiscard]] std::vector<double> step(const std::vector<double>& z, const std::vector<bool>& kept, double p) const {
    const std::vector<bool> before = alive(z);
    std::vector<double> next = z;
    for (Index y = 0; y < height; ++y) {
      for (Index x = 0; x < width; ++x) {
        const Index cell = y * width + x;
        if (!kept[at(cell)]) continue;
        std::vector<double> seen(K * C, 0.0), inner = bias0, answer = bias1;
        each_around(x, y, [&](Index from, Index tap) {
          for (Index o = 0; o < K * C; ++o) seen[at(o)] += kernel[at(tap * K * C + o)] * z[at(from * C + o / K)];
        });
        for (Index i = 0; i < K * C; ++i) {
          for (Index h = 0; h < H; ++h) inner[at(h)] += seen[at(i)] * weight0[at(i * H + h)];
        }
        for (Index h = 0; h < H; ++h) {
          for (Index c = 0; c < C; ++c) answer[at(c)] += std::max(0.0, inner[at(h)]) * weight1[at(h * C + c)];
        }
        for (Index c = 0; c < C; ++c) next[at(cell * C + c)] += answer[at(c)] / (1 - p);
      }
    }
    const std::vector<bool> after = alive(next);
    for (Index i = 0; i < width * height * C; ++i) {
      if (!before[at(i / C)] || !after[at(i / C)]) next[at(i)] = 0;
    }
    return next;
  }

  static std::vector<bool> alive(const std::vector<double>& z) {
    std::vector<bool> lives;
    for (Index cell = 0; cell < width * height; ++cell) {
      double most = -std::numeric_limits<double>::infinity();
      each_around(cell % width, cell / width,
                  [&](Index from, Index) { most = std::max(most, z[at(from * C + C - 1)]); });
      lives.push_back(most > 0.1);
    }
    return lives;
  }

  /// visit(cell, tap) for the 3 x 3 cells around one that the grid has.
  template <class Visit>
  static void each_around(Index x, Index y, const Visit& visit) {
    for (Index tap = 0; tap < 9; ++tap) {
      const Index i = x + tap % 3 - 1, j = y + tap / 3 - 1;
      if (i >= 0 && i < width && j >= 0 && j < height) visit(j * width + i, tap);
    }
  }
};

/// Where feature f of an automaton is in CAX.
template <class A>
Index channel_of(Index f) {
  return A::Alive::feature == C - 1 ? f : f < 4 ? C - 4 + f : f - 4;
}

/// 128 steps of both from the seed, with the same masks. Returns the largest difference of any number at any step; says
/// how many cells were alive at most, and how many have died.
template <class A>
double largest_difference(const std::string& path, const Cax& cax, double p, Index& most, Index& died) {
  A automaton;
  automaton.fire = {.rate = 1 - p, .seed = 3, .rescaled = true};
  Parameters<A, double> theta;
  theta.vector() = read_cax_model<A>(path).vector().template cast<double>();
  State<double> z(Shape{C, {width, height, 1}, 1}), next(z.shape);
  const Index middle = height / 2 * width + width / 2;
  z.values[middle * C + A::Alive::feature] = 1;
  std::vector<double> there(width * height * C, 0.0);
  there[Cax::at(middle * C + C - 1)] = 1;
  double worst = 0;
  most = died = 0;
  for (Index t = 0; t < steps; ++t) {
    const auto kept = test::fired(automaton.fire, t, 0, z.shape);
    std::vector<double> after = cax.step(there, kept, p);
    Index lives = 0;
    for (Index cell = 0; cell < width * height; ++cell) {
      const bool was = there[Cax::at(cell * C)] != 0, is = after[Cax::at(cell * C)] != 0;
      lives += is ? 1 : 0;
      died += was && !is ? 1 : 0;
    }
    most = std::max(most, lives);
    std::swap(there, after);
    static_cast<void>(automaton.apply(theta, z.view(), View<const double>{}, next.view(), {.step = t}));
    std::swap(z, next);
    for (Index i = 0; i < z.values.size(); ++i) {
      const Index cell = i / C;
      worst = std::max(worst, std::abs(z.values[i] - there[Cax::at(cell * C + channel_of<A>(i % C))]));
    }
  }
  return worst;
}

}  // namespace

TEST_CASE("an automaton of CAX does for 128 steps what it does there", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("rule.safetensors");
  const Cax cax;
  write_safetensors(path, cax.file());
  for (const double p : {0.5, 0.2}) {
    CAPTURE(p);
    Index most = 0, died = 0;
    CHECK(largest_difference<AsThere>(path, cax, p, most, died) < 1e-12);
    CHECK(most > 120);
    CHECK(died > 100);
    CHECK(largest_difference<AsHere>(path, cax, p, most, died) < 1e-12);
  }
}

TEST_CASE("what cells of CAX are told stands behind what they see", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("rule.safetensors");
  const Cax cax(U);
  write_safetensors(path, cax.file());
  const auto theta = read_cax_model<Told>(path);
  const auto weight = theta.leaf("0.weight");
  for (Index i = K * C; i < K * C + U; ++i) {
    for (Index h = 0; h < H; ++h) CHECK(weight[Cax::at(i * H + h)] == cax.weight0[Cax::at(i * H + h)]);
  }
}

TEST_CASE("any other file than a growing automaton of CAX is refused", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("rule.safetensors");
  const TensorFile good = Cax().file();
  const auto refused = [&](const TensorFile& file, const std::string& message) {
    write_safetensors(path, file);
    CHECK_THROWS_WITH(read_cax_model<AsHere>(path), path + ": " + message);
  };
  TensorFile file = good;
  file.tensors.erase("update.layers.1.bias");
  refused(file, "array 'update.layers.1.bias' of CAX is missing");
  file = good;
  file.tensors["update.layers.2.bias"] = good.tensors.at("update.layers.1.bias");
  refused(file, "array 'update.layers.2.bias' is none of the model's");
  file = good;
  file.tensors["update.layers.0.kernel"].shape = {1, 1, H, K * C};
  refused(file, "shape of 'update.layers.0.kernel' is (1, 1, 24, 18), expected (1, 1, 18, 24)");
  file = good;
  file.tensors["update.layers.1.bias"].type = TensorType::i32;
  refused(file, "type of 'update.layers.1.bias' is I32, expected F32");
  file = good;
  const float infinity = std::numeric_limits<float>::infinity();
  std::memcpy(file.tensors["update.layers.1.bias"].bytes.data() + sizeof infinity, &infinity, sizeof infinity);
  refused(file, "number 1 of 'update.layers.1.bias' is inf, expected a finite one");
  file = good;
  file.tensors["more"] = {.shape = {1 << 14}, .bytes = std::vector<std::uint8_t>(1 << 16)};
  write_safetensors(path, file);
  CHECK_THROWS_WITH(read_cax_model<AsHere>(path), Catch::Contains("is") && Catch::Contains("at most 68608"));
  // One tap of one channel that is not Sobel's.
  Cax trained;
  trained.kernel[5 * K + 2] += 1e-3;
  refused(trained.file(),
          "stencil 1 of the model is no kernel of 'perceive.conv.kernel', expected one of them on every "
          "channel, to 1e-6");
  write_file(path, test::bytes_of("[]"));
  CHECK_THROWS_AS(read_cax_model<AsHere>(path), FileError);
}
