"""What visitors of the playground rely on: python3 playground.py <source> <folder to work in>

Builds the page, serves it, and drives it in headless Chromium by WebDriver: mouse, finger and keys, at 360 and at 1920
pixels, light and dark. Prints its size and speed, and leaves a picture of each scene at each width in the folder. Ends
with 77, and says why, where what it needs is missing. npm's axe-core looks for faults of accessibility, where AXE_CORE
is the path of its axe.min.js, or node_modules of the source has it, or Debian; elsewhere a line says that this was
skipped.
"""

import base64
import contextlib
import functools
import http.server
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

SKIPPED = 77
LEFT, UP, RIGHT, DOWN = "\ue012", "\ue013", "\ue014", "\ue015"
SCENES = ("grow", "digits", "maze", "sudoku", "network", "life")
THREE = [(0.33, 0.28), (0.42, 0.2), (0.54, 0.19), (0.63, 0.26), (0.63, 0.37), (0.55, 0.45), (0.46, 0.48),
         (0.57, 0.51), (0.66, 0.59), (0.66, 0.71), (0.57, 0.8), (0.44, 0.81), (0.32, 0.74)]

# Of what the page shows, and of what its module holds.
LIVING = "return basin.grow_living()"
PICTURE = """
  const side = 48;
  window.kept ??= {};
  kept[arguments[0]] = basin.pixels(basin.grow_picture(), side, side).data.slice();
"""
DIFFERENCE = """
  const [a, b] = [kept[arguments[0]], kept[arguments[1]]];
  const shown = (pixels, i, c) => pixels[i + c] * pixels[i + 3] / 255;
  let sum = 0;
  for (let i = 0; i < a.length; i += 4) for (let c = 0; c < 3; ++c) sum += (shown(a, i, c) - shown(b, i, c)) ** 2;
  return sum / (a.length / 4 * 3) / 255 ** 2;
"""
FRAMES = """
  const done = arguments[0], start = performance.now();
  let frames = 0;
  const count = () => {
    if (performance.now() - start >= 1500) return done(frames / (performance.now() - start) * 1000);
    ++frames;
    requestAnimationFrame(count);
  };
  requestAnimationFrame(count);
"""
# 96 x 96 cells, all of them alive and none of them idle but by chance, which is the most that there can be to do.
SPEED = """
  basin.grow_resize(96);
  basin.grow_paint(48, 48, 70, 0.5, 0.5, 0.5);
  basin.grow_step(5);
  const living = basin.grow_living();
  let steps = 0;
  const start = performance.now();
  while (performance.now() - start < 1500) { basin.grow_paint(48, 48, 70, 0.5, 0.5, 0.5); basin.grow_step(1); ++steps; }
  const rate = steps / (performance.now() - start) * 1000;
  basin.grow_resize(48);
  basin.grow_seed(32, 32);
  return [rate, living];
"""


