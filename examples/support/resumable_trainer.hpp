#pragma once

// How most trainers are run, and go on from a checkpoint: by a Training (basin/io/training.hpp), which asks them for
// iterations and for what they keep.

#include <cstdint>
#include <string>

#include "basin/io/training.hpp"

namespace basin::examples {

/// The base of a trainer, Self, which has these two, and calls this class a friend where they are private:
///
///   /// What a checkpoint keeps, for reading and writing alike.
///   template <class File, class Self>
///   static void visit(File& file, Self& self);
///
///   /// Makes iteration i, counted from 0, of the training that runs, and returns its loss.
///   double iterate(std::int64_t i, basin::Training& training);
template <class Self>
class ResumableTrainer {
 public:
  /// Iterates until the training ends. Throws as Training::run() does.
  [[nodiscard]] TrainingEnd run(Training& training) {
    return training.run([this](auto& file) { Self::visit(file, self()); },
                        [&](std::int64_t i) { return self().iterate(i, training); });
  }

  /// Takes up what a training kept. Throws as Training::resume() does.
  void resume(Training& training, const std::string& path) {
    training.resume(path, [this](auto& file) { Self::visit(file, self()); });
  }

 private:
  [[nodiscard]] Self& self() { return static_cast<Self&>(*this); }  ///< the trainer whose base this is
};

}  // namespace basin::examples
