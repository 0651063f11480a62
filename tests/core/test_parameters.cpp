#include "basin/core/parameters.hpp"

#include <catch2/catch.hpp>

using namespace basin;

namespace {

/// Only what Parameters asks of a model.
struct Inner {
  static constexpr std::size_t param_count = 6 + 3;
  static void leaves(LeafList& list) {
    list.weight("weight", {3, 2}, 2, 3);
    list.bias("bias", 3);
  }
};

struct NoParameters {
  static constexpr std::size_t param_count = 0;
};

struct Model {
  static constexpr std::size_t param_count = 2 + Inner::param_count + Inner::param_count + 4;
  static void leaves(LeafList& list) {
    list.scale("scale", 2);
    list.nested<Inner>("first");
    list.nested<NoParameters>("nothing");
    list.nested<Inner>("second");
    list.weight("last", {2, 1, 2}, 7, 8);
  }
};

/// The same leaves in another type.
struct Twin {
  static constexpr std::size_t param_count = Model::param_count;
  static void leaves(LeafList& list) { Model::leaves(list); }
};

struct OtherName {
  static constexpr std::size_t param_count = Inner::param_count;
  static void leaves(LeafList& list) {
    list.weight("weight", {3, 2}, 2, 3);
    list.bias("shift", 3);
  }
};

struct OtherShape {
  static constexpr std::size_t param_count = Inner::param_count;
  static void leaves(LeafList& list) {
    list.weight("weight", {2, 3}, 2, 3);
    list.bias("bias", 3);
  }
};

struct FewerLeaves {
  static constexpr std::size_t param_count = Inner::param_count;
  static void leaves(LeafList& list) { list.weight("weight", {3, 3}, 3, 3); }
};

struct MoreLeaves {
  static constexpr std::size_t param_count = Inner::param_count;
  static void leaves(LeafList& list) {
    list.weight("weight", {3, 2}, 2, 3);
    list.bias("bias", 3);
    list.bias("empty", 0);
  }
};

/// Says what its axes are, and one of them too few.
struct Axes {
  static constexpr std::size_t param_count = 2 * 3;
  static void leaves(LeafList& list) { list.weight("weight", {2, 3}, 2, 3, {LeafAxis::in, LeafAxis::out}); }
};
struct FewAxes {
  static constexpr std::size_t param_count = 2 * 3;
  static void leaves(LeafList& list) { list.weight("weight", {2, 3}, 2, 3, {LeafAxis::in}); }
};

Parameters<Model, double> counted() {
  Parameters<Model, double> theta;
  for (Index i = 0; i < theta.vector().size(); ++i) theta.vector()[i] = static_cast<double>(i);
  return theta;
}

// The theta of another length is no argument, and what is const is not written.
template <std::size_t N, class T>
concept Gives = std::is_convertible_v<T, std::span<const float, N>>;
static_assert(Gives<9, Parameters<Inner, float>&> && Gives<9, const Parameters<Inner, float>&>);
static_assert(!Gives<8, Parameters<Inner, float>&> && !Gives<9, Parameters<Inner, double>&>);
static_assert(std::is_convertible_v<Parameters<Inner, float>&, std::span<float, 9>>);
static_assert(!std::is_convertible_v<const Parameters<Inner, float>&, std::span<float, 9>>);

}  // namespace

TEST_CASE("leaves cover theta in order, with names that are paths", "[unit][parameters]") {
  const std::vector<Leaf> leaves = leaves_of<Model>();
  REQUIRE(leaves.size() == 6);
  const std::vector<std::string> names{"scale", "first.weight", "first.bias", "second.weight", "second.bias", "last"};
  const std::vector<std::size_t> sizes{2, 6, 3, 6, 3, 4};
  std::size_t offset = 0;
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    CHECK(leaves[i].name == names[i]);
    CHECK(leaves[i].size == sizes[i]);
    CHECK(leaves[i].offset == offset);
    offset += sizes[i];
  }
  CHECK(offset == Model::param_count);

  CHECK(leaves[0].kind == LeafKind::scale);
  CHECK(leaves[1].kind == LeafKind::weight);
  CHECK(leaves[2].kind == LeafKind::bias);
  CHECK(leaves[1].shape == std::vector<Index>{3, 2});
  CHECK(leaves[2].shape == std::vector<Index>{3});
  CHECK(leaves[1].fan_in == 2);
  CHECK(leaves[1].fan_out == 3);
  CHECK(leaves[5].shape == std::vector<Index>{2, 1, 2});
  CHECK(leaves[5].fan_in == 7);
  CHECK(leaves[5].fan_out == 8);
  CHECK(leaves_of<NoParameters>().empty());
}

