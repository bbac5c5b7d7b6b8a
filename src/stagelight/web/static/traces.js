import { byId } from './switches.js';

/** The Traces page: two ticked rows can be compared, and stay ticked when rows are refreshed. */
export function traces() {
  if (!byId('results')) return;
  const chosen = new Set();
  const show = () => {
    for (const box of document.querySelectorAll('input[name="t"]')) box.checked = chosen.has(box.value);
    byId('compare-button').disabled = chosen.size !== 2;
    byId('chosen').textContent = ['Tick two traces to compare them', 'One chosen: tick another', 'Two chosen'][chosen.size];
  };
  document.addEventListener('change', ({ target }) => {
    if (target.name !== 't') return;
    if (target.checked) chosen.add(target.value); else chosen.delete(target.value);
    if (chosen.size > 2) chosen.delete([...chosen][0]); // the third takes the place of the first
    show();
  });
  // Rows ticked on an earlier page, or refreshed away, are chosen none the less.
  byId('compare').addEventListener('formdata', ({ formData }) => {
    formData.delete('t');
    for (const id of chosen) formData.append('t', id);
  });
  document.addEventListener('htmx:afterSwap', show);
  // A name alone filters nothing: wait for its value.
  document.addEventListener('htmx:confirm', (event) => {
    const field = event.detail.triggeringEvent?.target;
    if (event.detail.elt.id === 'filters' && field?.id === 'attr' && /=$|^[^=]+$/.test(field.value)) event.preventDefault();
  });
  show();
}
