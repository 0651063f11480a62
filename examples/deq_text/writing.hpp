#pragma once

// How deq_text writes: many characters at once, which settle together with the states that they are drawn from. Each
// place of the text has a random number of its own, so that the character there follows from the state before it; and a
// state follows from the characters up to it. Text and states are thus one fixed point,
//
//   z = f(z, u(x)),    x_(t+1) = the character at the place r_(t+1) of softmax(W z_t / temperature)
//
// and as no character depends on a later one, it is a text that a character at a time gives, too. Each evaluation finds
// about one more of its characters, or several that were guessed right, and all are checked at once: a character at a
// time takes an evaluation for its state and another to see that this no longer changes.
//
// That what is said one after the other can be found as a fixed point: Y. Song, C. Meng, R. Liao, S. Ermon,
// "Accelerating feedforward computation via parallel nonlinear equation solving", ICML 2021; for text: A. Santilli et
// al., "Accelerating transformer inference for translation via parallel decoding", ACL 2023.
//
// What was there keeps its state when the text grows. When the window is full its first half leaves.

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "../support/process.hpp"
#include "basin/core/random.hpp"
#include "basin/fixed_point/picard.hpp"
#include "basin/fixed_point/solve.hpp"
#include "measuring.hpp"
#include "model.hpp"
#include "sampling.hpp"
#include "settings.hpp"

namespace deq_text {

/// What was written, and what it took.
struct Written {
  std::vector<Token> tokens{};     ///< with the prompt
  std::int64_t evaluations = 0;    ///< of all
  std::int64_t not_converged = 0;  ///< solves, of several characters or of one
};

/// What the same text takes, written a character at a time; all but its first one.
struct OneByOne {
  std::vector<int> warm{}, cold{};  ///< evaluations for each character, from where the text was and from the start
  std::int64_t not_converged = 0;   ///< of all of these solves
  std::int64_t others = 0;          ///< characters that would be other ones, warm
  std::int64_t cold_others = 0;     ///< and cold
  double largest_difference = 0;    ///< between the probabilities that warm and cold give
  double warm_seconds = 0, cold_seconds = 0;  ///< of processors
};

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

  [[nodiscard]] Written write(const std::vector<Token>& prompt) const {
    Written written{prompt};
    Window window(std::ssize(prompt), settings_.context);
    State<float> z;  // of what is in sight, settled
    for (int i = 0; i < settings_.length;) {
      const std::ptrdiff_t gone = window.move(std::ssize(written.tokens));
      const auto known = window.of(written.tokens);
      const State<Token> seen = as_window(known);
      const State<float> start = from(z, gone, seen.view());
      const auto more = std::min<Index>(settings_.context - std::ssize(known), settings_.length - i - 1);
      const Continuation text{*this, known, i};
      basin::Stop stop = middle(model_).stop;
      stop.max_evaluations += static_cast<int>(2 * more);
      stop.stall_window = 0;  // a character is found after the other, and all to come are as wrong as ever
      const auto solution = basin::solve(text, text.start(start, more), basin::Picard{}, stop);
      z = State<float>(solution.value.shape.with_features(width));
      z.view().matrix() = solution.value.view().matrix().topRows<width>();
      written.evaluations += solution.samples.front().evaluations;
      written.not_converged += solution.converged() ? 0 : 1;
      if (!solution.converged()) {  // one of them, then
        auto one = settle(seen.view(), start);
        written.evaluations += one.samples.front().evaluations;
        written.not_converged += one.converged() ? 0 : 1;
        z = std::move(one.value);
      }
      const auto all = text.characters(z.view());
      written.tokens.insert(written.tokens.end(), all.begin() + std::ssize(known), all.end());
      i = static_cast<int>(std::ssize(written.tokens) - std::ssize(prompt));
    }
    return written;
  }

