// Runs what a plan lists in onnxruntime-web (its WebAssembly backend), as runner.py does in onnxruntime.
//
//     node benchmarks/runner.mjs PLAN RESULTS MODULES
//
// MODULES is the folder whose node_modules holds onnxruntime-web.

import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';

const [plan, results, modules] = process.argv.slice(2);
const folder = path.dirname(plan);
const require = createRequire(path.join(path.resolve(modules), 'package.json'));
const ort = require('onnxruntime-web');
const manifest = path.join(path.resolve(modules), 'node_modules', 'onnxruntime-web', 'package.json');
ort.env.wasm.numThreads = 1;
ort.env.logLevel = 'fatal';

async function run(model, optimised) {
  let session;
  try {
    session = await ort.InferenceSession.create(fs.readFileSync(path.join(folder, model.file)), {
      executionProviders: ['wasm'],
      graphOptimizationLevel: optimised ? 'all' : 'disabled',
      logSeverityLevel: 4,
    });
  } catch (error) {
    return { refused: String(error) };
  }
  const cases = [];
  for (const [i, one] of model.cases.entries()) {
    cases.push(await runCase(session, one, `${model.file}.${Number(optimised)}.${i}`));
  }
  await session.release?.(); // 1.15 has none
  return { cases };
}

async function runCase(session, one, stem) {
  const feeds = {};
  for (const [name, value] of Object.entries(one)) {
    const bytes = fs.readFileSync(path.join(folder, value.data));
    const numbers = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
    const array = value.type === 'uint8' ? new Uint8Array(numbers) : new Float32Array(numbers);
    feeds[name] = new ort.Tensor(value.type, array, value.shape);
  }
  try {
    const values = await session.run(feeds);
    return session.outputNames.map((name, place) => stored(values[name], `${stem}.${place}`));
  } catch (error) {
    return String(error);
  }
}

function stored(value, data) {
  const { buffer, byteOffset, byteLength } = value.data;
  fs.writeFileSync(path.join(results, data), new Uint8Array(buffer, byteOffset, byteLength));
  return { shape: value.dims, type: value.type, data };
}

const models = [];
for (const model of JSON.parse(fs.readFileSync(plan, 'utf-8'))) {
  models.push([await run(model, false), await run(model, true)]);
}
const { version } = JSON.parse(fs.readFileSync(manifest, 'utf-8'));
fs.writeFileSync(path.join(results, 'results.json'), JSON.stringify({ version, models }));
