// The open case: its values, its history, undo and redo, and saving in order. Nothing is "saved" before the server says so.
import { ApiError, get, post } from "/static/api.js";

const listeners = new Map();
export const windowId = crypto.randomUUID();

export function on(name, listener) {
  if (!listeners.has(name)) listeners.set(name, []);
  listeners.get(name).push(listener);
}

export function emit(name, detail) {
  for (const listener of listeners.get(name) || []) listener(detail);
}

export const session = {
  start: null, // what /api/start said
  cases: new Map(), // id -> summary
  open: null, // the open case
  selected: null, // symbol
  who: localStorage.getItem("who") || "",
};

const queue = []; // changes that the server has not confirmed, in order
let sending = false;
const NOT_UNDONE = new Set(["undo", "redo", "note", "sign", "reopen", "patient"]);

export function value(field) {
  return session.open?.facts[field]?.value ?? null;
}

export function point(symbol) {
  return value(`point/${symbol}`);
}

export function automatic(symbol) {
  return value(`auto/${symbol}`);
}

export function symbols() {
  const found = new Set();
  for (const [field, fact] of Object.entries(session.open?.facts || {})) {
    const [kind, ...rest] = field.split("/");
    if ((kind === "point" || kind === "auto") && fact.value) found.add(rest.join("/"));
  }
  return Object.keys(session.start.landmarks).filter((symbol) => found.has(symbol)).concat([...found].filter((s) => !(s in session.start.landmarks)));
}

// Doubtful: the model was unsure, and no hand has placed the point since.
export function isDoubtful(symbol) {
  return Boolean(automatic(symbol)?.doubtful) && Boolean(point(symbol)) && point(symbol).by !== "hand";
}

export function isSigned() {
  return Boolean(value("signed"));
}

export function scale() {
  return value("scale");
}

let opening = 0;
let wanted = null; // id of the case that is asked for
let missed = []; // what happened to the case on its way, while it was asked for
export async function openCase(id) {
  const turn = ++opening;
  missed = [];
  wanted = id;
  emit("opening", id);
  const found = await get(`/api/cases/${id}`).finally(() => { if (turn === opening) wanted = null; });
  if (turn !== opening) return;
  session.open = { id, film: found.film, facts: found.facts, history: found.history };
  session.cases.set(id, found.case);
  session.selected = null;
  for (const item of queue) if (item.open.id === id) carryOver(item);
  emit("open", id);
  emit("values", null);
  for (const event of missed) if (!found.history.some((action) => action.id === event.id)) receive(event);
}

// A change that is not saved yet belongs to its case, also when that was left and opened again meanwhile.
function carryOver(item) {
  item.open = session.open;
  for (const [field, after] of Object.entries(item.changes)) {
    const fact = (item.open.facts[field] ??= { value: null, action: 0 });
    item.before[field] = fact.value;
    fact.value = after;
  }
}

export async function reloadCase() {
  const id = session.open?.id;
  if (!id || queue.length) return;
  const found = await get(`/api/cases/${id}`);
  if (session.open?.id !== id || queue.length) return;
  Object.assign(session.open, { facts: found.facts, history: found.history });
  emit("values", null);
}

export function closeCase() {
  session.open = null;
  emit("open", null);
}

// Change fields of the open case: shown at once, saved in order.
export function perform(kind, changes, reverses = null) {
  const open = session.open;
  if (!open) return false;
  if (isSigned() && kind !== "reopen" && kind !== "note") {
    emit("refused", "signed-refused");
    return false;
  }
  const before = {};
  for (const [field, after] of Object.entries(changes)) {
    const fact = (open.facts[field] ??= { value: null, action: 0 });
    before[field] = fact.value;
    fact.value = after;
  }
  queue.push({ open, kind, changes, before, reverses });
  emit("values", Object.keys(changes));
  emit("saving", { state: "saving", waiting: queue.length });
  void send();
  return true;
}

async function send() {
  if (sending) return;
  sending = true;
  while (queue.length) {
    const [item] = queue;
    const body = {
      kind: item.kind, who: session.who, window: windowId, reverses: item.reverses,
      changes: Object.entries(item.changes).map(([field, after]) => ({ field, value: after, seen: item.open.facts[field].action })),
    };
    try {
      const action = await post(`/api/cases/${item.open.id}/actions`, body);
      const { open } = item;
      queue.shift();
      for (const { field, after } of action.changes) {
        open.facts[field].action = action.id;
        if (!queue.some((item) => item.open === open && field in item.changes)) open.facts[field].value = after;
      }
      remember(open, action);
      if (!queue.length) emit("saving", { state: "saved", at: action.at });
      emit("history", null);
    } catch (error) {
      if (error instanceof ApiError && error.status === 409) conflict(error.body.fields);
      else if (error instanceof ApiError && error.status < 500) refuse(error);
      else {
        emit("saving", { state: "unsaved", reason: error.status === 507 ? "disk" : "server", detail: error.message, waiting: queue.length });
        await new Promise((done) => setTimeout(done, 1500));
      }
    }
  }
  sending = false;
}

