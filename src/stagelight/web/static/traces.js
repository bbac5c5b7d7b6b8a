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
  attribute(byId('attr'));
  show();
}

/** The field for an attribute: asked for when its text is complete, emptied when that text has become a filter. */
function attribute(field) {
  const filters = ({ id }) => id === 'filters';
  const complete = () => !/=$|^[^=]+$/.test(field.value); // a name alone filters nothing: wait for its value
  document.addEventListener('htmx:confirm', (event) => {
    const { elt, triggeringEvent } = event.detail;
    if (filters(elt) && triggeringEvent?.target === field && !complete()) event.preventDefault();
  });
  // Another filter takes nothing along that somebody is typing.
  document.addEventListener('htmx:configRequest', ({ detail: { elt, triggeringEvent, formData } }) => {
    if (!filters(elt) || document.activeElement !== field || [elt, field].includes(triggeringEvent?.target)) return;
    const chosen = formData.getAll('attr').slice(0, -1);
    formData.delete('attr');
    for (const one of chosen) formData.append('attr', one);
  });
  document.addEventListener('htmx:afterSwap', ({ detail: { requestConfig: asked } }) => {
    if (filters(asked.elt) && complete() && asked.formData.getAll('attr').at(-1) === field.value) field.value = '';
  });
}
