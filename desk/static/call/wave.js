/* The time line: a lane for each side drawn from the server's peaks, the findings under it, what else is on the line. */
"use strict";
(() => {
  const { sound } = window.callqa;
  const player = document.getElementById("player");
  const stage = player.querySelector(".stage"), canvas = stage.querySelector("canvas"), slider = stage.querySelector(".slider");
  const head = stage.querySelector(".head");
  const track = player.querySelector("ol.findings");
  const lanes = player.dataset.lanes.split(" ");
  const quiet = player.dataset.quiet.trim().split(/\s+/).filter(Boolean).map((text) => text.split("-").map(Number));
  const PEAKS_A_SECOND = 20, BAR = 3, APART = 15, AXIS = 15;
  let peaks = null, view = [0, sound.duration || 1], colours = {}, frame = 0, loudest = 127;

  // read once: asked for again after each thing that is put into its place, it would lay out the page each time
  let wide = 1;
  const width = () => wide;
  const x = (s) => ((s - view[0]) / (view[1] - view[0])) * width();
  const time = (px) => view[0] + (px / width()) * (view[1] - view[0]);

  /* Who speaks when, for the one lane of both sides. */
  const turns = [...document.querySelectorAll("li.turn")].map((line) => ({
    from: Number(line.dataset.from), to: Number(line.dataset.to),
    role: ["agent", "customer"].find((role) => line.classList.contains(role)) || "unknown",
  }));
  const speakers = (from, to) => {
    let best = "unknown", most = 0;
    for (const turn of turns) {
      if (turn.from > to) break;
      const together = Math.min(turn.to, to) - Math.max(turn.from, from);
      if (together > most) { most = together; best = turn.role; }
    }
    return best;
  };

  const readColours = () => {
    const style = getComputedStyle(player);
    for (const name of ["agent", "customer", "soft", "line", "ink", "sheet"]) colours[name] = style.getPropertyValue(`--${name}`).trim();
    colours.unknown = colours.soft;
    // light-dark() is worked out by the browser only where a colour is used
    const probe = document.createElement("i");
    probe.hidden = true;
    player.append(probe);
    for (const name of Object.keys(colours)) {
      probe.style.color = `var(--${name === "unknown" ? "soft" : name})`;
      colours[name] = getComputedStyle(probe).color;
    }
    probe.remove();
  };

  let columns = null;
  const measure = () => {
    const count = Math.max(1, Math.floor(width() / BAR));
    columns = lanes.map((lane, index) => {
      const own = peaks ? peaks[Math.min(index, peaks.length - 1)] : null;
      return Array.from({ length: count }, (_, column) => {
        const from = time(column * BAR), to = time((column + 1) * BAR);
        let most = 0;
        if (own) for (let i = Math.floor(from * PEAKS_A_SECOND); i < Math.max(from * PEAKS_A_SECOND + 1, to * PEAKS_A_SECOND); i++) most = Math.max(most, own[i] || 0);
        return { most: Math.min(1, most / loudest), role: lane === "both" ? speakers(from, to) : lane };
      });
    });
  };
  const draw = () => {
    frame = 0;
    const ratio = window.devicePixelRatio || 1, w = width(), h = stage.clientHeight;
    if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) {
      canvas.width = Math.round(w * ratio);
      canvas.height = Math.round(h * ratio);
      columns = null;
    }
    if (!columns) measure();
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, w, h);
    axis(pen, w, h);
    const played = x(sound.at()), tall = (h - AXIS) / lanes.length;
    columns.forEach((lane, index) => {
      const middle = index * tall + tall / 2;
      lane.forEach(({ most, role }, column) => {
        const left = column * BAR, half = Math.max(0.75, most * (tall / 2 - 4));
        pen.globalAlpha = left <= played ? 1 : 0.5;
        pen.fillStyle = colours[role] || colours.unknown;
        pen.fillRect(left, middle - half, BAR - 1, 2 * half);
      });
    });
    pen.globalAlpha = 1;
    for (const [from, to] of quiet) {
      pen.fillStyle = colours.line;
      pen.fillRect(x(from), 2, Math.max(2, x(to) - x(from)), h - AXIS - 4);
    }
  };
  const axis = (pen, w, h) => {
    const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800];
    const step = steps.find((each) => (each / (view[1] - view[0])) * w >= 64) || 3600;
    pen.font = "11px system-ui, sans-serif";
    pen.textBaseline = "bottom";
    pen.fillStyle = colours.soft;
    pen.strokeStyle = colours.line;
    pen.lineWidth = 1;
    for (let s = Math.ceil(view[0] / step) * step; s < view[1]; s += step) {
      const left = Math.round(x(s)) + 0.5;
      pen.beginPath();
      pen.moveTo(left, 0);
      pen.lineTo(left, h - AXIS + 3);
      pen.stroke();
      if (left < w - 30) pen.fillText(sound.clock(s), left + 3, h);
    }
  };
  const redraw = () => { if (!frame) frame = requestAnimationFrame(draw); };

  /* Findings stand where they are; those too near each other share a button with their number. */
  const findings = [...track.querySelectorAll(".finding")];
  const places = findings.map((button) => Number(button.dataset.from));
  const lay = () => {
    track.querySelectorAll(".several").forEach((each) => each.parentElement.remove());
    let group = [];
    const close = () => {
      if (group.length > 1) bundle(group);
      group = [];
    };
    findings.forEach((button, index) => {
      const left = x(places[index]), isIn = left >= -1 && left <= width() + 1;
      button.parentElement.hidden = !isIn;
      button.parentElement.style.left = `${Math.min(Math.max(left, 0), width() - 10)}px`;
      if (!isIn) return;
      if (group.length && left - x(Number(group[0].dataset.from)) > APART) close();
      group.push(button);
    });
    close();
    for (const strip of player.querySelectorAll(".strip .sound")) {
      const from = x(Number(strip.dataset.from)), to = x(Number(strip.dataset.to));
      strip.hidden = to < 0 || from > width();
      strip.style.left = `${Math.max(0, from)}px`;
      strip.style.width = `${Math.max(3, Math.min(to, width()) - Math.max(0, from))}px`;
    }
  };
  const bundle = (group) => {
    for (const button of group) button.parentElement.hidden = true;
    const item = document.createElement("li"), button = document.createElement("button");
    const worst = group.find((each) => each.classList.contains("fail")) || group[0];
    button.type = "button";
    button.className = `${worst.className} several`;
    button.tabIndex = -1;
    button.textContent = String(group.length);
    button.title = group.map((each) => each.title).join("\n");
    const name = player.dataset.several.replace("{count}", group.length);
    button.setAttribute("aria-label", `${name}, ${sound.clock(Number(group[0].dataset.from))}`);
    let next = 0;
    button.addEventListener("click", () => { group[next % group.length].click(); next += 1; });
    item.append(button);
    item.style.left = group[0].parentElement.style.left;
    group[0].parentElement.before(item);
  };
  const seen = () => [...track.querySelectorAll("li:not([hidden]) > button")];
  const rove = () => {
    const buttons = seen();
    if (buttons.length && !buttons.some((each) => each.tabIndex === 0)) buttons[0].tabIndex = 0;
  };
  track.addEventListener("keydown", (event) => {
    const buttons = seen(), here = buttons.indexOf(document.activeElement);
    const to = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (here < 0 || to === undefined || !buttons[to]) return;
    buttons[here].tabIndex = -1;
    buttons[to].tabIndex = 0;
    buttons[to].focus();
    event.preventDefault();
    event.stopPropagation();
  });

  const show = (from, to) => {
    const length = Math.min(Math.max(to - from, 5), sound.duration);
    const start = Math.min(Math.max(0, from), sound.duration - length);
    view = [start, start + length];
    columns = null;
    player.querySelector("[data-do=out]").disabled = length >= sound.duration;
    player.querySelector("[data-do=in]").disabled = length <= 5;
    lay();
    rove();
    follow(sound.at());
    redraw();
  };
  const zoom = (by) => {
    const length = (view[1] - view[0]) / by, middle = x(sound.at()) >= 0 && x(sound.at()) <= width() ? sound.at() : (view[0] + view[1]) / 2;
    show(middle - length / 2, middle + length / 2);
  };
  player.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do=in], [data-do=out]");
    if (button) zoom(button.dataset.do === "in" ? 2 : 0.5);
  });

  const follow = (now) => {
    head.style.transform = `translateX(${x(now)}px)`;
    head.hidden = now < view[0] || now > view[1];
  };
  sound.onTime((now, isPlaying) => {
    if (isPlaying && (now > view[1] || now < view[0]) && view[1] - view[0] < sound.duration) show(now - 0.1 * (view[1] - view[0]), now + 0.9 * (view[1] - view[0]));
    follow(now);
    slider.setAttribute("aria-valuenow", String(Math.round(now)));
    slider.setAttribute("aria-valuetext", sound.clock(now));
    redraw();
  });
  const move = (event) => sound.seek(time(event.clientX - stage.getBoundingClientRect().left));
  slider.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    slider.setPointerCapture(event.pointerId);
    move(event);
  });
  slider.addEventListener("pointermove", (event) => {
    slider.title = sound.clock(time(event.clientX - stage.getBoundingClientRect().left));
    if (event.buttons & 1) move(event);
  });
  slider.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -3, ArrowRight: 3, PageUp: -10, PageDown: 10 }[event.key];
    if (by) sound.seek(sound.at() + by);
    else if (event.key === "Home") sound.seek(0);
    else if (event.key === "End") sound.seek(sound.duration - 5);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  sound.onReady((bytes) => {
    const channels = bytes[0], each = (bytes.length - 1) / channels;
    peaks = Array.from({ length: channels }, (_, index) => bytes.subarray(1 + index * each, 1 + (index + 1) * each));
    // so that a quiet recording fills its lane too, and one knock does not flatten it
    const sorted = bytes.slice(1).sort();
    loudest = Math.max(40, sorted[Math.floor(0.998 * sorted.length)] || 0);
    columns = null;
    redraw();
  });
  const refresh = () => { wide = stage.clientWidth || 1; readColours(); columns = null; lay(); rove(); follow(sound.at()); redraw(); };
  new ResizeObserver(refresh).observe(stage);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", refresh);
  refresh();
})();
