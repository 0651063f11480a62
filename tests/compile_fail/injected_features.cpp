// expect: Injected: the state that comes out must have the features of the state that goes in

#include "basin/deq/injected.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"

int main() { return basin::Injected<basin::Sequential<basin::Dense<4, 8>, basin::Tanh>>::state_features; }
