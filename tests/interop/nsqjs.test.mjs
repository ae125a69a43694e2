// nsqjs, the NSQ project's own client for Node.js, unchanged, against our daemons.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import nsqjs from 'nsqjs';

import { Cluster, json, until } from './cluster.mjs';

const { Reader, Writer } = nsqjs;
const limit = { timeout: 60_000 };

// Runs `body` with a cluster that is stopped afterwards, cleanly.
function withCluster(name, body) {
  for (const loops of [1, 4]) {
    test(`${name} (${loops} loops)`, limit, async () => {
      const cluster = new Cluster();
      const closing = [];
      try {
        await body(cluster, [`-loops=${loops}`], closing);
      } finally {
        for (const client of closing) client.close();
        const codes = await cluster.stop();
        assert.deepEqual(new Set(codes), new Set([0]), 'every daemon stops cleanly');
      }
    });
  }
}

async function connectWriter(nsqd, closing, options = {}) {
  const writer = new Writer('127.0.0.1', nsqd.tcp, options);
  writer.connect();
  await once(writer, 'ready');
  closing.push(writer);
  return writer;
}

function publish(writer, topic, bodies, delay) {
  return new Promise((resolve, reject) => {
    const done = (error) => (error ? reject(error) : resolve());
    if (delay === undefined) writer.publish(topic, bodies, done);
    else writer.deferPublish(topic, [bodies], delay, done);  // it takes a list of one only
  });
}

// A reader; `onMessage(message, count)` decides what becomes of each.
function read(topic, channel, options, closing, onMessage) {
  const reader = new Reader(topic, channel, { maxInFlight: 50, ...options });
  let count = 0;
  reader.on('message', (message) => onMessage(message, ++count));
  reader.on('error', () => {});
  reader.connect();
  closing.push(reader);
  return reader;
}

withCluster('publishes, and consumes what lookupd knows from two nsqd', async (cluster, flags, closing) => {
  const lookupd = await cluster.lookupd();
  const nodes = [await cluster.nsqd(flags), await cluster.nsqd(flags)];
  for (const [i, node] of nodes.entries()) {
    const writer = await connectWriter(node, closing);
    await publish(writer, 'orders', `${i}:single`);
    await publish(writer, 'orders', Array.from({ length: 100 }, (_, k) => `${i}:${k}`));
  }
  await until(() => json(lookupd.http, '/lookup?topic=orders'), (a) => a.producers.length === 2);

  const seen = new Set();
  await new Promise((resolve) => {
    read('orders', 'billing', { lookupdHTTPAddresses: `127.0.0.1:${lookupd.http}` }, closing,
      (message) => {
        assert.equal(message.attempts, 1);
        seen.add(message.body.toString());
        message.finish();
        if (seen.size === 202) resolve();
      });
  });
  for (const node of nodes) {
    await until(() => json(node.http, '/stats?format=json&topic=orders'), ({ topics }) => {
      const channel = topics[0].channels[0];
      return channel.depth === 0 && channel.in_flight_count === 0;
    });
  }
});

withCluster('requeues with and without delay, and counts attempts', async (cluster, flags, closing) => {
  const node = await cluster.nsqd(flags);
  const writer = await connectWriter(node, closing);
  await publish(writer, 'jobs', 'once');
  const attempts = [];
  await new Promise((resolve) => {
    read('jobs', 'workers', { nsqdTCPAddresses: `127.0.0.1:${node.tcp}` }, closing, (message) => {
      attempts.push(message.attempts);
      if (message.attempts === 1) message.requeue(0, false);
      else if (message.attempts === 2) message.requeue(200, false);
      else { message.finish(); resolve(); }
    });
  });
  assert.deepEqual(attempts, [1, 2, 3]);
  await until(() => json(node.http, '/stats?format=json&topic=jobs'),
    ({ topics }) => topics[0].channels[0].requeue_count === 2);
});

withCluster('touch keeps a message, its time-out gives it back', async (cluster, flags, closing) => {
  const node = await cluster.nsqd(flags);
  const writer = await connectWriter(node, closing);
  await publish(writer, 'slow', 'work');
  const began = Date.now();
  let touched = 0;
  await new Promise((resolve) => {
    read('slow', 'ch', { nsqdTCPAddresses: `127.0.0.1:${node.tcp}`, messageTimeout: 1000 }, closing,
      (message) => {
        if (message.attempts > 1) { message.finish(); resolve(); return; }
        // Twice touched, then left alone: back after more than two time-outs.
        const timer = setInterval(() => {
          message.touch();
          if (++touched === 2) clearInterval(timer);
        }, 700);
      });
  });
  assert.equal(touched, 2);
  assert.ok(Date.now() - began > 2300, 'not before the touched deadline');
});

withCluster('defers', async (cluster, flags, closing) => {
  const node = await cluster.nsqd(flags);
  const writer = await connectWriter(node, closing);
  const began = Date.now();
  await publish(writer, 'later', 'tea', 500);
  await new Promise((resolve) => {
    read('later', 'ch', { nsqdTCPAddresses: `127.0.0.1:${node.tcp}` }, closing, (message) => {
      message.finish();
      resolve();
    });
  });
  assert.ok(Date.now() - began >= 500, 'never early');
});

withCluster('two readers share a channel, two channels see everything', async (cluster, flags, closing) => {
  const node = await cluster.nsqd(flags);
  const options = { nsqdTCPAddresses: `127.0.0.1:${node.tcp}`, maxInFlight: 5 };
  const shared = [0, 0];
  let other = 0;
  const total = 400;
  await new Promise((resolve, reject) => {
    const done = () => { if (shared[0] + shared[1] === total && other === total) resolve(); };
    shared.forEach((_, i) => read('fan', 'shared', options, closing, (message) => {
      shared[i] += 1;
      message.finish();
      done();
    }));
    read('fan', 'other', options, closing, (message) => {
      other += 1;
      message.finish();
      done();
    });
    until(() => json(node.http, '/stats?format=json&topic=fan'), ({ topics }) =>
      topics?.[0]?.channels.reduce((n, channel) => n + channel.client_count, 0) === 3)
      .then(() => connectWriter(node, closing))
      .then((writer) => publish(writer, 'fan', Array.from({ length: total }, (_, i) => `${i}`)))
      .catch(reject);
  });
  assert.ok(shared[0] > 0 && shared[1] > 0, `both work: ${shared}`);
});

// snappy is an optional, native part of nsqjs and is not installed.
for (const layers of [{ tls: true }, { deflate: true }, { tls: true, deflate: true }]) {
  withCluster(`talks through ${Object.keys(layers).join(' and ')}`, async (cluster, flags, closing) => {
    const node = await cluster.nsqd([...flags, ...cluster.certificate()]);
    const options = { ...layers, tlsVerification: false };
    const writer = await connectWriter(node, closing, options);
    const bodies = Array.from({ length: 200 }, (_, i) => `${i}:`.padEnd(10 + i * 20, 'x'));
    await publish(writer, 'layers', bodies);
    const seen = new Set();
    await new Promise((resolve) => {
      read('layers', 'ch', { ...options, nsqdTCPAddresses: `127.0.0.1:${node.tcp}` }, closing,
        (message) => {
          seen.add(message.body.toString());
          message.finish();
          if (seen.size === bodies.length) resolve();
        });
    });
    assert.deepEqual(seen, new Set(bodies));
    const { topics } = await json(node.http, '/stats?format=json&topic=layers');
    const [client] = topics[0].channels[0].clients;
    assert.equal(client.tls, layers.tls ?? false);
    assert.equal(client.deflate, layers.deflate ?? false);
  });
}
