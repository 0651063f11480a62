// expect: a view of a State that is a temporary, and ends before it: give it a name first
// lines: 20
// The same, by the member.

#include "basin/core/state.hpp"

int main() {
  const basin::View<const float> x = basin::State<float>(basin::Shape{2}).view();
  return static_cast<int>(x.size());
}
