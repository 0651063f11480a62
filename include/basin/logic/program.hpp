#pragma once

// A circuit run on many bits at once, 64 to a machine word: a value is a row of `width` words, and a gate one or two
// operations on them. Rows are used again as soon as nobody reads them any more, so that a circuit of hundreds of gates
// stays in the first-level cache.

#include <array>
#include <limits>

#include "basin/core/scratch.hpp"
#include "basin/kernels/vector.hpp"
#include "basin/logic/circuit.hpp"

namespace basin {

/// A circuit as instructions on words, a bit for each cell: 64 cells at a time.
class CircuitProgram {
 public:
  using Word = std::uint64_t;       ///< a bit for each of 64 cells
  static constexpr int width = 32;  ///< words of a row: of 2048 cells

  /// Nothing in, nothing out.
  CircuitProgram() = default;

  /// The gates as they are: see simplified(). Throws std::invalid_argument for a circuit whose numbers are wrong.
  explicit CircuitProgram(const Circuit& circuit) : inputs_(circuit.inputs) {
    circuit.check_numbers();
    const std::vector<std::int32_t> order = ordered(circuit);
    constexpr int never = -1, at_end = std::numeric_limits<int>::max();
    std::vector<int> last_read(static_cast<std::size_t>(circuit.values()), never);
    for (int t = 0; t < static_cast<int>(order.size()); ++t) {
      const Gate& gate = circuit.gates[static_cast<std::size_t>(order[static_cast<std::size_t>(t)])];
      for (const std::int32_t value : {gate.first, gate.second}) last_read[static_cast<std::size_t>(value)] = t;
    }
    for (const std::int32_t output : circuit.outputs) last_read[static_cast<std::size_t>(output)] = at_end;
    std::vector<std::int32_t> row_of(last_read.size()), free;
    for (std::int32_t i = 0; i < inputs_; ++i) row_of[static_cast<std::size_t>(i)] = i;
    for (int t = 0; t < static_cast<int>(order.size()); ++t) {
      const std::int32_t g = order[static_cast<std::size_t>(t)];
      const Gate& gate = circuit.gates[static_cast<std::size_t>(g)];
      const auto value = static_cast<std::size_t>(inputs_ + g);
      if (last_read[value] == never) continue;
      const std::int32_t first = row_of[static_cast<std::size_t>(gate.first)],
                         second = row_of[static_cast<std::size_t>(gate.second)];
      const auto release = [&](std::int32_t read) {
        if (read >= inputs_ && last_read[static_cast<std::size_t>(read)] == t) {
          free.push_back(row_of[static_cast<std::size_t>(read)]);
        }
      };
      release(gate.first);  // a gate may write where it reads
      if (gate.second != gate.first) release(gate.second);
      if (free.empty()) free.push_back(inputs_ + rows_++);
      row_of[value] = free.back();
      free.pop_back();
      if (runs_.empty() || runs_.back().function != gate.function) runs_.push_back({gate.function, 0});
      ++runs_.back().count;
      steps_.push_back({first, second, row_of[value] - inputs_});
    }
    for (const std::int32_t output : circuit.outputs) outputs_.push_back(row_of[static_cast<std::size_t>(output)]);
  }

  [[nodiscard]] int inputs() const { return inputs_; }                             ///< rows that run() reads
  [[nodiscard]] int outputs() const { return static_cast<int>(outputs_.size()); }  ///< rows that run() writes

  /// in: a pointer to `width` words for each input; out: one for each output, to write to. They do not overlap.
  void run(const Word* const* in, Word* const* out) const {
    Scratch scratch;
    const Word** row = scratch.take<const Word*>(inputs_ + rows_);
    Word* own = scratch.take<Word>(Index{rows_} * width);
    std::copy_n(in, inputs_, row);
    for (int i = 0; i < rows_; ++i) row[inputs_ + i] = own + Index{i} * width;
    const Step* step = steps_.data();
    for (const Run& run : runs_) {
      apply(run.function, step, run.count, row, own);
      step += run.count;
    }
    for (std::size_t o = 0; o < outputs_.size(); ++o) std::copy_n(row[outputs_[o]], width, out[o]);
  }

