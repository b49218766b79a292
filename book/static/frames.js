// Makes one picture with a slider of each figure in steps (`itdl.plotting.frames`). Without this script, and on paper,
// all its frames stand there as a grid. Nothing moves by itself, and nothing moves at all where motion is unwelcome.
"use strict";

(() => {
  const PACE = 900; // milliseconds a frame

  const element = (tag, properties, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };

  const button = (text, label) => {
    const made = element("button", { type: "button", textContent: text });
    made.setAttribute("aria-label", label);
    return made;
  };

  const step = (figure) => {
    const all = [...figure.querySelectorAll(".frame")];
    const labels = all.map((frame) => frame.querySelector(".frame-label").textContent);
    const last = all.length - 1;
    const { name } = figure.dataset;

    const slider = element("input", { type: "range", min: 0, max: last, step: 1, value: 0 });
    slider.setAttribute("aria-label", name);
    const before = button("◀", "Previous frame");
    const after = button("▶", "Next frame");
    const play = element("button", { type: "button", className: "frames-play" });
    const said = element("output", { className: "frames-said" });
    const controls = element("div", { className: "frames-controls" }, before, slider, after, said);
    controls.setAttribute("role", "group");
    controls.setAttribute("aria-label", `${name}: step through ${all.length} frames`);

    let timer = null;
    const show = (wanted) => {
      const at = Math.min(Math.max(wanted, 0), last);
      slider.value = at;
      slider.setAttribute("aria-valuetext", `${labels[at]}, frame ${at + 1} of ${all.length}`);
      said.textContent = labels[at];
      before.disabled = at === 0;
      after.disabled = at === last;
      all.forEach((frame, i) => frame.classList.toggle("shown", i === at));
    };
    const stop = () => {
      clearInterval(timer);
      timer = null;
      play.textContent = "Play";
    };
    const advance = () => {
      show(slider.valueAsNumber + 1);
      if (slider.valueAsNumber === last) stop();
    };
    const start = () => {
      if (slider.valueAsNumber === last) show(0);
      timer = setInterval(advance, PACE);
      play.textContent = "Pause";
    };
    // A button that is switched off loses the focus of the keyboard; its neighbour takes it.
    const move = (by, other) => {
      stop();
      show(slider.valueAsNumber + by);
      if (document.activeElement?.disabled ?? true) other.focus();
    };

    before.addEventListener("click", () => move(-1, after));
    after.addEventListener("click", () => move(1, before));
    play.addEventListener("click", () => (timer === null ? start() : stop()));
    slider.addEventListener("input", () => {
      stop();
      show(slider.valueAsNumber);
    });
    document.addEventListener("visibilitychange", stop);

    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) controls.append(play);
    stop();
    show(0);
    figure.classList.add("stepped");
    figure.append(controls);
  };

  for (const figure of document.querySelectorAll(".frames")) step(figure);
})();
