// For the tests of programs: same_checkpoint <file> <file>. Whether two checkpoints hold the same, to the last bit: all
// arrays, and all metadata, but what says when, in what time and by how many threads they were made.

#include <cstdio>
#include <exception>
#include <string>

#include "basin/io/safetensors.hpp"

namespace {

basin::TensorFile read(const char* path) {
  basin::TensorFile file = basin::read_safetensors(path);
  for (const char* key : {"sessions", "basin.checksum"}) file.metadata.erase(key);
  std::erase_if(file.tensors, [](const auto& item) { return item.first.ends_with("seconds"); });
  return file;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "same_checkpoint: expected two files\n");
    return 2;
  }
  try {
    const basin::TensorFile one = read(argv[1]), other = read(argv[2]);
    int differences = 0;
    for (const auto& [name, entry] : one.tensors) {
      const auto there = other.tensors.find(name);
      if (there != other.tensors.end() && entry.type == there->second.type && entry.shape == there->second.shape &&
          entry.bytes == there->second.bytes) {
        continue;
      }
      std::printf("%s: '%s' differs\n", argv[1], name.c_str());
      ++differences;
    }
    if (one.tensors.size() != other.tensors.size() || one.metadata != other.metadata) {
      std::printf("%s has other arrays or metadata than %s\n", argv[1], argv[2]);
      ++differences;
    }
    return differences == 0 ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "same_checkpoint: %s\n", error.what());
    return 2;
  }
}
