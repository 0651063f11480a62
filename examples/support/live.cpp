#include "live.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace basin::examples {

std::string in_short(double number) {
  constexpr std::array<const char*, 4> units{"", " k", " M", " G"};
  std::size_t unit = 0;
  for (; number >= 999.5 && unit + 1 < units.size(); ++unit) number /= 1000;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.*f%s", unit > 0 && number < 99.95 ? 1 : 0, number, units[unit]);
  return text.data();
}

Live::Live(Scene scene, const LiveSettings& settings) : scene_(std::move(scene)), frame_(1.0 / settings.fps) {
  if (!settings.record.empty()) recording_.emplace(settings.record, scene_.legend);
  scene_.restart();
  picture_ = scene_.picture();
  cursor_x_ = static_cast<double>(picture_.width) / 2;
  cursor_y_ = static_cast<double>(picture_.height) / 2;
  radius_ = std::max(1.0, static_cast<double>(std::min(picture_.width, picture_.height)) / 8);
  while (speeds[speed_] < scene_.speed) ++speed_;
}

int Live::run() {
  const int signal = watch();
  std::printf("%s: watched to step %td", scene_.name.c_str(), step_);
  const std::string wrote = recording_ ? recording_->finish() : "";
  if (!wrote.empty()) std::printf("; wrote %s", wrote.c_str());
  std::printf("\n");
  return signal == 0 ? 0 : 128 + signal;
}

int Live::watch() {
  Terminal terminal;
  double next = 0, before = 0, typed = 0;
  while (!ended_ && terminal.asked() == 0) {
    if (terminal.is_new()) shown_.reset();
    const bool rests = paused_ && !changed_ && !moved_ && shown_;
    const std::string bytes = terminal.read(rests ? 0.1 : next - watch_.seconds());
    const double time = watch_.seconds();
    if (!bytes.empty()) {
      keys_.put(bytes);
      typed = time;
    } else if (time - typed > 0.1) {
      keys_.forget();
    }
    while (const std::optional<Key> key = keys_.next()) press(*key);
    if (time < next) continue;
    if (!paused_) advance(time - before, time + 0.8 * frame_);
    before = time;
    draw(terminal);
    next = std::max(time, next + frame_);
  }
  return terminal.asked();
}

void Live::advance(double passed, double until) {
  const double speed = speeds[speed_];
  owed_ = std::isinf(speed) ? speed : owed_ + std::min(passed, 0.25) * speed;
  while (owed_ >= 1 && !paused_) {
    step();
    owed_ -= 1;
    if (watch_.seconds() < until) continue;
    owed_ = std::min(owed_, 1.0);
    break;
  }
  const double measured = watch_.seconds() - since_;
  if (measured < 1) return;
  rate_ = static_cast<double>(counted_) / measured;
  since_ = watch_.seconds();
  counted_ = 0;
}

void Live::step() {
  scene_.step(step_++);
  ++counted_;
  changed_ = true;
  if (step_ == scene_.pause_at) paused_ = true;
}

void Live::press(const Key& key) {
  moved_ = true;
  const double one = std::max(1.0, 1 / scale_), way = key.far ? 8 * one : one;
  switch (key.kind) {
    case Key::Kind::up:
      return move(0, -way);
    case Key::Kind::down:
      return move(0, way);
    case Key::Kind::left:
      return move(-way, 0);
    case Key::Kind::right:
      return move(way, 0);
    case Key::Kind::press:
      if (at_ && key.row < room_rows_) {
        const auto [x, y] = at_->cell_at(key.column + 0.5, 2 * key.row + 1);
        damage(x, y);
        if (zoom_ == 0) cursor_x_ = x, cursor_y_ = y;  // where a part is seen, that one stays
      }
      return;
    case Key::Kind::wheel_up:
      return resize(1.25);
    case Key::Kind::wheel_down:
      return resize(0.8);
    case Key::Kind::letter:
      return press(key.letter);
  }
}

void Live::press(char letter) {
  for (const LiveKey& own : scene_.keys) {
    if (own.letter != letter) continue;
    own.press();
    if (own.restarts) step_ = 0;
    changed_ = true;
  }
  if (letter == 'q') ended_ = true;
  if (letter == ' ') {
    paused_ = !paused_;
    owed_ = rate_ = 0;
    since_ = watch_.seconds();
    counted_ = 0;
  }
  if (letter == 's') {
    paused_ = true;
    step();
  }
  if (letter == 'r') {
    scene_.restart();
    step_ = 0;
    changed_ = true;
  }
  if (letter == 'd') damage(cursor_x_, cursor_y_);
  if (letter == '[') resize(0.8);
  if (letter == ']') resize(1.25);
  if (letter == 'c') ring_ = !ring_;
  if (letter == 'z') zoom_ = (zoom_ + 1) % Viewport::zooms;
  if (letter == '-' && speed_ > 0) --speed_;
  if ((letter == '+' || letter == '=') && speed_ + 1 < speeds.size()) ++speed_;
  if (letter == '\f') shown_.reset();  // Ctrl-L
}

