// Consumers' connections, as nsqd lists them. All of their words are theirs.

import { html } from './vendor/preact-htm.js';
import { Badge, Link, nodeUrl } from './components.js';
import { age, fullCount } from './format.js';

const own = (client) => `${client.hostname || client.client_id || '?'}:${client.remote_address.split(':').pop()}`;

function Attributes({ client }) {
  const { node_topology_zone: zone, node_topology_region: region } = client;
  const near = client.topology_zone && client.topology_zone === zone && client.topology_region === region ? 'same zone'
    : client.topology_region && client.topology_region === region ? 'same region' : null;
  return html`<span class="badges">
    ${client.sample_rate > 0 && html`<${Badge}>sampled ${client.sample_rate}%<//>`}
    ${client.tls && html`<${Badge} tone="good" title=${[client.tls_version, client.tls_cipher_suite, client.tls_negotiated_protocol, client.tls_negotiated_protocol_is_mutual && 'mutual'].filter(Boolean).join(', ')}>TLS${client.tls_version ? ` ${client.tls_version.replace(/^TLSv?/i, '')}` : ''}<//>`}
    ${client.deflate && html`<${Badge}>deflate<//>`}
    ${client.snappy && html`<${Badge}>snappy<//>`}
    ${client.authed && html`<${Badge} tone="good" title=${client.auth_identity}>${/^https?:\/\//.test(client.auth_identity_url)
      ? html`<a href=${client.auth_identity_url} target="_blank" rel="noopener noreferrer">${client.auth_identity || 'authorized'}</a>` : client.auth_identity || 'authorized'}<//>`}
    ${client.topology_zone && html`<${Badge} title=${client.topology_region}>${client.topology_zone}<//>`}
    ${near && html`<${Badge} tone="good">${near}<//>`}
  </span>`;
}

const plain = (key, label, title) => ({ key, label, title, number: true, value: (c) => c[key], cell: (c) => fullCount(c[key]) });

export const clientColumns = [
  {
    key: 'client', label: 'Consumer', value: own,
    cell: (c) => html`<span class="name whole" title=${c.remote_address}>${own(c)}</span>
      ${c.client_id && c.client_id !== c.hostname && !c.hostname.startsWith(`${c.client_id}.`) && html` <span class="faint">${c.client_id}</span>`}`,
  },
  { key: 'agent', label: 'User agent', wide: true, value: (c) => c.user_agent, cell: (c) => html`${c.user_agent} <${Attributes} client=${c} />` },
  { key: 'node', label: 'Node', long: true, value: (c) => c.node, cell: (c) => html`<${Link} to=${nodeUrl(c.node)}>${c.node}<//>` },
  plain('in_flight_count', 'In flight', 'Sent to it, not yet finished'),
  {
    ...plain('ready_count', 'RDY', 'How many it allows in flight'), keep: true,
    cell: (c) => (c.ready_count === 0 ? html`<span class="faint" title="Takes nothing at present">0</span>` : fullCount(c.ready_count)),
  },
  plain('finish_count', 'Finished'),
  plain('requeue_count', 'Requeued'),
  plain('message_count', 'Messages', 'Sent to it since it connected'),
  { key: 'connected', label: 'Connected', number: true, value: (c) => c.connected, cell: (c) => html`<span title="since ${new Date(c.connect_ts * 1000).toLocaleString()}">${age(c.connected / 1e9)}</span>` },
];

export const clientKey = (c) => `${c.node} ${c.remote_address} ${c.channel ?? ''}`;
export const clientText = (c) => [c.hostname, c.client_id, c.remote_address, c.user_agent, c.node, c.topic, c.channel, c.topology_zone, c.topology_region, c.auth_identity].join(' ');
