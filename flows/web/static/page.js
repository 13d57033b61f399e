// What a page does besides letting ages grow: it notices changes and the end of its server, and copies commands.
"use strict";
document.documentElement.classList.add("js");

function show() {
  grow();
  const head = document.querySelector("[data-title]");
  if (head) document.title = head.dataset.title;
  document.querySelector("link[rel=icon]").href = `/badge.svg?${Date.now()}`;
}

function cut(isCut) {
  document.querySelectorAll("[data-run-at]").forEach((head) => head.classList.toggle("cut", isCut));
}

document.addEventListener("htmx:sseMessage", (event) => {
  clock.ahead = Number(event.detail.data.split(" ")[1]) - Date.now() / 1000;
});
document.addEventListener("htmx:afterSwap", show);
document.addEventListener("htmx:sseError", () => cut(true));
document.addEventListener("htmx:sseOpen", () => cut(false));
document.addEventListener("click", async (event) => {
  if (!event.target.matches(".copy")) return;
  await navigator.clipboard.writeText(event.target.previousElementSibling.textContent);
  event.target.textContent = "copied";
  setTimeout(() => (event.target.textContent = "copy"), 1500);
});
