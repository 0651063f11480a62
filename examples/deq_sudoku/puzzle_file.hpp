#pragma once

// Puzzles of Sudoku from files.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "basin/io/atomic_file.hpp"
#include "basin/io/file_error.hpp"
#include "basin/io/gzip.hpp"
#include "puzzles.hpp"

namespace deq_sudoku {

/// Lines "puzzle,solution" of 81 digits each, by rows; an empty place is "." or "0". Plain or gzip. Throws
/// basin::FileError for a file that cannot be read or is not like that.
[[nodiscard]] inline std::vector<Puzzle> read_puzzles(const std::string& path) {
  constexpr std::uint64_t most = std::uint64_t{1} << 30;
  std::vector<std::uint8_t> bytes = basin::read_file(path, most);
  if (basin::detail::is_gzip(bytes)) {
    std::vector<std::uint8_t> unpacked;
    basin::detail::Gunzip gunzip(bytes, path);
    constexpr std::size_t piece = std::size_t{1} << 20;
    for (std::size_t count = piece; count == piece && unpacked.size() < most;) {
      unpacked.resize(unpacked.size() + piece);
      count = gunzip.read_some({unpacked.data() + unpacked.size() - piece, piece});
      unpacked.resize(unpacked.size() - piece + count);
    }
    bytes = std::move(unpacked);
  }
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::vector<Puzzle> puzzles;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.empty()) continue;
    const std::string where = "line " + std::to_string(puzzles.size() + 1);
    basin::check_file(line.size() == 2 * places + 1 && line[places] == ',', path, where + ": length of the line",
                      line.size(), "163: 81 digits, a comma and 81 digits");
    Puzzle& puzzle = puzzles.emplace_back();
    for (std::size_t i = 0; i < places; ++i) {
      const char given = line[i] == '.' ? '0' : line[i], solved = line[places + 1 + i];
      basin::check_file(
          given >= '0' && given <= '9' && solved >= '1' && solved <= '9' && (given == '0' || given == solved), path,
          where + ": a place", std::string{given, solved}, "a digit or ., and the solution's digit");
      puzzle.given[i] = static_cast<std::uint8_t>(given - '0');
      puzzle.solution[i] = static_cast<std::uint8_t>(solved - '0');
    }
    basin::check_file(is_solution(puzzle.solution), path, where + ": solution", "one with a digit twice in a unit",
                      "each digit once in each row, column and box");
  }
  basin::check_file(!puzzles.empty(), path, "number of puzzles", 0, "1 or more");
  return puzzles;
}

}  // namespace deq_sudoku
