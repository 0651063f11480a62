// What someone gets who sets nothing. The numbers are part of what is promised: another one changes the results of
// programs that rely on it, and belongs into the CHANGELOG.

#include <catch2/catch.hpp>
#include <cmath>

#include "basin/adjoint/implicit.hpp"
#include "basin/adjoint/phantom.hpp"
#include "basin/fixed_point/anderson.hpp"
#include "basin/fixed_point/attractor.hpp"
#include "basin/fixed_point/broyden.hpp"
#include "basin/fixed_point/chord.hpp"
#include "basin/fixed_point/klement.hpp"
#include "basin/fixed_point/newton_gmres.hpp"
#include "basin/fixed_point/picard.hpp"
#include "basin/fixed_point/pseudo_transient.hpp"
#include "basin/fixed_point/stop.hpp"
#include "basin/layers/batch_norm.hpp"
#include "basin/layers/dropout.hpp"
#include "basin/layers/group_norm.hpp"
#include "basin/layers/layer_norm.hpp"
#include "basin/layers/window.hpp"
#include "basin/linear/arnoldi.hpp"
#include "basin/linear/linear_solver.hpp"
#include "basin/linear/smallest_singular_value.hpp"
#include "basin/nca/fire.hpp"
#include "basin/nca/lenia.hpp"
#include "basin/nca/update.hpp"
#include "basin/train/gradient_check.hpp"
#include "basin/train/muon.hpp"
#include "basin/train/optimizer.hpp"
#include "basin/train/roll_back.hpp"
#include "basin/train/schedule.hpp"

using namespace basin;

TEST_CASE("defaults of solvers", "[unit]") {
  const Stop stop;
  CHECK(stop.tolerance == 1e-3);
  CHECK(stop.norm == Norm::euclidean);
  CHECK(stop.max_evaluations == 40);
  CHECK(stop.max_retries == 10);
  CHECK(stop.stall_window == 50);
  CHECK(stop.stall_factor == 0.999);
  CHECK(stop.divergence_factor == 1e6);
  CHECK(Picard{}.damping == 1);
  CHECK(Anderson<5>{}.damping == 1);
  CHECK(Anderson<5>{}.max_condition == 1e6);
  CHECK(Anderson<5>{}.ridge == 0);
  CHECK(Anderson<5>{}.depth == 5);
  CHECK(Anderson<5>{}.delay == 0);
  CHECK(std::isinf(Anderson<5>{}.max_rise));
  CHECK_FALSE(Anderson<5>{}.choose_depth);
  CHECK_FALSE(Anderson<5>{}.choose_damping);
  CHECK(Broyden<5>{}.min_denominator == 0.01);
  CHECK(Klement{}.min_slope == 0.01);
  CHECK(Chord<>{}.max_ratio == 0.5);
  CHECK(Chord<>{}.forcing == 0.01);
  CHECK(PseudoTransient<>{}.first_step == 1);
  CHECK(PseudoTransient<>{}.max_step == 1e8);
  CHECK(PseudoTransient<>{}.forcing == 0.01);
  CHECK(PseudoTransient<>{}.max_products == 60);
  const NewtonGmres<> newton;
  CHECK(newton.first_forcing == 0.1);
  CHECK(newton.max_forcing == 0.5);
  CHECK(newton.max_products == 60);
  CHECK(newton.max_shortenings == 12);
  CHECK(newton.globalization == Globalization::trust_region);
  CHECK(newton.recycle);
  CHECK(AttractorOptions{}.settle == 2000);
  CHECK(AttractorOptions{}.max_steps == 16000);
  CHECK(AttractorOptions{}.max_period == 64);
  CHECK(AttractorOptions{}.tolerance == 1e-5);
}

