// Columns that several tables share. A row is what the server calls a load: a topic, a channel, or
// the share of one on a node.

import { html } from './vendor/preact-htm.js';
import { Count, Rate } from './components.js';
import { nanoseconds, percentile } from './format.js';

const countColumn = (key, label, title, field = key) => ({
  key, label, title, number: true, value: (row) => row[field], cell: (row) => html`<${Count} n=${row[field]} />`,
});
const rateColumn = (key, label, title, field) => ({
  key, label, title, number: true, keep: true, value: (row) => row[field], cell: (row) => html`<${Rate} n=${row[field]} />`,
});

export const depth = {
  ...countColumn('depth', 'Depth', 'Messages waiting'), keep: true,
  cell: (row) => html`<span class=${row.depth > 0 ? 'strong' : ''}><${Count} n=${row.depth} /></span>`,
};
export const onDisk = countColumn('on_disk', 'On disk', 'The part of the depth that is not in memory', 'backend_depth');
export const inFlight = countColumn('in_flight', 'In flight', 'Sent to a consumer, not yet finished');
export const deferred = countColumn('deferred', 'Deferred', 'Not to be delivered before a time');
export const inRate = rateColumn('in_rate', 'In/s', 'Messages a second that came', 'in_rate');
export const outRate = rateColumn('out_rate', 'Out/s', 'Messages a second that were finished (or emptied)', 'out_rate');
export const requeued = countColumn('requeued', 'Requeued', 'Given back by consumers since the nsqd started');
export const timedOut = countColumn('timed_out', 'Timed out', 'Not finished in time since the nsqd started');
export const messages = countColumn('messages', 'Messages', 'Since the nsqd started');
export const clients = {
  ...countColumn('clients', 'Consumers', 'Connections that have subscribed'), keep: true,
  cell: (row) => (row.clients === 0 && row.depth > 0 ? html`<span class="alarm">0</span>` : html`<${Count} n=${row.clients} />`),
};

const slowest = (row) => (row.latency ?? []).filter((p) => p.count > 0).reduce((a, p) => (a && a.quantile > p.quantile ? a : p), null);
export const latency = {
  key: 'latency', label: 'Latency', title: 'From publishing to FIN, the highest percentile measured', number: true,
  value: (row) => slowest(row)?.average ?? null,
  cell: (row) => {
    const p = slowest(row);
    return p ? html`<span title="${percentile(p.quantile)}, at most ${nanoseconds(p.max)} on a node">${nanoseconds(p.average)}</span>` : html`<span class="faint">–</span>`;
  },
};
