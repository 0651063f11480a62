#pragma once

// Where automata live that are watched: on a grid, or on a plane without edges of which a window is seen. And how two
// of them are drawn.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "running.hpp"

namespace automata {

class World {
 public:
  virtual ~World() = default;
  virtual void step() = 0;
  [[nodiscard]] virtual State<float> seen() const = 0;
  /// Other cells in place of those that are seen.
  virtual void put(const State<float>& z) = 0;
};

template <class A>
class GridWorld final : public World {
 public:
  void begin(A automaton, std::vector<float> theta, State<float> start) {
    automaton_ = std::move(automaton);
    theta_ = std::move(theta);
    z_ = std::move(start);
    next_ = State<float>(z_.shape);
    marks_.resize(static_cast<std::size_t>(z_.shape.cells()));
  }

  void step() override {
    const basin::Theta<float, A::param_count> theta(theta_.data(), A::param_count);
    static_cast<void>(automaton_->template step<float>(theta, z_.view(), next_.view(), marks_.data()));
    std::swap(z_, next_);
  }

  [[nodiscard]] State<float> seen() const override { return z_; }
  void put(const State<float>& z) override { z_ = z; }

 private:
  std::optional<A> automaton_;
  std::vector<float> theta_;
  State<float> z_, next_;
  std::vector<std::uint8_t> marks_;
};

template <class A>
class PlaneWorld final : public World {
 public:
  /// The window has its middle where the pattern has its own at first.
  PlaneWorld(Index width, Index height) : window_{-width / 2, -height / 2, width, height} {}

  void begin(A automaton, const State<float>& start) {
    plane_.emplace(std::move(automaton), std::vector<float>{}, basin::UnboundedOptions{.steps = 1});
    plane_->place(start.view(), -start.shape.space[0] / 2, -start.shape.space[1] / 2);
  }

  void step() override { static_cast<void>(plane_->advance(1)); }

  [[nodiscard]] State<float> seen() const override { return plane_->crop(window_); }
  void put(const State<float>& z) override { plane_->place(z.view(), window_.x, window_.y); }

 private:
  basin::Box window_;
  std::optional<basin::UnboundedPlane<A>> plane_;
};

/// What draws the states that it is shown, of which the first is of step 0.
class Painter {
 public:
  virtual ~Painter() = default;
  virtual void see(Index t, const State<float>& z) = 0;
  /// Of the same step, but damaged.
  virtual void damaged(const State<float>&) {}
  [[nodiscard]] virtual Image draw(const State<float>& z) = 0;
};

/// One of the pictures of films.
template <class Picture>
class PainterOf final : public Painter {
 public:
  explicit PainterOf(Picture picture) : picture_(std::move(picture)) {}
  void see(Index t, const State<float>& z) override { picture_.see(t, z); }
  void damaged(const State<float>& z) override {
    if constexpr (requires { picture_.damaged(z); }) picture_.damaged(z);
  }
  [[nodiscard]] Image draw(const State<float>& z) override { return picture_.draw(z); }

 private:
  Picture picture_;
};

/// Life and the like, with Embers.
class EmberPainter final : public Painter {
 public:
  explicit EmberPainter(const State<float>& z) : embers_(z.values.size()) {}
  void see(Index, const State<float>& z) override { embers_.see(z.values.data()); }
  void damaged(const State<float>& z) override { embers_.damaged(z.values.data()); }
  [[nodiscard]] Image draw(const State<float>& z) override {
    return painted(embers_.light(), z.shape.space[0], z.shape.space[1], 1, glow);
  }

 private:
  Embers embers_;
};

/// The last rows of time of an automaton that lives on a line: they fill the picture from the top, and then move up.
class RowsPainter final : public Painter {
 public:
  RowsPainter(const State<float>& z, Index height)
      : width_(z.shape.space[0]), height_(height), rows_(static_cast<std::size_t>(width_ * height), unseen) {}

  void see(Index t, const State<float>& z) override {
    if (t >= height_) std::move(rows_.begin() + width_, rows_.end(), rows_.begin());
    last_ = std::min(t, height_ - 1);
    std::copy(z.values.begin(), z.values.end(), rows_.begin() + last_ * width_);
  }
  [[nodiscard]] Image draw(const State<float>& z) override {
    // What was damaged since it was seen is in the last row as well.
    std::copy(z.values.begin(), z.values.end(), rows_.begin() + last_ * width_);
    return painted(rows_.data(), width_, height_, 1, [](double t) { return t < 0 ? glow(0) : glow(0.08 + 0.8 * t); });
  }

 private:
  static constexpr float unseen = -1;
  Index width_, height_, last_ = 0;
  std::vector<float> rows_;
};

}  // namespace automata
