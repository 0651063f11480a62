// Loads the WebAssembly module: its functions, and views of its memory.

export async function load() {
  const text = new TextDecoder();
  let memory;
  let line = '';
  // What a check of the library has to say before it ends the program.
  const write = (file, pieces, count, written) => {
    const numbers = new DataView(memory.buffer);
    let total = 0;
    for (let i = 0; i < count; ++i) {
      const from = numbers.getUint32(pieces + 8 * i, true), size = numbers.getUint32(pieces + 8 * i + 4, true);
      line += text.decode(new Uint8Array(memory.buffer, from, size));
      total += size;
    }
    numbers.setUint32(written, total, true);
    const lines = line.split('\n');
    line = lines.pop();
    lines.forEach((one) => console.error(one));
    return 0;
  };
  const nothing = () => 0;
  const imports = {
    env: { emscripten_notify_memory_growth: nothing },
    wasi_snapshot_preview1: {
      fd_write: write, fd_close: nothing, fd_seek: nothing,
      proc_exit: (code) => { throw new Error(`the module ended with ${code}`); },
    },
  };
  const bytes = await (await fetched('playground.wasm')).arrayBuffer();
  const { exports } = (await WebAssembly.instantiate(bytes, imports)).instance;
  memory = exports.memory;
  exports._initialize();
  // Views end when the memory grows, so each is made when it is used.
  return {
    ...exports,
    floats: (at, count) => new Float32Array(memory.buffer, at, count),
    integers: (at, count) => new Int32Array(memory.buffer, at, count),
    pixels: (at, width, height) => new ImageData(new Uint8ClampedArray(memory.buffer, at, 4 * width * height), width, height),
  };
}

export async function fetched(name) {
  const response = await fetch(new URL(name, import.meta.url));
  if (!response.ok) throw new Error(`${name}: ${response.status} ${response.statusText}`);
  return response;
}

/// Numbers from a file of little-endian floats, or of halves (.f16).
async function numbersOf(name) {
  const bytes = await (await fetched(name)).arrayBuffer();
  if (!name.endsWith('.f16')) return new Float32Array(bytes);
  return Float32Array.from(new Uint16Array(bytes), (half) => {
    const power = half >> 10 & 31, part = half & 1023, sign = half >> 15 ? -1 : 1;
    return sign * (power === 0 ? part * 2 ** -24 : (1 + part / 1024) * 2 ** (power - 15));
  });
}

/// Gives the C++ of a scene the parameters that a file has.
export async function takeParameters(basin, scene, name) {
  const numbers = await numbersOf(name), expected = basin[`${scene}_theta_size`]();
  if (numbers.length !== expected) throw new Error(`${name} has ${numbers.length} numbers, expected ${expected}`);
  basin.floats(basin[`${scene}_theta`](), expected).set(numbers);
}
