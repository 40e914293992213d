// What a page has heard of a job so far.
const MOST_FRAMES = 400; // beyond, every second one is forgotten, as in the recording itself

const nothing = () => ({ status: null, head: null, frames: [], ids: null, ranks: null, pieces: {}, best: 0, tiles: {} });

const READ = { step: Int32Array, seconds: Float32Array, steps: Int32Array, loss: Float32Array, accuracy: Float32Array, phase: Uint8Array, p: Uint8Array };

function unpack(text, kind) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new kind(bytes.buffer);
}

function add(seen, { reset, status, head, frames, said, tiles, gone }) {
  if (reset) Object.assign(seen, nothing());
  Object.assign(seen.tiles, tiles); // of the class page
  for (const name of gone ?? []) delete seen.tiles[name];
  if (status) seen.status = status;
  if (head) Object.assign(seen, { head, pieces: { ...head.pieces } });
  if (frames && seen.head) addFrames(seen, frames);
  if (said && seen.head) {
    const size = seen.head.seeds.length * seen.head.targets.length;
    seen.ids ??= new Int32Array(size);
    seen.ranks ??= new Int32Array(size);
    said.cells.forEach((cell, i) => {
      seen.ids[cell] = said.ids[i];
      seen.ranks[cell] = said.ranks[i];
    });
    Object.assign(seen.pieces, said.pieces);
    seen.best = said.best;
  }
}

function addFrames(seen, sent) {
  const columns = Object.fromEntries(Object.entries(READ).map(([name, kind]) => [name, unpack(sent[name], kind)]));
  for (let f = 0; f < sent.count; f++) {
    const last = seen.frames.at(-1);
    if (last && columns.step[f] <= last.step) continue; // heard twice
    const frame = {};
    for (const [name, values] of Object.entries(columns)) {
      const width = values.length / sent.count;
      frame[name] = width === 1 && (name === "step" || name === "seconds") ? values[f] : values.slice(f * width, (f + 1) * width);
    }
    seen.frames.push(frame);
  }
  if (seen.frames.length > MOST_FRAMES) {
    const newest = seen.frames.length - 1;
    seen.frames = seen.frames.filter((_, f) => f % 2 === 0 || f === newest);
  }
}

// A restart's frames up to the one in which it ended; its last values are the final ones.
function untilDone(seen, k) {
  const frames = seen.frames;
  if (!frames.length) return [];
  const end = frames.findIndex((frame) => frame.steps[k] === frames.at(-1).steps[k]);
  return [...frames.slice(0, end), frames.at(-1)];
}
