// Keeps the files of the page, so that it works without a connection. FILES and VERSION are put in by build.py.

const CACHE = `specc-playground-${SPECC.version}`;

addEventListener("install", (event) => {
  // What the browser still has of an earlier version would be kept with this one: the server is asked of each file.
  const files = SPECC.files.map((name) => new Request(name, { cache: "no-cache" }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(files)));
});

addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys()) {
        if (name.startsWith("specc-playground-") && name !== CACHE) await caches.delete(name);
      }
      await clients.claim();
    })(),
  );
});

addEventListener("fetch", (event) => {
  if (event.request.method !== "GET") return;
  event.respondWith(
    caches.open(CACHE).then(async (cache) => (await cache.match(event.request, { ignoreSearch: true })) ?? fetch(event.request)),
  );
});