class Browser:
    """A session of WebDriver (www.w3.org/TR/webdriver2)."""

    def __init__(self, driver):
        self.driver = driver
        options = {"args": ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
                            "--hide-scrollbars", "--force-color-profile=srgb"]}
        answer = self.call("POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}})
        self.session = "/session/" + answer["sessionId"]

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.driver + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{path}: {json.load(error)['value']['message']}") from None

    def post(self, path, body=None):
        return self.call("POST", self.session + path, body or {})

    def run(self, script, *arguments):
        return self.post("/execute/sync", {"script": script, "args": arguments})

    def run_async(self, script):
        return self.post("/execute/async", {"script": script, "args": []})

    def devtools(self, command, **parameters):
        return self.post("/goog/cdp/execute", {"cmd": command, "params": parameters})

    def wait(self, script, *arguments, seconds=60):
        until = time.monotonic() + seconds
        while not (value := self.run(script, *arguments)):
            if time.monotonic() > until:
                raise AssertionError(f"not in {seconds} s: {script} {arguments}")
            time.sleep(0.1)
        return value

    def size(self, width, height, dark):
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                      mobile=width < 600)
        self.look(**{"prefers-color-scheme": "dark" if dark else "light"})

    def look(self, **features):
        self.devtools("Emulation.setEmulatedMedia", features=[
            {"name": name, "value": value} for name, value in features.items()])

    def show(self, scene):
        self.run(f"location.hash = '{scene}'")
        self.wait(f"return document.getElementById('{scene}')?.dataset.ready === 'yes'")

    def box(self, scene, board=".board"):
        return self.run(f"""
          const board = document.querySelector('#{scene} {board}');
          board.scrollIntoView({{ block: 'center' }});
          const box = board.getBoundingClientRect();
          return [box.left, box.top, box.width];""")

    def draw(self, scene, places):
        """Draws through places from 0 to 1 on the board of a scene, by mouse."""
        left, top, side = self.box(scene)
        self.stroke([(round(left + x * side), round(top + y * side)) for x, y in places])

    def stroke(self, points):
        """Draws through points of the window."""
        moves = [{"type": "pointerMove", "duration": 0, "x": x, "y": y} for x, y in points]
        self.post("/actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": [
            moves[0], {"type": "pointerDown", "button": 0}, *moves[1:], {"type": "pointerUp", "button": 0}]}]})

    def touch(self, scene, x, y):
        left, top, side = self.box(scene)
        self.devtools("Input.dispatchTouchEvent", type="touchStart",
                      touchPoints=[{"x": left + x * side, "y": top + y * side}])
        self.devtools("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def keys(self, text):
        actions = [action for key in text for action in ({"type": "keyDown", "value": key}, {"type": "keyUp", "value": key})]
        self.post("/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def press(self, scene, name):
        self.run(f"""[...document.querySelectorAll('#{scene} button')].find((b) => b.textContent === '{name}').click()""")

    def choose(self, scene, number, value):
        self.run(f"""
          const select = document.querySelectorAll('#{scene} select')[{number}];
          select.value = '{value}';
          select.dispatchEvent(new Event('change'));""")

    def find(self, selector):
        element = self.post("/element", {"using": "css selector", "value": selector})
        return next(iter(element.values()))

    def text(self, selector):
        return self.run(f"return document.querySelector('{selector}').textContent")

    def check_console(self):
        bad = [entry for entry in self.post("/se/log", {"type": "browser"}) if entry["level"] in ("SEVERE", "WARNING")]
        assert not bad, f"the console says {bad}"


def grow(browser, folder):
    browser.show("grow")
    browser.wait(LIVING)
    browser.press("grow", "Pause")
    # Anew, because the page has made as many steps by now as the machine had time for, and its random masks follow them: of
    # 60 other beginnings 4 heal into something else.
    browser.run("basin.grow_resize(48); basin.grow_seed(24, 24); basin.grow_step(320)")
    whole = browser.run(LIVING)
    browser.run(PICTURE, "whole")
    browser.draw("grow", [(0.44, 0.46), (0.46, 0.47)])
    hurt = browser.run(LIVING)
    browser.run(PICTURE, "hurt")
    browser.run("basin.grow_step(200)")
    browser.run(PICTURE, "healed")
    damage = browser.run(DIFFERENCE, "whole", "hurt")
    left = browser.run(DIFFERENCE, "whole", "healed")
    print(f"grow: {whole} living cells, {hurt} after a press; squared error {damage:.4f}, healed {left:.4f}")
    assert 150 < whole < 2000, whole
    assert hurt < 0.9 * whole, (hurt, whole)
    assert left < 0.01 * damage, (left, damage)
    # By keys: the board is reached by Tab, and space erases in its middle.
    browser.run("document.querySelector('#grow .board').focus()")
    before = browser.run(LIVING)
    browser.keys(" ")
    assert browser.run(LIVING) < before, "the space bar erases nothing"
    # Other automata, from files: one that changes nothing.
    other = [{"data_b64": base64.b64encode(bytes((inputs + 1) * outputs)).decode(), "in_ch": inputs, "out_ch": outputs,
              "weight_scale": 0, "bias_scale": 0, "type": "uint8"} for inputs, outputs in ((48, 128), (128, 16))]
    status = "return document.querySelector('#grow .status').textContent"
    for name, content, expected in (("wrong.json", "[1, 2]", "is not an automaton"), ("short.json", "[]", "has 0 numbers"),
                                    ("other.json", json.dumps(other), "step 0")):
        file = folder / name
        file.write_text(content)
        browser.post(f"/element/{browser.find('#grow-file')}/value", {"text": str(file.resolve())})
        browser.wait(status + ".includes(arguments[0])", expected)
    chosen = browser.run("return [...document.querySelectorAll('#grow option:checked')].map((one) => one.textContent)")
    assert "other.json" in chosen, chosen
    browser.run("basin.grow_step(5)")
    assert browser.run(LIVING) == 1, "a rule of zeros changes something"
    for name in ("fish", "ladybird"):
        browser.choose("grow", 1, name)
        browser.wait(status + ".startsWith('step 0 ')")
        browser.run("basin.grow_step(120)")
        assert 150 < browser.run(LIVING) < 600, f"{name}: {browser.run(LIVING)} living cells"
    browser.press("grow", "Play")


def digits(browser, _):
    browser.show("digits")
    browser.draw("digits", THREE)
    browser.wait("return document.querySelector('#digits .status').textContent.includes('at rest')")
    assert browser.text("#digits .answer b") == "3", "a 3 is read as " + browser.text("#digits .answer b")
    whole = browser.text("#digits .status")
    browser.press("digits", "Cut in half")
    browser.wait("return document.querySelector('#digits .status').textContent.includes('at rest')")
    print(f"digits: a 3 is read as 3, {whole}; cut in half as {browser.text('#digits .answer b')}, "
          f"{browser.text('#digits .status')}")
    seen = browser.run("return [...basin.floats(basin.digits_image(), 784)]")
    assert max(seen[:392]) > 0.9 and max(seen[392:]) == 0, "the lower half is not gone"
    browser.press("digits", "Cut in half")
    # By keys: up, pen down, a line, pen up.
    browser.press("digits", "Clear")
    browser.run("document.querySelector('#digits .board').focus()")
    browser.keys(15 * UP + " " + 30 * DOWN + " ")
    browser.wait("return document.querySelector('#digits .status').textContent.includes('at rest')")
    assert browser.text("#digits .answer b") == "1", "a line is read as " + browser.text("#digits .answer b")
    # The digits that the page knows, without watching how it comes to rest.
    browser.look(**{"prefers-reduced-motion": "reduce"})
    for digit in range(10):
        browser.press("digits", "Example")
        browser.wait("return document.querySelector('#digits .status').textContent.includes('at rest')")
        read = browser.text("#digits .answer b")
        assert read == str((4 + digit) % 10), f"the page's {(4 + digit) % 10} is read as {read}"
    browser.look()


def maze(browser, _):
    browser.show("maze")
    browser.press("maze", "Pause")
    browser.run("""
      const size = document.querySelector('#maze input[type=range]');
      size.value = 15;
      size.dispatchEvent(new Event('input'));""")
    for seed in range(1, 4):  # always the same mazes
        browser.run("basin.maze_draw(15, arguments[0]); basin.maze_evaluate(725)", seed)
        steps, loops, wrong, said = browser.run("basin.maze_picture(); return [...basin.integers(basin.maze_verdict(), 4)]")
        evaluations = browser.run("return basin.maze_evaluations()")
        print(f"maze {seed}: a way of {steps} steps, settled after {evaluations} evaluations, {wrong} pixels wrong")
        assert browser.run("return basin.maze_settled()") == 1, "the maze does not settle"
        assert (loops, wrong, said) == (0, 0, steps + 1), (loops, wrong, said)
        # Another way, from where it was.
        assert browser.run("return basin.maze_move_wall(arguments[0])", seed) == 1
        assert browser.run("return basin.maze_settled()") == 0
        assert browser.run("basin.maze_picture(); return basin.integers(basin.maze_verdict(), 4)[2]") > 0
        browser.run("basin.maze_evaluate(725)")
        after = browser.run("basin.maze_picture(); return [...basin.integers(basin.maze_verdict(), 4)]")
        assert after[0] > 0 and after[1:3] == [0, 0], f"after a wall was moved: {after}"
    verdict = "return document.querySelector('#maze .verdict').textContent"
    browser.run("basin.maze_draw(15, 1)")
    browser.press("maze", "To the end")
    browser.wait(verdict + ".includes('and right')")
    # By keys, from the middle: the start is dragged, from where it is to the next open pixel.
    start = browser.run("return basin.maze_at(0)")
    across, down = start % 15 - 7, start // 15 - 7
    arrows = (RIGHT if across > 0 else LEFT) * abs(across) + (DOWN if down > 0 else UP) * abs(down)
    browser.run("document.querySelector('#maze .board').focus()")
    browser.keys(arrows + " " + UP + DOWN + DOWN + UP + LEFT + RIGHT + RIGHT + " ")
    assert browser.run("return basin.maze_at(0)") != start, "the keys do not move the start"
    browser.press("maze", "To the end")
    browser.wait(verdict + ".includes('and right')")
    browser.touch("maze", 0.5 / 15, 0.5 / 15)  # the edge stays wall
    assert "and right" in browser.text("#maze .verdict")
    browser.press("maze", "Play")


def sudoku(browser, _):
    browser.show("sudoku")
    browser.press("sudoku", "Pause")
    verdict = "return document.querySelector('#sudoku .verdict').textContent"
    for level in ("12", "0"):
        browser.choose("sudoku", 0, level)
        browser.press("sudoku", "To the end")
        browser.wait(verdict + ".includes('and right')")
        print(f"sudoku: {browser.text('#sudoku .verdict')} {browser.text('#sudoku .status')}")
    # By keys: a digit twice in a row has no solution, and taking it out again has one.
    browser.run("document.querySelector('#sudoku .board').focus()")
    given = "return [...basin.integers(basin.sudoku_given(), 81)]"
    before = browser.run(given)
    place = next(p for p in range(36, 45) if before[p] == 0)
    twice = next(digit for digit in before[36:45] if digit)
    browser.keys(LEFT * (40 - place) + RIGHT * (place - 40) + str(twice))
    assert browser.run(given)[place] == twice, "the digit is not there"
    browser.wait(verdict + ".includes('no solution')")
    browser.keys("0")
    assert browser.run(given) == before
    browser.press("sudoku", "To the end")
    browser.wait(verdict + ".includes('and right')")
    # By finger: the place in the upper left corner, and a digit from the pad.
    browser.press("sudoku", "Empty all")
    browser.touch("sudoku", 0.05, 0.05)
    browser.press("sudoku", "7")
    assert browser.run(given) == [7] + 80 * [0], browser.run(given)
    browser.wait(verdict + ".includes('more than one solution')")
    browser.choose("sudoku", 0, "6")
    browser.press("sudoku", "Play")


def network(browser, _):
    browser.show("network")
    browser.press("network", "Pause")
    browser.press("network", "New random weights")
    random = browser.run("return basin.network_right()")
    left, top, side = browser.box("network", ".drawn .board")
    browser.stroke([(round(left + x * side), round(top + y * side)) for x, y in THREE])
    read = "return document.querySelector('#network .answer b').textContent"
    for _ in range(10):
        browser.press("network", "Step")
    browser.wait(read + " === '3'", seconds=10)
    made = browser.run("return basin.network_right()")
    browser.press("network", "Layer 1")
    hurt = browser.run("return basin.network_right()")
    for _ in range(10):
        browser.press("network", "Step")
    browser.wait(read + " === '3'", seconds=10)
    healed = browser.run("return basin.network_right()")
    print(f"network: reads {random} of 10 digits with random weights, {made} after ten updates, {hurt} without a layer, "
          f"{healed} ten updates later")
    assert random < 6 and hurt < 6 and made >= 9 and healed >= 9
    # The brush.
    browser.draw("network", [(0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.9), (0.1, 0.3), (0.9, 0.3)])
    erased = "const z = basin.network_scores(10); return basin.network_right()"
    brushed = browser.run(erased)
    for _ in range(10):
        browser.press("network", "Step")
    browser.wait(read + " === '3'", seconds=10)
    print(f"network: reads {brushed} after the brush, {browser.run(erased)} ten updates later")
    browser.press("network", "Play")


def life(browser, _):
    browser.show("life")
    browser.press("life", "Pause")
    browser.press("life", "Start again")
    browser.run("basin.life_step(30)")
    assert browser.run("return basin.life_mass()") == 41, "Gosper's gun has no 41 cells after 30 steps"
    browser.press("life", "Clear")
    browser.touch("life", 0.5, 0.5)
    painted = browser.run("return basin.life_mass()")
    assert 1 <= painted <= 20, f"a touch paints {painted} cells"
    browser.choose("life", 0, "lenia")
    browser.choose("life", 1, "creature")
    browser.run("basin.life_step(100)")
    mass = browser.run("return basin.life_mass()")
    print(f"life: {painted} cells painted by touch; Orbium's mass is {mass:.2f} after 100 steps")
    assert abs(mass - 70.893) < 0.05, mass
    browser.choose("life", 0, "expanded")
    browser.choose("life", 1, "creature")
    before = browser.run("return basin.life_mass()")
    browser.run("basin.life_step(60)")
    assert 0.5 * before < browser.run("return basin.life_mass()") < 2 * before, "Tessellatium does not live"
    browser.choose("life", 0, "rule90")  # Pascal's triangle, even and odd: 1, 2, 2, 4, 2, 4, 4, 8 odd numbers a row
    browser.run("basin.life_step(7)")
    assert browser.run("return basin.life_mass()") == 27, browser.run("return basin.life_mass()")
    browser.choose("life", 0, "life")
    browser.press("life", "Play")


def check_accessibility(browser, axe, what):
    browser.run("if (!window.axe) (0, eval)(arguments[0])", axe)
    faults = browser.run_async("""
      const done = arguments[0];
      axe.run(document, { resultTypes: ['violations'] }).then((found) => done(found.violations.map(
        (one) => `${one.impact}: ${one.id}, ${one.nodes.map((node) => node.html.slice(0, 120)).join(' and ')}`)));""")
    assert not faults, f"axe-core about {what}: {faults}"


def axe_core(source):
    """The text of axe.min.js, or None where there is none."""
    if "AXE_CORE" in os.environ:
        return pathlib.Path(os.environ["AXE_CORE"]).read_text()
    for modules in (source / "node_modules", pathlib.Path("/usr/share/nodejs")):
        path = modules / "axe-core/axe.min.js"
        if path.is_file():
            return path.read_text()
    return None


def check_scenes(browser, source, folder):
    axe = axe_core(source)
    if not axe:
        print("playground: the check of accessibility is skipped: no axe-core (npm install --no-save --prefix . axe-core)")
    for width, height, dark in ((1920, 1080, False), (360, 740, True), (360, 740, False), (1920, 1080, True)):
        browser.size(width, height, dark)
        for scene in SCENES:
            browser.show(scene)
            if scene == "life":
                browser.choose("life", 0, {(1920, False): "life", (1920, True): "expanded", (360, False): "lenia"}.get(
                    (width, dark), "rule110"))
                browser.run("basin.life_step(100)")
            wide = browser.run("return document.documentElement.scrollWidth")
            assert wide <= width, f"{scene} is {wide} pixels wide at {width}"
            small = browser.run(f"""
              return [...document.querySelectorAll('#{scene} button, #{scene} select, [role=tab]')]
                .filter((one) => one.offsetHeight < 36).map((one) => one.textContent)""")
            assert not small, f"too small for a finger at {width}: {small}"
            time.sleep(0.3)
            tall = browser.run("return document.documentElement.scrollHeight")
            picture = browser.devtools("Page.captureScreenshot", captureBeyondViewport=True,
                                       clip={"x": 0, "y": 0, "width": width, "height": max(tall, height), "scale": 1})
            name = f"{scene}_{width}_{'dark' if dark else 'light'}.png"
            (folder / name).write_bytes(base64.b64decode(picture["data"]))
            if axe:
                check_accessibility(browser, axe, name)
    if axe:
        print("axe-core finds no fault in any scene, at either width, light or dark")


def check_laptops(browser):
    """Where windows are wide and low, the board is seen with all that is said below it, beside its controls."""
    for width, height in ((1280, 720), (1280, 757), (1024, 768)):
        browser.size(width, height, False)
        for scene in SCENES:
            browser.show(scene)
            end, gap = browser.run(f"""
              const [stage, side] = ['stage', 'side'].map(
                (name) => document.querySelector('#{scene} .' + name).getBoundingClientRect());
              return [stage.bottom + scrollY, side.left - stage.right]""")
            assert end <= height, f"{scene} at {width} x {height}: what is below the board ends at {end}"
            assert 0 < gap <= 40, f"{scene} at {width} x {height}: {gap} pixels between the board and its controls"


def check_less_motion(browser, address):
    browser.look(**{"prefers-reduced-motion": "reduce"})
    browser.post("/url", {"url": address + "?less"})
    browser.show("grow")
    browser.wait("return document.querySelector('#grow .status').textContent")
    before = browser.text("#grow .status")
    time.sleep(0.5)
    assert "paused" in before and browser.text("#grow .status") == before, f"moves though less motion is asked for: {before}"


def measure(browser):
    browser.size(1920, 1080, False)
    frames = []
    for scene in SCENES:
        browser.show(scene)
        frames.append(f"{scene} {browser.run_async(FRAMES):.0f}")
    print("frames a second:", ", ".join(frames))
    browser.show("life")  # beside which nothing steps the growing automaton
    rate, living = browser.run(SPEED)
    print(f"96 x 96 cells of 16 numbers, {living} of them alive: {rate:.0f} steps a second")


@contextlib.contextmanager
def served(page):
    """The address at which a folder is served."""
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(page))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@contextlib.contextmanager
def driven(log):
    """A browser."""
    with log.open("w") as errors, subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True,
                                                   stderr=errors) as driver:
        try:
            for line in driver.stdout:
                if port := re.search(r"started successfully on port (\d+)", line):
                    break
            browser = Browser(f"http://127.0.0.1:{port[1]}")
            try:
                yield browser
            finally:
                browser.call("DELETE", browser.session)
        finally:
            driver.terminate()


