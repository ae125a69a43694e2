// The whole cluster: totals, trouble, the last minutes, every topic with its channels.

import { html, useState } from './vendor/preact-htm.js';
import { BulkActions, lostWith } from './actions.js';
import { Badge, Link, Panel, Partial, Problems, Spark, Tile, Tiles, channelUrl, topicUrl } from './components.js';
import * as column from './columns.js';
import { Chart } from './chart.js';
import { config } from './config.js';
import { count, fullCount, plural, rate } from './format.js';
import { Graphite, counterTarget } from './graphite.js';
import { channelKey, topicKey, totalKey } from './history.js';
import { Table } from './table.js';

const FEW_ROWS = 80; // up to here channels are shown from the start

export function Badges({ row, nodes }) {
  const paused = row.paused_nodes > 0;
  return html`
    ${paused && html`<${Badge} tone="warn">${row.paused_nodes < nodes ? `paused on ${row.paused_nodes} of ${nodes}` : 'paused'}<//>`}
    ${row.growth > 0 && html`<${Badge} tone="bad" title="Depth over the last half minute">growing ${rate(row.growth)}/s<//>`}
    ${row.clients === 0 && row.depth > 0 && !paused && html`<${Badge} tone="bad">no consumer<//>`}
    ${row.nodes === 0 && html`<${Badge} tone="warn" title="nsqlookupd knows it, no node has it">no node<//>`}`;
}

const ADDED = ['depth', 'in_flight', 'deferred', 'requeued', 'timed_out', 'clients'];
const ADDED_RATES = ['out_rate'];
const SPARK = 90; // points of a small line

// One row a topic: what waits in it and in its channels together.
function topicRow(topic, past) {
  const channels = topic.channels.map((channel) => ({
    ...channel,
    is: 'channel',
    topic: topic.topic,
    name: channel.channel,
    past: past.of(channelKey(topic.topic, channel.channel)).depth,
  }));
  const row = { ...topic, is: 'topic', topic: '', name: topic.topic, own_depth: topic.depth, in_flight: 0, deferred: 0, requeued: 0, timed_out: 0, clients: null, out_rate: null, channels };
  if (channels.length > 0) row.clients = 0;
  for (const channel of channels) {
    for (const key of ADDED) row[key] += channel[key];
    for (const key of ADDED_RATES) if (channel[key] != null) row[key] = (row[key] ?? 0) + channel[key];
  }
  // All end now; some begin later.
  const parts = [past.of(topicKey(topic.topic)).depth, ...channels.map((c) => c.past)];
  const length = Math.min(Math.max(...parts.map((p) => p.length)), SPARK);
  row.past = Array.from({ length }, (_, i) => parts.reduce((sum, p) => sum + (p[p.length - length + i] ?? 0), 0));
  return row;
}

// What is ticked in a table: keys of rows, as `bulkItems` reads them.
export function useSelection() {
  const [selected, setSelected] = useState(new Set());
  const select = (keys, on) => setSelected((old) => {
    const next = new Set(old);
    for (const key of keys) {
      if (on) next.add(key);
      else next.delete(key);
    }
    return next;
  });
  return [selected, select, () => setSelected(new Set())];
}

// Those of the selected topics and channels that are still there, and what would go with each.
export function bulkItems(report, selected) {
  if (selected.size === 0) return [];
  return report.topics.flatMap((topic) => [
    ...(selected.has(`topic\n\n${topic.topic}`) ? [{ topic: topic.topic, load: topic, lost: lostWith(topic) }] : []),
    ...topic.channels.filter((c) => selected.has(`channel\n${topic.topic}\n${c.channel}`))
      .map((c) => ({ topic: topic.topic, channel: c.channel, load: c, lost: { messages: c.depth + c.in_flight + c.deferred, channels: 0, consumers: c.clients } })),
  ]);
}

function Name({ row, open, onToggle, nested }) {
  if (nested) {
    return html`<${Link} to=${channelUrl(row.topic, row.name)} class="name">${row.name}<//> <${Badges} row=${row} nodes=${row.nodes} />`;
  }
  const n = row.channels.length;
  return html`
    <button class="fold" aria-expanded=${open} aria-label="Channels of ${row.name}" disabled=${n === 0} onClick=${onToggle}>${n === 0 ? '·' : open ? '▾' : '▸'}</button>
    <${Link} to=${topicUrl(row.name)} class="name">${row.name}<//>
    ${!open && n > 0 && html`<span class="faint">${plural(n, 'channel')}</span>`}
    ${n === 0 && row.nodes > 0 && html`<${Badge} tone=${row.own_depth > 0 ? 'bad' : 'plain'} title="Messages wait in the topic for the first one">no channel<//>`}
    <${Badges} row=${{ ...row, clients: null }} nodes=${row.nodes} />`;
}

const trouble = (row) => row.paused_nodes > 0 || row.growth > 0 || (row.clients === 0 && row.depth > 0) || (row.is === 'topic' && row.nodes > 0 && row.channels.length === 0 && row.own_depth > 0);

function TopicTable({ report, past }) {
  const [filter, setFilter] = useState('');
  const [only, setOnly] = useState('all');
  const few = report.topics.reduce((n, t) => n + 1 + t.channels.length, 0) <= FEW_ROWS;
  const [folds, setFolds] = useState(new Map()); // what was pressed; the rest follows `few`
  const isOpen = (topic) => folds.get(topic) ?? few;
  const [selected, select, clear] = useSelection();

  const wanted = filter.trim().toLowerCase();
  const has = (name) => name.toLowerCase().includes(wanted);
  const keep = (row) => (only === 'all' ? true : only === 'trouble' ? trouble(row) : row.depth > 0);
  let rows = report.topics.map((topic) => topicRow(topic, past));
  if (wanted) {
    rows = rows.map((row) => (has(row.name) ? row : { ...row, channels: row.channels.filter((c) => has(c.name)) }))
      .filter((row) => has(row.name) || row.channels.length > 0);
  }
  if (only !== 'all') {
    rows = rows.map((row) => ({ ...row, all: row.channels, channels: row.channels.filter(keep) }))
      .filter((row) => row.channels.length > 0 || keep({ ...row, channels: row.all }));
  }
  const open = (row) => (wanted !== '' || only !== 'all' || isOpen(row.name)) && row.channels.length > 0;

  const columns = [
    {
      key: 'name', label: 'Topic / channel', value: (row) => row.name,
      cell: (row, nested) => html`<${Name} row=${row} nested=${nested} open=${!nested && open(row)} onToggle=${() => setFolds(new Map(folds).set(row.name, !isOpen(row.name)))} />`,
    },
    column.depth,
    { key: 'past', label: 'Trend', title: 'Depth over the last minutes', cell: (row) => html`<${Spark} values=${row.past} tone=${row.growth > 0 ? 'bad' : 'depth'} />` },
    column.inFlight, column.deferred, column.inRate, column.outRate, column.requeued, column.timedOut,
    ...(report.topics.some((t) => t.channels.some((c) => c.latency)) ? [column.latency] : []), column.clients,
  ];
  const tools = html`<div class="tools">
    <input type="search" placeholder="Filter topics and channels ( / )" aria-label="Filter topics and channels" value=${filter} onInput=${(e) => setFilter(e.target.value)} />
    <select aria-label="Which rows" value=${only} onChange=${(e) => setOnly(e.target.value)}>
      <option value="all">All</option><option value="waiting">With messages waiting</option><option value="trouble">With trouble</option>
    </select>
  </div>`;
  return html`<${Panel} id="topics" title="Topics" count=${report.topics.length} aside=${tools}>
    <${BulkActions} items=${bulkItems(report, selected)} onClear=${clear} />
    <${Table} id="topics" selected=${config.is_admin ? selected : undefined} onSelect=${select} describe=${(row) => (row.is === 'topic' ? `topic ${row.name}` : `channel ${row.topic} / ${row.name}`)}
      caption="Topics and their channels" columns=${columns} rows=${rows}
      rowKey=${(row) => `${row.is}\n${row.topic ?? ''}\n${row.name}`} under=${(row) => (open(row) ? row.channels : [])}
      rowClass=${(row) => row.is} initial=${{ key: 'name', down: false }}
      empty=${report.topics.length === 0 ? 'No topic yet. The first message published to a topic creates it.' : 'No topic or channel matches.'} />
  <//>`;
}

