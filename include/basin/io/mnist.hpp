#pragma once

// Sets of labelled images, and MNIST (Y. LeCun, C. Cortes, C. Burges) from its four IDX files.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "basin/core/state.hpp"
#include "basin/io/atomic_file.hpp"
#include "basin/io/idx.hpp"

namespace basin {

/// N images and what they show. N may be 0, as a file's may; then there is nothing to train on or to be measured on,
/// and whoever takes such a set asks labels.empty() first.
struct LabelledImages {
  State<float> images;               ///< (1, 28, 28, 1, N), 0 (paper) to 1 (ink); x runs right, y down
  std::vector<std::uint8_t> labels;  ///< N digits, 0 to 9
};

/// Which of the two sets of MNIST.
enum class MnistSplit {
  train,  ///< train-images-idx3-ubyte, train-labels-idx1-ubyte
  test,   ///< t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte
};

namespace detail {

/// The plain file if it is there, or the one packed by gzip.
[[nodiscard]] inline std::string plain_or_packed(const std::string& path) {
  if (::access(path.c_str(), F_OK) == 0) return path;
  const std::string packed = path + ".gz";
  if (::access(packed.c_str(), F_OK) == 0) return packed;
  throw FileError(path, "neither this file nor the same with .gz is there");
}

}  // namespace detail

/// Reads one split of MNIST from a folder that has its IDX files under their usual names, with or without ".gz". A
/// split of no images is a split, (1, 28, 28, 1, 0) and no labels. Throws FileError if a file is missing or broken, if
/// it does not hold 28x28 bytes an image or a digit a label, if images and labels differ in number, or if the bytes of
/// the images are more than max_bytes. Memory: as read_idx, and four bytes for each of the file's.
[[nodiscard]] inline LabelledImages read_mnist(const std::string& folder, MnistSplit split,
                                               std::uint64_t max_bytes = default_max_unpacked_bytes) {
  const std::string stem = folder + (split == MnistSplit::train ? "/train" : "/t10k");
  const std::string images_path = detail::plain_or_packed(stem + "-images-idx3-ubyte");
  const std::string labels_path = detail::plain_or_packed(stem + "-labels-idx1-ubyte");

  IdxArray labels = read_idx(labels_path, max_bytes);
  check_file(labels.type == IdxType::u8 && labels.extents.size() == 1, labels_path, "shape of the labels",
             detail::shape_text(labels.extents), "(N), of unsigned bytes");
  for (const std::uint8_t label : labels.bytes) check_file(label < 10, labels_path, "label", int{label}, "0 to 9");

  const IdxArray images = read_idx(images_path, max_bytes);
  check_file(
      images.type == IdxType::u8 && images.extents.size() == 3 && images.extents[1] == 28 && images.extents[2] == 28,
      images_path, "shape of the images", detail::shape_text(images.extents), "(N, 28, 28), of unsigned bytes");
  check_file(images.extents[0] == labels.extents[0], images_path, "number of images", images.extents[0],
             "as many as labels, " + std::to_string(labels.extents[0]));

  LabelledImages out;
  out.images.shape = {1, {28, 28, 1}, static_cast<Index>(images.extents[0])};
  using Bytes = Eigen::Map<const Vector<std::uint8_t>>;
  out.images.values = Bytes(images.bytes.data(), out.images.shape.size()).cast<float>() / 255.0f;
  out.labels = std::move(labels.bytes);
  return out;
}

}  // namespace basin
