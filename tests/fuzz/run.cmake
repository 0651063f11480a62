# Runs one fuzz target from the seeds that it makes. What crashes is left in WORK.
#
#   PROGRAM, SECONDS, WORK (a place for what it writes)

cmake_minimum_required(VERSION 3.25)

file(REMOVE_RECURSE "${WORK}")
file(MAKE_DIRECTORY "${WORK}/found")
execute_process(COMMAND "${PROGRAM}" --seeds "${WORK}/seeds" COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${PROGRAM}" -max_total_time=${SECONDS} -timeout=60 -rss_limit_mb=2048 -print_final_stats=1
                        "-artifact_prefix=${WORK}/" "${WORK}/found" "${WORK}/seeds"
                RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
string(REGEX MATCHALL "[^\n]*(DONE|stat::|ERROR|SUMMARY|basin: )[^\n]*" told "${output}")
list(JOIN told "\n" told)
message(STATUS "${told}")
if(NOT result EQUAL 0)
  message(FATAL_ERROR "${output}\n${PROGRAM} found an input that crashes it; it is in ${WORK}")
endif()
