/** Pictures on their way to the network: grey or coloured bytes of the size that it takes. */

/** The ink on a canvas that has no ground: how opaque it is at each place, row by row. */
export function inkOf(context) {
  const { width, height } = context.canvas;
  const { data } = context.getImageData(0, 0, width, height);
  return { width, height, data: Uint8Array.from({ length: width * height }, (_, i) => data[4 * i + 3]) };
}

/**
 * A drawing as the handwritten digits of the data sets are; null of an empty one.
 *
 * "mnist": scaled with its proportions until it fills a box of 20 x 20 in 28 x 28, and moved by whole pixels until the centre of mass is
 * in the middle one (LeCun et al., 1998). An image of MNIST that is drawn anywhere, at a whole multiple of its size, comes back
 * byte for byte. Up to 32 x 32 the box is the same, which is how LeNet-5 takes MNIST; else it is 20/28 of the side.
 *
 * "nist", as the 8 x 8 of the UCI repository are: the height is filled, the width squeezed into 5/8 (NIST's 20 of 32), and the box is in
 * the middle.
 */
export function fitted(ink, width, height, form) {
  const box = bounds(ink);
  if (!box) return null;
  let across, down, left, top;
  if (form === "nist") {
    across = (5 * width) / (8 * box.width);
    down = Math.min(height / box.height, 2 * across); // a dash stays one
    across = Math.min(across, down);
    [left, top] = [(width - box.width * across) / 2, (height - box.height * down) / 2];
  } else {
    across = down = Math.min(boxed(width) / box.width, boxed(height) / box.height);
    const mass = centreOfMass(ink);
    left = placed((mass.x - box.left) * across, box.width * across, width);
    top = placed((mass.y - box.top) * down, box.height * down, height);
  }
  // The window of the drawing that becomes the whole image.
  const window = { left: box.left - left / across, top: box.top - top / down, width: width / across, height: height / down };
  return resampled(ink, window, width, height);
}

const boxed = (side) => (side >= 28 && side <= 32 ? 20 : (20 * side) / 28);

/** Where something of a `length` begins on a side: its centre of mass in the middle pixel, as far as it then stays inside. */
const placed = (mass, length, side) => Math.min(Math.max(Math.ceil(side / 2 - mass - 1e-9), 0), Math.floor(side - length + 1e-9));

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
