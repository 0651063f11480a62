// expect: PeacemanRachford: a convolution's resolvent is of one plane: write PeacemanRachford<Cell, Width,

#include "basin/deq/peaceman_rachford.hpp"

int main() { return static_cast<int>(basin::PeacemanRachford<basin::MonotoneConv<2>>::param_count); }
