#include "terminal_keys.hpp"

#include <cstdlib>

namespace basin::examples {

std::optional<Key> KeyReader::next() {
  while (!rest_.empty()) {
    std::size_t length = 0;
    const std::optional<Key> key = first(length);
    if (length == 0) return std::nullopt;
    rest_.erase(0, length);
    if (key) return key;
  }
  return std::nullopt;
}

std::optional<Key> KeyReader::first(std::size_t& length) const {
  const auto byte = static_cast<unsigned char>(rest_[0]);
  if (byte != 0x1b) {
    length = 1;
    return byte < 0x7f ? std::optional(Key{.letter = rest_[0]}) : std::nullopt;
  }
  if (rest_.size() < 2) return std::nullopt;
  if (rest_[1] == 'O') {  // arrows of a terminal in application mode
    length = rest_.size() < 3 ? 0 : 3;
    return length == 0 ? std::nullopt : arrow(rest_[2], false);
  }
  length = 2;
  if (rest_[1] != '[') return std::nullopt;  // with Alt
  std::size_t end = 2;
  while (end < rest_.size() && rest_[end] >= 0x20 && rest_[end] < 0x40) ++end;
  length = end < rest_.size() ? end + 1 : 0;
  if (length == 0) return std::nullopt;
  const std::string values = rest_.substr(2, end - 2);
  return values.starts_with('<') ? mouse(values, rest_[end]) : arrow(rest_[end], values.find(';') != values.npos);
}

std::optional<Key> KeyReader::arrow(char letter, bool far) {
  if (letter == 'A') return Key{.kind = Key::Kind::up, .far = far};
  if (letter == 'B') return Key{.kind = Key::Kind::down, .far = far};
  if (letter == 'C') return Key{.kind = Key::Kind::right, .far = far};
  if (letter == 'D') return Key{.kind = Key::Kind::left, .far = far};
  return std::nullopt;
}

std::optional<Key> KeyReader::mouse(const std::string& values, char end) {
  char* next = nullptr;
  const long button = std::strtol(values.c_str() + 1, &next, 10) & ~(4 | 8 | 16 | 32);
  const long column = *next == ';' ? std::strtol(next + 1, &next, 10) : 0;
  const long row = *next == ';' ? std::strtol(next + 1, &next, 10) : 0;
  if (end != 'M' || column < 1 || row < 1 || column > 10000 || row > 10000) return std::nullopt;
  Key key{.column = static_cast<int>(column) - 1, .row = static_cast<int>(row) - 1};
  if (button == 0) {
    key.kind = Key::Kind::press;
  } else if (button == 64) {
    key.kind = Key::Kind::wheel_up;
  } else if (button == 65) {
    key.kind = Key::Kind::wheel_down;
  } else {
    return std::nullopt;
  }
  return key;
}

}  // namespace basin::examples
