// The Markdown that specc writes of a step: paragraphs, code, lists and tables, as elements.

export function fromMarkdown(text) {
  const result = document.createDocumentFragment();
  const lines = text.split("\n");
  for (let i = 0; i < lines.length; ) {
    const line = lines[i];
    if (line.startsWith("```")) {
      const end = lines.indexOf("```", i + 1);
      const stop = end < 0 ? lines.length : end;
      result.append(element("pre", lines.slice(i + 1, stop).join("\n")));
      i = stop + 1;
    } else if (line.startsWith("|")) {
      const rows = [];
      for (; i < lines.length && lines[i].startsWith("|"); i++) rows.push(cells(lines[i]));
      result.append(table(rows));
    } else if (line.startsWith("- ")) {
      const list = document.createElement("ul");
      for (; i < lines.length && lines[i].startsWith("- "); i++) list.append(spans("li", lines[i].slice(2)));
      result.append(list);
    } else if (line.trim() === "") {
      i++;
    } else {
      let words = line;
      for (i++; i < lines.length && lines[i].trim() && !/^(```|\||- )/.test(lines[i]); i++) words += ` ${lines[i]}`;
      result.append(spans("p", words));
    }
  }
  return result;
}

export function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

/** Text with `code` in it. */
export function spans(name, text, attributes = {}) {
  const made = element(name, "", attributes);
  text.split("`").forEach((part, i) => {
    made.append(i % 2 ? element("code", part) : part.replaceAll("\\*", "*").replaceAll("\\|", "|"));
  });
  return made;
}

function cells(line) {
  return line.replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((cell) => cell.trim());
}

function table([head, , ...rows]) {
  const made = document.createElement("table");
  const first = made.createTHead().insertRow();
  for (const cell of head) first.append(element("th", cell));
  const body = made.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    for (const cell of row) line.append(spans("td", cell));
  }
  return made;
}
