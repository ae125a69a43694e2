// One channel: its figures, its share on each node, its consumers.

import { html, useEffect, useState } from './vendor/preact-htm.js';
import { Actions } from './actions.js';
import { Badge, Crumbs, Link, Notice, Panel, Problems, Tile, Tiles, nodeUrl, topicUrl } from './components.js';
import { getJson } from './cluster.js';
import * as column from './columns.js';
import { Chart } from './chart.js';
import { age, count, fullCount, nanoseconds, rate } from './format.js';
import { channelKey } from './history.js';
import { Badges } from './overview.js';
import { Table } from './table.js';
import { nodeColumn } from './topic.js';

// Consumers are many: they are asked for here only, whenever a new report has come.
function useDetail(route, reportTime) {
  const [detail, setDetail] = useState({});
  useEffect(() => {
    let gone = false;
    getJson(`/api${topicUrl(route.topic)}/${encodeURIComponent(route.channel)}`).then(
      (channel) => { if (!gone) setDetail({ channel }); },
      (error) => { if (!gone) setDetail((old) => ({ ...old, error: error.message })); },
    );
    return () => { gone = true; };
  }, [route.topic, route.channel, reportTime]);
  return detail;
}

const own = (client) => `${client.hostname || client.client_id || '?'}:${client.remote_address.split(':').pop()}`;

function Attributes({ client }) {
  const { node_topology_zone: zone, node_topology_region: region } = client;
  const near = client.topology_zone && client.topology_zone === zone && client.topology_region === region ? 'same zone'
    : client.topology_region && client.topology_region === region ? 'same region' : null;
  return html`<span class="badges">
    ${client.sample_rate > 0 && html`<${Badge}>sampled ${client.sample_rate}%<//>`}
    ${client.tls && html`<${Badge} tone="good" title="${client.tls_version} ${client.tls_cipher_suite}">TLS<//>`}
    ${client.deflate && html`<${Badge}>deflate<//>`}
    ${client.snappy && html`<${Badge}>snappy<//>`}
    ${client.authed && html`<${Badge} tone="good" title=${client.auth_identity}>authorized<//>`}
    ${client.topology_zone && html`<${Badge} title=${client.topology_region}>${client.topology_zone}<//>`}
    ${near && html`<${Badge} tone="good">${near}<//>`}
  </span>`;
}

const plain = (key, label, title) => ({ key, label, title, number: true, value: (c) => c[key], cell: (c) => fullCount(c[key]) });

const clientColumns = [
  {
    key: 'client', label: 'Consumer', value: own,
    cell: (c) => html`<span class="name" title=${c.remote_address}>${own(c)}</span>
      ${c.client_id && c.client_id !== c.hostname && !c.hostname.startsWith(`${c.client_id}.`) && html` <span class="faint">${c.client_id}</span>`}`,
  },
  { key: 'agent', label: 'User agent', wide: true, value: (c) => c.user_agent, cell: (c) => html`${c.user_agent} <${Attributes} client=${c} />` },
  { key: 'node', label: 'Node', value: (c) => c.node, cell: (c) => html`<${Link} to=${nodeUrl(c.node)}>${c.node}<//>` },
  plain('in_flight_count', 'In flight', 'Sent to it, not yet finished'),
  plain('ready_count', 'Ready', 'How many it allows in flight'),
  plain('finish_count', 'Finished'),
  plain('requeue_count', 'Requeued'),
  plain('message_count', 'Messages', 'Sent to it since it connected'),
  { key: 'connected', label: 'Connected', number: true, value: (c) => c.connected, cell: (c) => age(c.connected / 1e9) },
];

function Latency({ latency }) {
  if (!latency?.percentiles?.length) return null;
  return latency.percentiles.map((p) => html`<${Tile} key=${p.quantile} label="p${+(p.quantile * 100).toFixed(3)} latency" value=${nanoseconds(p.count > 0 ? p.average : null)}
    hint=${p.count > 0 ? `From publishing to FIN; over nodes ${nanoseconds(p.min)} to ${nanoseconds(p.max)}` : 'No message was finished lately'} />`);
}

