# Asks a test program for its cases and writes them to OUTPUT as ctest tests. Catch2's own catch_discover_tests gives
# the same labels to all cases of a program; here each has the labels of its own tags. With BY_FILE, all cases of a source
# file are one test, with the labels of them all.
#
#   PROGRAM, CATCH2 (its version), PREFIX of the test names, LABELS (tags that become labels), BY_FILE, WORKING_DIRECTORY,
#   OUTPUT

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

set(script "")

# add(<name> <specification> <arguments> <label>...): a test of what the specification selects
function(add name specification arguments)
  string(APPEND script
    "add_test([==[${PREFIX}${name}]==] [==[${PROGRAM}]==] [==[${specification}]==]${arguments}${none_is_failure})\n"
    "set_tests_properties([==[${PREFIX}${name}]==] PROPERTIES LABELS [==[${ARGN}]==]"
    " WORKING_DIRECTORY [==[${WORKING_DIRECTORY}]==])\n")
  set(script "${script}" PARENT_SCOPE)
endfunction()

# Catch2 2 returns the number of cases it lists, so that only standard error tells a failure.
function(list_cases variable)
  execute_process(COMMAND "${PROGRAM}" ${list} ${ARGN} OUTPUT_VARIABLE cases ERROR_VARIABLE error)
  if(error)
    message(FATAL_ERROR "${PROGRAM} cannot list its test cases: ${error}")
  endif()
  set(${variable} "\n${cases}" PARENT_SCOPE)
endfunction()

if(BY_FILE)
  # A name and, on a line of its own that begins with six spaces, the tags of its case, of which [#test_conv] is the file.
  set(files "")
  execute_process(COMMAND "${PROGRAM}" --list-tests --filenames-as-tags OUTPUT_VARIABLE cases ERROR_VARIABLE error)
  while(cases MATCHES "\n")
    next_line(cases line)
    if(NOT line MATCHES "^      .*\\[#([^]]+)\\]")
      continue()
    endif()
    set(file "${CMAKE_MATCH_1}")
    list(APPEND files "${file}")
    set(labels "")
    foreach(label IN LISTS LABELS)
      string(FIND "${line}" "[${label}]" found)
      if(found GREATER_EQUAL 0)
        list(APPEND labels ${label})
      endif()
    endforeach()
    if(NOT labels)
      set(labels unit)
    endif()
    list(APPEND labels_of_${file} ${labels})
  endwhile()
  if(error OR NOT files)
    message(FATAL_ERROR "${PROGRAM} lists no test cases: ${error}")
  endif()
  list(REMOVE_DUPLICATES files)
  foreach(file IN LISTS files)
    list(REMOVE_DUPLICATES labels_of_${file})
    # Not the hidden ones, which run by hand. The durations say which cases had passed where a sanitizer ends the program.
    add("${file}" "[#${file}]~[.]" " --filenames-as-tags --durations yes" ${labels_of_${file}})
  endforeach()
  file(WRITE "${OUTPUT}" "${script}")
  return()
endif()

list_cases(cases)
string(STRIP "${cases}" some)
if(NOT some)
  message(FATAL_ERROR "${PROGRAM} holds no test case")
endif()
foreach(label IN LISTS LABELS)
  list_cases(cases_${label} "[${label}]")
endforeach()

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
  add("${case}" "${specification}" "" ${labels})
endwhile()
file(WRITE "${OUTPUT}" "${script}")
