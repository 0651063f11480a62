#pragma once

// A circuit as source: a function template of C++, and a module of Verilog. Both have a line a gate, with operators
// that the two languages share. Bits in and out are x[0], x[1], ... and y[0], y[1], ...

#include "basin/logic/circuit.hpp"

namespace basin {

namespace detail {

/// f(a, b) in operators; `ones`: a word of ones.
inline std::string gate_text(GateFunction f, const std::string& a, const std::string& b, const std::string& ones) {
  switch (f) {
    case 0:
      return "~" + ones;
    case 1:
      return a + " & " + b;
    case 2:
      return a + " & ~" + b;
    case 3:
      return a;
    case 4:
      return "~" + a + " & " + b;
    case 5:
      return b;
    case 6:
      return a + " ^ " + b;
    case 7:
      return a + " | " + b;
    case 8:
      return "~(" + a + " | " + b + ")";
    case 9:
      return "~(" + a + " ^ " + b + ")";
    case 10:
      return "~" + b;
    case 11:
      return a + " | ~" + b;
    case 12:
      return "~" + a;
    case 13:
      return "~" + a + " | " + b;
    case 14:
      return "~(" + a + " & " + b + ")";
    default:
      return ones;
  }
}

/// Lines for all gates and outputs: each is before + name + " = " + function + ";".
inline std::string circuit_lines(const Circuit& circuit, const std::string& ones, const std::string& gate_before,
                                 const std::string& output_before) {
  const auto name = [&](std::int32_t value) {
    return value < circuit.inputs ? "x[" + std::to_string(value) + "]" : "g" + std::to_string(value - circuit.inputs);
  };
  std::string lines;
  for (std::size_t g = 0; g < circuit.gates.size(); ++g) {
    const Gate& gate = circuit.gates[g];
    lines += "  " + gate_before + "g" + std::to_string(g) + " = " +
             gate_text(gate.function, name(gate.first), name(gate.second), ones) + ";\n";
  }
  for (std::size_t o = 0; o < circuit.outputs.size(); ++o) {
    lines += "  " + output_before + "y[" + std::to_string(o) + "] = " + name(circuit.outputs[o]) + ";\n";
  }
  return lines;
}

/// Lines of a comment.
inline std::string commented(const std::string& text) {
  std::string out = "// ";
  for (const char c : text) out += c == '\n' ? std::string("\n// ") : std::string(1, c);
  return out + "\n";
}

}  // namespace detail

/// Throws std::invalid_argument unless it is made as a name in C++ and in Verilog is; words that the languages keep for
/// themselves are not looked for.
inline void check_circuit_name(const std::string& name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  const auto part = [&](char c) { return letter(c) || (c >= '0' && c <= '9'); };
  check(!name.empty() && letter(name[0]) && std::all_of(name.begin(), name.end(), part), "name of a circuit",
        "'" + name + "'", "letters, digits and underlines, and no digit first");
}

/// A header with the function template name<Word>(const Word* x, Word* y), for unsigned words of 32 bits or more, or
/// vectors of them: each bit of a word is a circuit of its own. `about` becomes its first comment, line by line. Throws
/// std::invalid_argument for a name that is none, and a circuit whose numbers are wrong.
[[nodiscard]] inline std::string circuit_as_cpp(const Circuit& circuit, const std::string& name,
                                                const std::string& about) {
  check_circuit_name(name);
  circuit.check_numbers();
  return "#pragma once\n\n" + detail::commented(about) + "\ntemplate <class Word>\ninline void " + name +
         "(const Word* x, Word* y) {\n  [[maybe_unused]] const Word ones = ~(x[0] ^ x[0]);\n" +
         detail::circuit_lines(circuit, "ones", "const Word ", "") + "}\n";
}

/// A module of Verilog (IEEE 1364-2001) of wires alone: name(input [...] x, output [...] y).
[[nodiscard]] inline std::string circuit_as_verilog(const Circuit& circuit, const std::string& name,
                                                    const std::string& about) {
  check_circuit_name(name);
  circuit.check_numbers();
  check(circuit.inputs > 0 && !circuit.outputs.empty(), "inputs and outputs of a circuit for Verilog",
        std::to_string(circuit.inputs) + " and " + std::to_string(circuit.outputs.size()), "at least one of each");
  const auto bits = [](std::size_t count) { return "[" + std::to_string(count - 1) + ":0]"; };
  return detail::commented(about) + "module " + name + "(input wire " + bits(static_cast<std::size_t>(circuit.inputs)) +
         " x, output wire " + bits(circuit.outputs.size()) + " y);\n" +
         detail::circuit_lines(circuit, "1'b1", "wire ", "assign ") + "endmodule\n";
}

}  // namespace basin
