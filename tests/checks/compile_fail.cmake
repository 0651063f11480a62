# Compiles CASE, and looks whether that fails as the first line of the file expects it to.
#
# "// standard: c++17" and "// lines: <number>" on lines of their own ask for another language than C++20 and for no
# more output of the compiler than that.
#
#   COMPILER, LAUNCHER (a program ahead of it, or nothing), INCLUDE (our directory), PACKAGES (more directories),
#   SEARCHED (directories not to name), CASE, OUTPUT (a file for what is said), FLAGS and FIRST (a header, precompiled
#   with these flags as C++20, that is included before; or nothing)

cmake_minimum_required(VERSION 3.25)

list(REMOVE_ITEM PACKAGES "${INCLUDE}" ${SEARCHED})
list(TRANSFORM PACKAGES PREPEND "-isystem")
file(STRINGS "${CASE}" settings REGEX "^// (standard|lines): ")
set(standard c++20)
set(most_lines "")
foreach(setting IN LISTS settings)
  if(setting MATCHES "^// standard: (.+)$")
    set(standard "${CMAKE_MATCH_1}")
  elseif(setting MATCHES "^// lines: ([0-9]+)$")
    set(most_lines "${CMAKE_MATCH_1}")
  endif()
endforeach()

set(first "")
if(FIRST AND standard STREQUAL "c++20")
  set(first -include "${FIRST}")
endif()
# ccache is to know the compiler behind said.sh, and said.sh.
set(said "${CMAKE_CURRENT_LIST_DIR}/said.sh")
set(kind gcc)
if(COMPILER MATCHES "clang")
  set(kind clang)
endif()
set(ENV{COMPILER} "${COMPILER}")
set(ENV{CCACHE_COMPILERTYPE} ${kind})
set(ENV{CCACHE_COMPILERCHECK} "${COMPILER} --version")
set(ENV{CCACHE_EXTRAFILES} "${said}:$ENV{CCACHE_EXTRAFILES}")
file(REMOVE "${OUTPUT}")
execute_process(COMMAND ${LAUNCHER} "${said}" "-std=${standard}" ${FLAGS} "-I${INCLUDE}" ${PACKAGES} ${first}
                        -c "${CASE}" -o "${OUTPUT}"
                COMMAND_ERROR_IS_FATAL ANY)
file(READ "${OUTPUT}" message)
string(REGEX REPLACE "([0-9]+)\n$" "" message "${message}")
set(result "${CMAKE_MATCH_1}")

message("${message}")

cmake_path(GET CASE FILENAME name)
if(name STREQUAL "control.cpp")
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${name} has to compile: it shows that the other cases fail for reasons of their own.")
  endif()
  return()
endif()

file(STRINGS "${CASE}" opening LIMIT_COUNT 1)
if(NOT opening MATCHES "^// expect: (.+)$")
  message(FATAL_ERROR "${name} has to open with a line \"// expect: <regular expression>\".")
endif()
set(expected "${CMAKE_MATCH_1}")
if(result EQUAL 0)
  message(FATAL_ERROR "${name} compiles, but must not.")
elseif(NOT message MATCHES "${expected}")
  message(FATAL_ERROR "The compiler's message has no match for \"${expected}\".")
endif()
if(NOT most_lines STREQUAL "")
  string(REGEX MATCHALL "\n" lines "${message}")
  list(LENGTH lines count)
  if(count GREATER most_lines)
    message(FATAL_ERROR "The compiler's message has ${count} lines, expected at most ${most_lines}.")
  endif()
endif()
