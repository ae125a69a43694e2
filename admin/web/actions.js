// What changes the cluster: buttons, the question before, the word afterwards. All of it is hidden from
// those who are not admins; the server checks again.

import { html, useEffect, useRef, useState } from './vendor/preact-htm.js';
import { base, config } from './config.js';
import { go, topicUrl } from './components.js';
import { plural } from './format.js';

export const CHANGED = 'nsqadmin:changed';
const ASK = 'nsqadmin:ask';
const SAY = 'nsqadmin:say';
const tell = (name, detail) => dispatchEvent(new CustomEvent(name, { detail }));

// The server's words for programs, for people.
const WORDS = {
  FORBIDDEN: 'You may not change anything here.',
  INVALID_TOPIC: 'This is no valid name of a topic: 1 to 64 letters, digits, dots, underscores and hyphens, perhaps #ephemeral at its end.',
  INVALID_CHANNEL: 'This is no valid name of a channel: 1 to 64 letters, digits, dots, underscores and hyphens, perhaps #ephemeral at its end.',
  TOPIC_NOT_FOUND: 'Nobody knows this topic any more.',
  NODE_NOT_FOUND: 'This node is not of the cluster any more.',
};

async function send(method, path, body) {
  let response;
  try {
    response = await fetch(base + path, {
      method,
      headers: body ? { 'Content-Type': 'application/json' } : {},
      body: body ? JSON.stringify(body) : undefined,
    });
  } catch {
    throw new Error('nsqadmin cannot be reached');
  }
  const { message } = await response.json().catch(() => ({ message: `nsqadmin answered ${response.status}` }));
  if (!response.ok) throw new Error(WORDS[message] ?? message);
  return message;
}

async function act(done, method, path, body) {
  try {
    const warning = await send(method, path, body);
    tell(SAY, warning ? { tone: 'warn', text: `${done}, but not everywhere.\n${warning}` } : { tone: 'good', text: `${done}.` });
    tell(CHANGED);
    return true;
  } catch (error) {
    tell(SAY, { tone: 'bad', text: error.message });
    return false;
  }
}

// The question: { title, text, items, word, danger, typed, choices, chosen, run }. With `typed` that must be
// typed first; of `choices`, { value, label, hint }, one is picked. `run(step, choice)` may say how far it is
// by step(done, of).
export function Question() {
  const [question, setQuestion] = useState(null);
  const [typed, setTyped] = useState('');
  const [choice, setChoice] = useState('');
  const [busy, setBusy] = useState(false);
  const [progress, setProgress] = useState('');
  const dialog = useRef(null);
  useEffect(() => {
    const asked = (event) => {
      setTyped('');
      setChoice(event.detail.chosen);
      setQuestion(event.detail);
    };
    addEventListener(ASK, asked);
    return () => removeEventListener(ASK, asked);
  }, []);
  useEffect(() => {
    if (question && !dialog.current.open) dialog.current.showModal();
    if (!question && dialog.current.open) dialog.current.close();
  }, [question]);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    await question.run((done, of) => setProgress(`${done} of ${of}`), choice);
    setBusy(false);
    setProgress('');
    setQuestion(null);
  };
  const ready = !busy && (!question?.typed || typed === question.typed) && (!question?.choices || choice !== question.chosen);
  return html`<dialog ref=${dialog} onClose=${() => setQuestion(null)} aria-labelledby="question">
    ${question && html`<form onSubmit=${submit}>
      <h2 id="question">${question.title}</h2>
      <p>${question.text}</p>
      ${question.items && html`<ul class="items">${question.items.map((item) => html`<li key=${item}>${item}</li>`)}</ul>`}
      ${question.choices && html`<fieldset class="choices"><legend class="hidden">${question.title}</legend>${question.choices.map(({ value, label, hint }) => html`<label key=${value}>
        <input type="radio" name="choice" value=${value} checked=${choice === value} onChange=${() => setChoice(value)} /><span><b>${label}</b> ${hint}</span></label>`)}</fieldset>`}
      ${question.typed && html`<label>Type <b>${question.typed}</b> to go on
        <input value=${typed} onInput=${(e) => setTyped(e.target.value)} autocomplete="off" spellcheck=${false} /></label>`}
      <div class="buttons">
        ${progress && html`<span class="progress" role="status">${progress}</span>`}
        <button type="button" autofocus=${!question.typed} onClick=${() => setQuestion(null)}>Cancel</button>
        <button type="submit" class=${question.danger ? 'danger' : 'primary'} disabled=${!ready}>${question.word}</button>
      </div>
    </form>`}
  </dialog>`;
}

