// The scene of a network that settles to read a digit. Its C++ is digits.hpp.

import { fetched } from './basin.js';
import { board, button, check, choice, el, lessMotion, picture, slider } from './ui.js';

const pixels = 28, classes = 10, tolerance = 1e-4, mostEvaluations = 120;
const iteratesASecond = 12;

/// Strokes of the digits, as someone might write them: places from 0 to 1.
const arc = (x, y, rx, ry, from, to) => Array.from({ length: 25 }, (_, i) => {
  const angle = (from + (to - from) * i / 24) * Math.PI / 180;
  return [x + rx * Math.cos(angle), y + ry * Math.sin(angle)];
});
export const examples = [
  [arc(0.5, 0.5, 0.2, 0.32, -90, 270)],
  [[[0.4, 0.27], [0.54, 0.17], [0.5, 0.83]]],
  [[...arc(0.5, 0.35, 0.19, 0.18, -170, 40), [0.32, 0.8], [0.72, 0.8]]],
  [[...arc(0.48, 0.34, 0.18, 0.16, -150, 85), ...arc(0.48, 0.65, 0.21, 0.17, -85, 150)]],
  [[[0.56, 0.17], [0.28, 0.56], [0.74, 0.56]], [[0.58, 0.38], [0.55, 0.84]]],
  [[[0.68, 0.18], [0.38, 0.18], [0.36, 0.46], ...arc(0.48, 0.62, 0.2, 0.19, -110, 140)]],
  [[[0.6, 0.16], ...arc(0.5, 0.64, 0.19, 0.19, -190, 170)]],
  [[[0.28, 0.2], [0.72, 0.2], [0.45, 0.83]]],
  [[...arc(0.5, 0.32, 0.16, 0.15, 60, -240), ...arc(0.5, 0.66, 0.19, 0.18, -60, 240), [0.57, 0.46]]],
  [[...arc(0.5, 0.34, 0.17, 0.17, 0, -350), [0.66, 0.4], [0.6, 0.84]]],
];

/// Strokes as MNIST shows digits: 20 pixels high or wide, with the centre of mass in the middle of 28 x 28.
function rendered(strokes) {
  const places = strokes.flat();
  const image = new Float32Array(pixels * pixels);
  if (places.length === 0) return { image, rowAt: () => 0 };
  const least = (i) => Math.min(...places.map((p) => p[i])), most = (i) => Math.max(...places.map((p) => p[i]));
  const [left, right, top, bottom] = [least(0), most(0), least(1), most(1)];
  const scale = 18 / Math.max(right - left, bottom - top, 0.15);
  const canvas = Object.assign(document.createElement('canvas'), { width: pixels, height: pixels });
  const context = canvas.getContext('2d', { willReadFrequently: true });
  let dx = 14 - scale * (left + right) / 2, dy = 14 - scale * (top + bottom) / 2;
  const draw = () => {
    context.clearRect(0, 0, pixels, pixels);
    trace(context, strokes, ([x, y]) => [scale * x + dx, scale * y + dy], 2.3, '#000');
    const bytes = context.getImageData(0, 0, pixels, pixels).data;
    for (let i = 0; i < image.length; ++i) image[i] = bytes[4 * i + 3] / 255;
  };
  draw();
  let sum = 0, x = 0, y = 0;
  image.forEach((ink, i) => { sum += ink; x += ink * (i % pixels + 0.5); y += ink * (Math.floor(i / pixels) + 0.5); });
  dx += 14 - x / sum;
  dy += 14 - y / sum;
  draw();
  return { image, rowAt: (row) => (row - dy) / scale };
}

function trace(context, strokes, place, width, colour) {
  context.lineWidth = width;
  context.lineCap = context.lineJoin = 'round';
  context.strokeStyle = colour;
  for (const stroke of strokes) {
    context.beginPath();
    stroke.forEach((point, i) => context[i === 0 ? 'moveTo' : 'lineTo'](...place(point)));
    if (stroke.length === 1) context.lineTo(...place(stroke[0]));
    context.stroke();
  }
}

