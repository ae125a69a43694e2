// Asks for the cluster again and again, and tells who listens: { report, error, failedSince }.

import { base } from './config.js';

const EVERY_MS = 2000;
const HIDDEN_EVERY_MS = 15000; // nobody looks; the past goes on
const FIRST_RATE_MS = 1000; // rates need two reports
const TIMEOUT_MS = 20000;

export async function getJson(path) {
  let response;
  try {
    response = await fetch(base + path, {
      headers: { Accept: 'application/vnd.nsq; version=1.0' },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (error) {
    throw new Error(error.name === 'TimeoutError' ? 'nsqadmin did not answer in time' : 'nsqadmin cannot be reached');
  }
  let body;
  try {
    body = await response.json();
  } catch {
    throw new Error(`nsqadmin answered ${response.status} without JSON`);
  }
  if (!response.ok) throw Object.assign(new Error(body.message || `nsqadmin answered ${response.status}`), { status: response.status });
  return body;
}

export class Poller {
  // `detail()` gives the query that names the topic or node whose shares the page shows.
  constructor(detail, listen) {
    this.detail = detail;
    this.listen = listen;
    this.reports = 0;
    this.failedSince = null;
    this.timer = null;
    this.running = false;
    this.asked = 0; // answers to older questions are dropped
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden && this.running) this.now();
    });
  }

  start() {
    this.running = true;
    this.now();
  }

  stop() {
    this.running = false;
    clearTimeout(this.timer);
  }

  async now() {
    clearTimeout(this.timer);
    const question = ++this.asked;
    try {
      const report = await getJson('/api/cluster' + this.detail());
      if (question !== this.asked) return;
      this.reports += 1;
      this.failedSince = null;
      this.listen({ report, error: null, failedSince: null });
    } catch (error) {
      if (question !== this.asked) return;
      this.failedSince ??= Date.now();
      this.listen({ error: error.message, failedSince: this.failedSince });
    }
    if (!this.running) return;
    const wait = document.hidden ? HIDDEN_EVERY_MS : this.reports === 1 ? FIRST_RATE_MS : EVERY_MS;
    this.timer = setTimeout(() => this.now(), wait);
  }
}