  /// What the end of a text, all but `prompt` characters, takes a character at a time.
  [[nodiscard]] OneByOne compare(const std::vector<Token>& tokens, std::ptrdiff_t prompt) const {
    OneByOne found;
    Window window(prompt, settings_.context);
    State<float> z;
    for (std::ptrdiff_t count = prompt; count < std::ssize(tokens); ++count) {
      const std::ptrdiff_t gone = window.move(count);
      const auto known = window.of(std::span(tokens).first(static_cast<std::size_t>(count)));
      const State<Token> seen = as_window(known);
      const double before = basin::examples::cpu_seconds();
      auto warm = settle(seen.view(), from(z, gone, seen.view()));
      const double between = basin::examples::cpu_seconds();
      const double place = place_of(count - prompt);
      const auto p = said(warm.value);
      const Token written = tokens[static_cast<std::size_t>(count)];
      if (count > prompt) {
        const auto cold = settle(seen.view(), start_of(theta_.span(), seen.view()));
        found.warm_seconds += between - before;
        found.cold_seconds += basin::examples::cpu_seconds() - between;
        found.warm.push_back(warm.samples.front().evaluations);
        found.cold.push_back(cold.samples.front().evaluations);
        found.not_converged += (warm.converged() ? 0 : 1) + (cold.converged() ? 0 : 1);
        const auto cold_p = said(cold.value);
        found.largest_difference = std::max(found.largest_difference, (p - cold_p).abs().maxCoeff());
        found.others += token_at(p, place) == written ? 0 : 1;
        found.cold_others += token_at(cold_p, place) == written ? 0 : 1;
      }
      z = std::move(warm.value);
    }
    return found;
  }

  /// The equilibrium of a window from `start`; observers see every iterate.
  template <class... Observers>
  basin::Solution<float> settle(View<const Token> tokens, const State<float>& start, Observers&&... observers) const {
    const State<float> u = injection(tokens);
    return middle(model_).solve<float>(cell_theta(), u.view(), start.view(), observers...);
  }

  /// What a state says of the next characters: logits of each.
  [[nodiscard]] State<float> logits_of(View<const float> z) const {
    State<float> logits(z.shape().with_features(alphabet));
    constexpr std::size_t weights = std::size_t{alphabet} * width;
    model_.body.template layer<3>().template apply<float>(theta_.span().template last<weights>(), z, logits.view());
    return logits;
  }

 private:
  /// What is in sight of a text: its last characters.
  struct Window {
    /// At the end of a text of `count` characters.
    Window(std::ptrdiff_t count, std::ptrdiff_t context)
        : context_(context), first_(std::max<std::ptrdiff_t>(0, count - context)) {}

    /// To the end of a text of `count` characters; how many have left.
    std::ptrdiff_t move(std::ptrdiff_t count) {
      const std::ptrdiff_t before = first_;
      if (count - first_ > context_) first_ = count - std::max<std::ptrdiff_t>(1, context_ / 2);
      return first_ - before;
    }
    [[nodiscard]] std::vector<Token> of(std::span<const Token> text) const {
      return {text.begin() + first_, text.end()};
    }

   private:
    std::ptrdiff_t context_, first_;
  };

  /// The map whose fixed point is a text together with its states: `known` are its first characters, and the
  /// `first`-th that is drawn follows them. A sample is a text. Each of its characters has the numbers of its state,
  /// and itself as one more number, too small to count in the residual; a character that has become another one begins
  /// where solves begin.
  struct Continuation {
    const Writer& writer;
    const std::vector<Token>& known;
    int first;

    static constexpr int features = width + 1;
    static constexpr float unit = 1.0F / 1024;  ///< of a character's number

    void operator()(View<const float> z, View<float> out) const {
      std::vector<Token> all = characters(z);
      all.pop_back();
      const State<Token> tokens = as_window(all);
      State<float> from = start_of(writer.theta_.span(), tokens.view());
      for (Index i = 0; i < tokens.values.size(); ++i) {
        out.matrix()(width, i) = unit * static_cast<float>(tokens.values[i]);
        const bool same = out.matrix()(width, i) == z.matrix()(width, i);
        if (same) from.view().matrix().col(i) = z.matrix().col(i).head<width>();
      }
      const State<float> u = writer.injection(tokens.view());
      State<float> to(from.shape);
      (void)middle(writer.model_).cell.apply<float>(writer.cell_theta(), from.view(), u.view(), to.view());
      out.matrix().topRows<width>() = to.view().matrix();
    }

