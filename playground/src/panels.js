// What stands beside the editor: the network as a table, a picture, PyTorch, in the other form, and how it becomes ONNX.

import { element, spans } from "./markdown.js";

export const PANELS = {
  table(panel, found, given) {
    panel.append(spans("p", `${found.model} : ${found.interface}`, { class: "interface" }));
    const frame = element("div", "", { class: "wide" });
    const table = document.createElement("table");
    table.append(element("caption", `Every step of ${found.model}`, { class: "spoken" }));
    const head = table.createTHead().insertRow();
    found.header.forEach((name, i) => head.append(element("th", name, { scope: "col", class: found.numbers[i] ? "number" : "" })));
    const body = table.createTBody();
    for (const row of found.rows) {
      const line = body.insertRow();
      row.forEach((cell, i) => line.append(element("td", cell, { class: found.numbers[i] ? "number" : "" })));
    }
    frame.append(table);
    const totals = element("dl", "", { class: "totals" });
    for (const [name, text] of found.totals) totals.append(element("dt", name), element("dd", text));
    panel.append(frame, totals);
    if (Object.keys(found.sizes).length) panel.prepend(sizes(found, given));
  },

  picture(panel, found, given) {
    const address = URL.createObjectURL(new Blob([found.svg], { type: "image/svg+xml" }));
    const image = element("img", "", { src: address, alt: `The network ${found.title} as boxes and arrows: its steps are in the table` });
    image.onload = () => URL.revokeObjectURL(address);
    const frame = element("div", "", { class: "wide picture" });
    frame.append(image);
    const depth = element("input", "", { type: "number", min: 1, max: 9, value: given.depth ?? 1, id: "depth", inputmode: "numeric" });
    depth.onchange = () => given.change({ depth: Math.min(Math.max(Number(depth.value) || 1, 1), 99) });
    const row = element("p", "", { class: "row" });
    row.append(element("label", "Open blocks to depth", { for: "depth" }), depth, saving(`${found.title.toLowerCase()}.svg`, found.svg));
    panel.append(row, frame);
  },

  pytorch(panel, found) {
    panel.append(code(found.name, found.text));
  },

  form(panel, found, given) {
    const name = found.form === "yaml" ? "net.yaml" : "net.cnn";
    const open = element("button", found.form === "yaml" ? "Write on in YAML" : "Write on in the language", { type: "button" });
    open.onclick = () => given.open({ name, text: found.text });
    panel.append(code(name, found.text, open));
    if (found.lost) panel.append(element("p", `${found.lost === 1 ? "A comment is" : `${found.lost} comments are`} left out: the two forms have no common place for them.`, { class: "quiet" }));
  },

  onnx(panel, found, given) {
    const name = given.spec.name.split("/").at(-1);
    const model = found.models.length > 1 ? ` --model ${given.model || found.models[0]}` : "";
    panel.append(
      element("p", "This page checks, counts, draws and writes PyTorch. An ONNX file comes with a proof: PyTorch and onnxruntime run the network, step by step, and their numbers must agree. They are not in this page, so the command makes the ONNX file."),
      spans("p", `Save the spec (\`${name}\`), and in its folder:`),
      code("", `pip install 'specc-nn[cpu]'\nspecc compile ${name}${model} -o ${name.replace(/\.(cnn|ya?ml)$/, "")}.onnx`),
      spans("p", "Beside the ONNX file stands what an application must know of it. `--no-verify` writes it without the proof."),
    );
  },
};

function sizes(found, given) {
  const form = element("form", "", { class: "row" });
  const fields = Object.entries(found.sizes).map(([name, usual]) => {
    const field = element("input", "", { type: "number", min: 1, id: `size-${name}`, name, placeholder: usual, value: given.sizes?.[name] ?? "", inputmode: "numeric" });
    form.append(element("label", name, { for: field.id }), field);
    return field;
  });
  form.append(element("button", "Costs at these sizes", { type: "submit" }));
  form.onsubmit = (event) => {
    event.preventDefault();
    given.change({ sizes: Object.fromEntries(fields.map((field) => [field.name, Number(field.value || field.placeholder)])) });
  };
  if (given.sizes) {
    const open = element("button", "Any size", { type: "button" });
    open.onclick = () => given.change({ sizes: null });
    form.append(open);
  }
  return form;
}

/** A text to copy or to save. */
function code(name, text, ...more) {
  const box = element("div", "", { class: "code" });
  const row = element("p", "", { class: "row" });
  const copy = element("button", "Copy", { type: "button" });
  copy.onclick = async () => {
    copy.textContent = (await copied(text)) ? "Copied" : "Select it, and copy with the keyboard";
    setTimeout(() => (copy.textContent = "Copy"), 2000);
  };
  row.append(copy, ...(name ? [saving(name, text)] : []), ...more);
  box.append(row, element("pre", text, { tabindex: 0 }));
  return box;
}

function saving(name, text) {
  const button = element("button", `Save ${name}`, { type: "button" });
  button.onclick = () => save(name, text);
  return button;
}

export function save(name, text) {
  const link = element("a", "", { href: URL.createObjectURL(new Blob([text])), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
