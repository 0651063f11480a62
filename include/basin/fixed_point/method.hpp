#pragma once

// What a fixed-point method is: options, and one step. The loop (fixed_point/solve.hpp) owns iteration and stopping.
//
//   method.start<S>(size, scratch) -> memory       the state of one sample of `size` numbers, its arrays from scratch;
//                                                  throws std::invalid_argument for options that make no sense
//   method.step(memory, z, f)                      given f = f(z), overwrites z with the next iterate
//   method.take_in(memory, z, f) -> ResidualNorms  only if the method wants it: called once for each f = f(z), before
//                                                  the step if there is one, so that what the method needs of z and f
//                                                  and what the loop needs, |f - z| and |f|, take one pass over memory.
//                                                  A step does without it too, as one method may call another's step
//
// The memory is a small handle that can be copied byte by byte, because samples that end leave the working set and the
// rest move up. f and z are finite when step is called, though not when take_in is. Neither allocates.

#include <span>
#include <type_traits>

#include "basin/core/scratch.hpp"
#include "basin/core/state.hpp"

namespace basin {

template <class M, class S = float>
concept FixedPointMethod = requires(const M& method, Index size, Scratch& scratch, std::span<S> z,
                                    std::span<const S> f) {
  requires std::is_trivially_copyable_v<decltype(method.template start<S>(size, scratch))>;
  requires requires(decltype(method.template start<S>(size, scratch))& memory) { method.step(memory, z, f); };
};

}  // namespace basin
