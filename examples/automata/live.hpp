#pragma once

// The automata, watched in the terminal.

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "../support/live.hpp"
#include "run_systems.hpp"
#include "worlds.hpp"

namespace automata {

/// Cells of a world whose cells have two states, so that each is a pixel of the terminal: with --size a square of so
/// many, else all that there is room for.
struct Room {
  Index width = 0, height = 0;
};

[[nodiscard]] inline Room room_for(const Settings& settings, const Chosen& chosen) {
  const auto [columns, rows] = basin::examples::Terminal::size();
  Room room{columns, 2 * Index{rows - 3}};
  if (settings.size > 0) room = {chosen.size, std::max<Index>(1, chosen.size * room.height / room.width)};
  if (chosen.family == Family::elementary) return room;
  if (settings.size > 0 || chosen.sized) return {chosen.size, chosen.size};
  const std::array<Index, 3>& space = chosen.start.shape.space;
  return chosen.pattern == "random" ? room : Room{std::max(room.width, space[0]), std::max(room.height, space[1])};
}

/// Of the family that `now` is of the next pattern that has room: those with a name in turn, and where there are none,
/// or last of all, random ones, ever other ones.
[[nodiscard]] inline Chosen following(Settings& settings, const Chosen& now, const Room& room) {
  std::vector<std::string> names;
  if (now.family == Family::elementary) names = {"cell", "random"};
  if (now.family == Family::life_like) names = {"glider", "r-pentomino", "acorn", "gosper-gun", "random"};
  if (now.family == Family::lenia) names = {"orbium", "random"};
  settings.rule = now.rule;
  ++settings.seed;
  if (names.empty()) return choose(settings);
  auto at = std::find(names.begin(), names.end(), now.pattern);
  for (;;) {
    at = at == names.end() || at + 1 == names.end() ? names.begin() : at + 1;
    settings.pattern = *at;
    Chosen next = choose(settings);
    const std::array<Index, 3>& space = next.start.shape.space;
    if (*at == "random" || (space[0] <= room.width && space[1] <= room.height)) return next;
  }
}

/// What families differ in.
struct Ways {
  std::function<void(const Settings&, const Chosen&)> begin{};  ///< makes the world that of a pattern
  std::function<std::unique_ptr<Painter>(const Settings&, const Chosen&, const State<float>&)> painter{};
  std::function<void(State<float>& z, double x, double y, double radius)> damage =
      [](State<float>& z, double x, double y, double radius) { basin::examples::erase_disc(z.view(), x, y, radius); };
};

inline int watch(Settings settings, Chosen chosen, const Room& room, World& world, const Ways& ways,
                 basin::examples::Scene scene) {
  std::unique_ptr<Painter> painter;
  const auto restart = [&] {
    ways.begin(settings, chosen);
    painter = ways.painter(settings, chosen, world.seen());
    painter->see(0, world.seen());
  };
  scene.name = (chosen.family == Family::elementary ? "automata, rule " : "automata, ") + chosen.rule;
  scene.restart = restart;
  scene.step = [&](Index t) {
    world.step();
    painter->see(t + 1, world.seen());
  };
  scene.picture = [&] { return painter->draw(world.seen()); };
  scene.damage = [&](double x, double y, double radius) {
    State<float> z = world.seen();
    ways.damage(z, x, y, radius);
    world.put(z);
    painter->damaged(z);
  };
  scene.keys = {{'n', "next pattern",
                 [&] {
                   chosen = following(settings, chosen, room);
                   restart();
                 },
                 true}};
  scene.status = [&] { return chosen.pattern; };
  return basin::examples::Live(std::move(scene), settings.live).run();
}

/// The same picture for all patterns.
template <class Picture>
[[nodiscard]] auto always(const Picture& picture) {
  return [picture](const Settings&, const Chosen&, const State<float>&) {
    return std::make_unique<PainterOf<Picture>>(picture);
  };
}

/// Elementary automata, Life-like ones and Lenia. make(edge) is the automaton with a boundary.
template <class Make>
int watch_cells(const Settings& settings, const Chosen& chosen, const Room& room, const Make& make, Ways ways,
                basin::examples::Scene scene) {
  const Index rows = chosen.family == Family::elementary ? 1 : room.height;
  const auto placed = [&](const Settings& now, const Chosen& of) {
    Chosen out = of;
    const bool noise = of.family != Family::lenia && of.pattern == "random";
    if (noise) out.start = detail::noise(room.width, rows, now.density, now.seed);
    return out;
  };
  if (chosen.unbounded) {
    PlaneWorld<decltype(make(basin::Zero{}))> world(room.width, rows);
    ways.begin = [&](const Settings& now, const Chosen& of) {
      world.begin(make(basin::Zero{}), placed(now, of).start);
    };
    return watch(settings, chosen, room, world, ways, std::move(scene));
  }
  scene.cells = static_cast<double>(room.width * rows);
  int status = 0;
  with_boundary(settings.boundary, [&]<class Edge>(Edge) {
    GridWorld<decltype(make(Edge{}))> world;
    ways.begin = [&](const Settings& now, const Chosen& of) {
      world.begin(make(Edge{}), {}, on_grid(placed(now, of), room.width, rows));
    };
    status = watch(settings, chosen, room, world, ways, std::move(scene));
  });
  return status;
}

/// Lenia of several kernels; make(edge, settings) is an automaton and its parameters.
template <class Make>
int watch_kernels(const Settings& settings, const Chosen& chosen, const ColourPicture& picture, const Make& make) {
  int status = 0;
  with_torus_or_walls(settings.boundary, [&]<class Edge>(Edge) {
    GridWorld<typename decltype(make(Edge{}, settings))::first_type> world;
    const auto begin = [&](const Settings& now, const Chosen& of) {
      auto [automaton, theta] = make(Edge{}, now);
      world.begin(std::move(automaton), std::move(theta), of.start);
    };
    status = watch(settings, chosen, {}, world, {.begin = begin, .painter = always(picture)},
                   {.cells = static_cast<double>(chosen.size * chosen.size)});
  });
  return status;
}

inline int watch_particles(const Settings& settings, const Chosen& chosen) {
  const basin::ParticleOptions options{.total = settings.total};
  const ParticlePicture picture{options, 0.95 * std::sqrt(static_cast<double>(chosen.size)), 160};
  GridWorld<decltype(basin::particle_lenia(options))> world;
  const auto begin = [&](const Settings&, const Chosen& of) {
    world.begin(basin::particle_lenia(options), {}, of.start);
  };
  // Particles do not vanish: those of the disc are driven to its rim.
  const auto drive_out = [&](State<float>& z, double x, double y, double radius) {
    const double unit = 2 * picture.half_side / static_cast<double>(picture.pixels), half = picture.half_side;
    for (Index i = 0; i < z.shape.space[0]; ++i) {
      const double dx = static_cast<double>(z.values[2 * i]) + half - unit * x,
                   dy = static_cast<double>(z.values[2 * i + 1]) + half - unit * y, far = std::hypot(dx, dy);
      if (far >= unit * radius || far == 0) continue;
      const double more = unit * radius / far - 1;
      z.values[2 * i] += static_cast<float>(more * dx);
      z.values[2 * i + 1] += static_cast<float>(more * dy);
    }
  };
  return watch(settings, chosen, {}, world, {begin, always(picture), drive_out},
               {.cells = static_cast<double>(chosen.size), .speed = 60, .damage_word = "drive out"});
}

inline int watch_path(const Settings& settings, const Chosen& chosen) {
  const auto theta = basin::path_finder_parameters();
  GridWorld<basin::PathFinder> world;
  const auto begin = [&](const Settings&, const Chosen& of) {
    world.begin({}, {theta.span().begin(), theta.span().end()}, of.start);
  };
  const auto painter = [](const Settings& now, const Chosen& of, const State<float>& z) {
    const auto last = static_cast<double>(last_change(film_maze(now, of.size)));
    return std::make_unique<PainterOf<MazePicture>>(MazePicture(z, 1, last));
  };
  // Cells forget their way; the maze stays.
  const auto forget = [](State<float>& z, double x, double y, double radius) {
    const Index width = z.shape.space[0];
    basin::examples::each_in_disc(width, z.shape.space[1], x, y, radius, [&](Index i, Index j) {
      float* cell = z.values.data() + (j * width + i) * basin::path_features;
      for (int k = 0; k < basin::path_features; ++k) {
        if (k != basin::path_open && k != basin::path_start && k != basin::path_goal) cell[k] = 0;
      }
    });
  };
  return watch(settings, chosen, {}, world, {begin, painter, forget},
               {.cells = static_cast<double>(chosen.size * chosen.size),
                .legend = MazePicture(chosen.start, 1, 1).legend().key,
                .damage_word = "clear"});
}

[[nodiscard]] inline int watch_family(const Settings& settings, const Chosen& chosen) {
  const Room room = room_for(settings, chosen);
  switch (chosen.family) {
    case Family::elementary:
      return watch_cells(
          settings, chosen, room,
          [&]<class Edge>(Edge) { return basin::ElementaryAutomaton<Edge>{.rule = chosen.elementary}; },
          {.painter = [&](const Settings&, const Chosen&,
                          const State<float>& z) { return std::make_unique<RowsPainter>(z, room.height); },
           // Of the line that lives now, wherever in the picture.
           .damage = [](State<float>& z, double x, double,
                        double radius) { basin::examples::erase_disc(z.view(), x, 0.5, radius); }},
          {.speed = 15});
    case Family::life_like:
      return watch_cells(settings, chosen, room,
                         [&]<class Edge>(Edge) { return basin::LifeLikeAutomaton<Edge>{.rule = chosen.life}; },
                         {.painter = [](const Settings&, const Chosen&,
                                        const State<float>& z) { return std::make_unique<EmberPainter>(z); }},
                         {.speed = 15});
    case Family::lenia: {
      const basin::LeniaOptions options{.radius = settings.radius,
                                        .steps_per_time = settings.time,
                                        .centre = settings.centre,
                                        .width = settings.width};
      return watch_cells(settings, chosen, {chosen.size, chosen.size},
                         [&]<class Edge>(Edge) { return basin::lenia<Edge>(options); },
                         {.painter = always(GlowPicture())}, {});
    }
    case Family::expanded:
      return watch_kernels(settings, chosen, {}, []<class Edge>(Edge, const Settings&) {
        const std::vector<basin::LeniaKernel> kernels = basin::tessellatium_kernels();
        using A = basin::ExpandedLenia<channels, 15, Edge>;
        const auto theta = basin::lenia_parameters<A>(kernels);
        return std::pair(basin::expanded_lenia<channels, 15, Edge>(kernels, basin::tessellatium_steps_per_time),
                         std::vector<float>(theta.span().begin(), theta.span().end()));
      });
    case Family::flow:
      return watch_kernels(settings, chosen, {1, 2}, []<class Edge>(Edge, const Settings& now) {
        const std::vector<basin::LeniaKernel> kernels = random_flow_kernels(now.seed);
        using A = basin::FlowLenia<channels, flow_kernels, Edge>;
        const auto theta = basin::lenia_parameters<A>(kernels);
        return std::pair(A(kernels), std::vector<float>(theta.span().begin(), theta.span().end()));
      });
    case Family::particles:
      return watch_particles(settings, chosen);
    case Family::path:
      return watch_path(settings, chosen);
  }
  return 0;
}

}  // namespace automata
