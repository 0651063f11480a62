// expect: Keeping: the update of the other features keeps some as well: name all that stay in one set
// Feature 3 would be one of the three others, of which there is none of that number, and would not stay.

#include "basin/nca/update.hpp"

int main() { return basin::Keeping<basin::Features<0>, basin::Keeping<basin::Features<3>>>::answers<4>; }
