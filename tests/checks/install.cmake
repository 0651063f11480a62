# Builds and runs tests/install/*.cpp as someone outside would who finds the library in one WAY: find_package or
# add_subdirectory, with the project of that name in tests/install, or pkg_config, or single_header, the one file that
# .packaging/single_header.cmake writes.
#
#   WAY, SOURCE and BUILD (of this project), WORK (an empty place), GENERATOR, COMPILER, PKGCONFIG_DIR (in a prefix),
#   EIGEN (its folder)

cmake_minimum_required(VERSION 3.25)

set(prefix "${WORK}/prefix")
file(REMOVE_RECURSE "${WORK}")
file(MAKE_DIRECTORY "${WORK}")

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

if(WAY MATCHES "^(find_package|pkg_config)$")
  run("${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${prefix}")
endif()

if(WAY STREQUAL "single_header")
  file(MAKE_DIRECTORY "${WORK}/include/basin")
  run("${CMAKE_COMMAND}" "-DOUTPUT=${WORK}/include/basin/basin.hpp" -P "${SOURCE}/.packaging/single_header.cmake")
  file(GLOB left RELATIVE "${WORK}/include/basin" "${WORK}/include/basin/*")
  if(NOT left STREQUAL "basin.hpp")
    message(FATAL_ERROR "basin: beside basin.hpp there is ${left}")
  endif()
  run("${COMPILER}" -std=c++20 "-I${WORK}/include" -isystem "${EIGEN}" "${SOURCE}/tests/install/main.cpp" -o
      "${WORK}/main")
  run("${WORK}/main")
elseif(WAY STREQUAL "pkg_config")
  find_program(pkg_config NAMES pkg-config pkgconf)
  if(NOT pkg_config)
    message(STATUS "basin: skipped, because there is no pkg-config here")
    return()
  endif()
  set(ENV{PKG_CONFIG_PATH} "${prefix}/${PKGCONFIG_DIR}")
  execute_process(COMMAND "${pkg_config}" --cflags --libs basin OUTPUT_VARIABLE flags COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(flags UNIX_COMMAND "${flags}")
  run("${COMPILER}" -std=c++20 "${SOURCE}/tests/install/main.cpp" ${flags} -o "${WORK}/main")
  run("${WORK}/main")
else()
  run("${CMAKE_COMMAND}" -G "${GENERATOR}" -S "${SOURCE}/tests/install/${WAY}" -B "${WORK}/build"
      "-DCMAKE_CXX_COMPILER=${COMPILER}" "-DCMAKE_PREFIX_PATH=${prefix}" "-DBASIN=${SOURCE}")
  run("${CMAKE_COMMAND}" --build "${WORK}/build")
  run("${WORK}/build/main")
  run("${WORK}/build/io")
endif()
