// A program outside this project that uses basin/io: the packages that it needs are there.

#include <gif_lib.h>
#include <png.h>
#include <zlib.h>

#include <iostream>
#include <nlohmann/json.hpp>

#if __has_include(<xtensor/containers/xtensor.hpp>)
#include <xtensor/containers/xtensor.hpp>
#else
#include <xtensor/xtensor.hpp>
#endif

int main() {
  const xt::xtensor<float, 1> z{1, 2, 2};
  const nlohmann::json json{{"size", z.size()}};
  std::cout << "io: " << json << ", zlib " << zlibVersion() << ", giflib: " << GifErrorString(E_GIF_ERR_WRITE_FAILED)
            << ", libpng " << png_get_libpng_ver(nullptr) << '\n';
  return json["size"] == 3 ? 0 : 1;
}
