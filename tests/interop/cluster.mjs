// Real daemons for one test: started on ports of their own, in a folder of their own.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const bin = process.env.NSQ_BIN_DIR;
if (!bin) throw new Error('NSQ_BIN_DIR must name the folder of the programs under test');

class Daemon {
  constructor(name, flags) {
    this.log = '';
    this.waiting = [];
    this.process = spawn(join(bin, name), flags, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.exited = once(this.process, 'exit');
    this.process.stderr.on('data', (text) => {
      this.log += text;
      this.waiting = this.waiting.filter((check) => !check());
    });
    this.exited.then(([code]) => {
      this.code = code;
      this.waiting.forEach((check) => check());
    });
  }

  // The first group of a pattern in the log, once it is there.
  logged(pattern) {
    return new Promise((resolve, reject) => {
      const check = () => {
        const found = pattern.exec(this.log);
        if (found) resolve(found[1]);
        else if (this.code !== undefined) reject(new Error(`exited with ${this.code}:\n${this.log}`));
        return found !== null;
      };
      if (!check()) this.waiting.push(check);
    });
  }

  async start() {
    this.tcp = Number(await this.logged(/TCP: listening on \S+:(\d+)/));
    this.http = Number(await this.logged(/HTTP: listening on \S+:(\d+)/));
    return this;
  }

  async stop(signal = 'SIGTERM') {
    if (this.code === undefined) this.process.kill(signal);
    const [code] = await this.exited;
    return code;
  }
}

export class Cluster {
  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'nsq-interop-'));
    this.daemons = [];
  }

  async lookupd() {
    this.directory = await this.run('nsqlookupd', [
      '-tcp-address=127.0.0.1:0', '-http-address=127.0.0.1:0', '-broadcast-address=127.0.0.1',
    ]);
    return this.directory;
  }

  async nsqd(flags = []) {
    const data = join(this.folder, `nsqd-${this.daemons.length}`);
    mkdirSync(data);
    return this.run('nsqd', [
      '-tcp-address=127.0.0.1:0', '-http-address=127.0.0.1:0', '-broadcast-address=127.0.0.1',
      `-data-path=${data}`, ...flags,
      ...(this.directory ? [`-lookupd-tcp-address=127.0.0.1:${this.directory.tcp}`] : []),
    ]);
  }

  // The flags of a certificate made for this cluster.
  certificate() {
    const [cert, key] = [join(this.folder, 'server.pem'), join(this.folder, 'server.key')];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
      '-nodes', '-days', '1', '-subj', '/CN=localhost', '-out', cert, '-keyout', key],
    { stdio: 'ignore' });
    return [`-tls-cert=${cert}`, `-tls-key=${key}`, '-https-address='];
  }

  async run(name, flags) {
    const daemon = new Daemon(name, flags);
    this.daemons.push(daemon);
    return daemon.start();
  }

  async stop() {
    const codes = [];
    for (const daemon of this.daemons.reverse()) codes.push(await daemon.stop());
    rmSync(this.folder, { recursive: true, force: true });
    return codes;
  }
}

export async function json(port, path) {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`);
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

// Asks again until `good` likes the answer; the test's own time limit ends it.
export async function until(ask, good) {
  for (;;) {
    const answer = await ask();
    if (good(answer)) return answer;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
