/* Keys, by their place on the keyboard (event.code), so that layout and input method do not matter.

   Nothing happens while an input method composes, and in fields only with Alt; Escape leaves a field and pauses,
   Control+Enter sends. Some are for others to hear: document gets "callqa:answer" with {answer: "agree" | "overrule" |
   "unsure", verdict}, "callqa:missed" with {at_s}, "callqa:send". */
"use strict";
(() => {
  const { sound, findings } = window.callqa;
  const dialog = document.getElementById("keys");
  const tell = (name, detail = {}) => document.dispatchEvent(new CustomEvent(`callqa:${name}`, { detail }));
  const answer = (given) => tell("answer", { answer: given, verdict: findings.atHand()?.dataset.rule || null });
  const focus = (selector) => { const field = document.querySelector(selector); field?.focus(); field?.select?.(); };
  const ACTIONS = {
    play: { keys: ["Space", "KeyK", "MediaPlayPause"], run: sound.toggle },
    back: { keys: ["KeyJ"], run: () => sound.seek(sound.at() - 3) },
    on: { keys: ["KeyL"], run: () => sound.seek(sound.at() + 3) },
    "far-back": { keys: ["Shift+KeyJ"], run: () => sound.seek(sound.at() - 10) },
    "far-on": { keys: ["Shift+KeyL"], run: () => sound.seek(sound.at() + 10) },
    slower: { keys: ["Shift+Comma"], run: () => sound.faster(-1) },
    faster: { keys: ["Shift+Period"], run: () => sound.faster(1) },
    next: { keys: ["ArrowDown", "KeyN"], run: findings.next },
    previous: { keys: ["ArrowUp", "KeyP"], run: findings.previous },
    agree: { keys: ["KeyA"], run: () => answer("agree") },
    overrule: { keys: ["KeyO"], run: () => answer("overrule") },
    unsure: { keys: ["KeyU"], run: () => answer("unsure") },
    case: { keys: ["KeyC"], run: () => document.querySelector(`[data-case="${findings.atHand()?.dataset.rule}"]`)?.click() },
    missed: { keys: ["KeyM"], run: () => tell("missed", { at_s: sound.at() }) },
    goto: { keys: ["KeyG"], run: () => focus(".goto input") },
    search: { keys: ["Slash"], run: () => focus("#transcript [name=find]") },
    help: { keys: ["Shift+Slash"], run: () => open() },
  };
  const KEPT = "callqa-keys";
  let chosen = {};
  try { chosen = JSON.parse(localStorage.getItem(KEPT)) || {}; } catch { chosen = {}; }
  const keysOf = (action) => (Array.isArray(chosen[action]) ? chosen[action] : ACTIONS[action].keys);
  const actionOf = (key) => Object.keys(ACTIONS).find((action) => keysOf(action).includes(key));
  const keyOf = (event) => `${event.ctrlKey ? "Control+" : ""}${event.metaKey ? "Meta+" : ""}${event.shiftKey ? "Shift+" : ""}${event.code || event.key}`;
  const written = (key) => key.replace("Shift+Comma", "<").replace("Shift+Period", ">").replace("Shift+Slash", "?").replace("Slash", "/")
    .replace(/Key([A-Z])/, "$1").replace(/Digit(\d)/, "$1").replace("ArrowDown", "↓").replace("ArrowUp", "↑").replace("ArrowLeft", "←").replace("ArrowRight", "→");

  const composes = (event) => event.isComposing || event.key === "Process" || event.keyCode === 229;
  const isField = (element) => element?.matches?.("textarea, select, input:not([type=checkbox], [type=radio], [type=button], [type=submit]), [contenteditable=true]");
  const presses = (element) => element?.matches?.("button, a[href], summary, input[type=checkbox], input[type=radio], [role=tab]");

  addEventListener("keydown", (event) => {
    if (composes(event) || event.defaultPrevented) return;
    if (dialog.open) { if (waiting) choose(event); return; }
    const target = document.activeElement;
    if (event.key === "Escape") {
      if (isField(target)) target.blur();
      sound.pause();
      return;
    }
    if (event.ctrlKey && event.key === "Enter") { tell("send"); event.preventDefault(); return; }
    if (document.querySelector("dialog[open]")) return;
    if (isField(target) && !event.altKey) return;
    const key = keyOf(event);
    // Space and Enter press what has the focus; arrows move in lists of choices
    if (!event.altKey && presses(target) && ["Space", "Enter"].includes(key)) return;
    if (target?.matches?.("input[type=radio]") && key.startsWith("Arrow")) return;
    const action = actionOf(key);
    if (!action) return;
    event.preventDefault();
    ACTIONS[action].run();
  });

  /* What they are, and changing them. */
  let waiting = null;
  const problem = dialog.querySelector(".problem");
  const fill = () => {
    for (const row of dialog.querySelectorAll("[data-action]")) {
      const cell = row.querySelector(".keys");
      cell.replaceChildren(...keysOf(row.dataset.action).flatMap((key) => {
        const shown = document.createElement("kbd");
        shown.textContent = written(key);
        return [shown, " "];
      }));
    }
  };
  const open = () => { problem.hidden = true; waiting = null; fill(); dialog.showModal(); };
  const keep = () => { try { localStorage.setItem(KEPT, JSON.stringify(chosen)); } catch { /* a browser that keeps nothing */ } };
  const choose = (event) => {
    if (["Shift", "Control", "Alt", "Meta", "Tab"].includes(event.key)) return;
    event.preventDefault();
    const row = waiting;
    waiting = null;
    const button = row.querySelector(".change");
    button.textContent = button.dataset.text;
    if (event.key === "Escape") return;
    const key = keyOf(event), taken = actionOf(key);
    problem.hidden = !taken || taken === row.dataset.action;
    if (!problem.hidden) {
      const title = dialog.querySelector(`[data-action="${taken}"] th`).textContent;
      problem.textContent = dialog.dataset.taken.replace("{key}", written(key)).replace("{action}", title);
      return;
    }
    chosen[row.dataset.action] = [key];
    keep();
    fill();
  };
  dialog.addEventListener("click", (event) => {
    if (event.target.closest(".reset")) { chosen = {}; keep(); problem.hidden = true; fill(); }
    const button = event.target.closest(".change");
    if (!button) return;
    waiting = button.closest("[data-action]");
    button.dataset.text ??= button.textContent;
    button.textContent = dialog.dataset.press;
  });
  document.querySelector("[data-do=keys]").addEventListener("click", open);
})();
