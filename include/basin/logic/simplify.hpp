#pragma once

// The same circuit with fewer gates. Nothing is searched for; in one pass over the gates, in their order,
//
//   - what is constant, and what only hands a value on, or its opposite, is no gate: readers read the value itself;
//   - gates that read the opposite of a value are other functions of the value, and those whose function is 1 at
//     (0, 0) the opposite of one that is not: five functions are left, and of equal gates on equal values one;
//   - a gate on two values of which one is made of the other, or both of the same two, is one gate on those two;
//   - with few inputs (`table_inputs` at most) of gates with equal truth tables over all inputs, too, one is left;
//
// and in the end gates that no output needs go. An output that is the opposite of a gate or an input takes one more
// gate, unless the gate can be the opposite itself because nobody else reads it.

#include <array>
#include <map>

#include "basin/logic/circuit.hpp"

namespace basin {

/// How hard simplify tries.
struct SimplifyOptions {
  int table_inputs = 12;  ///< 0 to 16; a truth table has 2^inputs bits, and each gate one of them
};

namespace detail {

/// A gate or an input, or a constant (node -1, which is 0), or the opposite.
struct Literal {
  std::int32_t node = -1;
  bool opposite = false;
};

class Simplifier {
 public:
  Simplifier(const Circuit& circuit, const SimplifyOptions& options) : circuit_(circuit) {
    circuit.check_numbers();
    check(options.table_inputs >= 0 && options.table_inputs <= 16, "table_inputs", options.table_inputs, "0 to 16");
    tables_are_kept_ = circuit.inputs <= options.table_inputs;
  }

  Circuit operator()() {
    made_.inputs = circuit_.inputs;
    for (std::int32_t i = 0; i < circuit_.inputs; ++i) {
      literals_.push_back({i, false});
      if (tables_are_kept_) tables_.emplace(input_table(i), literals_.back());
      if (tables_are_kept_) table_of_.push_back(input_table(i));
    }
    if (tables_are_kept_) tables_.emplace(Table(words(), 0), Literal{});
    for (const Gate& gate : circuit_.gates) {
      literals_.push_back(make(gate.function, literals_[static_cast<std::size_t>(gate.first)],
                               literals_[static_cast<std::size_t>(gate.second)]));
    }
    return with_outputs();
  }

 private:
  using Table = std::vector<std::uint64_t>;

  /// A function of literals as a literal.
  Literal make(GateFunction f, Literal a, Literal b) {
    if (a.opposite) f = first_flipped(f);
    if (b.opposite) f = second_flipped(f);
    if (a.node < 0) f = first_fixed(f);                 // a is 0
    if (b.node < 0) f = second_fixed(f);                // b is 0
    if (a.node == b.node && a.node >= 0) f = equal(f);  // then f reads the first alone
    const bool opposite = gate_value(f, false, false);
    if (opposite) f = static_cast<GateFunction>(15 - f);
    if (f == gate_false) return {-1, opposite};
    if (f == gate_first) return {a.node, opposite};
    if (f == gate_second) return {b.node, opposite};
    if (a.node > b.node) {
      std::swap(a, b);
      f = swapped(f);
    }
    Literal pair[2];
    if (of_a_pair(a.node, b.node, pair)) {
      GateFunction together = 0;  // of the pair's values, in the order of a function's bits
      for (int i = 0; i < 4; ++i) {
        const bool first = i >= 2, second = i % 2 == 1;
        const auto at = [&](std::int32_t node) {
          return node == pair[0].node   ? first
                 : node == pair[1].node ? second
                                        : gate_value(gate_of(node).function, first, second);
        };
        together = static_cast<GateFunction>(together << 1 | (gate_value(f, at(a.node), at(b.node)) ? 1 : 0));
      }
      Literal less = make(together, pair[0], pair[1]);
      less.opposite = less.opposite != opposite;
      return less;
    }
    Literal same = known({f, a.node, b.node});
    same.opposite = same.opposite != opposite;
    return same;
  }

  [[nodiscard]] const Gate& gate_of(std::int32_t node) const {
    return made_.gates[static_cast<std::size_t>(node - made_.inputs)];
  }
  /// Whether nodes a < b are functions of the same two, which are then the pair, and the second is below b.
  bool of_a_pair(std::int32_t a, std::int32_t b, Literal* pair) const {
    if (b < made_.inputs) return false;
    const Gate& of_b = gate_of(b);
    pair[0].node = of_b.first;
    pair[1].node = of_b.second;
    if (of_b.first == a || of_b.second == a) return true;
    return a >= made_.inputs && gate_of(a).first == of_b.first && gate_of(a).second == of_b.second;
  }

  /// A gate with f(0, 0) = 0 on two nodes: one that is there, or a new one.
  Literal known(const Gate& gate) {
    const auto [at, is_new] = gates_.try_emplace({gate.function, gate.first, gate.second});
    if (!is_new) return at->second;
    const Literal next{made_.values(), false};
    if (tables_are_kept_) {
      const Table &a = table_of_[static_cast<std::size_t>(gate.first)],
                  &b = table_of_[static_cast<std::size_t>(gate.second)];
      Table table(words());
      for (std::size_t i = 0; i < table.size(); ++i) table[i] = gate_words(gate.function, a[i], b[i]) & full();
      // All functions here are 0 where all inputs are, so that no two gates are opposites.
      const auto [same, first] = tables_.try_emplace(table, next);
      if (!first) return at->second = same->second;
      table_of_.push_back(std::move(table));
    }
    made_.gates.push_back(gate);
    return at->second = next;
  }

