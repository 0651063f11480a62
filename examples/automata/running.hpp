#pragma once

// The runs of elementary automata, Life-like ones and Lenia, on grids and without edges.

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "basin/nca/lenia.hpp"
#include "basin/nca/unbounded.hpp"
#include "course.hpp"
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

/// Makes the steps; see(t, state) for every one. keep(file) keeps what is not in the state.
/// `range`: of the numbers of a state.
template <class A, class Keep, class See>
void run_grid(Course& course, const A& automaton, basin::Theta<float, A::param_count> theta, State<float>& z,
              basin::Within<float> range, const Keep& keep, const See& see) {
  State<float> next(z.shape);
  std::vector<std::uint8_t> marks(static_cast<std::size_t>(z.shape.cells()));
  const auto keeps = [&](auto& file) {
    std::vector<float> cells(z.values.begin(), z.values.end());
    file("cells", cells, basin::Length{z.values.size()}, range);
    std::copy(cells.begin(), cells.end(), z.values.begin());
    keep(file);
  };
  course.run(
      keeps, [&](Index t) { see(t, z); },
      [&] {
        static_cast<void>(automaton.template step<float>(theta, z.view(), next.view(), marks.data()));
        std::swap(z.values, next.values);
      });
}

/// Those cells of a plane that are not zero, for reading and writing alike. A plane is a function of them: tiles, and
/// which of them are computed, follow.
template <class File, class A>
void keep_plane(File& file, basin::UnboundedPlane<A>& plane) {
  constexpr Index farthest = Index{1} << 40;
  std::vector<std::int64_t> x, y;
  std::vector<float> values;
  if constexpr (!reads<File>) {
    plane.each_cell(
        [&](Index i, Index j, const float* cell) { x.push_back(i), y.push_back(j), values.push_back(*cell); });
  }
  file("cells.x", x, basin::Within{-farthest, farthest});
  file("cells.y", y, basin::Length{x.size()}, basin::Within{-farthest, farthest});
  file("cells.values", values, basin::Length{x.size()}, basin::Within{0.0f, 1.0f});
  if constexpr (reads<File>) {
    // Squares of cells are placed at once.
    constexpr Index side = 64;
    const auto square = [](std::int64_t at) { return (at + farthest) / side; };
    std::map<std::pair<Index, Index>, State<float>> squares;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const Index u = square(x[i]), v = square(y[i]);
      State<float>& cells = squares.try_emplace({u, v}, basin::Shape{1, {side, side, 1}, 1}).first->second;
      cells.values[(y[i] + farthest - v * side) * side + x[i] + farthest - u * side] = values[i];
    }
    for (const auto& [at, cells] : squares) {
      plane.place(cells.view(), at.first * side - farthest, at.second * side - farthest);
    }
  }
}

