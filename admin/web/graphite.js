// Pictures that graphite draws, for those who have it: NSQ's own names of statsd, by the formats of
// the flags. The charts of the page itself need none of this.

import { html, useState } from './vendor/preact-htm.js';
import { base, config } from './config.js';
import { Panel } from './components.js';

export const SPANS = ['1h', '2h', '12h', '24h', '48h', '168h', 'off'];
const KEY = 'nsqadmin.graphite';

// As in the original: ?t=24h, else what was chosen last, else two hours.
function firstSpan() {
  const asked = new URLSearchParams(location.search).get('t');
  try {
    return asked || localStorage.getItem(KEY) || '2h';
  } catch {
    return asked || '2h';
  }
}

const COUNTERS = ['message_count', 'requeue_count', 'timeout_count', 'gc_runs'];

// Blanks and slashes are replaced, all else that statsd would not take is dropped.
const clean = (name) => name.replace(/ /g, '_').replace(/\//g, '-').replace(/[^A-Za-z0-9\-_.]/g, '');

function prefix(host) {
  const text = config.statsd_prefix.replace('%s', host);
  return text && !text.endsWith('.') ? `${text}.` : text;
}

const wrap = (name, key) => {
  const format = COUNTERS.includes(key) ? config.statsd_counter_format : config.statsd_gauge_format;
  return format ? format.replace('%s', name) : name;
};

const hostKey = (node) => (node ? node.replace(/[.:]/g, '_') : '*');

export function topicTarget(topic, key, node) {
  return `sumSeries(${wrap(`${prefix(hostKey(node))}topic.${clean(topic)}.${key}`, key)})`;
}

export function channelTarget(topic, channel, key, node) {
  return `sumSeries(${wrap(`${prefix(hostKey(node))}topic.${clean(topic)}.channel.${clean(channel)}.${key}`, key)})`;
}

export function nodeTarget(node, key) {
  return wrap(`${prefix(hostKey(node))}mem.${key}`, key);
}

export function counterTarget() {
  return `sumSeries(${wrap(`${prefix('*')}topic.*.channel.*.message_count`, 'message_count')})`;
}

export const latencyTarget = (topic, channel, quantile) => {
  const name = `${prefix('*')}topic.${clean(topic)}${channel ? `.channel.${clean(channel)}` : ''}.e2e_processing_latency_${Math.round(quantile * 100)}`; // as nsqd rounds it
  return `scale(averageSeries(${wrap(name, 'e2e')}),0.000001)`;
};

function url(targets, { color, counter, span, width, height, dark }) {
  const query = [`colorList=${encodeURIComponent(color)}`, `width=${width}`, `height=${height}`, 'bgcolor=ff000000', `fgcolor=${dark ? 'aaaaaa' : '666666'}`,
    'yMin=0', 'lineMode=connected', 'drawNullAsZero=false', `from=-${encodeURIComponent(span)}`, 'until=-1min'];
  for (const target of targets) {
    const scaled = counter ? `scale(${target},${1 / (config.statsd_interval || 60)})` : target;
    query.push(`target=${encodeURIComponent(`summarize(${scaled},"${config.statsd_interval}sec","avg")`)}`);
  }
  return `${config.graphite_url ? config.graphite_url.replace(/\/+$/, '') : base}/render?${query.join('&')}`;
}

// pictures: { title, targets, color, counter }
export function Graphite({ pictures, theme }) {
  const [span, setSpan] = useState(firstSpan);
  const [failed, setFailed] = useState(false);
  if (!config.graphs) return null;
  const choose = (next) => {
    setSpan(next);
    setFailed(false);
    try {
      localStorage.setItem(KEY, next);
    } catch {
      // No storage: it lasts as long as the page.
    }
  };
  const picker = html`<label class="tools">Time span <select aria-label="Time span of graphite's graphs" value=${span} onChange=${(e) => choose(e.target.value)}>
    ${[...new Set([...SPANS, span])].map((s) => html`<option key=${s} value=${s}>${s}</option>`)}
  </select></label>`;
  return html`<${Panel} id="graphite" title="Graphite" aside=${picker}>
    ${failed && html`<p class="notice warn">A graph could not be loaded from graphite.</p>`}
    ${span !== 'off' && html`<div class="graphite">
      ${pictures.map((p) => {
        const options = { color: p.color ?? 'blue', counter: p.counter, span, dark: theme === 'dark' };
        return html`<figure key=${p.title}><figcaption>${p.title}</figcaption>
          <a href=${url(p.targets, { ...options, width: 1200, height: 675 })} target="_blank" rel="noopener noreferrer">
            <img src=${url(p.targets, { ...options, width: 420, height: 180 })} alt="${p.title} over the last ${span}" width="420" height="180" loading="lazy" onError=${() => setFailed(true)} />
          </a></figure>`;
      })}
    </div>`}
  <//>`;
}