  /// The gates that outputs need, and outputs that are opposites.
  Circuit with_outputs() {
    const std::size_t count = made_.gates.size();
    std::vector<int> readers(static_cast<std::size_t>(made_.values()), 0);
    std::vector<int> straight(readers.size(), 0);  // readers but outputs of the opposite
    for (const std::int32_t output : circuit_.outputs) {
      const Literal literal = literals_[static_cast<std::size_t>(output)];
      if (literal.node < 0) continue;
      ++readers[static_cast<std::size_t>(literal.node)];
      if (!literal.opposite) ++straight[static_cast<std::size_t>(literal.node)];
    }
    for (std::size_t g = count; g-- > 0;) {
      if (readers[static_cast<std::size_t>(made_.inputs) + g] == 0) continue;
      for (const std::int32_t value : {made_.gates[g].first, made_.gates[g].second}) {
        ++readers[static_cast<std::size_t>(value)];
        ++straight[static_cast<std::size_t>(value)];
      }
    }
    Circuit out{.inputs = made_.inputs};
    std::vector<std::int32_t> place(readers.size(), -1);
    for (std::int32_t i = 0; i < made_.inputs; ++i) place[static_cast<std::size_t>(i)] = i;
    for (std::size_t g = 0; g < count; ++g) {
      const std::size_t value = static_cast<std::size_t>(made_.inputs) + g;
      if (readers[value] == 0) continue;
      Gate gate = made_.gates[g];
      gate.first = place[static_cast<std::size_t>(gate.first)];
      gate.second = place[static_cast<std::size_t>(gate.second)];
      if (straight[value] == 0) gate.function = static_cast<GateFunction>(15 - gate.function);
      place[value] = out.values();
      out.gates.push_back(gate);
    }
    std::map<std::pair<std::int32_t, bool>, std::int32_t> extra;  // constants and opposites
    for (const std::int32_t output : circuit_.outputs) {
      const Literal literal = literals_[static_cast<std::size_t>(output)];
      const bool constant = literal.node < 0;
      const auto node = static_cast<std::size_t>(std::max(0, literal.node));
      const bool itself = !constant && (!literal.opposite || (literal.node >= made_.inputs && straight[node] == 0));
      if (itself) {
        out.outputs.push_back(place[node]);
        continue;
      }
      const auto [at, is_new] = extra.try_emplace({literal.node, literal.opposite}, out.values());
      if (is_new) {
        const std::int32_t from = constant ? 0 : place[node];
        out.gates.push_back({constant ? (literal.opposite ? gate_true : gate_false) : gate_not_first, from, from});
      }
      out.outputs.push_back(at->second);
    }
    return out;
  }

  // Functions as bits (0,0) (0,1) (1,0) (1,1), from the highest.
  static GateFunction first_flipped(GateFunction f) { return static_cast<GateFunction>((f >> 2 | f << 2) & 15); }
  static GateFunction second_flipped(GateFunction f) { return static_cast<GateFunction>((f >> 1 & 5) | (f << 1 & 10)); }
  static GateFunction swapped(GateFunction f) {
    return static_cast<GateFunction>((f & 9) | (f >> 1 & 2) | (f << 1 & 4));
  }
  static GateFunction first_fixed(GateFunction f) { return static_cast<GateFunction>((f & 12) | f >> 2); }
  static GateFunction second_fixed(GateFunction f) { return static_cast<GateFunction>((f & 10) | (f & 10) >> 1); }
  static GateFunction equal(GateFunction f) {
    return static_cast<GateFunction>(((f & 8) != 0 ? 12 : 0) | ((f & 1) != 0 ? 3 : 0));
  }

  [[nodiscard]] std::size_t words() const { return circuit_.inputs > 6 ? std::size_t{1} << (circuit_.inputs - 6) : 1; }
  /// The bits of a word that a table has: all, but of fewer than six inputs.
  [[nodiscard]] std::uint64_t full() const {
    return circuit_.inputs >= 6 ? ~std::uint64_t{0} : (std::uint64_t{1} << (1 << circuit_.inputs)) - 1;
  }
  /// Bit n of a table belongs to the inputs whose bits n has.
  [[nodiscard]] Table input_table(int input) const {
    constexpr std::array<std::uint64_t, 6> low{0xaaaaaaaaaaaaaaaa, 0xcccccccccccccccc, 0xf0f0f0f0f0f0f0f0,
                                               0xff00ff00ff00ff00, 0xffff0000ffff0000, 0xffffffff00000000};
    Table table(words());
    for (std::size_t i = 0; i < table.size(); ++i) {
      table[i] = (input < 6                     ? low[static_cast<std::size_t>(input)]
                  : (i >> (input - 6) & 1) != 0 ? ~std::uint64_t{0}
                                                : 0) &
                 full();
    }
    return table;
  }

  const Circuit& circuit_;
  bool tables_are_kept_ = false;
  Circuit made_;                   // gates with f(0, 0) = 0 alone
  std::vector<Literal> literals_;  // of the values of the circuit
  std::map<std::array<std::int32_t, 3>, Literal> gates_;
  std::map<Table, Literal> tables_;  // of what is made
  std::vector<Table> table_of_;      // the same, by number
};

}  // namespace detail

/// A circuit with the same inputs and outputs, and the same answer to everything. Throws std::invalid_argument for a
/// circuit whose numbers are wrong.
[[nodiscard]] inline Circuit simplified(const Circuit& circuit, const SimplifyOptions& options = {}) {
  return detail::Simplifier(circuit, options)();
}

}  // namespace basin