function refuse(error) {
  const { open, before } = queue.shift();
  for (const [field, old] of Object.entries(before)) open.facts[field].value = old;
  emit("values", Object.keys(before));
  emit("saving", { state: "refused", detail: error.message });
}

// Someone else was faster: theirs is shown, and ours only written when asked.
function conflict(fields) {
  const lost = queue.shift();
  const ours = Object.entries(fields).every(([field, fact]) => alike(fact.value, lost.changes[field]));
  if (ours) return arrived(lost, fields);
  for (const [field, old] of Object.entries(lost.before)) lost.open.facts[field].value = old;
  for (const [field, fact] of Object.entries(fields)) lost.open.facts[field] = { ...fact };
  emit("values", Object.keys(lost.before));
  emit("saving", { state: "saved" });
  emit("conflict", { fields: Object.keys(fields), keep: () => session.open === lost.open && perform("keep", lost.changes) });
}

// The change had reached the server, and its answer was lost on the way back.
function arrived({ open }, fields) {
  for (const [field, fact] of Object.entries(fields)) open.facts[field].action = fact.action;
  if (!queue.length) emit("saving", { state: "saved" });
  emit("history", null);
}

function alike(a, b) {
  if (a === null || b === null || typeof a !== "object" || typeof b !== "object") return a === b;
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].every((key) => alike(a[key] ?? null, b[key] ?? null));
}

function remember(open, action) {
  if (!open.history.some((known) => known.id === action.id)) open.history.push(action);
}

// An action that another window, or the model, has made.
export function receive(event) {
  if (event.summary) {
    session.cases.set(event.case, event.summary);
    emit("summary", event.case);
  }
  const open = session.open;
  if (wanted === event.case) missed.push(event);
  if (!open || open.id !== event.case) return;
  remember(open, event);
  if (event.window === windowId) return;
  const changed = [];
  for (const { field, after } of event.changes) {
    if (queue.some((item) => item.open === open && field in item.changes)) continue; // the server will tell us
    open.facts[field] = { value: after, action: event.id };
    changed.push(field);
  }
  emit("values", changed);
  emit("history", null);
  if (event.source === "hand") emit("elsewhere", event);
}

export function unsaved() {
  return queue.length > 0;
}

// Undo and redo follow from the history, so that they survive a reload and have no limit.
export function stacks() {
  const undo = [], redo = [];
  const byId = new Map(session.open?.history.map((action) => [action.id, action]));
  for (const action of session.open?.history || []) {
    if (action.source !== "hand") continue;
    if (action.kind === "undo") { drop(undo, action.reverses); redo.push(byId.get(action.reverses)); }
    else if (action.kind === "redo") { drop(redo, action.reverses); undo.push(byId.get(action.reverses)); }
    else if (!NOT_UNDONE.has(action.kind)) { undo.push(action); redo.length = 0; }
  }
  return { undo, redo };
}

function drop(stack, id) {
  const index = stack.findLastIndex((action) => action.id === id);
  if (index >= 0) stack.splice(index, 1);
}

// One after the other, however fast the keys come.
let chain = Promise.resolve();
export function undo() {
  const { open } = session; // another case may be open when its turn comes
  return (chain = chain.then(() => undoLast(open)));
}

export function redo() {
  const { open } = session;
  return (chain = chain.then(() => redoLast(open)));
}

async function undoLast(open) {
  await settled();
  if (session.open !== open) return;
  const action = stacks().undo.at(-1);
  if (!action) return;
  const changes = Object.fromEntries(action.changes.map(({ field, before }) => [field, before]));
  if (perform("undo", changes, action.id)) emit("undone", action);
}

async function redoLast(open) {
  await settled();
  if (session.open !== open) return;
  const action = stacks().redo.at(-1);
  if (!action) return;
  const changes = Object.fromEntries(action.changes.map(({ field, after }) => [field, after]));
  if (perform("redo", changes, action.id)) emit("redone", action);
}

// Undo needs the numbers of what came before, which the server gives.
async function settled() {
  for (let wait = 0; queue.length && wait < 100; wait++) await new Promise((done) => setTimeout(done, 10));
}

export function select(symbol, { focus = false } = {}) {
  if (session.selected === symbol && !focus) return;
  session.selected = symbol;
  emit("selected", { symbol, focus });
}
