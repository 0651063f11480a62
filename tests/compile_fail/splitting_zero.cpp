// expect: PeacemanRachford: there is no fast resolvent with zeros beyond the edge

#include "basin/deq/peaceman_rachford.hpp"

using Padded = basin::MonotoneConv<2, 3, basin::Zero>;

int main() { return static_cast<int>(basin::PeacemanRachford<Padded, 4, 4>::param_count); }
