// The keyboard: "/" filters, "g" and a letter goes to a page, "?" says so.

import { html, useEffect, useRef, useState } from './vendor/preact-htm.js';
import { go } from './components.js';

const PAGES = { o: ['/', 'Overview'], n: ['/nodes', 'Nodes'], l: ['/lookup', 'Lookup'], c: ['/counter', 'Counter'] };
const HELP = 'nsqadmin:help';
const PATIENCE_MS = 1500; // from "g" to the letter

const typing = (element) => /^(INPUT|SELECT|TEXTAREA)$/.test(element.tagName) || element.isContentEditable;

export function useKeys() {
  useEffect(() => {
    let since = -Infinity;
    const pressed = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === 'Escape' && event.target.type === 'search') event.target.blur();
      if (typing(event.target) || document.querySelector('dialog[open]')) return;
      const page = event.timeStamp - since < PATIENCE_MS ? PAGES[event.key] : undefined;
      since = event.key === 'g' ? event.timeStamp : -Infinity;
      if (page) {
        go(page[0]);
      } else if (event.key === '/') {
        const search = document.querySelector('main input[type=search]');
        if (!search) return;
        search.focus();
        search.select();
      } else if (event.key === '?') {
        dispatchEvent(new Event(HELP));
      } else {
        return;
      }
      event.preventDefault();
    };
    addEventListener('keydown', pressed);
    return () => removeEventListener('keydown', pressed);
  }, []);
}

export function Help() {
  const [open, setOpen] = useState(false);
  const dialog = useRef(null);
  useEffect(() => {
    const asked = () => setOpen(true);
    addEventListener(HELP, asked);
    return () => removeEventListener(HELP, asked);
  }, []);
  useEffect(() => {
    if (open && !dialog.current.open) dialog.current.showModal();
    if (!open && dialog.current.open) dialog.current.close();
  }, [open]);
  return html`<button class="link" onClick=${() => setOpen(true)}>Keyboard</button>
    <dialog ref=${dialog} class="help" onClose=${() => setOpen(false)} aria-labelledby="help">
      <h2 id="help">Keyboard</h2>
      <dl>
        <dt><kbd>/</kbd></dt><dd>Filter this page</dd>
        ${Object.entries(PAGES).map(([key, [, label]]) => html`<dt key=${key}><kbd>g</kbd> <kbd>${key}</kbd></dt><dd key="${key} label">${label}</dd>`)}
        <dt><kbd>Tab</kbd> <kbd>Enter</kbd></dt><dd>Links, buttons, column headings</dd>
        <dt><kbd>Esc</kbd></dt><dd>Leave a question without doing anything</dd>
        <dt><kbd>?</kbd></dt><dd>This list</dd>
      </dl>
      <div class="buttons"><button autofocus onClick=${() => setOpen(false)}>Close</button></div>
    </dialog>`;
}
