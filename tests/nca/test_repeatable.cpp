// What an automaton computes is the same to the last bit, twice, and for any number of threads.

#include <catch2/catch.hpp>
#include <thread>
#include <type_traits>

#include "basin/core/parallel.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/nca/perceive.hpp"
#include "basin/nca/rollout.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

using A = Automaton<Perceive<4, Periodic, Centre, SobelX, SobelY>, Sequential<Dense<12, 8>, Relu, Dense<8, 4>>,
                    RandomFire, AliveMask<3>>;

struct Results {
  Vector<float> end, applied, jt, dz, dtheta, dtheta_alone;
  bool operator==(const Results& other) const = default;
};

template <class Tape>
Results on(int threads, const Rollout<A, Tape>& rollout, const State<float>& z) {
  set_threads(threads);
  const auto theta = random_parameters<A, float>(1, 0.3);
  const auto w = random_state<float>(z.shape, 3);
  State<float> end(z.shape), applied(z.shape), jt(z.shape), dz(z.shape);
  Parameters<A, float> dtheta, alone;
  (void)rollout.apply(theta.span(), z.view(), applied.view());
  const auto j = rollout.linearize(theta.span(), z.view(), end.view());
  (void)j.jvp(w.view(), jt.view());
  (void)j.pullback(w.view(), dz.view(), dtheta.span());
  (void)j.pullback(w.view(), View<float>(), alone.span());
  set_threads(0);
  return {end.values, applied.values, jt.values, dz.values, dtheta.vector(), alone.vector()};
}

template <class Tape>
void check_threads(const Shape& shape, const Tape& tape) {
  CAPTURE(shape.to_string());
  Rollout<A, Tape> rollout{.steps = 2, .tape = tape};
  rollout.automaton.alive.threshold = 1.5;
  const State<float> z = random_state<float>(shape, 2);
  const Results one = on(1, rollout, z);
  CHECK(one.dz.allFinite());
  CHECK(!one.dz.isZero(0));
  CHECK(!one.dtheta.isZero(0));
  CHECK(on(1, rollout, z) == one);
  CHECK(on(2, rollout, z) == one);
  CHECK(on(3, rollout, z) == one);
}

}  // namespace

// Forward in bands of about 1024 cells, backward of about 8192, the last one longer: three on a torus of 26,130 cells.
TEST_CASE("an automaton on a large torus is the same on 1, 2 and 3 threads, and twice", "[repeatable][rollout]") {
  check_threads({4, {130, 201, 1}, 1}, Kept{});
  check_threads({4, {130, 201, 1}, 1}, Checkpointed{});
}

TEST_CASE("a batch of automata is the same on 1, 2 and 3 threads, and twice", "[repeatable][rollout]") {
  check_threads({4, {17, 11, 1}, 40}, Checkpointed{});
  check_threads({4, {130, 130, 1}, 2}, Kept{});
}

// 10,000 cells are one band, and too many for a task to take two samples.
TEST_CASE("an automaton adds the gradients of its tasks in their order, on any number of threads", "[repeatable]") {
  const A automaton;
  const auto theta = random_parameters<A, float>(1, 0.3);
  const auto z = random_state<float>({4, {100, 100, 1}, 5}, 2), w = random_state<float>(z.shape, 3);
  State<float> out(z.shape);
  const auto gradient = [&](Index first, Index count) {
    const auto j = automaton.linearize(theta.span(), z.view().samples(first, count), View<const float>{},
                                       out.view().samples(first, count), Context{.first_sample = first});
    Parameters<A, float> dtheta;
    (void)j.pullback(w.view().samples(first, count), View<float>(), View<float>(), dtheta.span());
    return dtheta;
  };
  Vector<float> in_order = gradient(0, 1).vector();
  for (Index n = 1; n < 5; ++n) in_order += gradient(n, 1).vector();
  Vector<float> other_order = gradient(4, 1).vector();
  for (Index n = 3; n >= 0; --n) other_order += gradient(n, 1).vector();
  REQUIRE(other_order != in_order);
  for (const int count : {1, 2, 3}) {
    set_threads(count);
    CHECK(gradient(0, 5).vector() == in_order);
  }
  set_threads(0);
}

TEST_CASE("two threads may use one tape at once", "[repeatable][rollout]") {
  const auto check = [](const auto& tape) {
    Rollout<A, std::remove_cvref_t<decltype(tape)>> rollout{.steps = 7, .tape = tape};
    rollout.automaton.alive.threshold = 0.2;
    const auto theta = random_parameters<A, float>(1, 0.3);
    const Shape shape{4, {12, 11, 1}, 2};
    const auto z = random_state<float>(shape, 2), w = random_state<float>(shape, 3), v = random_state<float>(shape, 4);
    State<float> end(shape);
    const auto j = rollout.linearize(theta.span(), z.view(), end.view());
    const auto pulled = [&](const State<float>& by) {
      State<float> dz(shape), jt(shape);
      Parameters<A, float> dtheta;
      (void)j.vjp(by.view(), dz.view());
      (void)j.jvp(by.view(), jt.view());
      (void)j.pullback(by.view(), View<float>(), dtheta.span());
      Vector<float> all(2 * shape.size() + dtheta.vector().size());
      all << dz.values, jt.values, dtheta.vector();
      return all;
    };
    const Vector<float> of_w = pulled(w), of_v = pulled(v);
    CHECK(!of_w.isZero(0));
    CHECK(of_w != of_v);
    int wrong = 0;
    std::thread other([&] {
      for (int i = 0; i < 20; ++i) wrong += pulled(w) == of_w ? 0 : 1;
    });
    int wrong_here = 0;
    for (int i = 0; i < 20; ++i) wrong_here += pulled(v) == of_v ? 0 : 1;
    other.join();
    CHECK(wrong == 0);
    CHECK(wrong_here == 0);
  };
  set_threads(1);
  check(Checkpointed{.every = 3});
  check(Recomputed{});
  check(Kept{});
  set_threads(0);
}
