#pragma once

// An image whose answer is watched step by step, from the coarsest grid to the image itself, where the automaton goes
// on.

#include <array>
#include <span>
#include <utility>
#include <vector>

#include "../support/overlap.hpp"
#include "basin/layers/pool.hpp"
#include "basin/layers/upsample.hpp"
#include "model.hpp"

namespace nca_segment {

class Climb {
 public:
  /// From zeros, of one image.
  Climb(const Model& model, const Theta& theta, View<const float> image) : model_(model), theta_(theta) {
    images_[last] = State<float>(image);
    for (std::size_t l = last; l-- > 0;) {
      images_[l] = State<float>(basin::AveragePool<2>{}.out_shape(images_[l + 1].shape));
      basin::AveragePool<2>{}.apply({}, images_[l + 1].view(), images_[l].view());
    }
    state_ = State<float>(model.start_shape(image.shape()));
    rise();
  }

  /// The level whose grid the state has, 0 the coarsest, and the steps made there.
  [[nodiscard]] std::size_t level() const { return level_; }
  [[nodiscard]] Index steps_here() const { return steps_; }
  /// Whether the steps of a level are made, and the next one goes on from them, or the last is over.
  [[nodiscard]] bool level_done() const { return steps_ >= model_.levels[level_].steps; }
  /// How many pixels along an edge are a cell.
  [[nodiscard]] Index block() const { return images_[last].shape.space[0] / state_.shape.space[0]; }
  [[nodiscard]] State<float>& state() { return state_; }

  /// A step; before it the state goes to the next level, if it is done with its own.
  void step() {
    rise();
    State<float> next(state_.shape);
    static_cast<void>(
        model_.levels[level_].automaton.apply(theta_of_level(), state_.view(), images_[level_].view(), next.view()));
    std::swap(state_, next);
    ++steps_;
  }

  /// What the state says of each pixel of the image.
  [[nodiscard]] std::vector<int> said() const {
    const std::vector<int> of_cells = basin::examples::classes_of(state_.view(), classes);
    const Shape& shape = images_[last].shape;
    std::vector<int> all;
    for (Index y = 0; y < shape.space[1]; ++y) {
      for (Index x = 0; x < shape.space[0]; ++x) {
        all.push_back(of_cells[static_cast<std::size_t>(y / block() * state_.shape.space[0] + x / block())]);
      }
    }
    return all;
  }

 private:
  static constexpr std::size_t last = levels - 1;

  void rise() {
    while (level_done() && level_ < last) {
      State<float> finer(basin::UpsampleNearest<2>{}.out_shape(state_.shape));
      basin::UpsampleNearest<2>{}.apply({}, state_.view(), finer.view());
      state_ = std::move(finer);
      ++level_;
      steps_ = 0;
    }
  }

  [[nodiscard]] std::span<const float, Nca::param_count> theta_of_level() const {
    return std::span<const float, Nca::param_count>(theta_.span().data() + level_ * Nca::param_count, Nca::param_count);
  }

  const Model& model_;
  const Theta& theta_;
  std::array<State<float>, levels> images_;
  State<float> state_;
  std::size_t level_ = 0;
  Index steps_ = 0;
};

}  // namespace nca_segment
