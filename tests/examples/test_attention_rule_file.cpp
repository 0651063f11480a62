#include "../../examples/metanca_mnist/attention_rule_file.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <limits>

#include "basin/core/random.hpp"
#include "basin/io/atomic_file.hpp"
#include "io/hostile.hpp"

using namespace basin;
using metanca_mnist::AttentionRule;
using metanca_mnist::published_name;
using metanca_mnist::published_shape;
using metanca_mnist::read_attention_rule;

namespace {

/// A rule's numbers, tensors in the order of our leaves, with a gap before each.
struct Published {
  Json tensors = Json::object();
  std::vector<float> numbers{};
  Parameters<AttentionRule, float> theta{};

  Published() {
    const Random random{.seed = 8};
    for (const Leaf& leaf : leaves_of<AttentionRule>()) {
      numbers.push_back(-1);
      tensors[published_name(leaf.name)] = {{"offset", numbers.size()}, {"shape", published_shape(leaf)}};
      for (std::size_t i = 0; i < leaf.size; ++i) {
        theta.span()[leaf.offset + i] = static_cast<float>(random.normal(leaf.offset + i));
        numbers.push_back(theta.span()[leaf.offset + i]);
      }
    }
  }

  [[nodiscard]] std::string written(const test::TemporaryFolder& folder) const {
    const std::string path = folder.file("rule.json");
    write_json(path, Json{{"tensors", tensors}, {"total", numbers.size()}});
    write_file(folder.file("rule.bin"),
               std::string_view(reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(float)));
    return path;
  }
};

}  // namespace

TEST_CASE("a published attention rule is read tensor by tensor, wherever they are", "[unit][io]") {
  const test::TemporaryFolder folder;
  const Published published;
  const auto theta = read_attention_rule(published.written(folder));
  CHECK(theta.vector() == published.theta.vector());
  // The names and shapes of the public file.
  CHECK(published.tensors.at("attn_backward.query.kernel").at("shape") == Json({31, 3, 10}));
  CHECK(published.tensors.at("attn_forward.out.kernel").at("shape") == Json({30, 31}));
  CHECK(published.tensors.at("attn_forward.ff_1.kernel").at("shape") == Json({31, 100}));
  CHECK(published.tensors.at("attn_backward.gamma_2").at("shape") == Json({31}));
  CHECK(published.tensors.at("local_rule_head.Dense_4.kernel").at("shape") == Json({100, 31}));
  CHECK(published.tensors.size() == 34);
}

// Leaf by leaf, so that two of the same shape cannot change places.
TEST_CASE("each leaf of the attention rule has its published tensor", "[unit][io]") {
  std::vector<std::pair<std::string, std::string>> wanted;
  for (const std::string way : {"backward", "forward"}) {
    for (const auto& [ours, theirs] :
         std::vector<std::pair<std::string, std::string>>{{"query", "query.kernel"},
                                                          {"key", "key.kernel"},
                                                          {"value", "value.kernel"},
                                                          {"out", "out.kernel"},
                                                          {"norm_1.scale", "gamma_1"},
                                                          {"norm_1.shift", "beta_1"},
                                                          {"feed_forward.0.weight", "ff_1.kernel"},
                                                          {"feed_forward.0.bias", "ff_1.bias"},
                                                          {"feed_forward.2.weight", "ff_2.kernel"},
                                                          {"feed_forward.2.bias", "ff_2.bias"},
                                                          {"norm_2.scale", "gamma_2"},
                                                          {"norm_2.shift", "beta_2"}}) {
      wanted.emplace_back(way + "." + ours, "attn_" + way + "." + theirs);
    }
  }
  for (int layer = 0; layer < 5; ++layer) {
    const std::string ours = "head." + std::to_string(2 * layer),
                      theirs = "local_rule_head.Dense_" + std::to_string(layer);
    wanted.emplace_back(ours + ".weight", theirs + ".kernel");
    wanted.emplace_back(ours + ".bias", theirs + ".bias");
  }
  const std::vector<Leaf> leaves = leaves_of<AttentionRule>();
  CHECK(leaves.size() == wanted.size());
  for (const auto& pair : wanted) {
    CAPTURE(pair.first);
    CHECK(std::any_of(leaves.begin(), leaves.end(), [&](const Leaf& leaf) { return leaf.name == pair.first; }));
    CHECK(published_name(pair.first) == pair.second);
  }
}

TEST_CASE("what is wrong with a published attention rule is named", "[unit][io]") {
  const test::TemporaryFolder folder;
  Published published;
  const auto refused = [&](const std::string& message) {
    CHECK_THROWS_WITH(read_attention_rule(published.written(folder)), Catch::Contains(message));
  };
  SECTION("a tensor is missing") {
    published.tensors.erase("attn_forward.key.kernel");
    refused("tensor attn_forward.key.kernel is missing");
  }
  SECTION("one is unknown") {
    published.tensors["attn_forward.mask"] = {{"offset", 0}, {"shape", {1}}};
    refused("attn_forward.mask");
  }
  SECTION("one has another shape") {
    published.tensors["attn_forward.key.kernel"]["shape"] = {31, 30};
    refused("shape of attn_forward.key.kernel is '[31,30]', expected [31,3,10]");
  }
  SECTION("one lies outside") {
    published.tensors["local_rule_head.Dense_4.bias"]["offset"] = published.numbers.size() - 30;
    refused("offset of local_rule_head.Dense_4.bias");
  }
  SECTION("an offset is negative") {
    published.tensors["local_rule_head.Dense_4.bias"]["offset"] = -1;
    refused("offset of local_rule_head.Dense_4.bias is '-1'");
  }
  SECTION("a number is not finite") {
    published.numbers[5] = std::numeric_limits<float>::infinity();
    refused("number 5 is inf");
  }
  SECTION("the tensors are no object") {
    published.tensors = Json::array();
    refused("type of tensors is array, expected object");
  }
  SECTION("the total is another") {
    const std::string path = published.written(folder);
    write_json(path, Json{{"tensors", published.tensors}, {"total", "many"}});
    CHECK_THROWS_WITH(read_attention_rule(path), Catch::Contains("total is"));
  }
  SECTION("the numbers are not there") {
    const std::string path = published.written(folder);
    std::remove((folder.file("rule.bin")).c_str());
    CHECK_THROWS_WITH(read_attention_rule(path), Catch::Contains("rule.bin"));
  }
}
