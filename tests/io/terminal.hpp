#pragma once

// A terminal that nobody sits at, to find out what is shown there.

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace basin::test {

class Terminal {
 public:
  Terminal() : screen_(::posix_openpt(O_RDWR | O_NOCTTY)) {
    REQUIRE(screen_ >= 0);
    REQUIRE(::grantpt(screen_) == 0);
    REQUIRE(::unlockpt(screen_) == 0);
    // Not the terminal of this process, which a hang-up of it would end.
    file_ = ::fdopen(::open(::ptsname(screen_), O_WRONLY | O_NOCTTY), "w");
    REQUIRE(file_ != nullptr);
    termios settings{};
    REQUIRE(::tcgetattr(::fileno(file_), &settings) == 0);
    settings.c_oflag &= ~static_cast<tcflag_t>(OPOST);  // a line's end stays one character
    REQUIRE(::tcsetattr(::fileno(file_), TCSANOW, &settings) == 0);
    REQUIRE(::fcntl(screen_, F_SETFL, O_NONBLOCK) == 0);
  }
  ~Terminal() {
    std::fclose(file_);
    ::close(screen_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  [[nodiscard]] std::FILE* file() const { return file_; }

  /// What was written to it since this was last asked: some kilobytes at most.
  [[nodiscard]] std::string shown() const {
    std::fflush(file_);
    std::string text;
    std::array<char, 1000> piece{};
    for (ssize_t count = 0; (count = ::read(screen_, piece.data(), piece.size())) > 0;) {
      text.append(piece.data(), static_cast<std::size_t>(count));
    }
    return text;
  }

 private:
  int screen_;
  std::FILE* file_ = nullptr;
};

}  // namespace basin::test
