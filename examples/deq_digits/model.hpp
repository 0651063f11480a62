#pragma once

// The model of deq_digits: one explicit convolution that injects, one convolutional cell that settles, one dense layer
// that reads the equilibrium. Solver and adjoint are chosen when the program runs.

#include <string>

#include "basin/adjoint/any_adjoint.hpp"
#include "basin/adjoint/implicit.hpp"
#include "basin/adjoint/jacobian_free.hpp"
#include "basin/adjoint/phantom.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/fixed_point/anderson.hpp"
#include "basin/fixed_point/any_method.hpp"
#include "basin/fixed_point/broyden.hpp"
#include "basin/fixed_point/newton_gmres.hpp"
#include "basin/fixed_point/picard.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/conv.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/flatten.hpp"
#include "basin/layers/group_norm.hpp"
#include "basin/layers/pool.hpp"
#include "basin/layers/sequential.hpp"

namespace deq_digits {

using basin::Index;
using basin::View;

/// A fixed-point method that is one of four, as the command line says.
using ChosenSolver = basin::AnyMethod<basin::Anderson<5>, basin::Broyden<20>, basin::Picard, basin::NewtonGmres<>>;

/// An adjoint method that is one of three.
using ChosenAdjoint = basin::AnyAdjoint<basin::Implicit<>, basin::Phantom, basin::JacobianFree>;

inline constexpr int channels = 32;
inline constexpr int pooled = 4;  // the equilibrium is read as pooled x pooled means of every channel

using Cell = basin::Injected<basin::Sequential<basin::Conv<channels, channels, 3, 1, basin::Zero, basin::Bias::no>,
                                               basin::GroupNorm<channels, 8>, basin::Relu>>;

/// 28 x 28 pixels -> 14 x 14 cells of 32 channels -> equilibrium -> 4 x 4 means -> ten classes.
template <class Solver, class Adjoint>
using Model =
    basin::Sequential<basin::Conv<1, channels, 3, 2, basin::Zero, basin::Bias::no>, basin::GroupNorm<channels, 8>,
                      basin::Equilibrium<Cell, Solver, Adjoint>, basin::AveragePool<5, 3>,
                      basin::Flatten<channels, pooled, pooled>, basin::Dense<channels * pooled * pooled, 10>>;

inline constexpr std::size_t equilibrium = 2;  // its place in the Sequential

/// What is evaluated and saved.
using Settled = Model<ChosenSolver, ChosenAdjoint>;
/// What `--adjoint unrolled` trains: the same parameters, differentiated through Picard's steps.
using UnrolledModel = Model<basin::Picard, basin::Unrolled>;

}  // namespace deq_digits
