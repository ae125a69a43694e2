// The parts pages are made of. Names of topics, channels and clients are other people's text: they
// reach the document only as text nodes and attributes, which Preact escapes.

import { html, useState } from './vendor/preact-htm.js';
import { base } from './config.js';
import { count, fullCount, plural, rate, unknown } from './format.js';

export const topicUrl = (topic) => `/topics/${encodeURIComponent(topic)}`;
export const channelUrl = (topic, channel) => `${topicUrl(topic)}/${encodeURIComponent(channel)}`;
export const nodeUrl = (node) => `/nodes/${encodeURIComponent(node)}`;

export function go(path) {
  history.pushState(null, '', base + path);
  dispatchEvent(new PopStateEvent('popstate'));
  scrollTo(0, 0);
}

// A link within the page; with a modifier key the browser does what it always does.
export function Link({ to, children, ...rest }) {
  const onClick = (event) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to);
  };
  return html`<a href=${base + to} onClick=${onClick} ...${rest}>${children}</a>`;
}

export function Badge({ tone = 'plain', title, children }) {
  return html`<span class="badge ${tone}" title=${title}>${children}</span>`;
}

// Zeros step back, so that what is there stands out.
export const Count = ({ n }) => html`<span class=${n ? '' : 'faint'} title=${fullCount(n)}>${count(n)}</span>`;
export const Rate = ({ n }) => html`<span class=${n ? '' : 'faint'}>${rate(n)}</span>`;

// A line of recent values; says nothing that is not beside it in figures.
export function Spark({ values, tone = 'depth', width = 84, height = 22 }) {
  const points = values.slice(-90);
  const known = points.filter((v) => v != null);
  if (known.length < 2) return html`<svg class="spark" width=${width} height=${height} aria-hidden="true"></svg>`;
  const highest = Math.max(...known, 1);
  const step = width / (points.length - 1);
  const y = (v) => (height - 2 - (v / highest) * (height - 4)).toFixed(1);
  let line = '';
  let pen = 'M';
  points.forEach((v, i) => {
    if (v == null) {
      pen = 'M';
      return;
    }
    line += `${pen}${(i * step).toFixed(1)},${y(v)}`;
    pen = 'L';
  });
  return html`<svg class="spark ${tone}" width=${width} height=${height} viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" aria-hidden="true">
    <path d=${line} />
  </svg>`;
}

export function Tile({ label, value, unit, hint, spark, tone, bad }) {
  return html`<div class="tile ${bad ? 'bad' : ''}">
    <dt>${label}</dt>
    <dd title=${hint}>${value}${unit && value !== unknown && html`<small>${unit}</small>`}</dd>
    ${spark && html`<${Spark} values=${spark} tone=${tone} width=${140} height=${26} />`}
  </div>`;
}

export const Tiles = ({ children }) => html`<dl class="tiles">${children}</dl>`;

export function Panel({ title, count: n, aside, children, id }) {
  return html`<section class="panel" aria-labelledby=${id}>
    <header><h2 id=${id}>${title}${n != null && html` <span class="how-many">${fullCount(n)}</span>`}</h2>${aside}</header>
    ${children}
  </section>`;
}

export function Notice({ tone = 'plain', children }) {
  return html`<p class="notice ${tone}">${children}</p>`;
}

// Counts are of those that answer: said wherever counts are added up.
export function Partial({ report }) {
  const silent = report.nodes.filter((node) => !node.up).length;
  if (silent === 0) return null;
  return html`<p class="partial">These figures leave out the ${silent === 1 ? 'node that does' : `${plural(silent, 'node')} that do`} not answer.</p>`;
}

export function Crumbs({ trail, here }) {
  return html`<nav class="crumbs" aria-label="Breadcrumb"><ol>
    ${trail.map(([label, to]) => html`<li key=${to}><${Link} to=${to}>${label}<//></li>`)}
    <li aria-current="page">${here}</li>
  </ol></nav>`;
}

const WORDS = { error: 'Error', warning: 'Warning', notice: 'Notice' };
const FEW = 5;

function Trouble({ problem }) {
  const { severity, text, topic, channel, node } = problem;
  const to = channel ? channelUrl(topic, channel) : topic ? topicUrl(topic) : node ? nodeUrl(node) : null;
  return html`<li class=${severity}>
    <span class="word">${WORDS[severity]}</span>
    ${to ? html`<${Link} to=${to}>${text}<//>` : html`<span>${text}</span>`}
  </li>`;
}

// Worst first, as they come; notices wait behind a button, so that trouble is not buried.
export function Problems({ problems, calm }) {
  const [all, setAll] = useState(false);
  if (problems.length === 0) {
    return calm ? html`<p class="calm"><span aria-hidden="true">✓</span> ${calm}</p>` : null;
  }
  const urgent = problems.filter((p) => p.severity !== 'notice');
  const shown = all ? problems : urgent.slice(0, FEW);
  const hidden = problems.length - shown.length;
  return html`<section class="problems" aria-label="Problems">
    ${shown.length > 0 && html`<ul>${shown.map((p) => html`<${Trouble} key=${p.kind + p.topic + '\n' + p.channel + '\n' + p.node + p.text} problem=${p} />`)}</ul>`}
    ${urgent.length === 0 && !all && html`<p class="calm"><span aria-hidden="true">✓</span> ${calm ?? 'Nothing urgent'}</p>`}
    ${(hidden > 0 || all) && problems.length > 0 && html`<button class="link" aria-expanded=${all} onClick=${() => setAll(!all)}>
      ${all ? 'Show fewer' : urgent.length === 0 ? `Show ${hidden} ${hidden === 1 ? 'notice' : 'notices'}` : `Show ${hidden} more`}
    </button>`}
  </section>`;
}
