// A chart over time, drawn by uPlot.

import { html, useEffect, useRef } from './vendor/preact-htm.js';
import uPlot from './vendor/uPlot.esm.js';
import { count, nanoseconds, rate } from './format.js';

const HEIGHT = 190;
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const clock = (t) => new Date(t * 1000).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const minutes = (t) => new Date(t * 1000).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });

const SHOWN = {
  rate: (v) => (v == null ? '–' : `${rate(v)}/s`),
  count: (v) => count(v),
  time: (v) => nanoseconds(v),
};
// Of an axis: short, without a unit that every mark would repeat.
const MARKS = { rate, count: (v) => (Number.isInteger(v) ? count(v) : ''), time: nanoseconds };

function options(width, lines, show, mark) {
  const axis = { stroke: color('--muted'), grid: { stroke: color('--grid'), width: 1 }, ticks: { show: false }, font: '11px system-ui, sans-serif' };
  return {
    width,
    height: HEIGHT,
    cursor: { points: { size: 6 }, drag: { x: false, y: false } },
    legend: { live: true },
    // At least a minute: the first seconds are no mountain range.
    scales: { x: { range: (_, low, high) => [Math.min(low, high - 60), high] }, y: { range: (_, __, high) => [0, Math.max(high * 1.08, 1)] } },
    axes: [
      { ...axis, size: 30, space: 80, values: (_, times) => times.map(times.length > 1 && times[1] - times[0] >= 60 ? minutes : clock) },
      { ...axis, size: 56, values: (_, ticks) => ticks.map((v) => mark(v)) },
    ],
    series: [
      { label: 'Time', value: (_, t) => (t == null ? '' : clock(t)) },
      ...lines.map(({ label, color: name, fill }) => ({
        label,
        stroke: color(name),
        fill: fill ? color(`${name}-fill`) : undefined,
        width: 1.6,
        points: { show: false },
        // Without a pointer over the chart: the latest.
        value: (u, v, i, at) => show(at == null ? u.data[i][u.data[i].length - 1] : v),
      })),
    ],
  };
}

// lines: { label, color: "--line-in", values, fill }. `summary` says in words what the chart shows.
export function Chart({ title, unit, time, lines, theme, summary }) {
  const place = useRef(null);
  const plot = useRef(null);
  const show = SHOWN[unit];
  const data = [time, ...lines.map((line) => line.values)];
  const shape = lines.map((line) => line.label).join('|') + theme;

  useEffect(() => {
    const drawn = new uPlot(options(place.current.clientWidth, lines, show, MARKS[unit]), data, place.current);
    plot.current = drawn;
    const resized = new ResizeObserver(() => {
      const width = place.current?.clientWidth;
      if (width && width !== drawn.width) drawn.setSize({ width, height: HEIGHT });
    });
    resized.observe(place.current);
    return () => {
      resized.disconnect();
      drawn.destroy();
      plot.current = null;
    };
  }, [shape]);

  useEffect(() => {
    plot.current?.setData(data);
  }, [time.length, time[0], time[time.length - 1]]);

  return html`<figure class="chart">
    <figcaption>${title}</figcaption>
    <div ref=${place} role="img" aria-label=${summary}></div>
    ${time.length < 2 && html`<p class="waiting">Collecting…</p>`}
  </figure>`;
}
