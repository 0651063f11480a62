#pragma once

// How deq_text writes: a character at a time, each drawn from what the model says of the next. The text settles anew
// with each of them, from where it was: what was there keeps its state, and the new character takes that of the last
// one that was the same, behind the same one if there was such, or where solves begin. No character depends on a later
// one, so that an equilibrium stays one as the text grows. When the window is full its first half leaves.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "basin/core/random.hpp"
#include "measuring.hpp"
#include "model.hpp"
#include "settings.hpp"

namespace deq_text {

/// What was written, and what it took.
struct Written {
  std::vector<Token> tokens{};      ///< with the prompt
  std::vector<int> warm{}, cold{};  ///< evaluations for each character, from where the text was and from the start
  std::int64_t not_converged = 0;   ///< of all of these solves
  double largest_difference = 0;    ///< between the probabilities that the two give

  static double mean(const std::vector<int>& counts) {
    double sum = 0;
    for (const int count : counts) sum += count;
    return counts.empty() ? 0 : sum / static_cast<double>(counts.size());
  }
};

/// Probabilities of the next character; at a temperature of 0 the likeliest has all.
inline Eigen::ArrayXd probabilities(const float* logits, double temperature) {
  const Eigen::ArrayXd y =
      Eigen::Map<const Eigen::ArrayXf>(logits, alphabet).cast<double>() / std::max(temperature, 1e-6);
  const Eigen::ArrayXd p = (y - y.maxCoeff()).exp();
  return p / p.sum();
}

/// The character at a place of the line from 0 to 1 that the probabilities share.
inline Token token_at(const Eigen::ArrayXd& p, double place) {
  double sum = 0;
  for (Token token = 0; token < alphabet; ++token) {
    sum += p[token];
    if (place < sum) return token;
  }
  return 0;
}

/// Writes with an explicit network.
template <class M>
std::vector<Token> write_plainly(const Settings& settings, const basin::Parameters<M, float>& theta,
                                 std::vector<Token> tokens) {
  for (int i = 0; i < settings.length; ++i) {
    const auto context = std::min<std::ptrdiff_t>(settings.context, std::ssize(tokens));
    Windows window(context, 1);
    std::copy(tokens.end() - context, tokens.end(), window.tokens.values.data());
    const State<float> logits = read_plainly(theta, window).output;
    const auto p = probabilities(logits.values.data() + logits.values.size() - alphabet, settings.temperature);
    const basin::Random random{settings.seed, writing_stream};
    tokens.push_back(token_at(p, random.uniform(static_cast<std::uint64_t>(i))));
  }
  return tokens;
}

/// Writes with the equilibrium.
class Writer {
 public:
  Writer(const Settings& settings, const Theta& theta)
      : settings_(settings), theta_(theta), model_(settled_model(settings.tolerance, settings.max_evaluations, {})) {}

  /// `compare`: cold too, for what it counts.
  [[nodiscard]] Written write(const std::vector<Token>& prompt, bool compare) {
    Written written{prompt};
    auto first = std::max<std::ptrdiff_t>(0, std::ssize(prompt) - settings_.context);  // character in sight
    State<float> z;                                                                    // of what is in sight, settled
    for (int i = 0; i < settings_.length; ++i) {
      const auto count_of_all = std::ssize(written.tokens), first_of_z = first;
      if (count_of_all - first > settings_.context) first = count_of_all - std::max(1, settings_.context / 2);
      const std::vector<Token> seen(written.tokens.begin() + first, written.tokens.end());
      State<Token> tokens(Shape{1, {std::ssize(seen), 1, 1}, 1});
      std::copy(seen.begin(), seen.end(), tokens.values.data());
      const State<float> start = start_of(theta_.span(), tokens.view());
      auto warm = settle(tokens.view(), i == 0 ? start : from(z, first - first_of_z, seen, start));
      const auto p = said(warm.value);
      count(warm, i > 0 ? &written.warm : nullptr, written);
      if (compare && i > 0) {
        const auto cold = settle(tokens.view(), start);
        count(cold, &written.cold, written);
        written.largest_difference = std::max(written.largest_difference, (p - said(cold.value)).abs().maxCoeff());
      }
      z = std::move(warm.value);
      const basin::Random random{settings_.seed, writing_stream};
      written.tokens.push_back(token_at(p, random.uniform(static_cast<std::uint64_t>(i))));
    }
    return written;
  }

  /// The equilibrium of a window from `start`; observers see every iterate.
  template <class... Observers>
  basin::Solution<float> settle(View<const Token> tokens, const State<float>& start, Observers&&... observers) const {
    State<float> u(tokens.shape().with_features(width));
    for (Index i = 0; i < tokens.size(); ++i) {
      std::copy_n(theta_.span().data() + Index{tokens.data()[i]} * width, width, u.values.data() + i * width);
    }
    constexpr std::size_t table = std::size_t{alphabet} * width;
    return middle(model_).solve<float>(theta_.span().template subspan<table, Cell::param_count>(), u.view(),
                                       start.view(), observers...);
  }

  /// What a state says of the next characters: logits of each.
  [[nodiscard]] State<float> logits_of(View<const float> z) const {
    State<float> logits(z.shape().with_features(alphabet));
    constexpr std::size_t weights = std::size_t{alphabet} * width;
    model_.body.template layer<3>().template apply<float>(theta_.span().template last<weights>(), z, logits.view());
    return logits;
  }

 private:
  /// The states of the characters that are still in sight, all but the first `gone`, and a guess for the last one.
  static State<float> from(const State<float>& z, std::ptrdiff_t gone, const std::vector<Token>& seen,
                           const State<float>& start) {
    State<float> guess = start;
    const auto last = std::ssize(seen) - 1;
    std::copy_n(z.values.data() + gone * width, last * width, guess.values.data());
    const auto at = [&](std::ptrdiff_t i) { return seen[static_cast<std::size_t>(i)]; };
    std::ptrdiff_t alike = -1;
    for (auto i = last; i-- > 0;) {
      if (at(i) != at(last)) continue;
      if (alike < 0) alike = i;
      if (i == 0 || at(i - 1) != at(last - 1)) continue;
      alike = i;
      break;
    }
    if (alike >= 0) std::copy_n(guess.values.data() + alike * width, width, guess.values.data() + last * width);
    return guess;
  }

  /// Of the character after the last one.
  [[nodiscard]] Eigen::ArrayXd said(const State<float>& z) const {
    const State<float> logits = logits_of(z.view());
    return probabilities(logits.values.data() + logits.values.size() - alphabet, settings_.temperature);
  }

  static void count(const basin::Solution<float>& solution, std::vector<int>* evaluations, Written& written) {
    if (!solution.converged()) ++written.not_converged;
    if (evaluations != nullptr) evaluations->push_back(solution.samples.front().evaluations);
  }

  const Settings& settings_;
  const Theta& theta_;
  Settled model_;
};

}  // namespace deq_text
