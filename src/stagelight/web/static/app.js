import { theme } from './switches.js';
import { charts } from './charts.js';
import { live } from './live.js';
import { times } from './times.js';
import { traces } from './traces.js';
import { waterfall } from './waterfall.js';

theme();
times(document);
charts(document);
traces();
waterfall();
live();
// What a swap replaced is still named by the event's detail; the event itself comes from what is there now.
document.addEventListener('htmx:afterSwap', (event) => { times(event.target); charts(document); });
document.addEventListener('stagelight:theme', () => charts(document, true));
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => charts(document, true));
