#pragma once

// Text as numbers: the characters of ASCII that print, and the end of a line. A text is split into what is trained on,
// its first nine tenths, and what is validated on.

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "basin/core/layer.hpp"
#include "basin/core/random.hpp"
#include "basin/io/atomic_file.hpp"
#include "tales.hpp"

namespace deq_text {

using basin::Index;
using basin::Shape;
using basin::State;
using basin::Token;
using basin::View;

inline constexpr int alphabet = 96;

[[nodiscard]] inline Token token_of(char c) { return c == '\n' ? 0 : static_cast<Token>(c) - ' ' + 1; }
[[nodiscard]] inline char character_of(Token token) { return token == 0 ? '\n' : static_cast<char>(' ' + token - 1); }
[[nodiscard]] inline bool has_token(char c) { return c == '\n' || (c >= ' ' && c <= '~'); }

/// Throws std::invalid_argument, with `what` in the message, for a character that has no number.
[[nodiscard]] inline std::vector<Token> tokens_of(const std::string& what, const std::string& text) {
  std::vector<Token> tokens;
  tokens.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!has_token(text[i])) {
      basin::check(false, "byte " + std::to_string(i) + " of " + what,
                   static_cast<int>(static_cast<unsigned char>(text[i])), "32 to 126, or 10, the end of a line");
    }
    tokens.push_back(token_of(text[i]));
  }
  return tokens;
}

[[nodiscard]] inline std::string text_of(const std::vector<Token>& tokens) {
  std::string text;
  for (const Token token : tokens) text += character_of(token);
  return text;
}

struct Text {
  std::string name;
  std::vector<Token> training, validation;
};

/// The last tenth is for validation. Throws FileError for a file that cannot be read, and std::invalid_argument for a
/// text too short for windows of `context` characters, or with characters beyond the alphabet.
[[nodiscard]] inline Text split_text(const std::string& name, const std::string& all, Index context) {
  const std::vector<Token> tokens = tokens_of(name, all);
  const auto split = static_cast<std::ptrdiff_t>(tokens.size() * 9 / 10);
  basin::check(std::ssize(tokens) - split > context + 1, "characters of " + name, tokens.size(),
               "more than ten times --context, " + std::to_string(context));
  return {name, {tokens.begin(), tokens.begin() + split}, {tokens.begin() + split, tokens.end()}};
}

/// Puts the last `share` of the training text in the place of the validation text, which stays unseen.
inline void hold_back(Text& text, double share) {
  const auto kept = static_cast<std::ptrdiff_t>((1 - share) * static_cast<double>(text.training.size()));
  text.validation.assign(text.training.begin() + kept, text.training.end());
  text.training.resize(static_cast<std::size_t>(kept));
}

[[nodiscard]] inline std::string read_text(const std::string& path) {
  const std::vector<std::uint8_t> bytes = basin::read_file(path, std::size_t{1} << 30);
  return {bytes.begin(), bytes.end()};
}

/// Windows of a text, and for each of their characters the next one.
struct Windows {
  State<Token> tokens;      ///< (1, context, 1, 1, count)
  std::vector<int> labels;  ///< as many

  Windows(Index context, Index count)
      : tokens(Shape{1, {context, 1, 1}, count}), labels(static_cast<std::size_t>(context * count)) {}

  [[nodiscard]] Index count() const { return tokens.shape.samples; }
  [[nodiscard]] Index context() const { return tokens.shape.space[0]; }

  /// Window n becomes what begins at `first`.
  void set(Index n, const std::vector<Token>& text, Index first) {
    const auto from = text.begin() + first;
    std::copy_n(from, context(), tokens.values.data() + n * context());
    std::copy_n(from + 1, context(), labels.begin() + n * context());
  }
};

/// Anywhere in the text.
[[nodiscard]] inline Windows random_windows(const std::vector<Token>& text, Index context, Index count,
                                            const basin::Random& random) {
  Windows windows(context, count);
  for (Index n = 0; n < count; ++n) {
    const auto places = static_cast<std::uint64_t>(std::ssize(text) - context);
    windows.set(n, text, static_cast<Index>(random.below(static_cast<std::uint64_t>(n), places)));
  }
  return windows;
}

/// From the beginning to the end, `stride` apart, but at most `most` of them, evenly spread.
[[nodiscard]] inline Windows windows_in_order(const std::vector<Token>& text, Index context, Index stride, Index most) {
  const Index all = (std::ssize(text) - context - 1) / stride + 1, count = std::min(all, most);
  Windows windows(context, count);
  for (Index n = 0; n < count; ++n) windows.set(n, text, n * all / count * stride);
  return windows;
}

}  // namespace deq_text
