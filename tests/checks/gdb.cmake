# Runs tests/debugger/gdb.py in gdb on PROGRAM. Skipped where there is no gdb with Python, or where it may not trace a
# program.
#
#   SOURCE (root of the project), PROGRAM

cmake_minimum_required(VERSION 3.25)

find_program(gdb NAMES gdb)
if(NOT gdb)
  message(STATUS "basin: skipped, because there is no gdb here")
  return()
endif()
set(first -nx -batch -iex "set debuginfod enabled off")
execute_process(COMMAND "${gdb}" ${first} -ex "python print('has python')" OUTPUT_VARIABLE output ERROR_QUIET)
if(NOT output MATCHES "has python")
  message(STATUS "basin: skipped, because gdb has no Python here")
  return()
endif()
execute_process(COMMAND "${gdb}" ${first} -ex "set width 0" -ex "set startup-with-shell off"
                        -ex "source ${SOURCE}/.packaging/debugger/basin_gdb.py" -ex "break shown_to_gdb" -ex run
                        -ex "python NATVIS = '${SOURCE}/.packaging/debugger/basin.natvis'"
                        -ex "source ${SOURCE}/tests/debugger/gdb.py" "${PROGRAM}"
                OUTPUT_VARIABLE output ERROR_VARIABLE output TIMEOUT 120)
message(STATUS "${output}")
if(output MATCHES "ptrace: Operation not permitted|Could not trace the inferior")
  message(STATUS "basin: skipped, because gdb may not trace a program here")
elseif(NOT output MATCHES "basin: as expected")
  message(FATAL_ERROR "gdb does not print what it should")
endif()
