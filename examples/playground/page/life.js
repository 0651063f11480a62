// The scene of Life and Lenia. Its C++ is life.hpp.

import { board, button, choice, clock, el, oneOf, player, slider } from './ui.js';

/// Worlds: rules of Life's kind are birth and survival counts; `line` is the number of an elementary rule.
const worlds = {
  life: { name: 'Life (B3/S23)', kind: 0, side: 96, rule: ['3', '23'] },
  highlife: { name: 'HighLife (B36/S23)', kind: 0, side: 96, rule: ['36', '23'] },
  daynight: { name: 'Day & Night (B3678/S34678)', kind: 0, side: 96, rule: ['3678', '34678'] },
  seeds: { name: 'Seeds (B2/S)', kind: 0, side: 96, rule: ['2', ''] },
  lenia: { name: 'Lenia (smooth)', kind: 1, side: 128 },
  expanded: { name: 'Lenia of three channels', kind: 2, side: 96 },
  rule30: { name: 'Elementary rule 30', kind: 3, side: 128, line: 30 },
  rule90: { name: 'Elementary rule 90', kind: 3, side: 128, line: 90 },
  rule110: { name: 'Elementary rule 110', kind: 3, side: 128, line: 110 },
  rule184: { name: 'Elementary rule 184', kind: 3, side: 128, line: 184 },
};

/// Patterns in the run-length code of the Life community: b dead, o alive, $ the end of a row.
const patterns = {
  gun: ['Glider gun (B. Gosper 1970)', '24bo$22bobo$12b2o6b2o12b2o$11bo3bo4b2o12b2o$2o8bo5bo3b2o$2o8bo3bob2o4bobo$10bo5bo7bo$11bo3bo$12b2o'],
  glider: ['Glider (R. Guy 1969)', 'bob$2bo$3o'],
  spaceship: ['Light spaceship', 'bo2bo$o4b$o3bo$4o'],
  middle: ['Middle spaceship', '3bo$bo3bo$o$o4bo$5o'],
  heavy: ['Heavy spaceship', '3b2o$bo4bo$o$o5bo$6o'],
  pentomino: ['R-pentomino', 'b2o$2o$bo'],
  acorn: ['Acorn (C. Corderman)', 'bo$3bo$2o2b3o'],
  diehard: ['Diehard', '6bo$2o$bo3b3o'],
  pulsar: ['Pulsar', '2b3o3b3o2$o4bobo4bo$o4bobo4bo$o4bobo4bo$2b3o3b3o2$2b3o3b3o$o4bobo4bo$o4bobo4bo$o4bobo4bo2$2b3o3b3o'],
  pentadecathlon: ['Pentadecathlon', '2bo4bo$2ob4ob2o$2bo4bo'],
  blinker: ['Blinker', '3o'],
  toad: ['Toad', 'b3o$3o'],
  replicator: ['Replicator (of HighLife)', '2b3o$bo2bo$o3bo$o2bo$3o'],
};
/// Those of each kind of world beside random ones.
const others = {
  1: { shoal: ['A shoal of Orbia'], crossing: ['Orbia that meet'], creature: ['One Orbium (B. Chan 2019)'] },
  2: { shoal: ['Four Tessellatia'], creature: ['One Tessellatium (B. Chan 2020)'] },
  3: { cell: ['One cell'] },
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
    let world = worlds.life, steps = 0;
    const time = clock();
    const status = el('p', { class: 'status' });
    const soft = () => world.kind === 1 || world.kind === 2;
    const listed = () => (world.kind === 0 ? patterns : others[world.kind]);

    const place = (name, x, y) => {
      if (name === 'cell') {
        basin.life_set(x, y, 1);
      } else if (world.kind === 0) {
        if (!patterns[name]) return;
        const cells = cellsOf(patterns[name][1]);
        const middle = (i) => Math.floor(Math.max(...cells.map((cell) => cell[i])) / 2);
        const [dx, dy] = [x - middle(0), y - middle(1)];
        for (const cell of cells) basin.life_set(cell[0] + dx, cell[1] + dy, 1);
      } else if (soft() && name !== 'random') {
        basin.life_creature(x, y, name === 'crossing' ? Math.floor(4 * Math.random()) : 0);
      }
    };
    const scatter = () => {
      const { side } = world;
      if (world.kind === 3) {
        for (let x = 0; x < side; ++x) basin.life_set(x, side - 1, Math.random() < 0.5 ? 1 : 0);
      } else if (!soft()) {
        for (let i = 0; i < side * side; ++i) basin.life_set(i % side, Math.floor(i / side), Math.random() < 0.3 ? 1 : 0);
      } else {
        for (let k = 0; k < 14; ++k) {
          const [left, top] = [Math.random(), Math.random()].map((share) => Math.floor(side * share));
          for (let i = 0; i < 256; ++i) basin.life_set(left + i % 16, top + Math.floor(i / 16), Math.random());
        }
      }
    };
    const begin = () => {
      const { side } = world, name = pattern.select.value;
      basin.life_clear();
      steps = 0;
      if (name === 'random') {
        scatter();
      } else if (name === 'cell') {
        place(name, side / 2, side - 1);
      } else if (name === 'shoal' || name === 'crossing') {
        const across = world.kind === 1 ? 3 : 2;
        for (let k = 0; k < across ** 2; ++k) {
          place(name, ...[k % across, Math.floor(k / across)].map((i) => Math.floor((i + 0.5) * side / across)));
        }
      } else if (name === 'gun') {
        place(name, 26, 14);
      } else {
        place(name, side / 2, side / 2);
      }
    };
    const choose = (name) => {
      world = worlds[name];
      basin.life_resize(world.side, world.kind);
      if (world.rule) basin.life_rule(...world.rule.map((counts) => [...counts].reduce((bits, n) => bits | 1 << n, 0)));
      if (world.line) basin.life_elementary(world.line);
      pattern.fill([...Object.entries(listed()).map(([key, [text]]) => [key, text]),
        ['random', soft() ? 'Random soup' : 'Random cells']]);
      const first = { life: 'gun', highlife: 'replicator', daynight: 'random', seeds: 'random' }[name];
      pattern.select.value = first ?? Object.keys(listed())[0];
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
      radius: () => brush.value / 2 / world.side,
      paint: (x, y, begins) => {
        const at = [x * world.side, y * world.side];
        if (tool.value === 'stamp') {
          if (begins) place(pattern.select.value, ...at.map(Math.floor));
        } else {
          basin.life_paint(...at, brush.value / 2, tool.value === 'draw' ? 1 : 0);
        }
      },
    });
    choose('life');
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
        stage.show(basin.pixels(basin.life_picture(), world.side, world.side), { smooth: soft() });
        const rate = play.playing ? ` · ${Math.round(time.rate)} steps a second` : ' · paused';
        const mass = basin.life_mass();
        status.textContent = `step ${steps} · ${soft() ? `mass ${mass.toFixed(0)}` : `${mass} living cells`}${rate}`;
      },
    };
  },
};
