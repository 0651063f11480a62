#pragma once

// What a checkpoint, and the metrics of a program, tell of how a training came about.

#include <cstdint>
#include <string>
#include <vector>

#include "basin/io/json.hpp"

namespace basin {

/// One run of a program: a training has one session, and one more for every time that it was resumed.
struct TrainingSession {
  std::int64_t from = 0, to = 0;  ///< iterations: from the first until before the last
  double seconds = 0;             ///< on the clock, from its start to the end of its last iteration
  int threads = 0;                ///< threads() at its start (core/parallel.hpp)
  std::string end{};              ///< "finished", "out of time", "early", "failed", the name of a signal, or "killed"
};

namespace detail {

template <class JsonValue>
[[nodiscard]] JsonValue json_of(const std::vector<TrainingSession>& sessions) {
  JsonValue json = JsonValue::array();
  for (const TrainingSession& one : sessions) {
    json.push_back(
        {{"from", one.from}, {"to", one.to}, {"seconds", one.seconds}, {"threads", one.threads}, {"end", one.end}});
  }
  return json;
}

/// The reverse. Throws FileError, with `path`, for anything else.
[[nodiscard]] inline std::vector<TrainingSession> sessions_of(const Json& json, const std::string& path) {
  check_file(json.is_array(), path, "sessions", json.type_name(), "an array");
  std::vector<TrainingSession> sessions;
  for (const Json& one : json) {
    const auto has = [&](const char* key, auto is) { return one.contains(key) && (one[key].*is)(); };
    const bool whole = one.is_object() && has("from", &Json::is_number_integer) &&
                       has("to", &Json::is_number_integer) && has("seconds", &Json::is_number) &&
                       has("threads", &Json::is_number_integer) && has("end", &Json::is_string);
    check_file(whole, path, "session of the training", one.type_name(),
               "an object with from, to, seconds, threads and end");
    sessions.push_back({one["from"], one["to"], one["seconds"], one["threads"], one["end"]});
  }
  return sessions;
}

}  // namespace detail

}  // namespace basin
