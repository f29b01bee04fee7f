// Menus and the panel of results close with Escape, and when something else is clicked; the cursor goes back to their button.
const OPEN = ".turn-menu[open], .results[open]";
document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.(OPEN);
  if (event.key !== "Escape" || event.isComposing || !menu) return;
  event.stopImmediatePropagation();
  menu.open = false;
  menu.querySelector("summary").focus();
}, true);
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll(OPEN)) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
