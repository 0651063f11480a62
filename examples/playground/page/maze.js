// The scene of a maze whose shortest way is an equilibrium. Its C++ is maze.hpp.

import { takeParameters } from './basin.js';
import { settler, verdict } from './settle.js';
import { board, button, check, counted, el, oneOf, slider } from './ui.js';

const startColour = '#1a7f4b', goalColour = '#c2410c';

export default {
  id: 'maze',
  title: 'Maze',
  heading: 'A maze that finds its way',
  say: 'Every pixel sees its eight neighbours and nothing else. All follow one rule, again and again, and where they come '
    + 'to rest, they say whether the shortest way from start to goal passes through them. Change the maze, and they '
    + 'settle again from where they were.',

  async make(basin) {
    await takeParameters(basin, 'maze', 'maze.f32');
    let side = 21, image = null, dragged = null;
    const anySeed = () => Math.floor(2 ** 31 * Math.random());
    const settling = settler(basin, 'maze', { perSecond: 60, most: () => 500 + side * side });
    const said = verdict();
    const status = el('p', { class: 'status' });
    const keep = check('Keep the states when the maze changes', true);
    const changed = () => {
      if (!keep.value) basin.maze_begin();
      settling.changed();
    };
    const draw = () => {
      basin.maze_draw(side, anySeed());
      settling.changed();
    };
    const size = slider('Size', { min: 9, max: 59, step: 2, value: side, said: (pixels) => `${pixels} × ${pixels}` }, (pixels) => {
      side = pixels;
      draw();
    });
    const tool = oneOf('Tool', [['wall', 'Wall'], ['open', 'Open'], ['start', 'Start'], ['goal', 'Goal']]);
    const stage = board({
      label: 'The maze: press to use the tool',
      says: 'Press or drag to build walls or open them. Start and goal can be dragged.',
      keys: 'By keys: arrows move, space lowers and lifts the tool.',
      pen: true,
      cells: () => side,
      radius: () => 0.5 / side,
      paint: (x, y, begins) => {
        const [column, row] = [x, y].map((share) => Math.min(side - 1, Math.max(0, Math.floor(share * side))));
        if (begins) {
          const at = [0, 1].find((which) => basin.maze_at(which) === row * side + column);
          dragged = at ?? { start: 0, goal: 1 }[tool.value] ?? null;
        }
        const changes = dragged === null ? basin.maze_set(column, row, tool.value === 'open' ? 1 : 0)
          : basin.maze_place(dragged, column, row);
        if (changes) changed();
      },
    });

    const judge = () => {
      const [steps, loops, wrong, onWay] = basin.integers(basin.maze_verdict(), 4);
      const rest = basin.maze_settled() === 1, count = basin.maze_evaluations();
      const looped = loops > 0 ? ' The maze has loops, with which the rule is not always right.' : '';
      if (steps < 0) {
        said.say('open', rest ? 'At rest. There is no way from start to goal.' : 'Not at rest. There is no way from start to goal.');
      } else if (rest && wrong === 0) {
        said.say('good', `At rest after ${counted(count, 'evaluation')}, and right: the shortest way has ${counted(steps, 'step')}.`);
      } else if (rest) {
        said.say('bad', `At rest, and wrong: ${counted(wrong, 'pixel')} of ${side * side} are not as a search finds them.${looped}`);
      } else if (settling.spent) {
        said.say('bad', `Not at rest after ${counted(count, 'evaluation')}: what it shows need not be the way.${looped}`);
      } else {
        said.say('open', `Not at rest yet.${looped}`);
      }
      status.textContent = `${settling.said} · ${counted(onWay, 'pixel')} on the way, ${counted(wrong, 'pixel')} not right`;
    };
    const mark = (context, size, pixel, colour, sides) => {
      const cell = size / side, x = (pixel % side + 0.5) * cell, y = (Math.floor(pixel / side) + 0.5) * cell;
      const radius = Math.max(0.42 * cell, 4 * devicePixelRatio);
      context.beginPath();
      for (let i = 0; i < sides; ++i) {
        const angle = 2 * Math.PI * i / sides;
        context.lineTo(x + radius * Math.cos(angle), y + radius * Math.sin(angle));
      }
      context.closePath();
      context.fillStyle = colour;
      context.fill();
      context.lineWidth = Math.max(1, 0.08 * cell);
      context.strokeStyle = '#fff';
      context.stroke();
    };
    draw();

    return {
      stage: [stage.canvas, status, stage.hint],
      side: [
        said.root,
        settling.buttons(button('Forget', () => { basin.maze_begin(); settling.changed(); },
          { title: 'Begins again from states of zeros' })),
        el('div', { class: 'row' }, button('New maze', draw, { class: 'main' }),
          button('Move a wall', () => { if (basin.maze_move_wall(anySeed())) changed(); },
            { title: 'Opens one wall and closes another, so that the way changes' })),
        tool.root, size.root, settling.speed, keep.root,
        el('p', { class: 'key' }, el('i', { class: 'disc', style: `background:${startColour}` }), 'start ',
          el('i', { class: 'diamond', style: `background:${goalColour}` }), 'goal ',
          el('i', { style: 'background:#267ac8' }), 'on the way, as the pixels say'),
        settling.figure,
      ],
      frame(seconds) {
        if (settling.frame(seconds)) {
          const shown = basin.pixels(basin.maze_picture(), side, side);
          image = new ImageData(shown.data.slice(), side, side);
          judge();
        }
        stage.show(image, {
          over: (context, size) => {
            mark(context, size, basin.maze_at(0), startColour, 24);
            mark(context, size, basin.maze_at(1), goalColour, 4);
          },
        });
      },
    };
  },
};
