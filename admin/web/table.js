// A table that sorts, filters and, on a narrow screen, becomes a list of cards.

import { html, useState } from './vendor/preact-htm.js';
import { Panel } from './components.js';
import { fullCount } from './format.js';

const STEP = 200; // rows drawn at first, and more at each press: a page with 5,000 topics stays quick

function remembered(id, fallback) {
  try {
    return JSON.parse(localStorage.getItem(`nsqadmin.sort.${id}`)) ?? fallback;
  } catch {
    return fallback;
  }
}

function remember(id, sort) {
  try {
    localStorage.setItem(`nsqadmin.sort.${id}`, JSON.stringify(sort));
  } catch {
    // No storage: the order lasts as long as the page.
  }
}

function compare(a, b) {
  if (a == null || b == null) return (a == null) - (b == null);
  return typeof a === 'string' ? a.localeCompare(b) : a - b;
}

function sorted(rows, column, down) {
  const value = column.value;
  // Unknown values stay last in both directions.
  return [...rows].sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    if (x == null || y == null) return compare(x, y);
    return down ? compare(y, x) : compare(x, y);
  });
}

// columns: { key, label, value(row), cell(row), number, title, wide, long, keep }; `value` sorts, `cell` shows.
// On a card numbers that are zero or not known are left out, except where `keep`; `long` has a line of its own.
// under(row): rows that stand under it, drawn with the same columns.
// selected: a Set of row keys, with onSelect(keys, on) and describe(row) for the name of its box; without it no boxes.
export function Table({ id, caption, columns, rows, rowKey, under, rowClass, initial, empty, selected, onSelect, describe }) {
  const [sort, setSort] = useState(() => remembered(id, initial));
  const [most, setMost] = useState(STEP);
  const column = columns.find((c) => c.key === sort.key && c.value) ?? columns[0];

  const sortBy = (key, down) => {
    setSort({ key, down });
    remember(id, { key, down });
  };
  const press = (c) => sortBy(c.key, c.key === column.key ? !sort.down : Boolean(c.number));

  if (rows.length === 0) return html`<p class="empty">${empty ?? 'Nothing here.'}</p>`;

  const row = (data, nested) => html`<tr key=${rowKey(data)} class="${nested ? 'nested' : ''} ${selected?.has(rowKey(data)) ? 'selected' : ''} ${rowClass?.(data) ?? ''}">
    ${columns.map((c, i) => (i === 0
      ? html`<th scope="row" key=${c.key} class="name">${selected && html`<input type="checkbox" class="select" aria-label="Select ${describe(data)}" checked=${selected.has(rowKey(data))} onChange=${(e) => onSelect([rowKey(data)], e.target.checked)} />`}${c.cell(data, nested)}</th>`
      : html`<td key=${c.key} data-label=${c.label} class="${[c.number && 'number', c.wide && 'wide', c.long && 'long', c.number && c.value && !c.keep && !c.value(data) && 'zero'].filter(Boolean).join(' ')}">${c.cell(data, nested)}</td>`))}
  </tr>`;

  const order = sorted(rows, column, sort.down);
  const shown = order.slice(0, most);
  const boxes = selected ? shown.flatMap((data) => [data, ...(under?.(data) ?? [])]).map(rowKey) : [];
  const all = boxes.length > 0 && boxes.every((key) => selected.has(key));
  return html`<div class="table">
    <label class="sort-by">Sort by
      <select value=${column.key} onChange=${(e) => sortBy(e.target.value, Boolean(columns.find((c) => c.key === e.target.value).number))}>
        ${columns.filter((c) => c.value).map((c) => html`<option key=${c.key} value=${c.key}>${c.label}</option>`)}
      </select>
    </label>
    <table>
      <caption class="hidden">${caption}</caption>
      <thead><tr>
        ${columns.map((c, i) => html`<th key=${c.key} scope="col" title=${c.title} class=${c.number ? 'number' : ''}
            aria-sort=${!c.value ? undefined : c.key !== column.key ? 'none' : sort.down ? 'descending' : 'ascending'}>
          ${i === 0 && selected && html`<input type="checkbox" class="select" aria-label="Select all that are shown" checked=${all} onChange=${(e) => onSelect(boxes, e.target.checked)} />`}
          ${c.value ? html`<button onClick=${() => press(c)}>${c.label}${c.key === column.key && html`<span class="arrow" aria-hidden="true">${sort.down ? '▾' : '▴'}</span>`}</button>` : c.label}
        </th>`)}
      </tr></thead>
      <tbody>
        ${shown.flatMap((data) => [row(data, false), ...sorted(under?.(data) ?? [], column, sort.down).map((child) => row(child, true))])}
      </tbody>
    </table>
    ${order.length > most && html`<button class="more" onClick=${() => setMost(most + STEP)}>Show more (${fullCount(order.length - most)} left)</button>`}
  </div>`;
}

// A panel with a table and a box that filters it: `text(row)` is what is searched.
// `unknown`: that there are no rows does not mean that there is nothing.
export function FilteredTable({ title, aside, rows, text, noun, children, empty, unknown, ...table }) {
  const [filter, setFilter] = useState('');
  const wanted = filter.trim().toLowerCase();
  const found = wanted ? rows.filter((row) => text(row).toLowerCase().includes(wanted)) : rows;
  const label = `Filter ${noun}`;
  const tools = html`<div class="tools">${aside}
    <input type="search" placeholder="${label} ( / )" aria-label=${label} value=${filter} onInput=${(e) => setFilter(e.target.value)} /></div>`;
  return html`<${Panel} id=${table.id} title=${title} count=${unknown ? null : rows.length} aside=${rows.length > 0 || aside ? tools : null}>
    ${children}
    <${Table} ...${table} rows=${found} empty=${rows.length > 0 ? `No ${noun} match.` : empty} />
  <//>`;
}
