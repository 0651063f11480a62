#include <catch2/catch.hpp>
#include <cstring>
#include <limits>
#include <memory>

#include "basin/io/checkpoint.hpp"
#include "basin/train/optimizer.hpp"
#include "hostile.hpp"

using namespace basin;

namespace {

struct Toy {
  static constexpr std::size_t param_count = 2 * 3 + 2;
  static void leaves(LeafList& list) {
    list.weight("weight", {2, 3}, 3, 2);
    list.bias("bias", 2);
  }
};

struct Wider {
  static constexpr std::size_t param_count = 2 * 3 + 3;
  static void leaves(LeafList& list) {
    list.weight("weight", {3, 2}, 3, 2);
    list.bias("bias", 3);
  }
};

struct Longer {
  static constexpr std::size_t param_count = Toy::param_count + 2;
  static void leaves(LeafList& list) {
    Toy::leaves(list);
    list.scale("scale", 2);
  }
};

struct Empty {
  static constexpr std::size_t param_count = 0;
};

Parameters<Toy, float> numbered(float first) {
  Parameters<Toy, float> theta;
  for (Index i = 0; i < 8; ++i) theta.vector()[i] = first + static_cast<float>(i);
  return theta;
}

/// What a program keeps, visited alike for saving and for loading.
struct Run {
  Parameters<Toy, float> theta, moment;
  std::uint64_t step = 0;
  double best = 0;
  bool finished = false;

  template <class Self, class Visitor>
  static void each(Self& self, Visitor& visit) {
    visit("", self.theta);
    visit("optimizer.m", self.moment, AnyNumbers{});
    visit("optimizer.step", self.step);
    visit("best", self.best);
    visit("finished", self.finished);
  }
};

}  // namespace

TEST_CASE("a checkpoint gives back every bit of a run", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("run.safetensors");
  Run run{numbered(1), numbered(-3), 12345678901234567u, 0.1, true};
  run.theta.vector()[0] = -0.0f;
  run.theta.vector()[1] = std::numeric_limits<float>::denorm_min();
  run.moment.vector()[2] = std::numeric_limits<float>::quiet_NaN();
  CheckpointWriter writer;
  Run::each(run, writer);
  writer.metadata("settings", {{"rate", 0.001}, {"epochs", 10}});
  writer.write(path);

  Run back;
  CheckpointReader reader(path);
  Run::each(back, reader);
  reader.finish();
  CHECK(std::memcmp(back.theta.vector().data(), run.theta.vector().data(), 32) == 0);
  CHECK(std::memcmp(back.moment.vector().data(), run.moment.vector().data(), 32) == 0);
  CHECK(back.step == run.step);
  CHECK(back.best == run.best);
  CHECK(back.finished);
  CHECK(reader.metadata("settings") == Json{{"rate", 0.001}, {"epochs", 10}});
  CHECK_FALSE(reader.has_metadata("history"));
  CHECK_THROWS_WITH(reader.metadata("history"), path + ": metadata 'history' is missing");
}

TEST_CASE("a checkpoint reads as a state dict: leaf names, row-major shapes", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.safetensors");
  save_parameters(path, numbered(0));
  const TensorFile file = read_safetensors(path);
  REQUIRE(file.tensors.size() == 2);
  CHECK(file.tensors.at("weight").shape == std::vector<std::uint64_t>{3, 2});  // (2, 3) column-major
  CHECK(file.tensors.at("bias").shape == std::vector<std::uint64_t>{2});
  float values[6];
  std::memcpy(values, file.tensors.at("weight").bytes.data(), sizeof values);
  CHECK(values[5] == 5.0f);
  CHECK(load_parameters<Toy, float>(path).vector() == numbered(0).vector());

  save_parameters(path, Parameters<Empty, float>());
  CHECK_NOTHROW(load_parameters<Empty, float>(path));
}

TEST_CASE("a checkpoint of something else is refused, and the leaf named", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.safetensors");
  save_parameters(path, numbered(0));
  CHECK_THROWS_WITH((load_parameters<Toy, double>(path)), path + ": type of 'weight' is F32, expected F64");
  CHECK_THROWS_WITH((load_parameters<Wider, float>(path)), path + ": shape of 'weight' is (3, 2), expected (2, 3)");
  CHECK_THROWS_WITH((load_parameters<Longer, float>(path)),
                    path + ": leaves that the model has and the checkpoint lacks: scale");
  CHECK_THROWS_WITH((load_parameters<Empty, float>(path)),
                    path + ": arrays that the checkpoint has and nobody asked for: bias, weight");

  CheckpointReader reader(path);
  std::uint64_t step = 7;
  CHECK_THROWS_WITH(reader("step", step), path + ": array 'step' is missing");
  CHECK(step == 7);
  CHECK_THROWS_WITH(reader("m", *std::make_unique<Parameters<Toy, float>>()),
                    path + ": leaves that the model has and the checkpoint lacks: m.weight, m.bias");
}

TEST_CASE("the parameters of a whole run can be read alone", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.safetensors");
  Run run{numbered(1), numbered(2), 3, 4, false};
  CheckpointWriter writer;
  Run::each(run, writer);
  writer.write(path);
  CheckpointReader reader(path);
  Parameters<Toy, float> theta;
  reader("", theta);
  CHECK_THROWS_WITH(reader.finish(), Catch::Contains("best, finished, optimizer.m.bias"));
  reader.skip("optimizer.");
  CHECK_THROWS_WITH(reader.finish(), Catch::EndsWith("nobody asked for: best, finished"));
  CHECK(theta.vector() == run.theta.vector());
}

TEST_CASE("a name in a checkpoint is taken once", "[io]") {
  CheckpointWriter writer;
  writer("step", 1);
  CHECK_THROWS_WITH(writer("step", 2), "name in a checkpoint is step, expected one that is not yet taken");
}

TEST_CASE("an optimizer that is saved and loaded goes on bit for bit", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.safetensors");
  const Adam adam;
  const auto train = [&](Parameters<Toy, float>& theta, AdamState<Toy, float>& state, int steps) {
    for (int i = 0; i < steps; ++i) {
      Parameters<Toy, float> gradient;
      gradient.vector() = theta.vector().array().sin().matrix();
      adam.step(theta, gradient, state, 0.1);
    }
  };
  Parameters<Toy, float> straight = numbered(1), theta = numbered(1), resumed;
  AdamState<Toy, float> straight_state, state, resumed_state;
  train(straight, straight_state, 7);
  train(theta, state, 3);

  CheckpointWriter writer;
  writer("", theta);
  state.each(writer.under("optimizer"));
  writer.write(path);
  CheckpointReader reader(path);
  reader("", resumed);
  resumed_state.each(reader.under("optimizer"));
  reader.finish();
  train(resumed, resumed_state, 4);
  CHECK(resumed.vector() == straight.vector());
  CHECK(read_safetensors(path).tensors.contains("optimizer.first_moment.weight"));
}
