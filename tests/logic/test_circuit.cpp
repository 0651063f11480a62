// Circuits of known gates: simplified, run on many bits at once, and written as source.

#include "basin/logic/circuit.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <sstream>

#include "basin/logic/circuit_text.hpp"
#include "basin/logic/simplify.hpp"
#include "random_circuit.hpp"

using namespace basin;
using namespace basin::test;

namespace {

constexpr GateFunction nor = 8;

/// Runs a module of Verilog as circuit_as_verilog writes it: its lines in order, with the operators ~ & | ^ and
/// brackets, by the rules of the language: ~ binds closest, then &, ^ and |.
class Verilog {
 public:
  explicit Verilog(const std::string& text) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      for (const char* word : {"  wire ", "  assign "}) {
        if (line.rfind(word, 0) == 0) assigns_.push_back(line.substr(std::string(word).size()));
      }
    }
  }

  bool understood = true;  ///< whether all lines were

  std::vector<bool> operator()(const std::vector<bool>& bits, std::size_t outputs) {
    values_.clear();
    values_["1'b1"] = true;
    for (std::size_t i = 0; i < bits.size(); ++i) values_["x[" + std::to_string(i) + "]"] = bits[i];
    for (const std::string& line : assigns_) {
      const std::size_t equals = line.find(" = ");
      text_ = line.substr(equals + 3);
      at_ = 0;
      values_[line.substr(0, equals)] = binary(0);
      understood = understood && text_.substr(at_) == ";";
    }
    std::vector<bool> out;
    for (std::size_t o = 0; o < outputs; ++o) out.push_back(values_.at("y[" + std::to_string(o) + "]"));
    return out;
  }

 private:
  bool binary(std::size_t level) {
    static const std::string operators = "|^&";
    if (level == operators.size()) return unary();
    bool value = binary(level + 1);
    while (text_.substr(at_, 3) == std::string(" ") + operators[level] + " ") {
      at_ += 3;
      const bool right = binary(level + 1);
      value = operators[level] == '&' ? value && right : operators[level] == '|' ? value || right : value != right;
    }
    return value;
  }
  bool unary() {
    if (text_[at_] == '~') {
      ++at_;
      return !unary();
    }
    if (text_[at_] == '(') {
      ++at_;
      const bool value = binary(0);
      ++at_;
      return value;
    }
    const std::size_t end = text_.find_first_of(" ;)", at_);
    const bool value = values_.at(text_.substr(at_, end - at_));
    at_ = end;
    return value;
  }

  std::vector<std::string> assigns_;
  std::map<std::string, bool> values_;
  std::string text_;
  std::size_t at_ = 0;
};

}  // namespace

TEST_CASE("a simplified circuit answers the same, with no gate that only hands on", "[unit][logic]") {
  int before = 0, after = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const Circuit circuit = random_circuit(2 + static_cast<int>(seed % 6), 40, 3, seed);
    for (const int table_inputs : {0, 12}) {
      const Circuit less = simplified(circuit, {.table_inputs = table_inputs});
      CAPTURE(seed, table_inputs);
      CHECK(same_answers(circuit, less));
      CHECK(less.gates.size() <= circuit.gates.size() + 3);
      before += static_cast<int>(circuit.gates.size());
      after += static_cast<int>(less.gates.size());
    }
  }
  CHECK(5 * after < before);
}

TEST_CASE("simplified circuits are as short as they are known to be", "[unit][logic]") {
  // not(not a and not b) is a or b; a xor a is 0; what nobody needs goes.
  const Circuit twice{.inputs = 2,
                      .gates = {{gate_not_first, 0, 1},
                                {gate_not_first, 1, 0},
                                {gate_and, 2, 3},
                                {gate_not_first, 4, 4},
                                {gate_xor, 0, 0},
                                {gate_and, 0, 1}},
                      .outputs = {5, 6, 0}};
  CHECK(twice.active_gates() == 6);
  CHECK(Circuit{.inputs = 2, .gates = {{gate_first, 0, 1}, {gate_second, 0, 1}, {gate_true, 0, 1}, {gate_false, 0, 1}}}
            .active_gates() == 0);
  const Circuit less = simplified(twice);
  CHECK(less.gates == std::vector<Gate>{{gate_or, 0, 1}, {gate_false, 0, 0}});
  CHECK(less.outputs == std::vector<std::int32_t>{2, 3, 0});
  // An opposite that nobody else reads is a gate itself; one that has readers takes another gate.
  const Circuit opposite{.inputs = 2, .gates = {{gate_or, 0, 1}, {gate_not_first, 2, 2}}, .outputs = {3}};
  CHECK(simplified(opposite).gates == std::vector<Gate>{{nor, 0, 1}});
  Circuit both = opposite;
  both.outputs = {2, 3, 3};
  CHECK(simplified(both).gates == std::vector<Gate>{{gate_or, 0, 1}, {gate_not_first, 2, 2}});
  // a and (a or b) is a.
  const Circuit absorbed{.inputs = 2, .gates = {{gate_or, 0, 1}, {gate_and, 0, 2}}, .outputs = {3}};
  CHECK(simplified(absorbed).gates.empty());
  // So it is without tables, from one gate to the next; what is further away only tables see.
  CHECK(simplified(absorbed, {.table_inputs = 0}).gates.empty());
  const Circuit pair{
      .inputs = 2, .gates = {{gate_or, 0, 1}, {gate_and, 0, 1}, {2, 2, 3}, {gate_xor, 0, 1}}, .outputs = {4, 5}};
  CHECK(simplified(pair, {.table_inputs = 0}).gates == std::vector<Gate>{{gate_xor, 0, 1}});
  const Circuit far{.inputs = 3, .gates = {{gate_or, 0, 1}, {gate_or, 2, 3}, {gate_and, 0, 4}}, .outputs = {5}};
  CHECK(simplified(far).gates.empty());
  CHECK(simplified(far, {.table_inputs = 0}).gates.size() == 3);
}

