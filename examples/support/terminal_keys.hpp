#pragma once

// What a terminal sends, as keys and clicks.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace basin::examples {

struct Key {
  enum class Kind { letter, up, down, left, right, press, wheel_up, wheel_down };

  Kind kind = Kind::letter;
  char letter = 0;          ///< of a letter: of ASCII, or a control character
  bool far = false;         ///< of an arrow: with shift, control or alt
  int column = 0, row = 0;  ///< of the mouse, from 0: its left button is pressed there, or was moved there pressed

  friend bool operator==(const Key&, const Key&) = default;
};

/// Takes bytes as they come, in pieces that may end within a key.
class KeyReader {
 public:
  void put(std::string_view bytes) { rest_ += bytes; }

  /// The next key; none if there is no whole one. What is no key of Key is left out.
  [[nodiscard]] std::optional<Key> next();

  /// Nothing came for a while: what began like a key, such as Escape alone, is none.
  void forget() { rest_.clear(); }

 private:
  /// `length`: of what was read; 0 if it is not whole.
  [[nodiscard]] std::optional<Key> first(std::size_t& length) const;

  [[nodiscard]] static std::optional<Key> arrow(char letter, bool far);

  /// "<button;column;row", the latter from 1. Bits 4, 8 and 16 of the button are keys held, 32 a move.
  [[nodiscard]] static std::optional<Key> mouse(const std::string& values, char end);

  std::string rest_;
};

}  // namespace basin::examples
