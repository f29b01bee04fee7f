// A coaching session by keyboard: J and K from excerpt to excerpt, P plays, A adds. One sound plays at a time.
"use strict";

const excerptsThere = () => [...document.querySelectorAll("[data-at-hand]")];
const atHand = () => document.activeElement?.closest("[data-at-hand]");

function go(step) {
  const there = excerptsThere(), at = there.indexOf(atHand());
  const next = there[Math.min(there.length - 1, Math.max(0, at < 0 ? 0 : at + step))];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

function play() {
  const audio = (atHand() || document).querySelector("audio");
  if (audio?.paused) audio.play().catch(() => {});
  else audio?.pause();
}

document.addEventListener("keydown", (event) => {
  // an input method composes: its keys are nobody else's
  if (event.isComposing || event.key === "Process" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, select, textarea, [contenteditable]")) return;
  switch (event.code) {
    case "KeyJ": go(1); break;
    case "KeyK": go(-1); break;
    case "KeyP": play(); break;
    case "KeyA": {
      const add = atHand()?.querySelector("button.add");
      if (!add) return;
      add.click();
      break;
    }
    default: return;
  }
  event.preventDefault();
});

// who puts an excerpt in, moves it or takes it out goes on from where they were
let left = null;
document.addEventListener("submit", (event) => {
  const at = excerptsThere().indexOf(event.target.closest("[data-at-hand]"));
  const adds = event.submitter?.classList.contains("add");
  left = at < 0 ? null : { button: event.submitter?.id, at: at + (adds ? 1 : 0) };
}, true);
document.addEventListener("htmx:after:swap", () => {
  if (!left) return;
  const button = left.button && document.getElementById(left.button), there = excerptsThere();
  const next = button?.disabled ? button.closest("[data-at-hand]") : button;
  (next || there[Math.min(left.at, there.length - 1)])?.focus();
  left = null;
});

document.addEventListener("play", (event) => {
  for (const other of document.querySelectorAll("audio")) if (other !== event.target) other.pause();
}, true);

// a plan that was changed and not saved is not left by mistake
const plan = document.getElementById("plan");
let changed = false;
plan?.addEventListener("input", () => { changed = true; });
plan?.addEventListener("submit", () => { changed = false; });
window.addEventListener("beforeunload", (event) => { if (changed) event.preventDefault(); });
