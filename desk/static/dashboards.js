// What needs a script on dashboards: printing. Without one the button is not there, and the browser's own menu prints.
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}

// Tables of many numbers are one stop of the Tab key; arrow keys go from number to number, Enter opens its calls.
for (const table of document.querySelectorAll("table[data-grid]")) {
  table.setAttribute("role", "grid");
  const cells = () => [...table.querySelectorAll("tbody tr, tfoot tr")].map((row) => [...row.cells]);
  const target = (cell) => cell.querySelector("a") || cell;
  const rows = cells();
  for (const row of rows) for (const cell of row) target(cell).tabIndex = -1;
  if (rows.length) target(rows[0][0]).tabIndex = 0;
  const go = (from, to) => {
    target(from).tabIndex = -1;
    target(to).tabIndex = 0;
    target(to).focus();
  };
  table.addEventListener("keydown", (event) => {
    const cell = event.target.closest("tbody td, tbody th, tfoot td, tfoot th");
    if (!cell || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const y = rows.findIndex((row) => row.includes(cell)), x = rows[y].indexOf(cell);
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0], Home: [0, -x], End: [0, rows[y].length - 1 - x] };
    const step = steps[event.code];
    if (!step) return;
    event.preventDefault();
    const to = rows[y + step[0]]?.[x + step[1]];
    if (to) go(cell, to);
  });
}