void Live::move(double dx, double dy) {
  ring_ = true;
  cursor_x_ = std::clamp(cursor_x_ + dx, 0.0, static_cast<double>(picture_.width));
  cursor_y_ = std::clamp(cursor_y_ + dy, 0.0, static_cast<double>(picture_.height));
}

void Live::resize(double by) {
  ring_ = true;
  radius_ = std::clamp(radius_ * by, 0.75, static_cast<double>(std::max(picture_.width, picture_.height)));
}

void Live::damage(double x, double y) {
  if (!scene_.damage) return;
  scene_.damage(x, y, radius_);
  changed_ = true;
}

void Live::draw(Terminal& terminal) {
  const auto [columns, rows] = Terminal::size();
  const bool fits = shown_ && shown_->columns() == columns && shown_->rows() == rows;
  if (!changed_ && !moved_ && fits) return;
  if (changed_ || !recorded_) {
    picture_ = scene_.picture();
    if (recording_) {
      recording_->add(picture_, step_, watch_.seconds() - recorded_at_);
      recorded_at_ = watch_.seconds();
    }
    recorded_ = true;
  }
  changed_ = moved_ = false;
  Screen screen(columns, rows, true_colour_);
  if (columns < Terminal::least.columns || rows < Terminal::least.rows) {
    screen.text(0, 0, "too small; q quits");
  } else {
    compose(screen);
  }
  terminal.write(screen.since(shown_ ? *shown_ : Screen(0, 0, true_colour_)));
  shown_ = std::move(screen);
}

void Live::compose(Screen& screen) {
  // Keys and what they do, in as many lines as they need.
  struct Word {
    int column, row;
    std::string key, help;
  };
  std::vector<Word> words;
  int column = 0, lines = 1;
  for (const auto& [key, help] : hints()) {
    const int width = static_cast<int>(key.size() + 1 + help.size());
    if (column > 0 && column + width > screen.columns()) column = 0, ++lines;
    words.push_back({column, lines - 1, key, help});
    column += width + 2;
  }
  room_rows_ = screen.rows() - lines - (scene_.legend.empty() ? 1 : 2);
  const int first = screen.rows() - lines;
  for (const Word& word : words) {
    screen.text(word.column, first + word.row, word.key, {.bold = true});
    screen.text(word.column + static_cast<int>(word.key.size()) + 1, first + word.row, word.help);
  }
  screen.text(0, first - 1, line());
  int from = 0;
  for (const auto& [colour, name] : scene_.legend) {
    screen.text(from, room_rows_, " " + name + " ", {.ink = readable_on(colour), .paper = colour});
    from += static_cast<int>(name.size()) + 3;
  }
  at_.emplace(picture_.width, picture_.height, screen.columns(), 2 * room_rows_, zoom_, cursor_x_, cursor_y_);
  scale_ = at_->scale();
  Image seen = at_->of(picture_);
  if (ring_) draw_ring(seen, *at_, cursor_x_, cursor_y_, radius_);
  screen.picture(seen, static_cast<int>(at_->left()), static_cast<int>(at_->top()));
}

std::vector<std::pair<std::string, std::string>> Live::hints() const {
  std::vector<std::pair<std::string, std::string>> all{{"space", paused_ ? "go on" : "pause"}, {"s", "step"}};
  if (scene_.damage) {
    all.insert(all.end(), {{"d", "or mouse " + scene_.damage_word}, {"arrows", "aim"}, {"[ ]", "size"}, {"c", "ring"}});
  }
  all.emplace_back("r", "restart");
  for (const LiveKey& own : scene_.keys) all.emplace_back(std::string(1, own.letter), own.help);
  all.insert(all.end(), {{"- +", "speed"}, {"z", "zoom"}, {"q", "quit"}});
  return all;
}

std::string Live::line() const {
  std::vector<std::string> parts{scene_.name, "step " + std::to_string(step_)};
  const double speed = speeds[speed_];
  const bool slower = rate_ > 0 && rate_ < 0.9 * speed;
  if (paused_) {
    parts.emplace_back("paused");
  } else if (std::isinf(speed)) {
    parts.push_back("as fast as it can" + (slower ? ", " + in_short(rate_) + " steps/s" : ""));
  } else {
    parts.push_back((slower ? in_short(rate_) + " of " : "") + in_short(speed) + " steps/s");
  }
  if (!paused_ && rate_ > 0 && scene_.cells > 0) parts.push_back(in_short(rate_ * scene_.cells) + " cells/s");
  if (scene_.status) parts.push_back(scene_.status());
  if (recording_) {
    parts.push_back(std::to_string(recording_->frames()) + " frames recorded" + (recording_->full() ? ", full" : ""));
  }
  std::string all;
  for (const std::string& part : parts) all += (all.empty() || part.empty() ? "" : "  ") + part;
  return all;
}

}  // namespace basin::examples