export function ChannelPage({ report, past, theme, route }) {
  const topic = report.topics.find((t) => t.topic === route.topic);
  const channel = topic?.channels.find((c) => c.channel === route.channel);
  const { channel: detail, error } = useDetail(route, report.time_ms);
  const crumbs = html`<${Crumbs} trail=${[['Topics', '/'], [route.topic, topicUrl(route.topic)]]} here=${route.channel} />`;
  if (!channel) {
    return html`${crumbs}<h1>${route.channel}</h1><${Notice} tone="warn">No node that answers has this channel.<//>`;
  }
  const series = past.of(channelKey(route.topic, route.channel));
  const clients = detail?.clients ?? [];
  return html`
    ${crumbs}
    <div class="headline">
      <h1>${channel.channel} <${Badges} row=${channel} nodes=${channel.nodes} /></h1>
      <${Actions} topic=${route.topic} channel=${channel.channel} load=${channel} partly=${channel.paused_nodes < channel.nodes} />
    </div>
    <${Tiles}>
      <${Tile} label="Out" value=${rate(channel.out_rate)} unit="/s" spark=${series.out_rate} tone="out" hint="Finished (or emptied)" />
      <${Tile} label="In" value=${rate(channel.in_rate)} unit="/s" spark=${series.in_rate} tone="in" />
      <${Tile} label="Depth" value=${count(channel.depth)} spark=${series.depth} tone="depth" hint="${fullCount(channel.depth)}, of which ${fullCount(channel.backend_depth)} on disk" />
      <${Tile} label="In flight" value=${count(channel.in_flight)} spark=${series.in_flight} tone="flight" />
      <${Tile} label="Deferred" value=${count(channel.deferred)} spark=${series.deferred} tone="flight" />
      <${Tile} label="Consumers" value=${count(channel.clients)} bad=${channel.clients === 0 && channel.depth > 0} />
      <${Latency} latency=${detail?.e2e_processing_latency} />
    <//>
    <${Problems} problems=${report.problems.filter((p) => p.topic === route.topic && p.channel === route.channel)} />
    <div class="charts">
      <${Chart} title="Messages a second" unit="rate" time=${series.time} theme=${theme}
        lines=${[{ label: 'In', color: '--line-in', values: series.in_rate, fill: true }, { label: 'Out', color: '--line-out', values: series.out_rate }]}
        summary="Messages a second; now ${rate(channel.in_rate)} in and ${rate(channel.out_rate)} out" />
      <${Chart} title="Messages held" unit="count" time=${series.time} theme=${theme}
        lines=${[{ label: 'Depth', color: '--line-depth', values: series.depth, fill: true }, { label: 'In flight', color: '--line-flight', values: series.in_flight }, { label: 'Deferred', color: '--line-deferred', values: series.deferred }]}
        summary="Messages held; now ${fullCount(channel.depth)} waiting" />
    </div>
    <${Panel} id="shares" title="On each node" count=${channel.shares?.length}>
      <${Table} id="channel-shares" caption="Share of each node" rows=${channel.shares ?? []} rowKey=${(row) => row.node} initial=${{ key: 'node', down: false }}
        columns=${[nodeColumn, column.depth, column.onDisk, column.inFlight, column.deferred, column.inRate, column.outRate, column.requeued, column.timedOut, column.messages, column.clients]}
        empty="No node has this channel." />
    <//>
    <${Panel} id="clients" title="Consumers" count=${clients.length}>
      ${error && html`<${Notice} tone="bad">${error}<//>`}
      ${detail?.message && html`<${Notice} tone="warn">${detail.message}<//>`}
      <${Table} id="clients" caption="Consumers of ${route.channel}" columns=${clientColumns} rows=${clients} rowKey=${(c) => `${c.node} ${c.remote_address}`}
        initial=${{ key: 'client', down: false }} empty=${detail ? 'No consumer is connected.' : 'Asking…'} />
    <//>`;
}