export function Overview({ report, past, theme }) {
  const { total } = report;
  const up = report.nodes.filter((node) => node.up).length;
  const series = past.of(totalKey);
  const healthy = up === report.nodes.length && report.lookupds.every((l) => l.up);
  return html`
    <h1 class="hidden">Cluster overview</h1>
    <${Tiles}>
      <${Tile} label="In" value=${rate(total.in_rate)} unit="/s" spark=${series.in_rate} tone="in" hint="Messages a second published to topics" />
      <${Tile} label="Out" value=${rate(total.out_rate)} unit="/s" spark=${series.out_rate} tone="out" hint="Messages a second finished, over all channels" />
      <${Tile} label="Depth" value=${count(total.depth)} spark=${series.depth} tone="depth" hint="${fullCount(total.depth)} waiting, over all topics and channels" />
      <${Tile} label="In flight" value=${count(total.in_flight)} spark=${series.in_flight} tone="flight" hint=${fullCount(total.in_flight)} />
      <${Tile} label="Deferred" value=${count(total.deferred)} spark=${series.deferred} tone="flight" hint=${fullCount(total.deferred)} />
      <${Tile} label="Nodes up" value=${up} unit=" of ${report.nodes.length}" bad=${up < report.nodes.length} hint="${plural(total.clients, 'consumer')} connected" />
    <//>
    <${Problems} problems=${report.problems} calm=${healthy ? 'All nodes answer, nothing piles up' : null} />
    <${Partial} report=${report} />
    <div class="charts">
      <${Chart} title="Messages a second" unit="rate" time=${series.time} theme=${theme}
        lines=${[{ label: 'In', color: '--line-in', values: series.in_rate, fill: true }, { label: 'Out', color: '--line-out', values: series.out_rate }]}
        summary="Messages a second over the last minutes; now ${rate(total.in_rate)} in and ${rate(total.out_rate)} out" />
      <${Chart} title="Messages held" unit="count" time=${series.time} theme=${theme}
        lines=${[{ label: 'Depth', color: '--line-depth', values: series.depth, fill: true }, { label: 'In flight', color: '--line-flight', values: series.in_flight }, { label: 'Deferred', color: '--line-deferred', values: series.deferred }]}
        summary="Messages held over the last minutes; now ${fullCount(total.depth)} waiting and ${fullCount(total.in_flight)} in flight" />
    </div>
    <${TopicTable} report=${report} past=${past} />
    <${Graphite} theme=${theme} pictures=${[{ title: 'Messages a second, over all channels', color: 'green', counter: true, targets: [counterTarget()] }]} />`;
}
