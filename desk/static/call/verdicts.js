/* The verdicts: which are shown, which one is at hand, and the sound of each.

   The one at hand has the class "at-hand"; document gets "callqa:at-hand" with {verdict, piece} when it changes.
   window.callqa.findings: next(), previous() go from piece to piece and play it, nextVerdict() to the next verdict. */
"use strict";
(() => {
  const { sound } = window.callqa;
  const pane = document.getElementById("verdicts");
  const tabs = [...document.querySelectorAll("[role=tab]")];
  const show = (tab, withFocus) => {
    for (const each of tabs) {
      each.setAttribute("aria-selected", String(each === tab));
      each.tabIndex = each === tab ? 0 : -1;
      document.getElementById(each.getAttribute("aria-controls")).hidden = each !== tab;
    }
    if (withFocus) tab.focus();
  };
  for (const tab of tabs) {
    tab.addEventListener("click", () => show(tab));
    tab.addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!by) return;
      event.preventDefault();
      event.stopPropagation();
      show(tabs[(tabs.indexOf(tab) + by + tabs.length) % tabs.length], true);
    });
  }
  if (tabs.length) show(tabs[0]);

  for (const pick of pane.querySelectorAll(".pick")) {
    pick.addEventListener("click", () => {
      const others = [...pane.querySelectorAll(".pick")];
      const alone = others.every((each) => each === pick || each.getAttribute("aria-pressed") === "false");
      // the first pick shows its kind alone, the same again shows all
      for (const each of others) each.setAttribute("aria-pressed", String(alone ? true : each === pick));
      for (const group of pane.querySelectorAll("details.outcome")) {
        group.hidden = !alone && group.dataset.outcome !== pick.dataset.outcome;
        if (!alone && !group.hidden) group.open = true;
      }
    });
  }

  /* Where next and previous stop: every piece with a place, and verdicts that have none. */
  const stops = () => [...pane.querySelectorAll("details.outcome[open]:not([hidden]) article.verdict")].flatMap((verdict) => {
    const pieces = [...verdict.querySelectorAll("[data-piece][data-from]")];
    return pieces.length ? pieces : [verdict];
  });
  let hand = null;
  const take = (stop, { playing = true, focus = true } = {}) => {
    if (!stop) return;
    const verdict = stop.closest("article.verdict");
    hand?.classList.remove("piece-at-hand");
    for (const other of pane.querySelectorAll(".at-hand")) if (other !== verdict) other.classList.remove("at-hand");
    hand = stop;
    verdict.closest("details.outcome").open = true;
    verdict.classList.add("at-hand");
    if (stop !== verdict) stop.classList.add("piece-at-hand");
    show(tabs[0]);
    verdict.scrollIntoView({ block: "nearest", behavior: "instant" });
    if (focus) verdict.focus({ preventScroll: true });
    for (const button of document.querySelectorAll("ol.findings .finding")) {
      button.classList.toggle("at-hand", Boolean(stop.dataset.piece) && button.dataset.piece === stop.dataset.piece);
    }
    document.dispatchEvent(new CustomEvent("callqa:at-hand", { detail: { verdict: verdict.dataset.rule, piece: stop.dataset.piece || null } }));
    if (playing && stop.dataset.from) sound.play([[Number(stop.dataset.from), Number(stop.dataset.to)]]);
  };
  const step = (by) => {
    const all = stops(), here = all.indexOf(hand);
    take(all[here < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(0, here + by), all.length - 1)]);
  };
  const nextVerdict = () => {
    const all = stops(), verdict = hand?.closest("article.verdict");
    const rest = all.slice(all.indexOf(hand) + 1);
    take(rest.find((stop) => stop.closest("article.verdict") !== verdict));
  };

  document.addEventListener("click", (event) => {
    const finding = event.target.closest(".finding:not(.several)");
    if (finding) {
      take(pane.querySelector(`[data-piece="${CSS.escape(finding.dataset.piece)}"]`), { focus: false });
      return;
    }
    const seek = event.target.closest("button.seek");
    if (seek) sound.seek(Number(seek.dataset.from));
    const button = event.target.closest("#verdicts button.play");
    if (button) {
      const piece = button.closest("[data-from]");
      if (piece.dataset.piece) take(piece, { focus: false });
      else sound.play([[Number(piece.dataset.from), Number(piece.dataset.to)]]);
      return;
    }
    const verdict = event.target.closest("article.verdict");
    if (verdict && !event.target.closest("a, button, summary, input, select, textarea, label") && !verdict.contains(hand) && hand !== verdict) {
      take(verdict.querySelector("[data-piece][data-from]") || verdict, { playing: false, focus: false });
    }
    if (event.target.closest("[data-do=next]")) step(1);
    if (event.target.closest("[data-do=previous]")) step(-1);
  });
  const linked = () => {
    const target = location.hash ? document.getElementById(decodeURIComponent(location.hash.slice(1))) : null;
    if (target?.matches("article.verdict")) take(target.querySelector("[data-piece][data-from]") || target, { playing: false });
  };
  addEventListener("hashchange", linked);
  linked();
  window.callqa.findings = { next: () => step(1), previous: () => step(-1), nextVerdict, atHand: () => hand?.closest("article.verdict") || null };
})();
