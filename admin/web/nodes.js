// The nsqd nodes, and one of them.

import { html, useEffect, useState } from './vendor/preact-htm.js';
import { TombstoneButton } from './actions.js';
import { clientColumns, clientKey, clientText } from './clients.js';
import { getJson } from './cluster.js';
import { config } from './config.js';
import { Badge, Crumbs, Link, Notice, Problems, Tile, Tiles, channelUrl, nodeUrl, topicUrl } from './components.js';
import * as column from './columns.js';
import { Chart } from './chart.js';
import { age, count, fullCount, rate } from './format.js';
import { Graphite, nodeTarget } from './graphite.js';
import { nodeKey } from './history.js';
import { LookupdTable } from './lookup.js';
import { FilteredTable } from './table.js';

function State({ node }) {
  return html`
    ${node.gone ? html`<${Badge} tone="bad" title=${node.error}>gone<//>` : !node.up ? html`<${Badge} tone="bad" title=${node.error}>down<//>`
      : node.health && node.health !== 'OK' ? html`<${Badge} tone="bad" title=${node.health}>unhealthy<//>`
        : html`<${Badge} tone="good">up<//>`}
    ${node.draining && html`<${Badge} tone="warn" title="Takes no messages any more">draining<//>`}
    ${node.out_of_date && html`<${Badge} tone="warn" title="Others here run a newer version">old version<//>`}
    ${node.tombstones.length > 0 && html`<${Badge} tone="warn" title=${node.tombstones.join(', ')}>${node.tombstones.length} tombstoned<//>`}`;
}

export function NodesPage({ report }) {
  const now = report.time_ms / 1000;
  const lookupds = report.lookupds.length;
  const columns = [
    {
      key: 'node', label: 'Node', value: (n) => n.node,
      cell: (n) => html`<${Link} to=${nodeUrl(n.node)} class="name">${n.node}<//> <${State} node=${n} />`,
    },
    { key: 'hostname', label: 'Host', value: (n) => n.hostname, cell: (n) => n.hostname },
    { key: 'version', label: 'Version', value: (n) => n.version, cell: (n) => n.version },
    { key: 'place', label: 'Zone', value: (n) => n.topology_zone, cell: (n) => [n.topology_region, n.topology_zone].filter(Boolean).join(' / ') },
    {
      key: 'lookupds', label: 'Lookupds', number: true, keep: true, title: 'How many nsqlookupd list it', value: (n) => n.lookupds.length,
      cell: (n) => html`<span class=${n.lookupds.length < lookupds ? 'alarm' : ''} title=${n.remote_addresses.join('\n')}>${n.lookupds.length} of ${lookupds}</span>`,
    },
    { key: 'topics', label: 'Topics', number: true, value: (n) => n.topics, cell: (n) => fullCount(n.topics) },
    { key: 'channels', label: 'Channels', number: true, value: (n) => n.channels, cell: (n) => fullCount(n.channels) },
    column.depth, column.inFlight, column.inRate, column.outRate,
    { ...column.clients, cell: (n) => fullCount(n.clients) },
    { key: 'uptime', label: 'Up for', number: true, value: (n) => (n.start_time ? now - n.start_time : null), cell: (n) => (n.start_time ? age(now - n.start_time) : '–') },
  ].filter((c) => (c.key !== 'lookupds' || lookupds > 0) && (c.key !== 'place' || report.nodes.some((n) => n.topology_zone || n.topology_region)));
  return html`
    <h1>Nodes</h1>
    <${Problems} problems=${report.problems.filter((p) => p.node || p.kind === 'lookupd_down')} calm="All nodes answer" />
    <${FilteredTable} id="nodes" title="nsqd" noun="nodes" caption="nsqd nodes" columns=${columns} rows=${report.nodes} rowKey=${(n) => n.node}
      text=${(n) => [n.node, n.hostname, n.version, n.topology_zone, n.topology_region, n.health, n.error].join(' ')}
      initial=${{ key: 'node', down: false }} empty="No nsqd has registered." />
    ${lookupds > 0 && html`<${LookupdTable} report=${report} />`}`;
}

// Connections of all of its channels: asked for here only, whenever a new report has come.
function useConnections(address, up, reportTime) {
  const [answer, setAnswer] = useState({});
  useEffect(() => {
    let gone = false;
    if (up) {
      getJson(`/api/nodes/${encodeURIComponent(address)}`).then(
        (node) => { if (!gone) setAnswer({ node }); },
        (error) => { if (!gone) setAnswer((old) => ({ ...old, error: error.message })); },
      );
    }
    return () => { gone = true; };
  }, [address, up, reportTime]);
  return answer;
}

const subscription = {
  key: 'channel', label: 'Channel', long: true, value: (c) => `${c.topic} / ${c.channel}`,
  cell: (c) => html`<${Link} to=${channelUrl(c.topic, c.channel)}>${c.topic} / ${c.channel}<//>`,
};
const connectionColumns = [clientColumns[0], subscription, ...clientColumns.slice(1).filter((c) => c.key !== 'node')];

