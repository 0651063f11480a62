// Digits as strokes, and what a network is shown of them.

export const pixels = 28;

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
export function rendered(strokes) {
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

/// Draws strokes; place gives where in the picture a place is.
export function trace(context, strokes, place, width, colour) {
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
