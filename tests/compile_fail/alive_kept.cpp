// expect: AliveMask: the feature that decides about life cannot stay when a cell dies
// What decides about life would never become zero.

#include "basin/nca/alive.hpp"

int main() { return basin::AliveMask<3, basin::FeatureRange<2, 4>>::feature; }
