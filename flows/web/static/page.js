// Ages grow before your eyes, and the page turns grey when nothing was judged for long. Without this, the numbers stand still.
"use strict";

const UNITS = [[120, 1, "s"], [7200, 60, "min"], [172800, 3600, "h"], [Infinity, 86400, "d"]];

function spoken(seconds) {
  const [, size, unit] = UNITS.find(([limit]) => seconds < limit);
  return `${Math.max(Math.floor(seconds / size), 0)} ${unit}`;
}

function grow() {
  const now = Date.now() / 1000;
  for (const element of document.querySelectorAll("[data-at]")) {
    element.textContent = spoken(now - Number(element.dataset.at));
  }
  const run = document.querySelector("[data-run-at]");
  if (run) {
    const isOld = now - Number(run.dataset.runAt || 0) > Number(run.dataset.runTtl);
    document.body.classList.toggle("old", isOld);
  }
}

setInterval(grow, 1000);
document.addEventListener("htmx:afterSwap", grow);
document.addEventListener("htmx:sseError", () => document.body.classList.add("cut"));
document.addEventListener("htmx:sseOpen", () => document.body.classList.remove("cut"));
grow();
