// expect: a convolution's kernel must be odd, or even with an even stride of at most its size and no dilation
// An even kernel without a stride has no centre.

#include "basin/layers/window_conv.hpp"

int main() { return basin::Conv1d<3, 8, 4>::out_features; }
