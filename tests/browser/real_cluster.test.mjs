// nsqadmin on a real cluster: two nsqlookupd, three nsqd, one of which is killed. What the API says
// is compared with what was done; the page is opened at the end.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, test } from 'node:test';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startAdmin, startBrowser } from './browser.mjs';

let folder;
let lookupds;
let nsqds;
const children = [];

// Starts a daemon of ours on free ports and reads from its log which.
async function start(program, ...flags) {
  const child = spawn(join(process.env.NSQ_BIN_DIR, program), ['-tcp-address=127.0.0.1:0', '-http-address=127.0.0.1:0', '-broadcast-address=127.0.0.1', ...flags], { stdio: ['ignore', 'ignore', 'pipe'] });
  children.push(child);
  const ports = {};
  const said = [];
  await new Promise((resolve, reject) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      said.push(line);
      const found = line.match(/(TCP|HTTP): listening on \S*?:(\d+)$/);
      if (found) ports[found[1].toLowerCase()] = Number(found[2]);
      if (ports.tcp && ports.http) resolve();
    });
    child.on('exit', (code) => reject(new Error(`${program} ended with ${code}: ${said.join('\n')}`)));
  });
  return { child, ...ports, address: `127.0.0.1:${ports.http}` };
}

async function post(address, path, body = '') {
  const response = await fetch(`http://${address}${path}`, { method: 'POST', body });
  assert.equal(response.status, 200, path);
}

async function ask(url, path, options) {
  const response = await fetch(url + path, options);
  return { status: response.status, ...(await response.json()) };
}

// Asks until `good` says yes to an answer.
async function until(url, path, good) {
  const deadline = Date.now() + 20000;
  let answer;
  do {
    answer = await ask(url, path);
    if (good(answer)) return answer;
    await new Promise((resolve) => setTimeout(resolve, 50));
  } while (Date.now() < deadline);
  assert.fail(`${path}: ${JSON.stringify(answer)}`);
}

function consume(nsqd, topic, channel) {
  const socket = connect(nsqd.tcp, '127.0.0.1');
  const identity = JSON.stringify({ client_id: 'reader', hostname: 'reader.example', user_agent: 'test/1' });
  const size = Buffer.alloc(4);
  size.writeUInt32BE(identity.length);
  socket.on('error', () => {});
  socket.write(Buffer.concat([Buffer.from('  V2IDENTIFY\n'), size, Buffer.from(`${identity}SUB ${topic} ${channel}\nRDY 5\n`)]));
  return socket;
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nsq-admin-'));
  lookupds = [await start('nsqlookupd'), await start('nsqlookupd')];
  const flags = lookupds.map((l) => `-lookupd-tcp-address=127.0.0.1:${l.tcp}`);
  nsqds = [];
  for (let i = 0; i < 3; i += 1) nsqds.push(await start('nsqd', `-data-path=${await mkdtemp(join(folder, 'nsqd-'))}`, ...flags));
});

