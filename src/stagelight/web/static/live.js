import { byId, remember, remembered, say } from './switches.js';

const GAP_MS = 1000; // between two refreshes, however fast spans arrive
let source = null;
let timer = 0;
let last = -GAP_MS;
let waiting = false;
let missed = false; // something arrived while an answer was under way
let address = ''; // whose rows that answer holds
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
  document.addEventListener('htmx:beforeOnLoad', settle);
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
  // What came between the page's making and this moment is told by nobody.
  source.addEventListener('hello', () => { if (!byId('trace') && !busy(area())) arrived(); });
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
  const old = area();
  if (!old) return;
  if (waiting) { missed = true; return; }
  if (asked !== true && busy(old)) { if (old.id === 'results') offer('New traces. Show'); return; }
  waiting = true;
  missed = false;
  const known = new Set([...old.querySelectorAll('tr[id]')].map((row) => row.id));
  address = here();
  htmx.ajax('GET', address, { target: `#${old.id}`, select: `#${old.id}`, swap: 'outerHTML' })
    .then(() => { if (address === here()) { mark(known); reopen(old); } }).catch(() => show('lost')).finally(() => { waiting = false; if (missed) arrived(); });
}

/** A refresh and a filter may be under way at once: what one has replaced is found anew for the other, and a filter outlasts a refresh. */
function settle(event) {
  const { detail } = event;
  detail.target = byId(detail.target.id) ?? detail.target;
  if (event.target === document.body && waiting && address !== here()) { missed = true; event.preventDefault(); }
}

function mark(known) {
  for (const row of document.querySelectorAll('#results tr[id]')) row.classList.toggle('fresh-row', known.size > 0 && !known.has(row.id));
}

/** What was open in the part that was replaced is open in the new one, also if it was opened while the answer was under way. */
function reopen(old) {
  for (const one of old.querySelectorAll('details[id][open]')) byId(one.id)?.setAttribute('open', '');
}

function here() { return location.pathname + location.search; }

function area() { return byId('fresh-area') ?? byId('results'); }

/** Whether somebody is reading or choosing there: then rows must not move under their hands. */
function busy(place) {
  if (!getSelection().isCollapsed) return true;
  if (place?.id !== 'results') return false;
  return !place.dataset.first || scrollY > 200 || place.matches(':hover') || place.contains(document.activeElement);
}

function offer(words) { const pill = byId('fresh'); pill.textContent = words; pill.hidden = false; }
