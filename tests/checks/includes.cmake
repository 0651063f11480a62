# A header, with all that it includes of the library, includes nothing from elsewhere but what it may: the C++ standard
# library's headers (no point and no slash in their names), and those of ALLOWED.
#
#   SOURCE (root of the project), HEADER (relative to include), ALLOWED (a list)

cmake_minimum_required(VERSION 3.25)

set(waiting "${HEADER}")
set(seen "")
set(wrong "")
while(waiting)
  list(POP_FRONT waiting header)
  list(APPEND seen "${header}")
  file(STRINGS "${SOURCE}/include/${header}" lines REGEX "^ *# *include")
  foreach(line IN LISTS lines)
    string(REGEX MATCH "[<\"]([^<>\"]+)[>\"]" matched "${line}")
    set(included "${CMAKE_MATCH_1}")
    if(included MATCHES "^basin/")
      if(NOT included IN_LIST seen AND NOT included IN_LIST waiting)
        list(APPEND waiting "${included}")
      endif()
    elseif(included STREQUAL "" OR included MATCHES "[./]" AND NOT included MATCHES "^basin needs "
           AND NOT included IN_LIST ALLOWED)
      list(APPEND wrong "${header}: ${line}")
    endif()
  endforeach()
endwhile()
list(LENGTH seen count)
message(STATUS "${HEADER} and what it includes: ${count} headers of the library")
if(wrong)
  list(JOIN wrong "\n  " wrong)
  message(FATAL_ERROR "includes that ${HEADER} may not need:\n  ${wrong}")
endif()
