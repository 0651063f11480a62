// expect: a view of a State that is a temporary, and ends before it: give it a name first
// lines: 20
// A view of zeros that are gone at the end of the line.

#include "basin/core/state.hpp"

int main() {
  const basin::View<const float> x = basin::State<float>(basin::Shape{2});
  return static_cast<int>(x.size());
}
