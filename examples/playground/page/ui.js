// What the scenes are made of: elements, controls with labels, a board to draw on, and a clock.

/// An element with attributes (functions become listeners: onclick) and children.
export function el(name, attributes = {}, ...children) {
  const svg = ['svg', 'line', 'text', 'polyline', 'circle', 'g'].includes(name);
  const made = svg ? document.createElementNS('http://www.w3.org/2000/svg', name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, '');
    else if (value !== false && value != null) made.setAttribute(key, value);
  }
  made.append(...children.flat(Infinity).filter((child) => child != null));
  return made;
}

/// "1 step", "2 steps".
export const counted = (count, word) => `${count} ${word}${count === 1 ? '' : 's'}`;

export const lessMotion = () => matchMedia('(prefers-reduced-motion: reduce)').matches;

let names = 0;
const newName = () => `control-${++names}`;

export function button(text, onclick, attributes = {}) {
  return el('button', { type: 'button', onclick, ...attributes }, text);
}

/// A slider with its label and its value: `said` writes the value.
export function slider(label, { min, max, step = 1, value, said = String }, changed = () => {}) {
  const id = newName();
  const output = el('output', { for: id }, said(value));
  const input = el('input', { type: 'range', id, min, max, step, value });
  const tell = () => {
    output.textContent = said(input.valueAsNumber);
    input.setAttribute('aria-valuetext', output.textContent);
  };
  input.addEventListener('input', () => { tell(); changed(input.valueAsNumber); });
  tell();
  return {
    root: el('div', { class: 'field' }, el('label', { for: id }, label), input, output),
    input,
    get value() { return input.valueAsNumber; },
    set value(number) { input.value = number; tell(); },
  };
}

/// A list to choose from: options are [value, text].
export function choice(label, options, changed) {
  const id = newName();
  const select = el('select', { id, onchange: () => changed(select.value) });
  const fill = (list) => select.replaceChildren(...list.map(([value, text]) => el('option', { value }, text)));
  fill(options);
  return { root: el('div', { class: 'field' }, el('label', { for: id }, label), select), select, fill };
}

/// One of a few, side by side: options are [value, text]; `more` stands behind them.
export function oneOf(label, options, more = []) {
  const name = newName(), title = newName();
  let value = options[0][0];
  const inputs = options.map(([key, text]) => {
    const input = el('input', {
      type: 'radio', name, value: key, checked: key === value, onchange: () => { value = key; },
    });
    return el('label', { class: 'choice' }, input, el('span', {}, text));
  });
  return {
    root: el('div', { class: 'field', role: 'radiogroup', 'aria-labelledby': title }, el('span', { id: title }, label),
      el('div', { class: 'row' }, inputs, more)),
    get value() { return value; },
  };
}

export function check(label, value, changed = () => {}) {
  const input = el('input', { type: 'checkbox', checked: value, onchange: () => changed(input.checked) });
  return { root: el('label', { class: 'check' }, input, label), get value() { return input.checked; } };
}

/// How many steps a frame has to make at so many a second, within what the processor manages.
export function clock() {
  let owed = 0, made = 0, since = 0, rate = 0;
  return {
    /// Calls step(1) as often as it is time to, for at most 12 ms; gives how often.
    run(seconds, perSecond, step) {
      owed = Math.min(owed + seconds * perSecond, 12);
      const until = performance.now() + 12;
      let count = 0;
      while (owed >= 1) {
        step(1);
        ++count;
        owed = performance.now() < until ? owed - 1 : 0;
      }
      made += count;
      since += seconds;
      if (since >= 1) {
        rate = made / since;
        made = since = 0;
      }
      return count;
    },
    /// Steps a second, over the last second.
    get rate() { return rate; },
  };
}

/// Play and pause. Begins playing unless the system asks for less motion.
export function player(changed = () => {}) {
  let playing = !lessMotion();
  const root = button('', () => set(!playing), { class: 'main' });
  const set = (on) => {
    playing = on;
    root.textContent = on ? 'Pause' : 'Play';
    changed(on);
  };
  set(playing);
  return { root, set, get playing() { return playing; } };
}

