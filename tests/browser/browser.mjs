// Starts the real nsqadmin and a browser, each with its own temporary folder and a free port.

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

export async function startAdmin(...flags) {
  const child = spawn(join(process.env.NSQ_BIN_DIR, 'nsqadmin'), ['-http-address=127.0.0.1:0', ...flags], { stdio: ['ignore', 'ignore', 'pipe'] });
  const said = [];
  const url = await new Promise((resolve, reject) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      said.push(line);
      const found = line.match(/HTTP: listening on (\S+)/);
      if (found) resolve(`http://${found[1]}`);
    });
    child.on('exit', (code) => reject(new Error(`nsqadmin ended with ${code}: ${said.join('\n')}`)));
  });
  const ended = new Promise((resolve) => child.on('exit', (code) => resolve(code)));
  return {
    url,
    said, // its log
    stop() {
      child.kill('SIGTERM');
      return ended;
    },
  };
}

export async function startBrowser() {
  const profile = await mkdtemp(join(tmpdir(), 'nsq-browser-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM,
    headless: true,
    viewport: { width: 1280, height: 900 },
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
  return {
    context,
    async stop() {
      await context.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}