export function NodePage({ report, past, theme, route }) {
  const node = report.nodes.find((n) => n.node === route.node);
  const answer = useConnections(route.node, node?.up ?? false, report.time_ms);
  const crumbs = html`<${Crumbs} trail=${[['Nodes', '/nodes']]} here=${route.node} />`;
  if (!node) return html`${crumbs}<h1>${route.node}</h1><${Notice} tone="warn">No such node in this cluster.<//>`;
  const now = report.time_ms / 1000;
  const series = past.of(nodeKey(node.node));
  const connections = (answer.node?.topics ?? []).flatMap((t) => (t.channels ?? []).flatMap((c) => (c.clients ?? []).map((client) => ({ ...client, topic: t.topic_name, channel: c.channel_name }))));
  const here = (load) => load.shares?.find((s) => s.node === node.node);
  const rows = report.topics.filter(here).map((topic) => ({
    ...here(topic), name: topic.topic, topic: topic.topic, tombstoned: node.tombstones.includes(topic.topic),
    channels: topic.channels.filter(here).map((channel) => ({ ...here(channel), name: channel.channel, topic: topic.topic })),
  }));
  const columns = [
    {
      key: 'name', label: 'Topic / channel', value: (row) => row.name,
      cell: (row, nested) => html`<${Link} to=${nested ? channelUrl(row.topic, row.name) : topicUrl(row.name)} class="name">${row.name}<//>
        ${row.paused_nodes > 0 && html`<${Badge} tone="warn">paused<//>`}${row.tombstoned && html`<${Badge} tone="warn">tombstoned<//>`}`,
    },
    column.depth, column.onDisk, column.inFlight, column.deferred, column.inRate, column.outRate, column.requeued, column.timedOut, column.messages, column.clients,
    ...(config.is_admin ? [{ key: 'act', label: '', cell: (row, nested) => !nested && html`<${TombstoneButton} node=${node.node} topic=${row.name} load=${{ messages_held: row.depth + row.channels.reduce((n, c) => n + c.depth + c.in_flight + c.deferred, 0) }} />` }] : []),
  ];
  return html`
    ${crumbs}
    <h1>${node.node} <${State} node=${node} /></h1>
    <p class="facts">
      ${[node.hostname, `version ${node.version || '?'}`, `TCP port ${node.tcp_port}`, [node.topology_region, node.topology_zone].filter(Boolean).join(' / '), node.start_time ? `up for ${age(now - node.start_time)}` : '']
        .filter(Boolean).map((fact) => html`<span key=${fact}>${fact}</span>`)}
    </p>
    <${Tiles}>
      <${Tile} label="In" value=${rate(node.in_rate)} unit="/s" spark=${series.in_rate} tone="in" />
      <${Tile} label="Out" value=${rate(node.out_rate)} unit="/s" spark=${series.out_rate} tone="out" />
      <${Tile} label="Depth" value=${count(node.depth)} spark=${series.depth} tone="depth" hint=${fullCount(node.depth)} />
      <${Tile} label="In flight" value=${count(node.in_flight)} spark=${series.in_flight} tone="flight" />
      <${Tile} label="Consumers" value=${count(node.clients)} />
      <${Tile} label="Messages" value=${count(node.messages)} hint="${fullCount(node.messages)} since it started" />
    <//>
    <${Problems} problems=${report.problems.filter((p) => p.node === node.node)} />
    <div class="charts">
      <${Chart} title="Messages a second" unit="rate" time=${series.time} theme=${theme}
        lines=${[{ label: 'In', color: '--line-in', values: series.in_rate, fill: true }, { label: 'Out', color: '--line-out', values: series.out_rate }]}
        summary="Messages a second; now ${rate(node.in_rate)} in" />
      <${Chart} title="Messages held" unit="count" time=${series.time} theme=${theme}
        lines=${[{ label: 'Depth', color: '--line-depth', values: series.depth, fill: true }, { label: 'In flight', color: '--line-flight', values: series.in_flight }]}
        summary="Messages held; now ${fullCount(node.depth)}" />
    </div>
    <${FilteredTable} id="node-topics" title="Topics on this node" noun="topics" text=${(row) => [row.name, ...row.channels.map((c) => c.name)].join(' ')} caption="Topics on ${node.node}" columns=${columns} rows=${rows} under=${(row) => row.channels}
        rowKey=${(row) => `${row.channels ? 't' : 'c'}\n${row.topic}\n${row.name}`} rowClass=${(row) => (row.channels ? 'topic' : 'channel')}
        initial=${{ key: 'name', down: false }} unknown=${!node.up} empty=${node.up ? 'This node has no topic.' : 'Not known: the node does not answer.'} />
    <${FilteredTable} id="connections" title="Consumers" noun="consumers" caption="Consumers connected to ${node.node}" columns=${connectionColumns} rows=${connections} rowKey=${clientKey} text=${clientText}
      initial=${{ key: 'client', down: false }} empty=${answer.node ? 'No consumer is connected.' : node.up ? 'Asking…' : 'Not known: the node does not answer.'} unknown=${!answer.node}>
      ${answer.error && html`<${Notice} tone="bad">${answer.error}<//>`}
      ${answer.node?.message && html`<${Notice} tone="warn">${answer.node.message}<//>`}
    <//>
    <${Graphite} theme=${theme} pictures=${[
      { title: 'GC pressure', targets: [nodeTarget(node.node, 'next_gc_bytes')] },
      { title: 'GC pause percentiles, µs', color: 'red,green,blue,purple', targets: ['100', '99', '95'].map((p) => nodeTarget(node.node, `gc_pause_usec_${p}`)) },
      { title: 'GC runs', counter: true, targets: [nodeTarget(node.node, 'gc_runs')] },
      { title: 'Heap objects in use', targets: [nodeTarget(node.node, 'heap_objects')] }]} />`;
}
