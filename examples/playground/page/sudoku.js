// The scene of a Sudoku that settles. Its C++ is sudoku.hpp.

import { takeParameters } from './basin.js';
import { settler, verdict } from './settle.js';
import { button, choice, counted, el } from './ui.js';

const starts = 16, mostEvaluations = 1000;

/// By how many digits are given beside those that a puzzle needs.
const levels = [[12, 'Easy'], [6, 'Medium'], [0, 'Hard'], ['hardest', 'Hardest of 10,000'], ['own', 'Your own']];
/// Numbers of drawn puzzles in which a search has to guess most.
const hardest = [9373, 9138, 5996, 3908, 2893, 1947];

export default {
  id: 'sudoku',
  title: 'Sudoku',
  heading: 'A Sudoku that settles',
  say: 'Each of 729 candidates, a digit at a place, hears only of those that it shares a place, a row, a column or a box '
    + 'with. All follow one rule, again and again, and come to rest where every digit has its place.',

  async make(basin) {
    await takeParameters(basin, 'sudoku', 'sudoku.f32');
    const given = () => basin.integers(basin.sudoku_given(), 81);
    let selected = 40, shown = false, number = 1, start = 1, solutions = 1, shares = new Float32Array(729);
    const level = choice('Puzzle', levels, () => { number = 1; open(); });
    const status = el('p', { class: 'status' }), place = el('p', { class: 'hint', role: 'status' });
    const said = verdict();
    const begin = () => {
      basin.sudoku_start(1000 * number + start);
      settling.changed();
    };
    const settling = settler(basin, 'sudoku', {
      perSecond: 30,
      most: () => mostEvaluations,
      tired: () => {
        if (start >= starts || solutions === 0) return;
        ++start;
        begin();
      },
    });
    const open = () => {
      const kind = level.select.value;
      if (kind === 'own') given().fill(0);
      else if (kind === 'hardest') basin.sudoku_draw(hardest[(number - 1) % hardest.length], 0);
      else basin.sudoku_draw(number, Number(kind));
      solutions = basin.sudoku_changed();
      start = 1;
      begin();
    };
    const name = (at) => `Row ${Math.floor(at / 9) + 1}, column ${at % 9 + 1}`;
    const put = (digit) => {
      if (given()[selected] === digit) return;
      given()[selected] = digit;
      solutions = basin.sudoku_changed();
      start = 1;
      settling.changed();
      place.textContent = `${name(selected)}: ${digit ? `${digit} is given` : 'empty'}`;
    };
    const select = (at) => {
      selected = at;
      const digit = given()[at], answer = basin.integers(basin.sudoku_answer(), 81)[at];
      const share = Math.round(100 * shares[9 * at + answer - 1]);
      place.textContent = `${name(at)}: ${digit ? `${digit} is given` : `${answer} is likeliest, ${share}%`}`;
    };

    const hint = el('p', { class: 'hint', id: 'sudoku-hint' }, 'Press a place, then a digit, to make a puzzle of your own. ',
      el('span', { class: 'keys' }, 'By keys: arrows choose a place, digits fill it, 0 empties it.'));
    const canvas = el('canvas', {
      class: 'board', tabindex: 0, role: 'application', 'aria-label': 'Sudoku of 9 by 9 places',
      'aria-describedby': hint.id, 'aria-roledescription': 'puzzle',
      onpointerdown: (event) => {
        const box = canvas.getBoundingClientRect();
        const [column, row] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]
          .map((share) => Math.min(8, Math.max(0, Math.floor(9 * share))));
        shown = true;
        select(9 * row + column);
      },
      onfocus: () => { shown = true; },
      onkeydown: (event) => {
        const [column, row] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [0, 0];
        if (column || row) {
          select(9 * ((Math.floor(selected / 9) + row + 9) % 9) + (selected % 9 + column + 9) % 9);
        } else if (/^[0-9]$/.test(event.key) && !event.ctrlKey && !event.altKey && !event.metaKey) {
          put(Number(event.key));
        } else if (['Backspace', 'Delete', ' '].includes(event.key)) {
          put(0);
        } else {
          return;
        }
        event.preventDefault();
      },
    });
    const context = canvas.getContext('2d');

    /// Places whose digit is also that of another place in a row, a column or a box.
    const clashes = (digits) => digits.map((digit, a) => digits.some((other, b) => a !== b && other === digit
      && (a % 9 === b % 9 || Math.floor(a / 9) === Math.floor(b / 9)
        || (Math.floor(a / 27) === Math.floor(b / 27) && Math.floor(a % 9 / 3) === Math.floor(b % 9 / 3)))));
    const paint = () => {
      const side = Math.round(canvas.clientWidth * devicePixelRatio), cell = side / 9;
      if (side === 0) return;
      if (canvas.width !== side) canvas.width = canvas.height = side;
      context.clearRect(0, 0, side, side);
      context.textAlign = 'center';
      context.textBaseline = 'middle';
      const fixed = given(), clash = clashes([...basin.integers(basin.sudoku_answer(), 81)]);
      for (let at = 0; at < 81; ++at) {
        const x = at % 9 * cell, y = Math.floor(at / 9) * cell;
        if (fixed[at]) {
          context.fillStyle = '#e6e2d6';
          context.fillRect(x, y, cell, cell);
        }
        const write = (digit, size, dx, dy, colour, alpha) => {
          context.globalAlpha = alpha;
          context.font = `${fixed[at] ? 600 : 450} ${size * cell}px system-ui, "DejaVu Sans", sans-serif`;
          context.fillStyle = colour;
          context.fillText(digit, x + dx * cell, y + (dy + 0.03) * cell);
          context.globalAlpha = 1;
        };
        if (fixed[at]) {
          write(fixed[at], 0.62, 0.5, 0.5, '#1d2326', 1);
          continue;
        }
        const of = shares.subarray(9 * at, 9 * at + 9), best = Math.max(...of), sure = Math.min(1, Math.max(0, (best - 0.5) / 0.4));
        of.forEach((share, i) => {
          const small = (1 - sure) * Math.min(1, 0.12 + 1.6 * share);
          if (share > 0.01 && small > 0.05) write(i + 1, 0.26, 0.2 + 0.3 * (i % 3), 0.2 + 0.3 * Math.floor(i / 3), '#1d2326', small);
          if (share === best && sure > 0) write(i + 1, 0.62, 0.5, 0.5, clash[at] ? '#b42318' : '#155fa0', sure);
        });
        if (clash[at] && sure > 0.5) {
          context.fillStyle = '#b42318';
          context.fillRect(x + 0.28 * cell, y + 0.86 * cell, 0.44 * cell, Math.max(1, 0.04 * cell));
        }
      }
      for (let i = 0; i <= 9; ++i) {
        context.fillStyle = i % 3 === 0 ? '#4a5358' : '#b9b6aa';
        const thick = (i % 3 === 0 ? 2 : 1) * devicePixelRatio;
        context.fillRect(i * cell - thick / 2, 0, thick, side);
        context.fillRect(0, i * cell - thick / 2, side, thick);
      }
      if (shown) {
        context.lineWidth = 3 * devicePixelRatio;
        context.strokeStyle = '#0f766e';
        context.strokeRect(selected % 9 * cell + 2, Math.floor(selected / 9) * cell + 2, cell - 4, cell - 4);
      }
    };
    const judge = () => {
      const rest = basin.sudoku_settled() === 1, right = basin.sudoku_right() === 1, count = basin.sudoku_evaluations();
      const of = solutions === 0 ? ' What is given has no solution.'
        : solutions === 2 ? ' What is given has more than one solution.'
          : solutions < 0 ? ' Whether there is a solution would take too long to find out.' : '';
      if (rest && right) {
        said.say('good', `At rest after ${counted(count, 'evaluation')}, and right: every row, column and box has each digit once.${of}`);
      } else if (rest) {
        said.say('bad', `At rest, and wrong: this is no solution.${of}`);
      } else if (settling.spent) {
        said.say('bad', `Not at rest, from ${start === 1 ? 'one start' : `${start} starts`}: what it shows need not be the solution.${of}`);
      } else {
        said.say('open', right ? `Not at rest yet, but this is a solution.${of}` : `Not at rest yet.${of}`);
      }
      status.textContent = `start ${start} · ${settling.said}`;
    };
    open();

    return {
      stage: [canvas, status, hint, place],
      side: [
        said.root,
        settling.buttons(button('Another start', () => { ++start; begin(); },
          { title: 'Begins again from other random states' })),
        level.root,
        el('div', { class: 'row' }, button('Next puzzle', () => { ++number; open(); }, { class: 'main' }),
          button('Empty all', () => { level.select.value = 'own'; number = 1; open(); })),
        el('div', { class: 'row pad', role: 'group', 'aria-label': 'Digit for the place that is chosen' },
          Array.from({ length: 9 }, (_, i) => button(String(i + 1), () => { shown = true; put(i + 1); })),
          button('Empty', () => { shown = true; put(0); })),
        settling.speed, settling.figure,
      ],
      frame(seconds) {
        if (settling.frame(seconds)) {
          shares = basin.floats(basin.sudoku_shares(), 729).slice();
          judge();
        }
        paint();
      },
    };
  },
};