/// A square to look at and to draw on, by mouse, finger, pen or keys. Places are from 0 to 1.
///
///   label       what it is, for who cannot see it
///   says        how to draw on it, and
///   keys        what its keys do, which are said below it
///   paint(x, y, begins)   a place under the pressed pointer; places in between are filled in
///   lift()      the pointer was let go
///   pen         keys: the space bar lowers and lifts the pen; without, it paints once
///   cells()     keys: arrows move by a cell of so many; without, by a fiftieth
///   radius()    of the brush
export function board({ label, says, keys, night = false, pen = false, cells = () => 0, paint, lift = () => {}, radius = () => 0.02 }) {
  const hint = el('p', { class: 'hint', id: newName() }, says, ' ', el('span', { class: 'keys' }, keys));
  const canvas = el('canvas', {
    class: night ? 'board night' : 'board', tabindex: 0, role: 'application', 'aria-label': label,
    'aria-describedby': hint.id, 'aria-roledescription': 'drawing board',
  });
  const context = canvas.getContext('2d');
  const pixels = document.createElement('canvas');
  let pressed = null;  // where the pointer was
  let pointer = null;  // where the brush is shown
  const byKeys = { x: 0.5, y: 0.5, shown: false, down: false };

  const stroke = (to) => {
    const from = pressed ?? to, distance = Math.hypot(to.x - from.x, to.y - from.y);
    const pieces = Math.max(1, Math.ceil(distance / 0.01));
    for (let i = 1; i <= pieces; ++i) {
      const share = i / pieces;
      paint(from.x + share * (to.x - from.x), from.y + share * (to.y - from.y), pressed === null && i === 1);
    }
    pressed = to;
  };
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
  };
  const release = () => {
    if (pressed === null) return;
    pressed = null;
    lift();
  };
  canvas.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    byKeys.shown = false;
    pressed = null;
    pointer = place(event);
    stroke(pointer);
  });
  canvas.addEventListener('pointermove', (event) => {
    pointer = place(event);
    if (pressed === null) return;
    for (const one of event.getCoalescedEvents?.() ?? []) stroke(place(one));
    stroke(pointer);
  });
  canvas.addEventListener('pointerup', (event) => {
    if (event.pointerType !== 'mouse') pointer = null;
    release();
  });
  canvas.addEventListener('pointercancel', () => { pointer = null; release(); });
  canvas.addEventListener('pointerleave', () => { pointer = null; });
  const liftKeys = () => {
    byKeys.down = false;
    release();
  };
  canvas.addEventListener('blur', () => { liftKeys(); byKeys.shown = false; });
  canvas.addEventListener('focus', () => { byKeys.shown = canvas.matches(':focus-visible'); });
  canvas.addEventListener('keydown', (event) => {
    const count = cells(), step = (event.shiftKey ? 5 : 1) / (count || 50);
    const move = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    const acts = event.key === ' ' || event.key === 'Enter';
    if (!move && !acts) return;
    event.preventDefault();
    byKeys.shown = true;
    if (move) {
      const inside = (i) => {
        if (!count) return Math.min(1, Math.max(0, i));
        return (Math.min(count - 1, Math.max(0, Math.floor(count * i))) + 0.5) / count;
      };
      byKeys.x = inside(byKeys.x + move[0]);
      byKeys.y = inside(byKeys.y + move[1]);
      if (byKeys.down) stroke({ x: byKeys.x, y: byKeys.y });
    } else if (byKeys.down) {
      liftKeys();
    } else {
      byKeys.down = pen;
      stroke({ x: byKeys.x, y: byKeys.y });
      if (!pen) release();
    }
  });

  return {
    canvas,
    hint,
    /// Shows a picture, its cells as squares or smoothly, and then what over(context, side) draws, and the brush.
    show(image, { smooth = false, over = () => {} } = {}) {
      const side = Math.round(canvas.clientWidth * devicePixelRatio);
      if (side === 0) return;
      if (canvas.width !== side) canvas.width = canvas.height = side;
      context.clearRect(0, 0, side, side);
      if (image) {
        if (pixels.width !== image.width) pixels.width = pixels.height = image.width;
        pixels.getContext('2d').putImageData(image, 0, 0);
        context.imageSmoothingEnabled = smooth;
        context.drawImage(pixels, 0, 0, side, side);
      }
      over(context, side);
      const brush = byKeys.shown ? byKeys : pointer;
      if (!brush) return;
      context.beginPath();
      context.arc(brush.x * side, brush.y * side, Math.max(3, radius() * side), 0, 2 * Math.PI);
      context.lineWidth = 3 * devicePixelRatio;
      context.strokeStyle = '#ffffffc0';
      context.stroke();
      context.lineWidth = 1.2 * devicePixelRatio;
      context.strokeStyle = byKeys.shown && byKeys.down ? '#c2410c' : '#1d2326';
      context.stroke();
    },
  };
}

/// A picture of some size in a canvas of as many pixels.
export function picture(width, height, label) {
  const canvas = el('canvas', { class: 'pixels', width, height, role: 'img', 'aria-label': label });
  return {
    canvas,
    show(image) {
      if (canvas.width !== image.width) canvas.width = image.width;
      if (canvas.height !== image.height) canvas.height = image.height;
      canvas.getContext('2d').putImageData(image, 0, 0);
    },
  };
}