TEST_CASE("a program runs 2048 bits of each value at once, as one by one", "[unit][logic]") {
  using Word = CircuitProgram::Word;
  constexpr int width = CircuitProgram::width, inputs = 7, outputs = 4;
  for (const Circuit& circuit :
       {random_circuit(inputs, 50, outputs, 3), simplified(random_circuit(inputs, 50, outputs, 3))}) {
    const CircuitProgram program(circuit);
    CHECK(program.inputs() == inputs);
    CHECK(program.outputs() == outputs);
    const Random random{5, 5};
    std::vector<Word> in(inputs * width), out(outputs * width);
    for (std::size_t i = 0; i < in.size(); ++i) in[i] = random.bits(i);
    std::array<const Word*, inputs> from;
    std::array<Word*, outputs> to;
    for (std::size_t i = 0; i < inputs; ++i) from[i] = in.data() + i * width;
    for (std::size_t o = 0; o < outputs; ++o) to[o] = out.data() + o * width;
    program.run(from.data(), to.data());
    bool same = true;
    for (int n = 0; n < 64 * width; ++n) {
      const auto bit = [&](const std::vector<Word>& words, int row) {
        return (words[static_cast<std::size_t>(row * width + n / 64)] >> (n % 64) & 1) != 0;
      };
      std::vector<bool> bits, answers;
      for (int i = 0; i < inputs; ++i) bits.push_back(bit(in, i));
      for (int o = 0; o < outputs; ++o) answers.push_back(bit(out, o));
      same = same && answers == answer(circuit, bits);
    }
    CHECK(same);
  }
}

TEST_CASE("a circuit written as Verilog computes the same", "[unit][logic]") {
  for (const std::uint64_t seed : {1, 2, 3}) {
    const Circuit circuit = random_circuit(5, 60, 4, seed);  // of 60 gates with all sixteen functions
    Verilog module(circuit_as_verilog(circuit, "some", "A circuit."));
    bool same = true;
    for (int n = 0; n < 32; ++n) same = same && module(bits_of(n, 5), 4) == answer(circuit, bits_of(n, 5));
    CHECK(same);
    CHECK(module.understood);
  }
}

TEST_CASE("a circuit is written as a function of C++, line by line", "[unit][logic]") {
  const Circuit circuit{.inputs = 2, .gates = {{gate_or, 0, 1}, {nor, 2, 0}}, .outputs = {3, 1}};
  CHECK(circuit_as_cpp(circuit, "two_gates", "Two gates,\nno more.") == R"(#pragma once

// Two gates,
// no more.

template <class Word>
inline void two_gates(const Word* x, Word* y) {
  [[maybe_unused]] const Word ones = ~(x[0] ^ x[0]);
  const Word g0 = x[0] | x[1];
  const Word g1 = ~(g0 | x[0]);
  y[0] = g1;
  y[1] = x[1];
}
)");
}

TEST_CASE("circuits with wrong numbers, and names that are none, are refused", "[unit][logic]") {
  using Catch::Contains;
  const Circuit itself{.inputs = 2, .gates = {{gate_or, 0, 2}}, .outputs = {2}};
  CHECK_THROWS_WITH(simplified(itself), Contains("value of gate 0 is 2"));
  const Circuit function{.inputs = 2, .gates = {{16, 0, 1}}, .outputs = {2}};
  CHECK_THROWS_WITH(CircuitProgram(function), Contains("function of gate 0 is 16"));
  const Circuit output{.inputs = 2, .gates = {}, .outputs = {2}};
  CHECK_THROWS_WITH(circuit_as_verilog(output, "one", ""), Contains("output of a circuit is 2"));
  CHECK_THROWS_WITH(circuit_as_cpp({.inputs = 1}, "2x", ""), Contains("name of a circuit is '2x'"));
  CHECK_THROWS_WITH(circuit_as_verilog({.inputs = 1}, "one", ""),
                    Contains("is 1 and 0, expected at least one of each"));
  CHECK_THROWS_WITH(CircuitProgram(Circuit{.inputs = -1}), Contains("inputs of a circuit is -1, expected 0 or more"));
  CHECK_THROWS_WITH(answer({.inputs = 1}, {}), Contains("bits for a circuit is 0, expected 1"));
}