TEST_CASE("defaults of adjoints and linear solvers", "[unit]") {
  CHECK(Implicit<>{}.tolerance == 1e-4);
  CHECK(Implicit<>{}.max_evaluations == 60);
  CHECK(Implicit<>{}.max_growth == 1e3);
  CHECK(Phantom{}.k == 5);
  CHECK(Phantom{}.tau == 1);
  CHECK(LinearStop{}.tolerance == 1e-5);
  CHECK(LinearStop{}.max_evaluations == 100);
  CHECK(ArnoldiOptions{}.dimension == 60);
  CHECK(ArnoldiOptions{}.tolerance == 1e-4);
  CHECK(ArnoldiOptions{}.restarts == 20);
  CHECK(SingularValueOptions{}.dimension == 20);
  CHECK(SingularValueOptions{}.tolerance == 1e-3);
  CHECK(SingularValueOptions{}.max_iterations == 100);
  CHECK(SingularValueOptions{}.inner_tolerance == 1e-2);
  CHECK(SingularValueOptions{}.inner_steps == 100);
}

TEST_CASE("defaults of layers and cells", "[unit]") {
  CHECK(LayerNorm<4>{}.epsilon == 1e-5);
  CHECK(RmsNorm<4>{}.epsilon == 1e-5);
  CHECK(BatchNorm<4>{}.epsilon == 1e-5);
  CHECK(BatchNorm<2>{}.mean == std::array<double, 2>{0, 0});
  CHECK(BatchNorm<2>{}.variance == std::array<double, 2>{1, 1});
  CHECK((Window{}.axes == 2 && Window{}.kernel == 3 && Window{}.stride == 1 && Window{}.dilation == 1));
  CHECK(GroupNorm<4, 2>{}.epsilon == 1e-5);
  CHECK(Dropout{}.rate == 0.5);
  CHECK(RandomFire{}.rate == 0.5);
  CHECK(!RandomFire{}.rescaled);
  CHECK(LeniaGrowthFunction{}.centre == 0.15);
  CHECK(LeniaGrowthFunction{}.width == 0.015);
  CHECK(LeniaOptions{}.radius == 13);
  CHECK(LeniaOptions{}.steps_per_time == 10);
  CHECK(LeniaOptions{}.centre == 0.15);
  CHECK(LeniaOptions{}.width == 0.015);
}

TEST_CASE("defaults of training", "[unit]") {
  const Sgd sgd;
  CHECK(sgd.rate == 1e-2);
  CHECK(sgd.momentum == 0);
  CHECK(!sgd.nesterov);
  CHECK(sgd.weight_decay == 0);
  const Adam adam;
  CHECK(adam.rate == 1e-3);
  CHECK(adam.beta1 == 0.9);
  CHECK(adam.beta2 == 0.999);
  CHECK(adam.epsilon == 1e-8);
  CHECK(AdamW{}.rate == 1e-3);
  CHECK(AdamW{}.beta1 == 0.9);
  CHECK(AdamW{}.beta2 == 0.999);
  CHECK(AdamW{}.epsilon == 1e-8);
  CHECK(AdamW{}.weight_decay == 1e-2);
  const Muon muon;
  CHECK(muon.rate == 1e-2);
  CHECK(muon.momentum == 0.95);
  CHECK(muon.nesterov);
  CHECK(muon.iterations == 5);
  CHECK(muon.rms == 0.2);
  CHECK(muon.weight_decay == 0);
  CHECK(StepDecay{}.period == 1000);
  CHECK(StepDecay{}.factor == 0.1);
  CHECK(MilestoneDecay{}.milestones.empty());
  CHECK(MilestoneDecay{}.factor == 0.1);
  CHECK(Cosine{}.total == 1000);
  CHECK(Cosine{}.final == 0);
  CHECK(WarmUp<>{}.steps == 100);
  CHECK(OneCycle{}.warm_fraction == 0.3);
  CHECK(OneCycle{}.start == 0.04);
  CHECK(OneCycle{}.final == 1e-4);
  CHECK(RollBackOptions{}.factor == 10);
  CHECK(RollBackOptions{}.decay == 0.99);
  CHECK(RollBackOptions{}.settle == 20);
  CHECK(RollBackOptions{}.every == 100);
  CHECK(GradientCheckOptions{}.tolerance == 1e-7);
  CHECK(GradientCheckOptions{}.step == 1e-5);
  CHECK(GradientCheckOptions{}.most == 0);
}