/// Bars for shares that add up to 1, a row each with its number.
export function bars(label, count) {
  const rows = Array.from({ length: count }, (_, number) => {
    const bar = el('i'), share = el('span');
    return { row: el('li', {}, el('span', {}, String(number)), el('div', {}, bar), share), bar, share };
  });
  return {
    root: el('ol', { class: 'bars', 'aria-label': label }, rows.map(({ row }) => row)),
    /// The row `best` is marked, if there is one.
    show(shares, best) {
      rows.forEach(({ row, bar, share }, number) => {
        row.classList.toggle('best', number === best);
        bar.style.width = `${100 * shares[number]}%`;
        share.textContent = `${(100 * shares[number]).toFixed(0)}%`;
      });
    },
  };
}

/// A scale for a chart: from 1 to 10^-decades.
export const logScale = (decades) => ({
  low: -decades,
  high: 0,
  of: Math.log10,
  ticks: Array.from({ length: decades + 1 }, (_, power) => [10 ** -power, power === 0 ? '1' : `10⁻${'⁰¹²³⁴⁵⁶⁷⁸⁹'[power]}`]),
  says: (residual, evaluations) => `Residual on a log scale: ${residual.toExponential(1)} after ${counted(evaluations, 'evaluation')}`,
});

/// A curve: values against counts.
///
///   low, high   what of(value) is at the bottom and at the top
///   ticks       [value, text]
///   says(value, x)   what the chart says, in words
///   goal, goalName   a line
///   xName
export function chart({ low, high, of = Number, ticks, says, goal, goalName, xName }) {
  const width = 400, height = 165, left = 44, right = 12, top = 12, bottom = 34, most = 400;
  let first = 0, last = 20;  // what the axis shows
  const x = (count) => left + (width - left - right) * (count - first) / (last - first);
  const y = (value) => top + (height - top - bottom) * Math.min(1, Math.max(0, (high - of(value)) / (high - low)));
  const label = (text, at) => el('text', at, text);
  const all = el('polyline', { class: 'all' }), past = el('polyline', { class: 'past' }), dot = el('circle', { r: 4 });
  const below = el('g');
  const level = (value) => ({ x1: left, x2: width - right, y1: y(value), y2: y(value) });
  const root = el('svg', { class: 'chart', viewBox: `0 0 ${width} ${height}`, role: 'img' },
    ticks.map(([value, text]) => [
      el('line', level(value)), label(text, { x: left - 7, y: y(value) + 4, 'text-anchor': 'end' }),
    ]),
    goal && [
      el('line', { class: 'goal', ...level(goal) }),
      // At the left, where a residual has not fallen so far yet.
      label(goalName, { class: 'goal-name', x: left + 4, y: y(goal) - 5 }),
    ],
    below,
    label(xName, { x: (left + width - right) / 2, y: height - 4, 'text-anchor': 'middle' }),
    all, past, dot);
  return {
    root,
    /// Values at counts that do not fall, and the one that is marked; what is behind it is dashed. Without counts: 1, 2, ...
    show(values, counts = null, at = values.length - 1) {
      const count = (i) => (counts ? counts[i] : i + 1);
      first = counts?.[0] > 20 ? counts[0] : 0;
      const reach = Math.max(20, (values.length ? count(values.length - 1) : 0) - first);
      const step = [5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000].find((one) => reach / one <= 8) ?? 10000;
      last = first + reach;
      const from = Math.ceil(first / step);
      below.replaceChildren(...Array.from({ length: Math.floor(last / step) - from + 1 }, (_, i) => label(
        String(step * (from + i)), { x: x(step * (from + i)), y: height - bottom + 15, 'text-anchor': 'middle' })));
      const every = Math.ceil(values.length / most);  // no more points than pixels
      const points = (end) => {
        const line = [];
        for (let i = 0; i < end; i += every) line.push(`${x(count(i)).toFixed(1)},${y(values[i]).toFixed(1)}`);
        if (end > 0) line.push(`${x(count(end - 1)).toFixed(1)},${y(values[end - 1]).toFixed(1)}`);
        return line.join(' ');
      };
      all.setAttribute('points', at + 1 < values.length ? points(values.length) : '');
      past.setAttribute('points', points(at + 1));
      dot.toggleAttribute('hidden', values.length === 0);
      if (values.length === 0) {
        root.setAttribute('aria-label', 'Nothing yet');
        return;
      }
      dot.setAttribute('cx', x(count(at)));
      dot.setAttribute('cy', y(values[at]));
      root.setAttribute('aria-label', says(values[at], count(at)));
    },
  };
}
