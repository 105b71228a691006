// Building the page: elements, words, messages. Text always goes in as text, never as markup.
import { SAID, WORDS } from "/static/words.js";

export const LANGUAGES = Object.keys(WORDS);
let language = localStorage.getItem("language") || (navigator.language.slice(0, 2) in WORDS ? navigator.language.slice(0, 2) : "en");

export function setLanguage(name) {
  language = name in WORDS ? name : "en";
  localStorage.setItem("language", language);
  document.documentElement.lang = language;
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  for (const node of document.querySelectorAll("[data-label]")) node.setAttribute("aria-label", t(node.dataset.label));
}

export function currentLanguage() {
  return language;
}

// The word of a key; {name} is replaced by a value.
export function t(key, values = {}) {
  const words = WORDS[language][key] ?? WORDS.en[key] ?? key;
  return words.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
}

// What the server says, in the page's language: its English lines are the keys "error-..." of the words.
let told = null; // [pattern, key, names of the parts]
export function serverWords(line) {
  if (language === "en" || !line) return line;
  told ??= Object.entries(WORDS.en).filter(([key]) => key.startsWith("error-")).map(([key, text]) => {
    const plain = text.replace(/[.*+?^$()|[\]\\]/g, "\\$&");
    return [new RegExp(`^${plain.replace(/\{\w+\}/g, "(.+?)")}$`, "s"), key, [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)];
  });
  for (const [pattern, key, names] of told) {
    const parts = pattern.exec(line);
    if (parts) return t(key, Object.fromEntries(names.map((name, index) => [name, parts[index + 1]])));
  }
  return t("server-says", { line });
}

// What the server says of a film: each part of an English line that has words in the page's language is replaced by them.
const NUMBER = /(?<![\p{L}\d])[-−]?\d+(?:\.\d+)?/gu;
const MINUS = /(?<![\p{L}\d])-(?=\d)/gu;
let parts = null, remembered = new Map();
export function said(line) {
  if (!line) return line;
  if (!SAID[language]) return line.replace(MINUS, "−");
  if (remembered.has(line)) return remembered.get(line);
  const words = SAID[language];
  parts ??= new RegExp(`(?<![\\p{L}\\d])(?:${Object.keys(words).sort((a, b) => b.length - a.length).map((key) => key.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replaceAll("#", "[-−]?\\d+(?:\\.\\d+)?")).join("|")})(?![\\p{L}\\d])`, "gu");
  const found = line.replace(parts, (part) => {
    const numbers = part.match(NUMBER) ?? [];
    return (words[part] ?? words[part.replace(NUMBER, "#")]).replaceAll("#", () => numbers.shift());
  }).replace(/(\d)\.(\d)/g, "$1,$2").replace(MINUS, "−");
  if (remembered.size > 2000) remembered = new Map();
  remembered.set(line, found);
  return found;
}

const SVG_NAMES = new Set(["svg", "g", "path", "circle", "line", "text", "rect", "polyline", "use"]);

// h("button", {class: "x", onclick: f, "aria-label": "y"}, child, ...)
export function h(name, properties = {}, ...children) {
  const node = SVG_NAMES.has(name) ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key === "value" || key === "checked") node[key] = value;
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

// An attribute that changes; setting the same text again would still be painted again.
export function set(node, name, text) {
  if (node.getAttribute(name) !== text) node.setAttribute(name, text);
}

