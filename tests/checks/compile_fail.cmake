# Compiles CASE, syntax only, and looks whether that fails as the first line of the file expects it to.
#
#   COMPILER, INCLUDE (our directory), PACKAGES (more directories), SEARCHED (directories not to name), CASE

cmake_minimum_required(VERSION 3.25)

list(REMOVE_ITEM PACKAGES "${INCLUDE}" ${SEARCHED})
list(TRANSFORM PACKAGES PREPEND "-isystem")
execute_process(COMMAND "${COMPILER}" -std=c++20 -fsyntax-only "-I${INCLUDE}" ${PACKAGES} "${CASE}"
                RESULT_VARIABLE result ERROR_VARIABLE message)

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
