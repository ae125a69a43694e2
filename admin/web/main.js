// The page: which view belongs to the URL, the frame around it, and the poll that feeds it.

import { html, render, useEffect, useMemo, useReducer, useState } from './vendor/preact-htm.js';
import { base, config } from './config.js';
import { Poller } from './cluster.js';
import { History } from './history.js';
import { CHANGED, Question, Sayings } from './actions.js';
import { Help, useKeys } from './keys.js';
import { Link } from './components.js';
import { age, clock } from './format.js';
import { Overview } from './overview.js';
import { TopicPage } from './topic.js';
import { ChannelPage } from './channel.js';
import { NodesPage, NodePage } from './nodes.js';
import { LookupPage } from './lookup.js';
import { CounterPage } from './counter.js';

// "/topics/a%23ephemeral/b" -> { view: 'channel', topic: 'a#ephemeral', channel: 'b' }
function readRoute() {
  const path = location.pathname.slice(base.length);
  const parts = path.split('/').filter(Boolean).map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
  const [first, second, third] = parts;
  if (first === 'topics' && third !== undefined) return { view: 'channel', topic: second, channel: third };
  if (first === 'topics' && second !== undefined) return { view: 'topic', topic: second };
  if (first === 'nodes' && second !== undefined) return { view: 'node', node: second };
  if (['nodes', 'lookup', 'counter'].includes(first)) return { view: first };
  return { view: 'overview' };
}

const VIEWS = {
  overview: [Overview, () => 'Overview'],
  topic: [TopicPage, (r) => r.topic],
  channel: [ChannelPage, (r) => `${r.topic} / ${r.channel}`],
  nodes: [NodesPage, () => 'Nodes'],
  node: [NodePage, (r) => r.node],
  lookup: [LookupPage, () => 'Lookup'],
  counter: [CounterPage, () => 'Counter'],
};

const NAVIGATION = [
  ['/', 'Overview', ['overview', 'topic', 'channel']],
  ['/nodes', 'Nodes', ['nodes', 'node']],
  ['/lookup', 'Lookup', ['lookup']],
  ['/counter', 'Counter', ['counter']],
];

// Which shares the server is asked for.
function detailOf(route) {
  if (route.topic) return `?topic=${encodeURIComponent(route.topic)}`;
  if (route.node) return `?node=${encodeURIComponent(route.node)}`;
  return '';
}

const THEMES = { auto: 'Automatic', light: 'Light', dark: 'Dark' };

// A browser may refuse storage: then the choice lasts as long as the page.
function rememberedTheme() {
  try {
    return localStorage.getItem('nsqadmin.theme') ?? 'auto';
  } catch {
    return 'auto';
  }
}

function useTheme() {
  const [choice, setChoice] = useState(rememberedTheme);
  const [system, setSystem] = useState(matchMedia('(prefers-color-scheme: dark)').matches);
  useEffect(() => {
    const query = matchMedia('(prefers-color-scheme: dark)');
    const changed = () => setSystem(query.matches);
    query.addEventListener('change', changed);
    return () => query.removeEventListener('change', changed);
  }, []);
  const theme = choice === 'auto' ? (system ? 'dark' : 'light') : choice;
  document.documentElement.dataset.theme = theme; // before charts read their colours
  return [theme, choice, (next) => {
    setChoice(next);
    try {
      localStorage.setItem('nsqadmin.theme', next);
    } catch {
      // As above.
    }
  }];
}

function Freshness({ state, paused, onToggle }) {
  const [, tick] = useReducer((n) => n + 1, 0);
  useEffect(() => {
    const timer = setInterval(tick, 1000);
    return () => clearInterval(timer);
  }, []);
  const seconds = state.receivedAt ? Math.floor((Date.now() - state.receivedAt) / 1000) : null;
  const [tone, text] = state.error ? ['bad', 'not connected']
    : seconds === null ? ['waiting', 'connecting']
      : paused ? ['waiting', `frozen at ${clock(state.receivedAt)}`]
        : ['good', seconds < 4 ? 'live' : `${age(seconds)} ago`];
  return html`<div class="freshness">
    <span class="dot ${tone}" aria-hidden="true"></span><span class="when">${text}</span>
    <button onClick=${onToggle} aria-pressed=${paused} title=${paused ? 'Go on updating' : 'Stop updating the page'}>${paused ? 'Go on' : 'Freeze'}</button>
  </div>`;
}