    /// Those whose states z has, and the next one.
    [[nodiscard]] std::vector<Token> characters(View<const float> z) const {
      std::vector<Token> all = known;
      const Index from = std::ssize(known) - 1, drawn = z.shape().cells() - from;
      State<float> states(Shape{width, {drawn, 1, 1}, 1});
      states.view().matrix() = z.matrix().rightCols(drawn).topRows<width>();
      const State<float> logits = writer.logits_of(states.view());
      for (Index i = 0; i < drawn; ++i) {
        const auto p = probabilities(logits.values.data() + i * alphabet, writer.settings_.temperature);
        all.push_back(token_at(p, writer.place_of(first + i)));
      }
      return all;
    }

    /// Where a solve begins: the characters before have settled, as z says; the last known one begins anew, and for
    /// `more` to come there is what followed the last one that was the same, behind the same one if there was such,
    /// from which they are guessed.
    [[nodiscard]] State<float> start(const State<float>& z, Index more) const {
      const auto last = std::ssize(known) - 1;
      State<float> all(Shape{features, {last + 1 + more, 1, 1}, 1});
      all.view().matrix().row(width).setConstant(-1);  // no character
      all.view().matrix().topLeftCorner(width, last + 1) = z.view().matrix();
      for (Index i = 0; i < last; ++i) {
        all.view().matrix()(width, i) = unit * static_cast<float>(known[static_cast<std::size_t>(i)]);
      }
      const auto at = [&](std::ptrdiff_t i) { return known[static_cast<std::size_t>(i)]; };
      std::ptrdiff_t alike = last;
      for (auto i = last; i-- > 0;) {
        if (at(i) != at(last)) continue;
        if (alike == last) alike = i;
        if (i == 0 || at(i - 1) != at(last - 1)) continue;
        alike = i;
        break;
      }
      // What is copied may have been copied itself.
      for (auto i = last; alike < last && i <= last + more; ++i) {
        all.view().matrix().col(i).head<width>() = all.view().matrix().col(alike + i - last).head<width>();
      }
      return all;
    }
  };

  [[nodiscard]] std::span<const float, Cell::param_count> cell_theta() const {
    constexpr std::size_t table = std::size_t{alphabet} * width;
    return theta_.span().subspan<table, Cell::param_count>();
  }

  [[nodiscard]] State<float> injection(View<const Token> tokens) const {
    State<float> u(tokens.shape().with_features(width));
    for (Index i = 0; i < tokens.size(); ++i) {
      std::copy_n(theta_.span().data() + Index{tokens.data()[i]} * width, width, u.values.data() + i * width);
    }
    return u;
  }

  static State<Token> as_window(const std::vector<Token>& tokens) {
    State<Token> window(Shape{1, {std::ssize(tokens), 1, 1}, 1});
    std::copy(tokens.begin(), tokens.end(), window.values.data());
    return window;
  }

  /// Where the solve of a window begins: with the states of z that are still in sight, all but the first `gone`, and
  /// for the last character, or all if there were none, where solves begin.
  [[nodiscard]] State<float> from(const State<float>& z, std::ptrdiff_t gone, View<const Token> seen) const {
    State<float> start = start_of(theta_.span(), seen);
    if (z.values.size() > 0) {
      std::copy(z.values.data() + gone * width, z.values.data() + z.values.size(), start.values.data());
    }
    return start;
  }

  /// Of the character after the last one.
  [[nodiscard]] Eigen::ArrayXd said(const State<float>& z) const {
    const State<float> logits = logits_of(z.view());
    return probabilities(logits.values.data() + logits.values.size() - alphabet, settings_.temperature);
  }

  /// The random number of the i-th character that is drawn.
  [[nodiscard]] double place_of(std::ptrdiff_t i) const {
    return basin::Random{settings_.seed, writing_stream}.uniform(static_cast<std::uint64_t>(i));
  }

  const Settings& settings_;
  const Theta& theta_;
  Settled model_;
};

}  // namespace deq_text
