// gzip: what was packed in members is unpacked as it was, in pieces of any size, and not with anything behind it.

#include "basin/io/gzip.hpp"
#include "gzip_members.hpp"

namespace basin::fuzz {

namespace {

/// At most 64 KiB of what a file unpacks to.
std::optional<Bytes> unpacked(const Bytes& packed, Input& pieces) {
  constexpr std::size_t most = 1 << 16;
  return read_or_refuse("input", most + (1 << 16), [&] {
    detail::Gunzip gzip(packed, "input");
    Bytes out(most);
    std::size_t done = 0, got = 1;
    while (got > 0 && done < most) {
      const std::size_t piece = std::min<std::size_t>(most - done, 1 + pieces.byte());
      got = gzip.read_some(std::span(out).subspan(done, piece));
      done += got;
    }
    if (done < most) gzip.finish();
    out.resize(done);
    return out;
  });
}

}  // namespace

void seeds(const Keep& keep) {
  keep(as_it_is(gzip_member(Bytes(300, 7), 9)));
  Bytes two = gzip_member(Bytes{1, 2, 3}, 0);
  append(two, gzip_member({}, 6));
  keep(as_it_is(two));
  keep({1, 3, 5, 0, 9, 1, 9, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  keep({2, 1, 5, 0, 9, 1, 9, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9});
}

void target(Input input) {
  const std::size_t way = input.below(3);
  if (way == 0) {
    Bytes packed = input.rest();
    Input pieces(packed);
    (void)unpacked(packed, pieces);
    return;
  }
  Input form = input;
  const Bytes plain = input.take(1 << 12);
  Bytes packed = gzip_members(plain, form);
  Input pieces(plain);
  if (way == 1) {
    const auto back = unpacked(packed, pieces);
    require(back && *back == plain, "what was packed is unpacked");
  } else {
    const std::uint8_t behind = form.byte();
    packed.push_back(behind);
    require(!unpacked(packed, pieces), "what is behind the last member is refused");
  }
}

}  // namespace basin::fuzz