/// Residuals against evaluations, on a log scale.
function chart() {
  const width = 400, height = 165, left = 44, right = 12, top = 12, bottom = 34;
  const decades = [0, -1, -2, -3, -4, -5];
  let reach = 20;  // evaluations that the axis shows
  const x = (evaluations) => left + (width - left - right) * Math.min(1, evaluations / reach);
  const y = (residual) => top + (height - top - bottom) * Math.min(1, Math.max(0, -Math.log10(residual) / 5));
  const label = (text, at) => el('text', at, text);
  const all = el('polyline', { class: 'all' }), past = el('polyline', { class: 'past' }), dot = el('circle', { r: 4 });
  const ticks = el('g');
  const root = el('svg', { class: 'chart', viewBox: `0 0 ${width} ${height}`, role: 'img' },
    decades.map((power) => [
      el('line', { x1: left, x2: width - right, y1: y(10 ** power), y2: y(10 ** power) }),
      label(power === 0 ? '1' : `10${'⁰¹²³⁴⁵'[-power].replace(/^/, '⁻')}`,
        { x: left - 7, y: y(10 ** power) + 4, 'text-anchor': 'end' }),
    ]),
    el('line', { class: 'goal', x1: left, x2: width - right, y1: y(tolerance), y2: y(tolerance) }),
    label('at rest', { class: 'goal-name', x: width - right - 4, y: y(tolerance) - 5, 'text-anchor': 'end' }),
    ticks,
    label('evaluations of the network', { x: (left + width - right) / 2, y: height - 4, 'text-anchor': 'middle' }),
    all, past, dot);
  return {
    root,
    show(residuals, evaluations, at) {
      reach = Math.max(20, 10 * Math.ceil(evaluations.at(-1) / 10));
      ticks.replaceChildren(...Array.from({ length: reach / 10 + 1 }, (_, i) => label(String(10 * i),
        { x: x(10 * i), y: height - bottom + 15, 'text-anchor': 'middle' })));
      const points = [...residuals].map((residual, i) => `${x(evaluations[i]).toFixed(1)},${y(residual).toFixed(1)}`);
      all.setAttribute('points', points.join(' '));
      past.setAttribute('points', points.slice(0, at + 1).join(' '));
      const [cx, cy] = points[at].split(',');
      dot.setAttribute('cx', cx);
      dot.setAttribute('cy', cy);
      root.setAttribute('aria-label', `Residual on a log scale: ${residuals[at].toExponential(1)} after `
        + `${evaluations[at]} evaluations`);
    },
  };
}

