#pragma once

// How the states of an automaton are cut into tasks: small samples whole, large ones in bands of cells. The cut follows
// from the shape alone, never from the number of threads.

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>

#include "basin/core/parallel.hpp"
#include "basin/core/scratch.hpp"
#include "basin/core/state.hpp"
#include "basin/core/status.hpp"

namespace basin::detail {

/// Cells first ... last - 1 of a sample.
struct Band {
  Index sample = 0, first = 0, last = 0;

  [[nodiscard]] Index size() const { return last - first; }
  /// Its first cell among the cells of all samples.
  [[nodiscard]] Index begin(Index cells_per_sample) const { return sample * cells_per_sample + first; }
};

struct Tasks {
  Index samples = 0, cells = 0;     ///< of the state; cells of one sample
  Index band_cells = 0, bands = 0;  ///< of one sample
  Index samples_per_task = 1;

  /// Bands have whole slices of `slice` cells (a line, or more) and at least about `least` cells.
  Tasks(const Shape& shape, Index least, Index slice)
      : samples(shape.samples),
        cells(shape.cells_per_sample()),
        band_cells((least + slice - 1) / slice * slice),
        bands(std::max<Index>(1, cells / band_cells)),
        samples_per_task(bands > 1 ? 1 : std::max<Index>(1, least / std::max<Index>(1, cells))) {}

  [[nodiscard]] Index count() const {
    return bands > 1 ? samples * bands : (samples + samples_per_task - 1) / samples_per_task;
  }

  /// Band b of a sample. The last has the rest as well: were it short, the bands beside it could reach the same cells.
  [[nodiscard]] Band band(Index sample, Index b) const {
    return {sample, b * band_cells, b + 1 == bands ? cells : (b + 1) * band_cells};
  }

  /// Calls body(task, band) for all bands, tasks side by side.
  template <class Body>
  void each(const Body& body) const {
    parallel_for(count(), [&](Index task) { bands_of(task, body); });
  }

  /// The same in three rounds, such that no two bands of a round are neighbours, even round a torus.
  template <class Body>
  void each_apart(const Body& body) const {
    if (bands == 1) {
      each(body);
      return;
    }
    const Index pairs = bands / 2;
    for (const Index parity : {0, 1}) {
      parallel_for(samples * pairs, [&](Index i) { bands_of(i / pairs * bands + i % pairs * 2 + parity, body); });
    }
    if (bands % 2 == 1) parallel_for(samples, [&](Index n) { bands_of(n * bands + bands - 1, body); });
  }

 private:
  template <class Body>
  void bands_of(Index task, const Body& body) const {
    if (bands > 1) {
      body(task, band(task / bands, task % bands));
    } else {
      const Index last = std::min(samples, (task + 1) * samples_per_task);
      for (Index n = task * samples_per_task; n < last; ++n) body(task, band(n, 0));
    }
  }
};

/// A report for each task, in scratch memory.
[[nodiscard]] inline std::span<Report> reports_of(const Tasks& tasks, Scratch& scratch) {
  const std::span<Report> reports(scratch.take<Report>(tasks.count()), static_cast<std::size_t>(tasks.count()));
  std::uninitialized_fill(reports.begin(), reports.end(), Report{});
  return reports;
}

/// All of them as one.
[[nodiscard]] inline Report total(std::span<const Report> reports) {
  Report sum;
  for (const Report& report : reports) sum += report;
  return sum;
}

}  // namespace basin::detail
