// The nsqlookupd daemons, and topics that live only in their memory.

import { html, useEffect, useState } from './vendor/preact-htm.js';
import { CreateForm, DeleteInactive } from './actions.js';
import { Badge, Link, Notice, Panel, topicUrl } from './components.js';
import { getJson } from './cluster.js';
import { config } from './config.js';
import { fullCount } from './format.js';
import { FilteredTable, Table } from './table.js';

export function LookupdTable({ report }) {
  const columns = [
    {
      key: 'address', label: 'nsqlookupd', value: (l) => l.address,
      cell: (l) => html`<span class="name">${l.address}</span> ${l.up ? html`<${Badge} tone="good">up<//>` : html`<${Badge} tone="bad">down<//>`}`,
    },
    { key: 'nodes', label: 'Nodes listed', number: true, keep: true, value: (l) => l.nodes, cell: (l) => (l.up ? fullCount(l.nodes) : '–') },
    { key: 'topics', label: 'Topics listed', number: true, keep: true, value: (l) => l.topics, cell: (l) => (l.up ? fullCount(l.topics) : '–') },
    { key: 'error', label: 'Error', wide: true, cell: (l) => l.error },
  ].filter((c) => c.key !== 'error' || report.lookupds.some((l) => l.error));
  return html`<${Panel} id="lookupds" title="nsqlookupd" count=${report.lookupds.length}>
    <${Table} id="lookupds" caption="nsqlookupd daemons" columns=${columns} rows=${report.lookupds} rowKey=${(l) => l.address} initial=${{ key: 'address', down: false }} />
  <//>`;
}

export function LookupPage({ report }) {
  const [answer, setAnswer] = useState({});
  const load = () => {
    if (report.mode !== 'lookupd') return;
    getJson('/api/topics?inactive=true').then(setAnswer, (error) => setAnswer({ error: error.message }));
  };
  useEffect(load, [report.mode]);
  const create = config.is_admin && html`<${Panel} id="create" title="Create a topic or channel"><${CreateForm} onDone=${load} /><//>`;
  if (report.mode !== 'lookupd') {
    return html`<h1>Lookup</h1><${Notice}>No nsqlookupd is configured: this page was started with the addresses of nsqd.<//>${create}`;
  }
  const rows = Object.entries(answer.topics ?? {}).map(([topic, channels]) => ({ topic, channels: channels ?? [] }));
  const columns = [
    { key: 'topic', label: 'Topic', value: (r) => r.topic, cell: (r) => html`<${Link} to=${topicUrl(r.topic)} class="name">${r.topic}<//>` },
    { key: 'channels', label: 'Channels', wide: true, value: (r) => r.channels.length, cell: (r) => (r.channels.length ? r.channels.map((c) => html`<span class="forgotten" key=${c}><span class="name">${c}</span>${config.is_admin && html` <${DeleteInactive} topic=${r.topic} channel=${c} onDone=${load} />`}</span>`) : html`<span class="faint">none</span>`) },
    ...(config.is_admin ? [{ key: 'act', label: '', number: true, cell: (r) => html`<${DeleteInactive} topic=${r.topic} onDone=${load} />` }] : []),
  ];
  return html`
    <h1>Lookup</h1>
    <${LookupdTable} report=${report} />
    <${FilteredTable} id="inactive" title="Topics without a producer" noun="topics" text=${(r) => [r.topic, ...r.channels].join(' ')} caption="Topics without a producer" columns=${columns} rows=${rows} rowKey=${(r) => r.topic}
      initial=${{ key: 'topic', down: false }} empty=${answer.topics ? 'None: every known topic has a producer.' : answer.error ? 'Not known.' : 'Asking…'}>
      <p class="about">nsqlookupd remembers these topics and channels, but no live nsqd has announced them.</p>
      ${answer.error && html`<${Notice} tone="bad">${answer.error}<//>`}
      ${answer.message && html`<${Notice} tone="warn">${answer.message}<//>`}
    <//>
    ${create}`;
}
