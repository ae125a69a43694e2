// Remembers, for as long as the page is open, what each report said: the past of charts and
// sparklines. Nothing else keeps a past, the server does not.

const SEPARATOR = '\n'; // stands in no name
const FIELDS = ['in_rate', 'out_rate', 'depth', 'in_flight', 'deferred'];

export const totalKey = 'total';
export const topicKey = (topic) => `t${SEPARATOR}${topic}`;
export const channelKey = (topic, channel) => `c${SEPARATOR}${topic}${SEPARATOR}${channel}`;
export const nodeKey = (node) => `n${SEPARATOR}${node}`;

const empty = { time: [], in_rate: [], out_rate: [], depth: [], in_flight: [], deferred: [] };

export class History {
  // 300 points are ten minutes at a report every two seconds; with very many channels fewer are
  // kept, so that a page left open stays small.
  constructor(most = 300) {
    this.most = most;
    this.series = new Map();
  }

  add(report) {
    const entities = report.topics.reduce((n, topic) => n + 1 + topic.channels.length, 0);
    const most = entities > 1000 ? Math.min(this.most, 60) : this.most;
    const seen = new Set();
    const put = (key, load) => {
      seen.add(key);
      let series = this.series.get(key);
      if (!series) {
        series = { time: [], in_rate: [], out_rate: [], depth: [], in_flight: [], deferred: [] };
        this.series.set(key, series);
      }
      series.time.push(report.time_ms / 1000);
      for (const field of FIELDS) series[field].push(load[field] ?? null);
      // Cut seldom: shifting arrays at each report would cost more than it frees.
      if (series.time.length > most + 30) {
        for (const name of Object.keys(series)) series[name] = series[name].slice(-most);
      }
    };
    put(totalKey, report.total);
    for (const node of report.nodes) put(nodeKey(node.node), node);
    for (const topic of report.topics) {
      put(topicKey(topic.topic), topic);
      for (const channel of topic.channels) put(channelKey(topic.topic, channel.channel), channel);
    }
    for (const key of this.series.keys()) if (!seen.has(key)) this.series.delete(key);
  }

  of(key) {
    return this.series.get(key) ?? empty;
  }
}
