#pragma once

// Everything but basin/io, for users. Headers of the library include only what they need.

#include "basin/core/layer.hpp"
#include "basin/core/parallel.hpp"
#include "basin/core/random.hpp"
