// Numbers and times as people read them. Everything takes null for "not known" and shows a dash.

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const oneDecimal = new Intl.NumberFormat('en-US', { maximumFractionDigits: 1 });
const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 2 });

export const unknown = '–';

export function fullCount(n) {
  return n == null ? unknown : whole.format(n);
}

// 999,999 in full, then 1.23M: a column stays narrow.
export function count(n) {
  if (n == null) return unknown;
  return Math.abs(n) < 1e6 ? whole.format(n) : compact.format(n);
}

// Messages a second.
export function rate(n) {
  if (n == null) return unknown;
  if (n >= 1e6) return compact.format(n);
  return n < 10 ? oneDecimal.format(n) : whole.format(n);
}

export function plural(n, noun) {
  return `${fullCount(n)} ${noun}${n === 1 ? '' : 's'}`;
}

// Seconds as "3 d 4 h", "2 h 5 min", "1 min 3 s", "12 s".
export function age(seconds) {
  if (seconds == null || !(seconds >= 0)) return unknown;
  const s = Math.floor(seconds);
  const [d, h, m] = [Math.floor(s / 86400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60];
  if (d > 0) return `${d} d ${h} h`;
  if (h > 0) return `${h} h ${m} min`;
  if (m > 0) return `${m} min ${s % 60} s`;
  return `${s} s`;
}

// Nanoseconds, as latencies come.
export function nanoseconds(ns) {
  if (ns == null) return unknown;
  if (ns >= 60e9) return age(ns / 1e9);
  if (ns >= 1e9) return `${(ns / 1e9).toFixed(2)} s`;
  if (ns >= 1e8) return `${(ns / 1e6).toFixed(0)} ms`;
  if (ns >= 1e6) return `${(ns / 1e6).toFixed(1)} ms`;
  if (ns >= 1e3) return `${(ns / 1e3).toFixed(0)} µs`;
  return ns === 0 ? '0' : `${Math.round(ns)} ns`;
}

export function clock(ms) {
  return new Date(ms).toLocaleTimeString();
}

// 0.99 -> "p99"; 1 is the slowest of all.
export function percentile(quantile) {
  return quantile >= 1 ? 'slowest' : `p${+(quantile * 100).toFixed(3)}`;
}
