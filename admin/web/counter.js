// One large number: messages that channels have taken in since their nodes started.

import { html, useEffect, useRef, useState } from './vendor/preact-htm.js';
import { fullCount, rate } from './format.js';
import { Graphite, counterTarget } from './graphite.js';

const calm = matchMedia('(prefers-reduced-motion: reduce)');

// Runs from the last total towards the next over the time until another comes.
function useRunning(total, running) {
  const [shown, setShown] = useState(total);
  const from = useRef(total);
  useEffect(() => {
    if (calm.matches || !running || total <= from.current) {
      from.current = total;
      setShown(total);
      return undefined;
    }
    const [start, begin] = [performance.now(), from.current];
    let frame;
    const step = (now) => {
      const part = Math.min((now - start) / 2000, 1);
      from.current = Math.round(begin + (total - begin) * part);
      setShown(from.current);
      if (part < 1) frame = requestAnimationFrame(step);
    };
    frame = requestAnimationFrame(step);
    return () => cancelAnimationFrame(frame);
  }, [total, running]);
  return shown;
}

export function CounterPage({ report, paused, theme }) {
  let total = 0;
  let inRate = null;
  for (const topic of report.topics) {
    for (const channel of topic.channels) {
      total += channel.messages;
      if (channel.in_rate != null) inRate = (inRate ?? 0) + channel.in_rate;
    }
  }
  const shown = useRunning(total, !paused);
  return html`<section class="counter">
    <h1>Messages processed</h1>
    <p class="digits" aria-label=${fullCount(total)}>${[...fullCount(shown)].map((c, i, all) => html`<span key=${all.length - i} aria-hidden="true" class=${c === ',' ? 'comma' : 'digit'}>${c}</span>`)}</p>
    <p class="faint">${rate(inRate)} a second, over all channels</p>
  </section>
  <${Graphite} theme=${theme} pictures=${[{ title: 'Messages a second, over all channels', color: 'green', counter: true, targets: [counterTarget()] }]} />`;
}
