// A task is answered by a digit: 1 to 5, unless somebody is writing.
document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.key === "Process" || event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  if (event.target.closest("input, textarea, select, [contenteditable], dialog")) return;
  const digit = /^(?:Digit|Numpad)([1-5])$/.exec(event.code);
  const button = digit && document.querySelector(`[data-task-key="${digit[1]}"]`);
  if (button) {
    event.preventDefault();
    button.click();
  }
});