def main():
    source, folder = map(pathlib.Path, sys.argv[1:3])
    missing = [name for name in ("em++", "chromium", "chromedriver") if not shutil.which(name)]
    if missing:
        print("playground: skipped, because there is no", " and no ".join(missing), "here")
        return SKIPPED
    page = folder / "page"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    # em++ through ccache, where what runs this set that up.
    cached = {"EM_COMPILER_WRAPPER": "ccache"} if "CCACHE_BASEDIR" in os.environ and shutil.which("ccache") else {}
    subprocess.run(["sh", source / "examples/playground/build.sh", page], check=True, env=os.environ | cached)
    size = sum(file.stat().st_size for file in page.iterdir())
    print(f"size: {size} bytes,", ", ".join(f"{file.name} {file.stat().st_size}" for file in sorted(page.iterdir())))
    assert size <= 1000000, size
    with served(page) as address, driven(folder / "chromedriver.log") as browser:
        browser.size(1920, 1080, False)
        browser.post("/url", {"url": address})
        for scene in (grow, digits, maze, sudoku, network, life):
            scene(browser, folder)
            browser.check_console()
        check_scenes(browser, source, folder)
        check_laptops(browser)
        measure(browser)
        check_less_motion(browser, address)
        browser.check_console()
    print("playground: all as expected")
    return 0


sys.exit(main())
