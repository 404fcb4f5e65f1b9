// Figures -> pictures, in the colours of the page. Each has a text for those who do not see it.

import {el, percent, svg} from "./dom.js";
import {STANCES} from "./stances.js";

const figure = (drawing, caption) => el("figure", {}, drawing, el("figcaption", {}, caption));
const text = (x, y, words, more = {}) => svg("text", {x, y, ...more}, words);

/** F1, and where it is known precision and recall, by stance. */
export function scores(results) {
  const known = ["f1", "precision", "recall"].filter(name => results[name]);
  const height = 26 * STANCES.length;
  const rows = STANCES.map((stance, row) => {
    const f1 = results.f1[stance] ?? 0;
    return svg("g", {class: stance}, text(0, 26 * row + 16, stance), svg("rect", {class: "tone", x: 70, y: 26 * row + 4, width: 190 * f1, height: 16, rx: 2}),
      text(266, 26 * row + 16, f1.toFixed(3)));
  });
  const table = known.length > 1 ? el("table", {}, el("tr", {}, el("th", {}, "stance"), known.map(name => el("th", {class: "number"}, name))),
    STANCES.map(stance => el("tr", {}, el("th", {scope: "row"}, stance), known.map(name => el("td", {class: "number"}, results[name][stance].toFixed(3)))))) : null;
  return figure(el("div", {}, svg("svg", {viewBox: `0 0 310 ${height}`, role: "img", "aria-label": STANCES.map(stance => `${stance} ${results.f1[stance]}`).join(", ")}, rows), table),
    "F1 by stance on the held-out quotes: 1 is perfect.");
}

/** Rows are the right label, columns the verdict. */
export function confusion(counts) {
  const most = row => Math.max(1, row.reduce((sum, n) => sum + n, 0));
  const cells = counts.map((row, y) => row.map((n, x) => {
    const share = n / most(row);
    return svg("g", {class: STANCES[x]}, svg("rect", {class: "tone", x: 66 + 48 * x, y: 22 + 34 * y, width: 46, height: 32, opacity: Math.max(share, .04)}),
      text(89 + 48 * x, 42 + 34 * y, n, {"text-anchor": "middle", class: share > .55 ? "on-tone" : ""}));
  }));
  const names = STANCES.map((stance, place) => [text(0, 42 + 34 * place, stance), text(89 + 48 * place, 14, stance, {"text-anchor": "middle"})]);
  const spoken = counts.map((row, y) => `${STANCES[y]}: ${row.map((n, x) => `${n} as ${STANCES[x]}`).join(", ")}`).join("; ");
  return figure(svg("svg", {viewBox: "0 0 310 196", role: "img", "aria-label": spoken}, names, cells), "Rows: the right label. Columns: what the model said.");
}

/** [probability, share right, n] by bin. */
export function reliability(bins) {
  const x = share => 34 + 250 * share, y = share => 204 - 190 * share;
  const total = bins.reduce((sum, [, , n]) => sum + n, 0);
  const dots = bins.map(([probability, right, n]) => svg("circle", {class: "dot", cx: x(probability), cy: y(right), r: 3 + 14 * Math.sqrt(n / total), opacity: .75}));
  const spoken = bins.map(([probability, right, n]) => `of ${n} verdicts near ${percent(probability)}, ${percent(right)} are right`).join("; ");
  return figure(svg("svg", {viewBox: "0 0 310 232", role: "img", "aria-label": spoken},
    svg("path", {class: "axis", d: `M${x(0)} ${y(1)}V${y(0)}H${x(1)}M${x(0)} ${y(0)}L${x(1)} ${y(1)}`}), dots,
    [0, .5, 1].map(share => [text(x(share), 222, share, {"text-anchor": "middle"}), text(28, y(share) + 4, share, {"text-anchor": "end"})])),
  "The probability that the model gives (across) and how often it is right (up): on the line, it means what it says.");
}

/** Shares of the stances, a bar a day; `counts` as GET /v1/verdicts/daily gives them. */
export function drift(counts) {
  const days = [...new Set(counts.map(count => count.day))].sort().slice(-30);
  const by = days.map(day => STANCES.map(stance => counts.filter(count => count.day === day && count.stance === stance).reduce((sum, count) => sum + count.n, 0)));
  const width = 640 / Math.max(days.length, 7);
  const bars = by.map((row, place) => {
    const total = row.reduce((sum, n) => sum + n, 0);
    let top = 150;
    return row.map((n, stance) => {
      const high = 140 * n / total;
      top -= high;
      return svg("rect", {class: `${STANCES[stance]} tone`, x: width * place + 1, y: top, width: width - 2, height: high});
    });
  });
  const labels = days.filter((_, place) => place % Math.ceil(days.length / 5) === 0).map(day => text(width * days.indexOf(day), 166, day.slice(5)));
  const legend = el("p", {class: "row soft"}, STANCES.map(stance => el("span", {class: stance}, el("span", {class: `sign ${stance}`, "aria-hidden": "true"}, " "), ` ${stance}`)));
  const table = el("details", {}, el("summary", {}, "As a table"), el("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": "Verdicts by day"}, el("table", {},
    el("tr", {}, el("th", {}, "day"), STANCES.map(stance => el("th", {class: "number"}, stance))),
    days.map((day, place) => el("tr", {}, el("th", {scope: "row"}, day), by[place].map(n => el("td", {class: "number"}, n)))))));
  return el("div", {}, svg("svg", {viewBox: "0 0 640 172", role: "img", "aria-label": `Shares of the stances on ${days.length} days; the table below has the figures`}, bars, labels), legend, table);
}

/** The learning curve of a run: loss, and macro-F1 on validation where it was measured. */
export function curve(points) {
  const losses = points.filter(point => point.loss !== null), scored = points.filter(point => point.macro_f1 !== null);
  if (!losses.length) return null;
  const last = Math.max(...points.map(point => point.step)), high = Math.max(...losses.map(point => point.loss), .5);
  const x = step => 30 + 270 * step / last, y = loss => 110 - 100 * loss / high;
  const line = losses.map((point, place) => `${place ? "L" : "M"}${x(point.step)} ${y(point.loss)}`).join("");
  return figure(svg("svg", {viewBox: "0 0 310 130", role: "img", "aria-label": `Loss fell from ${losses[0].loss.toFixed(2)} to ${losses.at(-1).loss.toFixed(2)}`},
    svg("path", {class: "axis", d: `M${x(0)} 8V110H${x(last)}`}), svg("path", {class: "line", d: line}), text(26, y(high) + 8, high.toFixed(1), {"text-anchor": "end"}), text(26, 114, "0", {"text-anchor": "end"}),
    text(x(last), 125, `step ${last}`, {"text-anchor": "end"})),
  `Loss while it learns${scored.length ? `; macro-F1 on validation ${scored.at(-1).macro_f1.toFixed(3)}` : ""}.`);
}
