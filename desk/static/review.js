/* Reviewing: what keys say is done to the verdict at hand, and forms tell how long the page was open and listened to.

   Hears of document: "callqa:answer" {answer, verdict}, "callqa:missed" {at_s}, "callqa:send". */
"use strict";
(() => {
  const answerOf = (rule) => rule && document.getElementById(`answer-${rule}`);

  /* How long: only while the page is seen, and while sound plays. */
  let openMs = 0, since = document.hidden ? 0 : performance.now(), listenedS = 0, playedTo = null;
  const played = new Set();
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) openMs += performance.now() - since;
    since = document.hidden ? 0 : performance.now();
  });
  const openS = () => ((openMs + (since ? performance.now() - since : 0)) / 1000).toFixed(1);
  let playing = null;
  document.addEventListener("callqa:at-hand", (event) => { playing = event.detail; });
  const sound = document.querySelector("audio");
  sound?.addEventListener("timeupdate", () => {
    const at = sound.currentTime;
    if (playedTo !== null && at > playedTo && at - playedTo < 1.5) {
      listenedS += (at - playedTo) / (sound.playbackRate || 1);
      for (const piece of document.querySelectorAll("[data-piece][data-from]")) {
        if (at >= Number(piece.dataset.from) && at <= Number(piece.dataset.to) + 0.5) played.add(piece.dataset.piece.replace(/\.[^.]*$/, ""));
      }
    }
    playedTo = sound.paused ? null : at;
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    const set = (name, value) => { if (form.elements[name]) form.elements[name].value = value; };
    set("open_s", openS());
    set("listened_s", listenedS.toFixed(1));
    set("played", played.has(form.elements.rule?.value) ? "1" : "");
    if (form.elements.answer && event.submitter) for (const other of document.querySelectorAll(`#answer-${CSS.escape(form.elements.rule.value)} button`)) other.setAttribute("aria-disabled", "true");
  }, true);

  const overrule = (answer) => {
    const panel = answer?.querySelector("details.overrule");
    if (!panel) return;
    panel.open = true;
    panel.querySelector("input[type=radio]")?.focus();
    panel.scrollIntoView({ block: "nearest" });
  };
  document.addEventListener("callqa:answer", (event) => {
    const answer = answerOf(event.detail.verdict);
    if (!answer) return;
    if (event.detail.answer === "overrule") overrule(answer);
    else answer.querySelector(`button[data-answer="${event.detail.answer}"]`)?.click();
  });

  const missed = document.getElementById("missed");
  const clock = (seconds) => `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(1).padStart(4, "0")}`;
  const openMissed = (at_s) => {
    if (!missed || missed.open) return;
    missed.querySelector("[name=at]").value = clock(at_s || 0);
    missed.showModal();
    missed.querySelector("select").focus();
  };
  document.addEventListener("callqa:missed", (event) => openMissed(event.detail.at_s));
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-do=missed]")) { event.preventDefault(); openMissed(sound?.currentTime); }
    if (event.target.closest("dialog#missed .close")) missed.close();
  });
  document.addEventListener("change", (event) => {
    const template = event.target.closest("select.comment-template");
    if (template?.value) {
      const comment = template.form.elements.comment;
      comment.value = comment.value ? `${comment.value} ${template.value}` : template.value;
      template.value = "";
      comment.focus();
    }
    const label = event.target.closest("select[name=label]");
    if (label) label.form.elements.points.value = label.selectedOptions[0].dataset.points;
  });

  /* Control+Enter sends the form that somebody is in; elsewhere it sends the review. */
  document.addEventListener("callqa:send", () => {
    const form = document.activeElement?.closest(".whole, .to-appeal form, .decide, dialog[open] form, .about-review .stacked");
    if (form) form.requestSubmit();
    else document.querySelector("form.finish")?.requestSubmit();
  });
  /* What an answer left: the verdict that it was given to keeps the focus. */
  document.addEventListener("htmx:after:swap", () => {
    const hand = document.querySelector("article.verdict.at-hand");
    if (hand && document.activeElement === document.body) hand.focus({ preventScroll: true });
  });
})();
