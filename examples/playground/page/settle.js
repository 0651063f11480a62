// What the scenes share in which something settles some evaluations a frame: a clock, and the controls beside it.

import { button, chart, clock, counted, el, lessMotion, logScale, player, slider } from './ui.js';

/// basin's functions NAME_evaluate, NAME_evaluations, NAME_residuals and NAME_settled are called. `most()` is how many
/// evaluations it may take since something changed, `tired()` what happens then.
export function settler(basin, name, { perSecond, most, tired = () => {} }) {
  const call = (what, ...values) => basin[`${name}_${what}`](...values);
  const time = clock(), play = player();
  const speed = slider('Speed', { min: 1, max: 240, value: perSecond, said: (rate) => `${rate} / s` });
  const residuals = chart({ ...logScale(4), goal: 1e-3, goalName: 'at rest', xName: 'evaluations of the rule' });
  let since = 0, hurried = lessMotion(), spent = false, dirty = true;

  const one = () => {
    if (call('settled') || spent) return;
    call('evaluate', 1);
    dirty = true;
    if (call('evaluations') - since < most()) return;
    spent = true;
    tired();
  };
  const made = {
    /// Controls: a row of buttons, with more of the scene's, and the speed.
    buttons: (...more) => el('div', { class: 'row' }, play.root,
      button('Step', () => { play.set(false); one(); }),
      button('To the end', () => { hurried = true; }), ...more),
    speed: speed.root,
    figure: el('figure', {}, el('figcaption', {}, el('b', {}, 'How far from rest. '),
      'How much the state still changes, compared with its size.'), residuals.root),
    /// What is settled has changed, or begun anew. Who asked for less motion sees where it comes to rest, and no way.
    changed() {
      since = call('evaluations');
      spent = false;
      hurried = lessMotion();
      dirty = true;
    },
    get spent() { return spent; },
    /// True if there is something new to show.
    frame(seconds) {
      if (hurried) {
        const until = performance.now() + 12;
        while (performance.now() < until && !call('settled') && !spent) one();
        if (call('settled') || spent) hurried = false;
        else if (lessMotion()) return false;
      } else if (play.playing) {
        time.run(seconds, speed.value, one);
      }
      const was = dirty;
      dirty = false;
      if (was) residuals.show(basin.floats(call('residuals'), call('evaluations')));
      return was;
    },
    /// "312 evaluations · residual 1.2e-3"
    get said() {
      const count = call('evaluations');
      if (count === 0) return 'not yet evaluated';
      return `${counted(count, 'evaluation')} · residual ${basin.floats(call('residuals'), count)[count - 1].toExponential(1)}`;
    },
  };
  return made;
}

/// A paragraph that says how it stands, aloud where it changes. `mood`: good, bad or open.
export function verdict() {
  const root = el('p', { class: 'verdict', role: 'status' });
  return {
    root,
    say(mood, text) {
      if (root.textContent === text) return;
      root.textContent = text;
      root.dataset.mood = mood;
    },
  };
}