after(async () => {
  for (const child of children) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

test('by nsqlookupd: read, changed, and with a node that was killed', async () => {
  const [a, b, c] = nsqds;
  for (const [i, nsqd] of nsqds.entries()) {
    await post(nsqd.address, '/topic/create?topic=orders');
    await post(nsqd.address, '/channel/create?topic=orders&channel=billing');
    await post(nsqd.address, '/mpub?topic=orders', Array.from({ length: 10 * (i + 1) }, (_, n) => `m${n}`).join('\n'));
  }
  await post(a.address, '/topic/create?topic=temp%23ephemeral');
  await post(lookupds[0].address, '/topic/create?topic=forgotten');
  await post(lookupds[0].address, '/channel/create?topic=forgotten&channel=old');
  const reader = consume(a, 'orders', 'billing');
  const admin = await startAdmin(...lookupds.map((l) => `-lookupd-http-address=${l.address}`), '-http-client-request-timeout=2s');
  try {
    const nodes = await until(admin.url, '/api/nodes', (n) => n.nodes?.length === 3 && n.nodes.every((one) => one.remote_addresses.length === 2 && one.topics?.length >= 1));
    assert.equal(nodes.message, '');
    assert.deepEqual(nodes.nodes.map((n) => n.http_port).sort(), nsqds.map((n) => n.http).sort());
    await until(admin.url, '/api/topics', (t) => t.topics.join() === 'forgotten,orders,temp#ephemeral');
    const inactive = await ask(admin.url, '/api/topics?inactive=true');
    assert.deepEqual(inactive.topics, { forgotten: ['old'] });

    const channel = await until(admin.url, '/api/topics/orders/billing', (one) => one.client_count === 1 && one.in_flight_count === 5 && one.message_count === 60);
    assert.equal(channel.node, '*');
    assert.equal(channel.depth, 55);
    assert.equal(channel.memory_depth + channel.backend_depth, 55);
    assert.deepEqual(channel.nodes.map((n) => n.message_count).sort((x, y) => x - y), [10, 20, 30]);
    const [client] = channel.clients;
    assert.equal(client.node, a.address);
    assert.equal(client.hostname, 'reader.example');
    assert.equal(client.ready_count, 5);
    assert.equal(client.user_agent, 'test/1');
    const topic = await ask(admin.url, '/api/topics/orders');
    assert.equal(topic.message_count, 60);
    assert.equal(topic.channels[0].depth, 55);
    assert.equal(topic.channels[0].nodes.length, 3);
    const node = await ask(admin.url, `/api/nodes/${a.address}`);
    assert.equal(node.total_messages, 10);
    assert.equal(node.total_clients, 1);
    const { stats } = await ask(admin.url, '/api/counter');
    assert.equal(stats[`orders:billing:${c.address}`].message_count, 30);

    const act = (method, path, body) => ask(admin.url, path, { method, body: body && JSON.stringify(body) });
    assert.deepEqual(await act('POST', '/api/topics/orders/billing', { action: 'pause' }), { status: 200, message: '' });
    assert.equal((await ask(admin.url, '/api/topics/orders/billing')).paused, true);
    assert.deepEqual(await act('POST', '/api/topics/orders/billing', { action: 'unpause' }), { status: 200, message: '' });
    assert.deepEqual(await act('POST', '/api/topics', { topic: 'orders', channel: 'made' }), { status: 200, message: '' });
    await until(admin.url, '/api/topics/orders', (t) => t.channels.some((one) => one.channel_name === 'made' && one.nodes.length === 3));
    // Only b has it: one nsqlookupd after the other is told, then b.
    await post(b.address, '/topic/create?topic=onb');
    await until(admin.url, '/api/topics/onb', (t) => t.status === 200 && t.message === '');
    assert.deepEqual(await act('DELETE', `/api/nodes/${b.address}`, { topic: 'onb' }), { status: 200, message: '' });
    assert.equal((await act('DELETE', `/api/nodes/${b.address}`, { topic: 'a b' })).message, 'INVALID_TOPIC');
    assert.equal((await ask(admin.url, '/api/topics/nothing')).status, 404);

    // Stopped, it is listed and does not answer; then it is killed, and nsqlookupd forgets it.
    c.child.kill('SIGSTOP');
    const start_ = Date.now();
    const partial = await ask(admin.url, '/api/topics/orders');
    assert.ok(Date.now() - start_ < 5000, 'one time limit, not more');
    assert.equal(partial.status, 200);
    assert.match(partial.message, new RegExp(`^WARNING: Get "http://${c.address}/stats\\?format=json&topic=orders&include_clients=false": `));
    assert.equal(partial.message_count, 30);
    assert.match((await act('POST', '/api/topics/orders', { action: 'unpause' })).message, new RegExp(`^WARNING: Post "http://${c.address}/topic/unpause`));
    c.child.kill('SIGKILL');
    await until(admin.url, '/api/nodes', (n) => n.nodes.length === 2);
    const report = await until(admin.url, '/api/cluster', (r) => r.nodes.some((n) => n.node === c.address && n.gone));
    assert.equal(report.problems[0].kind, 'node_gone');
    // One nsqlookupd less: everything is still known.
    // What is about to die still takes connections: then the error would be another.
    const died = new Promise((resolve) => lookupds[1].child.on('exit', resolve));
    lookupds[1].child.kill('SIGKILL');
    await died;
    const topics = await until(admin.url, '/api/topics', (t) => t.message !== '');
    assert.match(topics.message, /^WARNING: Get "http:.*\/topics": dial tcp .*: connect: connection refused$/);
    assert.ok(topics.topics.includes('orders'));

    const browser = await startBrowser();
    try {
      const page = await browser.context.newPage();
      await page.goto(admin.url);
      await page.locator('.problems li', { hasText: `nsqd ${c.address} has left` }).waitFor();
      await page.locator('.problems li', { hasText: `nsqlookupd ${lookupds[1].address} is down` }).waitFor();
    } finally {
      await browser.stop();
    }
  } finally {
    reader.destroy();
    await admin.stop();
  }
});

test('directly: a killed nsqd is a warning, all killed an error', async () => {
  const alive = nsqds.slice(0, 2);
  const admin = await startAdmin(...nsqds.map((n) => `-nsqd-http-address=${n.address}`), '-http-client-request-timeout=2s');
  try {
    const nodes = await ask(admin.url, '/api/nodes');
    assert.equal(nodes.nodes.length, 2);
    assert.match(nodes.message, new RegExp(`^WARNING: Get "http://${nsqds[2].address}/info": dial tcp ${nsqds[2].address}: connect: connection refused$`));
    const topic = await ask(admin.url, '/api/topics/orders');
    assert.equal(topic.message_count, 30);
    assert.match(topic.message, /connection refused/);
    for (const nsqd of alive) nsqd.child.kill('SIGKILL');
    const down = await until(admin.url, '/api/topics/orders', (t) => t.status !== 200);
    assert.equal(down.status, 502);
    assert.match(down.message, /^UPSTREAM_ERROR: failed to query any nsqd: /);
  } finally {
    await admin.stop();
  }
});
