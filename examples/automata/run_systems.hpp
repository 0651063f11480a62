#pragma once

// The runs of Lenia of several kernels, Flow-Lenia, Particle Lenia and the automaton that finds ways, with their
// pictures.

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "basin/nca/flow_lenia.hpp"
#include "basin/nca/particle_lenia.hpp"
#include "running.hpp"
#include "systems.hpp"

namespace automata {

/// Calls body with one of the two boundaries that systems of many kernels are compiled for.
template <class Body>
void with_torus_or_walls(const std::string& name, const Body& body) {
  if (name == "periodic") body(basin::Periodic{});
  if (name == "zero") body(basin::Zero{});
}

/// Three channels as red, green and blue.
struct ColourPicture {
  Index scale = 1;
  float full = 1;  ///< the number that is as bright as can be

  template <class File>
  void keep(File&, Index) {}
  void see(Index, const State<float>&) {}

  [[nodiscard]] Image draw(const State<float>& z) const {
    const Index width = z.shape.space[0], height = z.shape.space[1];
    Image image = basin::examples::blank(width * scale, height * scale);
    for (Index p = 0; p < width * height; ++p) {
      const auto light = [&](Index c) { return brightness(z.values[channels * p + c] / full); };
      basin::examples::fill(image, p % width * scale, p / width * scale, scale, scale, {light(0), light(1), light(2)});
    }
    return image;
  }

  [[nodiscard]] basin::examples::SheetOptions legend() const {
    const auto grey = [](double amount) {
      const std::uint8_t light = brightness(amount);
      return basin::examples::Colour{light, light, light};
    };
    return {
        .bar = basin::examples::ScaleBar{grey, 0, full, "amount in a channel; its colour is as bright as this grey"},
        .key = {{{255, 0, 0}, "first channel"}, {{0, 255, 0}, "second"}, {{0, 0, 255}, "third"}}};
  }

 private:
  [[nodiscard]] static std::uint8_t brightness(double amount) {
    return static_cast<std::uint8_t>(std::lround(255 * std::sqrt(std::clamp(amount, 0.0, 1.0))));
  }
};

[[nodiscard]] inline int run_expanded(const Settings& settings, const Chosen& chosen, Course& course) {
  const std::vector<basin::LeniaKernel> kernels = basin::tessellatium_kernels();
  ColourPicture picture{scale_for(settings, chosen.size, chosen.size)};
  State<float> z = chosen.start;
  Counts counts(chosen.quantity);
  with_torus_or_walls(settings.boundary, [&]<class Edge>(Edge) {
    using A = basin::ExpandedLenia<channels, 15, Edge>;
    const auto automaton = basin::expanded_lenia<channels, 15, Edge>(kernels, basin::tessellatium_steps_per_time);
    const auto theta = basin::lenia_parameters<A>(kernels);
    counts = film_system(settings, chosen, course, automaton, theta.span(), z, {0.0f, 1.0f}, all_numbers, picture);
  });
  return write_counts(settings, chosen, counts, course, z.shape.cells());
}

[[nodiscard]] inline int run_flow(const Settings& settings, const Chosen& chosen, Course& course) {
  const std::vector<basin::LeniaKernel> kernels = random_flow_kernels(settings.seed);
  ColourPicture picture{scale_for(settings, chosen.size, chosen.size), 2};
  State<float> z = chosen.start;
  const double before = z.values.cast<double>().sum();
  Counts counts(chosen.quantity);
  with_torus_or_walls(settings.boundary, [&]<class Edge>(Edge) {
    using A = basin::FlowLenia<channels, flow_kernels, Edge>;
    const auto theta = basin::lenia_parameters<A>(kernels);
    counts = film_system(settings, chosen, course, A(kernels), theta.span(), z, {0.0f, 1e6f}, all_numbers, picture);
  });
  return write_counts(settings, chosen, counts, course, z.shape.cells(),
                      {{"relative_change_of_mass", counts.last() / before - 1}});
}

/// The growth that the field of the particles would give at each place, and the particles.
struct ParticlePicture {
  basin::ParticleOptions options;
  double half_side;    ///< of what is seen, in units
  Index pixels = 400;  ///< of the picture, either way

