// expect: the edge of a convolution must be Zero or Periodic, where its norm is bounded
// Its symbols bound a convolution between zeros or on a torus, not one that sees its own cells again beyond the edge.

#include "basin/deq/normalized_weights.hpp"

int main() { return basin::SpectrallyNormalized<basin::Conv<1, 1, 3, 1, basin::Replicate>>::in_features; }
