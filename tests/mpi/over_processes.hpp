#pragma once

// What the parts of over_processes share.

#include <cstdint>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>

#include "basin/core/random.hpp"
#include "basin/core/state.hpp"
#include "basin/mpi/communicator.hpp"

namespace test {

using basin::Index;
using basin::Random;
using basin::Vector;

inline void expect(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error("not as expected: " + what);
}

template <class Call>
std::string message_of(const Call& call) {
  try {
    call();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "nothing was thrown";
}

inline void expect_message(const std::string& message, const std::string& expected) {
  expect(message.find(expected) != std::string::npos, "'" + expected + "' in '" + message + "'");
}

template <class S>
bool same_bits(const Vector<S>& one, const Vector<S>& other) {
  return one.size() == other.size() &&
         std::memcmp(one.data(), other.data(), static_cast<std::size_t>(one.size()) * sizeof(S)) == 0;
}

/// Numbers in [-scale, scale).
template <class S>
void fill(Vector<S>& numbers, std::uint64_t stream, double scale) {
  for (Index i = 0; i < numbers.size(); ++i) {
    numbers[i] = static_cast<S>(Random{7, stream}.uniform(static_cast<std::uint64_t>(i), -scale, scale));
  }
}

/// split_states.cpp
void check_split_states(basin::mpi::Communicator& world);

}  // namespace test
