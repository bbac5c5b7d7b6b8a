import { byId, say } from './switches.js';

const level = (row) => Number(row.ariaLevel);
const shown = (row) => row && !row.hidden;
let tree;

/** The waterfall: moving, folding, opening details. Rows stand flat in the document, in drawing order. */
export function waterfall() {
  tree = byId('tree');
  if (!tree) return;
  tree.addEventListener('click', clicked);
  document.addEventListener('keydown', pressed);
  byId('copy').addEventListener('click', copy);
  byId('keys').addEventListener('click', () => byId('help').showModal());
  byId('unfold').hidden = !tree.querySelector('[aria-expanded="false"]');
  byId('unfold').addEventListener('click', unfoldAll);
  byId('next-error').hidden = false;
  byId('next-error').addEventListener('click', () => error(1));
  const opened = tree.querySelector('[aria-selected="true"]') ?? tree.firstElementChild;
  if (opened) opened.tabIndex = 0;
  // A link to a span leads to it; a link to the trace begins at its top.
  if (new URLSearchParams(location.search).has('span')) opened?.scrollIntoView({ block: 'nearest' });
}

const current = () => tree.querySelector('[tabindex="0"]') ?? tree.firstElementChild;

function clicked(event) {
  const row = event.target.closest('.row');
  if (!row || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  if (event.target.closest('i')) { fold(row, row.ariaExpanded === 'true'); move(row); } else { move(row); open(row); }
}

function pressed(event) {
  if (event.metaKey || event.ctrlKey || event.altKey || byId('help').open || event.target.closest('input, select, textarea, dialog')) return;
  if (event.key === 'Escape' && byId('details').contains(event.target)) { move(current()); return; }
  const inside = tree.contains(event.target);
  // Arrows, Home, End and Enter belong to whatever has the focus; letters work everywhere on the page.
  const act = LETTERS[event.key] ?? (inside || event.target === document.body ? ARROWS[event.key] : undefined);
  if (!act) return;
  event.preventDefault();
  act(current());
}

const LETTERS = {
  j: (row) => move(beside(row, 'nextElementSibling')),
  k: (row) => move(beside(row, 'previousElementSibling')),
  n: () => error(1),
  p: () => error(-1),
  c: () => copy(),
  '?': () => byId('help').showModal(),
};
const ARROWS = {
  ArrowDown: LETTERS.j,
  ArrowUp: LETTERS.k,
  ArrowRight: (row) => { if (row.ariaExpanded === 'false') fold(row, false); else if (row.ariaExpanded) LETTERS.j(row); },
  ArrowLeft: (row) => { if (row.ariaExpanded === 'true') fold(row, true); else move(parent(row)); },
  Home: () => move(tree.firstElementChild),
  End: () => { let row = tree.lastElementChild; if (!shown(row)) row = beside(row, 'previousElementSibling'); move(row); },
  Enter: (row) => open(row, true),
};

function beside(row, way) {
  do row = row?.[way]; while (row && row.hidden);
  return row;
}

function parent(row) {
  let above = row.previousElementSibling;
  while (above && level(above) >= level(row)) above = above.previousElementSibling;
  return above;
}

function move(row) {
  if (!row) return;
  current().tabIndex = -1;
  row.tabIndex = 0;
  row.focus({ preventScroll: true });
  row.scrollIntoView({ block: 'nearest' });
}

function fold(row, closed) {
  row.ariaExpanded = String(!closed);
  let below = closed ? level(row) : Infinity; // rows deeper than this stay hidden
  for (let next = row.nextElementSibling; next && level(next) > level(row); next = next.nextElementSibling) {
    if (level(next) <= below) below = Infinity;
    next.hidden = closed || level(next) > below;
    if (!next.hidden && next.ariaExpanded === 'false') below = level(next);
  }
  if (closed && current().hidden) move(row);
}

function unfoldAll() {
  for (const row of tree.children) { row.hidden = false; if (row.ariaExpanded) row.ariaExpanded = 'true'; }
  byId('unfold').hidden = true;
  move(current());
}

function reveal(row) {
  const above = [];
  for (let one = parent(row); one; one = parent(one)) above.unshift(one);
  for (const one of above) if (one.ariaExpanded === 'false') fold(one, false);
}

function error(step) {
  const failed = [...tree.querySelectorAll('.bad')];
  if (!failed.length) { say('No errors in this trace'); return; }
  const rows = [...tree.children];
  const at = rows.indexOf(current());
  const ahead = step > 0 ? failed.find((row) => rows.indexOf(row) > at) : failed.findLast((row) => rows.indexOf(row) < at);
  const row = ahead ?? failed.at(step > 0 ? 0 : -1);
  reveal(row);
  move(row);
  open(row);
}

async function open(row, focus = false) {
  const span = row.id.slice(2);
  for (const before of tree.querySelectorAll('[aria-selected="true"]')) before.ariaSelected = 'false';
  row.ariaSelected = 'true';
  history.replaceState(history.state, '', `?span=${span}`);
  await htmx.ajax('GET', `/traces/${byId('trace').dataset.trace}/spans/${span}`, { target: '#details' });
  byId('details').scrollTop = 0;
  if (focus) byId('details').focus();
}

async function copy() {
  const button = byId('copy');
  const answer = await fetch(button.dataset.from);
  const done = answer.ok && await written(await answer.text());
  button.textContent = done ? 'Copied' : 'Could not copy';
  say(button.textContent);
  setTimeout(() => { button.textContent = 'Copy as OTLP JSON'; }, 1500);
}

/** Browsers give pages off loopback without TLS no clipboard; the old way still works there. */
async function written(text) {
  try { await navigator.clipboard.writeText(text); return true; } catch { /* try the other */ }
  const field = document.body.appendChild(document.createElement('textarea'));
  field.value = text;
  field.select();
  const done = document.execCommand('copy');
  field.remove();
  return done;
}
