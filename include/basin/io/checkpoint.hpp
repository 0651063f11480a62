#pragma once

// Checkpoints as safetensors: parameters leaf by leaf under their names, so that the file reads as a state dict; the
// optimizer's moments and counters under a prefix of their own; and a label (checkpoint_label.hpp) that says what it
// is.
//
//   leaf of theta, column-major (out, in)   ->   array of the file, row-major (in, out), the same bytes
//
// so Dense<3, 2> with y = W x keeps W^T, (3, 2) as NumPy prints it. PyTorch's Linear keeps W, (2, 3), and so does a
// checkpoint whose label says TensorLayout::torch (tensor_layout.hpp). A file of another tool that does not say which
// it is, is known by shapes and names, or refused.
//
// Numbers are kept bit for bit, so a run that is resumed gives what the run would have given without the break.
// CheckpointWriter and CheckpointReader are called alike, so one function that visits what a program keeps can both
// save and load it; for the state of an optimizer:
//
//   writer("", theta);  state.each(writer.under("optimizer"));      // "0.weight", "optimizer.first_moment.0.weight"
//   reader("", theta);  state.each(reader.under("optimizer"));  reader.finish();
//
// What a value has to be may stand behind it: reader("batch", batch, Within{1, 100000}) (checkpoint_checks.hpp).

#include <string>

#include "basin/core/parameters.hpp"
#include "basin/io/checkpoint_checks.hpp"
#include "basin/io/checkpoint_label.hpp"
#include "basin/io/checkpoint_reader.hpp"
#include "basin/io/checkpoint_writer.hpp"

namespace basin {

/// The parameters of one model and nothing else, as a state dict that other tools read; {.layout = TensorLayout::torch}
/// is the label for PyTorch. Throws FileError, and std::invalid_argument for NaN and infinities, unless AnyNumbers is
/// given, and for a leaf that has no counterpart in PyTorch; what was at `path` is then as it was.
template <class Model, class S, class... Checks>
void save_parameters(const std::string& path, const Parameters<Model, S>& parameters, const CheckpointLabel& label = {},
                     const Checks&... checks) {
  CheckpointWriter writer(label);
  writer("", parameters, checks...);
  writer.write(path);
}

/// Reads what save_parameters wrote, or a state dict of another tool whose leaves have names, types and shapes of ours
/// or of PyTorch (docs/files.md). Throws FileError if a leaf is missing, extra, or of another shape or type, if it
/// holds NaN or an infinity, unless AnyNumbers is given, and if its layout is neither said in the file, nor by a
/// TensorLayout among the checks, nor to be known by shapes and names.
template <class Model, class S, class... Checks>
[[nodiscard]] Parameters<Model, S> load_parameters(const std::string& path, const Checks&... checks) {
  CheckpointReader reader(path);
  Parameters<Model, S> parameters;
  reader("", parameters, checks...);
  reader.finish();
  return parameters;
}

}  // namespace basin
