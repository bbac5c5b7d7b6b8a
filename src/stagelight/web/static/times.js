const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });
const day = new Intl.DateTimeFormat(undefined, { day: '2-digit', month: 'short' });

/** Turns moments, sent in UTC, into the reader's own time. */
export function times(root) {
  for (const element of root.querySelectorAll('time[datetime]')) {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.valueOf())) continue;
    const today = moment.toDateString() === new Date().toDateString();
    element.textContent = today ? clock.format(moment) : `${day.format(moment)} ${clock.format(moment)}`;
    element.title = element.dateTime;
  }
}
