#pragma once

// The one header of Catch2 2, over the many of Catch2 3. tests/CMakeLists.txt puts it on the include path where Catch2
// 3 was found, so that the tests are written once: in the names of version 2.

#include <catch2/catch_approx.hpp>
#include <catch2/catch_message.hpp>
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/catch_tostring.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <string>

namespace Catch {
namespace Matchers {

/// Version 3 gave the name to a matcher of elements of ranges, whose header is not among the above.
inline StringContainsMatcher Contains(const std::string& part) { return ContainsSubstring(part); }

}  // namespace Matchers

using namespace Matchers;

}  // namespace Catch

using Catch::Approx;
