// expect: a layer takes another number of features than the layer before it gives
// lines: 12
// A link whose layer takes 3 features from a plane that has 2.

#include "basin/layers/dense.hpp"
#include "basin/layers/links.hpp"

int main() {
  using Pack = basin::Planes<basin::Plane<2, 4, 4>, basin::Plane<3, 4, 4>>;
  return basin::Links<Pack, Pack, basin::Link<0, 1, basin::Dense<3, 3>>>::in_features;
}
