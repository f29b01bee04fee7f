/* The transcript goes with the sound, turn by turn and word by word, and the sound goes where somebody clicks in it. */
"use strict";
(() => {
  const { sound } = window.callqa;
  const pane = document.getElementById("transcript");
  const tools = pane.querySelector("form"), body = pane.querySelector(".body");
  const lines = [...pane.querySelectorAll(".lines > li[data-from]")];
  const turns = lines.filter((line) => line.classList.contains("turn")).map((line) => ({
    line, from: Number(line.dataset.from), to: Number(line.dataset.to), said: line.querySelector(".spoken"), words: null,
  }));
  const marks = window.CSS && CSS.highlights;
  let now = null, nowWord = null, touched = 0;

  const wordsOf = (turn) => (turn.words ??= turn.line.dataset.words.split(" ").filter(Boolean).map((text) => {
    const [at, first] = text.split(":").map(Number);
    return { at: turn.from + at / 100, first };
  }));
  /* Characters first to last of a paragraph, whatever elements cut it. */
  const range = (element, first, last) => {
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    const made = new Range();
    let at = 0, begun = false;
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const end = at + node.length;
      if (!begun && first < end) { made.setStart(node, first - at); begun = true; }
      if (begun && last <= end) { made.setEnd(node, last - at); return made; }
      at = end;
    }
    return null;
  };
  const lastBefore = (list, s, key) => {
    let low = 0, high = list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (key(list[middle]) <= s) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  };
  const current = (s) => {
    const last = lastBefore(turns, s + 0.02, (turn) => turn.from);
    // where two speak, who began last; where he is through, who goes on
    for (let index = last; index >= Math.max(0, last - 3); index--) if (turns[index].to >= s) return turns[index];
    return last >= 0 && s - turns[last].to < 2 ? turns[last] : null;
  };
  const showWord = (turn, s) => {
    if (!marks) return;
    const words = turn ? wordsOf(turn) : [];
    const index = lastBefore(words, s + 0.02, (word) => word.at);
    const key = turn && index >= 0 ? `${turn.from}:${index}` : null;
    if (key === nowWord) return;
    nowWord = key;
    if (key === null) { CSS.highlights.delete("word"); return; }
    const last = index + 1 < words.length ? words[index + 1].first : turn.said.textContent.length;
    const spot = range(turn.said, words[index].first, last);
    if (spot) CSS.highlights.set("word", new Highlight(spot));
  };
  const smooth = matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth";
  const into = (line) => {
    const box = line.getBoundingClientRect(), around = body.getBoundingClientRect();
    if (box.top < around.top + 40 || box.bottom > around.bottom - 60) {
      const by = box.top - around.top - around.height / 3;
      body.scrollBy({ top: by, behavior: Math.abs(by) > 2 * around.height ? "instant" : smooth });
    }
  };
  sound.onTime((s, isPlaying) => {
    const turn = current(s);
    if (turn !== now) {
      now?.line.removeAttribute("aria-current");
      turn?.line.setAttribute("aria-current", "true");
      now = turn;
      if (turn && tools.elements.follow.checked && Date.now() - touched > 3000) into(turn.line);
    }
    showWord(turn, isPlaying || s > 0 ? s : -1);
  });
  for (const event of ["wheel", "touchmove"]) body.addEventListener(event, () => { touched = Date.now(); }, { passive: true });

  const letterAt = (event, element) => {
    const spot = document.caretPositionFromPoint
      ? document.caretPositionFromPoint(event.clientX, event.clientY)
      : document.caretRangeFromPoint?.(event.clientX, event.clientY);
    const node = spot && (spot.offsetNode || spot.startContainer);
    if (!node || !element.contains(node)) return null;
    const before = new Range();
    before.setStart(element, 0);
    before.setEnd(node, spot.offset ?? spot.startOffset);
    return before.toString().length;
  };
  pane.addEventListener("click", (event) => {
    const line = event.target.closest("li[data-from]");
    if (!line || event.target.closest("a, .correction, summary, select, input")) return;
    const said = event.target.closest(".spoken");
    const turn = turns.find((each) => each.line === line);
    if (said && turn && String(getSelection()) === "") {
      const letter = letterAt(event, said);
      const index = letter === null ? -1 : lastBefore(wordsOf(turn), letter, (word) => word.first);
      sound.seek(index >= 0 ? wordsOf(turn)[index].at : turn.from);
    } else if (event.target.closest(".at")) sound.seek(Number(line.dataset.from));
  });

  /* Search: every place is marked, Enter goes to the next one, Shift+Enter back. */
  let found = [], spot = -1;
  const search = () => {
    const wanted = tools.elements.find.value.trim().toLowerCase();
    found = [];
    spot = -1;
    if (wanted) {
      for (const turn of turns) {
        if (turn.line.hidden) continue;
        const text = turn.said.textContent.toLowerCase();
        for (let at = text.indexOf(wanted); at >= 0 && found.length < 5000; at = text.indexOf(wanted, at + wanted.length)) {
          const place = range(turn.said, at, at + wanted.length);
          if (place) found.push({ place, turn });
        }
      }
    }
    if (marks) {
      if (found.length) CSS.highlights.set("found", new Highlight(...found.map((each) => each.place)));
      else CSS.highlights.delete("found");
      CSS.highlights.delete("here");
    }
    pane.querySelector(".hits").textContent = wanted ? (found.length ? String(found.length) : pane.dataset.none) : "";
  };
  const step = (by) => {
    if (!found.length) return;
    spot = (spot + by + found.length) % found.length;
    if (marks) CSS.highlights.set("here", new Highlight(found[spot].place));
    touched = Date.now();
    into(found[spot].turn.line);
    pane.querySelector(".hits").textContent = pane.dataset.of.replace("{number}", spot + 1).replace("{count}", found.length);
  };
  tools.elements.find.addEventListener("input", search);
  tools.addEventListener("submit", (event) => { event.preventDefault(); step(1); });
  tools.elements.find.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    step(event.shiftKey ? -1 : 1);
    if (event.altKey && found[spot]) sound.seek(found[spot].turn.from);
  });
  tools.elements.show.addEventListener("change", () => {
    const kind = tools.elements.show.value;
    for (const line of lines) line.hidden = Boolean(kind) && !line.classList.contains(kind);
    search();
  });
})();
