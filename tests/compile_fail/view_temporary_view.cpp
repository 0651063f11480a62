// expect: a view of a State that is a temporary, and ends before it: give it a name first
// lines: 20
// The same, by view().

#include "basin/core/state.hpp"

int main() {
  const auto x = view(basin::State<float>(basin::Shape{2}));
  return static_cast<int>(x.size());
}
