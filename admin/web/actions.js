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
  if (!response.ok) throw new Error(message);
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

// The question: { title, text, word, danger, typed, run }. With `typed` the name must be typed first.
export function Question() {
  const [question, setQuestion] = useState(null);
  const [typed, setTyped] = useState('');
  const [busy, setBusy] = useState(false);
  const dialog = useRef(null);
  useEffect(() => {
    const asked = (event) => {
      setTyped('');
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
    await question.run();
    setBusy(false);
    setQuestion(null);
  };
  const ready = !busy && (!question?.typed || typed === question.typed);
  return html`<dialog ref=${dialog} onClose=${() => setQuestion(null)} aria-labelledby="question">
    ${question && html`<form onSubmit=${submit}>
      <h2 id="question">${question.title}</h2>
      <p>${question.text}</p>
      ${question.typed && html`<label>Type <b>${question.typed}</b> to go on
        <input value=${typed} onInput=${(e) => setTyped(e.target.value)} autocomplete="off" spellcheck=${false} /></label>`}
      <div class="buttons">
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

// For a topic, or for a channel of it.
export function Actions({ topic, channel, load, partly }) {
  if (!config.is_admin) return null;
  const what = channel ? 'channel' : 'topic';
  const name = channel ?? topic;
  const path = `/api${topicUrl(topic)}${channel ? `/${encodeURIComponent(channel)}` : ''}`;
  const post = (action, done) => () => act(`${done} ${what} ${name}`, 'POST', path, { action });
  const paused = load.paused_nodes > 0;
  const held = load.depth + (load.in_flight ?? 0) + (load.deferred ?? 0);
  const remove = async () => {
    if (await act(`Deleted ${what} ${name}`, 'DELETE', path)) go(channel ? topicUrl(topic) : '/');
  };
  return html`<div class="actions">
    ${(!paused || partly) && html`<${Button} label="Pause" question=${{
      title: `Pause ${what} ${name}?`,
      text: channel ? 'Consumers get no more messages until it is unpaused. What is published goes on piling up in it.'
        : 'Messages stay in the topic and reach none of its channels until it is unpaused.',
      run: post('pause', 'Paused'),
    }} />`}
    ${paused && html`<${Button} label="Unpause" question=${{ title: `Unpause ${what} ${name}?`, text: 'Messages flow again at once.', run: post('unpause', 'Unpaused') }} />`}
    <${Button} label="Empty" danger=${true} question=${{
      title: `Empty ${what} ${name}?`,
      text: `${plural(held, 'message')} ${channel ? 'waiting, in flight or deferred' : 'waiting in the topic itself'} will be dropped on every node.${channel ? '' : ' What its channels hold stays.'} This cannot be undone.`,
      run: post('empty', 'Emptied'),
    }} />
    <${Button} label="Delete" danger=${true} question=${{
      title: `Delete ${what} ${name}?`,
      text: `It goes on every node, with all its messages${channel ? '' : ' and channels'}; consumers are disconnected. This cannot be undone.`,
      typed: name,
      run: remove,
    }} />
  </div>`;
}

export function TombstoneButton({ node, topic }) {
  if (!config.is_admin) return null;
  return html`<button class="action small" onClick=${() => ask({
    title: `Take topic ${topic} off ${node}?`,
    text: 'The topic with its messages is deleted on this node, and nsqlookupd hides the node from consumers of the topic for a while. This cannot be undone.',
    word: 'Tombstone', danger: true, typed: topic,
    run: () => act(`Tombstoned ${topic} on ${node}`, 'DELETE', `/api/nodes/${encodeURIComponent(node)}`, { topic }),
  })}>Tombstone</button>`;
}

export function DeleteInactive({ topic, onDone }) {
  if (!config.is_admin) return null;
  return html`<button class="action small" onClick=${() => ask({
    title: `Delete topic ${topic}?`,
    text: 'nsqlookupd forgets the topic and its channels. No node has it, so no message is lost.',
    word: 'Delete', danger: true,
    run: async () => { if (await act(`Deleted topic ${topic}`, 'DELETE', `/api${topicUrl(topic)}`)) onDone(); },
  })}>Delete</button>`;
}

export function CreateForm({ onDone }) {
  const [topic, setTopic] = useState('');
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
    <label>Topic <input required value=${topic} onInput=${(e) => setTopic(e.target.value.trim())} autocomplete="off" spellcheck=${false} /></label>
    <label>Channel <input placeholder="optional" value=${channel} onInput=${(e) => setChannel(e.target.value.trim())} autocomplete="off" spellcheck=${false} /></label>
    <button class="primary" type="submit" disabled=${!topic}>Create</button>
  </form>`;
}
