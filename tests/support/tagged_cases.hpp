#pragma once

// Test cases for a build of one tag alone, BASIN_TESTS_TAGGED (a string): TEST_CASE leaves a case that lacks the tag
// out of the program, and what it alone uses is never instantiated. TEMPLATE_TEST_CASE is as ever. For
// tests/CMakeLists.txt, which includes this before all else.

#include <catch2/catch.hpp>
#include <string_view>
#include <type_traits>

namespace basin::test {

/// Whether a case with these arguments of TEST_CASE has the tag.
consteval bool is_tagged(std::string_view /*name*/, std::string_view tags = "") {
  return tags.find("[" BASIN_TESTS_TAGGED "]") != std::string_view::npos;
}

}  // namespace basin::test

// A case's body is that of a template with a parameter to no purpose, which only what registers the case instantiates.
// So a lambda in it is of a dependent type: what needs template arguments that are written out (f.operator()<3>()) is a
// function of the file instead.
#undef INTERNAL_CATCH_TESTCASE2
#define INTERNAL_CATCH_TESTCASE2(name, ...)                                                                  \
  template <bool>                                                                                            \
  static void name();                                                                                        \
  namespace {                                                                                                \
  [[maybe_unused]] const bool INTERNAL_CATCH_UNIQUE_NAME(is_registered) =                                    \
      []<bool Tagged>(std::bool_constant<Tagged>) {                                                          \
        if constexpr (Tagged) {                                                                              \
          Catch::AutoReg(Catch::makeTestInvoker(&name<Tagged>), CATCH_INTERNAL_LINEINFO, Catch::StringRef(), \
                         Catch::NameAndTags{__VA_ARGS__});                                                   \
        }                                                                                                    \
        return Tagged;                                                                                       \
      }(std::bool_constant<basin::test::is_tagged(__VA_ARGS__)>{});                                          \
  }                                                                                                          \
  template <bool>                                                                                            \
  static void name()
