/* How many are picked, and picking many at once. */
"use strict";
(() => {
  const form = document.getElementById("pick");
  if (!form) return;
  const boxes = [...document.querySelectorAll("input[name=x]")], count = form.querySelector(".count");
  const told = () => { count.textContent = count.dataset.picked.replace("{count}", boxes.filter((box) => box.checked).length); };
  form.querySelector(".all").hidden = false;
  form.addEventListener("click", (event) => {
    const pick = event.target.closest("[data-pick]")?.dataset.pick;
    if (!pick) return;
    for (const box of boxes) box.checked = pick === "first" && !box.closest("details");
    told();
  });
  addEventListener("change", (event) => { if (event.target.name === "x") told(); });
  told();
})();
