// The scene of pictures that grow from one cell, and heal. Its C++ is grow.hpp.

import { fetched } from './basin.js';
import { board, button, choice, clock, el, oneOf, picture, player, slider } from './ui.js';

const models = [['ladybird', 'Ladybird'], ['fish', 'Fish']];

/// The numbers of a rule from the form in which growing automata were published (docs/nca_grow.md): bytes q that stand
/// for (q / 255 - 1/2) scale, one scale for the weights of a layer and one for its biases, which follow them.
export function numbersOf(layers) {
  const all = [];
  if (!Array.isArray(layers)) throw new Error('it is no list of layers');
  for (const layer of layers) {
    const bytes = Uint8Array.from(atob(layer.data_b64), (letter) => letter.charCodeAt(0));
    const weights = layer.in_ch * layer.out_ch;
    bytes.forEach((q, i) => all.push((q / 255 - 0.5) * (i < weights ? layer.weight_scale : layer.bias_scale)));
  }
  return all;
}

export default {
  id: 'grow',
  title: 'Grow',
  heading: 'A picture that grows and heals',
  say: 'One cell grows into a picture. Rub part of it out, and the cells that are left grow it again, '
    + 'though each of them sees only its neighbours.',

  async make(basin) {
    let side = 48, steps = 0;
    let said = '';  // of a file that could not be read
    const time = clock();
    const status = el('p', { class: 'status' });
    const channels = picture(4 * side, 3 * side, 'The twelve hidden numbers of every cell, as small pictures');

    const seed = () => {
      basin.grow_clear();
      basin.grow_seed(side / 2, side / 2);
      steps = 0;
    };
    const step = (count) => {
      basin.grow_step(count);
      steps += count;
    };
    const take = (numbers) => {
      if (numbers.length !== basin.grow_theta_size()) {
        throw new Error(`the rule has ${numbers.length} numbers, expected ${basin.grow_theta_size()}`);
      }
      basin.floats(basin.grow_theta(), numbers.length).set(numbers);
      said = '';
      seed();
    };
    const takeModel = async (name) => take(new Float32Array(await (await fetched(`${name}.f32`)).arrayBuffer()));

    const play = player();
    const colour = el('input', {
      type: 'color', value: '#2f7fd6', 'aria-label': 'Colour to paint with', title: 'Colour to paint with',
    });
    const tool = oneOf('Tool', [['erase', 'Erase'], ['plant', 'Plant'], ['paint', 'Paint']], colour);
    const brush = slider('Brush', { min: 1, max: 16, value: 4, said: (cells) => `${cells} cells` });
    const speed = slider('Speed', { min: 1, max: 120, value: 30, said: (rate) => `${rate} / s` });
    const field = choice('Field', [[48, '48 × 48 cells'], [64, '64 × 64 cells'], [96, '96 × 96 cells'], [128, '128 × 128 cells']], (cells) => {
      side = Number(cells);
      basin.grow_resize(side);
      seed();
    });
    const model = choice('Picture', models, (name) => takeModel(name));
    const file = el('input', {
      type: 'file', id: 'grow-file', accept: '.json,application/json',
      onchange: async () => {
        const chosen = file.files[0];
        if (!chosen) return;
        try {
          take(numbersOf(JSON.parse(await chosen.text())));
          model.fill([...models, ['', chosen.name]]);
          model.select.selectedIndex = models.length;
        } catch (error) {
          said = `${chosen.name} is not an automaton of this form: ${error.message}`;
        }
        file.value = '';
      },
    });

    const stage = board({
      label: 'Field of cells: press to use the tool',
      says: 'Press or drag on the picture.',
      keys: 'By keys: arrows move the brush, space uses it.',
      radius: () => (tool.value === 'plant' ? 0.5 : brush.value) / side,
      paint: (x, y, begins) => {
        const at = [x * side, y * side];
        const inside = at.every((i) => i >= 0 && i < side);
        if (tool.value === 'erase') basin.grow_erase(...at, brush.value);
        if (tool.value === 'paint') {
          const parts = [1, 3, 5].map((i) => parseInt(colour.value.slice(i, i + 2), 16) / 255);
          basin.grow_paint(...at, brush.value / 2, ...parts);
        }
        if (tool.value === 'plant' && begins && inside) basin.grow_seed(Math.floor(at[0]), Math.floor(at[1]));
      },
    });

    basin.grow_resize(side);
    await takeModel(models[0][0]);
    if (!play.playing) step(120);

    return {
      stage: [stage.canvas, status, stage.hint],
      side: [
        el('div', { class: 'row' }, play.root, button('Step', () => { play.set(false); step(1); }),
          button('Start again', seed),
          button('Erase half', () => {
            const half = side / 2;
            for (let y = 0; y < side; ++y) for (let x = half; x < side; ++x) basin.grow_erase(x + 0.5, y + 0.5, 0.5);
          })),
        tool.root, brush.root, speed.root, field.root, model.root,
        el('div', { class: 'row' }, file, el('label', { class: 'button', for: 'grow-file' }, 'Open an automaton…'),
          el('span', { class: 'hint' }, 'JSON, as published with “Growing Neural Cellular Automata”')),
        el('figure', {}, el('figcaption', {}, el('b', {}, 'Hidden numbers. '),
          'Each cell holds twelve more numbers, which it shows its neighbours: blue below zero, orange above.'),
        channels.canvas),
      ],
      frame(seconds) {
        if (play.playing) time.run(seconds, speed.value, step);
        stage.show(basin.pixels(basin.grow_picture(), side, side));
        channels.show(basin.pixels(basin.grow_channels(), 4 * side, 3 * side));
        const rate = play.playing ? ` · ${Math.round(time.rate)} steps a second` : ' · paused';
        status.textContent = said || `step ${steps} · ${basin.grow_living()} living cells${rate}`;
      },
    };
  },
};
