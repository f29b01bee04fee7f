/* The call's sound: made ready by the server, played, and what all other parts of the page ask of it.

   window.callqa.sound: seek(s), toggle(), play(pieces) with pieces [[from, to], …] one after the other, at(), duration,
   onTime(f), onReady(f). Times are seconds. */
"use strict";
(() => {
  const player = document.getElementById("player");
  const audio = player.querySelector("audio");
  const texts = player.dataset;
  const duration = Number(texts.duration) || 0;
  const margin = Number(texts.margin) || 0;
  const preparing = player.querySelector(".preparing");
  const clockShown = player.querySelector(".clock b");
  const onTime = [], onReady = [];
  let isReady = false, wanted = null, place = 0, pieces = [], following = 0;

  const clock = (s) => {
    const whole = Math.max(0, Math.floor(s)), rest = String(whole % 60).padStart(2, "0");
    const minutes = Math.floor(whole / 60) % 60, hours = Math.floor(whole / 3600);
    return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
  };
  const seconds = (text) => {
    const parts = text.trim().replace(/[：.]/g, ":").split(":");
    if (parts.length > 3 || parts.some((part) => !/^\d{1,5}$/.test(part))) return null;
    return parts.reduce((sum, part) => 60 * sum + Number(part), 0);
  };
  const at = () => (isReady ? audio.currentTime : place);
  const tell = () => {
    const now = at();
    clockShown.textContent = clock(now);
    for (const listener of onTime) listener(now, !audio.paused);
  };
  const loop = () => {
    if (pieces.length && audio.currentTime >= pieces[0][1]) {
      pieces.shift();
      if (pieces.length) audio.currentTime = pieces[0][0];
      else audio.pause();
    }
    tell();
    if (!audio.paused) following = requestAnimationFrame(loop);
  };

  const seek = (s) => {
    pieces = [];
    place = Math.min(Math.max(0, s), Math.max(0, duration - 0.05));
    if (isReady) audio.currentTime = place;
    tell();
  };
  const start = () => {
    if (!isReady) { wanted = start; return; }
    audio.play().catch(() => {});
  };
  const toggle = () => {
    if (!audio.paused) { audio.pause(); return; }
    pieces = [];
    if (at() >= duration - 0.1) seek(0);
    start();
  };
  /* With a margin, so that people hear what it is in; pieces that touch are one. */
  const play = (wishes) => {
    const spans = wishes.map(([from, to]) => [Math.max(0, from - margin), Math.min(duration, to + margin)]);
    spans.sort((one, other) => one[0] - other[0]);
    const joined = [];
    for (const span of spans) {
      const last = joined[joined.length - 1];
      if (last && span[0] <= last[1]) last[1] = Math.max(last[1], span[1]);
      else joined.push([...span]);
    }
    if (!joined.length) return;
    seek(joined[0][0]);
    pieces = joined;
    start();
  };
  const rate = (value) => {
    const select = player.querySelector("[data-do=speed]");
    const options = [...select.options].map((option) => Number(option.value));
    audio.playbackRate = audio.defaultPlaybackRate = Math.min(Math.max(value, options[0]), options[options.length - 1]);
    select.value = String(audio.playbackRate);
  };
  const faster = (steps) => {
    const select = player.querySelector("[data-do=speed]");
    const index = Math.min(Math.max(0, select.selectedIndex + steps), select.options.length - 1);
    rate(Number(select.options[index].value));
  };

  for (const event of ["play", "pause", "seeked", "ended"]) {
    audio.addEventListener(event, () => {
      player.classList.toggle("playing", !audio.paused);
      cancelAnimationFrame(following);
      if (audio.paused) tell();
      else following = requestAnimationFrame(loop);
      if (audio.paused) player.dispatchEvent(new CustomEvent("callqa:paused"));
    });
  }
  // a hidden page draws nothing, and yet a piece has to end
  audio.addEventListener("timeupdate", () => { if (document.hidden) loop(); });
  audio.addEventListener("error", () => { if (audio.src) say(texts.failed, null); });

  const say = (text, share) => {
    preparing.hidden = !text;
    preparing.querySelector("span").textContent = text || "";
    const bar = preparing.querySelector("progress");
    bar.hidden = share === null;
    if (share) bar.value = share;
    else bar.removeAttribute("value");
  };
  const prepare = async () => {
    let state;
    try {
      const answer = await fetch(texts.state);
      if (!answer.ok) throw new Error(answer.status);
      state = await answer.json();
    } catch {
      say(texts.offline, 0);
      setTimeout(prepare, 3000);
      return;
    }
    if (state.problem) { say(state.problem, null); player.classList.add("silent"); return; }
    if (!state.is_there) {
      say(`${texts.preparing} ${Math.round(100 * state.share)} %`, state.share);
      setTimeout(prepare, 400);
      return;
    }
    const peaks = new Uint8Array(await (await fetch(texts.peaks)).arrayBuffer());
    say("", null);
    audio.src = texts.sound;
    isReady = true;
    if (place) audio.currentTime = place;
    for (const listener of onReady) listener(peaks);
    if (wanted) wanted();
    wanted = null;
  };

  /* One side alone, or both on both ears: a graph is made when it is first asked for. */
  let graph = null;
  const ears = () => {
    const sides = [...player.querySelectorAll("button.lane")];
    const mono = player.querySelector("[data-do=mono]");
    if (!graph) {
      const context = new AudioContext();
      const splitter = context.createChannelSplitter(2), merger = context.createChannelMerger(2);
      context.createMediaElementSource(audio).connect(splitter);
      const gains = [[0, 0], [0, 1], [1, 0], [1, 1]].map(([from, to]) => {
        const gain = context.createGain();
        splitter.connect(gain, from);
        gain.connect(merger, 0, to);
        return { gain, from, to };
      });
      merger.connect(context.destination);
      graph = { context, gains };
    }
    graph.context.resume();
    const heard = sides.map((side) => side.getAttribute("aria-pressed") === "true");
    const both = mono.getAttribute("aria-pressed") === "true" || heard.filter(Boolean).length === 1;
    for (const { gain, from, to } of graph.gains) {
      gain.gain.value = heard[from] && (both || from === to) ? (both && heard.every(Boolean) ? 0.7 : 1) : 0;
    }
  };
  const flip = (button) => button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));

  player.addEventListener("click", (event) => {
    const side = event.target.closest("button.lane");
    if (side) {
      flip(side);
      const others = [...player.querySelectorAll("button.lane")];
      if (others.every((each) => each.getAttribute("aria-pressed") === "false")) flip(others.find((each) => each !== side));
      ears();
      return;
    }
    const button = event.target.closest("button[data-do]");
    if (!button) return;
    if (button.dataset.do === "toggle") toggle();
    if (button.dataset.do === "by") seek(at() + Number(button.dataset.by));
    if (button.dataset.do === "mono") { flip(button); ears(); }
    if (button.dataset.do === "findings") {
      const all = [...player.querySelectorAll(".finding")].map((each) => [Number(each.dataset.from), Number(each.dataset.to)]);
      const isOn = button.getAttribute("aria-pressed") === "true";
      if (isOn) { pieces = []; audio.pause(); } else play(all);
    }
  });
  audio.addEventListener("pause", () => { if (pieces.length < 2) player.querySelector("[data-do=findings]").setAttribute("aria-pressed", "false"); });
  audio.addEventListener("play", () => player.querySelector("[data-do=findings]").setAttribute("aria-pressed", String(pieces.length > 1)));
  player.querySelector("[data-do=speed]").addEventListener("change", (event) => rate(Number(event.target.value)));
  player.querySelector(".goto").addEventListener("submit", (event) => {
    event.preventDefault();
    const field = event.target.elements.at, to = seconds(field.value);
    field.setAttribute("aria-invalid", String(to === null || to > duration));
    if (to === null || to > duration) return;
    seek(to);
    field.value = "";
    field.blur();
  });

  window.callqa = {
    sound: {
      seek, toggle, play, at, duration, margin, faster, clock,
      pause: () => audio.pause(),
      onTime: (listener) => onTime.push(listener),
      onReady: (listener) => onReady.push(listener),
    },
  };
  const linked = seconds(new URLSearchParams(location.search).get("t") || "");
  if (linked !== null) place = Math.min(linked, duration);
  document.addEventListener("DOMContentLoaded", tell);
  if (texts.state) prepare();
  else player.classList.add("silent");
})();
