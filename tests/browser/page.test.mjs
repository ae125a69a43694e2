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
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    await page.goto(admin.url);
    await row('orders').waitFor();
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
    assert.ok(worst.ratio >= 4.5, `${colorScheme}: "${worst.text}" has a contrast of ${worst.ratio}`);
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
