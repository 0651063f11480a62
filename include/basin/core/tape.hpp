#pragma once

// What an iteration leaves for the way back through its steps. The gradients are equal to rounding:
//
//   Kept           every step's state and inner values                  fastest backward, most memory
//   Recomputed     every step's state; inner values are computed anew when the step is gone through
//   Checkpointed   every k-th state; the steps between two are made again first     k + T / k states at a time
//
// A. Griewank, A. Walther 2000, ACM Trans. Math. Softw. 26(1); k = sqrt(T) after T. Chen, B. Xu, C. Zhang, C. Guestrin,
// "Training deep nets with sublinear memory cost", 2016.

#include "basin/core/state.hpp"

namespace basin {

struct Kept {};
struct Recomputed {};
struct Checkpointed {
  Index every = 0;  ///< steps from one kept state to the next; 0 for about the root of their number
};

}  // namespace basin
