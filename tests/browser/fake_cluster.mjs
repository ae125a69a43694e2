// nsqlookupd and nsqd as nsqadmin sees them: small HTTP servers that say what a test wants.

import { createServer } from 'node:http';

const latency = { count: 0, percentiles: null };

function listen(answer) {
  const server = createServer((request, response) => {
    const url = new URL(request.url, 'http://x');
    const body = answer(url, request.method);
    if (body === undefined) return; // hangs
    if (body === null) {
      response.writeHead(404).end('{"message":"TOPIC_NOT_FOUND"}');
      return;
    }
    response.setHeader('X-NSQ-Content-Type', 'nsq; version=1.0');
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

export const client = (over) => ({
  client_id: 'host', hostname: 'host', version: 'V2', remote_address: '10.0.0.1:5000', state: 3, ready_count: 10,
  in_flight_count: 0, message_count: 0, finish_count: 0, requeue_count: 0, connect_ts: Math.floor(Date.now() / 1000) - 90,
  sample_rate: 0, deflate: false, snappy: false, user_agent: 'test/1', tls: false, ...over,
});

export const channel = (name, over = {}) => ({
  channel_name: name, depth: 0, backend_depth: 0, in_flight_count: 0, deferred_count: 0, message_count: 0, requeue_count: 0,
  timeout_count: 0, client_count: over.clients?.length ?? 0, clients: [], paused: false, e2e_processing_latency: latency, ...over,
});

export const topic = (name, over = {}) => ({
  topic_name: name, channels: [], depth: 0, backend_depth: 0, message_count: 0, message_bytes: 0, paused: false,
  e2e_processing_latency: latency, ...over,
});

export class Nsqd {
  topics = [];
  health = 'OK';
  start_time = Math.floor(Date.now() / 1000) - 3700;

  static async start() {
    const nsqd = new Nsqd();
    nsqd.server = await listen((url, method) => nsqd.answer(url, method));
    nsqd.port = nsqd.server.address().port;
    nsqd.address = `127.0.0.1:${nsqd.port}`;
    return nsqd;
  }

  told = []; // commands

  answer(url, method) {
    if (method === 'POST') {
      this.told.push(url.pathname + url.search);
      return this.refuse ? null : '';
    }
    if (this.hangs) return undefined;
    if (this.rubbish) return this.rubbish;
    if (url.pathname !== '/stats') return null;
    const wanted = url.searchParams.get('topic');
    const topics = this.topics.filter((t) => !wanted || t.topic_name === wanted);
    return { version: '1.3.0', health: this.health, start_time: this.start_time, topics, producers: null };
  }

  producer() {
    return { remote_address: '127.0.0.1:1', hostname: 'host', broadcast_address: '127.0.0.1', tcp_port: this.port, http_port: this.port, version: '1.3.0', draining: this.draining };
  }

  stop() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }
}

export class Nsqlookupd {
  nsqds = [];
  moreTopics = []; // without a producer
  channels = ['left']; // of those

  static async start(nsqds) {
    const lookupd = new Nsqlookupd();
    lookupd.nsqds = nsqds;
    lookupd.server = await listen((url, method) => lookupd.answer(url, method));
    lookupd.address = `127.0.0.1:${lookupd.server.address().port}`;
    return lookupd;
  }

  told = [];

  answer(url, method) {
    if (method === 'POST') {
      this.told.push(url.pathname + url.search);
      if (url.pathname === '/topic/create') this.moreTopics.push(url.searchParams.get('topic'));
      if (url.pathname === '/channel/delete') this.channels = this.channels.filter((c) => c !== url.searchParams.get('channel'));
      if (url.pathname === '/topic/delete') this.moreTopics = this.moreTopics.filter((t) => t !== url.searchParams.get('topic'));
      return '';
    }
    const names = (nsqd) => nsqd.topics.map((t) => t.topic_name);
    if (url.pathname === '/topics') return { topics: [...new Set([...this.nsqds.flatMap(names), ...this.moreTopics])] };
    if (url.pathname === '/nodes') {
      return { producers: this.nsqds.map((n) => ({ ...n.producer(), topics: names(n), tombstones: names(n).map(() => false) })) };
    }
    if (url.pathname === '/channels') return { channels: this.moreTopics.includes(url.searchParams.get('topic')) ? this.channels : [] };
    if (url.pathname === '/lookup') {
      const topic = url.searchParams.get('topic');
      const producers = this.nsqds.filter((n) => names(n).includes(topic)).map((n) => n.producer());
      if (producers.length === 0 && !this.moreTopics.includes(topic)) return null;
      return { channels: producers.length ? [] : this.channels, producers };
    }
    return null;
  }

  stop() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }
}
