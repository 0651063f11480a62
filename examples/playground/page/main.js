// The page: a tab and a panel for each scene, and the one loop that runs the scene that is shown.
//
// A scene is { id, title, say, make(basin) }, and make gives { stage, side, frame(seconds), ready } or a promise of it:
// the part that one looks at, the controls, what happens in each frame while the scene is shown, and a promise of
// whatever else has to come before it is whole.

import { load } from './basin.js';
import { el } from './ui.js';
import digits from './digits.js';
import grow from './grow.js';
import life from './life.js';
import maze from './maze.js';
import network from './network.js';
import sudoku from './sudoku.js';

const scenes = [grow, digits, maze, sudoku, network, life];
const message = document.getElementById('message');
const tabs = document.querySelector('[role=tablist]');
let shown = null;  // the scene that runs

async function start() {
  const basin = await load();
  window.basin = basin;  // for the console: basin.grow_step(1), ...
  for (const scene of scenes) {
    scene.tab = el('button', {
      role: 'tab', id: `tab-${scene.id}`, type: 'button', 'aria-controls': scene.id, 'aria-selected': 'false',
      tabindex: -1, onclick: () => { location.hash = scene.id; },
    }, scene.title);
    scene.panel = el('section', { id: scene.id, role: 'tabpanel', 'aria-labelledby': `tab-${scene.id}`, hidden: true });
    tabs.append(scene.tab);
    message.before(scene.panel);
  }
  tabs.addEventListener('keydown', (event) => {
    const steps = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const at = scenes.indexOf(shown);
    const next = event.key === 'Home' ? 0 : event.key === 'End' ? scenes.length - 1
      : steps && (at + steps + scenes.length) % scenes.length;
    if (next === undefined) return;
    event.preventDefault();
    location.hash = scenes[next].id;
    scenes[next].tab.focus();
  });
  const follow = () => show(basin, scenes.find((scene) => `#${scene.id}` === location.hash) ?? scenes[0]);
  addEventListener('hashchange', follow);
  await follow();

  let last = performance.now();
  const frame = (now) => {
    // A tab that was in the background does not catch up.
    const seconds = Math.min(0.1, (now - last) / 1000);
    last = now;
    shown?.made?.frame(seconds);
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

async function show(basin, scene) {
  shown = scene;
  for (const one of scenes) {
    one.panel.hidden = one !== scene;
    one.tab.setAttribute('aria-selected', one === scene);
    one.tab.tabIndex = one === scene ? 0 : -1;
  }
  scene.making ??= make(basin, scene);
  await scene.making;
  message.textContent = '';
  document.title = `${scene.title} · basin playground`;
}

async function make(basin, scene) {
  const made = await scene.make(basin);
  scene.panel.append(el('h2', {}, scene.heading), el('div', { class: 'layout' }, el('p', { class: 'say' }, scene.say),
    el('div', { class: 'stage' }, made.stage), el('div', { class: 'side' }, made.side)));
  scene.made = made;
  scene.panel.dataset.ready = 'yes';
}

start().catch((error) => {
  console.error(error);
  message.textContent = `This page could not start: ${error.message}`;
});