// What came of it; warnings and errors stay until they are dismissed.
export function Sayings() {
  const [sayings, setSayings] = useState([]);
  const drop = (id) => setSayings((all) => all.filter((one) => one.id !== id));
  useEffect(() => {
    let next = 0;
    const said = (event) => {
      const one = { ...event.detail, id: ++next };
      setSayings((all) => [...all.slice(-3), one]);
      if (one.tone === 'good') setTimeout(() => drop(one.id), 5000);
    };
    addEventListener(SAY, said);
    return () => removeEventListener(SAY, said);
  }, []);
  return html`<div class="sayings" role="status" aria-live="polite">
    ${sayings.map((one) => html`<p key=${one.id} class="notice ${one.tone}">${one.text}
      <button class="link" onClick=${() => drop(one.id)}>Dismiss</button></p>`)}
  </div>`;
}

const ask = (question) => tell(ASK, question);

function Button({ label, danger, question }) {
  return html`<button class=${danger ? 'action danger' : 'action'} onClick=${() => ask({ danger, word: label, ...question })}>${label}</button>`;
}

const and = (parts) => (parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} and ${parts[parts.length - 1]}`);

// What goes with a topic or channel: "12 messages, 2 channels and 3 consumers' connections".
function lossOf({ messages, channels, consumers }) {
  return and([plural(messages, 'message'), ...(channels > 0 ? [plural(channels, 'channel')] : []), ...(consumers > 0 ? [`the connections of ${plural(consumers, 'consumer')}`] : [])]);
}

const held = (load) => load.depth + (load.in_flight ?? 0) + (load.deferred ?? 0);

// With the topic all of its channels go.
export function lostWith(topic) {
  return {
    messages: topic.depth + topic.channels.reduce((n, c) => n + held(c), 0),
    channels: topic.channels.length,
    consumers: topic.channels.reduce((n, c) => n + c.clients, 0),
  };
}

const pathOf = (topic, channel) => `/api${topicUrl(topic)}${channel ? `/${encodeURIComponent(channel)}` : ''}`;

// For a topic, or for a channel of it: `load` is its part of the report.
export function Actions({ topic, channel, load }) {
  if (!config.is_admin) return null;
  const what = channel ? 'channel' : 'topic';
  const name = channel ?? topic;
  const path = pathOf(topic, channel);
  const post = (action, done) => () => act(`${done} ${what} ${name}`, 'POST', path, { action });
  const paused = load.paused_nodes > 0;
  const partly = load.paused_nodes < load.nodes;
  const lost = channel ? { messages: held(load), channels: 0, consumers: load.clients } : lostWith(load);
  const remove = async () => {
    if (await act(`Deleted ${what} ${name}`, 'DELETE', path)) go(channel ? topicUrl(topic) : '/');
  };
  return html`<div class="actions">
    ${!channel && html`<${DurabilityButton} topic=${load} />`}
    ${(!paused || partly) && html`<${Button} label="Pause" question=${{
      title: `Pause ${what} ${name}?`,
      text: channel ? 'Consumers get no more messages until it is unpaused. What is published goes on piling up in it.'
        : 'Messages stay in the topic and reach none of its channels until it is unpaused.',
      run: post('pause', 'Paused'),
    }} />`}
    ${paused && html`<${Button} label="Unpause" question=${{ title: `Unpause ${what} ${name}?`, text: 'Messages flow again at once.', run: post('unpause', 'Unpaused') }} />`}
    <${Button} label="Empty" danger=${true} question=${{
      title: `Empty ${what} ${name}?`,
      text: `${plural(held(load), 'message')} ${channel ? 'waiting, in flight or deferred' : 'waiting in the topic itself'} will be dropped on every node.${channel ? '' : ' What its channels hold stays.'} This cannot be undone.`,
      run: post('empty', 'Emptied'),
    }} />
    <${Button} label="Delete" danger=${true} question=${{
      title: `Delete ${what} ${name}?`,
      text: `Lost on every node: ${lossOf(lost)}. This cannot be undone.`,
      typed: name,
      run: remove,
    }} />
  </div>`;
}

const DURABILITIES = [
  { value: 'memory', label: 'memory', hint: 'OK at once, as with the original nsqd. What is not on disk dies with the process.' },
  { value: 'os', label: 'os', hint: 'OK when the kernel has it: survives a crash of nsqd, not a power cut.' },
  { value: 'fsync', label: 'fsync', hint: 'OK when the disk has it: survives a power cut. Slowest.' },
  { value: 'default', label: 'as nsqd was told', hint: 'The --durability of each node.' },
];

// Only nsqd of ours says and keeps one.
function DurabilityButton({ topic }) {
  if (!config.is_admin || !topic.durability || topic.topic.endsWith('#ephemeral')) return null;
  return html`<${Button} label="Durability" question=${{
    title: `Durability of topic ${topic.topic}`,
    text: `When a publisher hears OK. Now: ${topic.durability === 'mixed' ? 'not the same on all nodes' : topic.durability}. It counts for messages from now on, on every node.`,
    choices: DURABILITIES, chosen: topic.durability, word: 'Set',
    run: (step, durability) => act(`Set durability of topic ${topic.topic}`, 'POST', pathOf(topic.topic), { action: 'durability', durability }),
  }} />`;
}

// For many at once: items of { topic, channel, load, lost }; `channel` empty for a topic itself.
export function BulkActions({ items, onClear }) {
  if (!config.is_admin || items.length === 0) return null;
  const topics = items.filter((item) => !item.channel);
  const named = (item) => (item.channel ? `${item.topic} / ${item.channel}` : item.topic);
  const these = and([...(topics.length > 0 ? [plural(topics.length, 'topic')] : []), ...(items.length > topics.length ? [plural(items.length - topics.length, 'channel')] : [])]);
  const each = (chosen, method, body, done) => async (step) => {
    const warnings = [];
    const failures = [];
    for (const [i, item] of chosen.entries()) {
      step(i, chosen.length);
      try {
        const warning = await send(method, pathOf(item.topic, item.channel), body);
        if (warning) warnings.push(`${named(item)}: ${warning}`);
      } catch (error) {
        failures.push(`${named(item)}: ${error.message}`);
      }
    }
    const went = chosen.length - failures.length;
    tell(SAY, {
      tone: failures.length > 0 ? 'bad' : warnings.length > 0 ? 'warn' : 'good',
      text: [`${done} ${went} of ${chosen.length}${failures.length > 0 || warnings.length > 0 ? ':' : '.'}`, ...failures, ...warnings].join('\n'),
    });
    tell(CHANGED);
    onClear();
  };
  // A channel goes with its topic.
  const whole = new Set(topics.map((item) => item.topic));
  const gone = items.filter((item) => !item.channel || !whole.has(item.topic));
  const total = gone.reduce((sum, { lost }) => ({ messages: sum.messages + lost.messages, channels: sum.channels + lost.channels, consumers: sum.consumers + lost.consumers }), { messages: 0, channels: 0, consumers: 0 });
  const emptied = items.reduce((n, item) => n + held(item.load), 0);
  const list = (chosen, say) => chosen.map((item) => `${named(item)}${say ? ` (${say(item)})` : ''}`);
  return html`<div class="bulk" role="region" aria-label="Selected">
    <span>${these} selected</span>
    <div class="actions">
      <${Button} label="Pause" question=${{ title: `Pause ${these}?`, text: 'Consumers get nothing from them until they are unpaused; what is published piles up.', items: list(items), run: each(items, 'POST', { action: 'pause' }, 'Paused') }} />
      <${Button} label="Unpause" question=${{ title: `Unpause ${these}?`, text: 'Messages flow again at once.', items: list(items), run: each(items, 'POST', { action: 'unpause' }, 'Unpaused') }} />
      <${Button} label="Empty" danger=${true} question=${{
        title: `Empty ${these}?`, text: `${plural(emptied, 'message')} will be dropped on every node. Of topics only what waits in the topic itself. This cannot be undone.`,
        items: list(items, (item) => plural(held(item.load), 'message')), typed: emptied > 0 ? 'empty' : undefined, run: each(items, 'POST', { action: 'empty' }, 'Emptied'),
      }} />
      <${Button} label="Delete" danger=${true} question=${{
        title: `Delete ${these}?`, text: `Lost on every node: ${lossOf(total)}. This cannot be undone.`,
        items: list(gone, (item) => lossOf(item.lost)), typed: 'delete', run: each(gone, 'DELETE', undefined, 'Deleted'),
      }} />
      <button class="action" onClick=${onClear}>Clear selection</button>
    </div>
  </div>`;
}

// `load`: the topic's share on that node.
export function TombstoneButton({ node, topic, load }) {
  if (!config.is_admin) return null;
  return html`<button class="action small" onClick=${() => ask({
    title: `Take topic ${topic} off ${node}?`,
    text: `The topic with its channels is deleted on this node: ${plural(load.messages_held ?? load.depth, 'message')} there will be lost. nsqlookupd hides the node from consumers of the topic for a while. This cannot be undone.`,
    word: 'Tombstone', danger: true, typed: topic,
    run: () => act(`Tombstoned ${topic} on ${node}`, 'DELETE', `/api/nodes/${encodeURIComponent(node)}`, { topic }),
  })}>Tombstone</button>`;
}

export function DeleteInactive({ topic, channel, onDone }) {
  if (!config.is_admin) return null;
  const what = channel ? `channel ${channel} of topic ${topic}` : `topic ${topic}`;
  return html`<button class="action small" aria-label="Delete ${what}" onClick=${() => ask({
    title: `Delete ${what}?`,
    text: `nsqlookupd forgets the ${channel ? 'channel' : 'topic and its channels'}. No node has it, so no message is lost.`,
    word: 'Delete', danger: true,
    run: async () => { if (await act(`Deleted ${what}`, 'DELETE', pathOf(topic, channel))) onDone(); },
  })}>${channel ? 'Delete' : 'Delete topic'}</button>`;
}

// With `of` only channels of that topic.
export function CreateForm({ of, onDone }) {
  const [typedTopic, setTopic] = useState('');
  const topic = of ?? typedTopic;
  const [channel, setChannel] = useState('');
  if (!config.is_admin) return null;
  const submit = async (event) => {
    event.preventDefault();
    const done = channel ? `Created channel ${channel} of topic ${topic}` : `Created topic ${topic}`;
    if (!await act(done, 'POST', '/api/topics', channel ? { topic, channel } : { topic })) return;
    setTopic('');
    setChannel('');
    onDone?.();
  };
  return html`<form class="create" onSubmit=${submit}>
    ${!of && html`<label>Topic <input required value=${topic} onInput=${(e) => setTopic(e.target.value.trim())} autocomplete="off" spellcheck=${false} /></label>`}
    <label>Channel <input placeholder=${of ? 'new channel' : 'optional'} required=${Boolean(of)} value=${channel} onInput=${(e) => setChannel(e.target.value.trim())} autocomplete="off" spellcheck=${false} /></label>
    <button class="primary" type="submit" disabled=${of ? !channel : !topic}>Create</button>
  </form>`;
}
