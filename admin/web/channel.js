// One channel: its figures, its share on each node, its consumers.

import { html, useEffect, useState } from './vendor/preact-htm.js';
import { Actions } from './actions.js';
import { Crumbs, Notice, Partial, Problems, Tile, Tiles, topicUrl } from './components.js';
import { clientColumns, clientKey, clientText } from './clients.js';
import { getJson } from './cluster.js';
import * as column from './columns.js';
import { Chart } from './chart.js';
import { count, fullCount, nanoseconds, percentile, rate } from './format.js';
import { Graphite, channelTarget, latencyTarget } from './graphite.js';
import { channelKey } from './history.js';
import { Badges } from './overview.js';
import { FilteredTable } from './table.js';
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

function Latency({ latency }) {
  if (!latency?.percentiles?.length) return null;
  const tiles = latency.percentiles.map((p) => html`<${Tile} key=${p.quantile} label="Latency, ${percentile(p.quantile)}" value=${nanoseconds(p.count > 0 ? p.average : null)}
    hint=${p.count > 0 ? `From publishing to FIN; over nodes ${nanoseconds(p.min)} to ${nanoseconds(p.max)}` : 'No message was finished lately'} />`);
  return html`<${Tiles}>${tiles}<//>`;
}

// How near to their nsqd the consumers are that messages went to; only with topology-aware consumption.
function Delivery({ channel }) {
  const parts = [['same zone', channel?.zone_local_msg_count ?? 0, 'near'], ['same region', channel?.region_local_msg_count ?? 0, 'region'], ['elsewhere', channel?.global_msg_count ?? 0, 'far']];
  const all = parts.reduce((n, [, messages]) => n + messages, 0);
  // Without topology everything counts as elsewhere.
  if (all === 0 || parts[2][1] === all) return null;
  let x = 0;
  return html`<p class="delivery"><span class="faint">Delivered</span>
    <svg width="160" height="10" aria-hidden="true">${parts.map(([label, messages, tone]) => {
      const width = (messages / all) * 160;
      x += width;
      return html`<rect key=${label} class=${tone} x=${x - width} y="0" width=${width} height="10" />`;
    })}</svg>
    ${parts.map(([label, messages, tone]) => html`<span key=${label} title="${fullCount(messages)} messages"><i class="key ${tone}"></i>${Math.round((messages / all) * 100)}% ${label}</span>`)}
  </p>`;
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
  const measured = (channel.latency ?? []).length > 0;
  const quantile = measured ? Math.max(...channel.latency.map((p) => p.quantile)) : 0;
  const graph = (title, key, color) => ({ title, color, counter: key.endsWith('_count') && !key.startsWith('in_flight') && !key.startsWith('deferred'), targets: [channelTarget(route.topic, route.channel, key)] });
  return html`
    ${crumbs}
    <div class="headline">
      <h1>${channel.channel} <${Badges} row=${channel} nodes=${channel.nodes} /></h1>
      <${Actions} topic=${route.topic} channel=${channel.channel} load=${channel} />
    </div>
    <${Tiles}>
      <${Tile} label="Out" value=${rate(channel.out_rate)} unit="/s" spark=${series.out_rate} tone="out" hint="Finished (or emptied)" />
      <${Tile} label="In" value=${rate(channel.in_rate)} unit="/s" spark=${series.in_rate} tone="in" />
      <${Tile} label="Depth" value=${count(channel.depth)} spark=${series.depth} tone="depth" hint="${fullCount(channel.depth)}, of which ${fullCount(channel.backend_depth)} on disk" />
      <${Tile} label="In flight" value=${count(channel.in_flight)} spark=${series.in_flight} tone="flight" />
      <${Tile} label="Deferred" value=${count(channel.deferred)} spark=${series.deferred} tone="flight" />
      <${Tile} label="Consumers" value=${count(channel.clients)} bad=${channel.clients === 0 && channel.depth > 0} />
    <//>
    <${Latency} latency=${detail?.e2e_processing_latency} />
    <${Problems} problems=${report.problems.filter((p) => p.topic === route.topic && p.channel === route.channel)} />
    <${Partial} report=${report} />
    <${Delivery} channel=${detail} />
    <div class="charts">
      <${Chart} title="Messages a second" unit="rate" time=${series.time} theme=${theme}
        lines=${[{ label: 'In', color: '--line-in', values: series.in_rate, fill: true }, { label: 'Out', color: '--line-out', values: series.out_rate }]}
        summary="Messages a second; now ${rate(channel.in_rate)} in and ${rate(channel.out_rate)} out" />
      <${Chart} title="Messages held" unit="count" time=${series.time} theme=${theme}
        lines=${[{ label: 'Depth', color: '--line-depth', values: series.depth, fill: true }, { label: 'In flight', color: '--line-flight', values: series.in_flight }, { label: 'Deferred', color: '--line-deferred', values: series.deferred }]}
        summary="Messages held; now ${fullCount(channel.depth)} waiting" />
      ${measured && html`<${Chart} title="Latency from publishing to FIN" unit="time" time=${series.time} theme=${theme}
        lines=${[{ label: percentile(quantile), color: '--line-deferred', values: series.latency, fill: false }]}
        summary="Latency of the ${percentile(quantile)}" />`}
    </div>
    <${FilteredTable} id="clients" title="Consumers" noun="consumers" caption="Consumers of ${route.channel}" columns=${clientColumns} rows=${clients} rowKey=${clientKey} text=${clientText}
      initial=${{ key: 'client', down: false }} empty=${detail ? 'No consumer is connected.' : 'Asking…'}>
      ${error && html`<${Notice} tone="bad">${error}<//>`}
      ${detail?.message && html`<${Notice} tone="warn">${detail.message}<//>`}
    <//>
    <${FilteredTable} id="channel-shares" title="On each node" noun="nodes" text=${(row) => row.node} caption="Share of each node" rows=${channel.shares ?? []} rowKey=${(row) => row.node} initial=${{ key: 'node', down: false }}
      columns=${[nodeColumn, column.depth, column.onDisk, column.inFlight, column.deferred, column.inRate, column.outRate, column.requeued, column.timedOut, column.messages, column.clients]}
      empty="No node has this channel." />
    <${Graphite} theme=${theme} pictures=${[graph('Depth', 'depth', 'red'), graph('In flight', 'in_flight_count'), graph('Deferred', 'deferred_count', 'red'), graph('Messages a second', 'message_count'),
      graph('Requeued a second', 'requeue_count'), graph('Timed out a second', 'timeout_count'), graph('Consumers', 'clients'),
      ...(channel.latency ?? []).map((p) => ({ title: `${percentile(p.quantile)} latency, ms`, targets: [latencyTarget(route.topic, route.channel, p.quantile)] }))]} />`;
}