  template <class File>
  void keep(File&, Index) {}
  void see(Index, const State<float>&) {}

  [[nodiscard]] Image draw(const State<float>& z) const {
    // K by distance in steps of a thousandth of its reach.
    const double reach = options.kernel_centre + 3.5 * options.kernel_width,
                 unit = 2 * half_side / static_cast<double>(pixels);
    std::vector<float> kernel(1001), field(static_cast<std::size_t>(pixels * pixels));
    for (std::size_t i = 0; i <= 1000; ++i) {
      const double off = (reach * static_cast<double>(i) / 1000 - options.kernel_centre) / options.kernel_width;
      kernel[i] = static_cast<float>(options.kernel_weight * std::exp(-off * off));
    }
    const auto each_near = [&](Index i, double radius, const auto& visit) {
      const double x = z.values[2 * i] / unit + static_cast<double>(pixels) / 2,
                   y = z.values[2 * i + 1] / unit + static_cast<double>(pixels) / 2, far = radius / unit;
      const auto bound = [&](double at) {
        return static_cast<Index>(std::clamp(at, 0.0, static_cast<double>(pixels)));
      };
      for (Index v = bound(y - far); v < bound(y + far + 1); ++v) {
        for (Index u = bound(x - far); u < bound(x + far + 1); ++u) {
          const double dx = static_cast<double>(u) + 0.5 - x, dy = static_cast<double>(v) + 0.5 - y;
          const double r = unit * std::sqrt(dx * dx + dy * dy);
          if (r < radius) visit(u, v, r);
        }
      }
    };
    for (Index i = 0; i < z.shape.space[0]; ++i) {
      each_near(i, reach, [&](Index u, Index v, double r) {
        field[static_cast<std::size_t>(v * pixels + u)] += kernel[static_cast<std::size_t>(1000 * r / reach)];
      });
    }
    Image image = painted(field.data(), pixels, pixels, 1, [&](double density) {
      const double off = (density - options.growth_centre) / options.growth_width;
      return of_growth(std::exp(-off * off));
    });
    for (Index i = 0; i < z.shape.space[0]; ++i) {
      each_near(i, 0.22, [&](Index u, Index v, double) { basin::examples::fill(image, u, v, 1, 1, glow(1)); });
    }
    return image;
  }

  [[nodiscard]] static basin::examples::SheetOptions legend() {
    return {.bar = basin::examples::ScaleBar{of_growth, 0, 1, "growth G(U)"}, .key = {{glow(1), "particle"}}};
  }

 private:
  // Darker than the particles.
  [[nodiscard]] static basin::examples::Colour of_growth(double growth) { return glow(0.8 * growth); }
};

[[nodiscard]] inline int run_particles(const Settings& settings, const Chosen& chosen, Course& course) {
  const basin::ParticleOptions options{.total = settings.total};
  const auto automaton = basin::particle_lenia(options);
  ParticlePicture picture{options, 0.95 * std::sqrt(static_cast<double>(chosen.size)),
                          settings.scale > 0 ? 100 * settings.scale : 400};
  State<float> z = chosen.start;
  const auto measure = [&](const State<float>& now, const auto& visit) {
    visit(std::uint64_t{0}, basin::particle_energy(options, now.view()));
  };
  const Counts counts = film_system(settings, chosen, course, automaton, {}, z, {-1e6f, 1e6f}, measure, picture);
  return write_counts(settings, chosen, counts, course, chosen.size,
                      {{"downhill_in", settings.total ? "the energy of all" : "each its own"}});
}

/// Walls dark; what the wave has reached the bluer the later; the path red, from the start, green, to the goal, orange.
struct MazePicture {
  Index scale = 1;
  double last = 1;  ///< the last step that changes anything
  std::vector<Index> reached{};

  explicit MazePicture(const State<float>& z, Index pixels, double end)
      : scale(pixels), last(end), reached(static_cast<std::size_t>(z.shape.cells()), -1) {}

