// The menu at a turn closes with Escape, and when something else is clicked; the cursor goes back to its button.
document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.(".turn-menu[open]");
  if (event.key !== "Escape" || !menu) return;
  event.stopImmediatePropagation();
  menu.open = false;
  menu.querySelector("summary").focus();
}, true);
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll(".turn-menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
