# Compiles each header alone.
#
#   COMPILER, LAUNCHER (a program ahead of it, or nothing), INCLUDE (our directory), PACKAGES (more directories),
#   SEARCHED (directories not to name), HEADERS (relative to INCLUDE), FLAGS, PRECOMPILED (headers, the largest first), DIRECTORY
#   (where precompile.cmake left them, and nothing.cpp)
#
# A header that includes one of PRECOMPILED, itself or through others of ours, gets that one ahead of it, precompiled: it
# and whatever it includes would see those declarations anyway, so that a missing include still shows. (What stands in it
# above that include is itself a header that is compiled alone.)

cmake_minimum_required(VERSION 3.25)

function(reaches header target result)
  get_property(found GLOBAL PROPERTY "${header} reaches ${target}")
  if("${found}" STREQUAL "")
    set(found OFF)
    set_property(GLOBAL PROPERTY "${header} reaches ${target}" OFF)  # where two headers include each other
    file(STRINGS "${INCLUDE}/${header}" lines REGEX "^#include [<\"]")
    foreach(line IN LISTS lines)
      string(REGEX MATCH "[<\"]([^>\"]+)[>\"]" matched "${line}")
      set(included "${CMAKE_MATCH_1}")
      if(included STREQUAL target)
        set(found ON)
      elseif(NOT found AND included MATCHES "^basin/")
        reaches("${included}" "${target}" found)
      endif()
    endforeach()
    set_property(GLOBAL PROPERTY "${header} reaches ${target}" ${found})
  endif()
  set(${result} ${found} PARENT_SCOPE)
endfunction()

list(REMOVE_ITEM PACKAGES "${INCLUDE}" ${SEARCHED})
list(TRANSFORM PACKAGES PREPEND "-isystem")
set(failed "")
foreach(header IN LISTS HEADERS)
  set(ahead "")
  foreach(precompiled IN LISTS PRECOMPILED)
    reaches("${header}" "${precompiled}" reached)
    if(reached)
      string(MAKE_C_IDENTIFIER "${precompiled}" name)
      set(ahead -include "${DIRECTORY}/${name}")
      break()
    endif()
  endforeach()
  # Included into nothing, because in a main file #pragma once is a warning. To an object, because ccache keeps no less.
  string(MAKE_C_IDENTIFIER "${header}" object)
  execute_process(COMMAND ${LAUNCHER} "${COMPILER}" -std=c++20 ${FLAGS} "-I${INCLUDE}" ${PACKAGES}
                          ${ahead} -include "${header}" -c "${DIRECTORY}/nothing.cpp" -o "${DIRECTORY}/${object}.o"
                  RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    list(APPEND failed "${header}")
  endif()
endforeach()
if(failed)
  list(JOIN failed " " failed)
  message(FATAL_ERROR "these headers do not compile alone: ${failed}")
endif()
