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
document.addEventListener('htmx:afterSwap', (event) => { times(event.detail.target); charts(document); });
document.addEventListener('stagelight:theme', () => charts(document, true));
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => charts(document, true));
