// The scene of weights that arrange themselves into a network. Its C++ is network.hpp.

import { takeParameters } from './basin.js';
import { bars, board, button, chart, choice, clock, counted, el, player, slider } from './ui.js';
import { examples, pixels, rendered, trace } from './strokes.js';

const classes = 10, kept = 300;

/// Widths of the layers between pixels and digits, and of MNIST's 10,000 test images what a network of them reads after
/// ten updates, in percent (docs/playground.md).
const networks = [[28, 20, 96.0], [0, 30, 95.7], [0, 12, 94.5], [36, 36, 96.2], [49, 24, 96.2]];

export default {
  id: 'network',
  title: 'Network',
  heading: 'Weights that make a network of themselves',
  say: 'Every weight of this network is a cell, and one rule, the same for all of them, turns random numbers into a network '
    + 'that reads digits. Rub weights out, and the others make them again.',

  async make(basin) {
    await takeParameters(basin, 'network', 'network.f16');
    examples.forEach((strokes, digit) => {
      basin.floats(basin.network_image(digit), pixels * pixels).set(rendered(strokes).image);
    });
    let widths = networks[0], updates = 0, image = null, dirty = true, strokes = examples[3], example = 3, drawn = false;
    let history = { counts: [], right: [] };
    const time = clock(), play = player();
    const status = el('p', { class: 'status' });
    const curve = chart({
      low: 0, high: 10, ticks: [[0, '0'], [5, '5'], [10, '10']], xName: 'updates of all weights',
      says: (right, count) => `${right} of ten digits are read after ${counted(count, 'update')}`,
    });
    const answer = el('b'), certainty = el('span');
    const sure = bars('How sure it is of each digit', classes);

    const note = () => {
      // Of what a brush does between two updates the first and the last.
      if (history.counts.at(-2) === updates) Object.values(history).forEach((list) => list.pop());
      history.counts.push(updates);
      history.right.push(basin.network_right());
      if (history.counts.length > kept) Object.values(history).forEach((list) => list.shift());
      dirty = true;
    };
    const update = () => {
      basin.network_update(1);
      ++updates;
      note();
    };
    const begin = () => {
      basin.network_make(widths[0], widths[1], Math.floor(2 ** 31 * Math.random()));
      updates = 0;
      history = { counts: [], right: [] };
      note();
    };
    const eraseButtons = el('div', { class: 'row' }), reaches = el('p', { class: 'hint' });
    const layers = () => (widths[0] ? 3 : 2);
    const open = (number) => {
      widths = networks[number];
      eraseButtons.replaceChildren(...Array.from({ length: layers() }, (_, layer) => button(`Layer ${layer + 1}`, () => {
        basin.network_erase_layer(layer);
        note();
      }, { 'aria-label': `Erase layer ${layer + 1}` })));
      reaches.textContent = `Ten updates after random weights, such networks read ${widths[2].toFixed(1)}% of the test images of `
        + 'MNIST.';
      begin();
    };
    const kind = choice('Widths', networks.map(([x, y], number) => [number, `784–${x ? `${x}–` : ''}${y}–10`]),
      (number) => open(Number(number)));
    const brush = slider('Brush', { min: 2, max: 40, value: 14, said: String });
    const speed = slider('Speed', { min: 1, max: 20, value: 2, said: (rate) => `${rate} / s` });
    const side = () => basin.network_width();
    const stage = board({
      label: 'The weights of the network: press to erase them',
      says: 'Press or drag to rub out weights.',
      keys: 'By keys: arrows move the brush, space uses it.',
      radius: () => brush.value / 2 / side(),
      paint: (x, y) => {
        basin.network_erase(x * side(), y * side(), brush.value / 2);
        note();
      },
    });
    const pad = board({
      label: 'Draw a digit for the network here',
      says: 'Draw a digit here.',
      keys: 'By keys: arrows move the pen, space lowers and lifts it.',
      pen: true,
      radius: () => 0.04,
      paint: (x, y, begins) => {
        if (!drawn) strokes = [];  // the example goes
        drawn = true;
        if (begins) strokes.push([]);
        strokes.at(-1).push([x, y]);
        dirty = true;
      },
    });
    const show = () => {
      const shown = basin.pixels(basin.network_picture(), side(), side());
      image = new ImageData(shown.data.slice(), side(), side());
      basin.floats(basin.network_image(10), pixels * pixels).set(rendered(strokes).image);
      const scores = [...basin.floats(basin.network_scores(10), classes)], blank = strokes.length === 0;
      const best = scores.indexOf(Math.max(...scores));
      answer.textContent = blank ? '–' : String(best);
      certainty.textContent = blank ? 'nothing drawn' : `${Math.round(100 * scores[best])}% sure`;
      sure.show(scores, blank ? -1 : best);
      curve.show(history.right, history.counts);
    };
    open(0);
    if (!play.playing) for (let i = 0; i < 10; ++i) update();

    return {
      stage: [stage.canvas, status, stage.hint],
      side: [
        el('div', { class: 'row' }, play.root, button('Step', () => { play.set(false); update(); }),
          button('New random weights', begin)),
        el('div', { class: 'field' }, el('span', {}, 'Erase'), eraseButtons),
        el('div', { class: 'reading drawn' }, el('div', {}, pad.canvas),
          el('p', { class: 'answer', 'aria-live': 'polite' }, answer, certainty), sure.root),
        pad.hint,
        el('div', { class: 'row' }, button('Clear', () => { drawn = true; strokes = []; dirty = true; }),
          button('Example', () => {
            example = (example + 1) % examples.length;
            strokes = examples[example];
            drawn = false;
            dirty = true;
          })),
        el('figure', {}, el('figcaption', {}, el('b', {}, 'How many of ten digits it reads. '),
          'Those that “Example” shows.'), curve.root),
        kind.root, reaches, brush.root, speed.root,
      ],
      frame(seconds) {
        if (play.playing) time.run(seconds, speed.value, update);
        if (dirty) show();
        dirty = false;
        stage.show(image, {
          over: (context, size) => {
            const scale = size / side(), parts = basin.integers(basin.network_parts(), 4 * layers());
            context.lineWidth = devicePixelRatio;
            context.strokeStyle = '#b9b6aa';
            for (let i = 0; i < parts.length; i += 4) context.strokeRect(...[...parts.subarray(i, i + 4)].map((at) => at * scale));
          },
        });
        pad.show(null, {
          over: (context, size) => trace(context, strokes, ([x, y]) => [x * size, y * size], 0.075 * size, '#20262a'),
        });
        status.textContent = `${basin.network_cells()} weights · ${counted(updates, 'update')} · reads ${history.right.at(-1)} of 10`
          + `${play.playing ? '' : ' · paused'}`;
      },
    };
  },
};