TEST_CASE("leaves say what their axes run over", "[unit][parameters]") {
  const std::vector<Leaf> leaves = leaves_of<Model>();
  CHECK(leaves[0].axes == std::vector<LeafAxis>{LeafAxis::out});
  CHECK(leaves[1].axes == std::vector<LeafAxis>{LeafAxis::out, LeafAxis::in});
  CHECK(leaves[5].axes == std::vector<LeafAxis>{LeafAxis::out, LeafAxis::in, LeafAxis::kernel});
  CHECK(leaves_of<Axes>()[0].axes == std::vector<LeafAxis>{LeafAxis::in, LeafAxis::out});
  CHECK_THROWS_WITH(leaves_of<FewAxes>(), "number of axes of leaf 'weight' is 1, expected 2");
  CHECK(leaves[1].torch_name == "first.weight");
}

TEST_CASE("parameters start as zeros and own their numbers", "[unit][parameters]") {
  Parameters<Inner, float> theta;
  CHECK(theta.vector().size() == 9);
  CHECK(theta.vector().isZero(0));
  const Parameters<Inner, float> copy = theta;
  theta.span()[3] = 5;
  CHECK(theta.vector()[3] == 5);
  CHECK(copy.span()[3] == 0);
  const std::span<const float, 9> read = theta;
  CHECK(read.data() == theta.vector().data());
  const Parameters<NoParameters, float> none;
  CHECK(none.span().empty());
}

TEST_CASE("a leaf of theta is found by its name", "[unit][parameters]") {
  Parameters<Model, double> theta = counted();
  const std::span<double> bias = theta.leaf("second.bias");
  CHECK(bias.size() == 3);
  CHECK(bias[0] == 17);
  bias[2] = -1;
  CHECK(theta.vector()[19] == -1);
  CHECK_THROWS_AS(theta.leaf("bias"), std::invalid_argument);
  CHECK_THROWS_WITH(theta.leaf("second"),
                    "leaf of theta is 'second', expected one of: scale, first.weight, first.bias, second.weight, "
                    "second.bias, last");

  const Parameters<Model, double> constant = counted();
  const std::span<const double> read = constant.leaf("last");
  CHECK(read.size() == 4);
  CHECK(read[0] == 20);
}

TEST_CASE("theta in another scalar has the same numbers", "[unit][parameters]") {
  Parameters<Model, double> theta = counted();
  theta.vector()[0] = 0.1;
  const Parameters<Model, float> single = theta.cast<float>();
  CHECK(single.vector()[0] == 0.1f);
  CHECK(single.vector()[23] == 23.0f);
  CHECK(single.cast<double>().vector()[0] == static_cast<double>(0.1f));
}

TEST_CASE("theta becomes that of a model with the same leaves only", "[unit][parameters]") {
  const Parameters<Model, double> theta = counted();
  const Parameters<Twin, double> twin = theta.as<Twin>();
  CHECK(twin.vector() == theta.vector());
  CHECK(theta_of<Twin>(twin).data() == twin.vector().data());

  const Parameters<Inner, float> inner;
  CHECK_THROWS_AS(inner.as<OtherName>(), std::invalid_argument);
  CHECK_THROWS_WITH(inner.as<OtherName>(), "leaf of the other model is shift, expected bias of the same shape");
  CHECK_THROWS_WITH(inner.as<OtherShape>(), "leaf of the other model is weight, expected weight of the same shape");
  CHECK_THROWS_AS(inner.as<FewerLeaves>(), std::invalid_argument);
  CHECK_THROWS_WITH(inner.as<MoreLeaves>(), "leaf of the other model is empty, expected nothing of the same shape");
  CHECK(Parameters<NoParameters, float>().as<NoParameters>().vector().size() == 0);
}
