"use strict";
// the page is whole without this: it sorts, filters, and lets one clip play at a time
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  const value = (row, column) => {
    const cell = row.cells[column];
    const text = cell.dataset.value ?? cell.textContent.trim();
    return text !== "" && !isNaN(text) ? Number(text) : text;
  };
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const numbers = head.classList.contains("num");
      const descending = head.ariaSort ? head.ariaSort === "ascending" : numbers;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.ariaSort = descending ? "descending" : "ascending";
      const order = (a, b) =>
        typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), document.documentElement.lang);
      const empty = (text) => Number(text === "" || text === "–");
      const rows = [...table.tBodies[0].rows].map((row) => [value(row, column), row]);
      // what has no value comes last either way
      rows.sort(([a], [b]) => empty(a) - empty(b) || (descending ? -1 : 1) * order(a, b));
      table.tBodies[0].append(...rows.map(([, row]) => row));
    });
  });
}

const players = [...document.querySelectorAll("audio")];
document.addEventListener("play", (event) => players.forEach((other) => other !== event.target && other.pause()), true);
const near = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (entry.isIntersecting) {
      entry.target.preload = "metadata";
      near.unobserve(entry.target);
    }
  }
}, { rootMargin: "400px" });
players.forEach((player) => near.observe(player));

// follow the words while a clip plays; a click on one of them goes there
for (const player of players) {
  const talk = player.parentElement.querySelector(".talk");
  const lines = [...talk.querySelectorAll("li[data-at]")];
  talk.classList.add("seek");
  player.addEventListener("timeupdate", () => {
    const now = player.paused ? undefined : lines.findLast((line) => Number(line.dataset.at) <= player.currentTime + 0.05);
    lines.forEach((line) => line.classList.toggle("now", line === now));
  });
  lines.forEach((line) => line.querySelector(".words").addEventListener("click", () => {
    player.currentTime = Number(line.dataset.at);
    player.play();
  }));
}

const filters = document.querySelector(".filters");
if (filters) {
  filters.hidden = false;
  const agent = document.getElementById("filter-agent");
  const rule = document.getElementById("filter-rule");
  const count = document.getElementById("filter-count");
  const all = document.querySelectorAll(".agent .clip").length;
  const apply = () => {
    let shown = 0;
    for (const group of document.querySelectorAll(".agent[data-agent]")) {
      let here = 0;
      for (const clip of group.querySelectorAll(".clip")) {
        clip.hidden = (agent.value && group.dataset.agent !== agent.value) || (rule.value && clip.dataset.rule !== rule.value);
        here += clip.hidden ? 0 : 1;
      }
      group.hidden = !here;
      shown += here;
    }
    count.textContent = `${shown} / ${all}`;
  };
  filters.addEventListener("change", apply);
  filters.addEventListener("submit", (event) => event.preventDefault());
  // a link to a clip that a filter hides must still arrive
  addEventListener("hashchange", () => {
    const target = document.getElementById(location.hash.slice(1));
    if (target?.closest("[hidden]")) {
      agent.value = rule.value = "";
      apply();
      target.scrollIntoView();
    }
  });
  apply();
}
