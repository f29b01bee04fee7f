// The SQL page: an editor that keeps to what fields do, names that go into it by a click, and how long a query runs.
"use strict";

const editor = document.getElementById("sql");
const run = document.getElementById("run");
const stop = document.getElementById("stop");
const told = document.getElementById("told");

// by the browser's own command, so that it can be undone
function insert(text) {
  editor.focus();
  document.execCommand("insertText", false, text);
}

function indent(back) {
  const { value, selectionStart: from, selectionEnd: to } = editor;
  const begin = value.lastIndexOf("\n", from - 1) + 1;
  if (!back && !value.slice(from, to).includes("\n")) return insert("  ");
  const lines = value.slice(begin, to).split("\n");
  const changed = lines.map((line) => (back ? line.replace(/^ {1,2}|^\t/, "") : line && `  ${line}`)).join("\n");
  editor.setSelectionRange(begin, to);
  insert(changed);
  editor.setSelectionRange(lines.length > 1 ? begin : Math.max(begin, from + changed.length - (to - begin)), begin + changed.length);
}

let leaving = false; // Esc was pressed: Tab goes on to the next field, as everywhere else
editor.addEventListener("keydown", (event) => {
  if (event.isComposing || event.key === "Process") return;
  if (event.key === "Escape") {
    leaving = true;
  } else if (event.key === "Tab" && !leaving && !event.ctrlKey && !event.altKey && !event.metaKey) {
    event.preventDefault();
    indent(event.shiftKey);
  } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    run.click();
  } else if (event.key !== "Tab" && event.key !== "Shift") {
    leaving = false;
  }
});
editor.addEventListener("blur", () => (leaving = false));

// names go where the cursor is, with a blank where they would run into a word
document.querySelector(".schema").addEventListener("click", (event) => {
  const name = event.target.closest("[data-insert]")?.dataset.insert;
  if (!name) return;
  const plain = /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
  const before = editor.value.slice(0, editor.selectionStart);
  insert(/[\p{L}\p{N}_"]$/u.test(before) ? ` ${plain}` : plain);
});

// where the schema stands below the answers it is opened when it is wanted
if (matchMedia("(max-width: 1000px)").matches) document.querySelector(".schema .whole").open = false;

const find = document.getElementById("find");
find.addEventListener("input", () => {
  const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
  const holds = (element) => words.every((word) => element.dataset.name.includes(word));
  let any = false;
  for (const table of document.querySelectorAll(".schema .table")) {
    const columns = [...table.querySelectorAll("li")];
    const itself = holds(table);
    const found = columns.filter(holds);
    for (const column of columns) column.hidden = !(itself || found.includes(column));
    table.hidden = !itself && !found.length;
    table.open = words.length > 0 && !itself && found.length > 0;
    any ||= !table.hidden;
  }
  document.getElementById("none").hidden = any;
});

// one menu at a time, closed by Esc or a click elsewhere
const menus = [...document.querySelectorAll(".menu")];
for (const menu of menus) {
  menu.addEventListener("toggle", () => menu.open && menus.forEach((other) => other !== menu && (other.open = false)));
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}
document.addEventListener("click", (event) => menus.forEach((menu) => menu.contains(event.target) || (menu.open = false)));

let clock = null;
function running(on) {
  clearInterval(clock);
  stop.hidden = !on;
  told.classList.toggle("away", !on); // what is told of an answer stands above it as well
  if (!on) return;
  const begun = performance.now();
  const say = () => (told.textContent = `${told.dataset.running} … ${Math.round((performance.now() - begun) / 1000)} s`);
  told.textContent = told.dataset.running;
  clock = setInterval(say, 1000);
}
let asked = 0;
let failed = false;
run.addEventListener("htmx:error", () => (failed = true)); // the desk is gone, or nothing came in time
run.addEventListener("htmx:before:request", () => {
  asked += 1;
  failed = false;
  running(true);
});
run.addEventListener("htmx:finally:request", () => {
  asked -= 1;
  if (asked) return; // the last one still runs
  running(false);
  if (failed) {
    told.classList.remove("away");
    told.textContent = told.dataset.failed;
    return;
  }
  const heads = [...document.querySelectorAll("#answers h2")].map((head) => head.textContent.replace(/\s+/g, " "));
  told.textContent = heads.join("; ").slice(0, 300);
  const line = Number(document.querySelector("#answers [data-line]")?.dataset.line);
  if (line) {
    const lines = editor.value.split("\n");
    const begin = lines.slice(0, line - 1).join("\n").length + 1;
    editor.focus();
    editor.setSelectionRange(begin, begin + (lines[line - 1] ?? "").length);
  }
});

// a browser may keep a page that was left, with what it asked for: a query is stopped
addEventListener("pagehide", () => asked && run.dispatchEvent(new CustomEvent("htmx:abort")));
