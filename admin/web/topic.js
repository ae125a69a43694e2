// One topic: what waits in it, its channels, its share on each node.

import { html } from './vendor/preact-htm.js';
import { Actions } from './actions.js';
import { Crumbs, Link, Notice, Panel, Problems, Spark, Tile, Tiles, channelUrl, nodeUrl } from './components.js';
import * as column from './columns.js';
import { Chart } from './chart.js';
import { count, fullCount, rate } from './format.js';
import { channelKey, topicKey } from './history.js';
import { Badges } from './overview.js';
import { Table } from './table.js';

export const nodeColumn = {
  key: 'node', label: 'Node', value: (row) => row.node,
  cell: (row) => html`<${Link} to=${nodeUrl(row.node)} class="name">${row.node}<//>
    ${row.paused_nodes > 0 && html` <span class="badge warn">paused</span>`}`,
};

export function TopicPage({ report, past, theme, route }) {
  const topic = report.topics.find((t) => t.topic === route.topic);
  const crumbs = html`<${Crumbs} trail=${[['Topics', '/']]} here=${route.topic} />`;
  if (!topic) {
    return html`${crumbs}<h1>${route.topic}</h1><${Notice} tone="warn">No node of this cluster has this topic, and no nsqlookupd knows it.<//>`;
  }
  const series = past.of(topicKey(topic.topic));
  const channels = topic.channels.map((channel) => ({ ...channel, past: past.of(channelKey(topic.topic, channel.channel)).depth }));
  const columns = [
    {
      key: 'name', label: 'Channel', value: (row) => row.channel,
      cell: (row) => html`<${Link} to=${channelUrl(topic.topic, row.channel)} class="name">${row.channel}<//> <${Badges} row=${row} nodes=${row.nodes} />`,
    },
    column.depth,
    { key: 'past', label: 'Trend', title: 'Depth over the last minutes', cell: (row) => html`<${Spark} values=${row.past} tone=${row.growth > 0 ? 'bad' : 'depth'} />` },
    column.onDisk, column.inFlight, column.deferred, column.inRate, column.outRate, column.requeued, column.timedOut, column.messages, column.clients,
  ];
  return html`
    ${crumbs}
    <div class="headline">
      <h1>${topic.topic} <${Badges} row=${{ ...topic, clients: null }} nodes=${topic.nodes} /></h1>
      <${Actions} topic=${topic.topic} load=${topic} partly=${topic.paused_nodes < topic.nodes} />
    </div>
    <${Tiles}>
      <${Tile} label="In" value=${rate(topic.in_rate)} unit="/s" spark=${series.in_rate} tone="in" />
      <${Tile} label="Messages" value=${count(topic.messages)} hint="${fullCount(topic.messages)} since the nodes started" />
      <${Tile} label="Waiting in the topic" value=${count(topic.depth)} spark=${series.depth} tone="depth" hint="${fullCount(topic.depth)}, of which ${fullCount(topic.backend_depth)} on disk" />
      <${Tile} label="Channels" value=${topic.channels.length} />
      <${Tile} label="Nodes" value=${topic.nodes} />
    <//>
    <${Problems} problems=${report.problems.filter((p) => p.topic === topic.topic)} />
    <div class="charts">
      <${Chart} title="Messages a second" unit="rate" time=${series.time} theme=${theme}
        lines=${[{ label: 'In', color: '--line-in', values: series.in_rate, fill: true }]}
        summary="Messages a second published; now ${rate(topic.in_rate)}" />
      <${Chart} title="Depth of the channels" unit="count" time=${series.time} theme=${theme}
        lines=${depthLines(topic, series, past)} summary="Depth of each channel over the last minutes" />
    </div>
    <${Panel} id="channels" title="Channels" count=${channels.length}>
      <${Table} id="channels" caption="Channels of ${topic.topic}" columns=${columns} rows=${channels} rowKey=${(row) => row.channel}
        initial=${{ key: 'depth', down: true }} empty="No channel yet: messages wait in the topic until the first one is created." />
    <//>
    <${Panel} id="shares" title="On each node" count=${topic.shares?.length}>
      <${Table} id="shares" caption="Share of each node" rows=${topic.shares ?? []} rowKey=${(row) => row.node} initial=${{ key: 'node', down: false }}
        columns=${[nodeColumn, column.depth, column.onDisk, column.inRate, column.messages]} empty="No node has this topic." />
    <//>`;
}

const MOST_LINES = 5; // more cannot be told apart
const COLORS = ['--line-depth', '--line-in', '--line-out', '--line-flight', '--line-deferred'];

function depthLines(topic, series, past) {
  const align = (values) => [...Array(Math.max(0, series.time.length - values.length)).fill(null), ...values.slice(-series.time.length || values.length)];
  const deepest = [...topic.channels].sort((a, b) => b.depth - a.depth).slice(0, MOST_LINES).map((c) => c.channel).sort();
  return deepest.map((channel, i) => ({ label: channel, color: COLORS[i], values: align(past.of(channelKey(topic.topic, channel)).depth) }));
}
