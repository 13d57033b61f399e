// Ages grow before your eyes, and the head turns grey when nothing was judged for long. Without this, the numbers stand still.
"use strict";
const told = document.querySelector("meta[name=now]"); // what time it is where it is judged; a file cannot say
const clock = { ahead: told ? Number(told.content) - Date.now() / 1000 : 0 };

// A duration in its two largest units at most, as everything else of ours says it.
function spoken(seconds) {
  const left = Math.max(Math.floor(seconds), 0);
  if (left < 60) return `${left} s`;
  if (left < 3600) return `${Math.floor(left / 60)} min`;
  if (left < 86400) return two(left, 3600, "h", 60, "min");
  return left < 14 * 86400 ? two(left, 86400, "d", 3600, "h") : `${Math.floor(left / 86400)} d`;
}

function two(left, large, name, small, other) {
  const rest = Math.floor((left % large) / small);
  return `${Math.floor(left / large)} ${name}` + (rest ? ` ${rest} ${other}` : "");
}

function grow() {
  const now = Date.now() / 1000 + clock.ahead;
  for (const element of document.querySelectorAll("[data-at]")) {
    element.textContent = spoken(now - Number(element.dataset.at));
  }
  for (const element of document.querySelectorAll("[data-due]")) {
    const left = Number(element.dataset.due) - now;
    element.textContent = left > 0 ? `in ${spoken(left)}` : "is due";
  }
  for (const head of document.querySelectorAll("[data-run-at]")) {
    head.classList.toggle("old", now - Number(head.dataset.runAt) > Number(head.dataset.runTtl));
  }
}

setInterval(grow, 1000);
grow();
