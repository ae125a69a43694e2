// One topic: what waits in it, its channels, its share on each node.

import { html, useState } from './vendor/preact-htm.js';
import { Actions, BulkActions, CreateForm, TombstoneButton } from './actions.js';
import { Badge, Crumbs, Link, Notice, Panel, Partial, Problems, Spark, Tile, Tiles, channelUrl, nodeUrl } from './components.js';
import * as column from './columns.js';
import { Chart } from './chart.js';
import { config } from './config.js';
import { count, fullCount, rate } from './format.js';
import { Graphite, topicTarget } from './graphite.js';
import { channelKey, topicKey } from './history.js';
import { Badges, bulkItems, useSelection } from './overview.js';
import { FilteredTable } from './table.js';

export const nodeColumn = {
  key: 'node', label: 'Node', long: true, value: (row) => row.node,
  cell: (row) => html`<${Link} to=${nodeUrl(row.node)} class="name">${row.node}<//>
    ${row.paused_nodes > 0 && html` <${Badge} tone="warn">paused<//>`}${row.tombstoned && html` <${Badge} tone="warn">tombstoned<//>`}`,
};

export function TopicPage({ report, past, theme, route }) {
  const topic = report.topics.find((t) => t.topic === route.topic);
  const [selected, select, clear] = useSelection();
  const [adding, setAdding] = useState(false);
  const crumbs = html`<${Crumbs} trail=${[['Topics', '/']]} here=${route.topic} />`;
  if (!topic) {
    return html`${crumbs}<h1>${route.topic}</h1><${Notice} tone="warn">No node of this cluster has this topic, and no nsqlookupd knows it.<//>`;
  }
  const series = past.of(topicKey(topic.topic));
  const channels = topic.channels.map((channel) => ({ ...channel, is: 'channel', topic: topic.topic, past: past.of(channelKey(topic.topic, channel.channel)).depth }));
  const columns = [
    {
      key: 'name', label: 'Channel', value: (row) => row.channel,
      cell: (row) => html`<${Link} to=${channelUrl(topic.topic, row.channel)} class="name">${row.channel}<//> <${Badges} row=${row} nodes=${row.nodes} />`,
    },
    column.depth,
    { key: 'past', label: 'Trend', title: 'Depth over the last minutes', cell: (row) => html`<${Spark} values=${row.past} tone=${row.growth > 0 ? 'bad' : 'depth'} />` },
    column.onDisk, column.inFlight, column.deferred, column.inRate, column.outRate, column.requeued, column.timedOut, column.messages,
    ...(channels.some((c) => c.latency) ? [column.latency] : []), column.clients,
  ];
  const shares = (topic.shares ?? []).map((share) => ({
    ...share,
    tombstoned: report.nodes.find((n) => n.node === share.node)?.tombstones.includes(topic.topic),
    messages_held: share.depth + topic.channels.reduce((n, c) => {
      const there = c.shares?.find((s) => s.node === share.node);
      return there ? n + there.depth + there.in_flight + there.deferred : n;
    }, 0),
  }));
  const rowKey = (row) => `channel\n${row.topic}\n${row.channel}`;
  return html`
    ${crumbs}
    <div class="headline">
      <h1>${topic.topic} <${Badges} row=${{ ...topic, clients: null }} nodes=${topic.nodes} /></h1>
      <${Actions} topic=${topic.topic} load=${topic} />
    </div>
    <${Tiles}>
      <${Tile} label="In" value=${rate(topic.in_rate)} unit="/s" spark=${series.in_rate} tone="in" />
      <${Tile} label="Messages" value=${count(topic.messages)} hint="${fullCount(topic.messages)} since the nodes started" />
      <${Tile} label="Waiting in the topic" value=${count(topic.depth)} spark=${series.depth} tone="depth" hint="${fullCount(topic.depth)}, of which ${fullCount(topic.backend_depth)} on disk" />
      <${Tile} label="Channels" value=${topic.channels.length} />
      <${Tile} label="Nodes" value=${topic.nodes} />
      ${topic.durability && html`<${Tile} label="Durability" value=${topic.durability} hint="When a publisher hears OK: at once (memory), when the kernel has the message (os), when the disk has it (fsync)" />`}
    <//>
    <${Problems} problems=${report.problems.filter((p) => p.topic === topic.topic)} />
    <${Partial} report=${report} />
    <div class="charts">
      <${Chart} title="Messages a second" unit="rate" time=${series.time} theme=${theme}
        lines=${[{ label: 'In', color: '--line-in', values: series.in_rate, fill: true }]}
        summary="Messages a second published; now ${rate(topic.in_rate)}" />
      <${Chart} title="Depth of the channels" unit="count" time=${series.time} theme=${theme}
        lines=${depthLines(topic, series, past)} summary="Depth of each channel over the last minutes" />
    </div>
    <${FilteredTable} id="channels" title="Channels" noun="channels" caption="Channels of ${topic.topic}" columns=${columns} rows=${channels} rowKey=${rowKey} text=${(row) => row.channel}
      aside=${config.is_admin && html`<button class="action" aria-expanded=${adding} onClick=${() => setAdding(!adding)}>Add channel</button>`}
      selected=${config.is_admin ? selected : undefined} onSelect=${select} describe=${(row) => `channel ${row.channel}`}
      initial=${{ key: 'depth', down: true }} empty="No channel yet: messages wait in the topic until the first one is created.">
      ${adding && html`<${CreateForm} of=${topic.topic} onDone=${() => setAdding(false)} />`}
      <${BulkActions} items=${bulkItems(report, selected)} onClear=${clear} />
    <//>
    <${FilteredTable} id="shares" title="On each node" noun="nodes" text=${(row) => row.node} caption="Share of each node" rows=${shares} rowKey=${(row) => row.node} initial=${{ key: 'node', down: false }}
      columns=${[nodeColumn, column.depth, column.onDisk, column.inRate, column.messages,
        ...(config.is_admin ? [{ key: 'act', label: '', number: true, cell: (row) => html`<${TombstoneButton} node=${row.node} topic=${topic.topic} load=${row} />` }] : [])]} empty="No node has this topic." />
    <${Graphite} theme=${theme} pictures=${[
      { title: 'Depth', color: 'red', targets: [topicTarget(topic.topic, 'depth')] },
      { title: 'Messages a second', counter: true, targets: [topicTarget(topic.topic, 'message_count')] }]} />`;
}

const MOST_LINES = 5; // more cannot be told apart
const COLORS = ['--line-depth', '--line-in', '--line-out', '--line-flight', '--line-deferred'];

function depthLines(topic, series, past) {
  const align = (values) => [...Array(Math.max(0, series.time.length - values.length)).fill(null), ...values.slice(-series.time.length || values.length)];
  const deepest = [...topic.channels].sort((a, b) => b.depth - a.depth).slice(0, MOST_LINES).map((c) => c.channel).sort();
  return deepest.map((channel, i) => ({ label: channel, color: COLORS[i], values: align(past.of(channelKey(topic.topic, channel)).depth) }));
}
