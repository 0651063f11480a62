#pragma once

// A state that settles some evaluations at a time, so that the page can show it on its way, and change what it is told.

#include <algorithm>
#include <optional>
#include <span>
#include <vector>

#include "basin/core/state.hpp"

namespace playground {

/// Steps z <- z + damping (f(z, u) - z) of one cell (basin/deq/injected.hpp), until no number of f(z, u) differs from
/// that of z by more than a thousandth of the largest, which is what the programs that train such cells call settled.
template <class Cell>
struct Settling {
  static constexpr float tolerance = 1e-3f;

  float damping = 1;
  Cell cell{};
  basin::State<float> u{}, z{}, f{};
  std::vector<float> residuals{};  ///< of each evaluation since begin()
  bool settled = false;
  std::optional<typename Cell::template Prepared<float>> prepared{};  ///< once theta has been used: it must not change

  /// From a state of zeros, for so many cells.
  void begin(const basin::Shape& cells) {
    u = basin::State<float>(cells.with_features(Cell::input_features));
    z = basin::State<float>(cells.with_features(Cell::state_features));
    f = z;
    forget();
  }
  /// That it has settled, and its way.
  void forget() {
    residuals.clear();
    settled = false;
  }

  void evaluate(std::span<const float, Cell::param_count> theta, int count) {
    if (!prepared) prepared = cell.template prepare<float>(theta);
    for (int i = 0; i < count && !settled; ++i) {
      (void)cell.template apply<float>(theta, z.view(), u.view(), f.view(), {}, *prepared);
      const float change = (f.values - z.values).cwiseAbs().maxCoeff(), size = f.values.cwiseAbs().maxCoeff();
      residuals.push_back(change / std::max(size, 1e-30f));
      settled = change <= tolerance * size;
      if (!settled) z.values += damping * (f.values - z.values);
    }
  }
};

}  // namespace playground
