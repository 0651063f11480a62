#pragma once

// What a fixed-point method is: options, and one step. The loop (fixed_point/solve.hpp) owns iteration and stopping.
//
//   method.start<S>(size, scratch) -> memory       the state of one sample of `size` numbers, its arrays from scratch;
//                                                  throws std::invalid_argument for options that make no sense. An
//                                                  Extent (linear/extent.hpp), by which it completes its sums; a
//                                                  method that takes an Index serves where samples are not split
//   method.take_in(memory, z, f) -> ResidualNorms  only if the method wants it: called once for each f = f(z), before
//                                                  the step if there is one, so that what the method needs of z and f
//                                                  and what the loop needs, |f - z| and |f|, take one pass over memory.
//                                                  A step does without it too, as one method may call another's step
//
// and one of two steps. A method that only mixes what it has seen writes
//
//   method.step(memory, z, f)                      given f = f(z), overwrites z with the next iterate; all samples of a
//                                                  tile then are evaluated together
//
// and one that needs more of the map, at trial points or its derivative (fixed_point/sample_map.hpp),
//
//   method.step(memory, z, f, map) -> bool         given f = f(z), overwrites z with the next iterate. True: f is f(z)
//                                                  of the new z, evaluated on the way, and the loop need not do so.
//                                                  False: f is of no more use. Where map says that no evaluation is
//                                                  left, the step ends, and may give back z and f as they were with
//                                                  true
//
// The memory is a small handle that can be copied byte by byte, because samples that end leave the working set and the
// rest move up; and a copy of what start gave is a method that begins anew, whatever its arrays hold by then. f and z
// are finite when step is called, though not when take_in is. None of them allocates.
//
// A method may say where z is allowed to be:
//
//   method.project(z)                              moves z there. The loop calls it for the start, and for each step
//   that
//                                                  it takes without the method
//
// and `static constexpr bool may_be_moved = true` says that what it remembers stays right where z is moved after its
// step: it never takes for granted that z is where its step led.
//
// `static constexpr std::string_view name` is what AnyMethod (fixed_point/any_method.hpp) knows the method by.

#include <span>
#include <type_traits>

#include "basin/core/scratch.hpp"
#include "basin/core/state.hpp"
#include "basin/fixed_point/sample_map.hpp"

namespace basin {

namespace detail {

/// Stands for a map in the concept's requirements.
template <class S>
struct ExampleMap {
  void operator()(View<const S>, View<S>) const {}
};

template <class M, class S>
using MethodMemory = decltype(std::declval<const M&>().template start<S>(Index{}, std::declval<Scratch&>()));

/// Stands for a size that only an Extent can be made of.
struct ExampleExtent {
  operator Extent() const { return Index{}; }
};

/// Whether a method takes the Extent of a sample.
template <class M, class S>
inline constexpr bool completes_sums = requires(const M& method, ExampleExtent size, Scratch& scratch) {
  method.template start<S>(size, scratch);
};

/// A step that sees the map.
template <class M, class S, class Map>
concept StepsWithMap = requires(const M& method, MethodMemory<M, S>& memory, std::span<S> z,
                                const SampleMap<S, Map>& map) {
  { method.step(memory, z, z, map) } -> std::same_as<bool>;
};

}  // namespace detail

/// A method that finds fixed points: options, `start` for its memory, and one step.
template <class M, class S = float>
concept FixedPointMethod = requires(const M& method, Index size, Scratch& scratch, std::span<S> z,
                                    std::span<const S> f) {
  requires std::is_trivially_copyable_v<decltype(method.template start<S>(size, scratch))>;
  requires detail::StepsWithMap<M, S, detail::ExampleMap<S>> ||
      requires(decltype(method.template start<S>(size, scratch))& memory) {
    method.step(memory, z, f);
  };
};

}  // namespace basin
