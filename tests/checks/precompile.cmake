# Compiles some headers ahead, for the checks that call a compiler themselves. A header <a/b.hpp> becomes
# DIRECTORY/a_b_hpp, which includes it, and what is precompiled of that lies beside it, where g++ and clang++ look when it
# is -include'd. And nothing.cpp is there, which is empty.
#
#   COMPILER, LAUNCHER (a program ahead of it, or nothing), INCLUDE (our directory), PACKAGES (more directories),
#   SEARCHED (directories not to name), FLAGS, DIRECTORY, HEADERS

cmake_minimum_required(VERSION 3.25)

list(REMOVE_ITEM PACKAGES "${INCLUDE}" ${SEARCHED})
list(TRANSFORM PACKAGES PREPEND "-isystem")
file(WRITE "${DIRECTORY}/nothing.cpp" "")
set(as_launched "")
if(COMPILER MATCHES "clang")  # as .ci/cached.sh knows it
  set(as_launched -Xclang -emit-pch)
endif()
foreach(header IN LISTS HEADERS)
  string(MAKE_C_IDENTIFIER "${header}" name)
  file(WRITE "${DIRECTORY}/${name}" "#include <${header}>\n")
  set(result "${DIRECTORY}/${name}.gch")
  execute_process(COMMAND ${LAUNCHER} "${COMPILER}" -std=c++20 ${FLAGS} "-I${INCLUDE}" ${PACKAGES} ${as_launched}
                          -x c++-header "${DIRECTORY}/${name}" -MD -MF "${result}.d" -o "${result}"
                  COMMAND_ERROR_IS_FATAL ANY)
endforeach()
