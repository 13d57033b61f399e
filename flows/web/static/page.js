// What a page does besides letting ages grow: it notices changes and the end of its server, and copies commands.
"use strict";
document.documentElement.classList.add("js");

let held = null; // what had the focus, since what is renewed is not the same element

function nameOf(element) {
  if (!element || !element.closest("#part")) return null;
  return `${element.tagName} ${element.getAttribute("href") || element.getAttribute("aria-label") || element.textContent}`;
}

// The title tells who looks at another tab, the status line who listens.
function tell(text) {
  document.title = text;
  const line = document.querySelector("[role=status]");
  if (line && line.textContent !== text) line.textContent = text;
}

function show() {
  grow();
  const head = document.querySelector("[data-title]");
  if (head) tell(head.dataset.title);
  if (held && document.activeElement === document.body) {
    const same = [...document.querySelectorAll("#part a, #part button")].find((element) => nameOf(element) === held);
    if (same) same.focus({ preventScroll: true });
  }
  document.querySelector("link[rel=icon]").href = `/badge.svg?${Date.now()}`;
}

function cut(isCut) {
  document.querySelectorAll("[data-run-at]").forEach((head) => head.classList.toggle("cut", isCut));
  const head = document.querySelector("[data-title]");
  if (head) tell(isCut ? `no answer · ${head.dataset.title}` : head.dataset.title);
}

document.addEventListener("htmx:sseMessage", (event) => {
  clock.ahead = Number(event.detail.data.split(" ")[1]) - Date.now() / 1000;
});
document.addEventListener("htmx:beforeSwap", () => (held = nameOf(document.activeElement)));
document.addEventListener("htmx:afterSwap", show);
document.addEventListener("htmx:sseError", () => cut(true));
document.addEventListener("htmx:sseOpen", () => cut(false));
document.addEventListener("click", async (event) => {
  if (!event.target.matches(".copy")) return;
  await navigator.clipboard.writeText(event.target.previousElementSibling.textContent);
  event.target.textContent = "copied";
  setTimeout(() => (event.target.textContent = "copy"), 1500);
});
