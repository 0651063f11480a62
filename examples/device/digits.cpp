// The digit reader in float: about 15,000 numbers, a convolutional cell that settles.

#include <bit>

#include "digits_numbers.hpp"
#include "read_digits.hpp"

inline constexpr std::size_t scratch_bytes = 400 * 1024;
DEVICE_MEMORY(scratch_bytes + device::beside_scratch);

namespace {

using Theta = std::array<float, device::FloatReader::param_count>;
constexpr auto theta = std::bit_cast<Theta>(device::digits_bits);

}  // namespace

int main() { return device::read_digits(device::FloatReader{}, theta, scratch_bytes); }
