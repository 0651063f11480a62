# Compiles each header alone with clang++, syntax only.
#
#   INCLUDE (our directory), PACKAGES (more directories), SEARCHED (directories not to name),
#   HEADERS (relative to INCLUDE), FLAGS

cmake_minimum_required(VERSION 3.25)

find_program(clang NAMES clang++ clang++-14)
if(NOT clang)
  message(STATUS "basin: skipped, because there is no clang++ here")
  return()
endif()

list(REMOVE_ITEM PACKAGES "${INCLUDE}" ${SEARCHED})
list(TRANSFORM PACKAGES PREPEND "-isystem")
set(failed "")
foreach(header IN LISTS HEADERS)
  # Included into nothing, because in a main file #pragma once is a warning.
  execute_process(COMMAND "${clang}" -std=c++20 -fsyntax-only ${FLAGS} "-I${INCLUDE}" ${PACKAGES}
                          -include "${header}" -x c++ /dev/null
                  RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    list(APPEND failed "${header}")
  endif()
endforeach()
if(failed)
  list(JOIN failed " " failed)
  message(FATAL_ERROR "these headers do not compile alone: ${failed}")
endif()
