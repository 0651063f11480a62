#pragma once

// The version of the library, once: CMake reads version_text from this file, and whoever has no CMake has it here.
// Semantic versioning (semver.org, 2.0.0): before 1.0.0 another minor version may be called differently.

#include <string_view>

namespace basin {

/// The version of the library, as at semver.org.
inline constexpr int version_major = 0;
inline constexpr int version_minor = 1;
inline constexpr int version_patch = 0;

/// "major.minor.patch"
inline constexpr std::string_view version_text = "0.1.0";

}  // namespace basin
