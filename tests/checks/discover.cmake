# Asks a test program for its cases and writes them to OUTPUT as ctest tests. Catch2's own catch_discover_tests gives
# the same labels to all cases of a program; here each has the labels of its own tags.
#
#   PROGRAM, CATCH2 (its version), PREFIX of the test names, LABELS (tags that become labels), WORKING_DIRECTORY, OUTPUT

cmake_minimum_required(VERSION 3.25)

# Names of test cases may hold brackets and semicolons, at which CMake's lists break; so text is cut line by line.
function(next_line text_variable line_variable)
  string(FIND "${${text_variable}}" "\n" end)
  string(SUBSTRING "${${text_variable}}" 0 ${end} line)
  math(EXPR rest "${end} + 1")
  string(SUBSTRING "${${text_variable}}" ${rest} -1 text)
  set(${text_variable} "${text}" PARENT_SCOPE)
  set(${line_variable} "${line}" PARENT_SCOPE)
endfunction()

# A program of version 3 that runs no test fails; one of version 2 has to be asked to.
if(CATCH2 VERSION_GREATER_EQUAL 3)
  set(list --list-tests --verbosity quiet)
  set(none_is_failure "")
else()
  set(list --list-test-names-only)
  set(none_is_failure " --warn NoTests")
endif()

# Catch2 2 returns the number of cases it lists, so that only standard error tells a failure.
function(list_cases variable)
  execute_process(COMMAND "${PROGRAM}" ${list} ${ARGN} OUTPUT_VARIABLE cases ERROR_VARIABLE error)
  if(error)
    message(FATAL_ERROR "${PROGRAM} cannot list its test cases: ${error}")
  endif()
  set(${variable} "\n${cases}" PARENT_SCOPE)
endfunction()

list_cases(cases)
string(STRIP "${cases}" some)
if(NOT some)
  message(FATAL_ERROR "${PROGRAM} holds no test case")
endif()
foreach(label IN LISTS LABELS)
  list_cases(cases_${label} "[${label}]")
endforeach()

set(script "")
while(NOT cases STREQUAL "")
  next_line(cases case)
  if(case STREQUAL "")
    continue()
  endif()
  set(labels "")
  foreach(label IN LISTS LABELS)
    string(FIND "${cases_${label}}" "\n${case}\n" found)
    if(found GREATER_EQUAL 0)
      list(APPEND labels ${label})
    endif()
  endforeach()
  if(NOT labels)
    set(labels unit)
  endif()
  string(REGEX REPLACE "([][,\\\\])" "\\\\\\1" specification "${case}")
  string(APPEND script
    "add_test([==[${PREFIX}${case}]==] [==[${PROGRAM}]==] [==[${specification}]==]${none_is_failure})\n"
    "set_tests_properties([==[${PREFIX}${case}]==] PROPERTIES LABELS [==[${labels}]==]"
    " WORKING_DIRECTORY [==[${WORKING_DIRECTORY}]==])\n")
endwhile()
file(WRITE "${OUTPUT}" "${script}")
