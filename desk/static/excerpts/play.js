/* Excerpts one after the other: big, by keyboard, the words with the sound. The same in the desk and in a file taken along. */
"use strict";
(() => {
  const body = document.body, excerpts = [...document.querySelectorAll(".excerpt")];
  const place = document.querySelector(".place"), bar = document.querySelector(".controls");
  const [before, plays, after] = ["before", "plays", "after"].map((name) => bar.querySelector(`[data-do=${name}]`));
  const progress = bar.querySelector("progress"), clock = bar.querySelector(".clock");
  const marks = window.CSS && CSS.highlights;
  const smooth = matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth";
  const isFile = !body.dataset.back;
  const all = bar.querySelector("[data-do=all]");
  let now = -1, waits = 0;

  const said = (s) => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;
  const players = excerpts.map((excerpt) => {
    const audio = excerpt.querySelector("audio");
    const lines = [...excerpt.querySelectorAll("[data-from]")].map((line) => ({
      line, from: Number(line.dataset.from), to: Number(line.dataset.to), spoken: line.querySelector(".spoken"),
      words: line.dataset.words.split(" ").filter(Boolean).map((word) => word.split(":").map(Number)),
    }));
    return { excerpt, audio, lines, begun: false, warm: false, line: null };
  });
  const isLive = () => body.classList.contains("live");

  /* Characters first to last of an element, whatever elements cut it. As in call/transcript.js: this file is taken along
     alone. */
  const range = (element, first, last) => {
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT), made = new Range();
    let at = 0, begun = false;
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const end = at + node.length;
      if (!begun && first < end) { made.setStart(node, first - at); begun = true; }
      if (begun && last <= end) { made.setEnd(node, last - at); return made; }
      at = end;
    }
    return null;
  };
  const follow = (player) => {
    const s = player.audio.currentTime;
    const spoken = player.lines.filter((each) => each.from <= s + 0.05);
    const line = spoken.findLast((each) => each.to >= s) || spoken.at(-1) || null;
    if (line !== player.line) {
      player.line?.line.removeAttribute("aria-current");
      line?.line.setAttribute("aria-current", "true");
      player.line = line;
      if (line && isLive()) line.line.scrollIntoView({ block: "center", behavior: smooth });
    }
    if (!marks) return;
    const index = line ? line.words.findLastIndex(([at]) => line.from + at / 100 <= s + 0.02) : -1;
    const end = index + 1 < (line?.words.length ?? 0) ? line.words[index + 1][1] : line?.spoken.textContent.length;
    const spot = index >= 0 && s < line.to + 0.3 ? range(line.spoken, line.words[index][1], end) : null;
    if (spot) CSS.highlights.set("word", new Highlight(spot));
    else CSS.highlights.delete("word");
  };
  const told = () => {
    const player = players[now];
    if (!player) return;
    const length = player.audio?.duration || Number(player.excerpt.dataset.length);
    const at = player.audio?.currentTime || 0;
    progress.value = length ? at / length : 0;
    clock.textContent = player.audio ? `${said(at)} / ${said(length)}` : "";
    const playing = Boolean(player.audio && !player.audio.paused);
    plays.disabled = !player.audio;
    plays.setAttribute("aria-pressed", String(playing));
    body.classList.toggle("playing", playing);
  };
  const frame = () => {
    const player = players.find((each) => each.audio && !each.audio.paused);
    if (!player) return;
    follow(player);
    if (player === players[now]) told();
    requestAnimationFrame(frame);
  };
  const silence = () => players.forEach((player) => player.audio?.pause());
  const play = (player) => {
    player.begun = true;
    if (!player.audio) { goOn(3000 + 150 * player.lines.reduce((sum, each) => sum + each.spoken.textContent.length, 0)); return; }
    if (player.audio.ended) player.audio.currentTime = 0;
    player.audio.play().catch(() => told());
  };
  /* The desk cuts what was never heard when it is first asked for: it is asked a little earlier. */
  const warm = (player) => {
    if (!player?.audio || player.warm || isFile) return;
    player.warm = true;
    fetch(player.audio.src, { method: "HEAD" }).catch(() => {});
  };
  const show = (number) => {
    if (!players[number]) return false;
    silence();
    now = number;
    for (const player of players) player.excerpt.classList.toggle("now", player === players[now]);
    place.textContent = body.dataset.of.replace("{number}", now + 1).replace("{count}", players.length);
    before.disabled = now === 0;
    after.disabled = now === players.length - 1;
    players[now].begun = false;
    if (players[now].audio?.currentTime) players[now].audio.currentTime = 0;
    scrollTo({ top: 0, behavior: "instant" });
    if (isLive()) players[now].excerpt.focus({ preventScroll: true });
    warm(players[now]);
    warm(players[now + 1]);
    told();
    return true;
  };
  const next = () => {
    if (players[now] && !players[now].begun) play(players[now]);
    else if (show(now + 1)) play(players[now]);
  };
  /* Playing on by itself: after the sound, or after as long as it takes to read. */
  const onItsOwn = () => all.getAttribute("aria-pressed") === "true";
  const goOn = (after_ms) => {
    clearTimeout(waits);
    if (!onItsOwn() || !isLive()) return;
    if (now === players.length - 1) playOn(false);
    else waits = setTimeout(next, after_ms);
  };
  const playOn = (on) => {
    clearTimeout(waits);
    all.setAttribute("aria-pressed", String(on));
    if (on && (!players[now]?.audio || players[now].audio.paused)) next();
  };
  const move = (by) => { playOn(false); show(now + by); };
  const again = () => {
    playOn(false);
    const player = players[now];
    if (!player?.audio) return;
    if (player.audio.paused) play(player);
    else player.audio.pause();
  };
  const full = () => (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()).catch(() => {});
  const live = (on) => {
    playOn(false);
    silence();
    body.classList.toggle("live", on);
    bar.hidden = !on;
    if (on) show(Math.max(0, now));
    else if (document.fullscreenElement) full();
  };
  const leave = () => { if (isFile) live(false); else location.href = body.dataset.back; };

  for (const player of players) {
    player.audio?.addEventListener("play", () => {
      for (const other of players) if (other !== player) other.audio?.pause();
      player.begun = true;
      requestAnimationFrame(frame);
      told();
    });
    player.audio?.addEventListener("ended", () => goOn(1200));
    for (const event of ["pause", "ended", "seeked", "loadedmetadata"]) {
      player.audio?.addEventListener(event, () => { if (event !== "loadedmetadata") follow(player); told(); });
    }
    player.audio?.addEventListener("error", async () => {
      const why = player.excerpt.querySelector(".why");
      const answer = isFile ? null : await fetch(player.audio.src).catch(() => null);
      why.textContent = answer?.status === 409 ? await answer.text() : why.dataset.unknown;
      why.hidden = false;
      player.audio.remove();
      player.audio = null;
      told();
      if (player === players[now] && player.begun) play(player);
    });
  }
  const ACTIONS = {
    Space: next, PageDown: next, ArrowRight: () => move(1), ArrowDown: () => move(1),
    ArrowLeft: () => move(-1), ArrowUp: () => move(-1), PageUp: () => move(-1),
    Home: () => move(-now), End: () => move(players.length - 1 - now), KeyP: again, KeyF: full, Escape: leave,
    KeyA: () => playOn(!onItsOwn()),
  };
  addEventListener("keydown", (event) => {
    if (!isLive() && (isFile || event.key !== "Escape")) return;
    if (event.isComposing || event.keyCode === 229 || event.ctrlKey || event.metaKey || event.altKey) return;
    // Space presses what has the focus, but for the buttons that move
    if (event.code === "Space" && document.activeElement?.matches("button, a[href]") && !bar.contains(document.activeElement)) return;
    const action = ACTIONS[event.code] || ACTIONS[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
  for (const [button, run] of [[before, () => move(-1)], [plays, again], [after, () => move(1)], [all, () => playOn(!onItsOwn())]]) button.addEventListener("click", run);
  document.querySelector("[data-do=full]").addEventListener("click", full);
  document.querySelector("[data-do=live]")?.addEventListener("click", () => live(true));
  document.querySelector(".leave").addEventListener("click", (event) => { event.preventDefault(); leave(); });
  body.classList.add("scripted");
  if (!isFile && players.length) live(true);
})();
