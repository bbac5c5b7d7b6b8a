import { byId, remember, remembered, say } from './switches.js';

const GAP_MS = 1000; // between two refreshes, however fast spans arrive
let source = null;
let timer = 0;
let last = 0;
let waiting = false;
let paused = remembered(sessionStorage, 'paused') === '1';

/** Keeps the page fresh while it is looked at; the button pauses it. */
export function live() {
  const button = byId('live');
  button.hidden = false;
  button.addEventListener('click', () => {
    paused = !paused;
    remember(sessionStorage, 'paused', paused ? '1' : '');
    listen();
    if (!paused) arrived();
    say(paused ? 'Live updates paused' : 'Live updates on');
  });
  byId('fresh').addEventListener('click', () => { byId('fresh').hidden = true; refresh(true); });
  // A hidden tab gives its connection back: browsers allow six per server.
  document.addEventListener('visibilitychange', () => { listen(); if (!document.hidden && !paused) arrived(); });
  addEventListener('pagehide', () => source?.close());
  addEventListener('pageshow', listen);
  const every = Number(byId('fresh-area')?.dataset.every);
  if (every) setInterval(() => { if (source?.readyState === EventSource.OPEN) arrived(); }, every * 1000);
  listen();
}

function listen() {
  source?.close();
  source = null;
  if (paused || document.hidden) { show(paused ? 'paused' : 'live'); return; }
  source = new EventSource('/live');
  source.onopen = () => show('live');
  source.onerror = () => show('lost');
  for (const name of ['message', 'spans', 'metrics', 'rows']) source.addEventListener(name, arrived);
}

function show(state) {
  const button = byId('live');
  button.dataset.live = state;
  button.setAttribute('aria-pressed', String(state !== 'paused'));
  byId('live-word').textContent = { live: 'Live', paused: 'Paused', lost: 'Offline' }[state];
  button.title = { live: 'Pause live updates', paused: 'Resume live updates', lost: 'No connection to the server; trying again' }[state];
}

function arrived(event) {
  if (concerns(event) && !timer) timer = setTimeout(refresh, Math.max(0, last + GAP_MS - performance.now()));
}

/** A trace's page cares for its own spans alone. */
function concerns(event) {
  const trace = byId('trace')?.dataset.trace;
  return !trace || Boolean(event?.data?.includes(trace));
}

function refresh(asked = false) {
  clearTimeout(timer);
  timer = 0;
  last = performance.now();
  if (byId('trace')) { if (asked === true) location.reload(); else offer('More spans of this trace arrived. Show'); return; }
  const area = byId('fresh-area') ?? byId('results');
  if (!area || waiting) return;
  if (asked !== true && busy(area)) { if (area.id === 'results') offer('New traces. Show'); return; }
  waiting = true;
  const known = new Set([...area.querySelectorAll('tr[id]')].map((row) => row.id));
  htmx.ajax('GET', location.pathname + location.search, { target: `#${area.id}`, select: `#${area.id}`, swap: 'outerHTML' })
    .then(() => mark(known)).catch(() => show('lost')).finally(() => { waiting = false; });
}

function mark(known) {
  for (const row of document.querySelectorAll('#results tr[id]')) row.classList.toggle('fresh-row', known.size > 0 && !known.has(row.id));
}

/** Whether somebody is reading or choosing there: then rows must not move under their hands. */
function busy(area) {
  if (!getSelection().isCollapsed) return true;
  if (area.id !== 'results') return false;
  return !area.dataset.first || scrollY > 200 || area.matches(':hover') || area.contains(document.activeElement);
}

function offer(words) { const pill = byId('fresh'); pill.textContent = words; pill.hidden = false; }
