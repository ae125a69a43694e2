// Remembers what each report said: the past of charts and sparklines. It begins with what the server
// remembers, and goes on for as long as the page is open.

import { getJson } from './cluster.js';

const SEPARATOR = '\n'; // stands in no name
const FIELDS = ['in_rate', 'out_rate', 'depth', 'in_flight', 'deferred', 'latency'];

export const totalKey = 'total';
export const topicKey = (topic) => `t${SEPARATOR}${topic}`;
export const channelKey = (topic, channel) => `c${SEPARATOR}${topic}${SEPARATOR}${channel}`;
export const nodeKey = (node) => `n${SEPARATOR}${node}`;

// `since`: when it was first seen here; what is older is the server's.
const make = (since = Infinity) => ({ since, time: [], ...Object.fromEntries(FIELDS.map((field) => [field, []])) });
const COLUMNS = ['time', ...FIELDS];
const empty = make();

// Nanoseconds of the highest percentile that is known.
const worst = (load) => {
  const known = (load.latency ?? []).filter((p) => p.count > 0);
  return known.length > 0 ? known.reduce((a, b) => (b.quantile > a.quantile ? b : a)).average : null;
};

export class History {
  // 600 points are the server's half hour and some ten minutes at a report every two seconds; with
  // very many channels fewer are kept, so that a page left open stays small.
  constructor(most = 600) {
    this.most = most;
    this.series = new Map();
    this.known = new Set(); // what the server was asked for
    this.version = 0; // changes when the past does
  }

  // What the server remembers of a page's subject, put in front of what has been seen here.
  async load(query) {
    if (this.known.has(query)) return;
    this.known.add(query);
    let past;
    try {
      past = await getJson(`/api/history${query}`);
    } catch {
      this.known.delete(query);
      return;
    }
    const put = (key, from) => {
      const old = this.series.get(key) ?? make();
      const merged = make(old.since);
      for (let i = from.skip; i < past.times.length; i += 1) {
        const time = past.times[i] / 1000;
        if (time >= old.since) break;
        merged.time.push(time);
        for (const field of FIELDS) merged[field].push(from[field]?.[i - from.skip] ?? null);
      }
      const own = old.time.findIndex((time) => time >= old.since);
      if (own >= 0) for (const name of COLUMNS) merged[name].push(...old[name].slice(own));
      this.series.set(key, merged);
    };
    if (past.total) put(totalKey, past.total);
    for (const [node, series] of Object.entries(past.nodes)) put(nodeKey(node), series);
    for (const [topic, series] of Object.entries(past.topics)) {
      if (series.skip !== undefined) put(topicKey(topic), series);
      for (const [channel, one] of Object.entries(series.channels)) put(channelKey(topic, channel), one);
    }
    this.version += 1;
  }

  add(report) {
    const entities = report.topics.reduce((n, topic) => n + 1 + topic.channels.length, 0);
    const most = entities > 1000 ? Math.min(this.most, 90) : this.most;
    const seen = new Set();
    const put = (key, load) => {
      seen.add(key);
      let series = this.series.get(key);
      if (!series) {
        series = make();
        this.series.set(key, series);
      }
      const time = report.time_ms / 1000;
      series.since = Math.min(series.since, time);
      if (series.time.length > 0 && series.time[series.time.length - 1] >= time) return;
      series.time.push(time);
      for (const field of FIELDS) series[field].push(field === 'latency' ? worst(load) : load[field] ?? null);
      // Cut seldom: shifting arrays at each report would cost more than it frees.
      if (series.time.length > most + 30) {
        for (const name of COLUMNS) series[name] = series[name].slice(-most);
      }
    };
    put(totalKey, report.total);
    for (const node of report.nodes) put(nodeKey(node.node), node);
    for (const topic of report.topics) {
      put(topicKey(topic.topic), topic);
      for (const channel of topic.channels) put(channelKey(topic.topic, channel.channel), channel);
    }
    for (const key of this.series.keys()) if (!seen.has(key)) this.series.delete(key);
    this.version += 1;
  }

  of(key) {
    return this.series.get(key) ?? empty;
  }
}