export default {
  id: 'digits',
  title: 'Digits',
  heading: 'A network that comes to rest',
  say: 'Draw a digit. A small network, applied to its own answer again and again, comes to rest, and its state of rest '
    + 'says what you drew.',

  async make(basin) {
    const numbers = new Float32Array(await (await fetched('digits.f32')).arrayBuffer());
    if (numbers.length !== basin.digits_theta_size()) {
      throw new Error(`digits.f32 has ${numbers.length} numbers, expected ${basin.digits_theta_size()}`);
    }
    basin.floats(basin.digits_theta(), numbers.length).set(numbers);

    let strokes = examples[3], example = 3, drawn = false, cut = false;
    let view = rendered(strokes), solved = null, at = 0, dirty = true, drawing = false;

    const status = el('p', { class: 'status' });
    const answer = el('b'), certainty = el('span');
    const reading = el('p', { class: 'answer', 'aria-live': 'polite' }, answer, certainty);
    const bars = Array.from({ length: classes }, (_, digit) => {
      const bar = el('i'), share = el('span');
      return { row: el('li', {}, el('span', {}, String(digit)), el('div', {}, bar), share), bar, share };
    });
    const residuals = chart();
    const channels = picture(128, 64, 'The 32 channels of the state, as small pictures');
    const seen = picture(pixels, pixels, 'What the network is shown: 28 by 28 pixels');
    const cutButton = button('Cut in half', () => {
      cut = !cut;
      cutButton.setAttribute('aria-pressed', cut);
      settle();
    }, { 'aria-pressed': 'false' });
    const method = choice('Method', [[1, 'Broyden’s method'], [0, 'Anderson’s mixing'], [2, 'Plain repetition']],
      () => settle());
    const warm = check('Begin where it last came to rest', false);
    const scrub = slider('Iteration', { min: 0, max: 1, value: 0 }, (i) => { at = i; playing = false; dirty = true; });
    let playing = false, owed = 0;

    const solve = () => {
      const image = basin.floats(basin.digits_image(), pixels * pixels);
      image.set(view.image);
      if (cut) image.fill(0, pixels * pixels / 2);
      const count = basin.digits_settle(Number(method.select.value), warm.value || drawing ? 1 : 0, tolerance,
        mostEvaluations);
      solved = {
        count,
        residuals: basin.floats(basin.digits_residuals(), count).slice(),
        evaluations: basin.integers(basin.digits_evaluations(), count).slice(),
        converged: basin.digits_converged() === 1,
      };
      scrub.input.max = count - 1;
      at = count - 1;
      dirty = true;
    };
    /// Solves and shows it from the beginning.
    const settle = () => {
      drawing = false;
      view = rendered(strokes);
      solve();
      owed = 0;
      playing = !lessMotion();
      if (playing) at = 0;
      showState();
    };
    const setStrokes = (list) => { strokes = list; settle(); };

    const stage = board({
      label: 'Draw a digit here',
      says: 'Draw with mouse or finger.',
      keys: 'By keys: arrows move the pen, space lowers and lifts it.',
      pen: true,
      radius: () => 0.03,
      paint: (x, y, begins) => {
        if (!drawn) strokes = [];  // the example goes
        drawn = drawing = true;
        if (begins) strokes.push([]);
        strokes.at(-1).push([x, y]);
      },
      lift: () => settle(),
    });

    const showState = () => {
      const scores = [...basin.floats(basin.digits_scores(at), classes)];
      const best = scores.indexOf(Math.max(...scores)), blank = strokes.length === 0;
      answer.textContent = blank ? '–' : String(best);
      certainty.textContent = blank ? 'nothing drawn' : `${Math.round(100 * scores[best])}% sure`;
      bars.forEach(({ row, bar, share }, digit) => {
        row.classList.toggle('best', digit === best && !blank);
        bar.style.width = `${100 * scores[digit]}%`;
        share.textContent = `${(100 * scores[digit]).toFixed(0)}%`;
      });
      residuals.show(solved.residuals, solved.evaluations, at);
      channels.show(basin.pixels(basin.digits_channels(at), 128, 64));
      const image = new ImageData(pixels, pixels), shown = basin.floats(basin.digits_image(), pixels * pixels);
      shown.forEach((ink, i) => image.data.set([255, 255, 255].map((white) => white * (1 - ink)).concat(255), 4 * i));
      seen.show(image);
      scrub.value = at;
      const rest = at + 1 < solved.count ? '' : solved.converged ? ' · at rest' : ' · it does not come to rest';
      status.textContent = `${solved.evaluations[at]} evaluations · residual ${solved.residuals[at].toExponential(1)}${rest}`;
    };

    settle();
    return {
      stage: [stage.canvas, status, stage.hint],
      side: [
        el('div', { class: 'reading' },
          el('figure', {}, el('figcaption', {}, el('b', {}, 'It sees')), seen.canvas), reading, el('ol', { class: 'bars', 'aria-label': 'How sure it is of each digit' },
          bars.map(({ row }) => row))),
        el('div', { class: 'row' },
          button('Clear', () => { drawn = true; setStrokes([]); }, { class: 'main' }),
          button('Example', () => {
            example = (example + 1) % examples.length;
            drawn = false;
            setStrokes(examples[example]);
          }),
          cutButton, button('Again', () => settle())),
        el('figure', {}, el('figcaption', {}, el('b', {}, 'How far from rest. '),
          'How much the state still changes, compared with its size.'), residuals.root),
        scrub.root,
        el('figure', {}, el('figcaption', {}, el('b', {}, 'The state. '), '32 channels of 14 × 14 cells.'),
          channels.canvas),
        method.root, warm.root,
      ],
      frame(seconds) {
        if (drawing) {
          view = rendered(strokes);
          solve();
        }
        if (playing) {
          owed += seconds * iteratesASecond;
          while (owed >= 1 && playing) {
            owed -= 1;
            at = Math.min(at + 1, solved.count - 1);
            playing = at + 1 < solved.count;
            dirty = true;
          }
        }
        if (dirty) showState();
        dirty = false;
        stage.show(null, {
          over: (context, size) => {
            trace(context, strokes, ([x, y]) => [x * size, y * size], 0.055 * size, '#20262a');
            if (!cut) return;
            const row = Math.min(1, Math.max(0, view.rowAt(pixels / 2)));
            context.fillStyle = '#8a9296e6';
            context.fillRect(0, row * size, size, size);
          },
        });
      },
    };
  },
};
