#pragma once

// Every method of the exam as one type, and one loop for all, which is compiled once, in test_solutions.cpp: what a
// test costs to compile is the methods and the loops that it instantiates.

#include <functional>

#include "basin/fixed_point/anderson.hpp"
#include "basin/fixed_point/any_method.hpp"
#include "basin/fixed_point/broyden.hpp"
#include "basin/fixed_point/broyden_bad.hpp"
#include "basin/fixed_point/chord.hpp"
#include "basin/fixed_point/klement.hpp"
#include "basin/fixed_point/newton_gmres.hpp"
#include "basin/fixed_point/picard.hpp"
#include "basin/fixed_point/pseudo_transient.hpp"
#include "basin/fixed_point/solve.hpp"

namespace exam {

using Method = basin::AnyMethod<basin::Picard, basin::Anderson<10>, basin::Broyden<20>, basin::NewtonGmres<>,
                                basin::BroydenBad<20>, basin::Klement, basin::Chord<>, basin::PseudoTransient<>>;
using Map = std::function<void(basin::View<const double>, basin::View<double>)>;

/// Anderson with so many differences: the bits of Anderson<depth>.
inline basin::Anderson<10> anderson(int depth, double damping = 1) { return {.damping = damping, .depth = depth}; }

/// As Anderson never needs more evaluations than Picard.
inline basin::Anderson<10> delayed_anderson(int depth) { return {.depth = depth, .delay = 3}; }

inline basin::NewtonGmres<> newton_by_line_search() { return {.globalization = basin::Globalization::line_search}; }

basin::Solution<double> solved(const Map& map, const basin::Matrix<double>& start, const Method& method,
                               const basin::Stop& stop);

}  // namespace exam