 private:
  struct Step {
    std::int32_t first, second;  // rows, of which the first are the inputs
    std::int32_t to;             // a row, of those that are not
  };
  /// Steps one after the other with the same function.
  struct Run {
    GateFunction function;
    std::int32_t count;
  };
  static constexpr int lanes = kernels::lanes_for<Word>(width);

  /// The gates in an order in which values are there before they are read, and as many as can be with the same function
  /// follow each other: to choose a function costs as much as to compute one on a row.
  static std::vector<std::int32_t> ordered(const Circuit& circuit) {
    const std::size_t count = circuit.gates.size();
    std::vector<std::vector<std::int32_t>> readers(count);
    std::vector<int> missing(count, 0);  // values that are not there yet
    std::array<std::vector<std::int32_t>, gate_functions> ready;
    for (std::size_t g = 0; g < count; ++g) {
      const Gate& gate = circuit.gates[g];
      for (const std::int32_t value : {gate.first, gate.second}) {
        if (value < circuit.inputs) continue;
        readers[static_cast<std::size_t>(value - circuit.inputs)].push_back(static_cast<std::int32_t>(g));
        ++missing[g];
      }
      if (missing[g] == 0) ready[gate.function].push_back(static_cast<std::int32_t>(g));
    }
    std::vector<std::int32_t> order;
    while (order.size() < count) {
      const auto most = std::max_element(ready.begin(), ready.end(),
                                         [](const auto& a, const auto& b) { return a.size() < b.size(); });
      while (!most->empty()) {
        const std::int32_t g = most->back();
        most->pop_back();
        order.push_back(g);
        for (const std::int32_t reader : readers[static_cast<std::size_t>(g)]) {
          const auto at = static_cast<std::size_t>(reader);
          if (--missing[at] == 0) ready[circuit.gates[at].function].push_back(reader);
        }
      }
    }
    return order;
  }

  template <GateFunction f>
  static void apply_one(const Step* step, std::int32_t count, const Word* const* row, Word* own) {
    for (const Step* end = step + count; step != end; ++step) {
      const Word *a = row[step->first], *b = row[step->second];
      Word* to = own + Index{step->to} * width;
#pragma GCC unroll 16
      for (int i = 0; i < width; i += lanes) {
        kernels::store<lanes>(to + i, gate_words(f, kernels::load<lanes>(a + i), kernels::load<lanes>(b + i)));
      }
    }
  }
  static void apply(GateFunction f, const Step* step, std::int32_t count, const Word* const* row, Word* own) {
    using Function = void (*)(const Step*, std::int32_t, const Word* const*, Word*);
    static constexpr std::array<Function, gate_functions> all = []<std::size_t... i>(std::index_sequence<i...>) {
      return std::array<Function, gate_functions>{&apply_one<static_cast<GateFunction>(i)>...};
    }
    (std::make_index_sequence<gate_functions>{});
    all[f](step, count, row, own);
  }

  int inputs_ = 0;
  std::int32_t rows_ = 0;  // beside the inputs
  std::vector<Step> steps_;
  std::vector<Run> runs_;
  std::vector<std::int32_t> outputs_;
};

/// What a circuit answers to some bits, one by one. Throws std::invalid_argument unless there is one for each input.
[[nodiscard]] inline std::vector<bool> answer(const Circuit& circuit, const std::vector<bool>& bits) {
  check(static_cast<int>(bits.size()) == circuit.inputs, "bits for a circuit", bits.size(), circuit.inputs);
  circuit.check_numbers();
  std::vector<bool> values = bits, out;
  for (const Gate& gate : circuit.gates) {
    values.push_back(gate_value(gate.function, values[static_cast<std::size_t>(gate.first)],
                                values[static_cast<std::size_t>(gate.second)]));
  }
  for (const std::int32_t output : circuit.outputs) out.push_back(values[static_cast<std::size_t>(output)]);
  return out;
}

}  // namespace basin
