/* global uPlot */
const drawn = new WeakMap();

/** Draws every small chart that is not drawn yet; all of them anew when colours changed. */
export function charts(root, again = false) {
  for (const element of root.querySelectorAll('.spark[data-points]')) {
    const before = drawn.get(element);
    if (before && !again) continue;
    before?.destroy();
    drawn.set(element, draw(element, JSON.parse(element.dataset.points)));
  }
}

function draw(element, data) {
  const line = getComputedStyle(element).color;
  const probe = element.appendChild(document.createElement('span'));
  probe.className = 'second';
  const second = getComputedStyle(probe).color;
  probe.remove();
  const rate = element.dataset.kind === 'rate';
  const few = data[1].filter((value) => value !== null).length < 3;
  const series = [{}, { stroke: line, fill: rate ? faded(line) : undefined, width: 1.5, spanGaps: true, points: { show: few, size: 4, fill: line } }];
  if (rate) series.push({ stroke: second, width: 1.5, points: { show: true, size: 3, fill: second } });
  return new uPlot({
    width: element.clientWidth, height: element.clientHeight, padding: [2, 2, 2, 2],
    cursor: { show: false }, legend: { show: false }, select: { show: false },
    axes: [{ show: false }, { show: false }],
    scales: { x: { time: false }, y: { range: (_, __, most) => [0, most > 0 ? most * 1.08 : 1] } },
    series,
  }, rate ? hideZeros(data) : data, element);
}

// A line of zeros along the foot would say "errors" in red where there are none; a dot is left where there were some.
function hideZeros(data) { return [data[0], data[1], data[2].map((value) => value || null)]; }

function faded(colour) { return colour.replace('rgb(', 'rgba(').replace(')', ', 0.16)'); }
