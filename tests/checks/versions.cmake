# Packages as newer versions of them are laid out, which Debian 12 does not have:
#
#   - Eigen 5, whose package refuses whoever asks for version 3.4: basin takes it, as a part of another project and
#     installed; and it refuses Eigen 3.3 in one sentence;
#   - xtensor 0.26, whose headers are in folders: these are the ones that basin includes.
#
# Only the layout is tested, with the headers that are here. docs/testing.md says what was run with the versions
# themselves.
#
#   SOURCE, BUILD (of this project), WORK (an empty place), GENERATOR, COMPILER, LAUNCHER (a program ahead of it, or
#   nothing), INCLUDE (our directory), PACKAGES (more directories), SEARCHED (directories not to name), EIGEN (its folder)

cmake_minimum_required(VERSION 3.25)
include(CMakePackageConfigHelpers)

file(REMOVE_RECURSE "${WORK}")
file(MAKE_DIRECTORY "${WORK}")
execute_process(COMMAND "${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${WORK}/installed" OUTPUT_QUIET
                COMMAND_ERROR_IS_FATAL ANY)

foreach(version IN ITEMS 5.0.1 3.3.9)
  set(package "${WORK}/eigen-${version}/share/eigen3/cmake")
  file(CONFIGURE OUTPUT "${package}/Eigen3Config.cmake" @ONLY CONTENT [[
if(TARGET Eigen3::Eigen)
  return()
endif()
add_library(Eigen3::Eigen INTERFACE IMPORTED)
set_target_properties(Eigen3::Eigen PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "@EIGEN@")
]])
  write_basic_package_version_file("${package}/Eigen3ConfigVersion.cmake" VERSION ${version}
                                   COMPATIBILITY SameMajorVersion ARCH_INDEPENDENT)
  foreach(way IN ITEMS add_subdirectory find_package)
    execute_process(COMMAND "${CMAKE_COMMAND}" -G "${GENERATOR}" -S "${SOURCE}/tests/install/${way}"
                            -B "${WORK}/${way}-${version}" "-DCMAKE_CXX_COMPILER=${COMPILER}" "-DBASIN=${SOURCE}"
                            "-DCMAKE_PREFIX_PATH=${WORK}/eigen-${version};${WORK}/installed"
                    RESULT_VARIABLE result OUTPUT_VARIABLE said ERROR_VARIABLE said)
    string(REGEX REPLACE "[ \n]+" " " said "${said}")
    if(version STREQUAL "5.0.1")
      file(STRINGS "${WORK}/${way}-${version}/CMakeCache.txt" found REGEX "^Eigen3_DIR:")
      if(NOT result EQUAL 0 OR NOT found STREQUAL "Eigen3_DIR:PATH=${package}")
        message(FATAL_ERROR "${way} does not take Eigen ${version}, but '${found}': ${said}")
      endif()
    elseif(result EQUAL 0 OR NOT said MATCHES "ersion of Eigen in [^ ]+ is 3\\.3\\.9, (expected|and basin needs) 3\\.4 or later")
      message(FATAL_ERROR "${way} does not refuse Eigen ${version} with a sentence: ${said}")
    endif()
  endforeach()
endforeach()

# Headers that say that they were taken, and include those that are here.
foreach(moved IN ITEMS containers/xadapt containers/xtensor core/xnoalias io/xnpy)
  cmake_path(GET moved FILENAME name)
  file(WRITE "${WORK}/xtensor/xtensor/${moved}.hpp" "#define TAKEN_${name}
#if __has_include(<xtensor/${name}.hpp>)
#include <xtensor/${name}.hpp>
#else
#include_next <xtensor/${moved}.hpp>
#endif
")
endforeach()
file(WRITE "${WORK}/moved.cpp" [[
#include "basin/io/npy.hpp"
#include "basin/io/xtensor.hpp"
#if !defined(TAKEN_xadapt) || !defined(TAKEN_xtensor) || !defined(TAKEN_xnoalias) || !defined(TAKEN_xnpy)
#error "xtensor's headers are not taken out of its folders"
#endif
]])
list(REMOVE_ITEM PACKAGES "${INCLUDE}" ${SEARCHED})
list(TRANSFORM PACKAGES PREPEND "-isystem")
execute_process(COMMAND ${LAUNCHER} "${COMPILER}" -std=c++20 "-I${INCLUDE}" "-isystem${WORK}/xtensor" ${PACKAGES}
                        -c "${WORK}/moved.cpp" -o "${WORK}/moved.o" COMMAND_ERROR_IS_FATAL ANY)
