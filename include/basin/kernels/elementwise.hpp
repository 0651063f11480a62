#pragma once

// Functions of one number, over as many as there are, so that each number gets the same function.
//
// A long vector is whole registers and a rest. Compilers and Eigen alike compute the rest, and what stands before the
// first aligned address, number by number: with std::tanh, say, where registers get a polynomial, and with other
// contractions of products and sums. The last bits of a number then depend on where it stands, and those of a sample on
// the batch around it. Here the rest is a register too, filled up by a number that is there already.

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <concepts>
#include <utility>

#include "basin/kernels/vector.hpp"

namespace basin::kernels {

/// to[i] = f(from[i]...) for i = 0 ... count - 1. `f` takes an Eigen array of a register's numbers for each input, and
/// gives an array expression of them that works on each number by itself. `to` may be one of the inputs.
template <class S, class F, std::same_as<S>... From>
void elementwise(Eigen::Index count, S* to, const F& f, const From*... from) {
  constexpr int lanes = register_bytes / static_cast<int>(sizeof(S));
  constexpr std::size_t inputs = sizeof...(From);
  using Register = Eigen::Array<S, lanes, 1>;
  std::array<Register, inputs> filled_up;
  Register result;
  for (Eigen::Index done = 0; done < count;) {
    std::array<const S*, inputs> in{(from + done)...};
    S* out = to + done;
    Eigen::Index here = (count - done) / lanes * lanes;
    const bool is_rest = here == 0;
    if (is_rest) {
      for (std::size_t k = 0; k < inputs; ++k) {
        filled_up[k].setConstant(*in[k]);
        std::copy_n(in[k], count - done, filled_up[k].data());
        in[k] = filled_up[k].data();
      }
      out = result.data();
      here = lanes;
    }
    // The one place where f is called, for registers and the rest: compiled twice, it might be contracted in two ways.
    for (Eigen::Index i = 0; i < here; i += lanes) {
      [&]<std::size_t... k>(std::index_sequence<k...>) {
        Eigen::Map<Register> values(out + i);
        values = f(Eigen::Map<const Register>(in[k] + i)...);
      }
      (std::make_index_sequence<inputs>{});
    }
    if (is_rest) std::copy_n(result.data(), count - done, to + done);
    done += here;
  }
}

}  // namespace basin::kernels
