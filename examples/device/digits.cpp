// The digit reader, about 15,000 numbers with a convolutional cell that settles: in float, and with 8 bits for each
// weight and each number that meets one. build.sh makes a program of each, which begins there; the linker leaves out
// what is the other's.

#include "digit_numbers.hpp"
#include "read_digits.hpp"

inline constexpr std::size_t scratch_bytes = 328 * 1024;
DEVICE_MEMORY(scratch_bytes + device::beside_scratch);

extern "C" {

int digits() { return device::read_digits(device::FloatReader{}, device::digits_theta, scratch_bytes); }

int digits_8_bits() { return device::read_digits(device::quantized_reader(), device::quantized_theta, scratch_bytes); }
}
