#include "basin/adjoint/any_adjoint.hpp"

#include <catch2/catch.hpp>

#include "adjoint/matrix_operator.hpp"
#include "basin/adjoint/implicit.hpp"
#include "basin/adjoint/jacobian_free.hpp"
#include "basin/adjoint/phantom.hpp"
#include "basin/adjoint/unrolled.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"

using namespace basin;
using namespace basin::test;

namespace {

using Any = AnyAdjoint<Implicit<>, Phantom, JacobianFree>;
static_assert(AdjointMethod<Any> && AdjointMethod<Any, double>);
static_assert(Layer<Equilibrium<Injected<Sequential<Dense<3, 3>, Tanh>>, Anderson<>, Any>>);

}  // namespace

TEST_CASE("an adjoint method is chosen by name, and does what it does by itself", "[unit]") {
  const Square a = contraction(6), g = Square::Random(6, 3);
  const auto same = [&](const Any& any, const auto& method) {
    const Outcome chosen = solve(any, a, g), direct = solve(method, a, g);
    CHECK(chosen.w == direct.w);
    CHECK(chosen.results[1].status == direct.results[1].status);
    CHECK(chosen.results[1].residual == direct.results[1].residual);
    CHECK(any.name() == method.name);
  };
  same(Any{}, Implicit<>{});
  same(Any("implicit"), Implicit<>{});
  same(Any("phantom"), Phantom{});
  same(Any("jacobian_free"), JacobianFree{});
  same(Phantom{.k = 2, .tau = 0.5}, Phantom{.k = 2, .tau = 0.5});

  Any any = Any("phantom");
  CHECK(any.get<Implicit<>>() == nullptr);
  REQUIRE(any.get<Phantom>() != nullptr);
  any.get<Phantom>()->k = 9;
  same(any, Phantom{.k = 9});
}

TEST_CASE("a name that no adjoint method has is refused with those that there are", "[unit]") {
  CHECK_THROWS_WITH(Any("exact"),
                    "name of an adjoint method is \"exact\", expected one of implicit, phantom, jacobian_free");
  CHECK(Any::names().size() == 3);
}