/// The same without edges, from the pattern at the origin; see(t, plane).
template <class A, class Keep, class See>
void run_plane(Course& course, const Chosen& chosen, basin::UnboundedPlane<A>& plane, const Keep& keep,
               const See& see) {
  if (!course.resumed()) plane.place(chosen.start.view(), 0, 0);
  const auto keeps = [&](auto& file) {
    keep_plane(file, plane);
    keep(file);
  };
  course.run(
      keeps, [&](Index t) { see(t, plane); }, [&] { static_cast<void>(plane.advance(1)); });
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

/// Films a state that is made step by step. picture.draw(state) draws it, picture.legend() says what its colours
/// mean; measure(state, visit) visits what is counted.
/// Returns the counts.
template <class A, class Measure, class Picture>
[[nodiscard]] Counts film_system(const Settings& settings, const Chosen& chosen, Course& course, const A& automaton,
                                 basin::Theta<float, A::param_count> theta, State<float>& z, basin::Within<float> range,
                                 const Measure& measure, Picture& picture) {
  Counts counts(chosen.quantity);
  basin::GifWriter gif(settings.out + "/automata.gif", {.delay = settings.delay});
  const auto keep = [&](auto& file) {
    counts.keep(file, course.at());
    picture.keep(file, course.at());
    if constexpr (reads<decltype(file)>) gif.add(picture.draw(z));
  };
  Strip strip(chosen.steps);
  run_grid(course, automaton, theta, z, range, keep, [&](Index t, const State<float>& now) {
    counts.see(t, [&](const auto& visit) { measure(now, visit); });
    picture.see(t, now);
    strip.see(t, [&] { return picture.draw(now); });
    if (t == chosen.steps) {
      gif.add(picture.draw(now), 150);
    } else if (filmed(settings, chosen.steps, t)) {
      gif.add(picture.draw(now));
    }
  });
  gif.finish();
  basin::write_png(settings.out + "/automata.png", picture.draw(z));
  strip.write(settings.out + "/strip.png", picture.legend());
  return counts;
}

/// Every number adds up.
inline constexpr auto all_numbers = [](const State<float>& z, const auto& visit) { cells_of(z)(visit); };

/// One channel, the brighter the more.
struct GlowPicture {
  Index scale = 1;

  template <class File>
  void keep(File&, Index) {}
  void see(Index, const State<float>&) {}

  [[nodiscard]] Image draw(const State<float>& z) const {
    return painted(z.values.data(), z.shape.space[0], z.shape.space[1], scale, glow);
  }

  [[nodiscard]] static basin::examples::SheetOptions legend() {
    return {.bar = basin::examples::ScaleBar{glow, 0, 1, "value of a cell"}};
  }
};

/// Lets an automaton run on its plane and films it. The end is left in `plane`.
template <class A>
void film_plane(const Settings& settings, const Chosen& chosen, Course& course, basin::UnboundedPlane<A>& plane,
                Counts& counts) {
  Film film;
  const auto look = [&] {
    film.see(
        [&](const auto& visit) { plane.each_cell([&](Index x, Index y, const float* cell) { visit(x, y, *cell); }); });
  };
  const auto keep = [&](auto& file) {
    counts.keep(file, course.at());
    if constexpr (reads<decltype(file)>) look();
  };
  Index shown = -1;
  run_plane(course, chosen, plane, keep, [&](Index t, const auto& now) {
    counts.see(t, cells_of_plane(now));
    if (!filmed(settings, chosen.steps, t) && t != chosen.steps) return;
    look();
    shown = t;
  });
  if (course.stopped() && shown != course.at()) look();
  basin::GifWriter gif(settings.out + "/automata.gif", {.delay = settings.delay});
  Image last;
  film.each(640, [&](const float* cells, Index width, Index height) {
    last = painted(cells, width, height, scale_for(settings, width, height), glow);
    gif.add(last);
  });
  gif.finish();
  basin::write_png(settings.out + "/automata.png", last);
}

/// Writes what is alive in a box as a pattern.
inline void save_pattern(const Settings& settings, const Chosen& chosen, Index steps, const State<float>& cells) {
  basin::LifePattern pattern;
  pattern.comments = {"C " + chosen.pattern + " after " + std::to_string(steps) + " steps"};
  pattern.rule = chosen.rule;
  pattern.width = cells.shape.space[0];
  pattern.height = cells.shape.space[1];
  for (Index i = 0; i < cells.values.size(); ++i) pattern.cells.push_back(cells.values[i] > 0.5f ? 1 : 0);
  basin::write_life_rle(settings.save, pattern);
}

/// Rows of time from the top.
[[nodiscard]] inline int run_elementary(const Settings& settings, const Chosen& chosen, Course& course) {
  Counts counts(chosen.quantity);
  std::vector<std::uint8_t> rows;
  const Index width = chosen.unbounded ? chosen.start.shape.space[0] + 2 * chosen.steps : chosen.size;
  const auto add = [&](const State<float>& row) { rows.insert(rows.end(), row.values.begin(), row.values.end()); };
  const auto keep = [&](auto& file) {
    // How wide the picture of a run without edges is follows from its steps.
    if constexpr (reads<decltype(file)>) {
      if (chosen.unbounded) file.expect_setting("steps", settings.steps);
    }
    file("rows", rows, basin::Length{width * (course.at() + 1)}, basin::Within{0, 1});
    counts.keep(file, course.at());
  };
  if (chosen.unbounded) {
    const basin::ElementaryAutomaton<basin::Zero> automaton{.rule = chosen.elementary};
    basin::UnboundedPlane plane(automaton, std::vector<float>{});
    run_plane(course, chosen, plane, keep, [&](Index t, const auto& now) {
      counts.see(t, cells_of_plane(now));
      add(now.crop({-chosen.steps, 0, width, 1}));
    });
  } else {
    State<float> z = on_grid(chosen, width, 1);
    with_boundary(settings.boundary, [&]<class Edge>(Edge) {
      const basin::ElementaryAutomaton<Edge> automaton{.rule = chosen.elementary};
      run_grid(course, automaton, {}, z, {0.0f, 1.0f}, keep, [&](Index t, const State<float>& now) {
        counts.see(t, cells_of(now));
        add(now);
      });
    });
  }
  basin::write_png(settings.out + "/automata.png",
                   painted(rows.data(), width, course.at() + 1, scale_of_line(settings, width),
                           [](double t) { return glow(0.08 + 0.8 * t); }));
  return write_counts(settings, chosen, counts, course, chosen.unbounded ? 0 : width);
}

[[nodiscard]] inline int run_life_like(const Settings& settings, const Chosen& chosen, Course& course) {
  Counts counts(chosen.quantity);
  const auto save = [&](const State<float>& cells) {
    if (!settings.save.empty()) save_pattern(settings, chosen, course.at(), cells);
  };
  if (chosen.unbounded) {
    const basin::LifeLikeAutomaton<basin::Zero> automaton{.rule = chosen.life};
    basin::UnboundedPlane plane(automaton, std::vector<float>{});
    film_plane(settings, chosen, course, plane, counts);
    save(settings.save.empty() ? State<float>() : plane.crop(plane.bounds()));
    return write_counts(settings, chosen, counts, course, 0);
  }
  State<float> z = on_grid(chosen, chosen.size, chosen.size);
  basin::GifWriter gif(settings.out + "/automata.gif", {.delay = settings.delay});
  Embers embers(z.values.size());
  const Index scale = scale_for(settings, chosen.size, chosen.size);
  Strip strip(chosen.steps);
  const auto picture = [&] { return painted(embers.light(), chosen.size, chosen.size, scale, glow); };
  const auto keep = [&](auto& file) {
    embers.keep(file);
    counts.keep(file, course.at());
    if constexpr (reads<decltype(file)>) gif.add(picture());
  };
  with_boundary(settings.boundary, [&]<class Edge>(Edge) {
    const basin::LifeLikeAutomaton<Edge> automaton{.rule = chosen.life};
    run_grid(course, automaton, {}, z, {0.0f, 1.0f}, keep, [&](Index t, const State<float>& now) {
      counts.see(t, cells_of(now));
      embers.see(now.values.data());
      strip.see(t, picture);
      if (filmed(settings, chosen.steps, t)) gif.add(picture());
    });
  });
  gif.finish();
  basin::write_png(settings.out + "/automata.png", picture());
  strip.write(settings.out + "/strip.png", Embers::legend());
  save(z);
  return write_counts(settings, chosen, counts, course, z.values.size());
}

[[nodiscard]] inline int run_lenia(const Settings& settings, const Chosen& chosen, Course& course) {
  const basin::LeniaOptions options{
      .radius = settings.radius, .steps_per_time = settings.time, .centre = settings.centre, .width = settings.width};
  Counts counts(chosen.quantity);
  if (chosen.unbounded) {
    basin::UnboundedPlane plane(basin::lenia<basin::Zero>(options), std::vector<float>{}, {.steps = 1});
    film_plane(settings, chosen, course, plane, counts);
    return write_counts(settings, chosen, counts, course, 0);
  }
  State<float> z = on_grid(chosen, chosen.size, chosen.size);
  GlowPicture picture{scale_for(settings, chosen.size, chosen.size)};
  with_boundary(settings.boundary, [&]<class Edge>(Edge) {
    counts =
        film_system(settings, chosen, course, basin::lenia<Edge>(options), {}, z, {0.0f, 1.0f}, all_numbers, picture);
  });
  return write_counts(settings, chosen, counts, course, z.values.size());
}

}  // namespace automata
