// The list of calls by keyboard: / to the search, J and K (or the arrows, within the list) from call to call.
"use strict";

const writing = (element) => element.closest("input, select, textarea, [contenteditable]") !== null;

function move(step) {
  const links = [...document.querySelectorAll("#results tr.call th a")];
  if (!links.length) return;
  const row = document.activeElement.closest("tr.call, tr.quotes");
  const at = links.findIndex((link) => row && (link.closest("tr") === row || link.closest("tr").nextElementSibling === row));
  const next = links[at < 0 ? (step > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + step))];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  // an input method composes: its keys are nobody else's
  if (event.isComposing || event.key === "Process" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (writing(event.target)) {
    if (event.code === "Escape") event.target.blur();
    return;
  }
  const inList = event.target.closest("#results table") !== null;
  if (event.key === "/" || event.code === "Slash" && !event.shiftKey) {
    document.getElementById("q").focus();
    document.getElementById("q").select();
  } else if (event.code === "KeyJ" || inList && event.code === "ArrowDown") move(1);
  else if (event.code === "KeyK" || inList && event.code === "ArrowUp") move(-1);
  else return;
  event.preventDefault();
});

// a day of one's own takes the place of "today"; told before htmx asks
document.addEventListener("change", (event) => {
  const name = event.target.dataset?.clears;
  if (name) document.querySelector(`#filters [name="${name}"][value=""]`).checked = true;
}, true);

// a rule that was added stands among the filters in force
document.addEventListener("htmx:after:swap", () => {
  const added = document.querySelector('#filters [name="add_rule"]');
  if (added) added.value = "";
});

// words are searched for when they are sent, and not once more when their field is left
document.getElementById("q").addEventListener("change", (event) => event.stopPropagation());
