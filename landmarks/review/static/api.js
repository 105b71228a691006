// Talking to the server: same origin only, JSON both ways, one stream of events.
import { serverWords, t } from "/static/dom.js";

export class ApiError extends Error {
  constructor(status, body) {
    super(body?.error ? serverWords(body.error) : t("http-error", { status }));
    this.status = status;
    this.body = body;
  }
}

async function answer(response) {
  if (response.ok) return response.json();
  let body = null;
  try { body = await response.json(); } catch { /* plain text */ }
  throw new ApiError(response.status, body);
}

export async function get(address) {
  return answer(await fetch(address, { cache: "no-store" }));
}

// What index.html has begun to load beside the scripts.
export async function getPreloaded(address) {
  return answer(await fetch(address));
}

export async function post(address, body) {
  return answer(await fetch(address, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) }));
}

export async function sendFilm(file, name) {
  return answer(await fetch("/api/films", { method: "POST", headers: { "x-file-name": encodeURIComponent(name) }, body: file }));
}

// Gray values of a film, row by row, of 8 or 16 bits, as bytes.
export async function pixels(id, local) {
  const response = await fetch(`/api/cases/${id}/pixels${local ? "?contrast=local" : ""}`);
  if (!response.ok) await answer(response);
  return response.arrayBuffer();
}

// Files of a download go through a link, so that the browser saves them.
export async function download(address, body) {
  const response = await fetch(address, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  if (!response.ok) await answer(response);
  const name = /filename="([^"]+)"/.exec(response.headers.get("content-disposition") || "")?.[1] || "landmarks";
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// Calls listen(event) for everything that happens; lost(true) while the server is away.
export function events(listen, lost) {
  const source = new EventSource("/api/events");
  source.onmessage = (message) => { lost(false); listen(JSON.parse(message.data)); };
  source.onerror = () => lost(true);
}
