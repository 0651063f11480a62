#pragma once

// Colours of figures: maps from numbers to colours, and a few that are told apart by everybody.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace basin::examples {

struct Colour {
  std::uint8_t red = 0, green = 0, blue = 0;

  friend bool operator==(const Colour&, const Colour&) = default;
};

/// From a number in 0 to 1 to a colour; numbers outside are cut, NaN is bright green.
using ColourMap = Colour (*)(double);

inline constexpr Colour white{255, 255, 255}, ink{40, 40, 48}, pale{226, 226, 232}, not_a_number{0, 255, 0};

/// For lines, marks and classes, in this order: colours that the colour-blind tell apart (M. Okabe, K. Ito, "Color
/// Universal Design", 2008), without their yellow, which is hard to see on white.
inline constexpr std::array<Colour, 7> distinct_colours{
    {{0, 114, 178}, {213, 94, 0}, {0, 158, 115}, {0, 0, 0}, {204, 121, 167}, {230, 159, 0}, {86, 180, 233}}};

/// `share` of the colour `to`, from 0 to 1, and the rest of `from`.
[[nodiscard]] inline Colour mixed(Colour from, Colour to, double share) {
  const auto mix = [share](std::uint8_t a, std::uint8_t b) {
    return static_cast<std::uint8_t>(std::lround((1 - share) * a + share * b));
  };
  return {mix(from.red, to.red), mix(from.green, to.green), mix(from.blue, to.blue)};
}

/// Straight lines through colours at equal distances.
template <std::size_t N>
[[nodiscard]] Colour between(const std::array<Colour, N>& colours, double t) {
  if (t != t) return not_a_number;
  const double at = std::clamp(t, 0.0, 1.0) * (N - 1);
  const auto i = std::min<std::size_t>(static_cast<std::size_t>(at), N - 2);
  return mixed(colours[i], colours[i + 1], at - static_cast<double>(i));
}

/// Black to white.
[[nodiscard]] inline Colour grey(double t) { return between(std::array<Colour, 2>{{{0, 0, 0}, {255, 255, 255}}}, t); }

/// Black over red and yellow to white, the brighter the more: amounts.
[[nodiscard]] inline Colour heat(double t) {
  return between(std::array<Colour, 5>{{{0, 0, 0}, {110, 15, 70}, {215, 60, 30}, {250, 180, 40}, {255, 255, 230}}}, t);
}

/// Blue over white (one half) to red: numbers with a sign, or one of two answers.
[[nodiscard]] inline Colour blue_red(double t) {
  return between(
      std::array<Colour, 5>{{{20, 50, 120}, {105, 165, 215}, {247, 247, 247}, {230, 130, 95}, {130, 15, 35}}}, t);
}

/// Of black and white the one that is read more easily on a colour.
[[nodiscard]] inline Colour readable_on(Colour colour) {
  return 0.299 * colour.red + 0.587 * colour.green + 0.114 * colour.blue > 140 ? ink : white;
}

}  // namespace basin::examples
