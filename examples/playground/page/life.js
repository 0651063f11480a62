// The scene of Life and Lenia. Its C++ is life.hpp.

import { board, button, choice, clock, el, oneOf, player, slider } from './ui.js';

/// Worlds: rules of Life's kind are birth and survival counts.
const worlds = {
  life: { name: 'Life (B3/S23)', rule: ['3', '23'] },
  highlife: { name: 'HighLife (B36/S23)', rule: ['36', '23'] },
  daynight: { name: 'Day & Night (B3678/S34678)', rule: ['3678', '34678'] },
  seeds: { name: 'Seeds (B2/S)', rule: ['2', ''] },
  lenia: { name: 'Lenia (smooth)' },
};

/// Patterns in the run-length code of the Life community: b dead, o alive, $ the end of a row.
const patterns = {
  gun: ['Glider gun', '24bo$22bobo$12b2o6b2o12b2o$11bo3bo4b2o12b2o$2o8bo5bo3b2o$2o8bo3bob2o4bobo$10bo5bo7bo$11bo3bo$12b2o'],
  glider: ['Glider', 'bob$2bo$3o'],
  spaceship: ['Light spaceship', 'bo2bo$o4b$o3bo$4o'],
  pentomino: ['R-pentomino', 'b2o$2o$bo'],
  acorn: ['Acorn', 'bo$3bo$2o2b3o'],
  pulsar: ['Pulsar', '2b3o3b3o2$o4bobo4bo$o4bobo4bo$o4bobo4bo$2b3o3b3o2$2b3o3b3o$o4bobo4bo$o4bobo4bo$o4bobo4bo2$2b3o3b3o'],
  replicator: ['Replicator (of HighLife)', '2b3o$bo2bo$o3bo$o2bo$3o'],
};
const softPatterns = {
  shoal: ['A shoal of Orbia'], crossing: ['Orbia that meet'], orbium: ['One Orbium'], soup: ['Random soup'],
};

/// The cells of a pattern, as [x, y].
function cellsOf(code) {
  const cells = [];
  let x = 0, y = 0;
  for (const [, count, what] of code.matchAll(/(\d*)([bo$])/g)) {
    const times = Number(count || 1);
    if (what === 'o') for (let i = 0; i < times; ++i) cells.push([x + i, y]);
    if (what === '$') [x, y] = [0, y + times];
    else x += times;
  }
  return cells;
}

export default {
  id: 'life',
  title: 'Life and Lenia',
  heading: 'Simple rules, living patterns',
  say: 'Each cell looks only at the cells around it, and one rule decides what it becomes. Paint some cells, '
    + 'or pick a pattern, and see what they do.',

  async make(basin) {
    let world = 'life', side = 96, steps = 0;
    const time = clock();
    const status = el('p', { class: 'status' });
    const soft = () => world === 'lenia';

    const place = (name, x, y) => {
      if (softPatterns[name]) {
        basin.life_orbium(x - 10, y - 10, name === 'crossing' ? Math.floor(4 * Math.random()) : 0);
      } else if (patterns[name]) {
        const cells = cellsOf(patterns[name][1]);
        const middle = (i) => Math.floor(Math.max(...cells.map((cell) => cell[i])) / 2);
        const [dx, dy] = [x - middle(0), y - middle(1)];
        for (const cell of cells) basin.life_set(cell[0] + dx, cell[1] + dy, 1);
      }
    };
    const scatter = () => {
      if (!soft()) {
        for (let i = 0; i < side * side; ++i) basin.life_set(i % side, Math.floor(i / side), Math.random() < 0.3 ? 1 : 0);
        return;
      }
      for (let k = 0; k < 14; ++k) {
        const [left, top] = [Math.random(), Math.random()].map((share) => Math.floor(side * share));
        for (let i = 0; i < 256; ++i) basin.life_set(left + i % 16, top + Math.floor(i / 16), Math.random());
      }
    };
    const begin = () => {
      basin.life_clear();
      steps = 0;
      const name = pattern.select.value;
      if (name === 'random' || name === 'soup') {
        scatter();
      } else if (name === 'shoal' || name === 'crossing') {
        for (let k = 0; k < 9; ++k) {
          place(name, ...[k % 3, Math.floor(k / 3)].map((i) => Math.floor((i + 0.5) * side / 3)));
        }
      } else if (name === 'gun') {
        place(name, 26, 14);
      } else {
        place(name, side / 2, side / 2);
      }
    };
    const choose = (name) => {
      world = name;
      side = soft() ? 128 : 96;
      basin.life_resize(side, soft() ? 1 : 0);
      const rule = worlds[name].rule;
      if (rule) basin.life_rule(...rule.map((counts) => [...counts].reduce((bits, n) => bits | 1 << n, 0)));
      const list = Object.entries(soft() ? softPatterns : patterns).map(([key, [text]]) => [key, text]);
      pattern.fill(soft() ? list : [...list, ['random', 'Random cells']]);
      pattern.select.value = { life: 'gun', highlife: 'replicator', lenia: 'shoal' }[name] ?? 'random';
      begin();
    };
    const step = (count) => {
      basin.life_step(count);
      steps += count;
    };

    const play = player();
    const rules = choice('Rule', Object.entries(worlds).map(([key, { name }]) => [key, name]), choose);
    const pattern = choice('Pattern', [], begin);
    const tool = oneOf('Tool', [['draw', 'Draw'], ['erase', 'Erase'], ['stamp', 'Stamp']]);
    const brush = slider('Brush', { min: 1, max: 12, value: 3, said: (cells) => `${cells} cells` });
    const speed = slider('Speed', { min: 1, max: 60, value: 20, said: (rate) => `${rate} / s` });
    const stage = board({
      label: 'World of cells: press to use the tool',
      says: 'Press or drag on the picture.',
      keys: 'By keys: arrows move the brush, space uses it.',
      night: true,
      radius: () => brush.value / 2 / side,
      paint: (x, y, begins) => {
        const at = [x * side, y * side];
        if (tool.value === 'stamp') {
          if (begins) place(pattern.select.value, ...at.map(Math.floor));
        } else {
          basin.life_paint(...at, brush.value / 2, tool.value === 'draw' ? 1 : 0);
        }
      },
    });
    choose(world);
    if (!play.playing) step(60);

    return {
      stage: [stage.canvas, status, stage.hint],
      side: [
        el('div', { class: 'row' }, play.root, button('Step', () => { play.set(false); step(1); }),
          button('Start again', begin), button('Clear', () => { basin.life_clear(); steps = 0; })),
        rules.root, pattern.root, tool.root, brush.root, speed.root,
      ],
      frame(seconds) {
        if (play.playing) time.run(seconds, speed.value, step);
        stage.show(basin.pixels(basin.life_picture(), side, side), { smooth: soft() });
        const rate = play.playing ? ` · ${Math.round(time.rate)} steps a second` : ' · paused';
        const mass = basin.life_mass();
        status.textContent = `step ${steps} · ${soft() ? `mass ${mass.toFixed(0)}` : `${mass} living cells`}${rate}`;
      },
    };
  },
};
