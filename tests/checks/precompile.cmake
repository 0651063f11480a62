# Compiles some headers ahead, for the checks that call a compiler themselves. A header <a/b.hpp> becomes DIRECTORY/a_b_hpp,
# which includes it, and what is precompiled of that lies beside it, where g++ and clang++ look when it is -include'd.
#
#   COMPILER, INCLUDE (our directory), PACKAGES (more directories), SEARCHED (directories not to name), FLAGS, DIRECTORY,
#   HEADERS

cmake_minimum_required(VERSION 3.25)

list(REMOVE_ITEM PACKAGES "${INCLUDE}" ${SEARCHED})
list(TRANSFORM PACKAGES PREPEND "-isystem")
foreach(header IN LISTS HEADERS)
  string(MAKE_C_IDENTIFIER "${header}" name)
  file(WRITE "${DIRECTORY}/${name}" "#include <${header}>\n")
  execute_process(COMMAND "${COMPILER}" -std=c++20 ${FLAGS} "-I${INCLUDE}" ${PACKAGES}
                          -x c++-header "${DIRECTORY}/${name}" -o "${DIRECTORY}/${name}.gch"
                  COMMAND_ERROR_IS_FATAL ANY)
endforeach()
