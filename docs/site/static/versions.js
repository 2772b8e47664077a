// The version in the sidebar becomes a choice where versions.json, beside the folders of the versions, names others.
// A page that the other version has not leads to that version's first page.
"use strict";

async function offerVersions(place) {
  const root = new URL(place.dataset.root, location.href);
  const answer = await fetch(new URL("versions.json", root));
  if (!answer.ok) return;
  const versions = await answer.json();
  if (versions.length < 2) return;
  const [, inside] = location.href.slice(root.href.length).match(/^[^/]*\/(.*)$/);
  const choice = document.createElement("select");
  choice.setAttribute("aria-label", document.documentElement.lang.startsWith("zh") ? "版本" : "Version");
  for (const version of versions) choice.add(new Option(version, version, false, version === place.dataset.version));
  choice.addEventListener("change", async () => {
    const same = new URL(`${choice.value}/${inside}`, root);
    const there = await fetch(same, { method: "HEAD" });
    location.href = there.ok ? same : new URL(`${choice.value}/${inside.split("/")[0]}/index.html`, root);
  });
  place.replaceChildren(choice);
}

document.addEventListener("DOMContentLoaded", () => {
  const place = document.querySelector(".switches .version");
  if (place && location.protocol.startsWith("http")) offerVersions(place).catch(() => {});
});
