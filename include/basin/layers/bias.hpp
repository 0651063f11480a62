#pragma once

#include "basin/core/language.hpp"

namespace basin {

/// Whether a layer adds a learned number to each output feature. A normalization that follows would take it away again.
enum class Bias { yes, no };

}  // namespace basin