function App() {
  const [route, setRoute] = useState(readRoute);
  const [paused, setPaused] = useState(false);
  const [state, setState] = useState({});
  const [theme, choice, choose] = useTheme();
  const past = useMemo(() => new History(), []);
  const poller = useMemo(() => new Poller(() => detailOf(readRoute()), (news) => {
    if (news.report) {
      past.add(news.report);
      news.receivedAt = Date.now();
    }
    setState((old) => ({ ...old, ...news }));
  }), []);

  useEffect(() => {
    const moved = () => setRoute(readRoute());
    addEventListener('popstate', moved);
    return () => removeEventListener('popstate', moved);
  }, []);
  useEffect(() => {
    if (paused) poller.stop();
    else poller.start();
  }, [paused]);
  useEffect(() => {
    // A report made just before the change is still handed out for a moment.
    const changed = () => setTimeout(() => poller.now(), 950);
    addEventListener(CHANGED, changed);
    return () => removeEventListener(CHANGED, changed);
  }, []);
  const where = JSON.stringify(route);
  const [, redraw] = useReducer((n) => n + 1, 0);
  useEffect(() => {
    if (!paused && state.report) poller.now();
    past.load(detailOf(route)).then(redraw);
  }, [where]);
  // A tab in the background still says that something is wrong.
  const errors = state.report?.problems.filter((p) => p.severity === 'error').length ?? 0;
  useEffect(() => {
    document.title = `${errors > 0 ? `(${errors}) ` : ''}${VIEWS[route.view][1](route)} · nsqadmin`;
  }, [where, errors]);
  useKeys();

  const [View] = VIEWS[route.view];
  return html`
    <a class="skip" href="#content">Skip to content</a>
    <header class="bar">
      <${Link} to="/" class="brand"><svg viewBox="0 0 32 32" width="22" height="22" aria-hidden="true"><g fill="none" stroke="currentColor" stroke-width="3" stroke-linecap="round"><path d="M6 16h7"/><path d="M13 16c6 0 4-8 12-8"/><path d="M13 16h12"/><path d="M13 16c6 0 4 8 12 8"/></g></svg>nsqadmin<//>
      <nav aria-label="Main">
        ${NAVIGATION.map(([to, label, views]) => html`<${Link} key=${to} to=${to} aria-current=${views.includes(route.view) ? 'page' : undefined}>${label}<//>`)}
      </nav>
      <${Freshness} state=${state} paused=${paused} onToggle=${() => setPaused(!paused)} />
    </header>
    ${state.error && html`<p class="banner" role="alert">${state.error}. ${state.report ? `Figures are from ${clock(state.receivedAt)}; trying again.` : 'Trying again.'}</p>`}
    <main id="content" tabindex="-1">
      ${state.report
        ? html`<${View} key=${where} report=${state.report} past=${past} theme=${theme} route=${route} paused=${paused} />`
        : !state.error && html`<p class="loading">Asking the cluster…</p>`}
    </main>
    <footer class="foot">
      <span>nsqadmin v${config.version}</span>
      <${Help} />
      ${state.report && html`<span>${state.report.mode === 'lookupd' ? 'nodes found by nsqlookupd' : 'nodes as configured'} · asked in ${state.report.took_ms} ms</span>`}
      <label>Theme <select value=${choice} onChange=${(e) => choose(e.target.value)}>
        ${Object.entries(THEMES).map(([value, label]) => html`<option key=${value} value=${value}>${label}</option>`)}
      </select></label>
    </footer>
    <${Sayings} />
    <${Question} />`;
}

render(html`<${App} />`, document.getElementById('app'));
