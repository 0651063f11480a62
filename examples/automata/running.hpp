#pragma once

// The runs of the three families, on grids and without edges.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "basin/nca/lenia.hpp"
#include "basin/nca/unbounded.hpp"
#include "watching.hpp"

namespace automata {

/// Calls body with the boundary type of a name.
template <class Body>
void with_boundary(const std::string& name, const Body& body) {
  if (name == "periodic") body(basin::Periodic{});
  if (name == "zero") body(basin::Zero{});
  if (name == "reflect") body(basin::Reflect{});
  if (name == "replicate") body(basin::Replicate{});
}

/// The pattern in the middle of the grid.
[[nodiscard]] inline State<float> on_grid(const Chosen& chosen, Index width, Index height) {
  State<float> grid(basin::Shape{1, {width, height, 1}, 1});
  const Index w = chosen.start.shape.space[0], h = chosen.start.shape.space[1];
  const Index x = (width - w) / 2, y = (height - h) / 2;
  for (Index j = 0; j < h; ++j) grid.values.segment((y + j) * width + x, w) = chosen.start.values.segment(j * w, w);
  return grid;
}

/// Makes the steps; see(t, state) for every one. The seconds are those of the steps alone.
template <class A, class See>
double run_grid(const A& automaton, State<float>& z, Index steps, const See& see) {
  State<float> next(z.shape);
  std::vector<std::uint8_t> marks(static_cast<std::size_t>(z.shape.cells()));
  double seconds = 0;
  for (Index t = 0; t <= steps; ++t) {
    see(t, z);
    if (t == steps) break;
    const basin::examples::Stopwatch watch;
    static_cast<void>(automaton.template step<float>({}, z.view(), next.view(), marks.data()));
    seconds += watch.seconds();
    std::swap(z.values, next.values);
  }
  return seconds;
}

/// The same without edges; see(t, plane).
template <class A, class See>
double run_plane(basin::UnboundedPlane<A>& plane, Index steps, const See& see) {
  double seconds = 0;
  for (Index t = 0; t <= steps; ++t) {
    see(t, plane);
    if (t == steps) break;
    const basin::examples::Stopwatch watch;
    static_cast<void>(plane.advance(1));
    seconds += watch.seconds();
  }
  return seconds;
}

/// The cells of a grid that are not zero, for Counts.
[[nodiscard]] inline auto cells_of(const State<float>& z) {
  return [&z](const auto& visit) {
    for (Index i = 0; i < z.values.size(); ++i) {
      if (z.values[i] != 0.0f) visit(static_cast<std::uint64_t>(i), z.values[i]);
    }
  };
}

template <class Plane>
[[nodiscard]] auto cells_of_plane(const Plane& plane) {
  return [&plane](const auto& visit) {
    plane.each_cell([&](Index x, Index y, const float* cell) {
      visit(static_cast<std::uint64_t>(y) << 32 ^ static_cast<std::uint64_t>(x), *cell);
    });
  };
}

/// Lets an automaton run on its plane and films it. The end is left in `plane`.
template <class A>
void film_plane(const Settings& settings, const Chosen& chosen, basin::UnboundedPlane<A>& plane, Counts& counts) {
  Film film;
  plane.place(chosen.start.view(), 0, 0);
  const double seconds = run_plane(plane, chosen.steps, [&](Index t, const auto& now) {
    counts.see(t, cells_of_plane(now));
    if (filmed(settings, chosen.steps, t) || t == chosen.steps) {
      film.see(
          [&](const auto& visit) { now.each_cell([&](Index x, Index y, const float* cell) { visit(x, y, *cell); }); });
    }
  });
  basin::GifWriter gif(settings.out + "/automata.gif", {.delay = settings.delay});
  Image last;
  film.each(640, [&](const float* cells, Index width, Index height) {
    last = painted(cells, width, height, scale_for(settings, width, height), glow);
    gif.add(last);
  });
  gif.finish();
  basin::write_png(settings.out + "/automata.png", last);
  write_counts(settings, chosen, counts, seconds, 0);
}

/// Writes what is alive in a box as a pattern.
inline void save_pattern(const Settings& settings, const Chosen& chosen, const State<float>& cells) {
  basin::LifePattern pattern;
  pattern.comments = {"C " + chosen.pattern + " after " + std::to_string(chosen.steps) + " steps"};
  pattern.rule = chosen.rule;
  pattern.width = cells.shape.space[0];
  pattern.height = cells.shape.space[1];
  for (Index i = 0; i < cells.values.size(); ++i) pattern.cells.push_back(cells.values[i] > 0.5f ? 1 : 0);
  basin::write_life_rle(settings.save, pattern);
}

/// Rows of time from the top.
inline void run_elementary(const Settings& settings, const Chosen& chosen) {
  basin::check(settings.save.empty(), "--save", settings.save, "none, for an elementary rule");
  Counts counts(false);
  std::vector<float> rows;
  Index width = chosen.size;
  double seconds = 0;
  if (chosen.unbounded) {
    const basin::ElementaryAutomaton<basin::Zero> automaton{.rule = chosen.elementary};
    basin::UnboundedPlane plane(automaton, std::vector<float>{});
    plane.place(chosen.start.view(), 0, 0);
    width = chosen.start.shape.space[0] + 2 * chosen.steps;
    seconds = run_plane(plane, chosen.steps, [&](Index t, const auto& now) {
      counts.see(t, cells_of_plane(now));
      const State<float> row = now.crop({-chosen.steps, 0, width, 1});
      rows.insert(rows.end(), row.values.begin(), row.values.end());
    });
  } else {
    State<float> z = on_grid(chosen, width, 1);
    with_boundary(settings.boundary, [&]<class Edge>(Edge) {
      const basin::ElementaryAutomaton<Edge> automaton{.rule = chosen.elementary};
      seconds = run_grid(automaton, z, chosen.steps, [&](Index t, const State<float>& now) {
        counts.see(t, cells_of(now));
        rows.insert(rows.end(), now.values.begin(), now.values.end());
      });
    });
  }
  const Index height = chosen.steps + 1;
  const Index scale = settings.scale > 0 ? settings.scale : std::clamp<Index>(1024 / width, 1, 16);
  basin::write_png(settings.out + "/automata.png",
                   painted(rows.data(), width, height, scale, [](double t) { return glow(0.08 + 0.8 * t); }));
  write_counts(settings, chosen, counts, seconds, chosen.unbounded ? 0 : width);
}

inline void run_life_like(const Settings& settings, const Chosen& chosen) {
  Counts counts(false);
  if (chosen.unbounded) {
    const basin::LifeLikeAutomaton<basin::Zero> automaton{.rule = chosen.life};
    basin::UnboundedPlane plane(automaton, std::vector<float>{});
    film_plane(settings, chosen, plane, counts);
    if (!settings.save.empty()) save_pattern(settings, chosen, plane.crop(plane.bounds()));
    return;
  }
  State<float> z = on_grid(chosen, chosen.size, chosen.size);
  basin::GifWriter gif(settings.out + "/automata.gif", {.delay = settings.delay});
  Embers embers(z.values.size());
  const Index scale = scale_for(settings, chosen.size, chosen.size);
  double seconds = 0;
  with_boundary(settings.boundary, [&]<class Edge>(Edge) {
    const basin::LifeLikeAutomaton<Edge> automaton{.rule = chosen.life};
    seconds = run_grid(automaton, z, chosen.steps, [&](Index t, const State<float>& now) {
      counts.see(t, cells_of(now));
      embers.see(now.values.data());
      if (filmed(settings, chosen.steps, t)) gif.add(painted(embers.light(), chosen.size, chosen.size, scale, glow));
    });
  });
  gif.finish();
  basin::write_png(settings.out + "/automata.png", painted(embers.light(), chosen.size, chosen.size, scale, glow));
  if (!settings.save.empty()) save_pattern(settings, chosen, z);
  write_counts(settings, chosen, counts, seconds, z.values.size());
}

inline void run_lenia(const Settings& settings, const Chosen& chosen) {
  basin::check(settings.save.empty(), "--save", settings.save, "none: an RLE file holds cells of two states");
  const basin::LeniaOptions options{
      .radius = settings.radius, .steps_per_time = settings.time, .centre = settings.centre, .width = settings.width};
  Counts counts(true);
  if (chosen.unbounded) {
    basin::UnboundedPlane plane(basin::lenia<basin::Zero>(options), std::vector<float>{}, {.steps = 1});
    film_plane(settings, chosen, plane, counts);
    return;
  }
  State<float> z = on_grid(chosen, chosen.size, chosen.size);
  basin::GifWriter gif(settings.out + "/automata.gif", {.delay = settings.delay});
  const Index scale = scale_for(settings, chosen.size, chosen.size);
  const auto picture = [&](const State<float>& now) {
    return painted(now.values.data(), chosen.size, chosen.size, scale, glow);
  };
  double seconds = 0;
  with_boundary(settings.boundary, [&]<class Edge>(Edge) {
    seconds = run_grid(basin::lenia<Edge>(options), z, chosen.steps, [&](Index t, const State<float>& now) {
      counts.see(t, cells_of(now));
      if (filmed(settings, chosen.steps, t)) gif.add(picture(now));
    });
  });
  gif.finish();
  basin::write_png(settings.out + "/automata.png", picture(z));
  write_counts(settings, chosen, counts, seconds, z.values.size());
}

}  // namespace automata
