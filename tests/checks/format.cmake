# All sources are as clang-format 14 leaves them. Other versions differ in details, so that they are not asked.
#
#   SOURCE (the root of the project)

cmake_minimum_required(VERSION 3.25)

find_program(formatter NAMES clang-format-14 clang-format)
if(NOT formatter)
  message(STATUS "basin: skipped, because there is no clang-format here")
  return()
endif()
execute_process(COMMAND "${formatter}" --version OUTPUT_VARIABLE version)
if(NOT version MATCHES "version 14\\.")
  message(STATUS "basin: skipped, because clang-format 14 is wanted and here is ${version}")
  return()
endif()

set(patterns "")
foreach(folder IN ITEMS include tests examples benchmarks docs)
  list(APPEND patterns "${SOURCE}/${folder}/*.hpp" "${SOURCE}/${folder}/*.cpp")
endforeach()
file(GLOB_RECURSE sources ${patterns})
execute_process(COMMAND "${formatter}" --dry-run -Werror ${sources} RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "to format: ${formatter} -i <file>")
endif()
