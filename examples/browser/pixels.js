/** Pictures on their way to the network: grey or coloured bytes of the size that it takes. */

/** The ink on a canvas that has no ground: how opaque it is at each place, row by row. */
export function inkOf(context) {
  const { width, height } = context.canvas;
  const { data } = context.getImageData(0, 0, width, height);
  return { width, height, data: Uint8Array.from({ length: width * height }, (_, i) => data[4 * i + 3]) };
}

/**
 * A drawing as the handwritten digits of the data sets are: scaled with its proportions until it fills the box, and placed so
 * that its centre of mass is in the middle, as far as it then stays inside.
 *
 * MNIST's 28 x 28 has a box of 20 x 20 (LeCun et al., 1998); the 8 x 8 of the UCI repository are filled by the digit. Returns null of
 * an empty drawing.
 */
export function centred(ink, width, height) {
  const box = bounds(ink);
  if (!box) return null;
  const share = Math.min(width, height) < 16 ? 1 : 20 / 28;
  const scale = Math.min((share * width) / box.width, (share * height) / box.height);
  const mass = centreOfMass(ink);
  const left = placed((mass.x - box.left) * scale, box.width * scale, width);
  const top = placed((mass.y - box.top) * scale, box.height * scale, height);
  // The window of the drawing that becomes the whole image.
  const window = { left: box.left - left / scale, top: box.top - top / scale, width: width / scale, height: height / scale };
  return resampled(ink, window, width, height);
}

/** Where something of a `length` begins on a side, so that its centre of mass is in the middle, as far as it stays inside. */
const placed = (mass, length, side) => Math.min(Math.max(side / 2 - mass, 0), side - length);

function bounds({ width, height, data }) {
  let [left, right, top, bottom] = [width, -1, height, -1];
  for (let i = 0; i < data.length; i++) {
    if (!data[i]) continue;
    const [x, y] = [i % width, Math.floor(i / width)];
    [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
  }
  return right < 0 ? null : { left, top, width: right - left + 1, height: bottom - top + 1 };
}

function centreOfMass({ width, data }) {
  let [x, y, sum] = [0, 0, 0];
  data.forEach((value, i) => {
    x += value * ((i % width) + 0.5);
    y += value * (Math.floor(i / width) + 0.5);
    sum += value;
  });
  return { x: x / sum, y: y / sum };
}

/** The mean of what each new pixel covers of the window; outside of the image nothing is. In whole numbers. */
export function resampled(image, window, width, height) {
  const columns = covers(window.left, window.width, width, image.width);
  const rows = covers(window.top, window.height, height, image.height);
  const area = (window.width / width) * (window.height / height);
  const result = new Uint8Array(width * height);
  rows.forEach((row, y) => {
    columns.forEach((column, x) => {
      let sum = 0;
      for (const [j, high] of row) for (const [i, wide] of column) sum += image.data[j * image.width + i] * high * wide;
      result[y * width + x] = Math.round(sum / area);
    });
  });
  return result;
}

/** For each new pixel the old ones that it covers, with how much of each. */
function covers(start, length, count, limit) {
  return Array.from({ length: count }, (_, place) => {
    const [from, to] = [start + (place * length) / count, start + ((place + 1) * length) / count];
    const covered = [];
    for (let i = Math.max(Math.floor(from), 0); i < Math.min(to, limit); i++) {
      covered.push([i, Math.min(to, i + 1) - Math.max(from, i)]);
    }
    return covered;
  });
}

/** The planes of a picture stretched to a size: one of grey (as television weighs the colours), or red, green and blue. */
export function planesOf(picture, channels, width, height) {
  const { data } = picture;
  const value =
    channels === 1
      ? (i) => Math.round(0.299 * data[i] + 0.587 * data[i + 1] + 0.114 * data[i + 2])
      : (i, channel) => data[i + channel];
  return Array.from({ length: channels }, (_, channel) => {
    const plane = Uint8Array.from({ length: data.length / 4 }, (_, i) => value(4 * i, channel));
    const whole = { left: 0, top: 0, width: picture.width, height: picture.height };
    return resampled({ width: picture.width, height: picture.height, data: plane }, whole, width, height);
  });
}