const ICONS = {
  menu: "M4 6h16M4 12h16M4 18h16", fit: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5", plus: "M12 5v14M5 12h14", minus: "M5 12h14",
  undo: "M9 7L4 12l5 5M4 12h10a5 5 0 0 1 0 10h-2", redo: "M15 7l5 5-5 5M20 12H10a5 5 0 0 0 0 10h2",
  reset: "M5 12a7 7 0 1 0 3-6M5 4v4h4", next: "M5 5l8 7-8 7M17 5v14", invert: "M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18",
  ruler: "M3 15L15 3l6 6L9 21zM7 11l2 2M10 8l2 2M13 5l2 2", turn: "M4 18h16M4 18L16 7M12 18a8 8 0 0 0-2-6",
  tag: "M4 4h8l8 8-8 8-8-8zM8 8h.01", circle: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16M12 11v2M11 12h2", lines: "M4 18L10 5l5 9 5-4",
  contrast: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16M12 4v16M15 6v12M18 8v8", print: "M7 8V3h10v5M7 17H4V9h16v8h-3M7 14h10v7H7z",
  help: "M9 9a3 3 0 1 1 4 3c-1 .5-1 1-1 2M12 18h.01M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18", panel: "M4 4h16v16H4zM14 4v16",
  play: "M7 4l13 8-13 8z", one: "M6 7l3-2v14M15 7l3-2v14M12 10h.01M12 15h.01", sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.5 1.5M17.5 17.5L19 19M5 19l1.5-1.5M17.5 6.5L19 5",
  sliders: "M4 7h10M18 7h2M4 17h4M12 17h8M16 5v4M10 15v4", add: "M12 4v12M7 9l5-5 5 5M4 20h16", compare: "M9 5a7 7 0 1 0 0 14 7 7 0 0 0 0-14M15 5a7 7 0 1 0 0 14 7 7 0 0 0 0-14",
  close: "M6 6l12 12M18 6L6 18", shape: "M5 18c2-9 5-12 8-12s5 3 6 7M5 18h.01M13 6h.01M19 13h.01",
};

export function icon(name) {
  return h("svg", { viewBox: "0 0 24 24", "aria-hidden": "true", class: "glyph" }, h("path", { d: ICONS[name] }));
}

// A square button with a drawing; its word is its label and its tooltip.
export function iconButton(name, word, onclick, more = {}) {
  return h("button", { type: "button", class: "icon", title: word, "aria-label": word.replace(/ \([^)]*\)$/, ""), onclick, ...more }, icon(name));
}

export function toast(words, { kind = "info", actions = [], seconds = 6 } = {}) {
  const box = h("div", { class: `toast ${kind}` }, h("p", {}, words));
  const close = () => box.remove();
  for (const [label, act] of actions) box.append(h("button", { type: "button", onclick: () => { close(); act(); } }, label));
  box.append(iconButton("close", t("close"), close));
  document.getElementById("toasts").append(box);
  if (!actions.length) setTimeout(close, (kind === "bad" ? 20 : seconds) * 1000);
  return close;
}

// A modal dialog; `content` gets a function that closes it.
export function dialog(title, content, { wide = false } = {}) {
  const box = h("dialog", { class: wide ? "wide" : "", "aria-labelledby": "dialog-title" });
  const close = () => box.close();
  box.append(
    h("div", { class: "dialog-head" }, h("h2", { id: "dialog-title" }, title), iconButton("close", t("close"), close)),
    h("div", { class: "dialog-body" }, content(close)),
  );
  box.addEventListener("close", () => box.remove());
  document.body.append(box);
  box.showModal();
  // what is asked for comes first, not the button that closes
  box.querySelector(".dialog-body :is(input, select, textarea, button)")?.focus();
  return close;
}

export function field(label, control) {
  return h("label", { class: "field" }, h("span", {}, label), control);
}

export function number(value, digits = 1) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  return value.toFixed(digits).replace("-", "−").replace(".", language === "de" ? "," : ".");
}

// Tabs by the ARIA pattern: arrows move, one panel is shown. tabs: [{name, title}]
export function tabs(label, list, chosen, choose) {
  const bar = h("div", { role: "tablist", class: "tabs", "aria-label": label });
  list.forEach((tab, index) => {
    bar.append(h("button", {
      type: "button", role: "tab", "data-name": tab.name, "aria-selected": String(tab.name === chosen), tabindex: tab.name === chosen ? 0 : -1,
      onclick: () => choose(tab.name),
      onkeydown: (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!step) return;
        event.preventDefault();
        event.stopPropagation();
        const next = list[(index + step + list.length) % list.length].name;
        choose(next);
        document.querySelector(`[role=tablist][aria-label="${CSS.escape(label)}"] [data-name="${CSS.escape(next)}"]`)?.focus();
      },
    }, tab.title));
  });
  return bar;
}