  template <class File>
  void keep(File& file, Index t) {
    file("reached", reached, basin::Length{reached.size()}, basin::Within{Index{-1}, t});
  }

  void see(Index t, const State<float>& z) {
    for (std::size_t p = 0; p < reached.size(); ++p) {
      if (reached[p] < 0 && is_reached(z.values.data() + static_cast<Index>(p) * basin::path_features)) reached[p] = t;
    }
  }

  /// Between two steps cells were made to forget.
  void damaged(const State<float>& z) {
    for (std::size_t p = 0; p < reached.size(); ++p) {
      if (!is_reached(z.values.data() + static_cast<Index>(p) * basin::path_features)) reached[p] = -1;
    }
  }

  [[nodiscard]] static bool is_reached(const float* cell) {
    float sum = cell[basin::path_goal];
    for (int k = basin::path_to_west; k < basin::path_found; ++k) sum += cell[k];
    return sum > 0;
  }

  [[nodiscard]] Image draw(const State<float>& z) const {
    const Index width = z.shape.space[0], height = z.shape.space[1];
    Index p = 0;  // painted goes through the cells in order
    return painted(reached.data(), width, height, scale, [&](double when) {
      const float* cell = z.values.data() + p++ * basin::path_features;
      if (cell[basin::path_start] > 0) return start;
      if (cell[basin::path_goal] > 0) return goal;
      if (cell[basin::path_found] > 0) return path;
      if (cell[basin::path_open] == 0) return wall;
      return when < 0 ? open : wave(when / last);
    });
  }

  [[nodiscard]] basin::examples::SheetOptions legend() const {
    return {.bar = basin::examples::ScaleBar{wave, 0, last, "step in which the wave arrived"},
            .key = {{start, "start"}, {goal, "goal"}, {path, "path"}, {wall, "wall"}, {open, "not reached yet"}}};
  }

 private:
  static constexpr basin::examples::Colour start{0, 158, 115}, goal{230, 159, 0}, path{213, 94, 0}, wall{45, 45, 52},
      open{250, 250, 246};
  [[nodiscard]] static basin::examples::Colour wave(double share) {
    return basin::examples::between(std::array<basin::examples::Colour, 2>{{{214, 234, 248}, {70, 130, 200}}}, share);
  }
};

[[nodiscard]] inline int run_path(const Settings& settings, const Chosen& chosen, Course& course) {
  const Maze maze = film_maze(settings, chosen.size);
  MazePicture picture(chosen.start, scale_for(settings, chosen.size, chosen.size),
                      static_cast<double>(last_change(maze)));
  State<float> z = chosen.start;
  // Cells that know their way, and those of the path beside them: what grows until the state stands still.
  const auto measure = [](const State<float>& now, const auto& visit) {
    for (Index p = 0; p < now.shape.cells(); ++p) {
      const float* cell = now.values.data() + p * basin::path_features;
      if (MazePicture::is_reached(cell)) visit(static_cast<std::uint64_t>(2 * p), 1.0f);
      if (cell[basin::path_found] > 0) visit(static_cast<std::uint64_t>(2 * p + 1), 1.0f);
    }
  };
  const auto theta = basin::path_finder_parameters();
  const Counts counts =
      film_system(settings, chosen, course, basin::PathFinder{}, theta.span(), z, {0.0f, 1.0f}, measure, picture);
  basin::OrderedJson more;
  int signal = 0;
  if (!course.stopped()) {
    more = {{"parameters", basin::PathFinder::param_count},
            {"way", maze.path_length()},
            {"solved_it", is_shortest(maze, z.values.data())}};
    if (settings.mazes > 0) more["proof"] = solve_mazes(settings, chosen.size, signal);
  }
  const int status = write_counts(settings, chosen, counts, course, z.shape.cells(), more);
  if (signal == 0) return status;
  if (signal != SIGPIPE) std::printf("stopped by %s\n", basin::signal_name(signal).c_str());
  return 128 + signal;
}

}  // namespace automata
