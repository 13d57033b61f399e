// The least contrast (WCAG 2) of the page's texts with what is behind them, and the element that has it.
(() => {
  const parse = (text) => {
    const share = text.startsWith("color(srgb") ? 255 : 1;
    const parts = text.match(/[\d.]+(e-?\d+)?/g).map(Number);
    return [...parts.slice(0, 3).map((part) => part * share), parts[3] ?? 1];
  };
  const over = (top, below) => [0, 1, 2].map((part) => top[part] * top[3] + below[part] * (1 - top[3])).concat(1);
  const behind = (element) => {
    const colors = [];
    for (let place = element; place; place = place.parentElement) colors.push(parse(getComputedStyle(place).backgroundColor));
    return colors.reverse().reduce((below, color) => over(color, below), [255, 255, 255, 1]);
  };
  const light = (color) => {
    const [red, green, blue] = color.map((part) => (part / 255 <= 0.03928 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const measured = [...document.querySelectorAll("main *:not(svg *)")]
    .filter((element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
    .map((element) => {
      const ground = behind(element);
      const two = [light(over(parse(getComputedStyle(element).color), ground)), light(ground)].sort((one, other) => other - one);
      return [(two[0] + 0.05) / (two[1] + 0.05), `${element.tagName} ${element.className} ${element.textContent.slice(0, 30)}`];
    });
  return measured.sort((one, other) => one[0] - other[0])[0];
})()
