// What a large cluster costs nsqadmin, by hand:
//
//     node large_cluster.mjs NSQADMIN [nodes=200] [topics=2000] [copies=10] [channels=2]
//
// Simulates the nodes and one nsqlookupd, starts nsqadmin, asks for what pages load and prints the
// time and nsqadmin's CPU of each.

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

const [program, nodes = 200, topics = 2000, copies = 10, channels = 2] = process.argv.slice(2).map((a, i) => (i === 0 ? a : Number(a)));

const latency = { count: 100, percentiles: [{ quantile: 0.99, value: 12345678 }, { quantile: 0.5, value: 1234567 }] };
const channel = (name) => ({
  channel_name: name, depth: 12, backend_depth: 2, in_flight_count: 3, deferred_count: 1, message_count: 123456, requeue_count: 12,
  timeout_count: 1, client_count: 3, clients: [], paused: false, e2e_processing_latency: latency,
});
const topic = (name) => ({
  topic_name: name, channels: Array.from({ length: channels }, (_, i) => channel(`channel-${i}`)), depth: 0, backend_depth: 0,
  message_count: 123456, message_bytes: 12345678, paused: false, e2e_processing_latency: { count: 0, percentiles: null },
});
const names = (node) => Array.from({ length: topics }, (_, i) => i).filter((i) => (node - (i % nodes) + nodes) % nodes < copies).map((i) => `topic-${String(i).padStart(4, '0')}`);

function listen(answer) {
  const server = createServer((request, response) => response.end(answer(new URL(request.url, 'http://x'))));
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
}

let asked = 0;
const producers = [];
for (let i = 0; i < nodes; i += 1) {
  const own = names(i);
  const body = JSON.stringify({ version: '1.3.0', health: 'OK', start_time: 1, topics: own.map(topic), producers: [] });
  const single = new Map();
  const port = await listen((url) => {
    asked += 1;
    const wanted = url.searchParams.get('topic');
    if (!wanted) return body;
    if (!single.has(wanted)) single.set(wanted, JSON.stringify({ version: '1.3.0', health: 'OK', start_time: 1, topics: own.includes(wanted) ? [topic(wanted)] : [] }));
    return single.get(wanted);
  });
  producers.push({ remote_address: `10.0.0.1:${i}`, hostname: `host-${i}`, broadcast_address: '127.0.0.1', tcp_port: port, http_port: port, version: '1.3.0', topics: own, tombstones: own.map(() => false), body });
}
const public_ = producers.map(({ body, ...rest }) => rest);
const all = JSON.stringify({ producers: public_ });
const allTopics = JSON.stringify({ topics: Array.from({ length: topics }, (_, i) => `topic-${String(i).padStart(4, '0')}`) });
const lookupd = await listen((url) => {
  if (url.pathname === '/nodes') return all;
  if (url.pathname === '/topics') return allTopics;
  if (url.pathname === '/lookup') return JSON.stringify({ channels: [], producers: public_.filter((p) => p.topics.includes(url.searchParams.get('topic'))) });
  return JSON.stringify({ channels: [] });
});

const admin = spawn(program, ['-http-address=127.0.0.1:0', '-sample-interval=0', `-lookupd-http-address=127.0.0.1:${lookupd}`], { stdio: ['ignore', 'ignore', 'pipe'] });
const base = await new Promise((resolve) => createInterface({ input: admin.stderr }).on('line', (line) => {
  const found = line.match(/HTTP: listening on (\S+)/);
  if (found) resolve(`http://${found[1]}`);
}));
const cpuMs = () => {
  const fields = readFileSync(`/proc/${admin.pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
};
const memory = () => readFileSync(`/proc/${admin.pid}/status`, 'utf8').match(/VmRSS:\s+(\d+) kB/)[1] / 1024;

const statsBytes = producers.reduce((n, p) => n + p.body.length, 0);
console.log(`${nodes} nodes, ${topics} topics on ${copies} nodes each, ${channels} channels each: ${(statsBytes / 1e6).toFixed(1)} MB of stats a round`);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
for (const path of ['/api/cluster', '/api/cluster', '/api/cluster', '/api/cluster?topic=topic-0000', '/api/history', '/api/history?topic=topic-0000', '/api/topics', '/api/topics?inactive=true',
  '/api/topics/topic-0000', '/api/topics/topic-0000/channel-0', '/api/nodes', `/api/nodes/127.0.0.1:${producers[0].http_port}`, '/api/counter', '/metrics']) {
  await sleep(1500);
  const [cpu, start, before] = [cpuMs(), performance.now(), asked];
  const response = await fetch(base + path);
  const size = (await response.arrayBuffer()).byteLength;
  console.log(`${path.padEnd(45)} ${response.status} ${String(Math.round(performance.now() - start)).padStart(6)} ms, ${String(cpuMs() - cpu).padStart(5)} ms CPU, ${String(asked - before).padStart(4)} nodes asked, ${(size / 1e6).toFixed(2)} MB, ${memory().toFixed(0)} MB resident`);
}
admin.kill('SIGTERM');
process.exit(0);
