// The scene of a network that settles to read a digit. Its C++ is digits.hpp.

import { takeParameters } from './basin.js';
import { bars, board, button, chart, check, choice, counted, el, lessMotion, logScale, picture, slider } from './ui.js';
import { examples, pixels, rendered, trace } from './strokes.js';

const classes = 10, tolerance = 1e-4, mostEvaluations = 120;
const iteratesASecond = 12;

export default {
  id: 'digits',
  title: 'Digits',
  heading: 'A network that comes to rest',
  say: 'Draw a digit. A small network, applied to its own answer again and again, comes to rest, and its state of rest '
    + 'says what you drew.',

  async make(basin) {
    await takeParameters(basin, 'digits', 'digits.f32');

    let strokes = examples[3], example = 3, drawn = false, cut = false;
    let view = rendered(strokes), solved = null, at = 0, dirty = true, drawing = false;

    const status = el('p', { class: 'status' });
    const answer = el('b'), certainty = el('span');
    const reading = el('p', { class: 'answer', 'aria-live': 'polite' }, answer, certainty);
    const sure = bars('How sure it is of each digit', classes);
    const residuals = chart({ ...logScale(5), goal: tolerance, goalName: 'at rest', xName: 'evaluations of the network' });
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
      sure.show(scores, blank ? -1 : best);
      residuals.show(solved.residuals, solved.evaluations, at);
      channels.show(basin.pixels(basin.digits_channels(at), 128, 64));
      const image = new ImageData(pixels, pixels), shown = basin.floats(basin.digits_image(), pixels * pixels);
      shown.forEach((ink, i) => image.data.set([255, 255, 255].map((white) => white * (1 - ink)).concat(255), 4 * i));
      seen.show(image);
      scrub.value = at;
      const rest = at + 1 < solved.count ? '' : solved.converged ? ' · at rest' : ' · it does not come to rest';
      status.textContent = `${counted(solved.evaluations[at], 'evaluation')} · residual ${solved.residuals[at].toExponential(1)}${rest}`;
    };

    settle();
    return {
      stage: [stage.canvas, status, stage.hint],
      side: [
        el('div', { class: 'reading' },
          el('figure', {}, el('figcaption', {}, el('b', {}, 'It sees')), seen.canvas), reading, sure.root),
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
