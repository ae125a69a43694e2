// The page as people use it: the real nsqadmin, a real browser, a cluster that says what we want.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { startAdmin, startBrowser } from './browser.mjs';
import { Nsqd, Nsqlookupd, channel, client, topic } from './fake_cluster.mjs';

let browser;
let page;
let a;
let b;
let lookupd;
let admin;
let complaints; // of the page: errors, refused resources, scripts that ran

before(async () => { browser = await startBrowser(); });
after(async () => { await browser.stop(); });

beforeEach(async () => {
  [a, b] = [await Nsqd.start(), await Nsqd.start()];
  lookupd = await Nsqlookupd.start([a, b]);
  a.topics = [topic('orders', { message_count: 100, channels: [channel('billing', { depth: 5, message_count: 100, clients: [client({})] })] })];
  b.topics = [topic('orders', { message_count: 50, channels: [channel('billing', { depth: 7, message_count: 50, clients: [client({ hostname: 'other', remote_address: '10.0.0.2:6000' })] })] }),
    topic('alone', {})];
  admin = await startAdmin(`-lookupd-http-address=${lookupd.address}`);
  complaints = [];
  page = await browser.context.newPage();
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => { if (message.type() === 'error') complaints.push(message.text()); });
  page.on('dialog', (dialog) => { complaints.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.setDefaultTimeout(15000);
});

afterEach(async () => {
  await page.close();
  assert.equal(await admin.stop(), 0, 'SIGTERM ends nsqadmin with 0');
  await Promise.allSettled([a.stop(), b.stop(), lookupd.stop()]);
});

const row = (name) => page.locator('tbody tr', { has: page.getByRole('rowheader').getByRole('link', { name, exact: true }) });
const cell = (name, label) => row(name).locator(`td[data-label="${label}"]`);
const tile = (label) => page.locator('.tile', { has: page.locator('dt', { hasText: new RegExp(`^${label}$`) }) }).locator('dd');

async function becomes(locator, text) {
  const deadline = Date.now() + 15000;
  let seen;
  while (Date.now() < deadline) {
    seen = (await locator.first().textContent().catch(() => null))?.trim();
    if (text instanceof RegExp ? text.test(seen ?? '') : seen === text) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`"${seen}" did not become ${text}`);
}

test('shows topics and channels added up over the nodes', async () => {
  await page.goto(admin.url);
  await becomes(cell('billing', 'Depth'), '12');
  await becomes(cell('billing', 'Consumers'), '2');
  await becomes(tile('Nodes up'), '2 of 2');
  assert.equal(await page.title(), 'Overview · nsqadmin');
  assert.deepEqual(complaints, []);
});

test('updates by itself, with rates from successive polls', async () => {
  await page.goto(admin.url);
  await becomes(cell('billing', 'Depth'), '12');
  const feed = setInterval(() => {
    a.topics[0].message_count += 100;
    a.topics[0].channels[0].message_count += 100;
    a.topics[0].channels[0].depth += 20;
  }, 50);
  try {
    await becomes(cell('orders', 'In/s'), /^[12],\d{3}$/);
    await becomes(cell('billing', 'Out/s'), /^[12],\d{3}$/);
  } finally {
    clearInterval(feed);
  }
  await becomes(cell('billing', 'Depth'), new Intl.NumberFormat('en-US').format(a.topics[0].channels[0].depth + 7));
  assert.deepEqual(complaints, []);
});

test('puts trouble first', async () => {
  a.topics[0].channels.push(channel('archive', { depth: 12345, message_count: 1 }));
  await page.goto(admin.url);
  await becomes(page.locator('.problems li'), /Channel orders \/ archive has no consumer, 12,345 messages waiting/);
  await b.stop();
  await becomes(page.locator('.problems li').first(), new RegExp(`Error\\s*nsqd ${b.address} is down: `));
  await becomes(tile('Nodes up'), '1 of 2');
});

// nsqlookupd forgets an nsqd the moment it dies.
test('remembers a node that has left', async () => {
  await page.goto(admin.url);
  await becomes(tile('Nodes up'), '2 of 2');
  lookupd.nsqds = [a];
  await becomes(tile('Nodes up'), '1 of 2');
  await becomes(page.locator('.problems li').first(), new RegExp(`nsqd ${b.address} has left`));
});

test('tells when nsqlookupd daemons disagree', async () => {
  const second = await Nsqlookupd.start([a]);
  const both = await startAdmin(`-lookupd-http-address=${lookupd.address}`, `-lookupd-http-address=${second.address}`);
  try {
    await page.goto(both.url);
    await becomes(page.locator('.problems li'), new RegExp(`nsqlookupd ${second.address} does not list nsqd ${b.address}`));
    await page.goto(`${both.url}/nodes`);
    await becomes(cell(b.address, 'Lookupds'), '1 of 2');
  } finally {
    await both.stop();
    await second.stop();
  }
});

test('says so when nsqadmin is gone, and keeps the last figures', async () => {
  await page.goto(admin.url);
  await becomes(cell('billing', 'Depth'), '12');
  await admin.stop();
  await becomes(page.getByRole('alert'), /nsqadmin cannot be reached.*trying again/);
  assert.equal((await cell('billing', 'Depth').textContent()).trim(), '12');
});

test('opens every URL of the original', async () => {
  lookupd.moreTopics = ['gone'];
  for (const [path, heading] of [['/', 'Cluster overview'], ['/topics', 'Cluster overview'], ['/topics/orders', 'orders'], ['/topics/orders/billing', 'billing'],
    ['/nodes', 'Nodes'], [`/nodes/${a.address}`, new RegExp(`^${a.address}`)], ['/counter', 'Messages processed'], ['/lookup', 'Lookup']]) {
    await page.goto(admin.url + path);
    await becomes(page.getByRole('heading', { level: 1 }), heading);
  }
  await becomes(page.getByRole('row', { name: /gone/ }), /gone.*left/);
  await page.goto(`${admin.url}/counter`);
  await becomes(page.locator('.digits'), '150');
  assert.deepEqual(complaints, []);
});

test('links lead through the cluster, and back', async () => {
  await page.goto(admin.url);
  await row('orders').getByRole('link', { name: 'orders' }).click();
  assert.equal(new URL(page.url()).pathname, '/topics/orders');
  await becomes(cell(b.address, 'Messages'), '50');
  await row('billing').getByRole('link').click();
  await becomes(page.getByRole('row', { name: /other:6000/ }), /test\/1/);
  await page.goBack();
  await page.goBack();
  await becomes(page.getByRole('heading', { level: 1 }), 'Cluster overview');
  assert.deepEqual(complaints, []);
});

test('sorts by any column and says how', async () => {
  a.topics.push(topic('busy', { message_count: 9, depth: 900, channels: [channel('c', {})] }));
  await page.goto(admin.url);
  const names = () => page.locator('tr.topic a.name').allTextContents();
  await row('busy').waitFor();
  assert.deepEqual(await names(), ['alone', 'busy', 'orders']);
  const depth = page.getByRole('columnheader', { name: 'Depth' });
  await depth.getByRole('button').click();
  assert.equal(await depth.getAttribute('aria-sort'), 'descending');
  assert.deepEqual(await names(), ['busy', 'orders', 'alone']);
  await depth.getByRole('button').click();
  assert.equal(await depth.getAttribute('aria-sort'), 'ascending');
  assert.deepEqual(await names(), ['alone', 'orders', 'busy']);
  await page.evaluate(() => localStorage.clear());
});

test('filters topics and channels', async () => {
  await page.goto(admin.url);
  await row('alone').waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('BILL');
  await row('alone').waitFor({ state: 'detached' });
  assert.equal(await row('billing').count(), 1);
  assert.equal(await row('orders').count(), 1, 'the topic of a channel that matches stays');
});

test('pauses a channel on every node, after a question', async () => {
  await page.goto(`${admin.url}/topics/orders/billing`);
  await page.locator('main').getByRole('button', { name: 'Pause' }).click();
  const dialog = page.getByRole('dialog', { name: 'Pause channel billing?' });
  await dialog.waitFor();
  assert.equal(await dialog.getByRole('button', { name: 'Cancel' }).evaluate((e) => e === document.activeElement), true, 'Enter by accident cancels');
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
  assert.deepEqual(a.told, []);
  await page.locator('main').getByRole('button', { name: 'Pause' }).click();
  await dialog.getByRole('button', { name: 'Pause' }).click();
  await becomes(page.getByRole('status'), /Paused channel billing/);
  for (const nsqd of [a, b]) assert.deepEqual(nsqd.told, ['/channel/pause?topic=orders&channel=billing']);
  a.topics[0].channels[0].paused = true;
  await becomes(page.getByRole('heading', { level: 1 }), /paused on 1 of 2/);
  assert.deepEqual(complaints, []);
});

test('deletes a topic only when its name is typed, and goes home', async () => {
  await page.goto(`${admin.url}/topics/orders`);
  await page.getByRole('button', { name: 'Delete' }).click();
  const dialog = page.getByRole('dialog');
  const button = dialog.getByRole('button', { name: 'Delete' });
  await dialog.getByRole('textbox').fill('order');
  assert.equal(await button.isDisabled(), true);
  await dialog.getByRole('textbox').fill('orders');
  await button.click();
  await becomes(page.getByRole('heading', { level: 1 }), 'Cluster overview');
  assert.deepEqual(lookupd.told, ['/topic/delete?topic=orders']);
  for (const nsqd of [a, b]) assert.deepEqual(nsqd.told, ['/topic/delete?topic=orders']);
});

test('a warning of an action is shown until it is dismissed', async () => {
  b.refuse = true;
  await page.goto(`${admin.url}/topics/orders/billing`);
  await page.getByRole('button', { name: 'Empty' }).click();
  await becomes(page.getByRole('dialog'), /12 messages waiting, in flight or deferred will be dropped/);
  await page.getByRole('dialog').getByRole('button', { name: 'Empty' }).click();
  await becomes(page.getByRole('status'), /Emptied channel billing, but not everywhere.*WARNING: got response 404/s);
  await page.getByRole('button', { name: 'Dismiss' }).click();
  await becomes(page.getByRole('status'), '');
});

test('creates and deletes on the lookup page', async () => {
  lookupd.moreTopics = ['gone'];
  await page.goto(`${admin.url}/lookup`);
  await page.getByLabel('Topic', { exact: true }).fill('new');
  await page.getByLabel('Channel', { exact: true }).fill('x');
  await page.getByRole('button', { name: 'Create' }).click();
  await becomes(page.getByRole('status'), /Created channel x of topic new/);
  assert.deepEqual(lookupd.told.slice(0, 2), ['/topic/create?topic=new', '/channel/create?topic=new&channel=x']);
  await row('gone').getByRole('button', { name: 'Delete topic gone' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await row('gone').waitFor({ state: 'detached' });
});

test('takes a topic off one node', async () => {
  await page.goto(`${admin.url}/nodes/${a.address}`);
  await row('orders').getByRole('button', { name: 'Tombstone' }).click();
  await page.getByRole('dialog').getByRole('textbox').fill('orders');
  await page.getByRole('dialog').getByRole('button', { name: 'Tombstone' }).click();
  await becomes(page.getByRole('status'), /Tombstoned orders/);
  assert.deepEqual(lookupd.told, [`/topic/tombstone?topic=orders&node=${encodeURIComponent(a.address)}`]);
  assert.deepEqual([a.told, b.told], [['/topic/delete?topic=orders'], []]);
});

test('those who are not admins see no buttons, and other sites cannot act', async () => {
  const guarded = await startAdmin(`-lookupd-http-address=${lookupd.address}`, '-admin-user=root');
  try {
    await page.goto(`${guarded.url}/topics/orders/billing`);
    await becomes(tile('Depth'), '12');
    assert.equal(await page.getByRole('button', { name: 'Empty' }).count(), 0);
    const pause = { data: { action: 'pause' } };
    assert.equal((await page.request.post(`${guarded.url}/api/topics/orders`, pause)).status(), 403);
    assert.equal((await page.request.post(`${guarded.url}/api/topics/orders`, { ...pause, headers: { 'X-Forwarded-User': 'root' } })).status(), 200);
    // A page of another port is another site; it sends what no preflight guards.
    await page.goto(`http://${a.address}/stats`);
    const told = a.told.length;
    await page.evaluate((url) => fetch(url, { method: 'POST', mode: 'no-cors', body: '{"action":"pause"}' }).catch(() => {}), `${admin.url}/api/topics/orders`);
    assert.equal(a.told.length, told);
    assert.ok(admin.said.some((line) => line.includes('403 POST /api/topics/orders')), 'it was asked, and refused');
  } finally {
    await guarded.stop();
  }
});

// Names are checked by nsqd, but a page must not rely on it; client ids and user agents are free text.
test('names cannot become markup', async () => {
  const evil = '"><img src=x onerror="alert(1)"><script>alert(2)</script>{{CONFIG}}';
  a.topics = [topic(evil, { depth: 1, channels: [channel(evil, { depth: 3, clients: [client({ hostname: evil, client_id: evil, user_agent: evil })] })] })];
  a.health = evil;
  for (const path of ['/', `/topics/${encodeURIComponent('"><img src=x onerror="alert(1)">')}`, '/nodes']) {
    await page.goto(admin.url + path);
    await page.locator('main h1').waitFor({ state: 'attached' });
  }
  await page.goto(admin.url);
  await becomes(page.locator('.problems li').first(), /reports: "><img/);
  await row(evil).first().getByRole('link', { name: evil }).first().click();
  await becomes(page.getByRole('heading', { level: 1 }), new RegExp('^"><img src=x onerror'));
  assert.equal(await page.locator('main img, main script').count(), 0);
  assert.deepEqual(complaints, []);
});

test('fits a phone', async () => {
  a.topics[0].channels.push(channel('a-channel-with-a-rather-long-name-that-goes-on-and-on-and-on-64', { depth: 1234567890 }));
  await page.setViewportSize({ width: 360, height: 740 });
  for (const path of ['/', '/topics/orders', '/topics/orders/billing', '/nodes', `/nodes/${a.address}`, '/lookup', '/counter']) {
    await page.goto(admin.url + path);
    await page.locator('main h1').waitFor({ state: 'attached' });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(overflow <= 0, `${path} is ${overflow} px too wide`);
  }
});

test('follows the scheme of the system, and keeps its contrast in both', async () => {
  // Every colour there is: trouble of each kind, badges, a warning.
  a.topics.push(topic('paused', { paused: true, depth: 3, channels: [channel('c', { depth: 4 })] }));
  a.draining = true;
  b.hangs = true;
  lookupd.moreTopics = ['gone'];
  await page.goto(admin.url);
  await row('orders').waitFor();
  const paths = ['/', '/topics/orders', '/topics/paused/c', '/nodes', `/nodes/${a.address}`, '/lookup', '/counter'];
  for (const [colorScheme, path] of ['light', 'dark'].flatMap((scheme) => paths.map((p) => [scheme, p]))) {
    await page.emulateMedia({ colorScheme });
    await page.goto(admin.url + path);
    await page.locator('main h1').waitFor({ state: 'attached' });
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), colorScheme);
    const worst = await page.evaluate(() => {
      const rgb = (color) => color.match(/[\d.]+/g).map(Number);
      const luminance = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
      const behind = (element) => {
        for (let e = element; e; e = e.parentElement) {
          const color = rgb(getComputedStyle(e).backgroundColor);
          if (color.length < 4 || color[3] > 0) return color;
        }
        return [255, 255, 255];
      };
      let found = { ratio: 21 };
      for (const element of document.querySelectorAll('#app *')) {
        const text = [...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
        if (!text || element.disabled || !element.checkVisibility() || element.closest('.hidden, .skip')) continue;
        const [x, y] = [luminance(rgb(getComputedStyle(element).color)), luminance(behind(element))];
        const ratio = (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
        if (ratio < found.ratio) found = { ratio, text: element.textContent.slice(0, 40) };
      }
      return found;
    });
    assert.ok(worst.ratio >= 4.5, `${colorScheme} ${path}: "${worst.text}" has a contrast of ${worst.ratio}`);
  }
});

test('lives under a base path', async () => {
  const based = await startAdmin(`-lookupd-http-address=${lookupd.address}`, '-base-path=/ops/nsq/');
  try {
    await page.goto(`${based.url}/ops/nsq/topics/orders`);
    await becomes(cell('billing', 'Depth'), '12');
    await page.getByRole('link', { name: 'Nodes', exact: true }).click();
    assert.equal(new URL(page.url()).pathname, '/ops/nsq/nodes');
    await becomes(page.getByRole('heading', { level: 1 }), 'Nodes');
    assert.equal((await page.request.get(`${based.url}/ping`)).status(), 404);
    assert.deepEqual(complaints, []);
  } finally {
    await based.stop();
  }
});

test('draws its charts, and nothing is fetched from elsewhere', async () => {
  const hosts = new Set();
  page.on('request', (request) => hosts.add(new URL(request.url()).host));
  await page.goto(admin.url);
  await page.locator('.chart canvas').first().waitFor();
  await becomes(page.locator('.chart').first(), /In.*Out/s);
  assert.deepEqual([...hosts], [new URL(admin.url).host]);
});

test('several topics and channels are emptied or deleted together, and the question says what goes', async () => {
  a.topics.push(topic('spare', { depth: 3, channels: [channel('x', { depth: 40, in_flight_count: 2, clients: [client({})] })] }));
  await page.goto(admin.url);
  await page.getByRole('checkbox', { name: 'Select topic spare' }).check();
  await page.getByRole('checkbox', { name: 'Select channel spare / x' }).check();
  await page.getByRole('checkbox', { name: 'Select channel orders / billing' }).check();
  const bar = page.getByRole('region', { name: 'Selected' });
  await becomes(bar.locator('span'), '1 topic and 2 channels selected');
  await bar.getByRole('button', { name: 'Empty' }).click();
  await becomes(page.getByRole('dialog'), /57 messages will be dropped/);
  await page.keyboard.press('Escape');
  await bar.getByRole('button', { name: 'Delete' }).click();
  const dialog = page.getByRole('dialog', { name: /Delete 1 topic and 2 channels/ });
  await becomes(dialog, /Lost on every node: 57 messages, 1 channel and the connections of 3 consumers/);
  await becomes(dialog.locator('.items'), /orders \/ billing \(12 messages and the connections of 2 consumers\)/);
  assert.equal(await dialog.getByRole('button', { name: 'Delete' }).isDisabled(), true);
  b.refuse = true;
  await dialog.getByRole('textbox').fill('delete');
  await dialog.getByRole('button', { name: 'Delete' }).click();
  await becomes(page.getByRole('status').first(), /Deleted 2 of 2:.*orders \/ billing: WARNING: got response 404/s);
  // The channel of a topic that goes is not told by itself.
  assert.deepEqual(a.told.sort(), ['/channel/delete?topic=orders&channel=billing', '/topic/delete?topic=spare']);
  assert.equal(await bar.count(), 0, 'nothing is selected any more');
  assert.deepEqual(complaints, []);
});

test('charts begin with what the server remembers', async () => {
  const watched = await startAdmin(`-lookupd-http-address=${lookupd.address}`, '-sample-interval=100ms');
  try {
    // Points are kept some five seconds apart.
    const deadline = Date.now() + 30000;
    let past = { times: [] };
    while (past.times.length < 2 && Date.now() < deadline) {
      past = await (await page.request.get(`${watched.url}/api/history?topic=orders`)).json();
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.deepEqual(past.topics.orders.channels.billing.depth, [12, 12]);
    await page.goto(`${watched.url}/topics/orders/billing`);
    await page.locator('.chart canvas').first().waitFor();
    await becomes(tile('Depth'), '12');
    await page.locator('.tile', { hasText: 'Depth' }).locator('path').waitFor({ state: 'attached' });
  } finally {
    await watched.stop();
  }
});

test('shows latency where nsqd measures it', async () => {
  a.topics[0].channels[0].e2e_processing_latency = { count: 10, percentiles: [{ quantile: 0.99, value: 250e6 }, { quantile: 0.5, value: 3e6 }] };
  b.topics[0].channels[0].e2e_processing_latency = { count: 30, percentiles: [{ quantile: 0.99, value: 50e6 }, { quantile: 0.5, value: 1e6 }] };
  await page.goto(admin.url);
  await becomes(cell('billing', 'Latency'), '100 ms');
  await page.goto(`${admin.url}/topics/orders/billing`);
  await becomes(tile('Latency, p99'), '100 ms');
  await becomes(tile('Latency, p50'), '1.5 ms');
  await becomes(page.locator('.chart', { hasText: 'Latency' }), /p99/);
});

test('a node shows its connections and what takes no messages any more', async () => {
  a.draining = true;
  a.topics[0].channels[0].clients[0] = client({ hostname: 'worker-7', tls: true, tls_version: 'TLS1.3', ready_count: 0, user_agent: 'agent/7' });
  await page.goto(`${admin.url}/nodes/${a.address}`);
  await becomes(page.getByRole('heading', { level: 1 }), /draining/);
  const connection = page.getByRole('row', { name: /worker-7:5000/ });
  await becomes(connection, /orders \/ billing.*agent\/7.*TLS 1\.3/s);
  await becomes(connection.locator('td[data-label="Connected"]'), /1 min 3\d s/);
  await page.getByRole('searchbox', { name: 'Filter consumers' }).fill('nobody');
  await connection.waitFor({ state: 'detached' });
  await page.goto(`${admin.url}/nodes`);
  await page.getByRole('searchbox', { name: 'Filter nodes' }).fill(b.address);
  await row(a.address).waitFor({ state: 'detached' });
  assert.equal(await row(b.address).count(), 1);
});

test('a channel is added on the topic page, and taken off one node there', async () => {
  await page.goto(`${admin.url}/topics/orders`);
  await page.getByRole('button', { name: 'Add channel' }).click();
  await page.getByLabel('Channel', { exact: true }).fill('fresh');
  await page.getByRole('button', { name: 'Create' }).click();
  await becomes(page.getByRole('status').first(), /Created channel fresh of topic orders/);
  assert.deepEqual(a.told, ['/channel/create?topic=orders&channel=fresh']);
  await row(b.address).getByRole('button', { name: 'Tombstone' }).click();
  await becomes(page.getByRole('dialog'), /7 messages there will be lost/);
  await page.getByRole('dialog').getByRole('textbox').fill('orders');
  await page.getByRole('dialog').getByRole('button', { name: 'Tombstone' }).click();
  await becomes(page.getByRole('status').first(), /Tombstoned orders/);
  assert.deepEqual(b.told, ['/channel/create?topic=orders&channel=fresh', '/topic/delete?topic=orders']);
});

test("a topic's durability is shown and set", async () => {
  await page.goto(`${admin.url}/topics/orders`);
  await becomes(tile('Channels'), '1');
  assert.equal(await page.getByRole('button', { name: 'Durability' }).count(), 0, "the original's nsqd has none");
  a.topics[0].durability = b.topics[0].durability = 'os';
  await becomes(tile('Durability'), 'os');
  await page.getByRole('button', { name: 'Durability' }).click();
  const dialog = page.getByRole('dialog', { name: 'Durability of topic orders' });
  assert.equal(await dialog.getByRole('button', { name: 'Set' }).isDisabled(), true, 'nothing to set yet');
  await dialog.getByRole('radio', { name: /^fsync/ }).check();
  await dialog.getByRole('button', { name: 'Set' }).click();
  await becomes(page.getByRole('status').first(), /Set durability of topic orders\./);
  for (const nsqd of [a, b]) assert.deepEqual(nsqd.told, ['/topic/config?topic=orders&durability=fsync']);
  b.topics[0].durability = 'fsync';
  await becomes(tile('Durability'), 'mixed');
  assert.deepEqual(complaints, []);
});

// Thirty rows of zeros are no help on a phone.
test('on a phone a card leaves out what is zero, but never that nobody consumes', async () => {
  b.topics = [];
  a.topics[0].channels = [channel('billing', { depth: 3, requeue_count: 8 })];
  await page.setViewportSize({ width: 375, height: 740 });
  await page.goto(admin.url);
  await becomes(cell('billing', 'Depth'), '3');
  for (const [label, shown] of [['Depth', true], ['Consumers', true], ['In/s', true], ['Requeued', true], ['Timed out', false], ['Deferred', false]]) {
    assert.equal(await cell('billing', label).isVisible(), shown, label);
  }
  await page.setViewportSize({ width: 1280, height: 900 });
  assert.equal(await cell('billing', 'Timed out').isVisible(), true);
});

test('one forgotten channel is deleted without its topic', async () => {
  lookupd.moreTopics = ['gone'];
  lookupd.channels = ['left', 'other#ephemeral'];
  await page.goto(`${admin.url}/lookup`);
  await page.getByRole('button', { name: 'Delete channel other#ephemeral of topic gone' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await becomes(page.getByRole('status').first(), /Deleted channel other#ephemeral/);
  assert.deepEqual(lookupd.told, ['/channel/delete?topic=gone&channel=other%23ephemeral']);
});

test('the keyboard leads everywhere', async () => {
  await page.goto(admin.url);
  await row('orders').waitFor();
  await page.keyboard.press('g');
  await page.keyboard.press('n');
  await becomes(page.getByRole('heading', { level: 1 }), 'Nodes');
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keyboard' }).waitFor();
  await page.keyboard.press('Escape');
  await page.keyboard.press('/');
  await page.keyboard.type('gn');
  assert.equal(await page.getByRole('searchbox').first().inputValue(), 'gn', 'letters typed are letters');
  await page.keyboard.press('Escape');
  await page.keyboard.press('g');
  await page.keyboard.press('l');
  await becomes(page.getByRole('heading', { level: 1 }), 'Lookup');
  await page.goto(admin.url);
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to content');
});

test('every control has a name and every picture a text', async () => {
  lookupd.moreTopics = ['gone'];
  for (const path of ['/', '/topics/orders', '/topics/orders/billing', '/nodes', `/nodes/${a.address}`, '/lookup', '/counter']) {
    await page.goto(admin.url + path);
    await page.locator('main h1').first().waitFor({ state: 'attached' });
    const nameless = await page.evaluate(() => [...document.querySelectorAll('button, a, input, select, img, [role=img]')]
      .filter((e) => !(e.getAttribute('aria-label') || e.labels?.length || e.alt || e.textContent.trim() || e.title)).map((e) => e.outerHTML));
    assert.deepEqual(nameless, [], path);
    assert.equal(await page.locator('h1').count(), 1, path);
  }
});

test('a node that never answers, or answers rubbish, is named and the rest is shown', async () => {
  b.rubbish = '<html>not nsqd</html>';
  await page.goto(admin.url);
  await becomes(page.locator('.problems li').first(), new RegExp(`nsqd ${b.address} is down: answer is no JSON`));
  await becomes(cell('billing', 'Depth'), '5');
  b.rubbish = undefined;
  b.hangs = true;
  await becomes(page.locator('.problems li').first(), new RegExp(`nsqd ${b.address} is down: no answer in time`));
  await becomes(cell('billing', 'Depth'), '5');
  await becomes(page.locator('.partial'), /These figures leave out the node that does not answer/);
  // What it holds is not known, which is not nothing.
  await page.goto(`${admin.url}/nodes`);
  await becomes(cell(b.address, 'Depth'), '–');
  await becomes(cell(b.address, 'Topics'), '–');
  await page.goto(`${admin.url}/nodes/${b.address}`);
  await becomes(tile('Depth'), '–');
  await becomes(page.locator('.panel', { hasText: 'Topics on this node' }), /Not known: the node does not answer/);
  await page.goto(`${admin.url}/topics/unknown`);
  await becomes(page.locator('.notice'), /No node of this cluster has this topic/);
  await page.goto(`${admin.url}/topics/orders/unknown`);
  await becomes(page.locator('.notice'), /No node that answers has this channel/);
  await page.goto(`${admin.url}/nodes/1.2.3.4:5`);
  await becomes(page.locator('.notice'), /No such node in this cluster/);
  assert.deepEqual(complaints.filter((c) => !c.includes('404')), []);
});

test('graphite draws its graphs when there is one', async () => {
  const asked = [];
  const graphite = await import('node:http').then(({ createServer }) => createServer((request, response) => {
    asked.push(decodeURIComponent(request.url));
    response.setHeader('Content-Type', 'image/png');
    response.setHeader('Cross-Origin-Resource-Policy', 'cross-origin');
    response.end(Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64'));
  }));
  await new Promise((resolve) => graphite.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${graphite.address().port}`;
  for (const [flags, base] of [[[`-graphite-url=${url}`], ''], [[`-graphite-url=${url}`, '-proxy-graphite', '-base-path=/ops'], '/ops']]) {
    const graphed = await startAdmin(`-lookupd-http-address=${lookupd.address}`, ...flags);
    try {
      asked.length = 0;
      complaints.length = 0;
      await page.goto(`${graphed.url}${base}/topics/orders/billing?t=24h`);
      const picture = page.getByRole('img', { name: 'Depth over the last 24h' });
      await picture.scrollIntoViewIfNeeded();
      for (let i = 0; i < 100 && !await picture.evaluate((e) => e.complete && e.naturalWidth > 0); i += 1) await new Promise((resolve) => setTimeout(resolve, 50));
      assert.ok(await picture.evaluate((e) => e.naturalWidth > 0), 'the picture was let in');
      assert.ok(asked.some((u) => u.startsWith('/render?') && u.includes('from=-24h') && u.includes('target=summarize(sumSeries(stats.gauges.nsq.*.topic.orders.channel.billing.depth),"60sec","avg")')), asked.join('\n'));
      await page.getByLabel("Time span of graphite's graphs").selectOption('off');
      await picture.waitFor({ state: 'detached' });
      assert.deepEqual(complaints, []);
    } finally {
      await graphed.stop();
      await page.evaluate(() => localStorage.clear());
    }
  }
  graphite.closeAllConnections();
  graphite.close();
});

test('a refused change is said in words', async () => {
  await page.goto(`${admin.url}/lookup`);
  await page.getByLabel('Topic', { exact: true }).fill('not valid');
  await page.getByRole('button', { name: 'Create' }).click();
  await becomes(page.getByRole('status').first(), /no valid name of a topic/);
  assert.deepEqual(lookupd.told, []);
});
